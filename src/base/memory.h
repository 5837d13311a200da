/*
 * Host memory with tags, checked sizes and an account of what is in use.
 *
 * The account is process-wide by design: it answers "where did the memory go" for the whole program. Thread-safe.
 * Failure is an ordinary status; tests inject it by preloading a malloc that fails.
 */
#ifndef STRAIT_BASE_MEMORY_H
#define STRAIT_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* What memory is for. The same tags are used for device memory and shown in the plan, the progress line and metrics. */
#define STRAIT_TAGS(X)            \
    X(WEIGHTS, "weights")         \
    X(GRADIENTS, "gradients")     \
    X(OPTIMIZER, "optimizer")     \
    X(ACTIVATIONS, "activations") \
    X(WORKSPACE, "workspace")     \
    X(DATA, "data")               \
    X(TOKENIZER, "tokenizer")     \
    X(OTHER, "other")

typedef enum strait_tag {
#define STRAIT_TAG_VALUE(name, text) STRAIT_TAG_##name,
    STRAIT_TAGS(STRAIT_TAG_VALUE)
#undef STRAIT_TAG_VALUE
        STRAIT_TAG_COUNT
} strait_tag;

const char *strait_tag_name(strait_tag tag);

/*
 * `count` elements of `size` bytes, zeroed, aligned to 64 bytes. A product that overflows is STRAIT_ERR_NO_MEMORY with
 * the figures. A count of 0 gives a valid pointer that must be freed. On failure *out is untouched.
 */
strait_status strait_alloc(strait_tag tag, size_t count, size_t size, void *out_pointer) STRAIT_MUST_USE;

/* Grows (or shrinks) to `count` elements, keeping contents; new bytes are zero. *pointer may be NULL. On failure
 * *pointer is intact. */
strait_status strait_realloc(strait_tag tag, size_t count, size_t size, void *pointer) STRAIT_MUST_USE;

/* Frees what strait_alloc or strait_realloc gave. NULL is legal. */
void strait_free(void *pointer);

/* A copy of a string or of `length` bytes with a terminating zero. */
strait_status strait_strdup(strait_tag tag, const char *string, char **out_string) STRAIT_MUST_USE;
strait_status strait_strndup(strait_tag tag, const char *bytes, size_t length, char **out_string) STRAIT_MUST_USE;

/* Bytes in use now, and at the highest, for one tag. */
int64_t strait_memory_used(strait_tag tag);
int64_t strait_memory_peak(strait_tag tag);

/* Checked arithmetic: false where the result would not fit, and then *out is untouched. */
bool strait_mul_size(size_t a, size_t b, size_t *out);
bool strait_add_size(size_t a, size_t b, size_t *out);
bool strait_mul_i64(int64_t a, int64_t b, int64_t *out);
bool strait_add_i64(int64_t a, int64_t b, int64_t *out);

#endif
