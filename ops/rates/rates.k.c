/* No op: what a chip gives at most, for the bounds of `strait bench`. Each is repeated `turns` times. */
#include "kernels/dialect/kernel.h"

/* Chains that wait for nothing but themselves: enough to hide an fma's latency, few enough for 16 registers. */
#define CHAINS 12

/* CHAINS fma of VW lanes a turn in every work-item. */
KERNEL(WG) rate_arithmetic(OUT(float, out), i64 turns)
{
    OPEN(float, out);
    i64 at = GROUP_ID * WG + LOCAL_ID;
    vf chain[CHAINS];
    vf factor = V_SET((float)(at + 1) * 0x1p-30f);
    vf term = V_SET(0x1p-10f);
    UNROLL
    for (i32 c = 0; c < CHAINS; c++) chain[c] = V_SET((float)c);
    for (i64 t = 0; t < turns; t++) {
        UNROLL
        for (i32 c = 0; c < CHAINS; c++) chain[c] = V_FMA(chain[c], factor, term);
    }
    vf sum = chain[0];
    UNROLL
    for (i32 c = 1; c < CHAINS; c++) sum = sum + chain[c];
    V_STORE(out + at * VW, sum);
}

/* A work-group reads `each` elements, a multiple of 4 * WG * VW; what it found is stored behind all of them, at `sums`.
 */
KERNEL(WG) rate_read(IN(float, from), OUT(float, sums), i64 each, i64 turns)
{
    OPEN_IN(float, from);
    OPEN(float, sums);
    vf a = V_SET(0.0f);
    vf b = V_SET(0.0f);
    vf c = V_SET(0.0f);
    vf d = V_SET(0.0f);
    i64 first = GROUP_ID * each + LOCAL_ID * VW;
    for (i64 t = 0; t < turns; t++) {
        for (i64 i = 0; i < each; i += 4 * WG * VW) {
            a = a + V_LOAD(from + first + i);
            b = b + V_LOAD(from + first + i + WG * VW);
            c = c + V_LOAD(from + first + i + 2 * WG * VW);
            d = d + V_LOAD(from + first + i + 3 * WG * VW);
        }
    }
    V_STORE(sums + (GROUP_ID * WG + LOCAL_ID) * VW, (a + b) + (c + d));
}

/* A work-group copies `each` elements, a multiple of WG * VW. */
KERNEL(WG) rate_copy(IN_SHARED(float, from), INOUT(float, to), i64 each, i64 turns)
{
    OPEN_IN(float, from);
    OPEN(float, to);
    i64 first = GROUP_ID * each + LOCAL_ID * VW;
    for (i64 t = 0; t < turns; t++) {
        for (i64 i = first; i < (GROUP_ID + 1) * each; i += WG * VW) V_STORE(to + i, V_LOAD(from + i));
    }
}
