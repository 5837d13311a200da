/*
 * Writing checkpoints. At every moment, a kill included, the directory holds the last good checkpoint under its name
 * or, while one of the same step is being replaced, under .old-<name>, which clean puts back.
 */
#define _POSIX_C_SOURCE 200809L
#include "ckpt/checkpoint.h"

#include "base/file.h"
#include "ckpt/trainer_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OPTIMIZER_FILE "optimizer.safetensors"
#define ADAPTER_FILE "adapter_model.safetensors"

/* Paths of one step: final, while written, while replaced, while removed. All owned. */
typedef struct step_paths {
    char *final;
    char *temporary;
    char *replaced;
    char *removed;
} step_paths;

static strait_status make_path(const char *directory, const char *prefix, const char *name, char **out)
{
    char prefixed[2 * STRAIT_CHECKPOINT_NAME];
    snprintf(prefixed, sizeof prefixed, "%s%s", prefix, name);
    return strait_path_join(directory, prefixed, out);
}

static void paths_fini(step_paths *paths)
{
    strait_free(paths->final);
    strait_free(paths->temporary);
    strait_free(paths->replaced);
    strait_free(paths->removed);
}

static strait_status paths_init(step_paths *paths, const char *directory, int64_t step)
{
    char name[STRAIT_CHECKPOINT_NAME];
    strait_checkpoint_name(step, name);
    *paths = (step_paths){0};
    strait_status status = make_path(directory, "", name, &paths->final);
    if (status == STRAIT_OK) status = make_path(directory, ".tmp-", name, &paths->temporary);
    if (status == STRAIT_OK) status = make_path(directory, ".old-", name, &paths->replaced);
    if (status == STRAIT_OK) status = make_path(directory, ".del-", name, &paths->removed);
    if (status != STRAIT_OK) paths_fini(paths);
    return status;
}

static strait_status move(const char *from, const char *to)
{
    if (rename(from, to) == 0) return STRAIT_OK;
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot rename to %s: %s", from, to, strerror(error));
}

