/*
 * What each op's buffers are, derived from its dimensions: the single place where sizes are computed, so that callers
 * allocate and the waist checks by the same rule. Knows no device.
 */
#include "device/device.h"

#include <string.h>

/* Collects buffers and the first overflow; a failed list is reported once at the end. */
typedef struct buffer_list {
    const strait_op_desc *desc;
    strait_op_buffer *out;
    int count;
    bool overflow;
} buffer_list;

enum { IN = STRAIT_ACCESS_READ, OUT = STRAIT_ACCESS_WRITE, INOUT = STRAIT_ACCESS_READ_WRITE, OPTIONAL = 8 };

static void put(buffer_list *list, strait_dtype dtype, int64_t rows, int64_t columns, int flags)
{
    int64_t bytes = 0;
    if (!strait_mul_i64(rows, columns, &bytes) || !strait_mul_i64(bytes, (int64_t)strait_dtype_size(dtype), &bytes)) {
        list->overflow = true;
    }
    strait_op_buffer *buffer = &list->out[list->count++];
    buffer->bytes = bytes;
    buffer->optional = (flags & OPTIONAL) != 0;
    buffer->access = (strait_access)(flags & 3);
}

static void put_s(buffer_list *list, int64_t rows, int64_t columns, int flags)
{
    put(list, list->desc->dtype, rows, columns, flags);
}

/* The buffer put last may be the same memory as these (a bit each). */
static void over(buffer_list *list, uint32_t inputs)
{
    list->out[list->count - 1].over = inputs;
}

static void put_f(buffer_list *list, int64_t rows, int64_t columns, int flags)
{
    put(list, STRAIT_DTYPE_F32, rows, columns, flags);
}

static void put_i(buffer_list *list, int64_t count, int flags)
{
    put(list, STRAIT_DTYPE_I32, count, 1, flags);
}

