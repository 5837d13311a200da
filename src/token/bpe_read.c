/*
 * Reading the model of tokenizer.json: vocabulary, added tokens and merges. Every id must be used exactly once, every
 * token must be bytes in their visible form, and every merge must join two tokens into a third.
 */
#include "token/tokenizer_read.h"

#include "token/byte_level.h"

#include <string.h>

/* Where the bytes of an id come from while the file is read. */
typedef struct source {
    const char *key;     /* in model.vocab; borrowed from the JSON */
    const json_t *added; /* in added_tokens */
} source;

typedef struct model_reader {
    strait__reader *in;
    json_t *vocab;
    const json_t *added;
    source *sources; /* [count] */
    int32_t count;
    strait_buffer bytes;
} model_reader;

static strait_status claim(const model_reader *in, const char *key, const char *token, const json_t *id, source **out)
{
    const char *name = in->in->name;
    if (!json_is_integer(id)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s: the id of \"%.100s\" is not an integer", name, key, token);
    }
    json_int_t value = json_integer_value(id);
    if (value < 0 || value >= in->count) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: %s: \"%.100s\" has id %lld, but there are %d tokens: ids must be 0 to %d without holes",
                           name, key, token, (long long)value, in->count, in->count - 1);
    }
    *out = &in->sources[value];
    if ((*out)->key || (*out)->added) {
        const char *other = (*out)->key ? (*out)->key : json_string_value(json_object_get((*out)->added, "content"));
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s: id %lld belongs to two tokens, \"%.100s\" and \"%.100s\"", name,
                           key, (long long)value, other, token);
    }
    return STRAIT_OK;
}

static strait_status check_added(const model_reader *in, size_t index, const json_t *token, const char **out_content)
{
    const char *name = in->in->name;
    const json_t *content = json_object_get(token, "content");
    if (!json_is_string(content) || json_string_length(content) == 0 ||
        strlen(json_string_value(content)) != json_string_length(content)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: added_tokens[%zu].content: must be a string of visible text", name,
                           index);
    }
    static const char *const flags[] = {"single_word", "lstrip", "rstrip"};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!json_is_true(json_object_get(token, flags[i]))) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: added_tokens[%zu].%s: true is not supported, only false", name,
                           index, flags[i]);
    }
    *out_content = json_string_value(content);
    return STRAIT_OK;
}

/* Fills `sources`: first the vocabulary, then what is added to it. */
static strait_status collect(model_reader *in)
{
    for (void *at = json_object_iter(in->vocab); at; at = json_object_iter_next(in->vocab, at)) {
        source *entry;
        STRAIT_TRY(claim(in, "model.vocab", json_object_iter_key(at), json_object_iter_value(at), &entry));
        entry->key = json_object_iter_key(at);
    }
    for (size_t i = 0; i < json_array_size(in->added); i++) {
        const json_t *token = json_array_get(in->added, i);
        const json_t *id = json_object_get(token, "id");
        const char *content = NULL;
        STRAIT_TRY(check_added(in, i, token, &content));
        const json_t *known = json_object_get(in->vocab, content);
        source *entry;
        if (!known) {
            STRAIT_TRY(claim(in, "added_tokens", content, id, &entry));
        } else {
            if (!json_is_integer(id) || json_integer_value(id) != json_integer_value(known)) {
                return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: added_tokens[%zu].id: \"%.100s\" has id %lld in model.vocab",
                                   in->in->name, i, content, (long long)json_integer_value(known));
            }
            entry = &in->sources[json_integer_value(known)];
            if (entry->added) {
                return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: added_tokens[%zu].content: \"%.100s\" is given twice",
                                   in->in->name, i, content);
            }
        }
        entry->added = token;
    }
    return STRAIT_OK;
}

/* The number of distinct tokens. */
static strait_status count_tokens(model_reader *in)
{
    size_t count = json_object_size(in->vocab);
    for (size_t i = 0; i < json_array_size(in->added); i++) {
        const json_t *content = json_object_get(json_array_get(in->added, i), "content");
        if (!json_is_string(content) || !json_object_get(in->vocab, json_string_value(content))) count++;
    }
    if (count == 0 || count > STRAIT__VOCAB_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model.vocab: %zu tokens; must be 1 to %d", in->in->name, count,
                           STRAIT__VOCAB_MAX);
    }
    in->count = (int32_t)count;
    return STRAIT_OK;
}

