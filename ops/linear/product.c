/* Launches of the packing and product kernels of linear.k.c. */
#include "ops/linear/product.h"

#include <math.h>

extern const char strait_text_linear[];

enum { PACK_STEPS = 256 }; /* as in linear.k.c */

static int64_t panel_width(const strait_portable_shape *shape, bool columns)
{
    return columns ? shape->tile_cols : shape->tile_rows;
}

int64_t strait_pack_bytes(const strait_portable_shape *shape, int64_t items, int64_t all_k, bool columns)
{
    int64_t width = panel_width(shape, columns);
    return strait_div_up(items, width) * width * all_k * (int64_t)sizeof(float);
}

strait_status strait_pack_run(const strait_portable_call *call, const strait_pack *pack)
{
    const strait_portable_kernel kernel = {strait_text_linear, "pack_panels"};
    int64_t panels = strait_div_up(pack->items, panel_width(call->shape, pack->columns));
    int64_t batches = pack->batches > 0 ? pack->batches : 1;
    const strait_kernel_argument arguments[] = {strait_arg_out(pack->out),
                                                strait_arg_in(pack->in),
                                                strait_arg_i64(pack->in_at),
                                                strait_arg_i64(pack->items),
                                                strait_arg_i64(pack->k),
                                                strait_arg_i64(pack->item),
                                                strait_arg_i64(pack->step),
                                                strait_arg_i64(pack->k_at),
                                                strait_arg_i64(pack->all_k),
                                                strait_arg_i64(pack->inner > 0 ? pack->inner : 1),
                                                strait_arg_i64(pack->outer_stride),
                                                strait_arg_i64(pack->inner_stride),
                                                strait_arg_i32(pack->columns)};
    int64_t groups = strait_div_up(pack->k, PACK_STEPS) * panels * batches;
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, pack->dtype, groups, arguments);
}

strait_status strait_product_run(const strait_portable_call *call, const strait_product *p)
{
    const strait_portable_kernel kernel = {strait_text_linear, "product"};
    const strait_portable_shape *shape = call->shape;
    const strait_kernel_argument arguments[] = {strait_arg_in(p->a),
                                                strait_arg_in(p->b),
                                                strait_arg_inout(p->c),
                                                strait_arg_i64(p->rows),
                                                strait_arg_i64(p->cols),
                                                strait_arg_i64(p->c_at),
                                                strait_arg_i64(p->c_row),
                                                strait_arg_i64(p->k[0]),
                                                strait_arg_i64(p->k[1]),
                                                strait_arg_i64(p->k[2]),
                                                strait_arg_i64(p->repeats),
                                                strait_arg_i32(p->accumulate),
                                                strait_arg_i32(shape->tile_run)};
    int64_t runs = strait_div_up(strait_div_up(p->rows, shape->tile_rows), shape->tile_run);
    int64_t groups = runs * strait_div_up(p->cols, shape->tile_cols);
    return strait_portable_launch(call, &kernel, p->dtype, groups, shape->product_group, arguments,
                                  (int)(sizeof arguments / sizeof arguments[0]));
}

double strait_product_tolerance(double n)
{
    return 2.0 * sqrt(n) + 2.0;
}
