/*
 * How LINEAR_XENT runs on a device that compiles kernels: one chunk of tokens after another, so that logits exist for a
 * chunk only. A chunk is one block of 512 of a sequence's tokens, or as many whole shorter sequences as fit into 512:
 * then the head's gradient, summed over chunks, is the product over all tokens by the rule.
 */
#include "ops/linear/product.h"

extern const char strait_text_linear_xent[];

enum { CHUNK_TOKENS = 512, LINE = 16 };

typedef struct xent {
    int64_t m, h, v, t, ld;
    /* places in the workspace: weights packed for the logits and for dy, y for the logits and for the head's gradient,
     * logits, and their gradient for dy and for the head's */
    int64_t w_logits, w_dy, y_logits, y_grad, logits, d_dy, d_grad, total;
} xent;

/* Tokens first .. first + repeats * k: `repeats` sequences of k tokens, or one part of one. */
typedef struct chunk {
    int64_t first, repeats, k, tokens;
} chunk;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static chunk chunk_at(const xent *x, int64_t first)
{
    chunk c = {.first = first, .repeats = 1};
    if (x->t >= CHUNK_TOKENS) {
        c.k = least(CHUNK_TOKENS, x->t - first % x->t);
    } else {
        c.k = x->t;
        c.repeats = least(CHUNK_TOKENS / x->t, (x->m - first) / x->t);
    }
    c.tokens = c.repeats * c.k;
    return c;
}

/* The first chunk is the largest. Whether there is a backward part is not known here; the larger is asked for. */
static xent xent_of(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    xent x = {.m = desc->dims[LINEAR_XENT_DIM_M],
              .h = desc->dims[LINEAR_XENT_DIM_H],
              .v = desc->dims[LINEAR_XENT_DIM_V],
              .t = desc->dims[LINEAR_XENT_DIM_T]};
    x.ld = strait_div_up(x.v, LINE) * LINE;
    if (x.m == 0) return x;
    int64_t most = chunk_at(&x, 0).tokens;
    x.w_logits = strait_portable_place(shape, &x.total, strait_pack_bytes(shape, x.v, x.h, true));
    x.w_dy = strait_portable_place(shape, &x.total, strait_pack_bytes(shape, x.h, x.v, true));
    x.y_logits = strait_portable_place(shape, &x.total, strait_pack_bytes(shape, most, x.h, false));
    x.y_grad = strait_portable_place(shape, &x.total, strait_pack_bytes(shape, x.h, most, true));
    x.logits = strait_portable_place(shape, &x.total, most * x.ld * (int64_t)sizeof(float));
    x.d_dy = strait_portable_place(shape, &x.total, strait_pack_bytes(shape, most, x.v, false));
    x.d_grad = strait_portable_place(shape, &x.total, strait_pack_bytes(shape, x.v, most, false));
    return x;
}

static int64_t linear_xent_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    return xent_of(shape, desc).total;
}

static strait_status rows_launch(const strait_portable_call *call, const xent *x, const chunk *c)
{
    const strait_portable_kernel kernel = {strait_text_linear_xent, "xent_rows"};
    const strait_driver_slice *b = call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_inout(strait_portable_part(call, x->logits)),
                                                strait_arg_in(b[LINEAR_XENT_TARGETS]),
                                                strait_arg_in(b[LINEAR_XENT_STEP]),
                                                strait_arg_out(b[LINEAR_XENT_LOSS]),
                                                strait_arg_i64(c->first),
                                                strait_arg_i64(x->v),
                                                strait_arg_i64(x->ld),
                                                strait_arg_i32(STRAIT_STEP_LOSS_SCALE),
                                                strait_arg_i32(b[LINEAR_XENT_DY].memory != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, c->tokens, arguments);
}

