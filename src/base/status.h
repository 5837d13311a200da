/*
 * Deciding and passing errors. An error is recorded once, where it is decided; on its way up only context is added.
 */
#ifndef STRAIT_BASE_STATUS_H
#define STRAIT_BASE_STATUS_H

#include <strait/status.h>

/* Records message and place, returns `code`. Use as: return STRAIT_FAIL(STRAIT_ERR_SHAPE, "x is %s", s); */
#define STRAIT_FAIL(code, ...) strait__fail((code), __FILE__, __LINE__, __VA_ARGS__)

/* Passes an error up unchanged. */
#define STRAIT_TRY(expr)                                  \
    do {                                                  \
        strait_status try_status_ = (expr);               \
        if (try_status_ != STRAIT_OK) return try_status_; \
    } while (0)

/* Passes an error up with what was being done put in front: "loading model.safetensors: ...". */
#define STRAIT_TRY_CTX(expr, ...)                                                            \
    do {                                                                                     \
        strait_status try_status_ = (expr);                                                  \
        if (try_status_ != STRAIT_OK) return strait__fail_context(try_status_, __VA_ARGS__); \
    } while (0)

strait_status strait__fail(strait_status code, const char *file, int line, const char *format, ...) STRAIT_PRINTF(4, 5);
strait_status strait__fail_context(strait_status code, const char *format, ...) STRAIT_PRINTF(2, 3);

/* Records an error that was decided elsewhere, at "file.c:12", and returns its code. */
strait_status strait__fail_at(strait_status code, const char *place, const char *message);

/* Puts an error back after code that may itself have failed (writing a log about it); keeps the place. */
void strait__restore_error(strait_status code, const char *message);

/* The status for an errno value: ENOSPC and EDQUOT become NO_SPACE, ENOENT NOT_FOUND, ENOMEM NO_MEMORY, else IO. */
strait_status strait__status_from_errno(int error);

/*
 * Our own bugs only, never user input, files, devices or memory. Off (NDEBUG) in what users build; on with a sanitizer
 * and with -DSTRAIT_ASSERTIONS=ON.
 */
#ifdef NDEBUG
#define STRAIT_ASSERT(condition) ((void)0)
#else
#include <assert.h>
#define STRAIT_ASSERT(condition) assert(condition)
#endif

#endif
