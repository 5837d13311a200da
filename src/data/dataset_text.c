/* Evaluation data straight from text: encoded into memory, then read as any shard. */
#include "base/file.h"
#include "base/status.h"
#include "data/dataset.h"
#include "data/dataset_internal.h"
#include "data/shard.h"

#include <string.h>

typedef struct growing {
    int32_t *ids;
    int64_t tokens;
    int64_t token_room;
    int64_t *starts;
    int64_t documents;
    int64_t document_room;
    int64_t text_bytes;
    int64_t invalid;
} growing;

static strait_status append_document(growing *g, const strait_encoding *encoding, int32_t eos)
{
    int64_t need = g->tokens + (int64_t)encoding->count + 1;
    if (need > g->token_room) {
        int64_t room = need + need / 2 + 1024;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, (size_t)room, sizeof *g->ids, &g->ids));
        g->token_room = room;
    }
    if (g->documents + 2 > g->document_room) {
        int64_t room = g->document_room * 2 + 64;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, (size_t)room, sizeof *g->starts, &g->starts));
        g->document_room = room;
    }
    if (encoding->count > 0) memcpy(g->ids + g->tokens, encoding->ids, encoding->count * sizeof *g->ids);
    g->tokens = need;
    g->ids[need - 1] = eos;
    g->documents++;
    g->starts[g->documents] = need;
    return STRAIT_OK;
}

static strait_status encode_corpus(strait_corpus *corpus, const strait__encoder *encoder, strait_encoding *encoding,
                                   growing *g)
{
    for (;;) {
        strait_document document;
        int found;
        STRAIT_TRY(strait_corpus_next(corpus, &document, &found));
        if (!found) return STRAIT_OK;
        STRAIT_TRY_CTX(encoder->encode(encoder->context, document.text, document.length, encoding), "%s:%lld",
                       document.path, (long long)document.line);
        STRAIT_TRY(append_document(g, encoding, encoder->eos));
        g->text_bytes += (int64_t)document.length;
        g->invalid += document.invalid_utf8;
    }
}

strait_status strait__dataset_from_text(const char *path, const strait__encoder *encoder,
                                        const strait_corpus_options *corpus_options,
                                        const strait_dataset_params *params, strait_dataset **out_dataset,
                                        int64_t *out_invalid_utf8)
{
    strait_corpus *corpus;
    STRAIT_TRY(strait_corpus_open(&path, 1, corpus_options, &corpus));
    strait_encoding encoding = {0};
    growing g = {0};
    strait_status status = encode_corpus(corpus, encoder, &encoding, &g);
    strait_encoding_fini(&encoding);
    strait_corpus_close(corpus);
    if (status != STRAIT_OK) {
        strait_free(g.ids);
        strait_free(g.starts);
        return status;
    }
    strait__shard *shard;
    const strait__shard_memory memory = {
        .ids = g.ids, .tokens = g.tokens, .starts = g.starts, .documents = g.documents, .text_bytes = g.text_bytes};
    STRAIT_TRY(strait__shard_from_memory(path, &memory, &shard));
    strait_dataset_params sequential = *params;
    sequential.sequential = true;
    STRAIT_TRY(strait__dataset_from_shard(shard, &sequential, out_dataset));
    if (out_invalid_utf8) *out_invalid_utf8 = g.invalid;
    return STRAIT_OK;
}

/* Is there a pair of token files by this name? */
static strait_status is_shard(const char *path, bool *out_is)
{
    size_t length = strlen(path);
    *out_is = length > 4 && strcmp(path + length - 4, ".idx") == 0;
    if (*out_is) return STRAIT_OK;
    bool is_bin = length > 4 && strcmp(path + length - 4, ".bin") == 0;
    strait_buffer idx = {0};
    strait_status status = strait_buffer_printf(&idx, "%.*s.idx", (int)(is_bin ? length - 4 : length), path);
    if (status == STRAIT_OK) *out_is = strait_path_exists(idx.bytes);
    strait_buffer_fini(&idx);
    return status;
}

/* Which part of a packed corpus is meant is not guessed. */
static strait_status refuse_prefix(const char *path)
{
    if (strait_path_exists(path)) return STRAIT_OK;
    static const char *const endings[] = {".idx", "_train.idx"};
    bool exists[2] = {false, false};
    for (int i = 0; i < 2; i++) {
        strait_buffer name = {0};
        strait_status status = strait_buffer_printf(&name, "%s%s", path, endings[i]);
        if (status == STRAIT_OK) exists[i] = strait_path_exists(name.bytes);
        strait_buffer_fini(&name);
        STRAIT_TRY(status);
    }
    if (exists[0] || !exists[1]) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: a packed corpus has parts: name %s_val or %s_train", path, path, path);
}

strait_status strait_dataset_open_any(const char *path, const strait_tokenizer *tokenizer,
                                      const strait_corpus_options *corpus, const strait_dataset_params *params,
                                      strait_dataset **out_dataset, int64_t *out_invalid_utf8)
{
    bool shard;
    STRAIT_TRY(refuse_prefix(path));
    STRAIT_TRY(is_shard(path, &shard));
    if (!shard) {
        strait__encoder encoder;
        if (!tokenizer) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE,
                               "text needs a tokenizer: %s is no token shards, and there is no "
                               "tokenizer.json beside the model",
                               path);
        }
        STRAIT_TRY(strait__encoder_init(&encoder, tokenizer, 0));
        return strait__dataset_from_text(path, &encoder, corpus, params, out_dataset, out_invalid_utf8);
    }
    char hash[65];
    const strait_dataset_source source = {.path = path, .weight = 1.0};
    strait_dataset_params sequential = *params;
    sequential.sources = &source;
    sequential.source_count = 1;
    sequential.sequential = true;
    if (!sequential.tokenizer_sha256 && tokenizer) {
        STRAIT_TRY(strait_tokenizer_hash(tokenizer, hash));
        sequential.tokenizer_sha256 = hash;
    }
    STRAIT_TRY(strait_dataset_create(&sequential, out_dataset));
    if (out_invalid_utf8) *out_invalid_utf8 = 0;
    return STRAIT_OK;
}
