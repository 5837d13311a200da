/* Timing the loops of an instruction set on all workers. */
#include "backends/cpu/measure.h"

#include "base/clock.h"

#include <string.h>

/* Runs are lengthened until they take this long, and the best of so many of them counts. */
enum { RUNS = 6, LINE = 64 };
static const double RUN_SECONDS = 0.006;

typedef enum loop { LOOP_ARITHMETIC, LOOP_READ, LOOP_COPY, LOOP_SYSTEM_COPY } loop;

typedef struct job {
    const strait_cpu_loops *loops;
    loop loop;
    char *memory;
    int64_t part; /* bytes of one worker */
    int64_t rounds;
    double flops; /* of task 0; all do the same */
} job;

/* One task for each worker, which repeats by itself: what it has in its cache stays there. */
static void run_task(void *context, int64_t task, int worker)
{
    (void)worker;
    job *j = context;
    float sink[64] = {0.999f};
    char *mine = j->memory ? j->memory + task * j->part : NULL;
    int64_t half = j->part / 2;
    if (j->loop == LOOP_ARITHMETIC) {
        double flops = j->loops->arithmetic(j->rounds, sink);
        if (task == 0) j->flops = flops;
        return;
    }
    for (int64_t i = 0; i < j->rounds; ++i) {
        if (j->loop == LOOP_READ) {
            j->loops->read(mine, j->part, sink);
        } else if (j->loop == LOOP_COPY) {
            j->loops->copy(mine + half, mine, half);
        } else {
            /* The system's own goes around the cache where there is much to copy. */
            memcpy(mine + half, mine, (size_t)half);
        }
    }
}

static double best_rate(strait_pool *pool, job *j)
{
    double best = 0;
    int size = strait_pool_size(pool);
    j->rounds = 1;
    for (int run = 0; run < RUNS;) {
        double begin = strait_clock();
        strait_pool_run(pool, size, run_task, j);
        double seconds = strait_clock() - begin;
        if (seconds < RUN_SECONDS && j->rounds < INT64_MAX / 4) {
            j->rounds *= 2;
            continue;
        }
        double work = j->loop == LOOP_ARITHMETIC ? j->flops : (double)j->part * (double)j->rounds;
        if (work * size / seconds > best) best = work * size / seconds;
        ++run;
    }
    return best;
}

double strait__cpu_measure(strait_pool *pool, const strait_cpu_loops *loops, strait_rate rate, void *memory,
                           int64_t bytes)
{
    job j = {.loops = loops, .memory = memory, .part = bytes / strait_pool_size(pool) / (2 * LINE) * (2 * LINE)};
    if (rate == STRAIT_RATE_ARITHMETIC) return best_rate(pool, &j);
    if (rate == STRAIT_RATE_READ) {
        j.loop = LOOP_READ;
        return best_rate(pool, &j);
    }
    j.loop = LOOP_COPY;
    double by_vectors = best_rate(pool, &j);
    j.loop = LOOP_SYSTEM_COPY;
    double by_system = best_rate(pool, &j);
    return by_system > by_vectors ? by_system : by_vectors;
}
