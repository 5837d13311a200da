/* The run directory: its lock, its files and what is appended to them step by step. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "ckpt/run_dir.h"

#include "base/file.h"
#include "base/json.h"
#include "ckpt/checkpoint.h"
#include "ckpt/run_lock.h"
#include "ckpt/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A file that only grows. */
typedef struct appended {
    int fd; /* -1 when not open */
    char *path;
} appended;

struct strait_run_dir {
    char *path;
    char *checkpoints;
    char *events;
    int lock; /* -1 when not held */
    appended log;
    appended metrics;
    strait_tensorboard *tensorboard; /* NULL before begin */
    strait_buffer line;              /* reused for every line */
};

static strait_status fail_errno(const char *verb, const char *path)
{
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot %s: %s", path, verb, strerror(error));
}

static strait_status appended_open(appended *file, const char *directory, const char *name)
{
    STRAIT_TRY(strait_path_join(directory, name, &file->path));
    file->fd = open(file->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return file->fd < 0 ? fail_errno("open", file->path) : STRAIT_OK;
}

static void appended_close(appended *file)
{
    if (file->fd >= 0) close(file->fd);
    strait_free(file->path);
    *file = (appended){.fd = -1};
}

/* All bytes or none: what a full disk let through is taken back. */
static strait_status appended_write(const appended *file, const strait_buffer *line)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0) return fail_errno("stat", file->path);
    strait_status status = strait_fd_write(file->fd, file->path, line->bytes, line->length);
    if (status != STRAIT_OK && ftruncate(file->fd, info.st_size) != 0) {
        return STRAIT_FAIL(status, "%s (and the half line could not be taken back)", strait_error_message());
    }
    return status;
}

static strait_status appended_sync(const appended *file)
{
    return fsync(file->fd) != 0 ? fail_errno("flush", file->path) : STRAIT_OK;
}

/* Whether a directory holds nothing but a lock. */
static strait_status is_unused(const char *path, bool *out)
{
    char **names;
    size_t count;
    STRAIT_TRY(strait_directory_list(path, &names, &count));
    *out = count == 0 || (count == 1 && strcmp(names[0], STRAIT__LOCK_FILE) == 0);
    strait_names_free(names, count);
    return STRAIT_OK;
}

static strait_status refuse_existing(const char *path)
{
    return STRAIT_FAIL(STRAIT_ERR_EXISTS, "%s: exists already; go on with it by --resume, or choose another directory",
                       path);
}

/* Under the lock: whether another process has begun the run since the directory was found missing. */
static strait_status refuse_used(const char *path)
{
    bool unused;
    STRAIT_TRY(is_unused(path, &unused));
    return unused ? STRAIT_OK : refuse_existing(path);
}

strait_status strait_run_dir_check(const char *path, bool resume)
{
    bool directory = strait_path_is_directory(path);
    if (!directory && strait_path_exists(path)) {
        return STRAIT_FAIL(STRAIT_ERR_EXISTS, "%s: is a file; a run needs a directory of its own", path);
    }
    if (resume && !directory) {
        return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s: no such run to resume; leave out --resume to begin it", path);
    }
    return directory && !resume ? refuse_existing(path) : STRAIT_OK;
}

static strait_status open_parts(strait_run_dir *run)
{
    STRAIT_TRY(strait_path_join(run->path, "checkpoints", &run->checkpoints));
    STRAIT_TRY(strait_path_join(run->path, "tb", &run->events));
    STRAIT_TRY(strait_directory_create(run->checkpoints));
    STRAIT_TRY(strait_checkpoint_clean(run->checkpoints));
    STRAIT_TRY(appended_open(&run->log, run->path, "log.txt"));
    STRAIT_TRY(appended_open(&run->metrics, run->path, "metrics.jsonl"));
    return strait_directory_sync(run->path);
}

strait_status strait_run_dir_open(const char *path, bool resume, strait_run_dir **out_run)
{
    STRAIT_TRY(strait_run_dir_check(path, resume));
    STRAIT_TRY(strait_directory_create(path));
    strait_run_dir *run;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *run, &run));
    run->lock = -1;
    run->log.fd = -1;
    run->metrics.fd = -1;
    strait_status status = strait_strdup(STRAIT_TAG_OTHER, path, &run->path);
    if (status == STRAIT_OK) status = strait__run_lock(path, &run->lock);
    if (status == STRAIT_OK && !resume) status = refuse_used(path);
    if (status == STRAIT_OK) status = open_parts(run);
    if (status != STRAIT_OK) {
        strait_run_dir_close(run);
        return status;
    }
    *out_run = run;
    return STRAIT_OK;
}

