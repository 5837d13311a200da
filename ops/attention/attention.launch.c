/*
 * How ATTENTION and its gradient run on a device that compiles kernels: with the scores of whole rows in the workspace,
 * or in tiles that keep none.
 */
#include "ops/linear/product.h"

extern const char strait_text_attention[];
extern const char strait_text_attention_tiles[];
extern const char strait_text_attention_tiles_bwd[];
extern const strait_portable_check strait_attention_check; /* attention.tuned.c */
extern const strait_portable_check strait_attention_bwd_check;

enum { CHAIN_ROWS = 6, MOST_HEAD_SIZE = 512 };

typedef struct attention {
    const strait_portable_call *call;
    int64_t sequences, tq, tk, hq, hkv, d, window, group;
    float scale;
    strait_dtype dtype;
    bool fast;
    bool drops;
    bool tiled;
    int64_t ld;    /* of a row of scores */
    int64_t units; /* (sequence, head) pairs: query heads forward, key heads backward */
    int64_t pass;  /* units whose scores are kept at a time */
    /* Places in the workspace: left and right factors of the products, as panels; those of dQ make room for those of dK
     * and dV. What is only for the gradient, or for scores that are kept, is 0 otherwise. */
    int64_t left, right, left2, right2, scores, dp, delta, low, high, last, own, total;
} attention;

/*
 * Tiles compute scores anew instead of keeping them: 3 products for 2 forward (2 in fast), 7 for 5 backward. On PoCL
 * that costs more than it saves (docs/portable-kernels.md), so that there they are for heads whose scores are too large
 * to keep. The bits are the same, but for r and o in fast. On a GPU, where a product is quicker than going to memory
 * and back, fast takes them always. With dropout scores are kept, whatever they take.
 */
static bool wants_tiles(const attention *a, const strait_portable_shape *shape, int64_t unit_bytes)
{
    if (a->drops) return false;
    return unit_bytes > shape->scores_bytes || (a->fast && shape->group > 1);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static attention attention_of(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    const int64_t *dims = desc->dims;
    bool backward = desc->op == STRAIT_OP_ATTENTION_BWD;
    attention a = {.sequences = dims[ATTENTION_DIM_B],
                   .tq = dims[ATTENTION_DIM_TQ],
                   .tk = dims[ATTENTION_DIM_TK],
                   .hq = dims[ATTENTION_DIM_HQ],
                   .hkv = dims[ATTENTION_DIM_HKV],
                   .d = dims[ATTENTION_DIM_D],
                   .window = dims[ATTENTION_DIM_WINDOW],
                   .scale = desc->scalars[ATTENTION_SCALAR_SCALE],
                   .dtype = desc->dtype,
                   .fast = desc->numerics == STRAIT_NUMERICS_FAST,
                   .drops = dims[ATTENTION_DIM_STREAM] > 0};
    a.group = a.hq / a.hkv;
    a.ld = strait_div_up(a.tk, STRAIT_PORTABLE_LANES) * STRAIT_PORTABLE_LANES;
    a.units = a.sequences * (backward ? a.hkv : a.hq);
    int64_t unit_bytes = (backward ? a.group : 1) * a.tq * a.ld * (int64_t)sizeof(float);
    a.tiled = wants_tiles(&a, shape, unit_bytes);
    a.pass = unit_bytes > 0 ? shape->scores_bytes / unit_bytes : 1;
    if (a.pass > a.units) a.pass = a.units;
    if (a.pass < 1) a.pass = 1;
    int64_t left = a.sequences * a.hq * strait_pack_bytes(shape, a.tq, a.d, false);
    int64_t right = a.sequences * a.hkv * strait_pack_bytes(shape, a.tk, a.d, true);
    if (backward && a.tiled) {
        left = larger(left, a.sequences * a.hkv * strait_pack_bytes(shape, a.tk, a.d, false));
        right = larger(right, a.sequences * a.hq * strait_pack_bytes(shape, a.tq, a.d, true));
    }
    int64_t tokens = a.sequences * a.tq * (int64_t)sizeof(int32_t);
    int64_t kept = a.tiled ? 0 : a.pass * unit_bytes;
    a.left = strait_portable_place(shape, &a.total, left);
    a.right = strait_portable_place(shape, &a.total, right);
    a.scores = strait_portable_place(shape, &a.total, kept);
    a.low = strait_portable_place(shape, &a.total, tokens);
    a.high = strait_portable_place(shape, &a.total, tokens);
    a.last = strait_portable_place(shape, &a.total, tokens);
    a.own = strait_portable_place(shape, &a.total, a.tq * (int64_t)sizeof(int32_t));
    if (!backward) return a;
    a.left2 = strait_portable_place(shape, &a.total, left);
    a.right2 = strait_portable_place(shape, &a.total, right);
    a.dp = strait_portable_place(shape, &a.total, kept);
    a.delta = strait_portable_place(shape, &a.total, tokens * a.hq);
    return a;
}

static int64_t attention_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    return attention_of(shape, desc).total;
}

