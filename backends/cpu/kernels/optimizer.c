/*
 * ADAMW: one pass over weights, both moments and gradients of all tensors. Weights and first moment in bf16 are rounded
 * stochastically, from 32 random bits an element.
 */
#include "backends/cpu/kernels/philox.h"
#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/kernels/tensor_list.h"

#include "base/rng.h"

enum { ADAMW_BLOCK = TASK_ELEMENTS };

typedef struct adamw {
    void *w, *m; /* f32, or bf16 */
    float *v;
    const float *g;
    const int64_t *table; /* offset, length, decayed */
    int64_t *first;       /* [tensors + 1]: each tensor's first block */
    int64_t *number;      /* [tensors + 1]: its first element's number in the model */
    const float *step;
    uint16_t *compute;
    int64_t tensors;
    strait_dtype w_dtype, m_dtype;
    philox random;
} adamw;

/* x where it is at least `least` in size (NaN included), else +0: moments are kept but subnormals are not bred. */
static inline vf adamw_floor(vf x, vf size, float least)
{
    return vf_select(vf_lt(size, vf_set1(least)), vf_zero(), x);
}

/* The step's words as vectors: read once per block, because stores to w might otherwise change them. */
typedef struct adamw_words {
    vf clip, beta1, beta2, one_beta1, one_beta2, eps, minus_a, b, shrink;
} adamw_words;

/* The new w and m of elements i .. i + VW - 1; v is stored. */
static inline vf adamw_elements(const adamw *a, int64_t i, int64_t end, const adamw_words *k, vf *out_m)
{
    const strait_dtype f32 = STRAIT_DTYPE_F32;
    vf g = vf_mul(s_load_to(a->g, i, end, f32), k->clip);
    g = adamw_floor(g, vf_abs(g), 0x1p-60f);
    vf m = vf_fma(k->beta1, s_load_to(a->m, i, end, a->m_dtype), vf_mul(k->one_beta1, g));
    m = adamw_floor(m, vf_abs(m), 0x1p-60f);
    vf v = vf_fma(k->beta2, s_load_to(a->v, i, end, f32), vf_mul(vf_mul(k->one_beta2, g), g));
    v = adamw_floor(v, v, 0x1p-120f);
    vf root = vf_fma(vf_sqrt(v), k->b, k->eps);
    vf w = vf_mul(s_load_to(a->w, i, end, a->w_dtype), k->shrink);
    s_store_to(a->v, i, end, v, f32);
    *out_m = m;
    return vf_fma(k->minus_a, vf_div(m, root), w);
}

static void adamw_f32(const adamw *a, int64_t begin, int64_t end, const adamw_words *words)
{
    for (int64_t i = begin; i < end; i += VW) {
        vf m;
        vf w = adamw_elements(a, i, end, words, &m);
        s_store_to(a->m, i, end, m, STRAIT_DTYPE_F32);
        s_store_to(a->w, i, end, w, STRAIT_DTYPE_F32);
        if (a->compute) s_store_to(a->compute, i, end, w, STRAIT_DTYPE_BF16);
    }
}

/* Away from zero with probability (what is cut off) / 2^16: 16 random bits are added below the kept ones. */
static inline void round_pieces(uint16_t *out, const float *values, const uint32_t *words, int shift, int64_t n)
{
    for (int64_t i = 0; i < n; ++i) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        uint32_t rounded = (bits + (words[i] >> shift & 0xFFFFU)) >> 16;
        out[i] = (uint16_t)((bits & 0x7FFFFFFFU) > 0x7F800000U ? 0x7FC0U : rounded);
    }
}