static strait_status set_added(model_reader *in, const json_t *token, int32_t id, uint32_t *flags)
{
    strait_tokenizer *tokenizer = in->in->tokenizer;
    const char *content = json_string_value(json_object_get(token, "content"));
    bool special;
    bool normalized;
    STRAIT_TRY(strait__reader_bool(in->in, token, "added_tokens[]", "special", false, &special));
    STRAIT_TRY(strait__reader_bool(in->in, token, "added_tokens[]", "normalized", !special, &normalized));
    *flags |= STRAIT__TOKEN_ADDED | (special ? STRAIT__TOKEN_SPECIAL : 0u);
    tokenizer->added_count++;
    if (!normalized) return strait__added_insert(&tokenizer->raw, content, strlen(content), id);
    strait__nfc_scratch scratch = {0};
    strait_buffer text = {0};
    bool unchanged = true;
    strait_status status = STRAIT_OK;
    if (tokenizer->nfc) status = strait__nfc(content, strlen(content), &scratch, &text, &unchanged);
    if (status == STRAIT_OK) {
        status = unchanged ? strait__added_insert(&tokenizer->normalized, content, strlen(content), id)
                           : strait__added_insert(&tokenizer->normalized, text.bytes, text.length, id);
    }
    strait_buffer_fini(&text);
    strait__nfc_scratch_fini(&scratch);
    return status;
}

static strait_status set_token(model_reader *in, int32_t id)
{
    const source *from = &in->sources[id];
    strait__vocab *vocab = &in->in->tokenizer->vocab;
    uint32_t flags = 0;
    if (from->added) STRAIT_TRY(set_added(in, from->added, id, &flags));
    if (from->key) {
        uint32_t foreign;
        strait_buffer_clear(&in->bytes);
        STRAIT_TRY(strait__byte_level_parse(from->key, strlen(from->key), &in->bytes, &foreign));
        if (foreign == 0) {
            STRAIT_TRY_CTX(strait__vocab_set(vocab, id, in->bytes.bytes, in->bytes.length, flags | STRAIT__TOKEN_MODEL),
                           "%s: model.vocab", in->in->name);
            return STRAIT_OK;
        }
        if (!from->added) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                               "%s: model.vocab: \"%.100s\" (id %d) has U+%04X, which is not a character of byte-level "
                               "BPE",
                               in->in->name, from->key, id, (unsigned)foreign);
        }
    }
    const char *content = json_string_value(json_object_get(from->added, "content"));
    STRAIT_TRY_CTX(strait__vocab_set(vocab, id, content, strlen(content), flags), "%s: added_tokens", in->in->name);
    return STRAIT_OK;
}

static strait_status read_tokens(model_reader *in)
{
    in->added = json_object_get(in->in->root, "added_tokens");
    if (in->added && !json_is_null(in->added) && !json_is_array(in->added)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: added_tokens: must be an array", in->in->name);
    }
    STRAIT_TRY(count_tokens(in));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)in->count, sizeof *in->sources, &in->sources));
    STRAIT_TRY(collect(in));
    STRAIT_TRY(strait__vocab_init(&in->in->tokenizer->vocab, in->count));
    for (int32_t id = 0; id < in->count; id++) {
        STRAIT_TRY(set_token(in, id));
    }
    return STRAIT_OK;
}

/* The two sides of merge `index`: ["a", "b"] or "a b". */
static strait_status merge_sides(model_reader *in, size_t index, const json_t *merge, const char **out_left,
                                 size_t *out_left_length, const char **out_right)
{
    const json_t *left = json_array_get(merge, 0);
    const json_t *right = json_array_get(merge, 1);
    if (json_array_size(merge) == 2 && json_is_string(left) && json_is_string(right)) {
        *out_left = json_string_value(left);
        *out_left_length = strlen(*out_left);
        *out_right = json_string_value(right);
        return STRAIT_OK;
    }
    const char *text = json_string_value(merge);
    const char *space = text ? strchr(text, ' ') : NULL;
    if (!space || strchr(space + 1, ' ')) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model.merges[%zu]: must be [\"a\", \"b\"] or \"a b\"", in->in->name,
                           index);
    }
    *out_left = text;
    *out_left_length = (size_t)(space - text);
    *out_right = space + 1;
    return STRAIT_OK;
}

static strait_status merge_token(model_reader *in, size_t index, const char *token, int32_t *out_id)
{
    const json_t *id = json_object_get(in->vocab, token);
    if (!id) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model.merges[%zu]: \"%.100s\" is not in model.vocab", in->in->name,
                           index, token);
    }
    *out_id = (int32_t)json_integer_value(id);
    return STRAIT_OK;
}

