/* A tokenizer as a whole: opening, closing and looking at it. */
#include "token/tokenizer_parts.h"

#include "base/file.h"

#include <string.h>
#include <utf8proc.h>

#define TOKENIZER_JSON_MAX ((size_t)1 << 30)
#define CONFIG_MAX ((size_t)64 << 20)

static void find_end_of_text(strait_tokenizer *tokenizer)
{
    /* What the families that we know put between documents. */
    static const char *const names[] = {"<|endoftext|>", "<｜end▁of▁sentence｜>", "<seed:eos>", "<|end_of_text|>",
                                        "</s>"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int32_t id = strait_tokenizer_id(tokenizer, names[i], strlen(names[i]));
        if (id < 0 || !(tokenizer->vocab.tokens[id].flags & STRAIT__TOKEN_ADDED)) continue;
        tokenizer->end_of_text = id;
        return;
    }
    tokenizer->end_of_text = tokenizer->eos;
}

const char *strait_tokenizer_model(const strait_tokenizer *tokenizer)
{
    switch (tokenizer->kind) {
    case STRAIT__BYTE_LEVEL_BPE: return "byte-level BPE";
    case STRAIT__CHARACTER_BPE: return "BPE";
    case STRAIT__UNIGRAM: return "Unigram";
    case STRAIT__SENTENCEPIECE:
        return tokenizer->sentencepiece.is_unigram ? "SentencePiece unigram" : "SentencePiece BPE";
    }
    return "";
}

/* "NFC" where that is all, else how many steps there are. */
static strait_status describe_normalizer(const strait_tokenizer *tokenizer, strait_buffer *text)
{
    size_t steps = tokenizer->normalizer_count;
    if (tokenizer->kind == STRAIT__SENTENCEPIECE) steps = tokenizer->sentencepiece.map.unit_count > 0;
    if (steps == 0) return strait_buffer_printf(text, "no normalisation");
    if (steps == 1 && strait_tokenizer_normalizes(tokenizer)) return strait_buffer_printf(text, "NFC");
    return strait_buffer_printf(text, "%zu step%s of normalisation", steps, steps == 1 ? "" : "s");
}

static strait_status describe(strait_tokenizer *tokenizer)
{
    strait_buffer text = {0};
    strait_status status = strait_buffer_printf(&text, "PCRE2 ");
    if (status == STRAIT_OK) status = strait__regex_version(&text);
    if (status == STRAIT_OK) {
        status =
            strait_buffer_printf(&text, ", utf8proc %s (Unicode %s)", utf8proc_version(), utf8proc_unicode_version());
    }
    if (status == STRAIT_OK) status = strait_strdup(STRAIT_TAG_TOKENIZER, text.bytes, &tokenizer->versions);
    strait_buffer_clear(&text);
    if (status == STRAIT_OK) status = strait_buffer_printf(&text, "%s, ", strait_tokenizer_model(tokenizer));
    if (status == STRAIT_OK) status = describe_normalizer(tokenizer, &text);
    if (status == STRAIT_OK) status = strait_buffer_printf(&text, ", %d tokens, ", tokenizer->vocab.count);
    if (status == STRAIT_OK && tokenizer->bpe.merge_count > 0) {
        status = strait_buffer_printf(&text, "%u merges, ", tokenizer->bpe.merge_count);
    }
    if (status == STRAIT_OK) status = strait_buffer_printf(&text, "%d added", tokenizer->added_count);
    if (status == STRAIT_OK) status = strait_strdup(STRAIT_TAG_TOKENIZER, text.bytes, &tokenizer->summary);
    strait_buffer_fini(&text);
    return status;
}

/* A SentencePiece model begins with a line feed, the tag of its first piece, and that piece's length. JSON would go on
 * with white space and then with something visible. */
static bool looks_like_pieces(const strait_buffer *source)
{
    size_t at = 0;
    while (at < source->length && strchr(" \t\r\n", source->bytes[at]) && source->bytes[at] != '\0') at++;
    return at > 0 && at < source->length && source->bytes[0] == '\n' && (unsigned char)source->bytes[at] < 0x20;
}

