/* Text with origins, and characters as Python counts and classes them. */
#include "chat/text.h"

#include "base/utf8.h"

#include <string.h>

static const unsigned char from_template[64];

strait_status strait__text_append(strait__text *text, const char *bytes, size_t length, const unsigned char *foreign)
{
    if (length > STRAIT__TEXT_MAX || text->bytes.length > STRAIT__TEXT_MAX - length) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "a text of more than %d MiB", STRAIT__TEXT_MAX >> 20);
    }
    STRAIT_TRY(strait_buffer_append(&text->bytes, bytes, length));
    if (foreign) return strait_buffer_append(&text->foreign, foreign, length);
    for (size_t done = 0; done < length;) {
        size_t piece = length - done < sizeof from_template ? length - done : sizeof from_template;
        STRAIT_TRY(strait_buffer_append(&text->foreign, from_template, piece));
        done += piece;
    }
    return STRAIT_OK;
}

strait_status strait__text_append_from(strait__text *text, const char *bytes, size_t length, unsigned char foreign)
{
    size_t before = text->foreign.length;
    STRAIT_TRY(strait__text_append(text, bytes, length, NULL));
    if (length > 0) memset(text->foreign.bytes + before, foreign, length);
    return STRAIT_OK;
}

void strait__text_fini(strait__text *text)
{
    strait_buffer_fini(&text->bytes);
    strait_buffer_fini(&text->foreign);
}

size_t strait__text_find(const char *bytes, size_t length, const char *part, size_t part_length)
{
    for (size_t at = 0; at < length && part_length <= length - at;) {
        const char *first = memchr(bytes + at, part[0], length - at - part_length + 1);
        if (!first) break;
        if (memcmp(first, part, part_length) == 0) return (size_t)(first - bytes);
        at = (size_t)(first - bytes) + 1;
    }
    return length;
}

bool strait__is_space(uint32_t code)
{
    if (code < 0x80) return code == ' ' || (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x1f);
    if (code < 0x1680) return code == 0x85 || code == 0xa0;
    return code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f ||
           code == 0x205f || code == 0x3000;
}

size_t strait__space_before(const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint32_t code;
        int size = strait_utf8_decode(bytes + at, length - at, &code);
        if (size <= 0 || !strait__is_space(code)) break;
        at += (size_t)size;
    }
    return at;
}

size_t strait__space_after(const char *bytes, size_t length)
{
    size_t end = length;
    while (end > 0) {
        size_t begin = end - 1;
        while (begin > 0 && end - begin < 4 && ((unsigned char)bytes[begin] & 0xc0) == 0x80) begin--;
        uint32_t code;
        int size = strait_utf8_decode(bytes + begin, end - begin, &code);
        if (size <= 0 || !strait__is_space(code)) break;
        end = begin;
    }
    return length - end;
}

size_t strait__characters(const char *bytes, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) count += ((unsigned char)bytes[i] & 0xc0) != 0x80;
    return count;
}

size_t strait__character_at(const char *bytes, size_t length, size_t index)
{
    size_t at = 0;
    for (; at < length; at++) {
        if (((unsigned char)bytes[at] & 0xc0) == 0x80) continue;
        if (index-- == 0) break;
    }
    return at;
}
