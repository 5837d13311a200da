/* Cutting text into words by one step after another. The recursion is as deep as there are steps. */
#include "token/split.h"

#include "base/utf8.h"
#include "token/class.h"

#include <string.h>

const char strait__qwen_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";

typedef struct splitter {
    const strait__split_step *steps;
    size_t step_count;
    strait__split_scratch *scratch;
    strait__word_fn fn;
    void *context;
} splitter;

/* One step at work on one piece: matches and gaps arrive in order, and leave as pieces by the step's behaviour. */
typedef struct cutter {
    const splitter *in;
    size_t step;
    const char *text;
    bool first;
    size_t begin; /* of the piece that may still grow */
    size_t end;
    bool pending;
    bool pending_match;
} cutter;

static strait_status split_from(const splitter *in, size_t step, const char *text, size_t length, bool first);

static strait_status give(const cutter *in, size_t begin, size_t end)
{
    if (begin == end) return STRAIT_OK;
    return split_from(in->in, in->step + 1, in->text + begin, end - begin, in->first && begin == 0);
}

static strait_status flush(cutter *in)
{
    if (!in->pending) return STRAIT_OK;
    in->pending = false;
    return give(in, in->begin, in->end);
}

static strait_status put(cutter *in, size_t begin, size_t end, bool match)
{
    const strait__split_step *step = &in->in->steps[in->step];
    match = match != step->invert;
    bool join = false;
    switch (step->behavior) {
    case STRAIT__ISOLATED: return give(in, begin, end);
    case STRAIT__REMOVED: return match ? STRAIT_OK : give(in, begin, end);
    case STRAIT__CONTIGUOUS: join = match == in->pending_match; break;
    case STRAIT__WITH_PREVIOUS: join = match && !in->pending_match; break;
    case STRAIT__WITH_NEXT: join = !match && in->pending_match; break;
    }
    if (in->pending && join) {
        in->end = end;
    } else {
        STRAIT_TRY(flush(in));
        in->pending = true;
        in->begin = begin;
        in->end = end;
    }
    in->pending_match = match;
    return STRAIT_OK;
}

static size_t character_length(unsigned char first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static strait_status cut_regex(cutter *in, size_t length)
{
    const strait__regex *regex = in->in->steps[in->step].regex;
    size_t done = 0;
    size_t from = 0;
    while (from < length) {
        bool found = false;
        size_t begin = 0;
        size_t end = 0;
        STRAIT_TRY(strait__regex_find(regex, in->in->scratch->regex, in->text, length, from, &found, &begin, &end));
        if (!found || begin >= length) break;
        if (begin > done) STRAIT_TRY(put(in, done, begin, false));
        STRAIT_TRY(put(in, begin, end, true));
        done = end;
        /* An empty match parts what stands on its two sides. */
        from = end > begin ? end : begin + character_length((unsigned char)in->text[begin]);
    }
    return done < length ? put(in, done, length, false) : STRAIT_OK;
}

static bool is_match(const strait__split_step *step, const char *text, size_t length)
{
    uint32_t code = 0;
    if (step->kind == STRAIT__SPLIT_MARK) return strncmp(text, step->mark, length) == 0 && step->mark[length] == '\0';
    (void)strait_utf8_decode(text, length, &code);
    if (step->kind == STRAIT__SPLIT_DIGITS) return (strait__class_of(code) & STRAIT__NUMBER) != 0;
    return strait__is_punctuation(code);
}

/* Matches are single characters. */
static strait_status cut_characters(cutter *in, size_t length)
{
    const strait__split_step *step = &in->in->steps[in->step];
    size_t done = 0;
    for (size_t at = 0; at < length;) {
        size_t next = at + character_length((unsigned char)in->text[at]);
        if (is_match(step, in->text + at, next - at)) {
            if (at > done) STRAIT_TRY(put(in, done, at, false));
            STRAIT_TRY(put(in, at, next, true));
            done = next;
        }
        at = next;
    }
    return done < length ? put(in, done, length, false) : STRAIT_OK;
}

static strait_status cut_words(const cutter *in, size_t length)
{
    int before = -1; /* 0 = white space, 1 = \w, 2 = neither */
    size_t begin = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        size_t next = at + character_length((unsigned char)in->text[at]);
        (void)strait_utf8_decode(in->text + at, next - at, &code);
        int kind = strait__class_of(code) & STRAIT__SPACE ? 0 : strait__is_word(code) ? 1 : 2;
        if (kind != before) {
            if (before > 0) STRAIT_TRY(give(in, begin, at));
            begin = at;
            before = kind;
        }
        at = next;
    }
    return before > 0 ? give(in, begin, length) : STRAIT_OK;
}

