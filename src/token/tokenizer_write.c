/* Writing: tokenizer.json of a trained tokenizer, the model directory's files, and the canonical form that is hashed.
 */
#include "token/tokenizer_parts.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "token/byte_level.h"

#include <string.h>

static strait_status append_text(strait_buffer *out, const char *text)
{
    return strait_buffer_append(out, text, strlen(text));
}

/* A string in JSON's quotes. */
static strait_status append_string(strait_buffer *out, const char *text, size_t length)
{
    json_t *value = json_stringn(text, length);
    if (!value) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for a string of %zu bytes", length);
    strait_status status = strait_json_format(value, 0, out);
    json_decref(value);
    return status;
}

/* A token in its visible form, in quotes. */
static strait_status append_token(const strait__vocab *vocab, int32_t id, strait_buffer *visible, strait_buffer *out)
{
    size_t length;
    const char *bytes = strait__vocab_bytes(vocab, id, &length);
    if (!(vocab->tokens[id].flags & STRAIT__TOKEN_MODEL)) return append_string(out, bytes, length);
    strait_buffer_clear(visible);
    STRAIT_TRY(strait__byte_level_format(bytes, length, visible));
    return append_string(out, visible->bytes, visible->length);
}

static strait_status format_added(const strait__vocab *vocab, strait_buffer *out)
{
    const char *comma = "";
    STRAIT_TRY(append_text(out, "  \"added_tokens\": ["));
    for (int32_t id = 0; id < vocab->count; id++) {
        if (!(vocab->tokens[id].flags & STRAIT__TOKEN_SPECIAL)) continue;
        size_t length;
        const char *content = strait__vocab_bytes(vocab, id, &length);
        STRAIT_TRY(strait_buffer_printf(out, "%s\n    {\"id\": %d, \"content\": ", comma, id));
        STRAIT_TRY(append_string(out, content, length));
        STRAIT_TRY(append_text(out, ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                                    "\"normalized\": false, \"special\": true}"));
        comma = ",";
    }
    return append_text(out, "\n  ],\n");
}

static strait_status format_components(strait_buffer *out)
{
    STRAIT_TRY(append_text(out, "  \"normalizer\": {\"type\": \"NFC\"},\n"
                                "  \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [\n"
                                "    {\"type\": \"Split\", \"pattern\": {\"Regex\": "));
    STRAIT_TRY(append_string(out, strait__qwen_pattern, strlen(strait__qwen_pattern)));
    return append_text(out, "}, \"behavior\": \"Isolated\", \"invert\": false},\n"
                            "    {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, "
                            "\"use_regex\": false}\n"
                            "  ]},\n"
                            "  \"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                            "\"trim_offsets\": false, \"use_regex\": false},\n"
                            "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                            "\"trim_offsets\": false, \"use_regex\": false},\n");
}

static strait_status format_model(const strait__trained *trained, strait_buffer *visible, strait_buffer *out)
{
    const strait__vocab *vocab = trained->vocab;
    STRAIT_TRY(append_text(out, "  \"model\": {\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
                                "\"continuing_subword_prefix\": \"\",\n    \"end_of_word_suffix\": \"\", "
                                "\"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,\n"
                                "    \"vocab\": {"));
    for (int32_t id = 0; id < vocab->count; id++) {
        STRAIT_TRY(append_text(out, id ? ",\n      " : "\n      "));
        STRAIT_TRY(append_token(vocab, id, visible, out));
        STRAIT_TRY(strait_buffer_printf(out, ": %d", id));
    }
    /* Pairs as arrays: in the older form "a b" a merge that begins with "#version" would be taken for a comment. */
    STRAIT_TRY(append_text(out, "\n    },\n    \"merges\": ["));
    for (size_t i = 0; i < trained->merge_count; i++) {
        STRAIT_TRY(append_text(out, i ? ",\n      [" : "\n      ["));
        STRAIT_TRY(append_token(vocab, trained->merges[i].left, visible, out));
        STRAIT_TRY(append_text(out, ", "));
        STRAIT_TRY(append_token(vocab, trained->merges[i].right, visible, out));
        STRAIT_TRY(append_text(out, "]"));
    }
    return append_text(out, "\n    ]\n  }\n}\n");
}