static const char *attention_declines(const strait_op_desc *desc)
{
    if (desc->dims[ATTENTION_DIM_D] <= MOST_HEAD_SIZE) return NULL;
    return "the portable kernel takes heads of at most 512 dimensions";
}

static strait_driver_slice part(const attention *a, int64_t place)
{
    return strait_portable_part(a->call, place);
}

static strait_status launch(const attention *a, const char *text, const char *name, int64_t groups, int32_t size,
                            const strait_kernel_argument *arguments, size_t count)
{
    const strait_portable_kernel kernel = {text, name};
    return strait_portable_launch(a->call, &kernel, a->dtype, groups, size, arguments, (int)count);
}
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static strait_status ranges(const attention *a, strait_driver_slice documents, strait_driver_slice lengths)
{
    const int64_t each = 256;
    const strait_kernel_argument arguments[] = {strait_arg_in(documents),
                                                strait_arg_in(lengths),
                                                strait_arg_out(part(a, a->low)),
                                                strait_arg_out(part(a, a->high)),
                                                strait_arg_out(part(a, a->last)),
                                                strait_arg_out(part(a, a->own)),
                                                strait_arg_i64(a->sequences),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->tk),
                                                strait_arg_i64(a->window),
                                                strait_arg_i32((documents.memory ? 1 : 0) | (lengths.memory ? 2 : 0)),
                                                strait_arg_i64(each)};
    int64_t groups = strait_div_up(a->sequences * a->tq, each);
    return launch(a, strait_text_attention, "attention_ranges", groups, a->call->shape->group, arguments,
                  COUNT_OF(arguments));
}

/* All heads of a tensor of queries (or of keys) into panels. */
static strait_status pack_heads(const attention *a, int64_t place, strait_driver_slice in, bool keys, bool columns)
{
    int64_t heads = keys ? a->hkv : a->hq;
    int64_t tokens = keys ? a->tk : a->tq;
    strait_pack pack = {.out = part(a, place), .in = in, .dtype = a->dtype, .columns = columns, .items = tokens};
    pack.k = pack.all_k = a->d;
    pack.item = heads * a->d;
    pack.step = 1;
    pack.batches = a->sequences * heads;
    pack.inner = heads;
    pack.outer_stride = tokens * heads * a->d;
    pack.inner_stride = a->d;
    return strait_pack_run(a->call, &pack);
}

/* Products of packed rows and packed keys for `count` query heads from `first` on. */
static strait_status scores(const attention *a, int64_t rows, int64_t keys, int64_t out, int64_t first, int64_t count)
{
    const strait_portable_shape *shape = a->call->shape;
    const strait_kernel_argument arguments[] = {strait_arg_in(part(a, rows)),
                                                strait_arg_in(part(a, keys)),
                                                strait_arg_out(part(a, out)),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                strait_arg_i64(first),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->group),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->tk),
                                                strait_arg_i64(a->d),
                                                strait_arg_i64(a->ld)};
    int64_t tiles = strait_div_up(a->tq, shape->tile_rows) * strait_div_up(a->tk, shape->tile_cols);
    return launch(a, strait_text_attention, "attention_scores", tiles * count, shape->product_group, arguments,
                  COUNT_OF(arguments));
}

static float keep_of(const attention *a)
{
    return a->call->desc->scalars[ATTENTION_SCALAR_KEEP];
}

static int64_t chain_tiles(const attention *a, int64_t rows)
{
    const strait_portable_shape *shape = a->call->shape;
    int64_t cols = shape->group > 1 ? shape->group : 2 * shape->vector;
    return strait_div_up(rows, CHAIN_ROWS) * strait_div_up(a->d, cols);
}

/* out = weights over keys (or values) `b`, times r of the row or, where r is absent, times the scale; what was dropped
 * of the probabilities forward is absent. */