/* The same where weights, first moment or both are bf16; `index` is element begin's in the model. */
static void adamw_stochastic(const adamw *a, int64_t begin, int64_t end, int64_t index, const adamw_words *words)
{
    uint32_t random[PHILOX_WORDS];
    float w[PHILOX_WORDS + VW];
    float m[PHILOX_WORDS + VW];
    for (int64_t at = begin; at < end;) {
        int64_t skip = (index + at - begin) % PHILOX_WORDS;
        int64_t stop = min_i64(end, at + PHILOX_WORDS - skip);
        philox_words(&a->random, (uint64_t)(index + at - begin - skip), random);
        for (int64_t i = at; i < stop; i += VW) {
            vf new_m;
            vf_store(w + (i - at), adamw_elements(a, i, stop, words, &new_m));
            vf_store(m + (i - at), new_m);
        }
        if (a->w_dtype == STRAIT_DTYPE_BF16) {
            round_pieces((uint16_t *)a->w + at, w, random + skip, 0, stop - at);
        } else {
            memcpy((float *)a->w + at, w, (size_t)(stop - at) * sizeof *w);
            if (a->compute) {
                for (int64_t i = at; i < stop; i += VW) {
                    s_store_to(a->compute, i, stop, vf_load(w + (i - at)), STRAIT_DTYPE_BF16);
                }
            }
        }
        if (a->m_dtype == STRAIT_DTYPE_BF16) {
            round_pieces((uint16_t *)a->m + at, m, random + skip, 16, stop - at);
        } else {
            memcpy((float *)a->m + at, m, (size_t)(stop - at) * sizeof *m);
        }
        at = stop;
    }
}

static void adamw_block(void *context, int64_t task, int worker)
{
    (void)worker;
    const adamw *a = context;
    int64_t p = list_find(a->first, a->tensors, task);
    while (task >= a->first[p + 1]) ++p;
    const int64_t *row = a->table + 3 * p;
    int64_t begin = row[0] + (task - a->first[p]) * ADAMW_BLOCK;
    int64_t end = min_i64(row[0] + row[1], begin + ADAMW_BLOCK);
    const float *step = a->step;
    const adamw_words words = {.clip = vf_set1(step[STRAIT_STEP_CLIP_FACTOR]),
                               .beta1 = vf_set1(step[STRAIT_STEP_BETA1]),
                               .beta2 = vf_set1(step[STRAIT_STEP_BETA2]),
                               .one_beta1 = vf_set1(step[STRAIT_STEP_1_BETA1]),
                               .one_beta2 = vf_set1(step[STRAIT_STEP_1_BETA2]),
                               .eps = vf_set1(step[STRAIT_STEP_EPS]),
                               .minus_a = vf_set1(-step[STRAIT_STEP_A]),
                               .b = vf_set1(step[STRAIT_STEP_B]),
                               .shrink = vf_set1(row[2] ? step[STRAIT_STEP_W] : 1.0f)};
    if (a->w_dtype == STRAIT_DTYPE_F32 && a->m_dtype == STRAIT_DTYPE_F32) {
        adamw_f32(a, begin, end, &words);
    } else {
        adamw_stochastic(a, begin, end, a->number[p] + begin - row[0], &words);
    }
}

/* A number of the step buffer that is kept as words of 16 bits, low first. */
static uint64_t adamw_number(const float *words, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; --i) value = value << 16 | (uint64_t)words[i];
    return value;
}

int64_t STRAIT_CPU_WORKSPACE(adamw)(const strait_op_desc *desc, int threads)
{
    (void)threads;
    return 2 * (desc->dims[ADAMW_DIM_P] + 1) * (int64_t)sizeof(int64_t);
}

strait_status STRAIT_CPU_RUN(adamw)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    adamw a = {.w = call->buffers[ADAMW_W],
               .m = call->buffers[ADAMW_M],
               .v = call->buffers[ADAMW_V],
               .g = call->buffers[ADAMW_G],
               .table = call->buffers[ADAMW_TABLE],
               .first = call->workspace,
               .step = call->buffers[ADAMW_STEP],
               .compute = call->buffers[ADAMW_COMPUTE],
               .tensors = d[ADAMW_DIM_P],
               .w_dtype = d[ADAMW_DIM_WEIGHTS_BF16] ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32,
               .m_dtype = d[ADAMW_DIM_MOMENT_BF16] ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32};
    if (a.step[STRAIT_STEP_APPLY] == 0.0f) return STRAIT_OK;
    a.random = (philox){.seed = (uint32_t)adamw_number(a.step + STRAIT_STEP_SEED, 2),
                        .stream = STRAIT_STREAM_ROUNDING,
                        .step = adamw_number(a.step + STRAIT_STEP_T, 4)};
    int64_t blocks = list_number(a.table, 3, a.tensors, ADAMW_BLOCK, a.first);
    a.number = a.first + a.tensors + 1;
    a.number[0] = d[ADAMW_DIM_FIRST];
    for (int64_t p = 0; p < a.tensors; ++p) a.number[p + 1] = a.number[p] + a.table[3 * p + 1];
    strait_pool_run(call->pool, blocks, adamw_block, &a);
    return STRAIT_OK;
}
