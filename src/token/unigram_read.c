/* Reading a Unigram model of tokenizer.json: a list of tokens with their scores. */
#include "token/tokenizer_read.h"

#include <string.h>

#define UNKNOWN_PENALTY 10.0

static strait_status read_entry(const strait__reader *in, const json_t *list, size_t index, const char **out_token,
                                double *out_score)
{
    const json_t *entry = json_array_get(list, index);
    const json_t *token = json_array_get(entry, 0);
    const json_t *score = json_array_get(entry, 1);
    if (json_array_size(entry) != 2 || !json_is_string(token) || !json_is_number(score) ||
        strlen(json_string_value(token)) != json_string_length(token)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model.vocab[%zu]: must be [\"token\", score]", in->name, index);
    }
    *out_token = json_string_value(token);
    *out_score = json_number_value(score);
    return STRAIT_OK;
}

/* The list as an object, token to id, which is what tokens are read from. */
static strait_status make_object(const strait__reader *in, const json_t *list, json_t *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *token = NULL;
        double score = 0;
        STRAIT_TRY(read_entry(in, list, i, &token, &score));
        if (json_object_get(out, token)) {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: model.vocab[%zu]: \"%.100s\" is given twice", in->name, i,
                               token);
        }
        if (json_object_set_new(out, token, json_integer((json_int_t)i)) != 0) {
            return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory", in->name);
        }
    }
    return STRAIT_OK;
}

static strait_status build(const strait__reader *in, const json_t *list)
{
    strait__unigram *unigram = &in->tokenizer->unigram;
    strait__trie_key *keys = NULL;
    size_t count = json_array_size(list);
    double lowest = 0;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, count, sizeof *unigram->scores, &unigram->scores));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, count, sizeof *keys, &keys));
    strait_status status = STRAIT_OK;
    size_t used = 0;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        const char *token = NULL;
        status = read_entry(in, list, i, &token, &unigram->scores[i]);
        if (status != STRAIT_OK) break;
        if (i == 0 || unigram->scores[i] < lowest) lowest = unigram->scores[i];
        if (token[0] == '\0') continue;
        keys[used++] = (strait__trie_key){.bytes = token, .length = strlen(token), .value = (int32_t)i};
    }
    unigram->count = (int32_t)count;
    unigram->unknown_score = lowest - UNKNOWN_PENALTY;
    if (status == STRAIT_OK) status = strait__trie_build(&unigram->trie, keys, used);
    strait_free(keys);
    return status;
}

strait_status strait__read_unigram(strait__reader *in, const json_t *model, const char *key)
{
    const json_t *list = json_object_get(model, "vocab");
    const json_t *unknown = json_object_get(model, "unk_id");
    strait_tokenizer *tokenizer = in->tokenizer;
    tokenizer->kind = STRAIT__UNIGRAM;
    if (in->byte_level) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: a Unigram model with a ByteLevel pre_tokenizer", in->name,
                           key);
    }
    if (!json_is_array(list)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.vocab: must be an array", in->name, key);
    json_t *tokens = json_object();
    if (!tokens) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory", in->name);
    strait_status status = make_object(in, list, tokens);
    if (status == STRAIT_OK) status = strait__read_tokens(in, tokens);
    json_decref(tokens);
    STRAIT_TRY(status);
    STRAIT_TRY(build(in, list));
    strait__unigram *unigram = &tokenizer->unigram;
    unigram->vocab = &tokenizer->vocab;
    unigram->fuse = true;
    unigram->unknown = -1;
    if (unknown && !json_is_null(unknown)) {
        json_int_t id = json_integer_value(unknown);
        if (!json_is_integer(unknown) || id < 0 || (size_t)id >= json_array_size(list)) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.unk_id: must be the place of a token in vocab", in->name,
                               key);
        }
        unigram->unknown = (int32_t)id;
    }
    bool fallback;
    STRAIT_TRY(strait__reader_bool(in, model, key, "byte_fallback", false, &fallback));
    unigram->byte_fallback = strait__find_byte_tokens(&tokenizer->vocab, unigram->fallback_ids) && fallback;
    return STRAIT_OK;
}
