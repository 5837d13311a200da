/* Each step reads one text and either leaves it or writes another. */
#include "token/normalize.h"

#include "base/utf8.h"
#include "token/class.h"

#include <string.h>
#include <utf8proc.h>

void strait__normal_scratch_fini(strait__normal_scratch *scratch)
{
    strait__nfc_scratch_fini(&scratch->forms);
    strait_buffer_fini(&scratch->texts[0]);
    strait_buffer_fini(&scratch->texts[1]);
}

/* No match is empty: see strait__read_replace. */
static strait_status replace_all(const strait__normal_step *step, strait__regex_scratch *scratch, const char *text,
                                 size_t length, strait_buffer *out, bool *first)
{
    size_t done = 0;
    size_t content = strlen(step->content);
    while (done < length) {
        bool found = false;
        size_t begin = 0;
        size_t end = 0;
        STRAIT_TRY(strait__regex_find(step->regex, scratch, text, length, done, &found, &begin, &end));
        if (!found || end <= begin) break;
        STRAIT_TRY(strait_buffer_append(out, text + done, begin - done));
        STRAIT_TRY(strait_buffer_append(out, step->content, content));
        if (begin == 0 && content == 0) *first = false;
        done = end;
    }
    return strait_buffer_append(out, text + done, length - done);
}

static bool space_at(const char *text, size_t at, size_t *out_next)
{
    return (strait__class_at((const unsigned char *)text, at, out_next) & STRAIT__SPACE) != 0;
}

static void strip(const strait__normal_step *step, const char **text, size_t *length, bool *first)
{
    size_t begin = 0;
    size_t next = 0;
    while (step->left && begin < *length && space_at(*text, begin, &next)) begin = next;
    size_t end = *length;
    while (step->right && end > begin) {
        size_t last = end - 1;
        while (last > begin && ((unsigned char)(*text)[last] & 0xc0) == 0x80) last--;
        if (!space_at(*text, last, &next)) break;
        end = last;
    }
    if (begin > 0) *first = false;
    *text += begin;
    *length = end - begin;
}

static strait_status lowercase(const char *text, size_t length, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_reserve(out, length));
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        int step = strait_utf8_decode(text + at, length - at, &code);
        if (step <= 0) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "a normaliser was given text that is not UTF-8");
        at += (size_t)step;
        char lower[4];
        /* The one character whose small form has two. */
        uint32_t small = code == 0x130 ? 'i' : (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
        STRAIT_TRY(strait_buffer_append(out, lower, strait_utf8_encode(small, lower)));
        if (code == 0x130) STRAIT_TRY(strait_buffer_append(out, "\xcc\x87", 2));
    }
    return STRAIT_OK;
}

/* Appends the replacement of text[0 .. length), which one rule must begin; false where there is none. */
static strait_status map_part(const strait__charsmap *map, const char *text, size_t length, strait_buffer *out,
                              bool *out_mapped)
{
    size_t taken = 0;
    const char *with = strait__charsmap_find(map, text, length, false, &taken);
    *out_mapped = with != NULL;
    return with ? strait_buffer_append(out, with, strlen(with)) : STRAIT_OK;
}

/* The end of the grapheme cluster that begins at `at`. */
static size_t cluster_end(const char *text, size_t at, size_t length)
{
    uint32_t before = 0;
    int step = strait_utf8_decode(text + at, length - at, &before);
    utf8proc_int32_t state = 0;
    while (step > 0) {
        at += (size_t)step;
        if (at == length) break;
        uint32_t code = 0;
        step = strait_utf8_decode(text + at, length - at, &code);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)code, &state)) break;
        before = code;
    }
    return at;
}

/* A cluster of less than six bytes is replaced as a whole by the rule that begins it, a longer one by characters. */
static strait_status map_text(const strait__charsmap *map, const char *text, size_t length, strait_buffer *out)
{
    for (size_t at = 0; at < length;) {
        unsigned char c = (unsigned char)text[at];
        if (c < 0x80 && c != '\r' && map->plain[c] && (at + 1 == length || (unsigned char)text[at + 1] < 0x80)) {
            STRAIT_TRY(strait_buffer_append(out, text + at, 1));
            at++;
            continue;
        }
        size_t end = cluster_end(text, at, length);
        bool mapped = false;
        if (end - at < 6) STRAIT_TRY(map_part(map, text + at, end - at, out, &mapped));
        while (!mapped && at < end) {
            uint32_t code = 0;
            bool known = false;
            int step = strait_utf8_decode(text + at, end - at, &code);
            size_t size = step > 0 ? (size_t)step : 1;
            STRAIT_TRY(map_part(map, text + at, size, out, &known));
            if (!known) STRAIT_TRY(strait_buffer_append(out, text + at, size));
            at += size;
        }
        at = end;
    }
    return STRAIT_OK;
}

static strait_status run_step(const strait__normal_step *step, strait__normal_scratch *scratch, const char *text,
                              size_t length, strait_buffer *out, bool *out_unchanged, bool *first)
{
    *out_unchanged = false;
    switch (step->kind) {
    case STRAIT__NORMAL_FORM: return strait__normal_form(step->form, text, length, &scratch->forms, out, out_unchanged);
    case STRAIT__NORMAL_CHARSMAP: return map_text(&step->map, text, length, out);
    case STRAIT__NORMAL_PREPEND:
        STRAIT_TRY(strait_buffer_append(out, step->content, strlen(step->content)));
        return strait_buffer_append(out, text, length);
    case STRAIT__NORMAL_REPLACE: return replace_all(step, scratch->regex, text, length, out, first);
    case STRAIT__NORMAL_LOWERCASE: return lowercase(text, length, out);
    case STRAIT__NORMAL_STRIP: break; /* done in place */
    }
    return STRAIT_OK;
}

strait_status strait__normalize(const strait__normal_step *steps, size_t count, strait__normal_scratch *scratch,
                                const char *text, size_t length, const char **out_text, size_t *out_length, bool *first)
{
    int next = 0; /* the buffer that the text is not in */
    for (size_t i = 0; i < count && length > 0; i++) {
        if (steps[i].kind == STRAIT__NORMAL_STRIP) {
            strip(&steps[i], &text, &length, first);
            continue;
        }
        strait_buffer *out = &scratch->texts[next];
        bool unchanged = false;
        strait_buffer_clear(out);
        STRAIT_TRY(strait_buffer_reserve(out, length + 4));
        STRAIT_TRY(run_step(&steps[i], scratch, text, length, out, &unchanged, first));
        if (unchanged) continue;
        text = out->bytes;
        length = out->length;
        next = !next;
    }
    *out_text = text;
    *out_length = length;
    return STRAIT_OK;
}
