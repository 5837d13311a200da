/*
 * Muon's part of a step: for each of its matrices momentum and norm, five Newton-Schulz iterations and the update, as
 * docs/numerics.md. The products are LINEAR, LINEAR_DX and LINEAR_DW in f32, so every device that trains has them, in
 * the order of the contract and at their speed; docs/decisions/0009-muon-of-ops.md says why there is no op for the
 * whole.
 */
#include "train/engine_internal.h"

#include <string.h>

enum { ITERATIONS = 5 };
#define COEFFICIENT_A 3.4445F
#define COEFFICIENT_B (-4.7750F)
#define COEFFICIENT_C 2.0315F

static strait_op_desc desc_of(const strait_engine *engine, strait_op op)
{
    return (strait_op_desc){.struct_size = sizeof(strait_op_desc),
                            .op = op,
                            .dtype = STRAIT_DTYPE_F32,
                            .numerics = engine->options.numerics};
}

static strait_op_desc pass_desc(const strait_engine *engine, strait_op op, int64_t elements, float p, float q)
{
    strait_op_desc desc = desc_of(engine, op);
    desc.dims[MUON_DIM_N] = elements;
    desc.scalars[0] = p;
    desc.scalars[1] = q;
    return desc;
}

/* A product of one segment; LINEAR_DW sums over all M rows as one sequence. */
static strait_op_desc product_desc(const strait_engine *engine, strait_op op, int64_t m, int64_t k, int64_t n)
{
    strait_op_desc desc = desc_of(engine, op);
    desc.dims[LINEAR_DIM_M] = m;
    desc.dims[LINEAR_DIM_K] = k;
    desc.dims[LINEAR_DIM_N] = n;
    desc.dims[LINEAR_DIM_SEGMENTS] = 1;
    if (op == STRAIT_OP_LINEAR_DW) desc.dims[LINEAR_DIM_T] = m;
    return desc;
}

/*
 * The ops of one matrix. A matrix with more rows than columns is taken from the other side instead of being transposed:
 * gram = X^T X and X B, because B is symmetric to the bit.
 */
enum { MOMENT, GRAM, SQUARE, MIX_GRAM, STEP, MIX_X, APPLY, OPS };

typedef struct matrix {
    int64_t elements;
    bool tall;
    strait_op_desc ops[OPS];
} matrix;

static matrix matrix_of(const strait_engine *engine, const strait_param *param)
{
    int64_t r = param->rows;
    int64_t c = param->columns;
    bool tall = r > c;
    int64_t side = tall ? c : r;
    float scale = strait_muon_scale_of(engine->options.muon.scale, r, c);
    matrix out = {.elements = r * c, .tall = tall};
    out.ops[MOMENT] = pass_desc(engine, STRAIT_OP_MUON_MOMENT, r * c, 0.0F, 0.0F);
    out.ops[GRAM] =
        tall ? product_desc(engine, STRAIT_OP_LINEAR_DW, r, c, c) : product_desc(engine, STRAIT_OP_LINEAR, r, c, r);
    out.ops[SQUARE] = product_desc(engine, STRAIT_OP_LINEAR, side, side, side);
    out.ops[MIX_GRAM] = pass_desc(engine, STRAIT_OP_MUON_MIX, side * side, COEFFICIENT_B, COEFFICIENT_C);
    out.ops[STEP] =
        tall ? product_desc(engine, STRAIT_OP_LINEAR, r, c, c) : product_desc(engine, STRAIT_OP_LINEAR_DX, r, c, r);
    out.ops[MIX_X] = pass_desc(engine, STRAIT_OP_MUON_MIX, r * c, COEFFICIENT_A, 1.0F);
    out.ops[APPLY] = pass_desc(engine, STRAIT_OP_MUON_APPLY, r * c, scale, 0.0F);
    return out;
}

/* ---- planning ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static strait_status check_muon(const strait_engine_options *o)
{
    if (o->bf16_weights || o->bf16_moment) {
        return STRAIT_FAIL(
            STRAIT_ERR_UNSUPPORTED, "optimizer.name: muon keeps %s in f32: leave optimizer.%s: f32, or take adamw",
            o->bf16_weights ? "its weights" : "its momentum", o->bf16_weights ? "weights" : "first_moment");
    }
    return STRAIT_OK;
}

static strait_status plan_matrix(strait_engine *engine, const strait_param *param)
{
    matrix plan = matrix_of(engine, param);
    for (int i = 0; i < OPS; i++) {
        strait_op_info info;
        STRAIT_TRY(strait_op_query(engine->device, &plan.ops[i], &info));
        if (!info.supported) {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "optimizer.name: muon: %s cannot run %s: %s",
                               strait_device_get_props(engine->device)->name, strait_op_name(plan.ops[i].op),
                               info.reason ? info.reason : "no reason given");
        }
        engine->workspace_bytes = larger(engine->workspace_bytes, info.workspace_bytes);
    }
    int64_t side = param->rows < param->columns ? param->rows : param->columns;
    engine->muon_x_bytes = larger(engine->muon_x_bytes, plan.elements * (int64_t)sizeof(float));
    engine->muon_gram_bytes = larger(engine->muon_gram_bytes, side * side * (int64_t)sizeof(float));
    return STRAIT_OK;
}

strait_status engine__muon_plan(strait_engine *engine)
{
    if (!engine->options.muon.used) return STRAIT_OK;
    STRAIT_TRY(check_muon(&engine->options));
    const strait_param *last = NULL;
    for (int32_t p = 0; p < engine->params.count; p++) {
        const strait_param *param = &engine->params.items[p];
        if (!strait_muon_takes(param)) continue;
        engine->muon_count++;
        /* Experts' matrices follow each other and are alike. */
        if (last && last->rows == param->rows && last->columns == param->columns) continue;
        STRAIT_TRY(plan_matrix(engine, param));
        last = param;
    }
    engine->muon_x_bytes = engine__align(engine->muon_x_bytes);
    engine->muon_gram_bytes = engine__align(engine->muon_gram_bytes);
    return STRAIT_OK;
}

