/* Status codes and the thread's last error message. Knows nothing else. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Room for the hundred lines and more that a configuration full of errors is told. */
#define MESSAGE_MAX 32768

/* Thread-local so that an error in a worker cannot overwrite one that its caller is reading. */
static _Thread_local char last_message[MESSAGE_MAX];
static _Thread_local char last_place[96];

const char *strait_status_name(strait_status status)
{
    switch (status) {
    case STRAIT_OK: return "STRAIT_OK";
    case STRAIT_ERR_USAGE: return "STRAIT_ERR_USAGE";
    case STRAIT_ERR_NOT_FOUND: return "STRAIT_ERR_NOT_FOUND";
    case STRAIT_ERR_EXISTS: return "STRAIT_ERR_EXISTS";
    case STRAIT_ERR_IO: return "STRAIT_ERR_IO";
    case STRAIT_ERR_NO_SPACE: return "STRAIT_ERR_NO_SPACE";
    case STRAIT_ERR_NO_MEMORY: return "STRAIT_ERR_NO_MEMORY";
    case STRAIT_ERR_FORMAT: return "STRAIT_ERR_FORMAT";
    case STRAIT_ERR_UNSUPPORTED: return "STRAIT_ERR_UNSUPPORTED";
    case STRAIT_ERR_SHAPE: return "STRAIT_ERR_SHAPE";
    case STRAIT_ERR_RANGE: return "STRAIT_ERR_RANGE";
    case STRAIT_ERR_OVERFLOW: return "STRAIT_ERR_OVERFLOW";
    case STRAIT_ERR_BUSY: return "STRAIT_ERR_BUSY";
    case STRAIT_ERR_DEVICE: return "STRAIT_ERR_DEVICE";
    case STRAIT_ERR_DEVICE_LOST: return "STRAIT_ERR_DEVICE_LOST";
    case STRAIT_ERR_TIMEOUT: return "STRAIT_ERR_TIMEOUT";
    case STRAIT_ERR_CANCELLED: return "STRAIT_ERR_CANCELLED";
    case STRAIT_ERR_NOT_FINITE: return "STRAIT_ERR_NOT_FINITE";
    case STRAIT_ERR_CORRUPT: return "STRAIT_ERR_CORRUPT";
    case STRAIT_ERR_INTERNAL: return "STRAIT_ERR_INTERNAL";
    }
    return "STRAIT_ERR_UNKNOWN";
}

const char *strait_error_message(void)
{
    return last_message;
}

const char *strait_error_place(void)
{
    return last_place;
}

strait_status strait__fail(strait_status code, const char *file, int line, const char *format, ...)
{
    va_list args;

    /* The old message may be an argument of the new one, so the new one is built aside. */
    char message[MESSAGE_MAX];
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    memcpy(last_message, message, strlen(message) + 1);

    const char *base = strrchr(file, '/');
    snprintf(last_place, sizeof last_place, "%.60s:%d", base ? base + 1 : file, line);
    return code;
}

strait_status strait__fail_at(strait_status code, const char *place, const char *message)
{
    snprintf(last_message, sizeof last_message, "%s", message);
    snprintf(last_place, sizeof last_place, "%s", place);
    return code;
}

strait_status strait__fail_context(strait_status code, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    va_start(args, format);
    int length = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (length < 0) return code;
    size_t used = (size_t)length < sizeof message ? (size_t)length : sizeof message - 1;
    snprintf(message + used, sizeof message - used, ": %s", last_message);
    memcpy(last_message, message, strlen(message) + 1);
    return code;
}

void strait__restore_error(strait_status code, const char *message)
{
    (void)code;
    snprintf(last_message, sizeof last_message, "%s", message);
}

strait_status strait__status_from_errno(int error)
{
    switch (error) {
    case ENOENT: return STRAIT_ERR_NOT_FOUND;
    case EEXIST: return STRAIT_ERR_EXISTS;
    case ENOMEM: return STRAIT_ERR_NO_MEMORY;
    case ENOSPC:
    case EDQUOT: return STRAIT_ERR_NO_SPACE;
    default: return STRAIT_ERR_IO;
    }
}
