/* The pool: every task once, in any thread count; many short loops; a right floating-point environment; bad requests.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <time.h>

#include "base/fpenv.h"
#include "base/pool.h"

enum { TASKS = 1000 };

typedef struct record {
    _Atomic int seen[TASKS];
    _Atomic int busy[64];
    _Atomic int wrong;
    int size;
} record;

static void mark(void *context, int64_t task, int worker)
{
    record *r = context;
    if (worker < 0 || worker >= r->size || atomic_fetch_add(&r->busy[worker], 1) != 0) atomic_store(&r->wrong, 1);
    if (strait_fpenv_get() != strait_fpenv_wanted()) atomic_store(&r->wrong, 2);
    atomic_fetch_add(&r->seen[task], 1);
    atomic_fetch_sub(&r->busy[worker], 1);
}

static void every_task_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 8; ++threads) {
        strait_pool *pool;
        assert_int_equal(strait_pool_create(threads, &pool), STRAIT_OK);
        assert_int_equal(strait_pool_size(pool), threads);
        static record r;
        for (int loop = 0; loop < 50; ++loop) {
            int64_t tasks = loop == 0 ? 0 : loop == 1 ? 1 : TASKS - loop;
            for (int i = 0; i < TASKS; ++i) atomic_store(&r.seen[i], 0);
            r.size = threads;
            strait_pool_run(pool, tasks, mark, &r);
            for (int i = 0; i < TASKS; ++i) assert_int_equal(atomic_load(&r.seen[i]), i < tasks);
            assert_int_equal(atomic_load(&r.wrong), 0);
        }
        strait_pool_destroy(pool);
    }
}

/* Writes without atomics: what a loop wrote is visible when run returns (and under TSan, without a race). */
static void add_one(void *context, int64_t task, int worker)
{
    (void)worker;
    ((int *)context)[task]++;
}

static void short_loops(void **state)
{
    (void)state;
    strait_pool *pool;
    assert_int_equal(strait_pool_create(4, &pool), STRAIT_OK);
    int counts[5] = {0};
    for (int loop = 0; loop < 20000; ++loop) strait_pool_run(pool, 2 + loop % 4, add_one, counts);
    assert_int_equal(counts[0], 20000);
    assert_int_equal(counts[1], 20000);
    assert_int_equal(counts[4], 5000);
    /* Long enough for the workers to go to sleep. */
    struct timespec pause = {0, 20000000};
    for (int loop = 0; loop < 5; ++loop) {
        nanosleep(&pause, NULL);
        strait_pool_run(pool, 5, add_one, counts);
    }
    assert_int_equal(counts[4], 5005);
    strait_pool_destroy(pool);
}

static void without_a_pool(void **state)
{
    (void)state;
    int counts[3] = {0};
    strait_pool_run(NULL, 3, add_one, counts);
    assert_int_equal(counts[2], 1);
    assert_int_equal(strait_pool_size(NULL), 1);
    strait_pool_destroy(NULL);
}

static void bad_counts(void **state)
{
    (void)state;
    strait_pool *pool = NULL;
    assert_int_equal(strait_pool_create(-1, &pool), STRAIT_ERR_RANGE);
    assert_int_equal(strait_pool_create(100000, &pool), STRAIT_ERR_RANGE);
    assert_null(pool);
    assert_int_equal(strait_pool_create(0, &pool), STRAIT_OK);
    assert_true(strait_pool_size(pool) >= 1);
    strait_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_once),
        cmocka_unit_test(short_loops),
        cmocka_unit_test(without_a_pool),
        cmocka_unit_test(bad_counts),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
