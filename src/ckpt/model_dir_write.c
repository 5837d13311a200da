/* Writing a model directory: shards by size, the index, the configs, the tokenizer's files. */
#include "ckpt/model_dir.h"

#include "base/file.h"
#include "base/json.h"

#include <strait/tokenizer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARD_BYTES INT64_C(5000000000)
#define SINGLE_FILE "model.safetensors"
#define INDEX_FILE "model.safetensors.index.json"
#define GENERATION_FILE "generation_config.json"
#define TOKENIZER_CONFIG_FILE "tokenizer_config.json"
#define NAME_MAX_LENGTH 64

/* What transformers and the tokenizers package may look for beside tokenizer.json. */
static const char *const tokenizer_files[] = {
    "special_tokens_map.json", "added_tokens.json",  "vocab.json", "merges.txt",
    "tokenizer.model",         "chat_template.jinja"};

/* A run of consecutive tensors that share a file. */
typedef struct shard {
    size_t begin;
    size_t end;
} shard;

static int compare_specs(const void *a, const void *b)
{
    return strcmp(((const strait_tensor_spec *)a)->name, ((const strait_tensor_spec *)b)->name);
}

static strait_status record(strait_file_list *files, const char *name, const strait_file_digest *digest)
{
    return files ? strait_file_list_add(files, name, digest) : STRAIT_OK;
}

static strait_status write_text(const char *directory, const char *name, const strait_buffer *text,
                                strait_file_list *files)
{
    char *path;
    strait_file_digest digest;
    STRAIT_TRY(strait_path_join(directory, name, &path));
    strait_status status = strait_file_write(path, text->bytes, text->length, &digest);
    strait_free(path);
    STRAIT_TRY(status);
    return record(files, name, &digest);
}

static strait_status write_json(const char *directory, const char *name, const json_t *json, strait_file_list *files)
{
    strait_buffer text = {0};
    strait_status status = strait_json_format(json, 2, &text);
    if (status == STRAIT_OK) status = strait_buffer_append(&text, "\n", 1);
    if (status == STRAIT_OK) status = write_text(directory, name, &text, files);
    strait_buffer_fini(&text);
    return status;
}

/* Cuts the sorted tensors into shards of at most `limit` bytes (a larger tensor has one of its own). */
static strait_status cut(const strait_tensor_spec *tensors, size_t count, int64_t limit, shard *shards,
                         size_t *out_shards, int64_t *out_bytes)
{
    size_t used = 0;
    int64_t filled = 0;
    int64_t total = 0;
    shards[0] = (shard){0};
    for (size_t i = 0; i < count; i++) {
        int64_t size = 0;
        STRAIT_TRY_CTX(strait_shape_bytes(&tensors[i].shape, tensors[i].dtype, &size), "tensor \"%s\"",
                       tensors[i].name);
        if (!strait_add_i64(total, size, &total)) {
            return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "the model has more bytes than 63 bits can count");
        }
        if (filled > 0 && size > limit - filled) {
            shards[used++].end = i;
            shards[used].begin = i;
            filled = 0;
        }
        filled += size;
    }
    shards[used++].end = count;
    *out_shards = used;
    *out_bytes = total;
    return STRAIT_OK;
}

static void shard_name(size_t index, size_t count, char name[NAME_MAX_LENGTH])
{
    if (count == 1) {
        snprintf(name, NAME_MAX_LENGTH, SINGLE_FILE);
    } else {
        snprintf(name, NAME_MAX_LENGTH, "model-%05zu-of-%05zu.safetensors", index + 1, count);
    }
}

static strait_status write_shard(const char *directory, const char *name, const strait_tensor_spec *tensors,
                                 const shard *part, strait_file_list *files)
{
    char *path;
    strait_file_digest digest;
    STRAIT_TRY(strait_path_join(directory, name, &path));
    strait_status status =
        strait_safetensors_write(path, tensors + part->begin, part->end - part->begin, NULL, &digest);
    strait_free(path);
    STRAIT_TRY(status);
    return record(files, name, &digest);
}