void strait_run_dir_close(strait_run_dir *run)
{
    if (!run) return;
    strait_tensorboard_close(run->tensorboard);
    appended_close(&run->log);
    appended_close(&run->metrics);
    strait_buffer_fini(&run->line);
    if (run->lock >= 0) close(run->lock);
    strait_free(run->events);
    strait_free(run->checkpoints);
    strait_free(run->path);
    strait_free(run);
}

const char *strait_run_dir_path(const strait_run_dir *run)
{
    return run->path;
}

const char *strait_run_dir_checkpoints(const strait_run_dir *run)
{
    return run->checkpoints;
}

/* The step of a line that run_dir wrote: each begins with {"step":N. -1 for any other. */
static int64_t line_step(const char *line, size_t length)
{
    static const char begin[] = "{\"step\":";
    size_t at = sizeof begin - 1;
    if (length <= at || memcmp(line, begin, at) != 0 || line[length - 1] != '}') return -1;
    int64_t step = 0;
    size_t digits = at;
    for (; at < length && line[at] >= '0' && line[at] <= '9' && at - digits < 18; at++) {
        step = step * 10 + (line[at] - '0');
    }
    return at > digits && line[at] == ',' ? step : -1;
}

/* How many bytes of the metrics are lines up to `step`. Searched from the end: steps ascend. */
static size_t kept_length(const char *bytes, size_t length, int64_t step)
{
    size_t kept = length;
    while (kept > 0 && bytes[kept - 1] != '\n') kept--; /* a torn line */
    while (kept > 0) {
        size_t start = kept - 1;
        while (start > 0 && bytes[start - 1] != '\n') start--;
        int64_t found = line_step(bytes + start, kept - 1 - start);
        if (found >= 0 && found <= step) break;
        kept = start;
    }
    return kept;
}

static strait_status cut_metrics(const appended *file, int64_t step)
{
    strait_map map;
    STRAIT_TRY(strait_file_map(file->path, &map));
    size_t length = map.length;
    size_t kept = length > 0 ? kept_length((const char *)map.bytes, length, step) : 0;
    strait_file_unmap(&map);
    if (kept == length) return STRAIT_OK;
    if (ftruncate(file->fd, (off_t)kept) != 0) return fail_errno("truncate", file->path);
    return appended_sync(file);
}

static double now(void)
{
    struct timespec time;
    if (clock_gettime(CLOCK_REALTIME, &time) != 0) return 0;
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

strait_status strait_run_dir_begin(strait_run_dir *run, int64_t step)
{
    STRAIT_TRY(cut_metrics(&run->metrics, step));
    strait_tensorboard_close(run->tensorboard);
    run->tensorboard = NULL;
    return strait_tensorboard_create(run->events, now(), step + 1, &run->tensorboard);
}

strait_status strait_run_dir_write(strait_run_dir *run, const char *name, const char *text, size_t length)
{
    char *path;
    STRAIT_TRY(strait_path_join(run->path, name, &path));
    strait_status status = strait_file_replace(path, text, length);
    strait_free(path);
    return status;
}

strait_status strait_run_dir_log(strait_run_dir *run, strait_log_level level, const char *line)
{
    static const char *const names[] = {
        [STRAIT_LOG_INFO] = "info", [STRAIT_LOG_WARN] = "warn", [STRAIT_LOG_DEBUG] = "debug"};
    const char *name = level >= STRAIT_LOG_INFO && level <= STRAIT_LOG_DEBUG ? names[level] : "info";
    char stamp[32];
    time_t seconds = (time_t)now();
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) || strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        snprintf(stamp, sizeof stamp, "?");
    }
    strait_buffer_clear(&run->line);
    while (*line) {
        size_t length = strcspn(line, "\n");
        STRAIT_TRY(strait_buffer_printf(&run->line, "%s %s ", stamp, name));
        STRAIT_TRY(strait_buffer_append(&run->line, line, length));
        STRAIT_TRY(strait_buffer_append(&run->line, "\n", 1));
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    return run->line.length > 0 ? appended_write(&run->log, &run->line) : STRAIT_OK;
}

strait_status strait_run_dir_sample(strait_run_dir *run, int64_t step, const char *text, size_t length)
{
    char name[64];
    char *folder;
    STRAIT_TRY(strait_path_join(run->path, "samples", &folder));
    strait_status status = strait_directory_create(folder);
    strait_free(folder);
    STRAIT_TRY(status);
    snprintf(name, sizeof name, "samples/step-%08" PRId64 ".txt", step);
    return strait_run_dir_write(run, name, text, length);
}

static strait_status put_real(strait_buffer *out, const char *key, double value)
{
    STRAIT_TRY(strait_buffer_printf(out, ",\"%s\":", key));
    return strait_json_format_real(value, out);
}

static strait_status put_string(strait_buffer *out, const char *key, const char *value)
{
    STRAIT_TRY(strait_buffer_printf(out, ",\"%s\":", key));
    return strait_json_format_string(value, strlen(value), out);
}

