/* Reading checkpoints: listing, verifying, falling back, opening. */
#define _POSIX_C_SOURCE 200809L
#include "ckpt/checkpoint.h"

#include "base/file.h"
#include "base/json.h"
#include "ckpt/trainer_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void strait_checkpoint_name(int64_t step, char out_name[STRAIT_CHECKPOINT_NAME])
{
    snprintf(out_name, STRAIT_CHECKPOINT_NAME, "step-%08" PRId64, step);
}

/* The step of a name that strait_checkpoint_name gives; -1 for any other. */
static int64_t parse_name(const char *name)
{
    if (strncmp(name, "step-", 5) != 0 || strlen(name) > 5 + 18) return -1;
    int64_t step = 0;
    for (const char *at = name + 5; *at; at++) {
        if (*at < '0' || *at > '9') return -1;
        step = step * 10 + (*at - '0');
    }
    char canonical[STRAIT_CHECKPOINT_NAME];
    strait_checkpoint_name(step, canonical);
    return strcmp(canonical, name) == 0 ? step : -1;
}

static int compare_steps(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

strait_status strait_checkpoint_list(const char *directory, int64_t **out_steps, size_t *out_count)
{
    char **names = NULL;
    size_t count = 0;
    if (strait_path_exists(directory)) STRAIT_TRY(strait_directory_list(directory, &names, &count));
    int64_t *steps = NULL;
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *steps, &steps);
    size_t used = 0;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        int64_t step = parse_name(names[i]);
        if (step >= 0) steps[used++] = step;
    }
    strait_names_free(names, count);
    STRAIT_TRY(status);
    if (used > 1) qsort(steps, used, sizeof *steps, compare_steps);
    *out_steps = steps;
    *out_count = used;
    return STRAIT_OK;
}

static strait_status verify_file(const char *path, const char *name, const json_t *entry, strait_checkpoint_check check)
{
    struct stat info;
    int64_t size = json_integer_value(json_object_get(entry, "size"));
    if (stat(path, &info) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s is missing: %s", name, strerror(errno));
    }
    if (info.st_size != size) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s has %lld bytes, %" PRId64 " were written", name,
                           (long long)info.st_size, size);
    }
    if (check == STRAIT_CHECKPOINT_SIZES) return STRAIT_OK;
    char hash[STRAIT_SHA256_HEX];
    STRAIT_TRY(strait_sha256_file(path, hash));
    if (strcmp(hash, json_string_value(json_object_get(entry, "sha256"))) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s does not match its recorded SHA-256", name);
    }
    return STRAIT_OK;
}

static strait_status verify_files(const char *path, const json_t *files, strait_checkpoint_check check)
{
    const char *const needed[] = {json_object_get(files, "adapter_config.json") ? "adapter_model.safetensors"
                                                                                : "config.json",
                                  "optimizer.safetensors"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!json_object_get(files, needed[i])) {
            return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "its list of files lacks %s", needed[i]);
        }
    }
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)(uintptr_t)files, name, entry)
    {
        char *file;
        STRAIT_TRY(strait_path_join(path, name, &file));
        strait_status status = verify_file(file, name, entry, check);
        strait_free(file);
        STRAIT_TRY(status);
    }
    return STRAIT_OK;
}

strait_status strait_checkpoint_verify(const char *path, strait_checkpoint_check check)
{
    strait__trainer_json json;
    STRAIT_TRY(strait__trainer_json_read(path, &json));
    strait_status status = verify_files(path, json.files, check);
    const char *slash = strrchr(path, '/');
    int64_t named = parse_name(slash ? slash + 1 : path);
    if (status == STRAIT_OK && named >= 0 && named != json.step) {
        status = STRAIT_FAIL(STRAIT_ERR_CORRUPT, "its trainer.json is of step %" PRId64, json.step);
    }
    strait__trainer_json_fini(&json);
    if (status != STRAIT_OK) STRAIT_TRY_CTX(status, "%s", path);
    return STRAIT_OK;
}

/* The path of a step's checkpoint, verified. */
static strait_status try_step(const char *directory, int64_t step, strait_checkpoint_check check, char **out_path)
{
    char name[STRAIT_CHECKPOINT_NAME];
    strait_checkpoint_name(step, name);
    char *path;
    STRAIT_TRY(strait_path_join(directory, name, &path));
    strait_status status = strait_checkpoint_verify(path, check);
    if (status != STRAIT_OK) {
        strait_free(path);
        return status;
    }
    *out_path = path;
    return STRAIT_OK;
}

/* Out of memory says nothing about a checkpoint; every other failure counts against it. */
static bool is_broken(strait_status status)
{
    return status != STRAIT_OK && status != STRAIT_ERR_NO_MEMORY;
}

