/* The visible alphabet of byte-level BPE: three ranges stand for themselves, the other 68 bytes follow from U+0100. */
#include "token/byte_level.h"

#include "base/utf8.h"

static bool visible(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

uint32_t strait__byte_level_code(unsigned char byte)
{
    if (visible(byte)) return byte;
    /* Hidden bytes in ascending order: 00-20, 7F-A0, AD. */
    if (byte <= 0x20) return 0x100u + byte;
    if (byte <= 0xa0) return 0x100u + 0x21 + (byte - 0x7fu);
    return 0x143;
}

int strait__byte_level_byte(uint32_t code)
{
    if (code < 0x100) return visible(code) ? (int)code : -1;
    if (code <= 0x120) return (int)(code - 0x100);
    if (code <= 0x142) return (int)(code - 0x121 + 0x7f);
    return code == 0x143 ? 0xad : -1;
}

strait_status strait__byte_level_format(const char *bytes, size_t length, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_reserve(out, length));
    for (size_t i = 0; i < length; i++) {
        char text[4];
        size_t count = strait_utf8_encode(strait__byte_level_code((unsigned char)bytes[i]), text);
        STRAIT_TRY(strait_buffer_append(out, text, count));
    }
    return STRAIT_OK;
}

strait_status strait__byte_level_parse(const char *text, size_t length, strait_buffer *out, uint32_t *out_code)
{
    size_t before = out->length;
    STRAIT_TRY(strait_buffer_reserve(out, length));
    *out_code = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        int step = strait_utf8_decode(text + at, length - at, &code);
        int byte = step > 0 ? strait__byte_level_byte(code) : -1;
        if (byte < 0) {
            out->length = before;
            out->bytes[before] = '\0';
            *out_code = step > 0 && code > 0 ? code : 0xfffd;
            return STRAIT_OK;
        }
        char character = (char)byte;
        STRAIT_TRY(strait_buffer_append(out, &character, 1));
        at += (size_t)step;
    }
    return STRAIT_OK;
}