static strait_status logits_launch(const strait_portable_call *call, const xent *x, const chunk *c)
{
    strait_pack y = {.out = strait_portable_part(call, x->y_logits), .in = call->buffers[LINEAR_XENT_Y]};
    y.dtype = call->desc->dtype;
    y.in_at = c->first * x->h;
    y.items = c->tokens;
    y.k = y.all_k = y.item = x->h;
    y.step = 1;
    STRAIT_TRY(strait_pack_run(call, &y));
    strait_product p = {.a = y.out, .b = strait_portable_part(call, x->w_logits), .dtype = STRAIT_DTYPE_F32};
    p.c = strait_portable_part(call, x->logits);
    p.rows = c->tokens;
    p.cols = x->v;
    p.c_row = x->ld;
    p.k[0] = x->h;
    p.repeats = 1;
    return strait_product_run(call, &p);
}

static strait_status dy_launch(const strait_portable_call *call, const xent *x, const chunk *c)
{
    strait_pack d = {.out = strait_portable_part(call, x->d_dy), .in = strait_portable_part(call, x->logits)};
    d.dtype = STRAIT_DTYPE_F32;
    d.items = c->tokens;
    d.k = d.all_k = x->v;
    d.item = x->ld;
    d.step = 1;
    STRAIT_TRY(strait_pack_run(call, &d));
    strait_product p = {.a = d.out, .b = strait_portable_part(call, x->w_dy), .c = call->buffers[LINEAR_XENT_DY]};
    p.dtype = call->desc->dtype;
    p.rows = c->tokens;
    p.cols = p.c_row = x->h;
    p.c_at = c->first * x->h;
    p.k[0] = x->v;
    p.repeats = 1;
    return strait_product_run(call, &p);
}

static strait_status grad_launch(const strait_portable_call *call, const xent *x, const chunk *c)
{
    strait_pack d = {.out = strait_portable_part(call, x->d_grad), .in = strait_portable_part(call, x->logits)};
    d.dtype = STRAIT_DTYPE_F32;
    d.items = x->v;
    d.k = d.all_k = c->tokens;
    d.item = 1;
    d.step = x->ld;
    strait_pack y = {.out = strait_portable_part(call, x->y_grad), .in = call->buffers[LINEAR_XENT_Y]};
    y.dtype = call->desc->dtype;
    y.columns = true;
    y.in_at = c->first * x->h;
    y.items = y.step = x->h;
    y.item = 1;
    y.k = y.all_k = c->tokens;
    STRAIT_TRY(strait_pack_run(call, &d));
    STRAIT_TRY(strait_pack_run(call, &y));
    strait_product p = {.a = d.out, .b = y.out, .c = call->buffers[LINEAR_XENT_GRAD], .dtype = STRAIT_DTYPE_F32};
    p.rows = x->v;
    p.cols = p.c_row = x->h;
    p.k[0] = c->k;
    p.repeats = c->repeats;
    p.accumulate = call->desc->dims[LINEAR_XENT_DIM_ACCUMULATE] != 0 || c->first > 0;
    return strait_product_run(call, &p);
}

static strait_status linear_xent_launch(const strait_portable_call *call)
{
    const xent x = xent_of(call->shape, call->desc);
    bool backward = call->buffers[LINEAR_XENT_DY].memory != 0;
    strait_pack w = {.out = strait_portable_part(call, x.w_logits), .in = call->buffers[LINEAR_XENT_W]};
    w.dtype = call->desc->dtype;
    w.columns = true;
    w.items = x.v;
    w.k = w.all_k = w.item = x.h;
    w.step = 1;
    if (x.m > 0) STRAIT_TRY(strait_pack_run(call, &w));
    if (x.m > 0 && backward) {
        w.out = strait_portable_part(call, x.w_dy);
        w.items = w.step = x.h;
        w.k = w.all_k = x.v;
        w.item = 1;
        STRAIT_TRY(strait_pack_run(call, &w));
    }
    for (int64_t first = 0; first < x.m;) {
        chunk c = chunk_at(&x, first);
        STRAIT_TRY(logits_launch(call, &x, &c));
        STRAIT_TRY(rows_launch(call, &x, &c));
        if (backward) {
            STRAIT_TRY(dy_launch(call, &x, &c));
            if (call->buffers[LINEAR_XENT_GRAD].memory) STRAIT_TRY(grad_launch(call, &x, &c));
        }
        first += c.tokens;
    }
    return STRAIT_OK;
}

const strait_portable_op strait_portable_linear_xent = {.workspace = linear_xent_workspace,
                                                        .launch = linear_xent_launch};
