/*
 * What a device gives at most, and the time that a piece of work needs by it: arithmetic on registers, and reading and
 * copying within working sets of several sizes, from what caches serve to what only memory does. No cache's size is
 * asked for: the rates show it.
 */
#ifndef STRAIT_TRAIN_ROOFLINE_H
#define STRAIT_TRAIN_ROOFLINE_H

#include "ops/op_def.h"

#include <strait/bench.h>

/* Measures now, about a second. On a device that cannot (strait_device_measure) there are no levels. */
strait_status strait_roofline_measure(strait_device *device, strait_dtype dtype, strait_numerics numerics,
                                      strait_bench_rates *out) STRAIT_MUST_USE;

/*
 * The least seconds for a call of this cost. Its working set is all that it reads and writes; it has the rates of the
 * largest measured one that is no larger. What is written is copied from as much that is read, and the rest is read.
 */
double strait_roofline_seconds(const strait_bench_rates *rates, const strait_op_cost *cost, strait_bench_bound *out);

#endif