/* `config_name` is what errors call the bytes in tokenizer->config. */
static strait_status fill(strait_tokenizer *tokenizer, const char *name, const char *config_name)
{
    STRAIT_TRY(strait__scratch_pool_create(&tokenizer->pool));
    const strait_buffer *source = &tokenizer->source;
    STRAIT_TRY(looks_like_pieces(source)
                   ? strait__tokenizer_read_sentencepiece(tokenizer, name, source->bytes, source->length)
                   : strait__tokenizer_read(tokenizer, name, source->bytes, source->length));
    if (tokenizer->config.length > 0) STRAIT_TRY(strait__tokenizer_read_config(tokenizer, config_name));
    find_end_of_text(tokenizer);
    return describe(tokenizer);
}

static strait_status create(strait_tokenizer **out_tokenizer)
{
    strait_tokenizer *tokenizer;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, 1, sizeof *tokenizer, &tokenizer));
    tokenizer->eos = -1;
    tokenizer->pad = -1;
    tokenizer->end_of_text = -1;
    *out_tokenizer = tokenizer;
    return STRAIT_OK;
}

strait_status strait_tokenizer_parse(const char *name, const char *json, size_t length,
                                     strait_tokenizer **out_tokenizer)
{
    strait_tokenizer *tokenizer;
    STRAIT_TRY(create(&tokenizer));
    strait_status status = strait_buffer_append(&tokenizer->source, json, length);
    if (status == STRAIT_OK) status = fill(tokenizer, name, "");
    if (status != STRAIT_OK) {
        strait_tokenizer_destroy(tokenizer);
        return status;
    }
    *out_tokenizer = tokenizer;
    return STRAIT_OK;
}

/* A file of the directory that may be missing. */
static strait_status read_beside(const char *directory, const char *name, strait_buffer *out, char **out_path)
{
    STRAIT_TRY(strait_path_join(directory, name, out_path));
    if (!strait_path_exists(*out_path)) return STRAIT_OK;
    return strait_file_read(*out_path, CONFIG_MAX, out);
}

strait_status strait_tokenizer_path(const char *directory, char **out_path)
{
    char *other = NULL;
    char *path = NULL;
    STRAIT_TRY(strait_path_join(directory, "tokenizer.json", &path));
    if (!strait_path_exists(path)) {
        strait_status status = strait_path_join(directory, "tokenizer.model", &other);
        if (status != STRAIT_OK) {
            strait_free(path);
            return status;
        }
        if (strait_path_exists(other)) {
            strait_free(path);
            path = other;
        } else {
            strait_free(other);
        }
    }
    *out_path = path;
    return STRAIT_OK;
}

strait_status strait_tokenizer_load(const char *path, strait_tokenizer **out_tokenizer)
{
    strait_tokenizer *tokenizer;
    char *file = NULL;
    char *config = NULL;
    char *template = NULL;
    STRAIT_TRY(create(&tokenizer));
    strait_status status;
    if (strait_path_is_directory(path)) {
        status = strait_tokenizer_path(path, &file);
        if (status == STRAIT_OK) status = read_beside(path, "tokenizer_config.json", &tokenizer->config, &config);
        if (status == STRAIT_OK) {
            status = read_beside(path, "chat_template.jinja", &tokenizer->chat_template, &template);
        }
    } else {
        status = strait_strdup(STRAIT_TAG_TOKENIZER, path, &file);
    }
    if (status == STRAIT_OK && !strait_path_exists(file)) {
        status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                             "%s: does not exist; a tokenizer.json or a folder that has one (or a tokenizer.model) is "
                             "needed (the model's own, "
                             "or a new one by `strait tokenizer train`)",
                             file);
    }
    if (status == STRAIT_OK) status = strait_file_read(file, TOKENIZER_JSON_MAX, &tokenizer->source);
    if (status == STRAIT_OK) status = fill(tokenizer, file, config);
    strait_free(file);
    strait_free(config);
    strait_free(template);
    if (status != STRAIT_OK) {
        strait_tokenizer_destroy(tokenizer);
        return status;
    }
    *out_tokenizer = tokenizer;
    return STRAIT_OK;
}

