/*
 * A model directory of the Hugging Face kind: config.json, model.safetensors (or shards with their index), the
 * tokenizer's files. Knows files and tensors by name; which tensors a model needs is the model's business.
 */
#ifndef STRAIT_CKPT_MODEL_DIR_H
#define STRAIT_CKPT_MODEL_DIR_H

#include "ckpt/file_writer.h"
#include "ckpt/hf_config.h"
#include "ckpt/params_hash.h"

typedef struct strait_model_dir strait_model_dir;

/*
 * Opens config.json and all shards, mapped and checked. A missing or truncated shard, a tensor in two shards and an
 * index that names what a shard lacks are errors naming file and tensor. The caller closes.
 */
strait_status strait_model_dir_open(const char *path, strait_model_dir **out_model) STRAIT_MUST_USE;
void strait_model_dir_close(strait_model_dir *model);

const char *strait_model_dir_path(const strait_model_dir *model);
const strait_model_config *strait_model_dir_config(const strait_model_dir *model);
/* The tokens that end an answer: those of generation_config.json, or where it names none of config.json. */
const strait_token_ids *strait_model_dir_eos(const strait_model_dir *model);
/* generation_config.json as it stands there (borrowed until close); NULL where there is none. */
const json_t *strait_model_dir_generation(const strait_model_dir *model);
/* Tensors of all shards in bytewise order of their names; views live until close. */
size_t strait_model_dir_count(const strait_model_dir *model);
const strait_tensor_view *strait_model_dir_get(const strait_model_dir *model, size_t index);
/* NULL where there is none of that name. */
const strait_tensor_view *strait_model_dir_find(const strait_model_dir *model, const char *name);
/* The name of the file that holds a view of this model; for NULL, the file that would have to: the index, or the only
 * one. Never NULL; lives until close. */
const char *strait_model_dir_file(const strait_model_dir *model, const strait_tensor_view *view);
/* How many .safetensors files the tensors came from. */
size_t strait_model_dir_shards(const strait_model_dir *model);
/* strait_params_hash over all tensors. */
strait_status strait_model_dir_hash(const strait_model_dir *model, char out_hex[STRAIT_SHA256_HEX]) STRAIT_MUST_USE;

/* A model to be written. Everything is borrowed for the call. */
typedef struct strait_model_write {
    const strait_model_config *config;
    const strait_tensor_spec *tensors;
    size_t count;
    /* A directory or a tokenizer.json whose tokenizer files are copied; NULL: none. tokenizer_config.json gets the
     * class PreTrainedTokenizerFast, so that transformers does what tokenizer.json says. */
    const char *tokenizer;
    /* An object for generation_config.json, written as it is; NULL: the ids of config. */
    const json_t *generation;
    int64_t shard_bytes; /* tensors beyond it go into further shards; 0: 5 GB, as transformers does */
} strait_model_write;

/*
 * Writes the directory (created if need be; one that holds a model already is refused). `files`, where not NULL, gets a
 * record of each file. Every file is whole or absent; after a failure the directory may lack files.
 */
strait_status strait_model_dir_write(const char *path, const strait_model_write *model,
                                     strait_file_list *files) STRAIT_MUST_USE;

#endif