static void linear_buffers(buffer_list *list, const int64_t *d)
{
    int64_t m = d[LINEAR_DIM_M];
    int64_t k = d[LINEAR_DIM_K];
    const int64_t *n = &d[LINEAR_DIM_N];
    strait_op op = list->desc->op;
    bool y_f32 = d[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_Y_F32;
    bool dx_f32 = op == STRAIT_OP_LINEAR_DX && d[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_DX_F32;
    put(list, dx_f32 ? STRAIT_DTYPE_F32 : list->desc->dtype, m, k, op == STRAIT_OP_LINEAR_DX ? OUT : IN);
    for (int i = 0; i < STRAIT_LINEAR_SEGMENTS; i++) {
        if (op == STRAIT_OP_LINEAR_DW) {
            put_f(list, n[i], k, INOUT);
        } else {
            put_s(list, n[i], k, IN);
        }
    }
    for (int i = 0; i < STRAIT_LINEAR_SEGMENTS; i++) {
        put(list, y_f32 ? STRAIT_DTYPE_F32 : list->desc->dtype, m, n[i], op == STRAIT_OP_LINEAR ? OUT : IN);
    }
}

static void norm_rope_buffers(buffer_list *list, const int64_t *d)
{
    int64_t m = d[NORM_ROPE_DIM_M];
    int64_t n = d[NORM_ROPE_DIM_N];
    int64_t width = 0;
    if (!strait_mul_i64(n, d[NORM_ROPE_DIM_D], &width)) list->overflow = true;
    bool backward = list->desc->op == STRAIT_OP_NORM_ROPE_BWD;
    if (backward) put_s(list, m, width, IN);
    put_s(list, m, width, IN);
    put_s(list, 1, d[NORM_ROPE_DIM_D], IN | OPTIONAL);
    put_f(list, d[NORM_ROPE_DIM_P], d[NORM_ROPE_DIM_D], IN);
    put_i(list, m, IN);
    if (backward) {
        put_f(list, m, n, IN | OPTIONAL);
        put_s(list, m, width, OUT);
        over(list, 1U << NORM_ROPE_BWD_DY);
        put_f(list, 1, d[NORM_ROPE_DIM_D], INOUT | OPTIONAL);
    } else {
        put_s(list, m, width, OUT);
        put_f(list, m, n, OUT | OPTIONAL);
    }
}

/* Empty, so absent, where nothing is dropped. */
static void dropout_buffers(buffer_list *list, const int64_t *d)
{
    bool drops = d[ATTENTION_DIM_STREAM] > 0;
    put_i(list, drops ? d[ATTENTION_DIM_B] : 0, drops ? IN : IN | OPTIONAL);
    put_f(list, drops ? STRAIT_STEP_WORDS : 0, 1, drops ? IN : IN | OPTIONAL);
}

static void attention_buffers(buffer_list *list, const int64_t *d)
{
    int64_t queries = 0;
    int64_t keys = 0;
    int64_t q_width = 0;
    int64_t k_width = 0;
    if (!strait_mul_i64(d[ATTENTION_DIM_B], d[ATTENTION_DIM_TQ], &queries) ||
        !strait_mul_i64(d[ATTENTION_DIM_B], d[ATTENTION_DIM_TK], &keys) ||
        !strait_mul_i64(d[ATTENTION_DIM_HQ], d[ATTENTION_DIM_D], &q_width) ||
        !strait_mul_i64(d[ATTENTION_DIM_HKV], d[ATTENTION_DIM_D], &k_width)) {
        list->overflow = true;
    }
    bool plain = d[ATTENTION_DIM_PLAIN] != 0; /* then these are empty, so absent */
    put_s(list, queries, q_width, IN);
    put_s(list, keys, k_width, IN);
    put_s(list, keys, k_width, IN);
    if (list->desc->op == STRAIT_OP_ATTENTION) {
        put_i(list, plain ? 0 : keys, IN | OPTIONAL);
        put_i(list, plain ? 0 : d[ATTENTION_DIM_B], IN | OPTIONAL);
        put_s(list, queries, q_width, OUT);
        put_f(list, queries, d[ATTENTION_DIM_HQ], OUT);
        put_f(list, queries, d[ATTENTION_DIM_HQ], OUT);
        dropout_buffers(list, d);
        return;
    }
    put_s(list, queries, q_width, IN);
    put_f(list, queries, d[ATTENTION_DIM_HQ], IN);
    put_f(list, queries, d[ATTENTION_DIM_HQ], IN);
    put_s(list, queries, q_width, IN);
    put_i(list, plain ? 0 : keys, IN | OPTIONAL);
    put_s(list, queries, q_width, OUT);
    put_s(list, keys, k_width, OUT);
    put_s(list, keys, k_width, OUT);
    dropout_buffers(list, d);
}

/* ---- mixtures of experts ---- */

static int64_t times(buffer_list *list, int64_t a, int64_t b)
{
    int64_t product = 0;
    if (!strait_mul_i64(a, b, &product)) list->overflow = true;
    return product;
}

static void moe_linear_buffers(buffer_list *list, const int64_t *d)
{
    strait_op op = list->desc->op;
    int64_t r = d[MOE_LINEAR_DIM_R];
    int64_t k = d[MOE_LINEAR_DIM_K];
    int64_t n = d[MOE_LINEAR_DIM_N];
    int64_t experts = d[MOE_LINEAR_DIM_E];
    int64_t before = experts > 0 ? times(list, experts - 1, d[MOE_LINEAR_DIM_STRIDE]) : 0;
    int64_t last = experts > 0 ? times(list, n, k) : 0;
    int64_t groups = times(list, experts, d[MOE_LINEAR_DIM_B]);
    bool dx_f32 = op == STRAIT_OP_MOE_LINEAR_DX && d[MOE_LINEAR_DIM_DX_F32];
    if (before > INT64_MAX - last || groups == INT64_MAX) {
        list->overflow = true;
        before = groups = 0;
    }
    put(list, dx_f32 ? STRAIT_DTYPE_F32 : list->desc->dtype, r, k, op == STRAIT_OP_MOE_LINEAR_DX ? OUT : IN);
    for (int i = 0; i < 2; i++) {
        int64_t elements = i < d[MOE_LINEAR_DIM_SEGMENTS] ? before + last : 0;
        if (op == STRAIT_OP_MOE_LINEAR_DW) {
            put_f(list, elements, 1, INOUT);
        } else {
            put_s(list, elements, 1, IN);
        }
    }
    put_i(list, groups + 1, IN);
    for (int i = 0; i < 2; i++) {
        put_s(list, r, i < d[MOE_LINEAR_DIM_SEGMENTS] ? n : 0, op == STRAIT_OP_MOE_LINEAR ? OUT : IN);
    }
}

static void moe_route_buffers(buffer_list *list, const int64_t *d)
{
    put_f(list, d[MOE_CHOOSE_DIM_M], d[MOE_CHOOSE_DIM_E], IN);
    int64_t pairs = times(list, d[MOE_CHOOSE_DIM_M], d[MOE_CHOOSE_DIM_K]);
    switch (list->desc->op) {
    case STRAIT_OP_MOE_CHOOSE:
        put_f(list, d[MOE_CHOOSE_DIM_E], 1, IN | OPTIONAL);
        put_i(list, pairs, OUT);
        break;
    case STRAIT_OP_MOE_WEIGH:
        put_i(list, pairs, IN);
        put_f(list, pairs, 1, OUT);
        break;
    default:
        put_i(list, pairs, IN);
        put_f(list, pairs, 1, IN);
        put_f(list, d[MOE_WEIGH_DIM_M] / d[MOE_WEIGH_DIM_T], d[MOE_WEIGH_DIM_E], IN | OPTIONAL);
        put_f(list, d[MOE_WEIGH_DIM_M], d[MOE_WEIGH_DIM_E], OUT);
        break;
    }
}

static void moe_rows_buffers(buffer_list *list, const int64_t *d)
{
    int64_t m = d[MOE_DISPATCH_DIM_M];
    int64_t h = d[MOE_DISPATCH_DIM_H];
    int64_t pairs = times(list, m, d[MOE_DISPATCH_DIM_K]);
    switch (list->desc->op) {
    case STRAIT_OP_MOE_DISPATCH:
        put_i(list, pairs, IN);
        put_s(list, m, h, IN);
        put_i(list, times(list, d[MOE_DISPATCH_DIM_E], m / d[MOE_DISPATCH_DIM_T]) + 1, OUT);
        put_i(list, pairs, OUT);
        put_s(list, pairs, h, OUT);
        break;
    case STRAIT_OP_MOE_DISPATCH_BWD:
        put_f(list, m, h, IN | OPTIONAL);
        put_f(list, pairs, h, IN);
        put_f(list, m, h, IN | OPTIONAL);
        put_i(list, pairs, IN);
        put_s(list, m, h, OUT);
        break;
    case STRAIT_OP_MOE_COMBINE:
        put_s(list, pairs, h, IN);
        put_f(list, pairs, 1, IN);
        put_i(list, pairs, IN);
        put_s(list, m, h, IN | OPTIONAL);
        put_s(list, m, h, OUT);
        break;
    default:
        put_s(list, m, h, IN);
        put_s(list, pairs, h, IN);
        put_f(list, pairs, 1, IN);
        put_i(list, pairs, IN);
        put_s(list, pairs, h, OUT);
        put_f(list, pairs, 1, OUT);
        break;
    }
}

static void moe_balance_buffers(buffer_list *list, const int64_t *d)
{
    int64_t m = d[MOE_BALANCE_DIM_M];
    int64_t n = d[MOE_BALANCE_DIM_E];
    put_f(list, m, n, IN);
    put_i(list, times(list, d[MOE_BALANCE_DIM_G], n), IN | OPTIONAL);
    put_f(list, m / d[MOE_BALANCE_DIM_T], n, OUT | OPTIONAL);
    put_f(list, m, 1, INOUT | OPTIONAL);
    put_f(list, m, 1, INOUT | OPTIONAL);
}

static strait_status check_moe_dims(const strait_op_desc *desc)
{
    const char *name = strait_op_name(desc->op);
    const int64_t *d = desc->dims;
    switch (desc->op) {
    case STRAIT_OP_MOE_CHOOSE:
        if (d[MOE_CHOOSE_DIM_GROUPS] > 1) {
            int64_t groups = d[MOE_CHOOSE_DIM_GROUPS];
            int64_t kept = d[MOE_CHOOSE_DIM_KEPT];
            if (d[MOE_CHOOSE_DIM_E] % groups != 0 || d[MOE_CHOOSE_DIM_E] / groups < 2 || kept < 1 || kept > groups ||
                d[MOE_CHOOSE_DIM_K] > d[MOE_CHOOSE_DIM_E] / groups * kept) {
                return STRAIT_FAIL(
                    STRAIT_ERR_SHAPE, "%s: %lld of %lld experts cannot be chosen from %lld of %lld groups", name,
                    (long long)d[MOE_CHOOSE_DIM_K], (long long)d[MOE_CHOOSE_DIM_E], (long long)kept, (long long)groups);
            }
        }
        /* fallthrough */
    case STRAIT_OP_MOE_WEIGH:
    case STRAIT_OP_MOE_WEIGH_BWD:
        if (d[MOE_CHOOSE_DIM_K] < 1 || d[MOE_CHOOSE_DIM_K] > d[MOE_CHOOSE_DIM_E] || d[MOE_CHOOSE_DIM_E] > INT32_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %lld of %lld experts", name, (long long)d[MOE_CHOOSE_DIM_K],
                               (long long)d[MOE_CHOOSE_DIM_E]);
        }
        if (d[MOE_CHOOSE_DIM_SCORE] > STRAIT_MOE_SIGMOID) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: score %lld, 0 and 1 are possible", name,
                               (long long)d[MOE_CHOOSE_DIM_SCORE]);
        }
        break;
    case STRAIT_OP_MOE_COUNT:
        if (d[MOE_COUNT_DIM_G] < 1 || d[MOE_COUNT_DIM_M] % d[MOE_COUNT_DIM_G] != 0 || d[MOE_COUNT_DIM_E] > INT32_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %lld tokens in %lld runs, of %lld experts", name,
                               (long long)d[MOE_COUNT_DIM_M], (long long)d[MOE_COUNT_DIM_G],
                               (long long)d[MOE_COUNT_DIM_E]);
        }
        break;
    case STRAIT_OP_MOE_BALANCE:
        if (d[MOE_BALANCE_DIM_G] < 1 || d[MOE_BALANCE_DIM_T] < 1 || d[MOE_BALANCE_DIM_E] > INT32_MAX ||
            d[MOE_BALANCE_DIM_M] / d[MOE_BALANCE_DIM_T] % d[MOE_BALANCE_DIM_G] != 0 ||
            d[MOE_BALANCE_DIM_SCORE] > STRAIT_MOE_SIGMOID) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %lld tokens, sequences of %lld, %lld runs, score %lld", name,
                               (long long)d[MOE_BALANCE_DIM_M], (long long)d[MOE_BALANCE_DIM_T],
                               (long long)d[MOE_BALANCE_DIM_G], (long long)d[MOE_BALANCE_DIM_SCORE]);
        }
        break;
    case STRAIT_OP_MOE_LINEAR:
    case STRAIT_OP_MOE_LINEAR_DX:
    case STRAIT_OP_MOE_LINEAR_DW: {
        int64_t elements = 0;
        bool fits = strait_mul_i64(d[MOE_LINEAR_DIM_N], d[MOE_LINEAR_DIM_K], &elements);
        if (!fits || d[MOE_LINEAR_DIM_STRIDE] < elements || d[MOE_LINEAR_DIM_SEGMENTS] < 1 ||
            d[MOE_LINEAR_DIM_SEGMENTS] > 2 || d[MOE_LINEAR_DIM_R] > INT32_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %lld segments, %lld rows, %lld elements from expert to expert",
                               name, (long long)d[MOE_LINEAR_DIM_SEGMENTS], (long long)d[MOE_LINEAR_DIM_R],
                               (long long)d[MOE_LINEAR_DIM_STRIDE]);
        }
        break;
    }
    default: break;
    }
    return STRAIT_OK;
}