/* Reads a file again, past the page cache where the system allows it, and compares. */
static strait_status recheck(const char *directory, const strait_file_record *record)
{
    char *path;
    STRAIT_TRY(strait_path_join(directory, record->name, &path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* advice: a refusal changes nothing */
        close(fd);
    }
    char hash[STRAIT_SHA256_HEX];
    strait_status status = strait_sha256_file(path, hash);
    if (status == STRAIT_OK && strcmp(hash, record->digest.sha256) != 0) {
        status = STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: reads back other bytes than were written; check the disk", path);
    }
    strait_free(path);
    return status;
}

static strait_status write_optimizer(const char *directory, const strait_checkpoint_write *checkpoint,
                                     strait_file_list *files)
{
    char *path;
    strait_file_digest digest;
    STRAIT_TRY(strait_path_join(directory, OPTIMIZER_FILE, &path));
    strait_status status =
        strait_safetensors_write(path, checkpoint->optimizer, checkpoint->optimizer_count, NULL, &digest);
    strait_free(path);
    STRAIT_TRY(status);
    return strait_file_list_add(files, OPTIMIZER_FILE, &digest);
}

static strait_status write_adapter(const char *directory, const strait_checkpoint_write *checkpoint,
                                   strait_file_list *files)
{
    char *path;
    strait_file_digest digest;
    STRAIT_TRY(strait_directory_create(directory));
    STRAIT_TRY(strait_lora_config_write(directory, checkpoint->lora, files));
    STRAIT_TRY(strait_path_join(directory, ADAPTER_FILE, &path));
    strait_status status =
        strait_safetensors_write(path, checkpoint->model->tensors, checkpoint->model->count, NULL, &digest);
    strait_free(path);
    STRAIT_TRY(status);
    return strait_file_list_add(files, ADAPTER_FILE, &digest);
}

static strait_status write_temporary(const char *directory, const strait_checkpoint_write *checkpoint)
{
    strait_file_list files = {0};
    strait_status status = strait_directory_remove(directory);
    if (status == STRAIT_OK) {
        status = checkpoint->lora ? write_adapter(directory, checkpoint, &files)
                                  : strait_model_dir_write(directory, checkpoint->model, &files);
    }
    if (status == STRAIT_OK) status = write_optimizer(directory, checkpoint, &files);
    for (size_t i = 0; i < files.count && status == STRAIT_OK; i++) status = recheck(directory, &files.records[i]);
    if (status == STRAIT_OK) {
        status = strait__trainer_json_write(directory, checkpoint->step, checkpoint->trainer, &files);
    }
    if (status == STRAIT_OK) status = strait_checkpoint_verify(directory, STRAIT_CHECKPOINT_SIZES);
    if (status == STRAIT_OK) status = strait_directory_sync(directory);
    strait_file_list_fini(&files);
    return status;
}

/* Gives the finished directory its name. */
static strait_status publish(const char *directory, const step_paths *paths)
{
    bool replace = strait_path_exists(paths->final);
    if (replace) {
        STRAIT_TRY(strait_directory_remove(paths->replaced));
        STRAIT_TRY(move(paths->final, paths->replaced));
    }
    strait_status status = move(paths->temporary, paths->final);
    if (status != STRAIT_OK) {
        /* The message of the first failure is the one to keep; clean puts the old one back if this fails too. */
        if (replace) (void)rename(paths->replaced, paths->final);
        return status;
    }
    STRAIT_TRY(strait_directory_sync(directory));
    return replace ? strait_directory_remove(paths->replaced) : STRAIT_OK;
}

/* Out of sight first, so that a kill in the middle leaves no half checkpoint under a good name. */
static strait_status remove_step(const char *directory, int64_t step)
{
    step_paths paths;
    STRAIT_TRY(paths_init(&paths, directory, step));
    strait_status status = strait_directory_remove(paths.removed);
    if (status == STRAIT_OK) status = move(paths.final, paths.removed);
    if (status == STRAIT_OK) status = strait_directory_remove(paths.removed);
    paths_fini(&paths);
    return status;
}

static strait_status is_intact(const char *directory, int64_t step, bool *out)
{
    step_paths paths;
    STRAIT_TRY(paths_init(&paths, directory, step));
    strait_status status = strait_checkpoint_verify(paths.final, STRAIT_CHECKPOINT_SIZES);
    paths_fini(&paths);
    if (status == STRAIT_ERR_NO_MEMORY) return status; /* it says nothing about the checkpoint */
    *out = status == STRAIT_OK;
    return STRAIT_OK;
}

/* From the new one down, `keep` intact ones stay; broken ones do not count. */
static strait_status prune(const char *directory, int64_t newest, int64_t keep)
{
    int64_t *steps = NULL;
    size_t count = 0;
    STRAIT_TRY(strait_checkpoint_list(directory, &steps, &count));
    strait_status status = STRAIT_OK;
    int64_t kept = 0;
    for (size_t i = count; i-- > 0 && status == STRAIT_OK;) {
        bool intact = false;
        bool surplus = steps[i] > newest || (keep > 0 && kept >= keep);
        if (surplus) {
            status = remove_step(directory, steps[i]);
        } else {
            status = is_intact(directory, steps[i], &intact);
            kept += intact ? 1 : 0;
        }
    }
    strait_free(steps);
    return status;
}

strait_status strait_checkpoint_save(const char *directory, const strait_checkpoint_write *checkpoint,
                                     strait_buffer *notes)
{
    if (checkpoint->step < 0 || !json_is_object(checkpoint->trainer)) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: a checkpoint needs a step and the trainer's state", directory);
    }
    step_paths paths;
    STRAIT_TRY(strait_directory_create(directory));
    STRAIT_TRY(paths_init(&paths, directory, checkpoint->step));
    strait_status status = write_temporary(paths.temporary, checkpoint);
    if (status == STRAIT_OK) status = publish(directory, &paths);
    if (status != STRAIT_OK) {
        /* Removing must not replace the message of what went wrong. */
        strait_buffer message = {0};
        strait_status kept = strait_buffer_printf(&message, "%s", strait_error_message());
        strait_status removed = strait_directory_remove(paths.temporary);
        if (kept == STRAIT_OK) {
            status = STRAIT_FAIL(status, "%s%s", message.bytes,
                                 removed == STRAIT_OK ? "" : " (and the temporary directory could not be removed)");
        }
        strait_buffer_fini(&message);
    }
    paths_fini(&paths);
    STRAIT_TRY(status);
    /* The new one is safe: trouble with old ones is worth a line, not the run. */
    if (prune(directory, checkpoint->step, checkpoint->keep) != STRAIT_OK && notes) {
        STRAIT_TRY(strait_buffer_printf(notes, "an old checkpoint could not be removed: %s\n", strait_error_message()));
    }
    return STRAIT_OK;
}

/* One leftover: a replaced checkpoint whose successor never came is put back, everything else goes. */
static strait_status clean_entry(const char *directory, const char *name)
{
    char *path;
    STRAIT_TRY(strait_path_join(directory, name, &path));
    strait_status status = STRAIT_OK;
    bool restored = false;
    if (strncmp(name, ".old-", 5) == 0) {
        char *final = NULL;
        status = strait_path_join(directory, name + 5, &final);
        if (status == STRAIT_OK && !strait_path_exists(final)) {
            status = move(path, final);
            restored = true;
        }
        strait_free(final);
    }
    if (status == STRAIT_OK && !restored) status = strait_directory_remove(path);
    strait_free(path);
    return status;
}

strait_status strait_checkpoint_clean(const char *directory)
{
    static const char *const prefixes[] = {".tmp-step-", ".old-step-", ".del-step-"};
    if (!strait_path_exists(directory)) return STRAIT_OK;
    char **names;
    size_t count;
    STRAIT_TRY(strait_directory_list(directory, &names, &count));
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        for (size_t j = 0; j < sizeof prefixes / sizeof prefixes[0] && status == STRAIT_OK; j++) {
            if (strncmp(names[i], prefixes[j], strlen(prefixes[j])) == 0) status = clean_entry(directory, names[i]);
        }
    }
    strait_names_free(names, count);
    return status;
}