strait_status strait_checkpoint_find(const char *directory, strait_checkpoint_check check, strait_buffer *notes,
                                     char **out_path, int64_t *out_step)
{
    int64_t *steps = NULL;
    size_t count = 0;
    STRAIT_TRY(strait_checkpoint_list(directory, &steps, &count));
    strait_status status =
        count > 0 ? STRAIT_OK : STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s: holds no checkpoint", directory);
    size_t broken = 0;
    for (size_t i = count; i-- > 0;) {
        status = try_step(directory, steps[i], check, out_path);
        if (status == STRAIT_OK) *out_step = steps[i];
        if (!is_broken(status)) break;
        broken++;
        if (!notes) continue;
        status = strait_buffer_printf(notes, "checkpoint is broken: %s\n", strait_error_message());
        if (status != STRAIT_OK) break;
    }
    if (count > 0 && broken == count && (status == STRAIT_OK || is_broken(status))) {
        status = STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: none of its %zu checkpoints is intact; the oldest: %s", directory,
                             count, strait_error_message());
    }
    strait_free(steps);
    return status;
}

static strait_status has_entry(const char *path, const char *name, bool *out)
{
    char *entry;
    STRAIT_TRY(strait_path_join(path, name, &entry));
    *out = strait_path_exists(entry);
    strait_free(entry);
    return STRAIT_OK;
}

strait_status strait_checkpoint_resolve(const char *path, char **out_path)
{
    bool is_model = false;
    bool is_run = false;
    STRAIT_TRY(has_entry(path, "config.json", &is_model));
    if (!is_model) STRAIT_TRY(has_entry(path, "adapter_config.json", &is_model));
    STRAIT_TRY(has_entry(path, "checkpoints", &is_run));
    if (is_model) return strait_strdup(STRAIT_TAG_OTHER, path, out_path);
    int64_t step = 0;
    if (is_run) {
        char *folder;
        STRAIT_TRY(strait_path_join(path, "checkpoints", &folder));
        strait_status status = strait_checkpoint_find(folder, STRAIT_CHECKPOINT_SIZES, NULL, out_path, &step);
        strait_free(folder);
        return status;
    }
    int64_t *steps = NULL;
    size_t count = 0;
    if (strait_path_is_directory(path)) STRAIT_TRY(strait_checkpoint_list(path, &steps, &count));
    strait_free(steps);
    if (count > 0) return strait_checkpoint_find(path, STRAIT_CHECKPOINT_SIZES, NULL, out_path, &step);
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                       "%s: %s; a model directory (config.json, model.safetensors), a checkpoint or a run is needed",
                       path, strait_path_exists(path) ? "is no model directory, checkpoint or run" : "does not exist");
}

strait_status strait_checkpoint_open(const char *path, strait_checkpoint *out)
{
    strait_checkpoint checkpoint = {0};
    char *optimizer = NULL;
    strait_status status = strait_checkpoint_read_trainer(path, &checkpoint.step, &checkpoint.trainer);
    bool adapters = false;
    if (status == STRAIT_OK) status = has_entry(path, "adapter_config.json", &adapters);
    if (status == STRAIT_OK && adapters) {
        char *file;
        status = strait_path_join(path, "adapter_model.safetensors", &file);
        if (status == STRAIT_OK) {
            status = strait_safetensors_open(file, &checkpoint.adapter);
            strait_free(file);
        }
    } else if (status == STRAIT_OK) {
        status = strait_model_dir_open(path, &checkpoint.model);
    }
    if (status == STRAIT_OK) status = strait_path_join(path, "optimizer.safetensors", &optimizer);
    if (status == STRAIT_OK) status = strait_safetensors_open(optimizer, &checkpoint.optimizer);
    strait_free(optimizer);
    if (status != STRAIT_OK) {
        strait_checkpoint_close(&checkpoint);
        return status;
    }
    *out = checkpoint;
    return STRAIT_OK;
}

void strait_checkpoint_close(strait_checkpoint *checkpoint)
{
    strait_model_dir_close(checkpoint->model);
    strait_safetensors_close(checkpoint->adapter);
    strait_safetensors_close(checkpoint->optimizer);
    json_decref(checkpoint->trainer);
    *checkpoint = (strait_checkpoint){0};
}

strait_status strait_checkpoint_read_trainer(const char *path, int64_t *out_step, json_t **out_trainer)
{
    strait__trainer_json json;
    STRAIT_TRY(strait__trainer_json_read(path, &json));
    *out_step = json.step;
    *out_trainer = json_incref(json.trainer);
    strait__trainer_json_fini(&json);
    return STRAIT_OK;
}
