/* What a step's time is measured against: its operations, and the best rate of products on this device. */
#include "base/clock.h"
#include "train/engine.h"
#include "train/engine_internal.h"

double strait_engine_step_flops(const strait_engine *engine, bool full_attention)
{
    const strait_engine_options *o = &engine->options;
    const strait_architecture *architecture = strait_architecture_of(&o->model);
    double attention = architecture->attention_flops(&o->model, o->length);
    if (full_attention) attention *= 2.0 * (double)o->length / ((double)o->length + 1);
    /* Backward is twice the forward pass: one product for each operand, of which a frozen weight is none. */
    double weights = (o->lora ? 2 : 3) * architecture->weight_flops(&o->model);
    if (o->lora) {
        double experts = (double)o->model.num_experts;
        weights += 3 * strait_lora_flops(o->lora, experts > 0 ? (double)o->model.num_experts_per_tok / experts : 1);
    }
    double per_token = weights + 3 * attention;
    return per_token * (double)(o->sequences * o->length);
}

enum { RATE_SIZE_MIN = 128, RATE_SIZE_MAX = 1024, RATE_RUNS = 3 };

/* The best of a few square products of one size. */
static strait_status time_product(strait_engine *engine, strait_memory *operands, strait_memory *workspace,
                                  const strait_op_desc *desc, double *out_seconds)
{
    int64_t size = desc->dims[LINEAR_DIM_M];
    int64_t bytes = size * size * (int64_t)strait_dtype_size(engine->options.dtype);
    strait_slice buffers[LINEAR_BUFFERS] = {{0}};
    buffers[LINEAR_X].memory = operands;
    buffers[LINEAR_W] = (strait_slice){.memory = operands, .offset = bytes};
    buffers[LINEAR_Y] = (strait_slice){.memory = operands, .offset = 2 * bytes};
    STRAIT_TRY(strait_fill(engine->queue, (strait_slice){.memory = operands}, 0x3c, 3 * bytes));
    double best = 0;
    for (int i = 0; i < RATE_RUNS; i++) {
        double begin = strait_clock();
        STRAIT_TRY(strait_op_run(engine->queue, desc, buffers, LINEAR_BUFFERS, (strait_slice){.memory = workspace}));
        STRAIT_TRY(strait_queue_wait(engine->queue, -1));
        double seconds = strait_clock() - begin;
        if (i == 0 || seconds < best) best = seconds;
    }
    *out_seconds = best;
    return STRAIT_OK;
}

static strait_op_desc rate_desc(const strait_engine *engine, int64_t size)
{
    strait_op_desc desc = {.struct_size = sizeof desc,
                           .op = STRAIT_OP_LINEAR,
                           .dtype = engine->options.dtype,
                           .numerics = engine->options.numerics};
    desc.dims[LINEAR_DIM_M] = size;
    desc.dims[LINEAR_DIM_K] = size;
    desc.dims[LINEAR_DIM_N] = size;
    desc.dims[LINEAR_DIM_SEGMENTS] = 1;
    return desc;
}

static int64_t rate_operands(const strait_engine *engine, int64_t size)
{
    return 3 * size * size * (int64_t)strait_dtype_size(engine->options.dtype);
}

int64_t engine__rate_bytes(const strait_engine *engine)
{
    strait_op_desc desc = rate_desc(engine, RATE_SIZE_MAX);
    strait_op_info info;
    int64_t workspace = strait_op_query(engine->device, &desc, &info) == STRAIT_OK ? info.workspace_bytes : 0;
    return rate_operands(engine, RATE_SIZE_MAX) + workspace;
}

static strait_status time_size(strait_engine *engine, int64_t size, double *out_seconds)
{
    strait_op_desc desc = rate_desc(engine, size);
    strait_op_info info;
    STRAIT_TRY(strait_op_query(engine->device, &desc, &info));
    strait_memory *operands = NULL;
    strait_memory *workspace = NULL;
    int64_t bytes = rate_operands(engine, size);
    strait_status status = strait_memory_create(engine->device, STRAIT_TAG_WORKSPACE, bytes, &operands);
    if (status == STRAIT_OK) {
        status = strait_memory_create(engine->device, STRAIT_TAG_WORKSPACE, info.workspace_bytes, &workspace);
    }
    if (status == STRAIT_OK) status = time_product(engine, operands, workspace, &desc, out_seconds);
    strait_memory_destroy(operands);
    strait_memory_destroy(workspace);
    return status;
}

strait_status strait_engine_matmul_rate(strait_engine *engine, double *out_rate)
{
    double seconds = 0;
    int64_t size = RATE_SIZE_MIN;
    STRAIT_TRY(time_size(engine, size, &seconds));
    /* A run waits for this, and where fma is emulated the largest size takes half a minute. */
    while (size < RATE_SIZE_MAX && seconds * RATE_RUNS < 0.03) {
        size *= 2;
        STRAIT_TRY(time_size(engine, size, &seconds));
    }
    *out_rate = seconds > 0 ? 2.0 * (double)(size * size * size) / seconds : 0;
    return STRAIT_OK;
}
