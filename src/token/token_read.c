/*
 * Reading the tokens of tokenizer.json: the model's vocabulary and what is added to it. Every id must be used exactly
 * once, and every token of a byte-level model must be bytes in their visible form.
 */
#include "token/tokenizer_read.h"

#include "token/byte_level.h"

#include <string.h>

/* Where the bytes of an id come from while the file is read. */
typedef struct source {
    const char *key;     /* in model.vocab; borrowed from the JSON */
    const json_t *added; /* in added_tokens */
} source;

typedef struct token_reader {
    strait__reader *in;
    json_t *vocab;
    const json_t *added;
    source *sources; /* [count] */
    int32_t count;
    strait_buffer bytes;
} token_reader;

static strait_status claim(const token_reader *in, const char *key, const char *token, const json_t *id, source **out)
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

static strait_status check_added(const token_reader *in, size_t index, const json_t *token, const char **out_content)
{
    const char *name = in->in->name;
    const json_t *content = json_object_get(token, "content");
    if (!json_is_string(content) || json_string_length(content) == 0 ||
        strlen(json_string_value(content)) != json_string_length(content)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: added_tokens[%zu].content: must be a string of visible text", name,
                           index);
    }
    *out_content = json_string_value(content);
    return STRAIT_OK;
}

/* Fills `sources`: first the vocabulary, then what is added to it. */
static strait_status collect(token_reader *in)
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
static strait_status count_tokens(token_reader *in)
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

/* What is looked for after normalising is the normal form of the content. */
static strait_status insert_normalized(token_reader *in, const char *content, int32_t id)
{
    strait_tokenizer *tokenizer = in->in->tokenizer;
    strait__scratch *scratch = NULL;
    const char *text = content;
    size_t length = strlen(content);
    bool first = true;
    STRAIT_TRY(strait__scratch_acquire(tokenizer, &scratch));
    strait_status status = strait__normalize(tokenizer->normalizers, tokenizer->normalizer_count, &scratch->normal,
                                             content, length, &text, &length, &first);
    if (status == STRAIT_OK && length == 0) {
        status = STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: added_tokens: \"%.100s\" is normalised to nothing",
                             in->in->name, content);
    }
    if (status == STRAIT_OK && strait__added_exact(&tokenizer->normalized, text, length) >= 0) {
        status = STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: added_tokens: \"%.100s\" has the normal form of another",
                             in->in->name, content);
    }
    if (status == STRAIT_OK) status = strait__added_insert(&tokenizer->normalized, text, length, id);
    strait__scratch_release(tokenizer, scratch);
    return status;
}

static strait_status set_added(token_reader *in, const json_t *token, int32_t id, uint32_t *flags)
{
    strait_tokenizer *tokenizer = in->in->tokenizer;
    const char *content = json_string_value(json_object_get(token, "content"));
    bool special;
    bool normalized;
    STRAIT_TRY(strait__reader_bool(in->in, token, "added_tokens[]", "special", false, &special));
    STRAIT_TRY(strait__reader_bool(in->in, token, "added_tokens[]", "normalized", !special, &normalized));
    *flags |= STRAIT__TOKEN_ADDED | (special ? STRAIT__TOKEN_SPECIAL : 0u);
    tokenizer->added_count++;
    static const struct {
        const char *name;
        uint32_t flag;
    } more[] = {
        {"single_word", STRAIT__TOKEN_SINGLE}, {"lstrip", STRAIT__TOKEN_LSTRIP}, {"rstrip", STRAIT__TOKEN_RSTRIP}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        bool set;
        STRAIT_TRY(strait__reader_bool(in->in, token, "added_tokens[]", more[i].name, false, &set));
        if (set) *flags |= more[i].flag;
    }
    if (!normalized) return strait__added_insert(&tokenizer->raw, content, strlen(content), id);
    return insert_normalized(in, content, id);
}

static strait_status set_token(token_reader *in, int32_t id)
{
    const source *from = &in->sources[id];
    strait__vocab *vocab = &in->in->tokenizer->vocab;
    uint32_t flags = 0;
    if (from->added) STRAIT_TRY(set_added(in, from->added, id, &flags));
    if (from->key && !in->in->byte_level) {
        STRAIT_TRY_CTX(strait__vocab_set(vocab, id, from->key, strlen(from->key), flags | STRAIT__TOKEN_MODEL),
                       "%s: model.vocab", in->in->name);
        return STRAIT_OK;
    }
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

static strait_status fill_vocab(token_reader *in)
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

strait_status strait__read_tokens(strait__reader *in, json_t *tokens)
{
    token_reader reader = {.in = in, .vocab = tokens};
    strait_status status = fill_vocab(&reader);
    strait_free(reader.sources);
    strait_buffer_fini(&reader.bytes);
    return status;
}

bool strait__find_byte_tokens(const strait__vocab *vocab, int32_t ids[256])
{
    bool all = true;
    for (int byte = 0; byte < 256; byte++) {
        static const char digits[] = "0123456789ABCDEF";
        const char name[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
        ids[byte] = strait__vocab_find(vocab, name, sizeof name);
        all &= ids[byte] >= 0;
    }
    return all;
}
