/* Pieces of blocks; nothing is freed before the end. */
#include "chat/arena.h"

#include <string.h>

enum { ALIGNMENT = 16, BLOCK_BYTES = 1 << 16 };

typedef struct strait__arena_block {
    struct strait__arena_block *next;
    char padding[ALIGNMENT - sizeof(void *)];
    char bytes[];
} strait__arena_block;

strait_status strait__arena_take(strait__arena *arena, size_t count, size_t size, void *out_pointer)
{
    size_t bytes;
    if (!strait_mul_size(count, size, &bytes) || bytes > arena->limit || arena->used > arena->limit - bytes) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "more than %zu MiB of values", arena->limit >> 20);
    }
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes > arena->left) {
        strait__arena_block *block;
        size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, sizeof *block + room, 1, &block));
        block->next = arena->blocks;
        arena->blocks = block;
        arena->at = block->bytes;
        arena->left = room;
    }
    memcpy(out_pointer, &arena->at, sizeof arena->at);
    arena->at += bytes;
    arena->left -= bytes;
    arena->used += bytes;
    return STRAIT_OK;
}

strait_status strait__arena_copy(strait__arena *arena, const void *bytes, size_t length, char **out)
{
    char *copy;
    size_t room;
    if (!strait_add_size(length, 1, &room)) return STRAIT_FAIL(STRAIT_ERR_RANGE, "a text of %zu bytes", length);
    STRAIT_TRY(strait__arena_take(arena, room, 1, &copy));
    if (length > 0) memcpy(copy, bytes, length);
    *out = copy;
    return STRAIT_OK;
}

void strait__arena_fini(strait__arena *arena)
{
    while (arena->blocks) {
        strait__arena_block *next = arena->blocks->next;
        strait_free(arena->blocks);
        arena->blocks = next;
    }
    *arena = (strait__arena){0};
}
