/* Exact oracle and cases of attention and attention_bwd. */
#include "kernels/formula/scalar.h"
#include "ops/draw.h"
#include "ops/exact.h"
#include "ops/op_check.h"

#include "base/math64.h"

/* One (sequence, query row, query head). */
typedef struct query_row {
    int64_t position;
    int64_t stat;      /* index in m and r; times D: in q and o */
    int64_t first_key; /* index of key 0 of its head in k and v, in elements */
    int64_t key_stride;
    const int32_t *documents;
    const int32_t *sequences; /* NULL: nothing is dropped */
    strait_draw draw;
    int64_t b;
    int64_t query;
    int64_t head;
} query_row;

static query_row query_at(const strait_op_desc *desc, void *const *buffers, int64_t b, int64_t i, int64_t head)
{
    bool forward = desc->op == STRAIT_OP_ATTENTION;
    const int32_t *documents = buffers[forward ? ATTENTION_DOCUMENTS : ATTENTION_BWD_DOCUMENTS];
    const int32_t *lengths = forward ? buffers[ATTENTION_LENGTHS] : NULL;
    const int64_t *dims = desc->dims;
    int64_t length = lengths ? lengths[b] : dims[ATTENTION_DIM_TK];
    int64_t group = dims[ATTENTION_DIM_HQ] / dims[ATTENTION_DIM_HKV];
    query_row row;
    row.position = length - dims[ATTENTION_DIM_TQ] + i;
    row.stat = (b * dims[ATTENTION_DIM_TQ] + i) * dims[ATTENTION_DIM_HQ] + head;
    row.key_stride = dims[ATTENTION_DIM_HKV] * dims[ATTENTION_DIM_D];
    row.first_key = b * dims[ATTENTION_DIM_TK] * row.key_stride + head / group * dims[ATTENTION_DIM_D];
    row.documents = documents ? documents + b * dims[ATTENTION_DIM_TK] : NULL;
    row.sequences = NULL;
    row.b = b;
    row.query = i;
    row.head = head;
    if (dims[ATTENTION_DIM_STREAM] > 0) {
        row.sequences = buffers[forward ? ATTENTION_SEQUENCES : ATTENTION_BWD_SEQUENCES];
        row.draw = strait_draw_of(buffers[forward ? ATTENTION_STEP : ATTENTION_BWD_STEP], strait_draw_float);
    }
    return row;
}

static bool keeps(const strait_op_desc *desc, const query_row *row, int64_t key)
{
    if (!row->sequences) return true;
    uint64_t index = strait_draw_probability(desc, row->sequences, row->b, row->head, row->query, key);
    return strait_draw_keeps(row->draw, desc->dims[ATTENTION_DIM_STREAM], index, desc->scalars[ATTENTION_SCALAR_P]);
}

static bool sees(const strait_op_desc *desc, const query_row *row, int64_t key)
{
    int64_t window = desc->dims[ATTENTION_DIM_WINDOW];
    if (key > row->position) return false;
    if (window > 0 && row->position - key >= window) return false;
    return !row->documents || row->documents[key] == row->documents[row->position];
}

/* p of one key before the division by l. */
static float probability(float score, float m, float scale)
{
    float t = (score - m) * scale;
    return t < -64.0F ? 0.0F : strait_f_exp(t);
}