/* Dimensions that no op can mean: the message says which. */
static strait_status check_dims(const strait_op_desc *desc)
{
    const char *name = strait_op_name(desc->op);
    const int64_t *d = desc->dims;
    for (int i = 0; i < STRAIT_OP_MAX_DIMS; i++) {
        if (d[i] < 0) return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: dimension %d is %lld", name, i, (long long)d[i]);
    }
    switch (desc->op) {
    case STRAIT_OP_LINEAR:
    case STRAIT_OP_LINEAR_DX:
    case STRAIT_OP_LINEAR_DW:
        if (d[LINEAR_DIM_SEGMENTS] < 1 || d[LINEAR_DIM_SEGMENTS] > STRAIT_LINEAR_SEGMENTS) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %lld segments, 1 to 3 are possible", name,
                               (long long)d[LINEAR_DIM_SEGMENTS]);
        }
        for (int i = 0; i < STRAIT_LINEAR_SEGMENTS; i++) {
            if ((d[LINEAR_DIM_N + i] > 0) != (i < d[LINEAR_DIM_SEGMENTS])) {
                return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: segment %d has width %lld of %lld segments", name, i,
                                   (long long)d[LINEAR_DIM_N + i], (long long)d[LINEAR_DIM_SEGMENTS]);
            }
        }
        break;
    case STRAIT_OP_NORM_ROPE:
    case STRAIT_OP_NORM_ROPE_BWD:
        if (d[NORM_ROPE_DIM_D] % 2 != 0) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: head size %lld is odd", name, (long long)d[NORM_ROPE_DIM_D]);
        }
        break;
    case STRAIT_OP_SPLIT_HEADS:
    case STRAIT_OP_JOIN_HEADS:
        if (d[HEADS_DIM_FIRST] > d[HEADS_DIM_WIDTH] || d[HEADS_DIM_SECOND] > d[HEADS_DIM_WIDTH] - d[HEADS_DIM_FIRST] ||
            d[HEADS_DIM_SECOND] > d[HEADS_DIM_SECOND_WIDTH] || d[HEADS_DIM_SHARED] > 1) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: pieces of %lld and %lld (of %lld), shared %lld, in heads of %lld",
                               name, (long long)d[HEADS_DIM_FIRST], (long long)d[HEADS_DIM_SECOND],
                               (long long)d[HEADS_DIM_SECOND_WIDTH], (long long)d[HEADS_DIM_SHARED],
                               (long long)d[HEADS_DIM_WIDTH]);
        }
        break;
    case STRAIT_OP_ATTENTION:
    case STRAIT_OP_ATTENTION_BWD:
        if (d[ATTENTION_DIM_HKV] == 0 || d[ATTENTION_DIM_HQ] % d[ATTENTION_DIM_HKV] != 0) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %lld query heads are no multiple of %lld key heads", name,
                               (long long)d[ATTENTION_DIM_HQ], (long long)d[ATTENTION_DIM_HKV]);
        }
        if (d[ATTENTION_DIM_PLAIN] > 1) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: plain is %lld, and must be 0 or 1", name,
                               (long long)d[ATTENTION_DIM_PLAIN]);
        }
        if (d[ATTENTION_DIM_STREAM] > 0 && d[ATTENTION_DIM_TQ] != d[ATTENTION_DIM_TK]) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: dropout with %lld query rows and %lld key rows", name,
                               (long long)d[ATTENTION_DIM_TQ], (long long)d[ATTENTION_DIM_TK]);
        }
        if (d[ATTENTION_DIM_TQ] > d[ATTENTION_DIM_TK]) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %lld query rows, %lld key rows", name,
                               (long long)d[ATTENTION_DIM_TQ], (long long)d[ATTENTION_DIM_TK]);
        }
        break;
    default: return check_moe_dims(desc);
    }
    return STRAIT_OK;
}

