/* UTF-8 validation and repair; see the header. */
#include "data/text_repair.h"

#include "base/status.h"

#include <string.h>

/* Length of the sequence at `s` if well-formed (1 to 4), else minus the bytes to replace (-1 to -3). length > 0. */
static int sequence_length(const unsigned char *s, size_t length)
{
    unsigned lead = s[0];
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return -1;
    int size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    /* The second byte rules out overlong forms, surrogates and what lies beyond U+10FFFF. */
    unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (int i = 1; i < size; i++) {
        if ((size_t)i >= length || s[i] < low || s[i] > high) return -i;
        low = 0x80;
        high = 0xBF;
    }
    return size;
}

size_t strait__text_valid_prefix(const char *bytes, size_t length)
{
    const unsigned char *s = (const unsigned char *)bytes;
    size_t at = 0;
    while (at < length) {
        uint64_t word;
        if (length - at >= sizeof word) {
            memcpy(&word, s + at, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof word;
                continue;
            }
        }
        int size = sequence_length(s + at, length - at);
        if (size < 0) return at;
        at += (size_t)size;
    }
    return at;
}

strait_status strait__text_repair(const char *bytes, size_t length, strait_buffer *out, int64_t *out_replaced)
{
    int64_t replaced = 0;
    size_t at = 0;
    while (at < length) {
        size_t good = strait__text_valid_prefix(bytes + at, length - at);
        STRAIT_TRY(strait_buffer_append(out, bytes + at, good));
        at += good;
        if (at == length) break;
        at += (size_t)-sequence_length((const unsigned char *)bytes + at, length - at);
        STRAIT_TRY(strait_buffer_append(out, "\xEF\xBF\xBD", 3));
        replaced++;
    }
    *out_replaced = replaced;
    return STRAIT_OK;
}
