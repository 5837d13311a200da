/*
 * Allocations that fail when a test wants: Strait's own, by standing in for aligned_alloc, and jansson's, once
 * failing_memory_begin was called. Included by one file of a program, after the feature macro.
 */
#ifndef STRAIT_TEST_FAILING_MEMORY_H
#define STRAIT_TEST_FAILING_MEMORY_H

#include "base/memory.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

static long countdown = -1; /* allocations until one fails; negative: none does */
static long json_live;      /* blocks that jansson holds */

static bool fails_now(void)
{
    return countdown >= 0 && countdown-- == 0;
}

/* All of Strait's own allocations end here: the program's symbol comes before libc's. */
void *aligned_alloc(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size)
{
    void *block = NULL;
    if (fails_now() || posix_memalign(&block, alignment, size) != 0) return NULL;
    return block;
}

static void *json_allocate(size_t size)
{
    void *block = fails_now() ? NULL : malloc(size);
    if (block) json_live++;
    return block;
}

static void json_release(void *block)
{
    if (block) json_live--;
    free(block);
}

static void failing_memory_begin(void)
{
    json_set_alloc_funcs(json_allocate, json_release);
}

/* Everything that is allocated: bytes of Strait's, blocks of jansson's. */
typedef struct memory_held {
    int64_t bytes;
    long json;
} memory_held;

static memory_held memory_now(void)
{
    memory_held held = {.json = json_live};
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) held.bytes += strait_memory_used((strait_tag)tag);
    return held;
}

static bool memory_leaked(memory_held since)
{
    memory_held now = memory_now();
    return now.bytes != since.bytes || now.json != since.json;
}

#endif