/* The dimension that holds T and the one that holds M, for ops that restart at each sequence. */
static strait_status check_sequences(const strait_op_desc *desc, int m_dim, int t_dim)
{
    int64_t m = desc->dims[m_dim];
    int64_t t = desc->dims[t_dim];
    if (t > 0 && m % t == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %lld tokens are no multiple of the sequence length %lld",
                       strait_op_name(desc->op), (long long)m, (long long)t);
}

static strait_status check_all_sequences(const strait_op_desc *desc)
{
    switch (desc->op) {
    case STRAIT_OP_LINEAR_DW: return check_sequences(desc, LINEAR_DIM_M, LINEAR_DIM_T);
    case STRAIT_OP_RMSNORM_BWD: return check_sequences(desc, RMSNORM_BWD_DIM_M, RMSNORM_BWD_DIM_T);
    case STRAIT_OP_NORM_ROPE_BWD: return check_sequences(desc, NORM_ROPE_BWD_DIM_M, NORM_ROPE_BWD_DIM_T);
    case STRAIT_OP_LINEAR_XENT: return check_sequences(desc, LINEAR_XENT_DIM_M, LINEAR_XENT_DIM_T);
    case STRAIT_OP_LOSS_SUM: return check_sequences(desc, LOSS_SUM_DIM_M, LOSS_SUM_DIM_T);
    case STRAIT_OP_MOE_WEIGH_BWD: return check_sequences(desc, MOE_WEIGH_DIM_M, MOE_WEIGH_DIM_T);
    case STRAIT_OP_MOE_DISPATCH: return check_sequences(desc, MOE_DISPATCH_DIM_M, MOE_DISPATCH_DIM_T);
    case STRAIT_OP_MOE_BALANCE: return check_sequences(desc, MOE_BALANCE_DIM_M, MOE_BALANCE_DIM_T);
    case STRAIT_OP_BIAS_BWD: return check_sequences(desc, BIAS_BWD_DIM_M, BIAS_BWD_DIM_T);
    case STRAIT_OP_DROPOUT: return check_sequences(desc, DROPOUT_DIM_M, DROPOUT_DIM_T);
    default: return STRAIT_OK;
    }
}