static void forward_row(const strait_op_desc *desc, void *const *buffers, query_row row)
{
    int64_t d = desc->dims[ATTENTION_DIM_D];
    float scale = desc->scalars[ATTENTION_SCALAR_SCALE];
    const float *q = (const float *)buffers[ATTENTION_Q] + row.stat * d;
    const float *k = (const float *)buffers[ATTENTION_K] + row.first_key;
    const float *v = (const float *)buffers[ATTENTION_V] + row.first_key;
    float *o = (float *)buffers[ATTENTION_O] + row.stat * d;
    float m = -INFINITY;
    for (int64_t j = 0; j <= row.position; j++) {
        if (sees(desc, &row, j)) m = strait_exact_max(m, strait_exact_chain(q, 1, k + j * row.key_stride, 1, d));
    }
    m = m + 0.0F;
    strait_exact_lanes lanes = {{0.0F}};
    for (int64_t i = 0; i < d; i++) o[i] = 0.0F;
    for (int64_t j = 0; j <= row.position; j++) {
        if (!sees(desc, &row, j)) continue;
        float p = probability(strait_exact_chain(q, 1, k + j * row.key_stride, 1, d), m, scale);
        float *lane = &lanes.lane[j % STRAIT_EXACT_LANES];
        *lane = *lane + p;
        if (!keeps(desc, &row, j)) continue;
        for (int64_t i = 0; i < d; i++) o[i] = fmaf(p, v[j * row.key_stride + i], o[i]);
    }
    float r = 1.0F / strait_exact_fold(lanes);
    float factor = row.sequences ? r * desc->scalars[ATTENTION_SCALAR_KEEP] : r;
    for (int64_t i = 0; i < d; i++) o[i] = strait_exact_round(desc->dtype, o[i] * factor);
    ((float *)buffers[ATTENTION_M])[row.stat] = m;
    ((float *)buffers[ATTENTION_R])[row.stat] = r;
}

static strait_status attention_exact(const strait_op_desc *desc, void *const *buffers)
{
    for (int64_t b = 0; b < desc->dims[ATTENTION_DIM_B]; b++) {
        for (int64_t i = 0; i < desc->dims[ATTENTION_DIM_TQ]; i++) {
            for (int64_t head = 0; head < desc->dims[ATTENTION_DIM_HQ]; head++) {
                forward_row(desc, buffers, query_at(desc, buffers, b, i, head));
            }
        }
    }
    return STRAIT_OK;
}

/* Documents of about 7 tokens; variant 1: every token its own, so that each query sees one key. */
static void fill_documents(const strait_op_desc *desc, int variant, strait_check_random *random, int32_t *documents)
{
    int64_t tk = desc->dims[ATTENTION_DIM_TK];
    for (int64_t i = 0; documents && i < desc->dims[ATTENTION_DIM_B] * tk; i++) {
        bool next = i % tk != 0 && (variant == 1 || strait_check_below(random, 7) == 0);
        documents[i] = i % tk == 0 ? 0 : documents[i - 1] + next;
    }
}

/*
 * Scores that fall by 1.25 (after scaling) from key to key, past the threshold of -64, with values that are zero
 * wherever p is not tiny: else what lies beyond the threshold would be lost in the rounding of what does not.
 */
static void fill_falling(const strait_op_desc *desc, float *q, float *k, float *v)
{
    int64_t d = desc->dims[ATTENTION_DIM_D];
    int64_t rows = desc->dims[ATTENTION_DIM_B] * desc->dims[ATTENTION_DIM_TQ] * desc->dims[ATTENTION_DIM_HQ];
    int64_t width = desc->dims[ATTENTION_DIM_HKV] * d;
    int64_t keys = desc->dims[ATTENTION_DIM_B] * desc->dims[ATTENTION_DIM_TK];
    for (int64_t i = 0; i < rows * d; i++) q[i] = i % d == 0 ? 1.0F : 0.0F;
    for (int64_t i = 0; i < keys * width; i++) {
        float fall = -1.25F * (float)(i / width % desc->dims[ATTENTION_DIM_TK]);
        k[i] = strait_exact_round(desc->dtype, fall / desc->scalars[ATTENTION_SCALAR_SCALE]);
        if (fall > -60.0F) v[i] = 0.0F;
    }
}

/* Scores that underflow to -0, so that only the addition of +0 to the maximum can make it +0. */
static void fill_underflow(const strait_op_desc *desc, float *q, float *k)
{
    int64_t d = desc->dims[ATTENTION_DIM_D];
    int64_t b = desc->dims[ATTENTION_DIM_B];
    for (int64_t i = 0; i < b * desc->dims[ATTENTION_DIM_TQ] * desc->dims[ATTENTION_DIM_HQ] * d; i++) q[i] = 0x1p-100F;
    for (int64_t i = 0; i < b * desc->dims[ATTENTION_DIM_TK] * desc->dims[ATTENTION_DIM_HKV] * d; i++)
        k[i] = -0x1p-100F;
}

