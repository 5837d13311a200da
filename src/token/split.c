/* Cutting text into words by one expression after another, each seeing only the piece that the one before made. */
#include "token/tokenizer_parts.h"

const char strait__qwen_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";

typedef struct splitter {
    const strait__split_step *steps;
    size_t step_count;
    strait__regex_scratch *scratch;
    strait__word_fn fn;
    void *context;
} splitter;

static strait_status split_from(const splitter *in, size_t step, const char *text, size_t length);

static strait_status emit(const splitter *in, size_t step, const char *text, size_t length, bool match)
{
    if (length == 0) return STRAIT_OK;
    if (in->steps[step].removed && match != in->steps[step].invert) return STRAIT_OK;
    return split_from(in, step + 1, text, length);
}

static size_t character_length(unsigned char first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The recursion is as deep as there are steps, at most STRAIT__STEPS_MAX. */
static strait_status split_from(const splitter *in, size_t step, const char *text, size_t length)
{
    if (step == in->step_count) return in->fn(in->context, text, length);
    size_t done = 0;
    size_t from = 0;
    while (from < length) {
        bool found = false;
        size_t begin = 0;
        size_t end = 0;
        STRAIT_TRY(strait__regex_find(in->steps[step].regex, in->scratch, text, length, from, &found, &begin, &end));
        if (!found || begin >= length) break;
        STRAIT_TRY(emit(in, step, text + done, begin - done, false));
        STRAIT_TRY(emit(in, step, text + begin, end - begin, true));
        done = end;
        /* An empty match parts what stands on its two sides. */
        from = end > begin ? end : begin + character_length((unsigned char)text[begin]);
    }
    return emit(in, step, text + done, length - done, false);
}

strait_status strait__split(const strait__split_step *steps, size_t step_count, strait__regex_scratch *scratch,
                            const char *text, size_t length, strait__word_fn fn, void *context)
{
    const splitter in = {.steps = steps, .step_count = step_count, .scratch = scratch, .fn = fn, .context = context};
    if (length == 0) return STRAIT_OK;
    return split_from(&in, 0, text, length);
}
