/* Listing devices and what runs each op on them. */
#include <strait/devices.h>

#include "base/file.h"
#include "device/device.h"

#include <stdio.h>
#include <string.h>

/* A row with nothing but what is wrong. */
static void give_problem(const char *id, const char *backend, void (*row)(void *user, const strait_device_row *row),
                         void *user)
{
    strait_device_row out = {.id = id,
                             .name = "",
                             .backend = backend,
                             .implementation = "",
                             .driver_version = "",
                             .problem = strait_error_message()};
    row(user, &out);
}

static void list_one(const char *id, const char *backend, void (*row)(void *user, const strait_device_row *row),
                     void *user)
{
    strait_device *device;
    if (strait_device_open(id, NULL, &device) != STRAIT_OK) {
        give_problem(id, backend, row, user);
        return;
    }
    const strait_device_props *props = strait_device_get_props(device);
    strait_device_row out = {.id = id,
                             .name = props->name,
                             .backend = backend,
                             .implementation = props->implementation,
                             .driver_version = props->driver_version,
                             .compute_units = props->compute_units,
                             .supports_bf16 = props->supports_bf16,
                             .records = !strait_device_no_capture(device)};
    if (strait_device_memory(device, &out.memory_free, &out.memory_bytes) != STRAIT_OK)
        out.problem = strait_error_message();
    row(user, &out);
    strait_device_close(device);
}

strait_status strait_devices(void (*row)(void *user, const strait_device_row *row), void *user)
{
    char **names = NULL;
    size_t name_count = 0;
    STRAIT_TRY(strait_backend_names(&names, &name_count));
    for (size_t i = 0; i < name_count; i++) {
        int32_t count = 0;
        if (strait_backend_count(names[i], &count) != STRAIT_OK) give_problem(names[i], names[i], row, user);
        for (int32_t index = 0; index < count; index++) {
            char id[96];
            snprintf(id, sizeof id, "%s:%d", names[i], index);
            list_one(id, names[i], row, user);
        }
    }
    strait_names_free(names, name_count);
    return STRAIT_OK;
}

/* A small shape that makes sense for the op; all dims that may be one size are this one. */
static strait_op_desc small_desc(strait_op op, strait_dtype dtype)
{
    strait_op_desc desc = {.struct_size = sizeof desc, .op = op, .dtype = dtype};
    for (int i = 0; i < STRAIT_OP_MAX_DIMS; i++) desc.dims[i] = 64;
    switch (op) {
    case STRAIT_OP_LINEAR:
    case STRAIT_OP_LINEAR_DX:
    case STRAIT_OP_LINEAR_DW:
        desc.dims[LINEAR_DIM_SEGMENTS] = 1;
        desc.dims[LINEAR_DIM_N + 1] = 0;
        desc.dims[LINEAR_DIM_N + 2] = 0;
        desc.dims[LINEAR_DIM_OUT_F32] = 0;
        desc.dims[LINEAR_DIM_ACCUMULATE] = 0;
        break;
    case STRAIT_OP_ATTENTION:
    case STRAIT_OP_ATTENTION_BWD:
        desc.dims[ATTENTION_DIM_WINDOW] = desc.dims[ATTENTION_DIM_STREAM] = 0;
        desc.dims[ATTENTION_DIM_PLAIN] = 1;
        desc.scalars[ATTENTION_SCALAR_SCALE] = 0.125F;
        break;
    case STRAIT_OP_MOE_CHOOSE:
        desc.dims[MOE_CHOOSE_DIM_GROUPS] = 0;
        desc.dims[MOE_CHOOSE_DIM_SCORE] = STRAIT_MOE_SOFTMAX;
        break;
    case STRAIT_OP_MOE_WEIGH:
    case STRAIT_OP_MOE_WEIGH_BWD: desc.dims[MOE_WEIGH_DIM_SCORE] = STRAIT_MOE_SOFTMAX; break;
    case STRAIT_OP_MOE_BALANCE:
        desc.dims[MOE_BALANCE_DIM_SCORE] = STRAIT_MOE_SOFTMAX;
        desc.dims[MOE_BALANCE_DIM_G] = 1;
        break;
    case STRAIT_OP_MOE_LINEAR:
    case STRAIT_OP_MOE_LINEAR_DX:
    case STRAIT_OP_MOE_LINEAR_DW:
        desc.dims[MOE_LINEAR_DIM_SEGMENTS] = 1;
        desc.dims[MOE_LINEAR_DIM_STRIDE] = desc.dims[MOE_LINEAR_DIM_N] * desc.dims[MOE_LINEAR_DIM_K];
        desc.dims[MOE_LINEAR_DIM_DX_F32] = 0;
        break;
    case STRAIT_OP_SPLIT_HEADS:
    case STRAIT_OP_JOIN_HEADS:
        desc.dims[HEADS_DIM_WIDTH] = 128;
        desc.dims[HEADS_DIM_SHARED] = 0;
        break;
    case STRAIT_OP_SCALED_ADD: desc.dims[SCALED_ADD_DIM_F32] = 0; break;
    case STRAIT_OP_LINEAR_XENT: desc.dims[LINEAR_XENT_DIM_FROZEN] = 0; break;
    case STRAIT_OP_NORM_ROPE: desc.dims[NORM_ROPE_DIM_INTERLEAVED] = 0; break;
    case STRAIT_OP_NORM_ROPE_BWD: desc.dims[NORM_ROPE_BWD_DIM_INTERLEAVED] = 0; break;
    default: break;
    }
    return desc;
}