static void heads_buffers(buffer_list *list, const int64_t *d)
{
    bool splits = list->desc->op == STRAIT_OP_SPLIT_HEADS;
    int64_t heads = d[HEADS_DIM_HEADS];
    int64_t whole = 0;
    int64_t first = 0;
    int64_t second = 0;
    if (!strait_mul_i64(heads, d[HEADS_DIM_WIDTH], &whole) || !strait_mul_i64(heads, d[HEADS_DIM_FIRST], &first) ||
        !strait_mul_i64(d[HEADS_DIM_SHARED] ? 1 : heads, d[HEADS_DIM_SECOND_WIDTH], &second)) {
        list->overflow = true;
    }
    if (splits) put_s(list, d[HEADS_DIM_M], whole, IN);
    put_s(list, d[HEADS_DIM_M], first, splits ? OUT : IN);
    put_s(list, d[HEADS_DIM_M], second, (splits ? OUT : IN) | OPTIONAL);
    if (!splits) put_s(list, d[HEADS_DIM_M], whole, OUT);
}

static void list_small_ops(buffer_list *list, const int64_t *d)
{
    switch (list->desc->op) {
    case STRAIT_OP_EMBEDDING:
        put_i(list, d[EMBEDDING_DIM_M], IN);
        put_s(list, d[EMBEDDING_DIM_V], d[EMBEDDING_DIM_H], IN);
        put_s(list, d[EMBEDDING_DIM_M], d[EMBEDDING_DIM_H], OUT);
        break;
    case STRAIT_OP_EMBEDDING_BWD:
        put_i(list, d[EMBEDDING_BWD_DIM_M], IN);
        put_s(list, d[EMBEDDING_BWD_DIM_M], d[EMBEDDING_BWD_DIM_H], IN);
        put_f(list, d[EMBEDDING_BWD_DIM_R], d[EMBEDDING_BWD_DIM_H], INOUT);
        break;
    case STRAIT_OP_EMBEDDING_FOLD:
        put_i(list, d[EMBEDDING_FOLD_DIM_R], IN);
        put_f(list, d[EMBEDDING_FOLD_DIM_R], d[EMBEDDING_FOLD_DIM_H], IN);
        put_f(list, d[EMBEDDING_FOLD_DIM_V], d[EMBEDDING_FOLD_DIM_H], INOUT);
        break;
    case STRAIT_OP_SWIGLU:
        for (int i = 0; i < 3; i++) put_s(list, d[SWIGLU_DIM_N], 1, i < 2 ? IN : OUT);
        over(list, 1U << SWIGLU_G | 1U << SWIGLU_U);
        break;
    case STRAIT_OP_SWIGLU_BWD:
        for (int i = 0; i < 5; i++) {
            put_s(list, d[SWIGLU_DIM_N], 1, i < 3 ? IN : OUT);
            if (i >= 3) over(list, 1U << SWIGLU_BWD_G | 1U << SWIGLU_BWD_U | 1U << SWIGLU_BWD_DH);
        }
        break;
    case STRAIT_OP_KV_STORE: {
        int64_t rows = 0;
        int64_t cached = 0;
        if (!strait_mul_i64(d[KV_STORE_DIM_B], d[KV_STORE_DIM_TQ], &rows) ||
            !strait_mul_i64(d[KV_STORE_DIM_B], d[KV_STORE_DIM_TK], &cached)) {
            list->overflow = true;
        }
        put_s(list, rows, d[KV_STORE_DIM_N], IN);
        put_i(list, rows, IN);
        put_s(list, cached, d[KV_STORE_DIM_N], INOUT);
        break;
    }
    case STRAIT_OP_SCALED_ADD:
        for (int i = 0; i < SCALED_ADD_BUFFERS; i++) {
            int flags = i == SCALED_ADD_Y ? OUT : i == SCALED_ADD_X ? IN | OPTIONAL : IN;
            bool f32 = d[SCALED_ADD_DIM_F32] >> i & 1;
            put(list, f32 ? STRAIT_DTYPE_F32 : list->desc->dtype, d[SCALED_ADD_DIM_N], 1, flags);
        }
        over(list, 1U << SCALED_ADD_X | 1U << SCALED_ADD_U);
        break;
    case STRAIT_OP_LOSS_SUM:
        put_f(list, d[LOSS_SUM_DIM_M], 1, IN);
        put_f(list, 1, 1, INOUT);
        break;
    case STRAIT_OP_BIAS:
        put_f(list, d[BIAS_DIM_M], d[BIAS_DIM_N], IN);
        put_s(list, 1, d[BIAS_DIM_N], IN);
        put_s(list, d[BIAS_DIM_M], d[BIAS_DIM_N], OUT);
        break;
    case STRAIT_OP_BIAS_BWD:
        put_s(list, d[BIAS_BWD_DIM_M], d[BIAS_BWD_DIM_N], IN);
        put_f(list, 1, d[BIAS_BWD_DIM_N], INOUT);
        break;
    case STRAIT_OP_DROPOUT:
        put_s(list, d[DROPOUT_DIM_M], d[DROPOUT_DIM_H], IN);
        put_i(list, d[DROPOUT_DIM_M] / d[DROPOUT_DIM_T], IN);
        put_f(list, STRAIT_STEP_WORDS, 1, IN);
        put_s(list, d[DROPOUT_DIM_M], d[DROPOUT_DIM_H], OUT);
        over(list, 1U << DROPOUT_X);
        break;
    case STRAIT_OP_SPLIT_HEADS:
    case STRAIT_OP_JOIN_HEADS: heads_buffers(list, d); break;
    case STRAIT_OP_ADD:
        put_f(list, d[ADD_DIM_N], 1, IN);
        put_f(list, d[ADD_DIM_N], 1, INOUT);
        break;
    default: break;
    }
}

