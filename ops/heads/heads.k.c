/* SPLIT_HEADS and JOIN_HEADS: a work-group takes one token. */
#include "kernels/dialect/kernel.h"

DEVICE void heads_copy(GLOBAL const st *from, GLOBAL st *to, i64 n)
{
    for (i64 i = LOCAL_ID; i < n; i += WG) to[i] = from[i];
}

DEVICE void heads_clear(GLOBAL st *to, i64 n)
{
    for (i64 i = LOCAL_ID; i < n; i += WG) to[i] = 0;
}

DEVICE void heads_sum(GLOBAL const st *from, GLOBAL st *to, i64 heads, i64 width, i64 n)
{
    for (i64 c = (i64)LOCAL_ID * VW; c < n; c += WG * VW) {
        vf sum = s_load_n(from + c, n - c);
        for (i64 h = 1; h < heads; ++h) sum = sum + s_load_n(from + h * width + c, n - c);
        s_store_n(to + c, sum, n - c);
    }
}

KERNEL(WG)
split_heads(IN(st, x), OUT(st, a), OUT(st, b), i64 heads, i64 width, i64 first, i64 second, i64 wide, i32 has_b,
            i32 shared)
{
    OPEN_IN(st, x);
    OPEN(st, a);
    OPEN(st, b);
    for (i64 h = 0; h < heads; ++h) {
        i64 at = GROUP_ID * heads + h;
        GLOBAL const st *head = x + at * width;
        heads_copy(head, a + at * first, first);
        if (!has_b || (shared && h > 0)) continue;
        GLOBAL st *to = b + (shared ? GROUP_ID : at) * wide;
        if (shared) {
            heads_sum(head + first, to, heads, width, second);
        } else {
            heads_copy(head + first, to, second);
        }
        heads_clear(to + second, wide - second);
    }
}

KERNEL(WG)
join_heads(IN(st, a), IN(st, b), OUT(st, y), i64 heads, i64 width, i64 first, i64 second, i64 wide, i32 has_b,
           i32 shared)
{
    OPEN_IN(st, a);
    OPEN_IN(st, b);
    OPEN(st, y);
    for (i64 h = 0; h < heads; ++h) {
        i64 at = GROUP_ID * heads + h;
        GLOBAL st *head = y + at * width;
        heads_copy(a + at * first, head, first);
        if (has_b) {
            heads_copy(b + (shared ? GROUP_ID : at) * wide, head + first, second);
        } else {
            heads_clear(head + first, second);
        }
        heads_clear(head + first + second, width - first - second);
    }
}