static strait_status over_keys(const attention *a, int64_t weights, strait_driver_slice b, strait_driver_slice out,
                               strait_driver_slice r, int64_t first, int64_t count)
{
    bool kept = a->drops && r.memory != 0;
    const strait_kernel_argument arguments[] = {strait_arg_in(part(a, weights)),
                                                strait_arg_in(b),
                                                strait_arg_out(out),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                strait_arg_in(r),
                                                strait_arg_i64(first),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->group),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->tk),
                                                strait_arg_i64(a->d),
                                                strait_arg_i64(a->ld),
                                                strait_arg_f32(kept ? keep_of(a) : a->scale),
                                                strait_arg_i32(r.memory != 0),
                                                strait_arg_i32(kept)};
    return launch(a, strait_text_attention, "attention_over_keys", chain_tiles(a, a->tq) * count, a->call->shape->group,
                  arguments, COUNT_OF(arguments));
}

static strait_status softmax(const attention *a, int64_t first, int64_t count)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_inout(part(a, a->scores)),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                strait_arg_out(b[ATTENTION_M]),
                                                strait_arg_out(b[ATTENTION_R]),
                                                strait_arg_i64(first),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->ld),
                                                strait_arg_f32(a->scale)};
    return launch(a, strait_text_attention, "attention_softmax", count * a->tq, a->call->shape->group, arguments,
                  COUNT_OF(arguments));
}

static strait_status drop(const attention *a, int64_t first, int64_t count)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_inout(part(a, a->scores)),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                strait_arg_in(b[ATTENTION_SEQUENCES]),
                                                strait_arg_in(b[ATTENTION_STEP]),
                                                strait_arg_i64(first),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->ld),
                                                strait_arg_i32(STRAIT_STEP_SEED),
                                                strait_arg_i64(a->call->desc->dims[ATTENTION_DIM_STREAM]),
                                                strait_arg_f32(a->call->desc->scalars[ATTENTION_SCALAR_P])};
    return launch(a, strait_text_attention, "attention_drop", count * a->tq, a->call->shape->group, arguments,
                  COUNT_OF(arguments));
}

static strait_status attention_kept(const attention *a)
{
    const strait_driver_slice *b = a->call->buffers;
    for (int64_t first = 0; first < a->units; first += a->pass) {
        int64_t count = a->pass < a->units - first ? a->pass : a->units - first;
        STRAIT_TRY(scores(a, a->left, a->right, a->scores, first, count));
        STRAIT_TRY(softmax(a, first, count));
        if (a->drops) STRAIT_TRY(drop(a, first, count));
        STRAIT_TRY(over_keys(a, a->scores, b[ATTENTION_V], b[ATTENTION_O], b[ATTENTION_R], first, count));
    }
    return STRAIT_OK;
}

static strait_status delta(const attention *a)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_in(b[ATTENTION_BWD_O]), strait_arg_in(b[ATTENTION_BWD_DO]),
                                                strait_arg_out(part(a, a->delta)), strait_arg_i64(a->hq),
                                                strait_arg_i64(a->d)};
    return launch(a, strait_text_attention, "attention_delta", a->sequences * a->tq, a->call->shape->group, arguments,
                  COUNT_OF(arguments));
}

static strait_status gradient(const attention *a, int64_t first, int64_t count)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_inout(part(a, a->scores)),
                                                strait_arg_inout(part(a, a->dp)),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                strait_arg_in(b[ATTENTION_BWD_M]),
                                                strait_arg_in(b[ATTENTION_BWD_R]),
                                                strait_arg_in(part(a, a->delta)),
                                                strait_arg_i64(first),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->ld),
                                                strait_arg_f32(a->scale)};
    return launch(a, strait_text_attention, "attention_gradient", count * a->tq, a->call->shape->group, arguments,
                  COUNT_OF(arguments));
}

static strait_status gradient_drop(const attention *a, int64_t first, int64_t count)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_op_desc *desc = a->call->desc;
    const strait_kernel_argument arguments[] = {strait_arg_inout(part(a, a->scores)),
                                                strait_arg_inout(part(a, a->dp)),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                strait_arg_in(b[ATTENTION_BWD_M]),
                                                strait_arg_in(b[ATTENTION_BWD_R]),
                                                strait_arg_in(part(a, a->delta)),
                                                strait_arg_in(b[ATTENTION_BWD_SEQUENCES]),
                                                strait_arg_in(b[ATTENTION_BWD_STEP]),
                                                strait_arg_i64(first),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->ld),
                                                strait_arg_f32(a->scale),
                                                strait_arg_i32(STRAIT_STEP_SEED),
                                                strait_arg_i64(desc->dims[ATTENTION_DIM_STREAM]),
                                                strait_arg_f32(desc->scalars[ATTENTION_SCALAR_P]),
                                                strait_arg_f32(keep_of(a))};
    return launch(a, strait_text_attention, "attention_gradient_drop", count * a->tq, a->call->shape->group, arguments,
                  COUNT_OF(arguments));
}

