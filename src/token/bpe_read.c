/* Reading a BPE model of tokenizer.json: every merge must join two tokens into a third. */
#include "token/tokenizer_read.h"

#include <string.h>

typedef struct bpe_reader {
    strait__reader *in;
    json_t *vocab;
    strait_buffer bytes;
} bpe_reader;

/* The two sides of merge `index`: ["a", "b"] or "a b". */
static strait_status merge_sides(bpe_reader *in, size_t index, const json_t *merge, const char **out_left,
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

static strait_status merge_token(bpe_reader *in, size_t index, const char *token, int32_t *out_id)
{
    const json_t *id = json_object_get(in->vocab, token);
    if (!id) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model.merges[%zu]: \"%.100s\" is not in model.vocab", in->in->name,
                           index, token);
    }
    *out_id = (int32_t)json_integer_value(id);
    return STRAIT_OK;
}

static strait_status read_merge(bpe_reader *in, size_t index, const json_t *merge, uint32_t rank)
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

static strait_status read_merges(bpe_reader *in, const json_t *model)
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
    return STRAIT_OK;
}

/* Byte-level: the unknown token would stand for bytes without a token; where there are none it never occurs. */
static strait_status check_unknown(const strait__reader *in, const char *unknown)
{
    for (int byte = 0; unknown && byte < 256; byte++) {
        if (in->tokenizer->bpe.byte_ids[byte] >= 0) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: model.unk_token: \"%.60s\" is not supported where bytes have no token (0x%02X)",
                           in->name, unknown, (unsigned)byte);
    }
    return STRAIT_OK;
}

/* The options of models whose symbols are characters. */
static strait_status read_characters(strait__reader *in, const json_t *model, const char *key, const char *unknown)
{
    strait__bpe *bpe = &in->tokenizer->bpe;
    bpe->characters = true;
    STRAIT_TRY(strait__reader_bool(in, model, key, "byte_fallback", false, &bpe->byte_fallback));
    STRAIT_TRY(strait__reader_bool(in, model, key, "fuse_unk", false, &bpe->fuse_unknown));
    bool all = strait__find_byte_tokens(bpe->vocab, bpe->fallback_ids);
    if (unknown) bpe->unknown = strait__vocab_find(bpe->vocab, unknown, strlen(unknown));
    if (unknown && bpe->unknown < 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model.unk_token: \"%.60s\" is not in model.vocab", in->name,
                           unknown);
    }
    /* Where nothing can be unknown a word may be cut wherever no token reaches across. */
    return all && bpe->byte_fallback && !bpe->ignore_merges ? strait__bpe_note_joined(bpe) : STRAIT_OK;
}

strait_status strait__read_bpe(strait__reader *in, const json_t *model, const char *key)
{
    strait_tokenizer *tokenizer = in->tokenizer;
    tokenizer->kind = in->byte_level ? STRAIT__BYTE_LEVEL_BPE : STRAIT__CHARACTER_BPE;
    STRAIT_TRY(check_options(in, model));
    bpe_reader reader = {.in = in, .vocab = json_object_get(model, "vocab")};
    if (!json_is_object(reader.vocab)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.vocab: must be an object", in->name, key);
    }
    STRAIT_TRY(strait__read_tokens(in, reader.vocab));
    strait_status status = read_merges(&reader, model);
    strait_buffer_fini(&reader.bytes);
    STRAIT_TRY(status);
    STRAIT_TRY(strait__reader_bool(in, model, key, "ignore_merges", false, &tokenizer->bpe.ignore_merges));
    const char *unknown = json_string_value(json_object_get(model, "unk_token"));
    if (unknown && unknown[0] == '\0') unknown = NULL;
    return in->byte_level ? check_unknown(in, unknown) : read_characters(in, model, key, unknown);
}
