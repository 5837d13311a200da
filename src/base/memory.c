/* Tagged host memory. Each block carries a 64-byte header with its size and tag; nothing else is known here. */
#define _POSIX_C_SOURCE 200809L
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 64
#define BLOCK_MAGIC 0x53545241u

typedef struct block_header {
    uint32_t magic;
    uint32_t tag;
    size_t bytes;
} block_header;

static _Atomic int64_t used[STRAIT_TAG_COUNT];
static _Atomic int64_t peak[STRAIT_TAG_COUNT];

static const char *const tag_names[] = {
#define STRAIT_TAG_NAME(name, text) text,
    STRAIT_TAGS(STRAIT_TAG_NAME)
#undef STRAIT_TAG_NAME
};

const char *strait_tag_name(strait_tag tag)
{
    return tag >= 0 && tag < STRAIT_TAG_COUNT ? tag_names[tag] : "unknown";
}

static void account(strait_tag tag, int64_t bytes)
{
    int64_t now = atomic_fetch_add(&used[tag], bytes) + bytes;
    int64_t high = atomic_load(&peak[tag]);
    while (now > high && !atomic_compare_exchange_weak(&peak[tag], &high, now)) {}
}

bool strait_mul_size(size_t a, size_t b, size_t *out)
{
    if (a != 0 && b > SIZE_MAX / a) return false;
    *out = a * b;
    return true;
}

bool strait_add_size(size_t a, size_t b, size_t *out)
{
    if (b > SIZE_MAX - a) return false;
    *out = a + b;
    return true;
}

bool strait_mul_i64(int64_t a, int64_t b, int64_t *out)
{
    if (a < 0 || b < 0 || (a != 0 && b > INT64_MAX / a)) return false;
    *out = a * b;
    return true;
}

bool strait_add_i64(int64_t a, int64_t b, int64_t *out)
{
    if (a < 0 || b < 0 || b > INT64_MAX - a) return false;
    *out = a + b;
    return true;
}

static block_header *header_of(void *pointer)
{
    return (block_header *)(void *)((char *)pointer - HEADER_BYTES);
}

strait_status strait_alloc(strait_tag tag, size_t count, size_t size, void *out_pointer)
{
    size_t bytes;
    size_t total;
    /* Nothing takes a byte too: a pointer to the end of a block is none into it, and leak checkers take it for lost. */
    if (!strait_mul_size(count, size, &bytes) || !strait_add_size(bytes > 0 ? bytes : 1, HEADER_BYTES + 63, &total)) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: %zu elements of %zu bytes do not fit in memory",
                           strait_tag_name(tag), count, size);
    }
    total &= ~(size_t)63;
    void *raw = aligned_alloc(64, total);
    if (!raw) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: %zu bytes for %s", bytes, strait_tag_name(tag));
    }
    memset(raw, 0, total);
    block_header *header = raw;
    header->magic = BLOCK_MAGIC;
    header->tag = (uint32_t)tag;
    header->bytes = bytes;
    account(tag, (int64_t)bytes);
    void *pointer = (char *)raw + HEADER_BYTES;
    memcpy(out_pointer, &pointer, sizeof pointer);
    return STRAIT_OK;
}

strait_status strait_realloc(strait_tag tag, size_t count, size_t size, void *pointer)
{
    void *old;
    void *fresh;
    memcpy(&old, pointer, sizeof old);
    STRAIT_TRY(strait_alloc(tag, count, size, &fresh));
    if (old) {
        size_t have = header_of(old)->bytes;
        size_t want = header_of(fresh)->bytes;
        memcpy(fresh, old, have < want ? have : want);
        strait_free(old);
    }
    memcpy(pointer, &fresh, sizeof fresh);
    return STRAIT_OK;
}

void strait_free(void *pointer)
{
    if (!pointer) return;
    block_header *header = header_of(pointer);
    STRAIT_ASSERT(header->magic == BLOCK_MAGIC);
    account((strait_tag)header->tag, -(int64_t)header->bytes);
    header->magic = 0;
    free(header);
}

strait_status strait_strndup(strait_tag tag, const char *bytes, size_t length, char **out_string)
{
    char *copy;
    size_t total;
    if (!strait_add_size(length, 1, &total)) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "string too long");
    STRAIT_TRY(strait_alloc(tag, total, 1, &copy));
    memcpy(copy, bytes, length);
    *out_string = copy;
    return STRAIT_OK;
}

strait_status strait_strdup(strait_tag tag, const char *string, char **out_string)
{
    return strait_strndup(tag, string, strlen(string), out_string);
}

int64_t strait_memory_used(strait_tag tag)
{
    return atomic_load(&used[tag]);
}

int64_t strait_memory_peak(strait_tag tag)
{
    return atomic_load(&peak[tag]);
}