/* Units are key heads here. */
static strait_status over_queries(const attention *a, int64_t first, int64_t count)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_in(part(a, a->scores)),
                                                strait_arg_in(part(a, a->dp)),
                                                strait_arg_in(b[ATTENTION_BWD_DO]),
                                                strait_arg_in(b[ATTENTION_BWD_Q]),
                                                strait_arg_out(b[ATTENTION_BWD_DV]),
                                                strait_arg_out(b[ATTENTION_BWD_DK]),
                                                strait_arg_in(part(a, a->own)),
                                                strait_arg_in(part(a, a->last)),
                                                strait_arg_i64(first),
                                                strait_arg_i64(count),
                                                strait_arg_i64(a->hkv),
                                                strait_arg_i64(a->group),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->d),
                                                strait_arg_i64(a->ld),
                                                strait_arg_f32(a->scale),
                                                strait_arg_i32(a->drops)};
    return launch(a, strait_text_attention, "attention_over_queries", 2 * count * chain_tiles(a, a->tq),
                  a->call->shape->group, arguments, COUNT_OF(arguments));
}

static strait_status attention_bwd_kept(const attention *a)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_driver_slice none = {0};
    for (int64_t first = 0; first < a->units; first += a->pass) {
        int64_t count = a->pass < a->units - first ? a->pass : a->units - first;
        int64_t head = first * a->group;
        int64_t heads = count * a->group;
        STRAIT_TRY(scores(a, a->left, a->right, a->scores, head, heads));
        STRAIT_TRY(scores(a, a->left2, a->right2, a->dp, head, heads));
        STRAIT_TRY(a->drops ? gradient_drop(a, head, heads) : gradient(a, head, heads));
        STRAIT_TRY(over_keys(a, a->dp, b[ATTENTION_BWD_K], b[ATTENTION_BWD_DQ], none, head, heads));
        STRAIT_TRY(over_queries(a, first, count));
    }
    return STRAIT_OK;
}

/* Work-groups that make an output of `units` heads of `rows` rows: each WIDTH columns of a tile of rows. */
static int64_t tiles(const attention *a, int64_t units, int64_t rows)
{
    const strait_portable_shape *shape = a->call->shape;
    int64_t width = shape->product_group > 1 ? shape->tile_cols : MOST_HEAD_SIZE;
    return units * strait_div_up(rows, shape->tile_rows) * strait_div_up(a->d, width);
}

/* Exact wants the rows' maxima first. */
static strait_status most(const attention *a)
{
    const strait_portable_shape *shape = a->call->shape;
    const strait_kernel_argument arguments[] = {strait_arg_in(part(a, a->left)),
                                                strait_arg_in(part(a, a->right)),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                strait_arg_out(a->call->buffers[ATTENTION_M]),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->group),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->tk),
                                                strait_arg_i64(a->d)};
    int64_t groups = a->sequences * a->hq * strait_div_up(a->tq, shape->tile_rows);
    return launch(a, strait_text_attention_tiles, "attention_most", groups, shape->product_group, arguments,
                  COUNT_OF(arguments));
}

static strait_status outputs(const attention *a)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_in(part(a, a->left)),
                                                strait_arg_in(part(a, a->right)),
                                                strait_arg_in(b[ATTENTION_V]),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                a->fast ? strait_arg_out(b[ATTENTION_M])
                                                        : strait_arg_in(b[ATTENTION_M]),
                                                strait_arg_out(b[ATTENTION_O]),
                                                strait_arg_out(b[ATTENTION_R]),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->group),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->tk),
                                                strait_arg_i64(a->d),
                                                strait_arg_f32(a->scale)};
    return launch(a, strait_text_attention_tiles, a->fast ? "attention_online" : "attention_weigh",
                  tiles(a, a->sequences * a->hq, a->tq), a->call->shape->product_group, arguments, COUNT_OF(arguments));
}

static strait_status of_queries(const attention *a)
{
    const strait_driver_slice *b = a->call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_in(part(a, a->left)),
                                                strait_arg_in(part(a, a->right)),
                                                strait_arg_in(part(a, a->left2)),
                                                strait_arg_in(part(a, a->right2)),
                                                strait_arg_in(b[ATTENTION_BWD_K]),
                                                strait_arg_in(part(a, a->low)),
                                                strait_arg_in(part(a, a->high)),
                                                strait_arg_in(b[ATTENTION_BWD_M]),
                                                strait_arg_in(b[ATTENTION_BWD_R]),
                                                strait_arg_in(part(a, a->delta)),
                                                strait_arg_out(b[ATTENTION_BWD_DQ]),
                                                strait_arg_i64(a->hq),
                                                strait_arg_i64(a->group),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->d),
                                                strait_arg_f32(a->scale)};
    return launch(a, strait_text_attention_tiles_bwd, "attention_dq", tiles(a, a->sequences * a->hq, a->tq),
                  a->call->shape->product_group, arguments, COUNT_OF(arguments));
}