strait_status strait__tokenizer_format(const strait__trained *trained, strait_buffer *out)
{
    strait_buffer visible = {0};
    strait_status status =
        append_text(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n");
    if (status == STRAIT_OK) status = format_added(trained->vocab, out);
    if (status == STRAIT_OK) status = format_components(out);
    if (status == STRAIT_OK) status = format_model(trained, &visible, out);
    strait_buffer_fini(&visible);
    return status;
}

static strait_status set_token_name(const strait_tokenizer *tokenizer, json_t *config, const char *key, int32_t id)
{
    json_t *value = NULL;
    if (id < 0) {
        value = json_null();
    } else {
        size_t length;
        const char *content = strait__vocab_bytes(&tokenizer->vocab, id, &length);
        value = json_stringn(content, length);
    }
    if (json_object_set_new(config, key, value) == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for tokenizer_config.json");
}

/* The settings as they were read, or those of a tokenizer that came without any. */
static strait_status make_config(const strait_tokenizer *tokenizer, json_t **out_config)
{
    if (tokenizer->config.length > 0) {
        STRAIT_TRY(
            strait_json_parse("tokenizer_config.json", tokenizer->config.bytes, tokenizer->config.length, out_config));
    } else {
        *out_config = json_pack("{s:b, s:n, s:b, s:s}", "add_prefix_space", 0, "bos_token",
                                "clean_up_tokenization_spaces", 0, "errors", "replace");
        if (!*out_config) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for tokenizer_config.json");
        STRAIT_TRY(set_token_name(tokenizer, *out_config, "eos_token", strait_tokenizer_eos(tokenizer)));
        STRAIT_TRY(set_token_name(tokenizer, *out_config, "pad_token", strait_tokenizer_pad(tokenizer)));
        STRAIT_TRY(set_token_name(tokenizer, *out_config, "unk_token", -1));
    }
    json_t *class = json_string("PreTrainedTokenizerFast");
    bool done = json_object_set_new(*out_config, "tokenizer_class", class) == 0;
    /* That class names token_type_ids as an input of its own accord in 4.57, and the models then refuse it. */
    if (done && !json_object_get(*out_config, "model_input_names")) {
        json_t *names = json_pack("[s, s]", "input_ids", "attention_mask");
        done = json_object_set_new(*out_config, "model_input_names", names) == 0;
    }
    if (done) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for tokenizer_config.json");
}

static strait_status write_file(const char *directory, const char *name, const strait_buffer *bytes)
{
    char *path;
    STRAIT_TRY(strait_path_join(directory, name, &path));
    strait_status status = strait_file_replace(path, bytes->bytes, bytes->length);
    strait_free(path);
    return status;
}

strait_status strait_tokenizer_save(const strait_tokenizer *tokenizer, const char *directory)
{
    json_t *config = NULL;
    strait_buffer text = {0};
    strait_status status = strait_directory_create(directory);
    const char *name = tokenizer->kind == STRAIT__SENTENCEPIECE ? "tokenizer.model" : "tokenizer.json";
    if (status == STRAIT_OK) status = write_file(directory, name, &tokenizer->source);
    if (status == STRAIT_OK) status = make_config(tokenizer, &config);
    if (status == STRAIT_OK) status = strait_json_format(config, 2, &text);
    if (status == STRAIT_OK) status = append_text(&text, "\n");
    if (status == STRAIT_OK) status = write_file(directory, "tokenizer_config.json", &text);
    if (status == STRAIT_OK && tokenizer->chat_template.length > 0) {
        status = write_file(directory, "chat_template.jinja", &tokenizer->chat_template);
    }
    json_decref(config);
    strait_buffer_fini(&text);
    return status;
}

static strait_status append_hex(strait_buffer *out, const char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    STRAIT_TRY(strait_buffer_reserve(out, 2 * length + 2));
    char *at = out->bytes + out->length;
    *at++ = '"';
    for (size_t i = 0; i < length; i++) {
        *at++ = digits[(unsigned char)bytes[i] >> 4];
        *at++ = digits[(unsigned char)bytes[i] & 15];
    }
    *at++ = '"';
    *at = '\0';
    out->length += 2 * length + 2;
    return STRAIT_OK;
}

static strait_status canonical_tokens(const strait_tokenizer *tokenizer, strait_buffer *out)
{
    const strait__vocab *vocab = &tokenizer->vocab;
    STRAIT_TRY(append_text(out, "\"tokens\":["));
    for (int32_t id = 0; id < vocab->count; id++) {
        size_t length;
        const char *bytes = strait__vocab_bytes(vocab, id, &length);
        /* 1: of the model, 2: added, 4: special, 8: looked for after normalising. */
        bool after =
            vocab->tokens[id].flags & STRAIT__TOKEN_ADDED && strait__added_exact(&tokenizer->raw, bytes, length) != id;
        STRAIT_TRY(append_text(out, id ? ",[" : "["));
        STRAIT_TRY(append_hex(out, bytes, length));
        STRAIT_TRY(strait_buffer_printf(out, ",%u]", vocab->tokens[id].flags | (after ? 8u : 0u)));
    }
    return append_text(out, "],");
}

static strait_status canonical_merges(const strait_tokenizer *tokenizer, strait_buffer *out)
{
    STRAIT_TRY(append_text(out, "\"merges\":["));
    for (uint32_t i = 0; i < tokenizer->bpe.merge_count; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "%s[%d,%d]", i ? "," : "", tokenizer->merges[i].left,
                                        tokenizer->merges[i].right));
    }
    return append_text(out, "],");
}

