/* How LINEAR, LINEAR_DX and LINEAR_DW run on a device that compiles kernels: factors are packed, then multiplied. */
#include "ops/linear/product.h"
#include "ops/op_def.h"

/* Room for the two packed factors. Segments of an op take turns in it, as a queue keeps their order. */
typedef struct places {
    int64_t a, b, total;
} places;

static int64_t widest(const int64_t *n)
{
    int64_t most = n[0] > n[1] ? n[0] : n[1];
    return most > n[2] ? most : n[2];
}

static places places_of(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    const int64_t *n = &desc->dims[LINEAR_DIM_N];
    int64_t depth = desc->op == STRAIT_OP_LINEAR ? k : desc->op == STRAIT_OP_LINEAR_DX ? n[0] + n[1] + n[2] : m;
    int64_t rows = desc->op == STRAIT_OP_LINEAR_DW ? widest(n) : m;
    int64_t cols = desc->op == STRAIT_OP_LINEAR ? widest(n) : k;
    places at = {0};
    at.a = strait_portable_place(shape, &at.total, strait_pack_bytes(shape, rows, depth, false));
    at.b = strait_portable_place(shape, &at.total, strait_pack_bytes(shape, cols, depth, true));
    return at;
}

static int64_t linear_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    return places_of(shape, desc).total;
}

static strait_dtype y_dtype(const strait_op_desc *desc)
{
    return desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_Y_F32 ? STRAIT_DTYPE_F32 : desc->dtype;
}

static strait_status linear_launch(const strait_portable_call *call)
{
    const strait_op_desc *desc = call->desc;
    const strait_driver_slice *b = call->buffers;
    const places at = places_of(call->shape, desc);
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    strait_pack x = {.out = strait_portable_part(call, at.a), .in = b[LINEAR_X], .dtype = desc->dtype};
    x.items = m;
    x.k = x.all_k = x.item = k;
    x.step = 1;
    STRAIT_TRY(strait_pack_run(call, &x));
    for (int i = 0; i < desc->dims[LINEAR_DIM_SEGMENTS]; i++) {
        int64_t n = desc->dims[LINEAR_DIM_N + i];
        strait_pack w = x;
        w.out = strait_portable_part(call, at.b);
        w.in = b[LINEAR_W + i];
        w.columns = true;
        w.items = n;
        STRAIT_TRY(strait_pack_run(call, &w));
        strait_product p = {.a = x.out, .b = w.out, .c = b[LINEAR_Y + i], .rows = m, .cols = n, .c_row = n};
        p.dtype = y_dtype(desc);
        p.k[0] = k;
        p.repeats = 1;
        STRAIT_TRY(strait_product_run(call, &p));
    }
    return STRAIT_OK;
}

static strait_status linear_dx_launch(const strait_portable_call *call)
{
    const strait_op_desc *desc = call->desc;
    const strait_driver_slice *b = call->buffers;
    const places at = places_of(call->shape, desc);
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    const int64_t *n = &desc->dims[LINEAR_DIM_N];
    strait_product p = {.a = strait_portable_part(call, at.a), .b = strait_portable_part(call, at.b), .repeats = 1};
    p.c = b[LINEAR_DX_DX];
    p.dtype = desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_DX_F32 ? STRAIT_DTYPE_F32 : desc->dtype;
    p.rows = m;
    p.cols = p.c_row = k;
    int64_t before = 0;
    for (int i = 0; i < desc->dims[LINEAR_DIM_SEGMENTS]; i++) {
        p.k[i] = n[i];
        strait_pack dy = {.out = p.a, .in = b[LINEAR_DX_DY + i], .dtype = y_dtype(desc), .items = m, .k = n[i]};
        dy.item = n[i];
        dy.step = 1;
        dy.k_at = before;
        dy.all_k = n[0] + n[1] + n[2];
        strait_pack w = dy;
        w.dtype = desc->dtype;
        w.out = p.b;
        w.in = b[LINEAR_DX_W + i];
        w.columns = true;
        w.items = k;
        w.item = 1;
        w.step = k;
        STRAIT_TRY(strait_pack_run(call, &dy));
        STRAIT_TRY(strait_pack_run(call, &w));
        before += n[i];
    }
    return strait_product_run(call, &p);
}