static strait_status format_metrics(const strait_step_metrics *m, strait_buffer *out)
{
    strait_buffer_clear(out);
    STRAIT_TRY(strait_buffer_printf(out, "{\"step\":%" PRId64 ",\"tokens\":%" PRId64, m->step, m->tokens));
    STRAIT_TRY(put_real(out, "loss", m->loss));
    if (m->has_val_loss) STRAIT_TRY(put_real(out, "val_loss", m->val_loss));
    if (m->has_mtp_loss) STRAIT_TRY(put_real(out, "mtp_loss", m->mtp_loss));
    if (m->has_aux_loss) STRAIT_TRY(put_real(out, "aux_loss", m->aux_loss));
    if (m->has_z_loss) STRAIT_TRY(put_real(out, "z_loss", m->z_loss));
    if (m->has_orthogonality_loss) STRAIT_TRY(put_real(out, "orthogonality_loss", m->orthogonality_loss));
    STRAIT_TRY(put_real(out, "grad_norm", m->grad_norm));
    STRAIT_TRY(put_real(out, "clip_factor", m->clip_factor));
    STRAIT_TRY(put_real(out, "lr", m->lr));
    STRAIT_TRY(put_real(out, "tokens_per_second", m->tokens_per_second));
    if (m->mfu >= 0) STRAIT_TRY(put_real(out, "mfu", m->mfu));
    if (m->mfu >= 0 && m->mfu_convention) STRAIT_TRY(put_string(out, "mfu_convention", m->mfu_convention));
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) {
        STRAIT_TRY(strait_buffer_printf(out, "%s\"%s\":%" PRId64, tag == 0 ? ",\"memory\":{" : ",",
                                        strait_tag_name((strait_tag)tag), m->memory[tag]));
    }
    STRAIT_TRY(strait_buffer_append(out, "}", 1));
    STRAIT_TRY(put_real(out, "step_seconds", m->step_seconds));
    STRAIT_TRY(put_real(out, "data_seconds", m->data_seconds));
    STRAIT_TRY(put_real(out, "time", m->time));
    return strait_buffer_append(out, "}\n", 2);
}

static strait_status write_scalars(strait_run_dir *run, const strait_step_metrics *m)
{
    double memory = 0;
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) memory += (double)m->memory[tag];
    strait_scalar scalars[10] = {
        {"loss/train", m->loss},
        {"optimizer/lr", m->lr},
        {"optimizer/grad_norm", m->grad_norm},
        {"speed/tokens_per_second", m->tokens_per_second},
        {"memory/bytes", memory},
    };
    size_t count = 5;
    if (m->has_val_loss) scalars[count++] = (strait_scalar){"loss/validation", m->val_loss};
    if (m->has_mtp_loss) scalars[count++] = (strait_scalar){"loss/mtp", m->mtp_loss};
    if (m->has_aux_loss) scalars[count++] = (strait_scalar){"loss/aux", m->aux_loss};
    if (m->has_z_loss) scalars[count++] = (strait_scalar){"loss/z", m->z_loss};
    if (m->has_orthogonality_loss) {
        scalars[count++] = (strait_scalar){"loss/orthogonality", m->orthogonality_loss};
    }
    if (m->mfu >= 0) scalars[count++] = (strait_scalar){"speed/mfu", m->mfu};
    return strait_tensorboard_write(run->tensorboard, m->step, m->time, scalars, count);
}

strait_status strait_run_dir_metrics(strait_run_dir *run, const strait_step_metrics *metrics)
{
    STRAIT_TRY(format_metrics(metrics, &run->line));
    STRAIT_TRY(appended_write(&run->metrics, &run->line));
    return run->tensorboard ? write_scalars(run, metrics) : STRAIT_OK;
}

strait_status strait_run_dir_sync(strait_run_dir *run)
{
    STRAIT_TRY(appended_sync(&run->metrics));
    STRAIT_TRY(appended_sync(&run->log));
    return run->tensorboard ? strait_tensorboard_sync(run->tensorboard) : STRAIT_OK;
}

strait_status strait_run_dir_last_metrics(const char *path, strait_buffer *out)
{
    char *file;
    STRAIT_TRY(strait_path_join(path, "metrics.jsonl", &file));
    strait_map map = {0};
    strait_status status = strait_path_exists(file) ? strait_file_map(file, &map) : STRAIT_OK;
    strait_free(file);
    STRAIT_TRY(status);
    const char *bytes = (const char *)map.bytes;
    size_t kept = map.length > 0 ? kept_length(bytes, map.length, INT64_MAX) : 0;
    if (kept > 0) {
        size_t start = kept - 1;
        while (start > 0 && bytes[start - 1] != '\n') start--;
        status = strait_buffer_append(out, bytes + start, kept - 1 - start);
    }
    strait_file_unmap(&map);
    return status;
}
