/* A growing byte buffer. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

strait_status strait_buffer_reserve(strait_buffer *buffer, size_t extra)
{
    size_t need;
    if (!strait_add_size(buffer->length, extra, &need) || !strait_add_size(need, 1, &need)) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "buffer of %zu and %zu more bytes", buffer->length, extra);
    }
    if (need <= buffer->capacity) return STRAIT_OK;
    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
    while (capacity < need) capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, capacity, 1, &buffer->bytes));
    buffer->capacity = capacity;
    return STRAIT_OK;
}

strait_status strait_buffer_append(strait_buffer *buffer, const void *bytes, size_t length)
{
    STRAIT_TRY(strait_buffer_reserve(buffer, length));
    if (length > 0) memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
    return STRAIT_OK;
}

strait_status strait_buffer_printf(strait_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "cannot format \"%s\"", format);
    STRAIT_TRY(strait_buffer_reserve(buffer, (size_t)length));
    va_start(args, format);
    vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, args);
    va_end(args);
    buffer->length += (size_t)length;
    return STRAIT_OK;
}

void strait_buffer_clear(strait_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->bytes) buffer->bytes[0] = '\0';
}

void strait_buffer_fini(strait_buffer *buffer)
{
    strait_free(buffer->bytes);
    *buffer = (strait_buffer){0};
}