/* Of tokenizers with more than NFC, splits and byte-level BPE. */
static strait_status canonical_general(const strait_tokenizer *tokenizer, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out, "{\"format\":\"tokenizer-2\",\"model\":\"%s\",\"components\":%s,",
                                    strait_tokenizer_model(tokenizer), tokenizer->components));
    STRAIT_TRY(canonical_merges(tokenizer, out));
    STRAIT_TRY(append_text(out, "\"scores\":["));
    for (int32_t id = 0; tokenizer->kind == STRAIT__UNIGRAM && id < tokenizer->unigram.count; id++) {
        STRAIT_TRY(append_text(out, id ? "," : ""));
        STRAIT_TRY(strait_json_format_real(tokenizer->unigram.scores[id], out));
    }
    STRAIT_TRY(append_text(out, "],"));
    STRAIT_TRY(canonical_tokens(tokenizer, out));
    out->bytes[out->length - 1] = '}';
    return STRAIT_OK;
}

/* A SentencePiece model is one spelling already. */
static strait_status canonical_pieces(const strait_tokenizer *tokenizer, strait_buffer *out)
{
    char hex[65];
    strait_sha256 hash;
    strait_sha256_init(&hash);
    strait_sha256_update(&hash, tokenizer->source.bytes, tokenizer->source.length);
    strait_sha256_final(&hash, hex);
    return strait_buffer_printf(out, "{\"format\":\"sentencepiece-1\",\"sha256\":\"%s\"}", hex);
}

static strait_status canonical(const strait_tokenizer *tokenizer, strait_buffer *out)
{
    if (tokenizer->kind == STRAIT__SENTENCEPIECE) return canonical_pieces(tokenizer, out);
    if (tokenizer->components) return canonical_general(tokenizer, out);
    STRAIT_TRY(strait_buffer_printf(out, "{\"format\":\"byte-level-bpe-1\",\"ignore_merges\":%d,",
                                    tokenizer->bpe.ignore_merges));
    STRAIT_TRY(canonical_merges(tokenizer, out));
    STRAIT_TRY(strait_buffer_printf(out, "\"nfc\":%d,\"splits\":[", strait_tokenizer_normalizes(tokenizer)));
    for (size_t i = 0; i < tokenizer->step_count; i++) {
        const strait__split_step *step = &tokenizer->steps[i];
        const char *pattern = strait__regex_pattern(step->regex);
        STRAIT_TRY(append_text(out, i ? ",[" : "["));
        STRAIT_TRY(append_string(out, pattern, strlen(pattern)));
        STRAIT_TRY(strait_buffer_printf(out, ",%d,%d,%d]", strait__regex_is_literal(step->regex),
                                        step->behavior == STRAIT__REMOVED, step->invert));
    }
    STRAIT_TRY(append_text(out, "],"));
    STRAIT_TRY(canonical_tokens(tokenizer, out));
    out->bytes[out->length - 1] = '}';
    return STRAIT_OK;
}

strait_status strait_tokenizer_hash(const strait_tokenizer *tokenizer, char out_hex[65])
{
    strait_buffer text = {0};
    strait_status status = canonical(tokenizer, &text);
    if (status == STRAIT_OK) {
        strait_sha256 hash;
        strait_sha256_init(&hash);
        strait_sha256_update(&hash, text.bytes, text.length);
        strait_sha256_final(&hash, out_hex);
    }
    strait_buffer_fini(&text);
    return status;
}
