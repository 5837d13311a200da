/* Exact oracle and cases of adamw. */
#include "base/rng.h"
#include "ops/exact.h"
#include "ops/op_check.h"

static void adamw_element(float *w, float *m, float *v, float grad, float decay, const float *step)
{
    float g = grad * step[STRAIT_STEP_CLIP_FACTOR];
    if (fabsf(g) < 0x1p-60F) g = 0.0F;
    *m = fmaf(step[STRAIT_STEP_BETA1], *m, step[STRAIT_STEP_1_BETA1] * g);
    if (fabsf(*m) < 0x1p-60F) *m = 0.0F;
    float scaled = step[STRAIT_STEP_1_BETA2] * g;
    *v = fmaf(step[STRAIT_STEP_BETA2], *v, scaled * g);
    if (*v < 0x1p-120F) *v = 0.0F;
    float update = *m / fmaf(sqrtf(*v), step[STRAIT_STEP_B], step[STRAIT_STEP_EPS]);
    *w = fmaf(-step[STRAIT_STEP_A], update, *w * decay);
}

/* The step's numbers, put together from words of 16 bits. */
static uint64_t counted(const float *words, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) value = value << 16 | (uint64_t)words[i];
    return value;
}

/* The weight takes the low half of the element's word, the first moment the high half. */
static void round_element(const strait_op_desc *desc, float *w, float *m, int64_t index, const float *step)
{
    uint32_t seed = (uint32_t)counted(step + STRAIT_STEP_SEED, 2);
    uint32_t word = strait_rng_u32(seed, STRAIT_STREAM_ROUNDING, (uint64_t)index, counted(step + STRAIT_STEP_T, 4));
    if (desc->dims[ADAMW_DIM_WEIGHTS_BF16]) *w = strait_exact_round_by(*w, word & 0xFFFFU);
    if (desc->dims[ADAMW_DIM_MOMENT_BF16]) *m = strait_exact_round_by(*m, word >> 16);
}

static strait_status adamw_exact(const strait_op_desc *desc, void *const *buffers)
{
    float *w = buffers[ADAMW_W];
    float *m = buffers[ADAMW_M];
    float *v = buffers[ADAMW_V];
    const float *g = buffers[ADAMW_G];
    const int64_t *table = buffers[ADAMW_TABLE];
    const float *step = buffers[ADAMW_STEP];
    float *compute = buffers[ADAMW_COMPUTE];
    int64_t index = desc->dims[ADAMW_DIM_FIRST];
    if (step[STRAIT_STEP_APPLY] == 0.0F) return STRAIT_OK;
    for (int64_t p = 0; p < desc->dims[ADAMW_DIM_P]; p++) {
        const int64_t *row = table + 3 * p;
        float decay = row[2] ? step[STRAIT_STEP_W] : 1.0F;
        for (int64_t i = row[0]; i < row[0] + row[1]; i++) {
            adamw_element(&w[i], &m[i], &v[i], g[i], decay, step);
            round_element(desc, &w[i], &m[i], index++, step);
            if (compute) compute[i] = strait_exact_round(STRAIT_DTYPE_BF16, w[i]);
        }
    }
    return STRAIT_OK;
}

/*
 * Tensors of uneven length, every second one decayed, one element between neighbours that belongs to none (it must stay
 * as it is). variant 1: the step is not applied and nothing may be written.
 */
static strait_status adamw_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                   strait_check_random *random, void *const *buffers)
{
    float *v = buffers[ADAMW_V];
    int64_t *table = buffers[ADAMW_TABLE];
    float *step = buffers[ADAMW_STEP];
    int64_t p_count = desc->dims[ADAMW_DIM_P];
    int64_t total = desc->dims[ADAMW_DIM_TOTAL];
    for (int64_t i = 0; i < total; i++) v[i] = fabsf(v[i]);
    int64_t at = 0;
    for (int64_t p = 0; p < p_count; p++) {
        int64_t later = p_count - 1 - p;
        int64_t room = total - at - 2 * later;
        int64_t length = later == 0 ? room : 1 + strait_check_below(random, room);
        table[3 * p] = at;
        table[3 * p + 1] = length;
        table[3 * p + 2] = p % 2 == 0;
        at += length + 1;
    }
    static const float constants[][2] = {
        {STRAIT_STEP_CLIP_FACTOR, 0.73F}, {STRAIT_STEP_A, 1.9e-3F},       {STRAIT_STEP_B, 3.2F},
        {STRAIT_STEP_W, 0.9999F},         {STRAIT_STEP_BETA1, 0.9F},      {STRAIT_STEP_BETA2, 0.95F},
        {STRAIT_STEP_1_BETA1, 0.1F},      {STRAIT_STEP_1_BETA2, 0.05F},   {STRAIT_STEP_EPS, 1e-8F},
        {STRAIT_STEP_SEED, 0xBEEF},       {STRAIT_STEP_SEED + 1, 0xFEED}, {STRAIT_STEP_T, 7},
        {STRAIT_STEP_T + 1, 0x8001},      {STRAIT_STEP_T + 2, 0xFFFF},    {STRAIT_STEP_T + 3, 0},
    };
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        step[(int)constants[i][0]] = constants[i][1];
    }
    step[STRAIT_STEP_APPLY] = shape->variant == 1 ? 0.0F : 1.0F;
    return STRAIT_OK;
}

/*
 * No cancellation between terms of unlike size; the update is a few roundings on a part of w. What is rounded
 * stochastically is off by up to a whole ulp of bf16, and half of one is allowed to every bf16 output.
 */
static double adamw_tolerance(const strait_op_desc *desc, int buffer)
{
    bool w = buffer == ADAMW_W && desc->dims[ADAMW_DIM_WEIGHTS_BF16];
    bool m = buffer == ADAMW_M && desc->dims[ADAMW_DIM_MOMENT_BF16];
    return 4.0 + (w || m ? 0x1.02p-8 / 0x1p-24 : 0.0);
}

enum { NO_COPY = 1U << ADAMW_COMPUTE };

/* A late part of a model: its first block of four is the last whose number has 32 bits, and begins before it. */
#define LATE (((int64_t)1 << 34) - 3)

/* dims: P, total, weights_bf16, moment_bf16, first */
const strait_op_check strait_op_check_adamw = {
    .op = STRAIT_OP_ADAMW,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1}},
            {.dims = {3, 37}},
            {.dims = {2, 67}, .variant = 1},
            {.dims = {4, 9001}},
            {.dims = {1, 1, 1, 1}, .absent = NO_COPY},
            {.dims = {3, 37, 1, 0, LATE}, .absent = NO_COPY},
            {.dims = {2, 67, 1, 1}, .absent = NO_COPY, .variant = 1},
            {.dims = {3, 1500, 0, 1, LATE}},
            {.dims = {4, 9001, 1, 1}, .absent = NO_COPY},
            {.dims = {1, 40000, 1, 1, LATE}, .absent = NO_COPY},
            {.dims = {64, 1 << 22}, .bench = true},
            {.dims = {64, 1 << 22, 1, 0}, .absent = NO_COPY, .bench = true},
            {.dims = {64, 1 << 22, 1, 1}, .absent = NO_COPY, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = adamw_exact,
    .prepare = adamw_prepare,
    .tolerance = adamw_tolerance,
};
