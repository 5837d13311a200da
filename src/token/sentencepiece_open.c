/* A tokenizer from a SentencePiece model and the settings beside it. */
#include "token/tokenizer_parts.h"

#include "base/json.h"

#include <string.h>

/* The beginning and end tokens that tokenizer_config.json asks for; SentencePiece itself adds none. */
static strait_status read_around(strait_tokenizer *tokenizer, const json_t *config, const char *flag, const char *name,
                                 strait__ids *out)
{
    const json_t *token = json_object_get(config, name);
    if (json_is_object(token)) token = json_object_get(token, "content");
    if (!json_is_true(json_object_get(config, flag)) || !json_is_string(token)) return STRAIT_OK;
    int32_t id = strait_tokenizer_id(tokenizer, json_string_value(token), json_string_length(token));
    if (id < 0) return STRAIT_OK;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, 1, sizeof *out->ids, &out->ids));
    out->ids[0] = id;
    out->count = 1;
    return STRAIT_OK;
}

static strait_status read_config(strait_tokenizer *tokenizer)
{
    json_t *config;
    if (tokenizer->config.length == 0) return STRAIT_OK;
    STRAIT_TRY(strait_json_parse("tokenizer_config.json", tokenizer->config.bytes, tokenizer->config.length, &config));
    strait_status status = read_around(tokenizer, config, "add_bos_token", "bos_token", &tokenizer->before);
    if (status == STRAIT_OK) status = read_around(tokenizer, config, "add_eos_token", "eos_token", &tokenizer->after);
    json_decref(config);
    return status;
}

strait_status strait__tokenizer_read_sentencepiece(strait_tokenizer *tokenizer, const char *name, const char *bytes,
                                                   size_t length)
{
    strait__sentencepiece *model = &tokenizer->sentencepiece;
    tokenizer->kind = STRAIT__SENTENCEPIECE;
    STRAIT_TRY(strait__sentencepiece_read(model, &tokenizer->vocab, name, bytes, length));
    STRAIT_TRY(strait__sentencepiece_prepare(model, &tokenizer->vocab, name));
    for (int32_t id = 0; id < model->count; id++) {
        size_t size = 0;
        const char *piece = strait__vocab_bytes(&tokenizer->vocab, id, &size);
        if (model->kinds[id] == STRAIT__PIECE_USER) tokenizer->added_count++;
        if (model->kinds[id] != STRAIT__PIECE_CONTROL) continue;
        if (strait__added_exact(&tokenizer->raw, piece, size) >= 0) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: piece %d, \"%s\", is given twice", name, id, piece);
        }
        STRAIT_TRY(strait__added_insert(&tokenizer->raw, piece, size, id));
        tokenizer->added_count++;
    }
    return read_config(tokenizer);
}
