/* Measuring a device's rates, and bounds from them. */
#include "train/roofline.h"

#define FIRST_BYTES (INT64_C(64) << 10)
#define LAST_BYTES (INT64_C(256) << 20)
/* A working set whose copies are so much faster than memory's lies in a cache. */
static const double CACHE_SPEEDUP = 1.25;

static strait_status measure_levels(strait_queue *queue, strait_slice memory, strait_bench_rates *out)
{
    out->level_count = 0;
    for (int64_t bytes = FIRST_BYTES; bytes <= LAST_BYTES; bytes *= 4) {
        strait_bench_level *level = &out->levels[out->level_count++];
        level->bytes = bytes;
        STRAIT_TRY(strait_device_measure(queue, STRAIT_RATE_READ, STRAIT_DTYPE_F32, STRAIT_NUMERICS_EXACT, memory,
                                         bytes, &level->read));
        STRAIT_TRY(strait_device_measure(queue, STRAIT_RATE_COPY, STRAIT_DTYPE_F32, STRAIT_NUMERICS_EXACT, memory,
                                         bytes, &level->copy));
    }
    return STRAIT_OK;
}

static strait_status measure(strait_device *device, strait_queue *queue, strait_dtype dtype, strait_numerics numerics,
                             strait_bench_rates *out)
{
    strait_slice none = {0};
    strait_status status =
        strait_device_measure(queue, STRAIT_RATE_ARITHMETIC, dtype, numerics, none, 0, &out->arithmetic);
    if (status == STRAIT_ERR_UNSUPPORTED) return STRAIT_OK;
    STRAIT_TRY(status);
    strait_memory *memory;
    STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_WORKSPACE, LAST_BYTES, &memory));
    strait_slice all = {.memory = memory};
    status = strait_fill(queue, all, 1, LAST_BYTES);
    if (status == STRAIT_OK) status = measure_levels(queue, all, out);
    strait_memory_destroy(memory);
    return status;
}

strait_status strait_roofline_measure(strait_device *device, strait_dtype dtype, strait_numerics numerics,
                                      strait_bench_rates *out)
{
    strait_queue *queue;
    strait_bench_rates rates = {0};
    STRAIT_TRY(strait_queue_create(device, &queue));
    strait_status status = measure(device, queue, dtype, numerics, &rates);
    strait_queue_destroy(queue);
    if (status == STRAIT_OK) *out = rates;
    return status;
}

static const strait_bench_level *level_of(const strait_bench_rates *rates, double bytes)
{
    int at = 0;
    while (at + 1 < rates->level_count && (double)rates->levels[at + 1].bytes <= bytes) at++;
    return &rates->levels[at];
}

double strait_roofline_seconds(const strait_bench_rates *rates, const strait_op_cost *cost, strait_bench_bound *out)
{
    *out = STRAIT_BENCH_BOUND_ARITHMETIC;
    double compute = rates->arithmetic > 0 ? cost->flops / rates->arithmetic : 0;
    if (rates->level_count == 0) return compute;
    double total = cost->bytes_read + cost->bytes_written;
    const strait_bench_level *level = level_of(rates, total);
    double surplus = cost->bytes_read - cost->bytes_written;
    double transfer = surplus > 0 ? (total - surplus) / level->copy + surplus / level->read : total / level->copy;
    if (transfer <= compute) return compute;
    double memory = rates->levels[rates->level_count - 1].copy;
    *out = level->copy > CACHE_SPEEDUP * memory ? STRAIT_BENCH_BOUND_CACHE : STRAIT_BENCH_BOUND_MEMORY;
    return transfer;
}
