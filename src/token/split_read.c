/* Reading the pre-tokenizer of tokenizer.json. */
#include "token/tokenizer_read.h"

#include <string.h>

/* The next step, zeroed but for its kind. */
static strait_status add_step(strait__reader *in, const char *key, strait__split_kind kind, strait__split_step **out)
{
    strait_tokenizer *tokenizer = in->tokenizer;
    if (in->byte_level) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: nothing may follow ByteLevel in the pre_tokenizer",
                           in->name, key);
    }
    if (tokenizer->step_count == STRAIT__STEPS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: more than %d splits", in->name, key, STRAIT__STEPS_MAX);
    }
    *out = &tokenizer->steps[tokenizer->step_count++];
    (*out)->kind = kind;
    return STRAIT_OK;
}

static strait_status read_behavior(const strait__reader *in, const json_t *value, const char *key, bool needed,
                                   strait__behavior *out)
{
    static const struct {
        const char *name;
        strait__behavior behavior;
    } known[] = {{"Isolated", STRAIT__ISOLATED},
                 {"Removed", STRAIT__REMOVED},
                 {"Contiguous", STRAIT__CONTIGUOUS},
                 {"MergedWithPrevious", STRAIT__WITH_PREVIOUS},
                 {"MergedWithNext", STRAIT__WITH_NEXT}};
    const json_t *behavior = json_object_get(value, "behavior");
    *out = STRAIT__ISOLATED;
    if (!needed && (!behavior || json_is_null(behavior))) return STRAIT_OK;
    const char *name = json_string_value(behavior);
    if (!name) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.behavior: must be a string", in->name, key);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) != 0) continue;
        *out = known[i].behavior;
        return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                       "%s: %s.behavior: \"%.60s\" is not supported; supported are Isolated, Removed, Contiguous, "
                       "MergedWithPrevious and MergedWithNext",
                       in->name, key, name);
}

strait_status strait__read_split(strait__reader *in, const json_t *value, const char *key)
{
    strait__split_step *step = NULL;
    STRAIT_TRY(add_step(in, key, STRAIT__SPLIT_REGEX, &step));
    STRAIT_TRY(strait__reader_pattern(in, value, key, &step->regex));
    STRAIT_TRY(read_behavior(in, value, key, true, &step->behavior));
    return strait__reader_bool(in, value, key, "invert", false, &step->invert);
}

strait_status strait__read_byte_level(strait__reader *in, const json_t *value, const char *key)
{
    /* The split of GPT-2, which this component brings along unless told not to. */
    static const char gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    bool use_regex;
    bool prefix;
    strait__split_step *step = NULL;
    STRAIT_TRY(strait__reader_bool(in, value, key, "add_prefix_space", true, &prefix));
    STRAIT_TRY(strait__reader_bool(in, value, key, "use_regex", true, &use_regex));
    if (prefix) STRAIT_TRY(add_step(in, key, STRAIT__SPLIT_BLANK, &step));
    if (use_regex) {
        STRAIT_TRY(add_step(in, key, STRAIT__SPLIT_REGEX, &step));
        STRAIT_TRY_CTX(strait__regex_create(gpt2, strlen(gpt2), false, &step->regex), "%s: %s", in->name, key);
    }
    if (in->byte_level) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: ByteLevel occurs twice", in->name, key);
    in->byte_level = true;
    return STRAIT_OK;
}

strait_status strait__read_metaspace(strait__reader *in, const json_t *value, const char *key)
{
    strait__split_step *step = NULL;
    bool prefix;
    STRAIT_TRY(add_step(in, key, STRAIT__SPLIT_MARK, &step));
    STRAIT_TRY(strait__reader_character(in, value, key, "replacement", step->mark));
    STRAIT_TRY(strait__reader_bool(in, value, key, "split", true, &step->cut));
    STRAIT_TRY(strait__reader_bool(in, value, key, "add_prefix_space", true, &prefix));
    step->behavior = STRAIT__WITH_NEXT;
    step->prepend = STRAIT__PREPEND_ALWAYS;
    const json_t *scheme = json_object_get(value, "prepend_scheme");
    const char *name = json_string_value(scheme);
    if (scheme && !name) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.prepend_scheme: must be a string", in->name, key);
    }
    if (name && strcmp(name, "first") == 0) {
        step->prepend = STRAIT__PREPEND_FIRST;
    } else if (name && strcmp(name, "never") == 0) {
        step->prepend = STRAIT__PREPEND_NEVER;
    } else if (name && strcmp(name, "always") != 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: %s.prepend_scheme: \"%.60s\" is not supported; supported are always, never and first",
                           in->name, key, name);
    }
    /* Where both stand there, they must not contradict each other; alone, the older key says it. */
    if (!prefix && name && step->prepend != STRAIT__PREPEND_NEVER) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.add_prefix_space: false contradicts prepend_scheme \"%s\"",
                           in->name, key, name);
    }
    if (!prefix) step->prepend = STRAIT__PREPEND_NEVER;
    return STRAIT_OK;
}

strait_status strait__read_digits(strait__reader *in, const json_t *value, const char *key)
{
    strait__split_step *step = NULL;
    bool single;
    STRAIT_TRY(add_step(in, key, STRAIT__SPLIT_DIGITS, &step));
    STRAIT_TRY(strait__reader_bool(in, value, key, "individual_digits", false, &single));
    step->behavior = single ? STRAIT__ISOLATED : STRAIT__CONTIGUOUS;
    return STRAIT_OK;
}

strait_status strait__read_punctuation(strait__reader *in, const json_t *value, const char *key)
{
    strait__split_step *step = NULL;
    STRAIT_TRY(add_step(in, key, STRAIT__SPLIT_PUNCTUATION, &step));
    return read_behavior(in, value, key, false, &step->behavior);
}

strait_status strait__read_whitespace(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    strait__split_step *step = NULL;
    return add_step(in, key, STRAIT__SPLIT_WORDS, &step);
}

strait_status strait__read_pre_tokenizers(strait__reader *in, const json_t *value, const char *key)
{
    return strait__read_members(in, "pre_tokenizer", value, key, "pretokenizers");
}