/* Asks with `rows` tokens where an op's first dimension is their number; other ops are asked the same each time. */
static strait_op_desc desc_of_rows(const strait_op_desc *small, int64_t rows)
{
    strait_op_desc desc = *small;
    if (desc.op == STRAIT_OP_LINEAR || desc.op == STRAIT_OP_LINEAR_DX) desc.dims[LINEAR_DIM_M] = rows;
    if (desc.op == STRAIT_OP_LINEAR_DW) desc.dims[LINEAR_DIM_M] = desc.dims[LINEAR_DIM_T] = rows;
    if (desc.op == STRAIT_OP_LINEAR_XENT) {
        desc.dims[LINEAR_XENT_DIM_M] = desc.dims[LINEAR_XENT_DIM_T] = rows;
    }
    return desc;
}

static void give_row(const strait_op_desc *desc, const strait_op_info *info,
                     void (*row)(void *user, const strait_device_op_row *row), void *user)
{
    static const char *const classes[] = {"none", "run to run", "exact"};
    strait_device_op_row out = {.op = strait_op_name(desc->op),
                                .dtype = strait_dtype_name(desc->dtype),
                                .numerics = desc->numerics == STRAIT_NUMERICS_FAST ? "fast" : "exact",
                                .rows = desc->dims[0],
                                .supported = info->supported,
                                .implementation = info->supported ? info->implementation : NULL,
                                .determinism = classes[info->determinism],
                                .reason = info->reason};
    row(user, &out);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_answer(const strait_op_info *a, const strait_op_info *b)
{
    return a->supported == b->supported && a->determinism == b->determinism && same_text(a->reason, b->reason) &&
           same_text(a->implementation, b->implementation);
}

static strait_status give_op(strait_device *device, strait_op op, strait_dtype dtype,
                             void (*row)(void *user, const strait_device_op_row *row), void *user)
{
    static const int64_t rows[] = {1, 64, 1024};
    strait_op_desc desc = small_desc(op, dtype);
    strait_op_info exact;
    STRAIT_TRY(strait_op_query(device, &desc, &exact));
    give_row(&desc, &exact, row, user);
    strait_op_info before = exact;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        strait_op_desc fast_desc = desc_of_rows(&desc, rows[i]);
        fast_desc.numerics = STRAIT_NUMERICS_FAST;
        strait_op_info fast;
        STRAIT_TRY(strait_op_query(device, &fast_desc, &fast));
        if (!same_answer(&fast, &exact) && !same_answer(&fast, &before)) give_row(&fast_desc, &fast, row, user);
        before = fast;
    }
    return STRAIT_OK;
}

strait_status strait_device_ops(const char *id, void (*row)(void *user, const strait_device_op_row *row), void *user)
{
    static const strait_dtype dtypes[] = {STRAIT_DTYPE_F32, STRAIT_DTYPE_BF16};
    strait_device *device;
    STRAIT_TRY(strait_device_open(id, NULL, &device));
    strait_status status = STRAIT_OK;
    for (int op = 0; op < STRAIT_OP_COUNT && status == STRAIT_OK; op++) {
        for (int i = 0; i < 2 && status == STRAIT_OK; i++) {
            status = give_op(device, (strait_op)op, dtypes[i], row, user);
        }
    }
    strait_device_close(device);
    return status;
}
