/* Opening a model directory: config, shards, and the agreement between the index and what the shards hold. */
#include "ckpt/model_dir.h"

#include "base/file.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define SINGLE_FILE "model.safetensors"
#define INDEX_FILE "model.safetensors.index.json"

struct strait_model_dir {
    char *path;
    strait_model_config config;
    json_t *generation;   /* generation_config.json, or NULL */
    strait_token_ids eos; /* of it, or of config */
    strait_safetensors **shards;
    char **shard_names; /* in bytewise order, parallel to shards */
    size_t shard_count;
    const strait_tensor_view **tensors; /* in bytewise order */
    size_t count;
};

static int compare_views(const void *a, const void *b)
{
    return strcmp((*(const strait_tensor_view *const *)a)->name, (*(const strait_tensor_view *const *)b)->name);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static strait_status add_shard(strait_model_dir *model, const char *name)
{
    size_t count = model->shard_count;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, count + 1, sizeof *model->shard_names, &model->shard_names));
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, count + 1, sizeof(strait_safetensors *), &model->shards));
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, name, &model->shard_names[count]));
    model->shard_count++;
    return STRAIT_OK;
}

static size_t find_shard(const strait_model_dir *model, const char *name)
{
    for (size_t i = 0; i < model->shard_count; i++) {
        if (strcmp(model->shard_names[i], name) == 0) return i;
    }
    return SIZE_MAX;
}

/* The different shards that the index names. A name with a slash could lead out of the directory. */
static strait_status list_shards(strait_model_dir *model, const json_t *map)
{
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (!name || name[0] == '\0' || strchr(name, '/') || strlen(name) != json_string_length(value)) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                               "%s/" INDEX_FILE ": tensor \"%s\": its shard must be the plain name of a file",
                               model->path, tensor);
        }
        if (find_shard(model, name) == SIZE_MAX) STRAIT_TRY(add_shard(model, name));
    }
    if (model->shard_count > 1) {
        qsort(model->shard_names, model->shard_count, sizeof *model->shard_names, compare_strings);
    }
    return STRAIT_OK;
}

static strait_status check_shards_exist(const strait_model_dir *model)
{
    strait_buffer missing = {0};
    size_t count = 0;
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < model->shard_count && status == STRAIT_OK; i++) {
        char *path;
        status = strait_path_join(model->path, model->shard_names[i], &path);
        if (status != STRAIT_OK) break;
        if (!strait_path_exists(path)) {
            status = strait_buffer_printf(&missing, "%s%s", count > 0 ? ", " : "", model->shard_names[i]);
            count++;
        }
        strait_free(path);
    }
    if (status == STRAIT_OK && count > 0) {
        status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s: %zu of %zu shards named by " INDEX_FILE " are missing: %s",
                             model->path, count, model->shard_count, missing.bytes);
    }
    strait_buffer_fini(&missing);
    return status;
}

static strait_status open_shards(strait_model_dir *model)
{
    for (size_t i = 0; i < model->shard_count; i++) {
        char *path;
        STRAIT_TRY(strait_path_join(model->path, model->shard_names[i], &path));
        strait_status status = strait_safetensors_open(path, &model->shards[i]);
        strait_free(path);
        STRAIT_TRY(status);
        model->count += strait_safetensors_count(model->shards[i]);
    }
    return STRAIT_OK;
}

/* Every tensor that the index names is in its shard. */
static strait_status check_index(const strait_model_dir *model, const json_t *map)
{
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (strait_safetensors_find(model->shards[find_shard(model, name)], tensor)) continue;
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s/" INDEX_FILE ": tensor \"%s\" is said to be in %s, which lacks it",
                           model->path, tensor, name);
    }
    return STRAIT_OK;
}

/* Every tensor of every shard is where the index says; so none can be in two. */
static strait_status check_placement(const strait_model_dir *model, const json_t *map)
{
    for (size_t i = 0; i < model->shard_count; i++) {
        for (size_t j = 0; j < strait_safetensors_count(model->shards[i]); j++) {
            const char *tensor = strait_safetensors_get(model->shards[i], j)->name;
            const char *place = json_string_value(json_object_get(map, tensor));
            if (place && strcmp(place, model->shard_names[i]) == 0) continue;
            if (place) {
                return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: tensor \"%s\" is in two shards, %s and %s", model->path,
                                   tensor, place, model->shard_names[i]);
            }
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: tensor \"%s\" of %s is not named by " INDEX_FILE, model->path,
                               tensor, model->shard_names[i]);
        }
    }
    return STRAIT_OK;
}

static strait_status open_sharded(strait_model_dir *model, const char *index_path)
{
    json_t *index = NULL;
    STRAIT_TRY(strait_json_read(index_path, &index));
    const json_t *map = json_object_get(index, "weight_map");
    strait_status status = STRAIT_OK;
    if (!json_is_object(map) || json_object_size(map) == 0) {
        status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: has no \"weight_map\" of tensors to shards", index_path);
    }
    if (status == STRAIT_OK) status = list_shards(model, map);
    if (status == STRAIT_OK) status = check_shards_exist(model);
    if (status == STRAIT_OK) status = open_shards(model);
    if (status == STRAIT_OK) status = check_index(model, map);
    if (status == STRAIT_OK) status = check_placement(model, map);
    json_decref(index);
    return status;
}