static strait_status read_merge(model_reader *in, size_t index, const json_t *merge, uint32_t rank)
{
    const char *left = NULL;
    const char *right = NULL;
    size_t left_length = 0;
    STRAIT_TRY(merge_sides(in, index, merge, &left, &left_length, &right));
    /* One buffer for the left side, then for both together. */
    strait__merge_rule *rule = &in->in->tokenizer->merges[rank];
    int32_t joined;
    strait_buffer_clear(&in->bytes);
    STRAIT_TRY(strait_buffer_append(&in->bytes, left, left_length));
    STRAIT_TRY(merge_token(in, index, in->bytes.bytes, &rule->left));
    STRAIT_TRY(merge_token(in, index, right, &rule->right));
    STRAIT_TRY(strait_buffer_append(&in->bytes, right, strlen(right)));
    STRAIT_TRY(merge_token(in, index, in->bytes.bytes, &joined));
    strait__bpe_set(&in->in->tokenizer->bpe, rank, rule->left, rule->right, joined);
    return STRAIT_OK;
}

/* Merges written as strings may begin with a version line; the `tokenizers` package skips all that look like one. */
static bool is_version_line(const json_t *merge)
{
    const char *text = json_string_value(merge);
    return text && strncmp(text, "#version", 8) == 0;
}

static strait_status read_merges(model_reader *in, const json_t *model)
{
    const json_t *merges = json_object_get(model, "merges");
    strait_tokenizer *tokenizer = in->in->tokenizer;
    if (!json_is_array(merges)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model.merges: must be an array", in->in->name);
    }
    size_t count = json_array_size(merges);
    if (count > STRAIT__VOCAB_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model.merges: %zu merges; at most %d are read", in->in->name, count,
                           STRAIT__VOCAB_MAX);
    }
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, count, sizeof *tokenizer->merges, &tokenizer->merges));
    STRAIT_TRY(strait__bpe_init(&tokenizer->bpe, &tokenizer->vocab, (uint32_t)count));
    uint32_t rank = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *merge = json_array_get(merges, i);
        if (is_version_line(merge)) continue;
        STRAIT_TRY(read_merge(in, i, merge, rank));
        rank++;
    }
    tokenizer->bpe.merge_count = rank;
    return STRAIT_OK;
}

static strait_status check_options(const strait__reader *in, const json_t *model)
{
    static const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        const json_t *value = json_object_get(model, empty[i]);
        if (!value || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0)) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: model.%s: only null and \"\" are supported", in->name,
                           empty[i]);
    }
    const json_t *dropout = json_object_get(model, "dropout");
    if (dropout && !json_is_null(dropout) && !(json_is_number(dropout) && json_number_value(dropout) <= 0)) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: model.dropout: only null and 0 are supported", in->name);
    }
    if (json_is_true(json_object_get(model, "byte_fallback"))) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: model.byte_fallback: true is not supported, only false",
                           in->name);
    }
    return STRAIT_OK;
}

/* The unknown token would stand for bytes without a token; where there are none it never occurs. */
static strait_status check_unknown(const strait__reader *in, const json_t *model)
{
    const char *unknown = json_string_value(json_object_get(model, "unk_token"));
    if (!unknown || unknown[0] == '\0') return STRAIT_OK;
    for (int byte = 0; byte < 256; byte++) {
        if (in->tokenizer->bpe.byte_ids[byte] >= 0) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: model.unk_token: \"%.60s\" is not supported where bytes have no token (0x%02X)",
                           in->name, unknown, (unsigned)byte);
    }
    return STRAIT_OK;
}

strait_status strait__read_bpe(strait__reader *in, const json_t *model, const char *key)
{
    STRAIT_TRY(check_options(in, model));
    model_reader reader = {.in = in, .vocab = json_object_get(model, "vocab")};
    if (!json_is_object(reader.vocab)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.vocab: must be an object", in->name, key);
    }
    strait_status status = read_tokens(&reader);
    if (status == STRAIT_OK) status = read_merges(&reader, model);
    strait_free(reader.sources);
    strait_buffer_fini(&reader.bytes);
    STRAIT_TRY(status);
    STRAIT_TRY(strait__reader_bool(in, model, key, "ignore_merges", false, &in->tokenizer->bpe.ignore_merges));
    return check_unknown(in, model);
}