static void list_norms_and_optimizer(buffer_list *list, const int64_t *d)
{
    switch (list->desc->op) {
    case STRAIT_OP_RMSNORM:
        put_s(list, d[RMSNORM_DIM_M], d[RMSNORM_DIM_H], IN);
        put_s(list, d[RMSNORM_DIM_M], d[RMSNORM_DIM_H], IN | OPTIONAL);
        put_s(list, 1, d[RMSNORM_DIM_H], IN);
        put_s(list, d[RMSNORM_DIM_M], d[RMSNORM_DIM_H], OUT | OPTIONAL);
        over(list, 1U << RMSNORM_X | 1U << RMSNORM_D);
        put_s(list, d[RMSNORM_DIM_M], d[RMSNORM_DIM_H], OUT);
        put_f(list, d[RMSNORM_DIM_M], 1, OUT);
        break;
    case STRAIT_OP_RMSNORM_BWD:
        put_s(list, d[RMSNORM_BWD_DIM_M], d[RMSNORM_BWD_DIM_H], IN);
        put_s(list, d[RMSNORM_BWD_DIM_M], d[RMSNORM_BWD_DIM_H], IN | OPTIONAL);
        put_s(list, d[RMSNORM_BWD_DIM_M], d[RMSNORM_BWD_DIM_H], IN);
        put_s(list, 1, d[RMSNORM_BWD_DIM_H], IN);
        put_f(list, d[RMSNORM_BWD_DIM_M], 1, IN);
        put_s(list, d[RMSNORM_BWD_DIM_M], d[RMSNORM_BWD_DIM_H], OUT);
        over(list, 1U << RMSNORM_BWD_DRES | 1U << RMSNORM_BWD_DY);
        put_f(list, 1, d[RMSNORM_BWD_DIM_H], INOUT);
        break;
    case STRAIT_OP_LINEAR_XENT:
        put_s(list, d[LINEAR_XENT_DIM_M], d[LINEAR_XENT_DIM_H], IN);
        put_s(list, d[LINEAR_XENT_DIM_V], d[LINEAR_XENT_DIM_H], IN);
        put_i(list, d[LINEAR_XENT_DIM_M], IN);
        put_f(list, STRAIT_STEP_WORDS, 1, IN | OPTIONAL);
        put_f(list, d[LINEAR_XENT_DIM_M], 1, OUT);
        /* Empty, so absent, where the shape says that there is no backward part. */
        put_s(list, d[LINEAR_XENT_DIM_FORWARD_ONLY] ? 0 : d[LINEAR_XENT_DIM_M], d[LINEAR_XENT_DIM_H], OUT | OPTIONAL);
        put_f(list, d[LINEAR_XENT_DIM_FORWARD_ONLY] || d[LINEAR_XENT_DIM_FROZEN] ? 0 : d[LINEAR_XENT_DIM_V],
              d[LINEAR_XENT_DIM_H], INOUT | OPTIONAL);
        break;
    case STRAIT_OP_GRAD_NORM:
        put_f(list, d[GRAD_NORM_DIM_TOTAL], 1, IN);
        put(list, STRAIT_DTYPE_I64, d[GRAD_NORM_DIM_P], 2, IN);
        put_f(list, d[GRAD_NORM_DIM_P], 1, OUT);
        put_f(list, STRAIT_STEP_WORDS, 1, INOUT);
        break;
    case STRAIT_OP_ADAMW:
        put(list, d[ADAMW_DIM_WEIGHTS_BF16] ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32, d[ADAMW_DIM_TOTAL], 1, INOUT);
        put(list, d[ADAMW_DIM_MOMENT_BF16] ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32, d[ADAMW_DIM_TOTAL], 1, INOUT);
        put_f(list, d[ADAMW_DIM_TOTAL], 1, INOUT);
        put_f(list, d[ADAMW_DIM_TOTAL], 1, IN);
        put(list, STRAIT_DTYPE_I64, d[ADAMW_DIM_P], 3, IN);
        put_f(list, STRAIT_STEP_WORDS, 1, IN);
        put(list, STRAIT_DTYPE_BF16, d[ADAMW_DIM_TOTAL], 1, OUT | OPTIONAL);
        break;
    case STRAIT_OP_MUON_MOMENT:
        put_f(list, d[MUON_DIM_N], 1, INOUT);
        put_f(list, d[MUON_DIM_N], 1, IN);
        put_f(list, STRAIT_STEP_WORDS, 1, IN);
        put_f(list, d[MUON_DIM_N], 1, OUT);
        break;
    case STRAIT_OP_MUON_MIX:
        put_f(list, d[MUON_DIM_N], 1, IN);
        put_f(list, d[MUON_DIM_N], 1, INOUT);
        break;
    case STRAIT_OP_MUON_APPLY:
        put_f(list, d[MUON_DIM_N], 1, INOUT);
        put_f(list, d[MUON_DIM_N], 1, IN);
        put_f(list, STRAIT_STEP_WORDS, 1, IN);
        put(list, STRAIT_DTYPE_BF16, d[MUON_DIM_N], 1, OUT | OPTIONAL);
        break;
    default: break;
    }
}