static strait_status linear_dw_launch(const strait_portable_call *call)
{
    const strait_op_desc *desc = call->desc;
    const strait_driver_slice *b = call->buffers;
    const places at = places_of(call->shape, desc);
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    strait_pack x = {.out = strait_portable_part(call, at.b), .in = b[LINEAR_DW_X], .dtype = desc->dtype};
    x.columns = true;
    x.items = x.step = k;
    x.item = 1;
    x.k = x.all_k = m;
    STRAIT_TRY(strait_pack_run(call, &x));
    for (int i = 0; i < desc->dims[LINEAR_DIM_SEGMENTS]; i++) {
        int64_t n = desc->dims[LINEAR_DIM_N + i];
        strait_pack dy = x;
        dy.out = strait_portable_part(call, at.a);
        dy.in = b[LINEAR_DW_DY + i];
        dy.dtype = y_dtype(desc);
        dy.columns = false;
        dy.items = dy.step = n;
        STRAIT_TRY(strait_pack_run(call, &dy));
        strait_product p = {.a = dy.out, .b = x.out, .c = b[LINEAR_DW_GRAD + i], .dtype = STRAIT_DTYPE_F32};
        p.rows = n;
        p.cols = p.c_row = k;
        p.k[0] = desc->dims[LINEAR_DIM_T];
        p.repeats = m / desc->dims[LINEAR_DIM_T];
        p.accumulate = desc->dims[LINEAR_DIM_ACCUMULATE] != 0;
        STRAIT_TRY(strait_product_run(call, &p));
    }
    return STRAIT_OK;
}

/* ---- what a driver's own products are held to ---- */

static double linear_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return strait_product_tolerance((double)desc->dims[LINEAR_DIM_K]);
}

/* M, K, segments, N0, N1, N2, out f32, T, accumulate: odd ones, sums of more than a block, several outputs; timed last.
 */
static const int64_t linear_dims[][STRAIT_OP_MAX_DIMS] = {
    {64, 96, 1, 32},     {33, 1032, 3, 40, 8, 16}, {48, 64, 1, 72, 0, 0, STRAIT_LINEAR_Y_F32},
    {65, 63, 2, 19, 35}, {256, 512, 1, 512},
};
static const strait_portable_check linear_check = {
    .dims = linear_dims, .count = 5, .type = strait_op_buffer_dtype, .tolerance = linear_tolerance};

static double linear_dx_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    const int64_t *n = &desc->dims[LINEAR_DIM_N];
    return strait_product_tolerance((double)(n[0] + n[1] + n[2]));
}

static const int64_t linear_dx_dims[][STRAIT_OP_MAX_DIMS] = {
    {64, 96, 1, 32},    {33, 40, 3, 520, 512, 16}, {65, 63, 2, 19, 35}, {48, 64, 1, 72, 0, 0, STRAIT_LINEAR_DX_F32},
    {256, 512, 1, 512},
};
static const strait_portable_check linear_dx_check = {
    .dims = linear_dx_dims, .count = 5, .type = strait_op_buffer_dtype, .tolerance = linear_dx_tolerance};

static double linear_dw_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return strait_product_tolerance((double)desc->dims[LINEAR_DIM_M]);
}

static const int64_t linear_dw_dims[][STRAIT_OP_MAX_DIMS] = {
    {64, 96, 1, 32, 0, 0, 0, 32, 0},
    {1032, 40, 3, 24, 8, 16, 0, 516, 1},
    {66, 19, 2, 63, 35, 0, 0, 22, 0},
    {512, 256, 1, 512, 0, 0, 0, 256, 1},
};
static const strait_portable_check linear_dw_check = {
    .dims = linear_dw_dims, .count = 4, .type = strait_op_buffer_dtype, .tolerance = linear_dw_tolerance};

const strait_portable_op strait_portable_linear = {
    .workspace = linear_workspace, .launch = linear_launch, .check = &linear_check};
const strait_portable_op strait_portable_linear_dx = {
    .workspace = linear_workspace, .launch = linear_dx_launch, .check = &linear_dx_check};
const strait_portable_op strait_portable_linear_dw = {
    .workspace = linear_workspace, .launch = linear_dw_launch, .check = &linear_dw_check};
