/* Memory that is given out in small pieces and taken back all at once, up to a limit: templates come from outside. */
#ifndef STRAIT_CHAT_ARENA_H
#define STRAIT_CHAT_ARENA_H

#include "base/memory.h"

/* Zero-initialise and set `limit`; fini frees all pieces. */
typedef struct strait__arena {
    struct strait__arena_block *blocks; /* owned, newest first */
    char *at;
    size_t left;  /* bytes at `at` */
    size_t used;  /* of all pieces */
    size_t limit; /* bytes in all */
} strait__arena;

/* `count` times `size` zeroed bytes, aligned to 16; a count of 0 gives a valid pointer. STRAIT_ERR_RANGE beyond the
 * limit. */
strait_status strait__arena_take(strait__arena *arena, size_t count, size_t size, void *out_pointer) STRAIT_MUST_USE;
/* A copy of `length` bytes with a terminating zero. */
strait_status strait__arena_copy(strait__arena *arena, const void *bytes, size_t length, char **out) STRAIT_MUST_USE;
void strait__arena_fini(strait__arena *arena);

#endif
