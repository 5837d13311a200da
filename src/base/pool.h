/*
 * A pool of threads for data-parallel loops. Work is cut by data size, never by thread count; which thread computes a
 * task can therefore not change its bits.
 */
#ifndef STRAIT_BASE_POOL_H
#define STRAIT_BASE_POOL_H

#include "base/memory.h"

typedef struct strait_pool strait_pool;

/* The most workers of a pool. */
#define STRAIT_POOL_THREADS_MAX 1024

/* One task of a loop; `worker` is in 0 .. strait_pool_size - 1 and is unique among tasks running at the same time. */
typedef void (*strait_task_fn)(void *context, int64_t task, int worker);

/*
 * `threads` workers in all (at most STRAIT_POOL_THREADS_MAX), the caller's thread included (0 = one per available
 * processor). Every worker sets the
 * floating-point environment of the exact contract (MXCSR 0x1F80, FPCR 0) on entry. Failing to start a thread is an
 * error with the system's reason, and the threads already started are joined.
 */
strait_status strait_pool_create(int threads, strait_pool **out_pool) STRAIT_MUST_USE;
void strait_pool_destroy(strait_pool *pool);
int strait_pool_size(const strait_pool *pool);

/*
 * Runs task 0 .. tasks - 1 and returns when all are done. Tasks are handed out in ascending order by an atomic counter.
 * No allocation, no system call while workers are awake. Not re-entrant: a task must not call it on the same pool.
 * `pool` may be NULL: the caller then runs all tasks itself.
 */
void strait_pool_run(strait_pool *pool, int64_t tasks, strait_task_fn fn, void *context);

#endif
