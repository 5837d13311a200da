/*
 * A growing byte buffer, also used to build strings. Always zero-terminated after the last byte.
 */
#ifndef STRAIT_BASE_BUFFER_H
#define STRAIT_BASE_BUFFER_H

#include "base/memory.h"

/* Zero-initialise, then append; fini frees. `bytes` is owned and NULL while nothing was appended. */
typedef struct strait_buffer {
    char *bytes;
    size_t length;
    size_t capacity;
} strait_buffer;

strait_status strait_buffer_append(strait_buffer *buffer, const void *bytes, size_t length) STRAIT_MUST_USE;
strait_status strait_buffer_printf(strait_buffer *buffer, const char *format, ...) STRAIT_MUST_USE STRAIT_PRINTF(2, 3);
/* Room for `extra` more bytes without a further allocation. */
strait_status strait_buffer_reserve(strait_buffer *buffer, size_t extra) STRAIT_MUST_USE;
void strait_buffer_clear(strait_buffer *buffer);
void strait_buffer_fini(strait_buffer *buffer);

#endif