strait_status strait_op_buffers(const strait_op_desc *desc, strait_op_buffer out[STRAIT_OP_MAX_BUFFERS], int *out_count)
{
    if (desc->op >= STRAIT_OP_COUNT) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "op number %d does not exist", (int)desc->op);
    }
    if (desc->dtype != STRAIT_DTYPE_F32 && desc->dtype != STRAIT_DTYPE_BF16) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: storage dtype %s, f32 and bf16 are possible",
                           strait_op_name(desc->op), strait_dtype_name(desc->dtype));
    }
    STRAIT_TRY(check_dims(desc));
    STRAIT_TRY(check_all_sequences(desc));

    memset(out, 0, STRAIT_OP_MAX_BUFFERS * sizeof *out);
    buffer_list list = {.desc = desc, .out = out};
    switch (desc->op) {
    case STRAIT_OP_LINEAR:
    case STRAIT_OP_LINEAR_DX:
    case STRAIT_OP_LINEAR_DW: linear_buffers(&list, desc->dims); break;
    case STRAIT_OP_NORM_ROPE:
    case STRAIT_OP_NORM_ROPE_BWD: norm_rope_buffers(&list, desc->dims); break;
    case STRAIT_OP_ATTENTION:
    case STRAIT_OP_ATTENTION_BWD: attention_buffers(&list, desc->dims); break;
    case STRAIT_OP_MOE_CHOOSE:
    case STRAIT_OP_MOE_WEIGH:
    case STRAIT_OP_MOE_WEIGH_BWD: moe_route_buffers(&list, desc->dims); break;
    case STRAIT_OP_MOE_DISPATCH:
    case STRAIT_OP_MOE_DISPATCH_BWD:
    case STRAIT_OP_MOE_COMBINE:
    case STRAIT_OP_MOE_COMBINE_BWD: moe_rows_buffers(&list, desc->dims); break;
    case STRAIT_OP_MOE_COUNT:
        put_i(&list, times(&list, desc->dims[MOE_COUNT_DIM_M], desc->dims[MOE_COUNT_DIM_K]), IN);
        put_i(&list, times(&list, desc->dims[MOE_COUNT_DIM_G], desc->dims[MOE_COUNT_DIM_E]), INOUT);
        break;
    case STRAIT_OP_MOE_BALANCE: moe_balance_buffers(&list, desc->dims); break;
    case STRAIT_OP_MOE_LINEAR:
    case STRAIT_OP_MOE_LINEAR_DX:
    case STRAIT_OP_MOE_LINEAR_DW: moe_linear_buffers(&list, desc->dims); break;
    default:
        list_small_ops(&list, desc->dims);
        list_norms_and_optimizer(&list, desc->dims);
        break;
    }
    if (list.overflow) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: a buffer's size does not fit 63 bits", strait_op_name(desc->op));
    }
    *out_count = list.count;
    return STRAIT_OK;
}

const char *strait_op_name(strait_op op)
{
    static const char *const names[] = {
#define STRAIT_OP_NAME(NAME, name) #name,
        STRAIT_OPS(STRAIT_OP_NAME)
#undef STRAIT_OP_NAME
    };
    return op >= 0 && op < STRAIT_OP_COUNT ? names[op] : "unknown op";
}
