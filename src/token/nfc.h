/* Unicode normalisation forms by utf8proc, with a fast way through text that is in its form already. */
#ifndef STRAIT_TOKEN_NFC_H
#define STRAIT_TOKEN_NFC_H

#include "base/buffer.h"

typedef enum strait__form { STRAIT__NFC, STRAIT__NFD, STRAIT__NFKC, STRAIT__NFKD } strait__form;

/* Working memory, kept between calls. Zero-initialise; fini frees. */
typedef struct strait__nfc_scratch {
    int32_t *codes;
    int32_t *sorted;
    size_t capacity;
} strait__nfc_scratch;

void strait__nfc_scratch_fini(strait__nfc_scratch *scratch);

/*
 * Normalises well-formed UTF-8. Where the text need not change, *out_unchanged becomes true and `out` stays as it is;
 * else the normalised text is appended to `out`. Linear in the length, also for long runs of combining marks.
 */
strait_status strait__normal_form(strait__form form, const char *text, size_t length, strait__nfc_scratch *scratch,
                                  strait_buffer *out, bool *out_unchanged) STRAIT_MUST_USE;

#endif