static strait_status write_index(const char *directory, const strait_tensor_spec *tensors, const shard *shards,
                                 size_t count, int64_t total, strait_file_list *files)
{
    json_t *map = json_object();
    int failed = map ? 0 : -1;
    for (size_t i = 0; i < count; i++) {
        char name[NAME_MAX_LENGTH];
        shard_name(i, count, name);
        for (size_t j = shards[i].begin; j < shards[i].end; j++) {
            if (json_object_get(map, tensors[j].name)) {
                json_decref(map);
                return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: tensor \"%s\" is given twice", directory, tensors[j].name);
            }
            failed |= json_object_set_new(map, tensors[j].name, json_string(name));
        }
    }
    json_t *index = json_pack("{s:{s:I}, s:o}", "metadata", "total_size", (json_int_t)total, "weight_map", map);
    strait_status status = STRAIT_OK;
    if (failed || !index) status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory for the index", directory);
    if (status == STRAIT_OK) status = write_json(directory, INDEX_FILE, index, files);
    json_decref(index);
    return status;
}

static strait_status write_tensors(const char *directory, const strait_model_write *model, strait_file_list *files)
{
    strait_tensor_spec *sorted = NULL;
    shard *shards = NULL;
    size_t shard_count = 0;
    int64_t total = 0;
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, model->count, sizeof *sorted, &sorted);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, model->count + 1, sizeof *shards, &shards);
    if (status == STRAIT_OK && model->count > 0) {
        memcpy(sorted, model->tensors, model->count * sizeof *sorted);
        qsort(sorted, model->count, sizeof *sorted, compare_specs);
    }
    int64_t limit = model->shard_bytes > 0 ? model->shard_bytes : SHARD_BYTES;
    if (status == STRAIT_OK) status = cut(sorted, model->count, limit, shards, &shard_count, &total);
    for (size_t i = 0; i < shard_count && status == STRAIT_OK; i++) {
        char name[NAME_MAX_LENGTH];
        shard_name(i, shard_count, name);
        status = write_shard(directory, name, sorted, &shards[i], files);
    }
    if (status == STRAIT_OK && shard_count > 1) {
        status = write_index(directory, sorted, shards, shard_count, total, files);
    }
    strait_free(shards);
    strait_free(sorted);
    return status;
}

static strait_status write_configs(const char *directory, const strait_model_write *model, strait_file_list *files)
{
    strait_buffer text = {0};
    strait_status status = strait_model_config_format(model->config, &text);
    if (status == STRAIT_OK) status = write_text(directory, "config.json", &text, files);
    strait_buffer_clear(&text);
    if (status == STRAIT_OK && !model->generation) {
        status = strait_generation_config_format(model->config, &text);
        if (status == STRAIT_OK) status = write_text(directory, GENERATION_FILE, &text, files);
    }
    strait_buffer_fini(&text);
    if (status != STRAIT_OK || !model->generation) return status;
    return write_json(directory, GENERATION_FILE, model->generation, files);
}

static strait_status copy_file(const char *from, const char *directory, const char *name, strait_file_list *files)
{
    char *to;
    strait_file_digest digest;
    STRAIT_TRY(strait_path_join(directory, name, &to));
    strait_status status = strait_file_copy(from, to, &digest);
    strait_free(to);
    STRAIT_TRY(status);
    return record(files, name, &digest);
}

static strait_status copy_if_there(const char *from_directory, const char *directory, const char *name,
                                   strait_file_list *files)
{
    char *from;
    STRAIT_TRY(strait_path_join(from_directory, name, &from));
    strait_status status = strait_path_exists(from) ? copy_file(from, directory, name, files) : STRAIT_OK;
    strait_free(from);
    return status;
}

/* Reads the source's tokenizer_config.json, or begins one where there is none. */
static strait_status tokenizer_config(const char *from, const strait_model_config *config, json_t **out)
{
    char *path;
    STRAIT_TRY(strait_path_join(from, TOKENIZER_CONFIG_FILE, &path));
    strait_status status = STRAIT_OK;
    if (strait_path_exists(path)) {
        status = strait_json_read(path, out);
    } else {
        *out = json_pack("{s:b, s:I}", "clean_up_tokenization_spaces", 0, "model_max_length",
                         (json_int_t)config->max_position_embeddings);
        if (!*out) status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for " TOKENIZER_CONFIG_FILE);
    }
    if (status == STRAIT_OK && !json_is_object(*out)) {
        status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: is not a JSON object", path);
    }
    strait_free(path);
    return status;
}

