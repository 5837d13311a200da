/* Error bounds of linear_xent. */
#include "ops/bounded.h"

/* As token_loss of the oracle: the loss, and logits that become their gradient. */
static strait_bounded token_loss(strait_bounded *logits, int64_t count, int32_t target, strait_bounded scale)
{
    strait_bounded m = {-INFINITY, 0.0, false};
    for (int64_t i = 0; i < count; i++) m = strait_bounded_max(m, logits[i]);
    int64_t top = strait_bounded_top(logits, count);
    strait_bounded at_target = logits[target];
    strait_bounded behind = strait_bounded_sub(m, at_target);
    if (top == target && isfinite(at_target.value)) behind = (strait_bounded){0.0, 0.0, at_target.left};
    for (int64_t i = 0; i < count; i++) logits[i] = strait_bounded_probability(logits[i], i == top, m, 1.0F);
    strait_bounded l = strait_bounded_sum(logits, count);
    strait_bounded loss = strait_bounded_add(strait_bounded_log(l), behind);
    strait_bounded r = strait_bounded_inverse(l);
    for (int64_t i = 0; i < count; i++) {
        strait_bounded share =
            i == target ? strait_bounded_fma(logits[i], r, strait_bounded_of(-1.0F)) : strait_bounded_mul(logits[i], r);
        logits[i] = strait_bounded_mul(share, scale);
    }
    return loss;
}

static void xent_gradients(const strait_op_desc *desc, void *const *buffers, const strait_bounded *dlogits)
{
    const strait_bounded *y = buffers[LINEAR_XENT_Y];
    const strait_bounded *w = buffers[LINEAR_XENT_W];
    strait_bounded *dy = buffers[LINEAR_XENT_DY];
    strait_bounded *grad = buffers[LINEAR_XENT_GRAD];
    int64_t m = desc->dims[LINEAR_XENT_DIM_M];
    int64_t h = desc->dims[LINEAR_XENT_DIM_H];
    int64_t v = desc->dims[LINEAR_XENT_DIM_V];
    int64_t t = desc->dims[LINEAR_XENT_DIM_T];
    for (int64_t i = 0; i < m * h; i++) {
        strait_bounded c = strait_bounded_zero;
        int first = 1;
        strait_bounded_product(&c, &first, dlogits + i / h * v, 1, w + i % h, h, v);
        dy[i] = strait_bounded_store(desc->dtype, c);
    }
    for (int64_t i = 0; grad && i < v * h; i++) {
        int first = !desc->dims[LINEAR_XENT_DIM_ACCUMULATE];
        for (int64_t row = 0; row < m; row += t) {
            strait_bounded_product(&grad[i], &first, dlogits + row * v + i / h, v, y + row * h + i % h, h, t);
        }
    }
}

static strait_status linear_xent_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *y = buffers[LINEAR_XENT_Y];
    const strait_bounded *w = buffers[LINEAR_XENT_W];
    const int32_t *targets = buffers[LINEAR_XENT_TARGETS];
    const strait_bounded *step = buffers[LINEAR_XENT_STEP];
    strait_bounded *loss = buffers[LINEAR_XENT_LOSS];
    int64_t m_count = desc->dims[LINEAR_XENT_DIM_M];
    int64_t h = desc->dims[LINEAR_XENT_DIM_H];
    int64_t v = desc->dims[LINEAR_XENT_DIM_V];
    strait_bounded *logits; // [M, V]; zero, as the gradient rows of ignored targets stay
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(m_count * v), sizeof *logits, &logits));
    for (int64_t i = 0; i < m_count * v; i++) logits[i] = strait_bounded_zero;
    for (int64_t m = 0; m < m_count; m++) {
        loss[m] = strait_bounded_zero;
        if (targets[m] < 0) continue;
        for (int64_t n = 0; n < v; n++) {
            int first = 1;
            strait_bounded_product(&logits[m * v + n], &first, y + m * h, 1, w + n * h, 1, h);
        }
        strait_bounded scale = step ? step[STRAIT_STEP_LOSS_SCALE] : strait_bounded_zero;
        loss[m] = token_loss(logits + m * v, v, targets[m], scale);
    }
    if (buffers[LINEAR_XENT_DY]) xent_gradients(desc, buffers, logits);
    strait_free(logits);
    return STRAIT_OK;
}

static int64_t linear_xent_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[LINEAR_XENT_DIM_H];
}

const strait_op_bound strait_op_bound_linear_xent = {.bound = linear_xent_bound, .columns = linear_xent_columns};
