/*
 * The pool. A loop is open while it has tasks to hand out. Workers join an open loop, take tasks from the counter and
 * leave; the caller works too, closes the loop when the counter has run out, and waits for those that joined, not for
 * workers that never woke up: on a busy machine a thread the system does not run delays nothing.
 *
 * Waiting threads spin for some tens of microseconds and then sleep, so that a foreign process gets the processor.
 */
#define _GNU_SOURCE
#include "base/pool.h"

#include "base/fpenv.h"
#include "base/processors.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* About 30 to 100 microseconds, depending on how long the processor's pause is. */
enum { SPINS = 2000, CACHE_LINE = 64 };

/* `state` is twice the number of members, plus one while the loop is open. */
enum { STATE_OPEN = 1, STATE_MEMBER = 2 };

typedef struct worker {
    strait_pool *pool;
    pthread_t thread;
    int index;
} worker;

struct strait_pool {
    _Alignas(CACHE_LINE) _Atomic int64_t next;
    _Alignas(CACHE_LINE) _Atomic int64_t state;
    _Alignas(CACHE_LINE) _Atomic int sleepers;
    _Atomic int caller_sleeps;
    _Atomic int stop;
    /* The loop that is open; written while it is closed and no member is left. */
    int64_t tasks;
    strait_task_fn fn;
    void *context;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t done;
    worker *workers;
    int size;
    int started;
};

static void relax(void)
{
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whoever finds the counter run out closes the loop, so that late workers go back to sleep instead of joining it. */
static void take_tasks(strait_pool *pool, int index)
{
    for (;;) {
        int64_t task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (task >= pool->tasks) break;
        pool->fn(pool->context, task, index);
    }
    atomic_fetch_and(&pool->state, ~(int64_t)STATE_OPEN);
}

static void leave(strait_pool *pool)
{
    int64_t now = atomic_fetch_sub(&pool->state, STATE_MEMBER) - STATE_MEMBER;
    if (now != 0 || !atomic_load(&pool->caller_sleeps)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->lock);
}

/* Returns when there may be something to join, or the pool ends. */
static void wait_for_loop(strait_pool *pool)
{
    for (int i = 0; i < SPINS; ++i) {
        if ((atomic_load_explicit(&pool->state, memory_order_relaxed) & STATE_OPEN) ||
            atomic_load_explicit(&pool->stop, memory_order_relaxed)) {
            return;
        }
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!(atomic_load(&pool->state) & STATE_OPEN) && !atomic_load(&pool->stop)) {
        pthread_cond_wait(&pool->wake, &pool->lock);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    strait_pool *pool = self->pool;
    while (!atomic_load(&pool->stop)) {
        wait_for_loop(pool);
        int64_t before = atomic_fetch_add(&pool->state, STATE_MEMBER);
        if (before & STATE_OPEN) {
            /* Each time, for a task may have called something that changed it. */
            strait_fpenv_set();
            take_tasks(pool, self->index);
        }
        leave(pool);
    }
    return NULL;
}

static void wait_for_members(strait_pool *pool)
{
    for (int i = 0; i < SPINS; ++i) {
        if (atomic_load(&pool->state) == 0) return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->caller_sleeps, 1);
    while (atomic_load(&pool->state) != 0) pthread_cond_wait(&pool->done, &pool->lock);
    atomic_store(&pool->caller_sleeps, 0);
    pthread_mutex_unlock(&pool->lock);
}

void strait_pool_run(strait_pool *pool, int64_t tasks, strait_task_fn fn, void *context)
{
    if (!pool || pool->size == 1 || tasks <= 1) {
        for (int64_t task = 0; task < tasks; ++task) fn(context, task, 0);
        return;
    }
    pool->tasks = tasks;
    pool->fn = fn;
    pool->context = context;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_fetch_or(&pool->state, STATE_OPEN);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
    take_tasks(pool, 0);
    wait_for_members(pool);
}

static strait_status start_workers(strait_pool *pool)
{
    /* Signals are for the program's own threads. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    for (int i = 0; i < pool->size - 1 && error == 0; ++i) {
        worker *w = &pool->workers[i];
        w->pool = pool;
        w->index = i + 1;
        error = pthread_create(&w->thread, NULL, worker_main, w);
        if (error == 0) pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "cannot start thread %d of %d: %s; ask for fewer threads",
                       pool->started + 2, pool->size, strerror(error));
}

strait_status strait_pool_create(int threads, strait_pool **out_pool)
{
    if (threads < 0 || threads > STRAIT_POOL_THREADS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "threads is %d; it must be 0 (all processors) to %d", threads,
                           STRAIT_POOL_THREADS_MAX);
    }
    strait_pool *pool;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *pool, &pool));
    pool->size = threads > 0 ? threads : strait_processors();
    if (pool->size > STRAIT_POOL_THREADS_MAX) pool->size = STRAIT_POOL_THREADS_MAX;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, (size_t)pool->size, sizeof *pool->workers, &pool->workers);
    if (status == STRAIT_OK) status = start_workers(pool);
    if (status != STRAIT_OK) {
        strait_pool_destroy(pool);
        return status;
    }
    *out_pool = pool;
    return STRAIT_OK;
}

void strait_pool_destroy(strait_pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; ++i) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    strait_free(pool->workers);
    strait_free(pool);
}

int strait_pool_size(const strait_pool *pool)
{
    return pool ? pool->size : 1;
}