/* Sequences from anywhere in a step, and a step and seed that fill their words. */
static void fill_draw(const strait_op_desc *desc, strait_check_random *random, int32_t *sequences, float *step)
{
    if (desc->dims[ATTENTION_DIM_STREAM] == 0) return;
    for (int64_t b = 0; b < desc->dims[ATTENTION_DIM_B]; b++) {
        sequences[b] = (int32_t)strait_check_below(random, INT32_MAX / 4);
    }
    memset(step, 0, STRAIT_STEP_WORDS * sizeof *step);
    for (int i = 0; i < 2; i++) step[STRAIT_STEP_SEED + i] = (float)strait_check_below(random, 1 << 16);
    for (int i = 0; i < 4; i++) step[STRAIT_STEP_T + i] = (float)strait_check_below(random, 1 << 16);
}

/* Lengths anywhere in [TQ, TK]. Keys and values past the length are NaN: no term may be made of them. */
static strait_status attention_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                       strait_check_random *random, void *const *buffers)
{
    int32_t *lengths = buffers[ATTENTION_LENGTHS];
    int64_t tq = desc->dims[ATTENTION_DIM_TQ];
    int64_t tk = desc->dims[ATTENTION_DIM_TK];
    int64_t width = desc->dims[ATTENTION_DIM_HKV] * desc->dims[ATTENTION_DIM_D];
    fill_documents(desc, shape->variant, random, buffers[ATTENTION_DOCUMENTS]);
    if (shape->variant == 2) fill_falling(desc, buffers[ATTENTION_Q], buffers[ATTENTION_K], buffers[ATTENTION_V]);
    if (shape->variant == 3) fill_underflow(desc, buffers[ATTENTION_Q], buffers[ATTENTION_K]);
    fill_draw(desc, random, buffers[ATTENTION_SEQUENCES], buffers[ATTENTION_STEP]);
    for (int64_t b = 0; lengths && b < desc->dims[ATTENTION_DIM_B]; b++) {
        lengths[b] = (int32_t)(tq + strait_check_below(random, tk - tq + 1));
        for (int64_t i = (b * tk + lengths[b]) * width; i < (b + 1) * tk * width; i++) {
            ((float *)buffers[ATTENTION_K])[i] = NAN;
            ((float *)buffers[ATTENTION_V])[i] = NAN;
        }
    }
    return STRAIT_OK;
}

static bool is_narrow(const strait_op_desc *desc)
{
    return desc->numerics == STRAIT_NUMERICS_FAST && desc->dtype == STRAIT_DTYPE_BF16;
}

/*
 * A score is a chain over D whose error, after scaling by 1/sqrt(D), is about half an ulp of a few units times sqrt(D):
 * it moves p by that much relatively. The output is an average over keys of values with these errors plus a chain of up
 * to T terms.
 *
 * In fast with bf16 storage p may be the sum of two bf16 numbers where it meets the values: each is off by up to 2^-16
 * of itself, o by as much of the average size of values, which is below the largest output: that of a query that sees
 * one key is its value.
 * Where every key up to the query's is seen a library may compute it, which narrows p once: each by up to 2^-9 of
 * itself. Maxima that are found on the way scale o and l anew, at most once for each 64 keys, by an exponential that is
 * off by 2 ulp and a product; a row's last maximum stands after a few tiles, and its 3 units each are within the 8.
 */
static double attention_tolerance(const strait_op_desc *desc, int buffer)
{
    double each = desc->dims[ATTENTION_DIM_PLAIN] != 0 ? 0x1p-9 : 0x1p-16;
    double narrowing = is_narrow(desc) && buffer == ATTENTION_O ? each / 0x1p-24 : 0.0;
    return 8.0 + 4.0 * sqrt((double)desc->dims[ATTENTION_DIM_D]) + sqrt((double)desc->dims[ATTENTION_DIM_TK]) +
           narrowing;
}

/*
 * Of the saved statistics p = exp((s - m) scale) r is what is read. Where a library may have computed them, what they
 * determine is compared, scale m - log r: it takes the place of m, and 1 that of r.
 */
