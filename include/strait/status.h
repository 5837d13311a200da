/*
 * Status codes and the message of the last error.
 *
 * Every function of the library that can fail returns a strait_status. The library never prints, exits or aborts.
 * (Built with -DSTRAIT_ASSERTIONS=ON or a sanitizer, which is for those who work on it, it aborts at a bug of its own.)
 */
#ifndef STRAIT_STATUS_H
#define STRAIT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Each code says what the caller may do next; the message says what happened and where. */
typedef enum strait_status {
    STRAIT_OK = 0,
    STRAIT_ERR_USAGE = -1,        /* the request itself is wrong: correct it and call again */
    STRAIT_ERR_NOT_FOUND = -2,    /* a named file, key or tensor does not exist: name another */
    STRAIT_ERR_EXISTS = -3,       /* the target exists already: choose another or ask to go on with it */
    STRAIT_ERR_IO = -4,           /* reading or writing failed: look at the path and the system's reason */
    STRAIT_ERR_NO_SPACE = -5,     /* the disk or quota is full: free room, then resume */
    STRAIT_ERR_NO_MEMORY = -6,    /* memory ran out: use a smaller model, batch or more recomputation */
    STRAIT_ERR_FORMAT = -7,       /* the bytes of a file are not what its format says: replace the file */
    STRAIT_ERR_UNSUPPORTED = -8,  /* understood, and not done by this version or device: the message names what is */
    STRAIT_ERR_SHAPE = -9,        /* shapes or dtypes do not fit together: correct the model or the call */
    STRAIT_ERR_RANGE = -10,       /* a value lies outside its range: correct it */
    STRAIT_ERR_OVERFLOW = -11,    /* a size does not fit its integer type: make it smaller */
    STRAIT_ERR_BUSY = -12,        /* another process holds it: wait or stop that process */
    STRAIT_ERR_DEVICE = -13,      /* the device refused: the message has its own words */
    STRAIT_ERR_DEVICE_LOST = -14, /* the device is gone: end, then resume from the last checkpoint */
    STRAIT_ERR_TIMEOUT = -15,     /* no answer in the time allowed: try again or give up */
    STRAIT_ERR_CANCELLED = -16,   /* a stop was asked for and obeyed: nothing is wrong */
    STRAIT_ERR_NOT_FINITE = -17,  /* a NaN or infinity where none may be: the message names the first tensor */
    STRAIT_ERR_CORRUPT = -18,     /* contents do not match their recorded hash: use an older copy */
    STRAIT_ERR_INTERNAL = -19     /* a bug of ours: please report it with the message */
} strait_status;

#if defined(__GNUC__)
#define STRAIT_MUST_USE __attribute__((warn_unused_result))
#define STRAIT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define STRAIT_MUST_USE
#define STRAIT_PRINTF(fmt, args)
#endif

/* The name of a code, as in "STRAIT_ERR_SHAPE". Never NULL. */
const char *strait_status_name(strait_status status);

/*
 * The message of this thread's last error, at most 8 KiB, valid until the thread's next failing call. Never NULL.
 * It may have several lines where several errors were found at once (a config, a model directory).
 */
const char *strait_error_message(void);

/* Where the last error was decided, as "file.c:123"; for bug reports. Never NULL. */
const char *strait_error_place(void);

#ifdef __cplusplus
}
#endif
#endif