/* Metaspace: the piece with its blanks replaced, and a mark before it, then cut before each mark. */
static strait_status cut_marks(const splitter *in, size_t index, const char *text, size_t length, bool first)
{
    const strait__split_step *step = &in->steps[index];
    strait_buffer *out = &in->scratch->rewritten[index];
    size_t mark = strlen(step->mark);
    bool begins = text[0] == ' ' || (length >= mark && memcmp(text, step->mark, mark) == 0);
    strait_buffer_clear(out);
    STRAIT_TRY(strait_buffer_reserve(out, length + mark));
    if (!begins && (step->prepend == STRAIT__PREPEND_ALWAYS || (step->prepend == STRAIT__PREPEND_FIRST && first))) {
        STRAIT_TRY(strait_buffer_append(out, step->mark, mark));
    }
    while (length > 0) {
        const char *blank = memchr(text, ' ', length);
        size_t take = blank ? (size_t)(blank - text) : length;
        STRAIT_TRY(strait_buffer_append(out, text, take));
        if (blank) STRAIT_TRY(strait_buffer_append(out, step->mark, mark));
        take += blank ? 1 : 0;
        text += take;
        length -= take;
    }
    cutter cut = {.in = in, .step = index, .text = out->bytes, .first = first};
    if (!step->cut) return give(&cut, 0, out->length);
    STRAIT_TRY(cut_characters(&cut, out->length));
    return flush(&cut);
}

static strait_status put_blank(const splitter *in, size_t index, const char *text, size_t length, bool first)
{
    if (text[0] == ' ') return split_from(in, index + 1, text, length, first);
    strait_buffer *out = &in->scratch->rewritten[index];
    strait_buffer_clear(out);
    STRAIT_TRY(strait_buffer_append(out, " ", 1));
    STRAIT_TRY(strait_buffer_append(out, text, length));
    return split_from(in, index + 1, out->bytes, out->length, first);
}

typedef struct scanned {
    const splitter *in;
    size_t step; /* the next one */
    const char *text;
    bool first;
} scanned;

static strait_status give_scanned(void *context, const char *word, size_t length)
{
    const scanned *in = context;
    return split_from(in->in, in->step, word, length, in->first && word == in->text);
}

static strait_status split_from(const splitter *in, size_t index, const char *text, size_t length, bool first)
{
    if (index == in->step_count) return in->fn(in->context, text, length);
    const strait__split_step *step = &in->steps[index];
    if (step->scan) {
        size_t next = index + step->covered;
        if (next == in->step_count) return strait__scan(step->scan, text, length, in->fn, in->context);
        scanned rest = {.in = in, .step = next, .text = text, .first = first};
        return strait__scan(step->scan, text, length, give_scanned, &rest);
    }
    cutter cut = {.in = in, .step = index, .text = text, .first = first};
    switch (step->kind) {
    case STRAIT__SPLIT_REGEX: STRAIT_TRY(cut_regex(&cut, length)); break;
    case STRAIT__SPLIT_DIGITS:
    case STRAIT__SPLIT_PUNCTUATION: STRAIT_TRY(cut_characters(&cut, length)); break;
    case STRAIT__SPLIT_WORDS: return cut_words(&cut, length);
    case STRAIT__SPLIT_MARK: return cut_marks(in, index, text, length, first);
    case STRAIT__SPLIT_BLANK: return put_blank(in, index, text, length, first);
    }
    return flush(&cut);
}

void strait__split_prepare(strait__split_step *steps, size_t step_count)
{
    for (size_t i = 0; i < step_count; i++) {
        const char *patterns[STRAIT__STEPS_MAX];
        size_t count = 0;
        for (size_t j = i; j < step_count && steps[j].kind == STRAIT__SPLIT_REGEX; j++) {
            if (steps[j].invert || steps[j].behavior != STRAIT__ISOLATED || strait__regex_is_literal(steps[j].regex)) {
                break;
            }
            patterns[count++] = strait__regex_pattern(steps[j].regex);
        }
        steps[i].scan = strait__scan_find(patterns, count, &steps[i].covered);
    }
}

strait_status strait__split(const strait__split_step *steps, size_t step_count, strait__split_scratch *scratch,
                            const char *text, size_t length, bool first, strait__word_fn fn, void *context)
{
    const splitter in = {.steps = steps, .step_count = step_count, .scratch = scratch, .fn = fn, .context = context};
    if (length == 0) return STRAIT_OK;
    return split_from(&in, 0, text, length, first);
}

void strait__split_scratch_fini(strait__split_scratch *scratch)
{
    for (size_t i = 0; i < STRAIT__STEPS_MAX; i++) strait_buffer_fini(&scratch->rewritten[i]);
}