static double attention_settled(const strait_op_desc *desc, int buffer, const double elements[STRAIT_OP_MAX_BUFFERS])
{
    if (desc->dims[ATTENTION_DIM_PLAIN] == 0 || buffer < ATTENTION_M) return elements[buffer];
    if (buffer == ATTENTION_R) return 1.0;
    return elements[ATTENTION_M] * (double)desc->scalars[ATTENTION_SCALAR_SCALE] -
           strait_math_log(elements[ATTENTION_R]);
}

/* A library multiplies what is hidden by 0, which NaN and infinity survive. */
static bool attention_spreads(const strait_op_desc *desc)
{
    return desc->dims[ATTENTION_DIM_PLAIN] != 0;
}

enum {
    NO_LENGTHS = 1U << ATTENTION_LENGTHS,
    PLAIN = 1U << ATTENTION_LENGTHS | 1U << ATTENTION_DOCUMENTS,
    NO_DOCUMENTS = 1U << ATTENTION_DOCUMENTS,
    PLAIN_BWD = 1U << ATTENTION_BWD_DOCUMENTS
};

#define ATTENTION_ROLES(documents, draw)                                                                             \
    {                                                                                                                \
        {STRAIT_CHECK_VALUE, ATTENTION_Q}, {STRAIT_CHECK_VALUE, ATTENTION_K}, {STRAIT_CHECK_VALUE, ATTENTION_V},     \
            {STRAIT_CHECK_VALUE, ATTENTION_O}, {STRAIT_CHECK_VALUE, ATTENTION_M}, {STRAIT_CHECK_VALUE, ATTENTION_R}, \
            {STRAIT_CHECK_COTANGENT, ATTENTION_O}, {documents, ATTENTION_DOCUMENTS},                                 \
            {STRAIT_CHECK_GRADIENT, ATTENTION_Q}, {STRAIT_CHECK_GRADIENT, ATTENTION_K},                              \
            {STRAIT_CHECK_GRADIENT, ATTENTION_V}, {draw, ATTENTION_SEQUENCES}, {draw, ATTENTION_STEP},               \
    }

