/*
 * What a file or directory is: models, checkpoints, runs, safetensors, tokenizers, token shards, event files.
 */
#ifndef STRAIT_INFO_H
#define STRAIT_INFO_H

#include <strait/status.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise, set struct_size. */
typedef struct strait_info_options {
    uint32_t struct_size;
    bool json; /* one JSON object instead of lines for people */
    /* Adds the SHA-256 of the parameters ("parameters_sha256"; docs/formats.md has the recipe), and checks every byte
     * of the checkpoints named. Reads all of the files. STRAIT_ERR_USAGE where `path` holds no parameters. */
    bool hash;
    bool tensors; /* lists every tensor of a model, checkpoint or safetensors file */
} strait_info_options;

/*
 * Describes `path` (UTF-8 text ending in a newline, owned by the caller: strait_info_free). The first member of the
 * JSON object is "path", the second "kind": "model", "checkpoint", "checkpoints", "run", "safetensors", "tokenizer",
 * "tokens", "events", "config", "metrics" and a few more that docs/formats.md lists. `options` may be NULL.
 *
 * STRAIT_ERR_NOT_FOUND: no such path. STRAIT_ERR_UNSUPPORTED: nothing that Strait reads or writes; the message says
 * what it looks like, where that is known. Any other error: it is of a known kind and broken; the message says where.
 */
strait_status strait_info_describe(const char *path, const strait_info_options *options,
                                   char **out_text) STRAIT_MUST_USE;
/* NULL is legal. */
void strait_info_free(char *text);

/*
 * The model directory that a path means: itself, or where it is a run or its checkpoints folder, the newest checkpoint
 * that is intact by its sizes. STRAIT_ERR_NOT_FOUND where it is none of these. Free with strait_info_free.
 */
strait_status strait_info_model_directory(const char *path, char **out_directory) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