void strait_tokenizer_destroy(strait_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    for (size_t i = 0; i < tokenizer->step_count; i++) strait__regex_destroy(tokenizer->steps[i].regex);
    for (size_t i = 0; i < tokenizer->normalizer_count; i++) {
        strait__charsmap_fini(&tokenizer->normalizers[i].map);
        strait__regex_destroy(tokenizer->normalizers[i].regex);
        strait_free(tokenizer->normalizers[i].content);
    }
    for (size_t i = 0; i < tokenizer->decoder_count; i++) {
        strait__regex_destroy(tokenizer->decoders[i].regex);
        strait_free(tokenizer->decoders[i].content);
    }
    strait__unigram_fini(&tokenizer->unigram);
    strait__sentencepiece_fini(&tokenizer->sentencepiece);
    strait_free(tokenizer->before.ids);
    strait_free(tokenizer->after.ids);
    strait_free(tokenizer->components);
    strait__scratch_pool_destroy(tokenizer->pool);
    strait__bpe_fini(&tokenizer->bpe);
    strait__vocab_fini(&tokenizer->vocab);
    strait__added_fini(&tokenizer->raw);
    strait__added_fini(&tokenizer->normalized);
    strait_free(tokenizer->merges);
    strait_free(tokenizer->versions);
    strait_free(tokenizer->summary);
    strait_buffer_fini(&tokenizer->source);
    strait_buffer_fini(&tokenizer->config);
    strait_buffer_fini(&tokenizer->chat_template);
    strait_free(tokenizer);
}

int32_t strait_tokenizer_vocab_size(const strait_tokenizer *tokenizer)
{
    return tokenizer->vocab.count;
}

int32_t strait_tokenizer_id(const strait_tokenizer *tokenizer, const char *bytes, size_t length)
{
    int32_t id = strait__added_exact(&tokenizer->raw, bytes, length);
    if (id < 0) id = strait__added_exact(&tokenizer->normalized, bytes, length);
    return id >= 0 ? id : strait__vocab_find(&tokenizer->vocab, bytes, length);
}

const char *strait_tokenizer_token(const strait_tokenizer *tokenizer, int32_t id, size_t *out_length)
{
    if (id < 0 || id >= tokenizer->vocab.count) {
        *out_length = 0;
        return NULL;
    }
    return strait__vocab_bytes(&tokenizer->vocab, id, out_length);
}

bool strait_tokenizer_is_special(const strait_tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && id < tokenizer->vocab.count && tokenizer->vocab.tokens[id].flags & STRAIT__TOKEN_SPECIAL;
}

bool strait_tokenizer_is_added(const strait_tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && id < tokenizer->vocab.count && tokenizer->vocab.tokens[id].flags & STRAIT__TOKEN_ADDED;
}

int32_t strait_tokenizer_end_of_text(const strait_tokenizer *tokenizer)
{
    return tokenizer->end_of_text;
}

int32_t strait_tokenizer_eos(const strait_tokenizer *tokenizer)
{
    return tokenizer->eos >= 0 ? tokenizer->eos : tokenizer->end_of_text;
}

int32_t strait_tokenizer_pad(const strait_tokenizer *tokenizer)
{
    return tokenizer->pad >= 0 ? tokenizer->pad : tokenizer->end_of_text;
}

const char *strait_tokenizer_unicode_versions(const strait_tokenizer *tokenizer)
{
    return tokenizer->versions;
}

const char *strait_tokenizer_summary(const strait_tokenizer *tokenizer)
{
    return tokenizer->summary;
}

int32_t strait_tokenizer_merge_count(const strait_tokenizer *tokenizer)
{
    return (int32_t)tokenizer->bpe.merge_count;
}

int32_t strait_tokenizer_added_count(const strait_tokenizer *tokenizer)
{
    return tokenizer->added_count;
}

bool strait_tokenizer_normalizes(const strait_tokenizer *tokenizer)
{
    for (size_t i = 0; i < tokenizer->normalizer_count; i++) {
        const strait__normal_step *step = &tokenizer->normalizers[i];
        if (step->kind == STRAIT__NORMAL_FORM && step->form == STRAIT__NFC) return true;
    }
    return false;
}
