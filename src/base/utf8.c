/* UTF-8 as the Unicode standard defines well-formed byte sequences (table 3-7). */
#include "base/utf8.h"

#include <string.h>

/* Length of the character that a first byte announces (0 = none does) and the range of its second byte. */
static int lead(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) return 2;
    if (first >= 0xe0 && first <= 0xef) {
        if (first == 0xe0) *low = 0xa0;  /* no overlong forms */
        if (first == 0xed) *high = 0x9f; /* no surrogates */
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (first == 0xf0) *low = 0x90;
        if (first == 0xf4) *high = 0x8f; /* not above U+10FFFF */
        return 4;
    }
    return 0;
}

int strait_utf8_decode(const char *bytes, size_t length, uint32_t *out_code)
{
    unsigned char first = (unsigned char)bytes[0];
    if (first < 0x80) {
        *out_code = first;
        return 1;
    }
    unsigned char low;
    unsigned char high;
    int need = lead(first, &low, &high);
    if (need == 0) return -1;
    uint32_t code = first & (0x7fu >> need);
    for (int i = 1; i < need; i++) {
        unsigned char byte = (size_t)i < length ? (unsigned char)bytes[i] : 0;
        if (byte < low || byte > high) return -i;
        code = code << 6 | (byte & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    *out_code = code;
    return need;
}

bool strait_utf8_unfinished(const char *bytes, size_t length)
{
    unsigned char low;
    unsigned char high;
    int need = length > 0 ? lead((unsigned char)bytes[0], &low, &high) : 0;
    if (need == 0 || length >= (size_t)need) return false;
    uint32_t code;
    return strait_utf8_decode(bytes, length, &code) == -(int)length;
}

size_t strait_utf8_valid_prefix(const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint64_t word;
        if (length - at >= sizeof word) {
            memcpy(&word, bytes + at, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                at += sizeof word;
                continue;
            }
        }
        uint32_t code;
        int step = strait_utf8_decode(bytes + at, length - at, &code);
        if (step < 0) break;
        at += (size_t)step;
    }
    return at;
}

size_t strait_utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0u | code >> 6);
        out[1] = (char)(0x80u | (code & 0x3fu));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0u | code >> 12);
        out[1] = (char)(0x80u | (code >> 6 & 0x3fu));
        out[2] = (char)(0x80u | (code & 0x3fu));
        return 3;
    }
    out[0] = (char)(0xf0u | code >> 18);
    out[1] = (char)(0x80u | (code >> 12 & 0x3fu));
    out[2] = (char)(0x80u | (code >> 6 & 0x3fu));
    out[3] = (char)(0x80u | (code & 0x3fu));
    return 4;
}

strait_status strait_utf8_repair(const char *bytes, size_t length, strait_buffer *out, size_t *invalid_bytes)
{
    STRAIT_TRY(strait_buffer_reserve(out, length));
    size_t at = 0;
    while (at < length) {
        size_t valid = strait_utf8_valid_prefix(bytes + at, length - at);
        STRAIT_TRY(strait_buffer_append(out, bytes + at, valid));
        at += valid;
        if (at == length) break;
        uint32_t code;
        int bad = -strait_utf8_decode(bytes + at, length - at, &code);
        STRAIT_TRY(strait_buffer_append(out, "\xef\xbf\xbd", 3));
        *invalid_bytes += (size_t)bad;
        at += (size_t)bad;
    }
    return STRAIT_OK;
}