static strait_status open_tensors(strait_model_dir *model)
{
    char *single = NULL;
    char *index = NULL;
    strait_status status = strait_path_join(model->path, SINGLE_FILE, &single);
    if (status == STRAIT_OK) status = strait_path_join(model->path, INDEX_FILE, &index);
    if (status == STRAIT_OK) {
        if (strait_path_exists(single)) {
            status = add_shard(model, SINGLE_FILE);
            if (status == STRAIT_OK) status = open_shards(model);
        } else if (strait_path_exists(index)) {
            status = open_sharded(model, index);
        } else {
            status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                                 "%s: has no " SINGLE_FILE " and no " INDEX_FILE
                                 "; a model directory needs one of them (pytorch_model.bin is not read: save the model "
                                 "with safe_serialization=True)",
                                 model->path);
        }
    }
    strait_free(single);
    strait_free(index);
    return status;
}

static strait_status sort_tensors(strait_model_dir *model)
{
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, model->count, sizeof(strait_tensor_view *), &model->tensors));
    size_t used = 0;
    for (size_t i = 0; i < model->shard_count; i++) {
        for (size_t j = 0; j < strait_safetensors_count(model->shards[i]); j++) {
            model->tensors[used++] = strait_safetensors_get(model->shards[i], j);
        }
    }
    if (used > 1) qsort(model->tensors, used, sizeof *model->tensors, compare_views);
    return STRAIT_OK;
}

static strait_status read_config(strait_model_dir *model)
{
    char *path;
    STRAIT_TRY(strait_path_join(model->path, "config.json", &path));
    strait_status status = strait_model_config_read(path, &model->config);
    strait_free(path);
    return status;
}

static strait_status read_generation_config(strait_model_dir *model)
{
    char *path;
    bool given = false;
    model->eos = model->config.eos;
    STRAIT_TRY(strait_path_join(model->path, "generation_config.json", &path));
    strait_status status = STRAIT_OK;
    if (strait_path_exists(path)) {
        strait_token_ids eos;
        status = strait_json_read(path, &model->generation);
        if (status == STRAIT_OK) status = strait_generation_config_eos(path, model->generation, &eos, &given);
        if (status == STRAIT_OK && given) model->eos = eos;
    }
    strait_free(path);
    return status;
}

strait_status strait_model_dir_open(const char *path, strait_model_dir **out_model)
{
    strait_model_dir *model;
    if (!strait_path_is_directory(path)) {
        return STRAIT_FAIL(strait_path_exists(path) ? STRAIT_ERR_USAGE : STRAIT_ERR_NOT_FOUND,
                           "%s: no such directory; a model is a directory with config.json and model.safetensors",
                           path);
    }
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *model, &model));
    strait_status status = strait_strdup(STRAIT_TAG_OTHER, path, &model->path);
    if (status == STRAIT_OK) status = read_config(model);
    if (status == STRAIT_OK) status = read_generation_config(model);
    if (status == STRAIT_OK) status = open_tensors(model);
    if (status == STRAIT_OK) status = sort_tensors(model);
    if (status != STRAIT_OK) {
        strait_model_dir_close(model);
        return status;
    }
    *out_model = model;
    return STRAIT_OK;
}

void strait_model_dir_close(strait_model_dir *model)
{
    if (!model) return;
    for (size_t i = 0; i < model->shard_count; i++) {
        strait_safetensors_close(model->shards[i]);
        strait_free(model->shard_names[i]);
    }
    json_decref(model->generation);
    strait_free(model->shards);
    strait_free(model->shard_names);
    strait_free(model->tensors);
    strait_free(model->path);
    strait_free(model);
}

const char *strait_model_dir_path(const strait_model_dir *model)
{
    return model->path;
}

const strait_model_config *strait_model_dir_config(const strait_model_dir *model)
{
    return &model->config;
}

const strait_token_ids *strait_model_dir_eos(const strait_model_dir *model)
{
    return &model->eos;
}

const json_t *strait_model_dir_generation(const strait_model_dir *model)
{
    return model->generation;
}

size_t strait_model_dir_count(const strait_model_dir *model)
{
    return model->count;
}

const strait_tensor_view *strait_model_dir_get(const strait_model_dir *model, size_t index)
{
    STRAIT_ASSERT(index < model->count);
    return model->tensors[index];
}

const strait_tensor_view *strait_model_dir_find(const strait_model_dir *model, const char *name)
{
    if (model->count == 0) return NULL;
    const strait_tensor_view key = {.name = name};
    const strait_tensor_view *pointer = &key;
    const strait_tensor_view **found =
        bsearch(&pointer, model->tensors, model->count, sizeof *model->tensors, compare_views);
    return found ? *found : NULL;
}

const char *strait_model_dir_file(const strait_model_dir *model, const strait_tensor_view *view)
{
    for (size_t i = 0; view && i < model->shard_count; i++) {
        if (strait_safetensors_find(model->shards[i], view->name) == view) return model->shard_names[i];
    }
    return model->shard_count == 1 ? model->shard_names[0] : INDEX_FILE;
}

size_t strait_model_dir_shards(const strait_model_dir *model)
{
    return model->shard_count;
}

strait_status strait_model_dir_hash(const strait_model_dir *model, char out_hex[STRAIT_SHA256_HEX])
{
    strait_tensor_spec *specs = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, model->count, sizeof *specs, &specs));
    for (size_t i = 0; i < model->count; i++) specs[i] = strait_tensor_spec_from_view(model->tensors[i]);
    strait_status status = strait_params_hash(specs, model->count, out_hex);
    strait_free(specs);
    return status;
}
