/*
 * Normalisation forms. Most text is in NFC already, and most characters can be seen to be inert: they neither change
 * nor combine with what stands before them. Only the neighbourhoods of other characters are given to utf8proc, one
 * segment at a time.
 */
#include "token/nfc.h"

#include "base/utf8.h"

#include <string.h>
#include <utf8proc.h>

/*
 * True only where a character is a starter, has no canonical decomposition and never is the second of a composition.
 * A false "no" costs time, a false "yes" would be wrong, so whole blocks of scripts with combining letters are "no".
 */
static bool inert(strait__form form, uint32_t code)
{
    if (form != STRAIT__NFC) return code < 0x80 || (code >= 0x4e00 && code < 0xa000);
    if (code < 0x300) return true;
    if (code >= 0x3400 && code < 0xa000) return true; /* Chinese characters */
    /* Kana and punctuation, but for tone marks and the two sound marks. */
    if (code >= 0x3000 && code < 0x3100) return (code < 0x302a || code > 0x302f) && code != 0x3099 && code != 0x309a;
    if (code >= 0xac00 && code < 0xd7a4) return true;   /* Hangul syllables */
    if (code >= 0xff00 && code < 0xfff0) return true;   /* full-width forms */
    if (code >= 0x1100 && code < 0x1200) return false;  /* Hangul letters */
    if (code >= 0x1f000 && code < 0x1fb00) return true; /* pictures */
    if (code >= 0x20000 && code < 0x2f800) return true; /* more Chinese characters */
    if (code >= 0x10000) return false;
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)code);
    if (property->category == UTF8PROC_CATEGORY_MN || property->category == UTF8PROC_CATEGORY_MC ||
        property->category == UTF8PROC_CATEGORY_ME || property->combining_class != 0) {
        return false;
    }
    return property->decomp_type != 0 || property->decomp_seqindex == UINT16_MAX;
}

void strait__nfc_scratch_fini(strait__nfc_scratch *scratch)
{
    strait_free(scratch->codes);
    strait_free(scratch->sorted);
    *scratch = (strait__nfc_scratch){0};
}

static int combining_class(int32_t code)
{
    return utf8proc_get_property(code)->combining_class;
}

/* Brings one run of combining marks into canonical order, stably. utf8proc's own sort is quadratic in the run. */
static void order_run(int32_t *codes, int32_t *sorted, size_t count)
{
    if (count <= 16) {
        for (size_t i = 1; i < count; i++) {
            int32_t code = codes[i];
            int rank = combining_class(code);
            size_t at = i;
            for (; at > 0 && combining_class(codes[at - 1]) > rank; at--) codes[at] = codes[at - 1];
            codes[at] = code;
        }
        return;
    }
    size_t start[257] = {0};
    for (size_t i = 0; i < count; i++) start[combining_class(codes[i]) + 1]++;
    for (size_t i = 1; i < 257; i++) start[i] += start[i - 1];
    for (size_t i = 0; i < count; i++) sorted[start[combining_class(codes[i])]++] = codes[i];
    memcpy(codes, sorted, count * sizeof *codes);
}

static void order_marks(int32_t *codes, int32_t *sorted, size_t count)
{
    for (size_t i = 0; i < count;) {
        if (combining_class(codes[i]) == 0) {
            i++;
            continue;
        }
        size_t end = i + 1;
        while (end < count && combining_class(codes[end]) != 0) end++;
        order_run(codes + i, sorted, end - i);
        i = end;
    }
}

/* The longest decomposition of one character has eighteen code points (U+FDFA, by compatibility). */
#define DECOMPOSED_MAX 18