/* With other panels: keys and values are on the left. */
static strait_status of_keys(const attention *a)
{
    const strait_driver_slice *b = a->call->buffers;
    STRAIT_TRY(pack_heads(a, a->left, b[ATTENTION_BWD_K], true, false));
    STRAIT_TRY(pack_heads(a, a->left2, b[ATTENTION_BWD_V], true, false));
    STRAIT_TRY(pack_heads(a, a->right, b[ATTENTION_BWD_Q], false, true));
    STRAIT_TRY(pack_heads(a, a->right2, b[ATTENTION_BWD_DO], false, true));
    const strait_kernel_argument arguments[] = {strait_arg_in(part(a, a->left)),
                                                strait_arg_in(part(a, a->right)),
                                                strait_arg_in(part(a, a->left2)),
                                                strait_arg_in(part(a, a->right2)),
                                                strait_arg_in(b[ATTENTION_BWD_Q]),
                                                strait_arg_in(b[ATTENTION_BWD_DO]),
                                                strait_arg_in(part(a, a->own)),
                                                strait_arg_in(part(a, a->last)),
                                                strait_arg_in(b[ATTENTION_BWD_M]),
                                                strait_arg_in(b[ATTENTION_BWD_R]),
                                                strait_arg_in(part(a, a->delta)),
                                                strait_arg_out(b[ATTENTION_BWD_DK]),
                                                strait_arg_out(b[ATTENTION_BWD_DV]),
                                                strait_arg_i64(a->hkv),
                                                strait_arg_i64(a->group),
                                                strait_arg_i64(a->tq),
                                                strait_arg_i64(a->d),
                                                strait_arg_f32(a->scale)};
    return launch(a, strait_text_attention_tiles_bwd, "attention_dkv", tiles(a, a->sequences * a->hkv, a->tk),
                  a->call->shape->product_group, arguments, COUNT_OF(arguments));
}

static strait_status attention_launch(const strait_portable_call *call)
{
    attention a = attention_of(call->shape, call->desc);
    a.call = call;
    const strait_driver_slice *b = call->buffers;
    STRAIT_TRY(ranges(&a, b[ATTENTION_DOCUMENTS], b[ATTENTION_LENGTHS]));
    STRAIT_TRY(pack_heads(&a, a.left, b[ATTENTION_Q], false, false));
    STRAIT_TRY(pack_heads(&a, a.right, b[ATTENTION_K], true, true));
    if (!a.tiled) return attention_kept(&a);
    if (!a.fast) STRAIT_TRY(most(&a));
    return outputs(&a);
}

static strait_status attention_bwd_launch(const strait_portable_call *call)
{
    attention a = attention_of(call->shape, call->desc);
    a.call = call;
    const strait_driver_slice *b = call->buffers;
    const strait_driver_slice none = {0};
    STRAIT_TRY(ranges(&a, b[ATTENTION_BWD_DOCUMENTS], none));
    STRAIT_TRY(delta(&a));
    STRAIT_TRY(pack_heads(&a, a.left, b[ATTENTION_BWD_Q], false, false));
    STRAIT_TRY(pack_heads(&a, a.left2, b[ATTENTION_BWD_DO], false, false));
    STRAIT_TRY(pack_heads(&a, a.right, b[ATTENTION_BWD_K], true, true));
    STRAIT_TRY(pack_heads(&a, a.right2, b[ATTENTION_BWD_V], true, true));
    if (!a.tiled) return attention_bwd_kept(&a);
    STRAIT_TRY(of_queries(&a));
    return of_keys(&a);
}

/* Only the tiles forward know a faster way in fast. */
static bool attention_fast_differs(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    return attention_of(shape, desc).tiled;
}

const strait_portable_op strait_portable_attention = {.declines = attention_declines,
                                                      .workspace = attention_workspace,
                                                      .launch = attention_launch,
                                                      .fast_differs = attention_fast_differs,
                                                      .check = &strait_attention_check};
const strait_portable_op strait_portable_attention_bwd = {.declines = attention_declines,
                                                          .workspace = attention_workspace,
                                                          .launch = attention_bwd_launch,
                                                          .check = &strait_attention_bwd_check};
