/* Working memory that calls on one tokenizer lend and give back, so that threads share nothing but a short lock. */
#define _POSIX_C_SOURCE 200809L
#include "token/tokenizer_parts.h"

#include <pthread.h>

/* What one very long word needed is not kept for the next text. */
#define KEEP_SYMBOLS ((size_t)1 << 20)
#define KEEP_BYTES ((size_t)4 << 20)

struct strait__scratch_pool {
    pthread_mutex_t lock;
    strait__scratch *unused;
};

strait_status strait__scratch_create(strait__scratch **out_scratch)
{
    strait__scratch *scratch;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, 1, sizeof *scratch, &scratch));
    strait_status status = strait__regex_scratch_create(&scratch->regex);
    if (status != STRAIT_OK) {
        strait__scratch_destroy(scratch);
        return status;
    }
    scratch->normal.regex = scratch->regex;
    scratch->split.regex = scratch->regex;
    *out_scratch = scratch;
    return STRAIT_OK;
}

void strait__scratch_destroy(strait__scratch *scratch)
{
    if (!scratch) return;
    strait__regex_scratch_destroy(scratch->regex);
    strait__normal_scratch_fini(&scratch->normal);
    strait__split_scratch_fini(&scratch->split);
    strait__bpe_scratch_fini(&scratch->bpe);
    strait__unigram_scratch_fini(&scratch->unigram);
    strait_buffer_fini(&scratch->repaired);
    strait_free(scratch);
}

strait_status strait__scratch_pool_create(strait__scratch_pool **out_pool)
{
    strait__scratch_pool *pool;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, 1, sizeof *pool, &pool));
    int error = pthread_mutex_init(&pool->lock, NULL);
    if (error != 0) {
        strait_free(pool);
        return STRAIT_FAIL(strait__status_from_errno(error), "cannot make a lock (error %d)", error);
    }
    *out_pool = pool;
    return STRAIT_OK;
}

void strait__scratch_pool_destroy(strait__scratch_pool *pool)
{
    if (!pool) return;
    while (pool->unused) {
        strait__scratch *scratch = pool->unused;
        pool->unused = scratch->next;
        strait__scratch_destroy(scratch);
    }
    pthread_mutex_destroy(&pool->lock);
    strait_free(pool);
}

strait_status strait__scratch_acquire(const strait_tokenizer *tokenizer, strait__scratch **out_scratch)
{
    strait__scratch_pool *pool = tokenizer->pool;
    pthread_mutex_lock(&pool->lock);
    strait__scratch *scratch = pool->unused;
    if (scratch) pool->unused = scratch->next;
    pthread_mutex_unlock(&pool->lock);
    if (!scratch) return strait__scratch_create(out_scratch);
    scratch->next = NULL;
    *out_scratch = scratch;
    return STRAIT_OK;
}

static void forget_large(strait_buffer *buffer)
{
    if (buffer->capacity > KEEP_BYTES) strait_buffer_fini(buffer);
}

void strait__scratch_release(const strait_tokenizer *tokenizer, strait__scratch *scratch)
{
    if (scratch->bpe.capacity > KEEP_SYMBOLS) strait__bpe_scratch_fini(&scratch->bpe);
    if (scratch->unigram.capacity > KEEP_SYMBOLS) strait__unigram_scratch_fini(&scratch->unigram);
    if (scratch->normal.forms.capacity > KEEP_SYMBOLS) strait__nfc_scratch_fini(&scratch->normal.forms);
    forget_large(&scratch->repaired);
    for (size_t i = 0; i < 2; i++) forget_large(&scratch->normal.texts[i]);
    for (size_t i = 0; i < STRAIT__STEPS_MAX; i++) forget_large(&scratch->split.rewritten[i]);
    strait__scratch_pool *pool = tokenizer->pool;
    pthread_mutex_lock(&pool->lock);
    scratch->next = pool->unused;
    pool->unused = scratch;
    pthread_mutex_unlock(&pool->lock);
}
