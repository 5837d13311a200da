/* KV_STORE: a work-group copies one row into the cache. */
#include "kernels/dialect/kernel.h"

KERNEL(WG) kv_store(IN(st, x), IN(i32, positions), INOUT(st, cache), i64 tq, i64 tk, i64 n)
{
    OPEN_IN(st, x);
    OPEN_IN(i32, positions);
    OPEN(st, cache);
    i64 to = (GROUP_ID / tq * tk + positions[GROUP_ID]) * n;
    i64 from = GROUP_ID * n;
    for (i64 i = LOCAL_ID; i < n; i += WG) cache[to + i] = x[from + i];
}