/* The normal form of a segment, in the memory of `scratch`. */
static strait_status normalize_segment(strait__form form, const char *text, size_t length, strait__nfc_scratch *scratch,
                                       const char **out_bytes, size_t *out_length)
{
    const utf8proc_option_t ways[] = {[STRAIT__NFC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE,
                                      [STRAIT__NFD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
                                      [STRAIT__NFKC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
                                      [STRAIT__NFKD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT};
    const utf8proc_option_t options = ways[form];
    size_t count = 0;
    for (size_t at = 0; at < length;) {
        if (count + DECOMPOSED_MAX + 1 > scratch->capacity) {
            size_t capacity = (count + DECOMPOSED_MAX + 1) * 2;
            STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *scratch->codes, &scratch->codes));
            STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *scratch->sorted, &scratch->sorted));
            scratch->capacity = capacity;
        }
        uint32_t code;
        int step = strait_utf8_decode(text + at, length - at, &code);
        if (step <= 0) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "normalisation was given text that is not UTF-8");
        at += (size_t)step;
        utf8proc_ssize_t got =
            utf8proc_decompose_char((utf8proc_int32_t)code, scratch->codes + count, DECOMPOSED_MAX, options, NULL);
        if (got < 0 || got > DECOMPOSED_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "utf8proc cannot decompose U+%04X", (unsigned)code);
        }
        count += (size_t)got;
    }
    order_marks(scratch->codes, scratch->sorted, count);
    /* Composes, then turns the code points into UTF-8 in place. */
    utf8proc_ssize_t bytes = utf8proc_reencode(scratch->codes, (utf8proc_ssize_t)count, options);
    if (bytes < 0) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "utf8proc: %s", utf8proc_errmsg(bytes));
    *out_bytes = (const char *)scratch->codes;
    *out_length = (size_t)bytes;
    return STRAIT_OK;
}

/* The first character at or after `at` that is not inert; `*last_inert` is where the inert one before it begins. */
static size_t find_active(strait__form form, const char *text, size_t at, size_t length, size_t *last_inert)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const unsigned char limit = form == STRAIT__NFC ? 0xcc : 0x80;
    while (at < length) {
        /* In NFC everything below U+0300 is inert: first bytes up to 0xCB, and what continues them. */
        if (bytes[at] < limit) {
            *last_inert = at;
            at += bytes[at] < 0x80 ? 1 : 2;
            continue;
        }
        uint32_t code = 0;
        int step = strait_utf8_decode(text + at, length - at, &code);
        if (step <= 0) step = 1;
        if (!inert(form, code)) break;
        *last_inert = at;
        at += (size_t)step;
    }
    return at;
}

static size_t find_inert(strait__form form, const char *text, size_t at, size_t length)
{
    while (at < length) {
        uint32_t code = 0;
        int step = strait_utf8_decode(text + at, length - at, &code);
        if (step <= 0) step = 1;
        if (inert(form, code)) break;
        at += (size_t)step;
    }
    return at;
}

strait_status strait__normal_form(strait__form form, const char *text, size_t length, strait__nfc_scratch *scratch,
                                  strait_buffer *out, bool *out_unchanged)
{
    size_t copied = 0; /* text[0 .. copied) is in `out` */
    size_t at = 0;
    bool changed = false;
    for (;;) {
        /* A segment begins at the inert character that a following mark may combine with. */
        size_t begin = SIZE_MAX;
        size_t active = find_active(form, text, at, length, &begin);
        if (active >= length) break;
        if (begin == SIZE_MAX) begin = active;
        size_t end = find_inert(form, text, active, length);
        const char *made = NULL;
        size_t made_length = 0;
        STRAIT_TRY(normalize_segment(form, text + begin, end - begin, scratch, &made, &made_length));
        at = end;
        /* As long as nothing differs nothing needs to be copied. */
        if (!changed && made_length == end - begin && memcmp(made, text + begin, made_length) == 0) continue;
        changed = true;
        STRAIT_TRY(strait_buffer_append(out, text + copied, begin - copied));
        STRAIT_TRY(strait_buffer_append(out, made, made_length));
        copied = end;
    }
    *out_unchanged = !changed;
    if (!changed) return STRAIT_OK;
    return strait_buffer_append(out, text + copied, length - copied);
}