int64_t engine__muon_bytes(const strait_engine *engine)
{
    return 2 * engine->muon_x_bytes + 2 * engine->muon_gram_bytes;
}

/* ---- a step ---- */

/* Two places for X, which take turns, then the gram matrix and its polynomial. */
typedef struct places {
    strait_slice x, next, gram, polynomial;
} places;

static places places_of(const strait_engine *engine)
{
    places at = {.x = {.memory = engine->muon}};
    at.next = (strait_slice){.memory = engine->muon, .offset = engine->muon_x_bytes};
    at.gram = (strait_slice){.memory = engine->muon, .offset = 2 * engine->muon_x_bytes};
    at.polynomial =
        (strait_slice){.memory = engine->muon, .offset = 2 * engine->muon_x_bytes + engine->muon_gram_bytes};
    return at;
}

static strait_status run(strait_engine *engine, const strait_op_desc *desc, const strait_slice *buffers, int32_t count)
{
    strait_bindings bindings = engine__bind(engine, NULL);
    return strait_program_run_op(engine->queue, desc, buffers, count, &bindings);
}

/* Three products of one segment, by what they multiply: y = x w^T, dx = dy w, grad = dy^T x. */
static strait_status product(strait_engine *engine, const strait_op_desc *desc, strait_slice first, strait_slice second,
                             strait_slice out)
{
    strait_slice buffers[LINEAR_BUFFERS] = {{0}};
    switch (desc->op) {
    case STRAIT_OP_LINEAR_DX:
        buffers[LINEAR_DX_DY] = first;
        buffers[LINEAR_DX_W] = second;
        buffers[LINEAR_DX_DX] = out;
        break;
    case STRAIT_OP_LINEAR_DW:
        buffers[LINEAR_DW_DY] = first;
        buffers[LINEAR_DW_X] = second;
        buffers[LINEAR_DW_GRAD] = out;
        break;
    default:
        buffers[LINEAR_X] = first;
        buffers[LINEAR_W] = second;
        buffers[LINEAR_Y] = out;
        break;
    }
    return run(engine, desc, buffers, LINEAR_BUFFERS);
}

/* X = a X + (b G + c G G) X with G = X X^T; or from the right with G = X^T X. */
static strait_status iterate(strait_engine *engine, const matrix *one, places *at)
{
    strait_slice to_gram[] = {at->gram, at->polynomial};
    strait_slice to_x[] = {at->x, at->next};
    STRAIT_TRY(product(engine, &one->ops[GRAM], at->x, at->x, at->gram));
    STRAIT_TRY(product(engine, &one->ops[SQUARE], at->gram, at->gram, at->polynomial));
    STRAIT_TRY(run(engine, &one->ops[MIX_GRAM], to_gram, MUON_MIX_BUFFERS));
    STRAIT_TRY(one->tall ? product(engine, &one->ops[STEP], at->x, at->polynomial, at->next)
                         : product(engine, &one->ops[STEP], at->polynomial, at->x, at->next));
    STRAIT_TRY(run(engine, &one->ops[MIX_X], to_x, MUON_MIX_BUFFERS));
    strait_slice done = at->next;
    at->next = at->x;
    at->x = done;
    return STRAIT_OK;
}

static strait_slice at_element(strait_memory *memory, int64_t element, size_t size)
{
    return (strait_slice){.memory = memory, .offset = element * (int64_t)size};
}

static strait_status update(strait_engine *engine, const strait_param *param)
{
    matrix one = matrix_of(engine, param);
    places at = places_of(engine);
    strait_slice step = engine__state_slice(engine, "step");
    strait_slice moment[MUON_MOMENT_BUFFERS] = {
        at_element(engine->m, param->offset, sizeof(float)),
        at_element(engine->grads[0], param->offset, sizeof(float)),
        step,
        at.x,
    };
    STRAIT_TRY(run(engine, &one.ops[MOMENT], moment, MUON_MOMENT_BUFFERS));
    for (int i = 0; i < ITERATIONS; i++) STRAIT_TRY(iterate(engine, &one, &at));
    strait_slice apply[MUON_APPLY_BUFFERS] = {
        at_element(engine->master, param->offset, sizeof(float)), at.x, step, {0}};
    if (engine->compute != engine->master) {
        apply[MUON_APPLY_COMPUTE] = at_element(engine->compute, param->offset, sizeof(uint16_t));
    }
    return run(engine, &one.ops[APPLY], apply, MUON_APPLY_BUFFERS);
}

strait_status engine__muon_update(strait_engine *engine)
{
    if (!engine->options.muon.used) return STRAIT_OK;
    for (int32_t p = 0; p < engine->params.count; p++) {
        const strait_param *param = &engine->params.items[p];
        if (!strait_muon_takes(param)) continue;
        STRAIT_TRY_CTX(update(engine, param), "muon: %s", param->name);
    }
    return STRAIT_OK;
}
