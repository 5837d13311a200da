/*
 * What this instruction set gives at most, for rooflines: arithmetic on registers alone, and reading and copying by
 * plain vectors. No op: nothing is computed that anyone wants.
 */
#include "backends/cpu/kernels/kernel.h"
#if STRAIT_FAST
#include "backends/cpu/simd/unit.h"
#endif

#if STRAIT_FAST
static double arithmetic(int64_t rounds, float *out)
{
    unit_begin();
    double flops = unit_spin(rounds, out);
    unit_end();
    return flops;
}
#else
/* More chains than any processor's latency times its units, few enough for 16 registers. */
enum { CHAINS = 12 };

static double arithmetic(int64_t rounds, float *out)
{
    vf acc[CHAINS];
    /* Values stay near 1: no subnormals, and nothing that a compiler could foresee. */
    vf factor = vf_set1(out[0]);
    vf addend = vf_sub(vf_set1(1), factor);
    for (int i = 0; i < CHAINS; ++i) acc[i] = vf_set1((float)i);
    for (int64_t round = 0; round < rounds; ++round) {
        for (int i = 0; i < CHAINS; ++i) acc[i] = vf_fma(acc[i], factor, addend);
    }
    vf sum = vf_zero();
    for (int i = 0; i < CHAINS; ++i) sum = vf_add(sum, acc[i]);
    vf_store(out, sum);
    return 2.0 * CHAINS * VW * (double)rounds;
}
#endif

/* Vectors of one pass of the loops below; bytes are cut to whole passes. */
enum { PASS = 8, PASS_FLOATS = PASS * VW };

static void read_all(const void *data, int64_t bytes, float *out)
{
    const float *from = data;
    int64_t count = bytes / (int64_t)sizeof *from / PASS_FLOATS * PASS_FLOATS;
    vi found[PASS];
    for (int i = 0; i < PASS; ++i) found[i] = vi_set1(0);
    for (int64_t at = 0; at < count; at += PASS_FLOATS) {
        for (int i = 0; i < PASS; ++i) found[i] = vi_or(found[i], vf_bits(vf_load(from + at + i * VW)));
    }
    for (int i = 1; i < PASS; ++i) found[0] = vi_or(found[0], found[i]);
    vf_store(out, vf_from_bits(found[0]));
}

static void copy_all(void *to, const void *data, int64_t bytes)
{
    const float *from = data;
    float *out = to;
    int64_t count = bytes / (int64_t)sizeof *from / PASS_FLOATS * PASS_FLOATS;
    for (int64_t at = 0; at < count; at += PASS_FLOATS) {
        vf values[PASS];
        for (int i = 0; i < PASS; ++i) values[i] = vf_load(from + at + i * VW);
        for (int i = 0; i < PASS; ++i) vf_store(out + at + i * VW, values[i]);
    }
}

const strait_cpu_loops STRAIT_CPU_SYMBOL(loops) = {.arithmetic = arithmetic, .read = read_all, .copy = copy_all};
