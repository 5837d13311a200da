/* Philox 4x32-10 (docs/numerics.md, section 9) for consecutive elements, as many blocks at a time as a vector has
 * lanes.
 */

/* The high half of a product of 32 bits: a word of the language where it has one, else from halves of 16 bits. */
#ifndef V_MUL_HIGH
#define V_MUL_HIGH(a, b) v_mul_high(a, b)
DEVICE vu v_mul_high(vu a, vu b)
{
    vu low = V_SET_U(0xFFFFu);
    vu cross = (a >> 16) * (b & low) + (((a & low) * (b & low)) >> 16);
    vu rest = (a & low) * (b >> 16) + (cross & low);
    return (a >> 16) * (b >> 16) + (cross >> 16) + (rest >> 16);
}
#endif

/* Vectors that one call draws: 4 VW words, less up to 3 before the first element that is asked for. */
enum { PHILOX_VECTORS = VW > 1 ? 3 : 1, PHILOX_SPAN = PHILOX_VECTORS * VW };

/* A number of the step buffer: two words of 16 bits, as floats, low first. */
DEVICE u32 counted(GLOBAL const float *words)
{
    return (u32)words[0] | (u32)words[1] << 16;
}

/* In [0, 1): the high 24 bits. */
DEVICE vf uniform_of(vu words)
{
    return V_FROM_INT(words >> 8) * V_SET(5.9604644775390625e-8f);
}

typedef struct philox {
    u32 seed;
    u32 stream;
    u32 step_low;
    u32 step_high;
} philox;

/* The words of the four elements of block `first` + lane, in w[0] to w[3]. */
DEVICE void philox_blocks(philox key, i64 first, vu *w)
{
    u32 low[VW];
    u32 high[VW];
    for (i32 lane = 0; lane < VW; ++lane) {
        low[lane] = (u32)(first + lane);
        high[lane] = (u32)((first + lane) >> 32);
    }
    vu c0 = V_LOAD(low);
    vu c1 = V_LOAD(high);
    vu c2 = V_SET_U(key.step_low);
    vu c3 = V_SET_U(key.step_high);
    for (i32 round = 0; round < 10; ++round) {
        vu high0 = V_MUL_HIGH(c0, V_SET_U(0xD2511F53u));
        vu high1 = V_MUL_HIGH(c2, V_SET_U(0xCD9E8D57u));
        vu low0 = c0 * V_SET_U(0xD2511F53u);
        vu low1 = c2 * V_SET_U(0xCD9E8D57u);
        c0 = high1 ^ c1 ^ V_SET_U(key.seed);
        c1 = low1;
        c2 = high0 ^ c3 ^ V_SET_U(key.stream);
        c3 = low0;
        key.seed += 0x9E3779B9u;
        key.stream += 0xBB67AE85u;
    }
    w[0] = c0;
    w[1] = c1;
    w[2] = c2;
    w[3] = c3;
}

/* The words of elements element, element + 1, ... in PHILOX_VECTORS vectors. */
DEVICE void philox_draw(philox key, i64 element, vu *out)
{
    vu w[4];
    i32 at = (i32)(element & 3);
    philox_blocks(key, element >> 2, w);
#if VW == 1
    /* Chosen, not indexed: a GPU keeps no array in registers whose index it learns while it runs. */
    vu pair = at < 2 ? w[0] : w[2];
    vu next = at < 2 ? w[1] : w[3];
    out[0] = (at & 1) == 0 ? pair : next;
#else
    u32 word[4][VW];
    u32 run[4 * VW];
    for (i32 i = 0; i < 4; ++i) V_STORE(word[i], w[i]);
    for (i32 i = 0; i < 4 * VW; ++i) run[i] = word[i & 3][i >> 2];
    for (i32 i = 0; i < PHILOX_VECTORS; ++i) out[i] = V_LOAD(run + at + i * VW);
#endif
}