/* dims: B, TQ, TK, HQ, HKV, D, window, stream */
static const strait_check_gradient attention_gradients[] = {
    {.forward = {.dims = {2, 5, 5, 4, 2, 3, 0}, .scalars = {0.57735026F}, .absent = PLAIN},
     .backward = STRAIT_OP_ATTENTION_BWD,
     .backward_dims = {2, 5, 5, 4, 2, 3, 0},
     .unused_outputs = 1U << ATTENTION_M | 1U << ATTENTION_R,
     .roles = ATTENTION_ROLES(STRAIT_CHECK_NONE, STRAIT_CHECK_NONE)},
    {.forward = {.dims = {1, 9, 9, 2, 1, 4, 3}, .scalars = {0.5F}, .absent = NO_LENGTHS},
     .backward = STRAIT_OP_ATTENTION_BWD,
     .backward_dims = {1, 9, 9, 2, 1, 4, 3},
     .unused_outputs = 1U << ATTENTION_M | 1U << ATTENTION_R,
     .roles = ATTENTION_ROLES(STRAIT_CHECK_VALUE, STRAIT_CHECK_NONE)},
    {.forward = {.dims = {2, 7, 7, 4, 2, 4, 0, 65540}, .scalars = {0.5F, 0.3F, 1.4285715F}, .absent = PLAIN},
     .backward = STRAIT_OP_ATTENTION_BWD,
     .backward_dims = {2, 7, 7, 4, 2, 4, 0, 65540},
     .unused_outputs = 1U << ATTENTION_M | 1U << ATTENTION_R,
     .roles = ATTENTION_ROLES(STRAIT_CHECK_NONE, STRAIT_CHECK_VALUE)},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_attention = {
    .op = STRAIT_OP_ATTENTION,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 1, 2, 0}, .scalars = {1.0F}, .absent = PLAIN},
            {.dims = {2, 7, 7, 4, 2, 6, 0}, .scalars = {0.40824829F}, .absent = PLAIN},
            {.dims = {1, 9, 9, 3, 3, 16, 4}, .scalars = {0.25F}, .absent = NO_LENGTHS},
            {.dims = {2, 6, 6, 2, 1, 8, 0}, .scalars = {0.35355338F}, .absent = NO_LENGTHS, .variant = 1},
            {.dims = {2, 5, 5, 2, 2, 10, 1}, .scalars = {0.31622776F}, .absent = PLAIN},
            {.dims = {1, 33, 33, 4, 1, 64, 0}, .scalars = {0.125F}, .absent = PLAIN},
            {.dims = {1, 70, 70, 5, 1, 34, 0}, .scalars = {0.17149858F}, .absent = NO_LENGTHS},
            {.dims = {1, 131, 131, 2, 2, 12, 65}, .scalars = {0.28867513F}, .absent = PLAIN},
            {.dims = {1, 75, 75, 2, 1, 6, 0}, .scalars = {0.40824829F}, .absent = PLAIN, .variant = 2},
            {.dims = {1, 9, 9, 2, 1, 6, 0}, .scalars = {0.40824829F}, .absent = PLAIN, .variant = 3},
            {.dims = {3, 1, 19, 4, 2, 18, 0}, .scalars = {0.23570226F}, .absent = NO_DOCUMENTS},
            {.dims = {2, 3, 130, 6, 2, 32, 0}, .scalars = {0.17677669F}, .absent = NO_DOCUMENTS},
            {.dims = {2, 4, 11, 2, 1, 130, 5}, .scalars = {0.0877058F}},
            {.dims = {1, 1, 4200, 2, 1, 4, 0}, .scalars = {0.5F}, .absent = PLAIN}, /* not the long sum */
            {.dims = {1, 1, 1, 1, 1, 2, 0, 65540}, .scalars = {1.0F, 0.5F, 2.0F}, .absent = PLAIN},
            {.dims = {2, 7, 7, 4, 2, 6, 0, 65540}, .scalars = {0.40824829F, 0.3F, 1.4285715F}, .absent = PLAIN},
            {.dims = {1, 131, 131, 4, 2, 12, 65, 262148},
             .scalars = {0.28867513F, 0.1F, 1.1111112F},
             .absent = NO_LENGTHS},
            {.dims = {3, 66, 66, 3, 1, 34, 0, 65540}, .scalars = {0.17149858F, 0.9F, 10.0F}, .absent = PLAIN},
            {.dims = {2, 37, 37, 4, 2, 64, 0, 0, 1}, .scalars = {0.125F}, .absent = PLAIN},
            {.dims = {4, 512, 512, 16, 8, 128, 0, 0, 1}, .scalars = {0.088388346F}, .absent = PLAIN, .bench = true},
            {.dims = {8, 1, 2048, 16, 8, 128, 0}, .scalars = {0.088388346F}, .absent = NO_DOCUMENTS, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = attention_exact,
    .prepare = attention_prepare,
    .tolerance = attention_tolerance,
    .settled = attention_settled,
    .spreads = attention_spreads,
    .gradients = attention_gradients,
};

