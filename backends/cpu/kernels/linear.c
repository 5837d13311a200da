/* LINEAR, LINEAR_DX and LINEAR_DW: which products each op is. */
#include "backends/cpu/kernels/matmul.h"

/* element (i, k) at i*ld + k */
static cpu_operand along(const void *data, int64_t ld, int bf16)
{
    return (cpu_operand){.data = data, .ld = ld, .bf16 = bf16};
}

/* element (i, k) at k*ld + i */
static cpu_operand across(const void *data, int64_t ld, int bf16)
{
    return (cpu_operand){.data = data, .ld = ld, .across = 1, .bf16 = bf16};
}

/* y_i = x W_i^T: one product per segment, in N. `buffers` NULL: for the workspace only. Returns how many. */
static int forward_products(const strait_op_desc *desc, void *const *buffers, cpu_product out[PRODUCT_BATCH])
{
    static void *const none[LINEAR_BUFFERS];
    if (!buffers) buffers = none;
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    int bf16 = desc->dtype == STRAIT_DTYPE_BF16;
    int count = (int)desc->dims[LINEAR_DIM_SEGMENTS];
    for (int i = 0; i < count; ++i) {
        int64_t n = desc->dims[LINEAR_DIM_N + i];
        out[i] = (cpu_product){.rows = m, .cols = n, .segments = 1, .c = buffers[LINEAR_Y + i], .ldc = n};
        out[i].c_bf16 = bf16 && !(desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_Y_F32);
        out[i].segment[0].a = along(buffers[LINEAR_X], k, bf16);
        out[i].segment[0].b = along(buffers[LINEAR_W + i], k, bf16);
        out[i].segment[0].k = k;
    }
    return count;
}

/* dx = sum of dy_i W_i: one product, segments in k. */
static void dx_product(const strait_op_desc *desc, void *const *buffers, cpu_product *out)
{
    static void *const none[LINEAR_DX_BUFFERS];
    if (!buffers) buffers = none;
    int64_t k = desc->dims[LINEAR_DIM_K];
    int bf16 = desc->dtype == STRAIT_DTYPE_BF16;
    *out = (cpu_product){.rows = desc->dims[LINEAR_DIM_M], .cols = k, .c = buffers[LINEAR_DX_DX], .ldc = k};
    int dy_bf16 = bf16 && !(desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_Y_F32);
    out->c_bf16 = bf16 && !(desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_DX_F32);
    out->segments = (int)desc->dims[LINEAR_DIM_SEGMENTS];
    for (int i = 0; i < out->segments; ++i) {
        int64_t n = desc->dims[LINEAR_DIM_N + i];
        out->segment[i].a = along(buffers[LINEAR_DX_DY + i], n, dy_bf16);
        out->segment[i].b = across(buffers[LINEAR_DX_W + i], k, bf16);
        out->segment[i].k = n;
    }
}

/* grad_i = dy_i^T x: one product per segment, all with the same B, k running over the tokens of each sequence. */
static int dw_products(const strait_op_desc *desc, void *const *buffers, cpu_product out[PRODUCT_BATCH])
{
    static void *const none[LINEAR_DW_BUFFERS];
    if (!buffers) buffers = none;
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    int64_t t = desc->dims[LINEAR_DIM_T];
    int bf16 = desc->dtype == STRAIT_DTYPE_BF16;
    int dy_bf16 = bf16 && !(desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_Y_F32);
    int count = (int)desc->dims[LINEAR_DIM_SEGMENTS];
    for (int i = 0; i < count; ++i) {
        int64_t n = desc->dims[LINEAR_DIM_N + i];
        out[i] = (cpu_product){.rows = n, .cols = k, .segments = 1, .c = buffers[LINEAR_DW_GRAD + i], .ldc = k};
        out[i].repeats = t > 0 ? m / t : 0;
        out[i].accumulate = desc->dims[LINEAR_DIM_ACCUMULATE] != 0;
        out[i].segment[0].a = across(buffers[LINEAR_DW_DY + i], n, dy_bf16);
        out[i].segment[0].b = across(buffers[LINEAR_DW_X], k, bf16);
        out[i].segment[0].k = m > 0 ? t : 0;
    }
    return count;
}

int64_t STRAIT_CPU_WORKSPACE(linear)(const strait_op_desc *desc, int threads)
{
    cpu_product products[PRODUCT_BATCH];
    int count = forward_products(desc, NULL, products);
    return STRAIT_CPU_SYMBOL(matmul_workspace)(products, count, 0, threads);
}

strait_status STRAIT_CPU_RUN(linear)(const strait_cpu_call *call)
{
    cpu_product products[PRODUCT_BATCH];
    int count = forward_products(call->desc, call->buffers, products);
    STRAIT_CPU_SYMBOL(matmul)(call->pool, products, count, 0, call->workspace);
    return STRAIT_OK;
}

int64_t STRAIT_CPU_WORKSPACE(linear_dx)(const strait_op_desc *desc, int threads)
{
    cpu_product product;
    dx_product(desc, NULL, &product);
    return STRAIT_CPU_SYMBOL(matmul_workspace)(&product, 1, 0, threads);
}

strait_status STRAIT_CPU_RUN(linear_dx)(const strait_cpu_call *call)
{
    cpu_product product;
    dx_product(call->desc, call->buffers, &product);
    STRAIT_CPU_SYMBOL(matmul)(call->pool, &product, 1, 0, call->workspace);
    return STRAIT_OK;
}

int64_t STRAIT_CPU_WORKSPACE(linear_dw)(const strait_op_desc *desc, int threads)
{
    cpu_product products[PRODUCT_BATCH];
    int count = dw_products(desc, NULL, products);
    return STRAIT_CPU_SYMBOL(matmul_workspace)(products, count, 1, threads);
}

strait_status STRAIT_CPU_RUN(linear_dw)(const strait_cpu_call *call)
{
    cpu_product products[PRODUCT_BATCH];
    int count = dw_products(call->desc, call->buffers, products);
    STRAIT_CPU_SYMBOL(matmul)(call->pool, products, count, 1, call->workspace);
    return STRAIT_OK;
}
