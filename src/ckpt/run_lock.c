/*
 * flock on DIR/lock. The kernel gives the lock back however the process ends, so a stale one cannot exist; the pid in
 * the file is only for the message.
 */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "ckpt/run_lock.h"

#include "base/file.h"
#include "ckpt/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static strait_status fail_errno(const char *verb, const char *path)
{
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot %s: %s", path, verb, strerror(error));
}

/* "1234 host" as the holder wrote it; an empty text while it is about to. */
static void read_holder(int fd, char *text, size_t size)
{
    ssize_t got = pread(fd, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static strait_status write_holder(int fd, const char *path)
{
    char host[65] = "";
    char text[128];
    if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
    int length = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), host);
    if (ftruncate(fd, 0) != 0) return fail_errno("truncate", path);
    return strait_fd_write(fd, path, text, (size_t)length);
}

static strait_status lock_file(int fd, const char *path, const char *directory)
{
    int tries = 0;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) return fail_errno("lock", path);
        /* One who asks for the holder takes the lock for a moment. */
        if (tries++ < 5) {
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
            continue;
        }
        char holder[128];
        read_holder(fd, holder, sizeof holder);
        char *host = strchr(holder, ' ');
        if (host) *host++ = '\0';
        return STRAIT_FAIL(STRAIT_ERR_BUSY, "%s: in use by process %s%s%s; wait for it or stop it", directory,
                           holder[0] ? holder : "(unknown)", host ? " on " : "", host ? host : "");
    }
    return write_holder(fd, path);
}

strait_status strait__run_lock(const char *directory, int *out_fd)
{
    char *path;
    STRAIT_TRY(strait_path_join(directory, STRAIT__LOCK_FILE, &path));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    strait_status status = fd < 0 ? fail_errno("open", path) : lock_file(fd, path, directory);
    strait_free(path);
    if (status != STRAIT_OK) {
        if (fd >= 0) close(fd);
        return status;
    }
    *out_fd = fd;
    return STRAIT_OK;
}

strait_status strait_run_dir_holder(const char *path, int64_t *out_pid)
{
    char *lock;
    STRAIT_TRY(strait_path_join(path, STRAIT__LOCK_FILE, &lock));
    int fd = open(lock, O_RDONLY | O_CLOEXEC);
    int error = errno;
    strait_free(lock);
    *out_pid = 0;
    if (fd < 0) return error == ENOENT ? STRAIT_OK : STRAIT_FAIL(STRAIT_ERR_IO, "%s/lock: %s", path, strerror(error));
    /* A shared lock, given back at once, tells whether someone holds the exclusive one. */
    if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
        char holder[128];
        read_holder(fd, holder, sizeof holder);
        *out_pid = strtoll(holder, NULL, 10);
    }
    close(fd);
    return STRAIT_OK;
}