/* Adds one query row's terms to its own gradient and to those of the keys and values it sees. */
static void backward_row(const strait_op_desc *desc, void *const *buffers, query_row row)
{
    int64_t d = desc->dims[ATTENTION_DIM_D];
    float scale = desc->scalars[ATTENTION_SCALAR_SCALE];
    const float *q = (const float *)buffers[ATTENTION_BWD_Q] + row.stat * d;
    const float *k = (const float *)buffers[ATTENTION_BWD_K] + row.first_key;
    const float *v = (const float *)buffers[ATTENTION_BWD_V] + row.first_key;
    const float *dout = (const float *)buffers[ATTENTION_BWD_DO] + row.stat * d;
    float m = ((const float *)buffers[ATTENTION_BWD_M])[row.stat];
    float r = ((const float *)buffers[ATTENTION_BWD_R])[row.stat];
    float *dq = (float *)buffers[ATTENTION_BWD_DQ] + row.stat * d;
    float *dk = (float *)buffers[ATTENTION_BWD_DK] + row.first_key;
    float *dv = (float *)buffers[ATTENTION_BWD_DV] + row.first_key;
    float delta = strait_exact_dot(dout, (const float *)buffers[ATTENTION_BWD_O] + row.stat * d, d);
    float keep = row.sequences ? desc->scalars[ATTENTION_SCALAR_KEEP] : 1.0F;
    for (int64_t i = 0; i < d; i++) dq[i] = 0.0F;
    for (int64_t j = 0; j <= row.position; j++) {
        if (!sees(desc, &row, j)) continue;
        int64_t key = j * row.key_stride;
        float p = probability(strait_exact_chain(q, 1, k + key, 1, d), m, scale) * r;
        bool kept = keeps(desc, &row, j);
        float dp = kept ? strait_exact_chain(dout, 1, v + key, 1, d) : 0.0F;
        float ds = p * (row.sequences ? fmaf(dp, keep, -delta) : dp - delta);
        for (int64_t i = 0; i < d; i++) {
            dq[i] = fmaf(ds, k[key + i], dq[i]);
            dk[key + i] = fmaf(ds, q[i], dk[key + i]);
            if (kept) dv[key + i] = fmaf(p * keep, dout[i], dv[key + i]);
        }
    }
    for (int64_t i = 0; i < d; i++) dq[i] = strait_exact_round(desc->dtype, dq[i] * scale);
}

/* Heads of a group outside, queries inside: the order in which the one accumulator of a key takes its terms. */
static strait_status attention_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    const int64_t *dims = desc->dims;
    int64_t keys = dims[ATTENTION_DIM_B] * dims[ATTENTION_DIM_TK] * dims[ATTENTION_DIM_HKV] * dims[ATTENTION_DIM_D];
    float *dk = buffers[ATTENTION_BWD_DK];
    float *dv = buffers[ATTENTION_BWD_DV];
    for (int64_t i = 0; i < keys; i++) dk[i] = dv[i] = 0.0F;
    for (int64_t b = 0; b < dims[ATTENTION_DIM_B]; b++) {
        for (int64_t head = 0; head < dims[ATTENTION_DIM_HQ]; head++) {
            for (int64_t i = 0; i < dims[ATTENTION_DIM_TQ]; i++) {
                backward_row(desc, buffers, query_at(desc, buffers, b, i, head));
            }
        }
    }
    for (int64_t i = 0; i < keys; i++) {
        dk[i] = strait_exact_round(desc->dtype, dk[i] * desc->scalars[ATTENTION_SCALAR_SCALE]);
        dv[i] = strait_exact_round(desc->dtype, dv[i]);
    }
    return STRAIT_OK;
}

/* The output and the statistics are those of the forward op. */
static strait_status attention_bwd_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                           strait_check_random *random, void *const *buffers)
{
    fill_documents(desc, shape->variant, random, buffers[ATTENTION_BWD_DOCUMENTS]);
    fill_draw(desc, random, buffers[ATTENTION_BWD_SEQUENCES], buffers[ATTENTION_BWD_STEP]);
    if (shape->variant == 2) {
        fill_falling(desc, buffers[ATTENTION_BWD_Q], buffers[ATTENTION_BWD_K], buffers[ATTENTION_BWD_V]);
    }
    void *forward[ATTENTION_BUFFERS] = {
        [ATTENTION_Q] = buffers[ATTENTION_BWD_Q],       [ATTENTION_K] = buffers[ATTENTION_BWD_K],
        [ATTENTION_V] = buffers[ATTENTION_BWD_V],       [ATTENTION_DOCUMENTS] = buffers[ATTENTION_BWD_DOCUMENTS],
        [ATTENTION_O] = buffers[ATTENTION_BWD_O],       [ATTENTION_M] = buffers[ATTENTION_BWD_M],
        [ATTENTION_R] = buffers[ATTENTION_BWD_R],       [ATTENTION_SEQUENCES] = buffers[ATTENTION_BWD_SEQUENCES],
        [ATTENTION_STEP] = buffers[ATTENTION_BWD_STEP],
    };
    strait_op_desc same = *desc;
    same.op = STRAIT_OP_ATTENTION;
    return attention_exact(&same, forward);
}