/*
 * The class is always PreTrainedTokenizerFast, which does what tokenizer.json says. Without the file transformers would
 * guess a class from model_type, and others (Qwen2Tokenizer in 5.x) bring a normaliser of their own. In 4.57 that class
 * names token_type_ids as an input, which the models refuse, so that the inputs are listed where the file does not.
 */
static strait_status write_tokenizer_config(const char *from, const char *directory, const strait_model_config *config,
                                            strait_file_list *files)
{
    json_t *json = NULL;
    strait_status status = tokenizer_config(from, config, &json);
    if (status == STRAIT_OK &&
        json_object_set_new(json, "tokenizer_class", json_string("PreTrainedTokenizerFast")) != 0) {
        status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for " TOKENIZER_CONFIG_FILE);
    }
    if (status == STRAIT_OK && !json_object_get(json, "model_input_names") &&
        json_object_set_new(json, "model_input_names", json_pack("[s, s]", "input_ids", "attention_mask")) != 0) {
        status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for " TOKENIZER_CONFIG_FILE);
    }
    if (status == STRAIT_OK) status = write_json(directory, TOKENIZER_CONFIG_FILE, json, files);
    json_decref(json);
    return status;
}

static strait_status copy_siblings(const char *from, const char *directory, strait_file_list *files)
{
    for (size_t i = 0; i < sizeof tokenizer_files / sizeof tokenizer_files[0]; i++) {
        STRAIT_TRY(copy_if_there(from, directory, tokenizer_files[i], files));
    }
    return STRAIT_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

static strait_status copy_tokenizer(const char *source, const char *directory, const strait_model_config *config,
                                    strait_file_list *files)
{
    char *file = NULL;
    char *folder = NULL;
    strait_status status;
    if (strait_path_is_directory(source)) {
        status = strait_tokenizer_path(source, &file);
        if (status == STRAIT_OK) status = strait_strdup(STRAIT_TAG_OTHER, source, &folder);
    } else {
        const char *slash = strrchr(source, '/');
        status = strait_strdup(STRAIT_TAG_OTHER, source, &file);
        if (status == STRAIT_OK) {
            status = slash ? strait_strndup(STRAIT_TAG_OTHER, source, (size_t)(slash - source) + 1, &folder)
                           : strait_strdup(STRAIT_TAG_OTHER, ".", &folder);
        }
    }
    /* A tokenizer.model is among the siblings. */
    bool pieces = status == STRAIT_OK && ends_with(file, "tokenizer.model");
    if (status == STRAIT_OK && !pieces) status = copy_file(file, directory, "tokenizer.json", files);
    if (status == STRAIT_OK) status = write_tokenizer_config(folder, directory, config, files);
    if (status == STRAIT_OK) status = copy_siblings(folder, directory, files);
    strait_free(file);
    strait_free(folder);
    return status;
}

static strait_status refuse_existing(const char *directory)
{
    static const char *const names[] = {SINGLE_FILE, INDEX_FILE, "config.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path;
        STRAIT_TRY(strait_path_join(directory, names[i], &path));
        bool exists = strait_path_exists(path);
        strait_free(path);
        if (exists) {
            return STRAIT_FAIL(STRAIT_ERR_EXISTS, "%s: holds a model already (%s); choose another directory", directory,
                               names[i]);
        }
    }
    return STRAIT_OK;
}

strait_status strait_model_dir_write(const char *path, const strait_model_write *model, strait_file_list *files)
{
    STRAIT_TRY(strait_directory_create(path));
    STRAIT_TRY(refuse_existing(path));
    STRAIT_TRY(write_tensors(path, model, files));
    STRAIT_TRY(write_configs(path, model, files));
    if (model->tokenizer) STRAIT_TRY(copy_tokenizer(model->tokenizer, path, model->config, files));
    return STRAIT_OK;
}
