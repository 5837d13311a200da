/*
 * What every kernel text starts with, in words of the dialect alone: elements of storage dtype S as vectors, the 64
 * lanes of a sum, and the functions of kernels/formula. Two shapes of the same text:
 *   WG = 64, VW = 1: a work-group's items stand side by side; lanes meet in local memory (GPUs).
 *   WG = 1, VW > 1 (or 1): one work-item does it all, in vectors and without barriers (CPUs, compilers without them).
 * S_BF16 says what S is.
 */
#if S_BF16
typedef u16 st;
#else
typedef float st;
#endif

enum { LANES = 64, VL = LANES / (WG * VW) };

/* The first of the elements that vector v of this work-item holds, in each group of 64. */
#define LANE_AT(v) (((v)*WG + LOCAL_ID) * VW)

#if WG > 1
#define GROUP_BARRIER() BARRIER()
#define LANES_LOCAL(name) LOCAL float name[LANES]
#define LANES_PTR LOCAL_PTR float *
#else
#define GROUP_BARRIER()
#define LANES_LOCAL(name) float name[LANES]
#define LANES_PTR float *
#endif

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- loads and stores; the _n forms touch the first n elements only and load +0 for the rest ---- */

/* Round to nearest even in integers, NaN to 0x7FC0. */
DEVICE vu v_narrow(vf v)
{
    vu bits = V_BITS(v);
    vu rounded = (bits + (V_SET_U(0x7FFFu) + ((bits >> 16) & V_SET_U(1u)))) >> 16;
    return V_SELECT(v == v, rounded, V_SET_U(0x7FC0u));
}

DEVICE vf f_load_n(GLOBAL const float *p, i64 n)
{
    if (n >= VW) return V_LOAD(p);
    float t[VW];
    for (i32 i = 0; i < VW; ++i) t[i] = i < n ? p[i] : 0.0f;
    return V_LOAD(t);
}

DEVICE void f_store_n(GLOBAL float *p, vf v, i64 n)
{
    if (n >= VW) {
        V_STORE(p, v);
    } else {
        float t[VW];
        V_STORE(t, v);
        for (i32 i = 0; i < VW; ++i) {
            if (i < n) p[i] = t[i];
        }
    }
}

DEVICE vf h_load(GLOBAL const u16 *p)
{
    return V_REAL(V_LOAD_U16(p) << 16);
}

DEVICE vf h_load_n(GLOBAL const u16 *p, i64 n)
{
    if (n >= VW) return h_load(p);
    float t[VW];
    for (i32 i = 0; i < VW; ++i) t[i] = i < n ? F32_REAL((u32)p[i] << 16) : 0.0f;
    return V_LOAD(t);
}

DEVICE void bits_store_n(GLOBAL u16 *p, vu bits, i64 n)
{
    if (n >= VW) {
        V_STORE_U16(p, bits);
    } else {
        u32 t[VW];
        V_STORE(t, bits);
        for (i32 i = 0; i < VW; ++i) {
            if (i < n) p[i] = (u16)t[i];
        }
    }
}

DEVICE void h_store_n(GLOBAL u16 *p, vf v, i64 n)
{
    bits_store_n(p, v_narrow(v), n);
}

#if S_BF16
#define s_load(p) h_load(p)
#define s_load_n(p, n) h_load_n(p, n)
#define s_store_n(p, v, n) h_store_n(p, v, n)
#define s_get(p) F32_REAL((u32)(*(p)) << 16)
#else
#define s_load(p) V_LOAD(p)
#define s_load_n(p, n) f_load_n(p, n)
#define s_store_n(p, v, n) f_store_n(p, v, n)
#define s_get(p) (*(p))
#endif

/* Lanes below n of `yes`, the others of `no`. */
DEVICE vf v_first(vf yes, vf no, i64 n)
{
    if (n >= VW) return yes;
    return V_SELECT(V_INDEX < V_SET_I((i32)n), yes, no);
}

/* ---- the sum of 64 lanes ---- */

/* l += l+32, 16, 8, 4, 2, 1; every work-item gets the result. */
DEVICE float lanes_fold(const vf *lanes, LANES_PTR scratch)
{
#if WG > 1
    BARRIER();
    for (i32 v = 0; v < VL; ++v) V_STORE(scratch + LANE_AT(v), lanes[v]);
    BARRIER();
    for (i32 pair = LANES / 2; pair > 0; pair /= 2) {
        for (i32 i = LOCAL_ID; i < pair; i += WG) scratch[i] = scratch[i] + scratch[i + pair];
        BARRIER();
    }
#else
    vf part[VL];
    UNROLL for (i32 v = 0; v < VL; ++v) part[v] = lanes[v];
    UNROLL for (i32 count = VL / 2; count > 0; count /= 2)
    {
        UNROLL for (i32 v = 0; v < count; ++v) part[v] = part[v] + part[v + count];
    }
    V_STORE(scratch, part[0]);
    UNROLL for (i32 pair = VW / 2; pair > 0; pair /= 2)
    {
        UNROLL for (i32 i = 0; i < pair; ++i) scratch[i] = scratch[i] + scratch[i + pair];
    }
#endif
    return scratch[0];
}

/* x > m ? x : m over all lanes, from -infinity; m + (+0) turns -0 into +0. */
DEVICE float lanes_max(const vf *lanes, LANES_PTR scratch)
{
    GROUP_BARRIER();
    for (i32 v = 0; v < VL; ++v) V_STORE(scratch + LANE_AT(v), lanes[v]);
    GROUP_BARRIER();
    for (i32 pair = LANES / 2; pair > 0; pair /= 2) {
        for (i32 i = LOCAL_ID; i < pair; i += WG) {
            scratch[i] = scratch[i + pair] > scratch[i] ? scratch[i + pair] : scratch[i];
        }
        GROUP_BARRIER();
    }
    return scratch[0] + 0.0f;
}

#define MINUS_INFINITY F32_REAL(0xFF800000u)

/* ---- functions, one vector at a time ---- */

#define F_REAL vf
#define F_INT vu
#define F_MASK vi
#define F_INLINE DEVICE
#define F_FN(name) v_##name
#define F_SET(c) V_SET(c)
#define F_ISET(c) V_SET_U((u32)(c))
#define F_ADD(a, b) ((a) + (b))
#define F_SUB(a, b) ((a) - (b))
#define F_MUL(a, b) ((a) * (b))
#define F_DIV(a, b) ((a) / (b))
#define F_FMA(a, b, c) V_FMA(a, b, c)
#define F_LT(a, b) ((a) < (b))
#define F_LE(a, b) ((a) <= (b))
#define F_SEL(mask, yes, no) V_SELECT(mask, yes, no)
#define F_BITS(x) V_BITS(x)
#define F_REAL_BITS(x) V_REAL(x)
#define F_IADD(a, b) ((a) + (b))
#define F_ISUB(a, b) ((a) - (b))
#define F_IAND(a, b) ((a) & (b))
#define F_IOR(a, b) ((a) | (b))
#define F_ISHL(x, n) ((x) << (n))
#define F_ISHR(x, n) ((x) >> (n))
#define F_FROM_INT(x) V_FROM_INT(x)
#include "kernels/formula/formula.inc"

/* exp(t) for t <= 0, +0 below -64: what softmax takes for p. */
DEVICE vf v_probability(vf t)
{
    return V_SELECT(t < V_SET(-64.0f), V_SET(0.0f), v_exp_near(t));
}