/*
 * The relative error of P as above enters linearly; dP - D cancels at most a few units; sums over T and the group.
 *
 * In fast with bf16 storage P and dS may be bf16 in the last three products: each term is off by up to 2^-8 of itself,
 * 0.41 of that on average (evenly distributed from 2^-9 to 2^-8, to either side). Terms have either sign, so a sum of
 * them is off by 0.41 * 2^-8 of the root of its sum of squares, which is what the sum itself is like: at four standard
 * deviations 1.7 * 2^-8 of a usual result, and the largest is larger. A library may narrow the heads of a group each
 * before it adds them, which is off by at most 2^-9 of what they add up to as long as their signs vary.
 */
static double attention_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    double group = (double)desc->dims[ATTENTION_DIM_HQ] / (double)desc->dims[ATTENTION_DIM_HKV];
    double heads = desc->dims[ATTENTION_DIM_PLAIN] != 0 && group > 1.0 ? 0x1p-9 : 0.0;
    double narrowing = is_narrow(desc) ? (2.0 * 0x1p-8 + heads) / 0x1p-24 : 0.0;
    return 16.0 + 8.0 * sqrt((double)desc->dims[ATTENTION_DIM_D]) +
           2.0 * sqrt(group * (double)desc->dims[ATTENTION_DIM_TK]) + narrowing;
}

const strait_op_check strait_op_check_attention_bwd = {
    .op = STRAIT_OP_ATTENTION_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 1, 2, 0}, .scalars = {1.0F}, .absent = PLAIN_BWD},
            {.dims = {2, 7, 7, 4, 2, 6, 0}, .scalars = {0.40824829F}, .absent = PLAIN_BWD},
            {.dims = {1, 9, 9, 3, 3, 16, 4}, .scalars = {0.25F}},
            {.dims = {2, 6, 6, 2, 1, 8, 0}, .scalars = {0.35355338F}, .variant = 1},
            {.dims = {2, 5, 5, 2, 2, 10, 1}, .scalars = {0.31622776F}, .absent = PLAIN_BWD},
            {.dims = {1, 33, 33, 4, 1, 64, 0}, .scalars = {0.125F}, .absent = PLAIN_BWD},
            {.dims = {1, 70, 70, 5, 1, 34, 0}, .scalars = {0.17149858F}},
            {.dims = {1, 131, 131, 2, 2, 12, 65}, .scalars = {0.28867513F}, .absent = PLAIN_BWD},
            {.dims = {1, 75, 75, 2, 1, 6, 0}, .scalars = {0.40824829F}, .absent = PLAIN_BWD, .variant = 2},
            {.dims = {2, 11, 11, 6, 2, 130, 0}, .scalars = {0.0877058F}, .absent = PLAIN_BWD},
            {.dims = {1, 1, 1, 1, 1, 2, 0, 65540}, .scalars = {1.0F, 0.5F, 2.0F}, .absent = PLAIN_BWD},
            {.dims = {2, 7, 7, 4, 2, 6, 0, 65540}, .scalars = {0.40824829F, 0.3F, 1.4285715F}, .absent = PLAIN_BWD},
            {.dims = {1, 131, 131, 4, 2, 12, 65, 262148}, .scalars = {0.28867513F, 0.1F, 1.1111112F}},
            {.dims = {3, 66, 66, 3, 1, 34, 0, 65540}, .scalars = {0.17149858F, 0.9F, 10.0F}, .absent = PLAIN_BWD},
            {.dims = {2, 37, 37, 4, 2, 64, 0, 0, 1}, .scalars = {0.125F}, .absent = PLAIN_BWD},
            {.dims = {4, 512, 512, 16, 8, 128, 0, 0, 1}, .scalars = {0.088388346F}, .absent = PLAIN_BWD, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = attention_bwd_exact,
    .prepare = attention_bwd_prepare,
    .tolerance = attention_bwd_tolerance,
    .spreads = attention_spreads,
    .least_scale = 1.0, /* where a query sees one key, dP and D are equal but for rounding */
};
