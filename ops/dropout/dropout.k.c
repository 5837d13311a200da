/* DROPOUT. A work-group takes `each` elements of one sequence. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/philox.h"

/* y may be x. `counts`: where seed and number of the step stand in it. */
KERNEL(WG)
dropout(IN_SHARED(st, x), IN(i32, sequences), IN(float, step), INOUT(st, y), i64 span, i64 each, i32 counts, i64 stream,
        float p, float scale)
{
    OPEN_IN(st, x);
    OPEN_IN(i32, sequences);
    OPEN_IN(float, step);
    OPEN(st, y);
    philox key = {counted(step + counts), (u32)stream, counted(step + counts + 2), counted(step + counts + 4)};
    i64 pieces = (span + each - 1) / each;
    i64 sequence = GROUP_ID / pieces;
    i64 first = GROUP_ID % pieces * each;
    i64 end = MIN(span, first + each);
    i64 number = (i64)sequences[sequence] * span;
    for (i64 i = first + LOCAL_ID * PHILOX_SPAN; i < end; i += WG * PHILOX_SPAN) {
        vu words[PHILOX_VECTORS];
        philox_draw(key, number + i, words);
        for (i32 v = 0; v < PHILOX_VECTORS; ++v) {
            i64 left = end - i - v * VW;
            if (left <= 0) continue;
            GLOBAL const st *from = x + sequence * span + i + v * VW;
            vf kept = s_load_n(from, left) * V_SET(scale);
            s_store_n(y + sequence * span + i + v * VW, V_SELECT(uniform_of(words[v]) >= V_SET(p), kept, V_SET(0.0f)),
                      left);
        }
    }
}
