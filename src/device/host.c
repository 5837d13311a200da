/* The services of the host: errors, a log, memory, bytes on disk. */
#define _POSIX_C_SOURCE 200809L
#include "device/host.h"

#include "base/memory.h"
#include "device/disk_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert((int)STRAIT_CODE_USAGE == (int)STRAIT_ERR_USAGE &&
                   (int)STRAIT_CODE_NOT_FOUND == (int)STRAIT_ERR_NOT_FOUND &&
                   (int)STRAIT_CODE_IO == (int)STRAIT_ERR_IO &&
                   (int)STRAIT_CODE_NO_MEMORY == (int)STRAIT_ERR_NO_MEMORY &&
                   (int)STRAIT_CODE_FORMAT == (int)STRAIT_ERR_FORMAT &&
                   (int)STRAIT_CODE_UNSUPPORTED == (int)STRAIT_ERR_UNSUPPORTED &&
                   (int)STRAIT_CODE_DEVICE == (int)STRAIT_ERR_DEVICE &&
                   (int)STRAIT_CODE_DEVICE_LOST == (int)STRAIT_ERR_DEVICE_LOST &&
                   (int)STRAIT_CODE_TIMEOUT == (int)STRAIT_ERR_TIMEOUT,
               "the codes of plug-ins are those of strait/status.h");

static int32_t host_fail(int32_t code, const char *place, const char *message)
{
    return strait__fail_at((strait_status)code, place ? place : "", message ? message : "");
}

static void host_log(const char *plugin, const char *message)
{
    const char *path = getenv("STRAIT_PLUGIN_LOG");
    if (!path || !*path) return;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) return;
    char line[1024];
    int length = snprintf(line, sizeof line, "%s: %s\n", plugin, message);
    size_t bytes = length < 0 ? 0 : (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    /* One write, so that lines of several processes do not mix; nobody can be told that it failed. */
    ssize_t wrote = write(fd, line, bytes);
    (void)wrote;
    close(fd);
}

static void *host_alloc(uint64_t bytes)
{
    void *memory = NULL;
    if (bytes > SIZE_MAX) return NULL;
    return strait_alloc(STRAIT_TAG_OTHER, (size_t)bytes, 1, &memory) == STRAIT_OK ? memory : NULL;
}

static int32_t host_cache_read(const char *key, void *bytes, int64_t *inout_length)
{
    strait_buffer found = {0};
    strait_status status = strait__disk_cache_read(key, strlen(key), &found);
    if (status != STRAIT_OK) return status;
    if (bytes && (int64_t)found.length > *inout_length) {
        status = STRAIT_FAIL(STRAIT_ERR_USAGE, "room for %lld bytes, kept under the key are %zu",
                             (long long)*inout_length, found.length);
    } else {
        if (bytes) memcpy(bytes, found.bytes, found.length);
        *inout_length = (int64_t)found.length;
    }
    strait_buffer_fini(&found);
    return status;
}

static int32_t host_cache_write(const char *key, const void *bytes, int64_t length)
{
    if (length < 0) return STRAIT_FAIL(STRAIT_ERR_RANGE, "%lld bytes", (long long)length);
    return strait__disk_cache_write(key, strlen(key), bytes, (size_t)length);
}

const strait_host *strait__host(void)
{
    static const strait_host host = {
        .struct_size = sizeof host,
        .minor = STRAIT_PLUGIN_MINOR,
        .fail = host_fail,
        .log = host_log,
        .alloc = host_alloc,
        .free = strait_free,
        .cache_read = host_cache_read,
        .cache_write = host_cache_write,
    };
    return &host;
}
