/* Builds and keeps the programs of the portable kernels, and finds each op's definition. Knows no op's insides. */
#include "device/portable.h"

#include "device/program_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PROGRAMS = 64, MAX_KERNELS = 160, GROUP = 64, PRODUCT_SIDE = 16 };

#define SCORES_BYTES (INT64_C(128) << 20)

typedef struct built_program {
    const char *text;
    strait_dtype dtype;
    strait_handle handle;
} built_program;

typedef struct built_kernel {
    const char *name;
    strait_handle program;
    strait_handle handle;
} built_kernel;

struct strait_portable {
    const strait_driver *driver; /* borrowed */
    strait_handle device;
    const strait_device_props *props; /* borrowed */
    const char *prelude;
    strait_portable_shape shape;
    pthread_mutex_t building;
    built_program programs[MAX_PROGRAMS];
    int program_count;
    built_kernel kernels[MAX_KERNELS];
    int kernel_count;
};

static const strait_portable_op *const operations[STRAIT_OP_COUNT] = {
#define STRAIT_PORTABLE_ENTRY(NAME, name) [STRAIT_OP_##NAME] = &strait_portable_##name,
    STRAIT_OPS(STRAIT_PORTABLE_ENTRY)
#undef STRAIT_PORTABLE_ENTRY
};

/* Accumulators of a tile should fill the registers: 6 x 2 of 16 with AVX2, 12 x 2 of 32 with AVX-512. */
static strait_portable_shape tile_shape(int32_t width)
{
    strait_portable_shape shape = {
        .name = "portable-tile", .group = 1, .vector = 1, .product_group = 1, .item_vectors = 2, .tile_run = 16};
    while (shape.vector < 16 && shape.vector * 2 <= width) shape.vector *= 2;
    if (shape.vector == 2) shape.vector = 1;
    shape.item_rows = shape.vector == 16 ? 12 : 6;
    shape.tile_rows = shape.item_rows;
    shape.tile_cols = shape.item_vectors * shape.vector;
    return shape;
}

static strait_portable_shape group_shape(void)
{
    return (strait_portable_shape){.name = "portable-group",
                                   .group = GROUP,
                                   .vector = 1,
                                   .product_group = PRODUCT_SIDE * PRODUCT_SIDE,
                                   .item_rows = 4,
                                   .item_vectors = 4,
                                   .tile_rows = 4 * PRODUCT_SIDE,
                                   .tile_cols = 4 * PRODUCT_SIDE,
                                   .tile_run = 1};
}

extern const char strait_prelude_opencl[];
extern const char strait_prelude_cuda[];
extern const char strait_prelude_hip[];

static const char *prelude_of(int32_t dialect)
{
    switch (dialect) {
    case STRAIT_DIALECT_OPENCL: return strait_prelude_opencl;
    case STRAIT_DIALECT_CUDA: return strait_prelude_cuda;
    case STRAIT_DIALECT_HIP: return strait_prelude_hip;
    default: return ""; /* the driver's own */
    }
}

strait_status strait__portable_create(const strait_driver *driver, strait_handle device,
                                      const strait_device_props *props, const char *tile, strait_portable **out)
{
    bool lean = tile && (strcmp(tile, "group-lean") == 0 || strcmp(tile, "tile-lean") == 0);
    bool groups = tile ? strncmp(tile, "group", 5) == 0 : props->vector_width == 0;
    if (tile && !lean && strcmp(tile, "group") != 0 && strcmp(tile, "tile") != 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s has no \"%s\"; its kernels are cut for \"group\" or \"tile\"",
                           props->name, tile);
    }
    strait_portable *portable;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *portable, &portable));
    portable->driver = driver;
    portable->device = device;
    portable->props = props;
    portable->prelude = prelude_of(props->dialect);
    bool small = props->max_work_group > 0 && props->max_work_group < PRODUCT_SIDE * PRODUCT_SIDE;
    portable->shape = groups && !small ? group_shape() : tile_shape(props->vector_width);
    portable->shape.alignment = props->alignment;
    portable->shape.scores_bytes = lean ? 0 : SCORES_BYTES;
    pthread_mutex_init(&portable->building, NULL);
    *out = portable;
    return STRAIT_OK;
}

void strait__portable_destroy(strait_portable *portable, bool lost)
{
    if (!portable) return;
    for (int i = 0; !lost && i < portable->program_count; i++) {
        portable->driver->program_free(portable->programs[i].handle);
    }
    pthread_mutex_destroy(&portable->building);
    strait_free(portable);
}

void strait__portable_query(const strait_portable *portable, const strait_op_desc *desc, strait_op_info *out)
{
    const strait_portable_op *op = operations[desc->op];
    *out = (strait_op_info){.struct_size = sizeof *out};
    out->implementation = portable->shape.name;
    out->reason = op->declines ? op->declines(desc) : NULL;
    if (out->reason) return;
    out->supported = 1;
    out->workspace_bytes = op->workspace ? op->workspace(&portable->shape, desc) : 0;
    out->accumulation = STRAIT_DTYPE_F32;
    bool fast = desc->numerics == STRAIT_NUMERICS_FAST && op->fast_differs && op->fast_differs(&portable->shape, desc);
    out->determinism = fast ? STRAIT_DETERMINISM_RUN_TO_RUN : STRAIT_DETERMINISM_EXACT;
}

const char *strait__portable_name(const strait_portable *portable)
{
    return portable->shape.name;
}

const strait_portable_check *strait__portable_check_of(strait_op op)
{
    return operations[op]->check;
}

strait_status strait__portable_run(strait_portable *portable, strait_handle queue, const strait_op_desc *desc,
                                   const strait_driver_slice *buffers, strait_driver_slice workspace)
{
    const strait_portable_op *op = operations[desc->op];
    const char *reason = op->declines ? op->declines(desc) : NULL;
    if (reason) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s", strait_op_name(desc->op), reason);
    const strait_portable_call call = {.portable = portable,
                                       .shape = &portable->shape,
                                       .queue = queue,
                                       .desc = desc,
                                       .buffers = buffers,
                                       .workspace = workspace};
    return op->launch(&call);
}

strait_status strait__portable_measure(strait_portable *portable, strait_queue *queue, strait_handle handle,
                                       strait_rate rate, strait_driver_slice memory, int64_t bytes,
                                       double *out_per_second)
{
    const strait_portable_call call = {.portable = portable, .shape = &portable->shape, .queue = handle};
    return strait_portable_rate(&call, queue, portable->props->compute_units, rate, memory, bytes, out_per_second);
}

/* ---- programs and kernels ---- */

static strait_status find_program(strait_portable *portable, const strait_portable_kernel *kernel, strait_dtype dtype,
                                  strait_handle *out)
{
    for (int i = 0; i < portable->program_count; i++) {
        const built_program *program = &portable->programs[i];
        if (program->text == kernel->text && program->dtype == dtype) {
            *out = program->handle;
            return STRAIT_OK;
        }
    }
    if (portable->program_count == MAX_PROGRAMS) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "more than %d programs of portable kernels", MAX_PROGRAMS);
    }
    const strait_portable_shape *shape = &portable->shape;
    char options[128];
    snprintf(options, sizeof options, "-DWG=%d -DVW=%d -DPRODUCT_WG=%d -DITEM_ROWS=%d -DITEM_VECTORS=%d -DS_BF16=%d",
             shape->group, shape->vector, shape->product_group, shape->item_rows, shape->item_vectors,
             dtype == STRAIT_DTYPE_BF16);
    built_program *program = &portable->programs[portable->program_count];
    const strait_program_source source = {.struct_size = sizeof source,
                                          .numerics = STRAIT_NUMERICS_EXACT,
                                          .name = kernel->name,
                                          .prelude = portable->prelude,
                                          .text = kernel->text,
                                          .options = options};
    STRAIT_TRY(strait__program_build(portable->driver, portable->device, portable->props, &source, &program->handle));
    program->text = kernel->text;
    program->dtype = dtype;
    portable->program_count++;
    *out = program->handle;
    return STRAIT_OK;
}

static strait_status find_kernel(strait_portable *portable, const strait_portable_kernel *kernel, strait_dtype dtype,
                                 strait_handle *out)
{
    strait_handle program = 0;
    STRAIT_TRY(find_program(portable, kernel, dtype, &program));
    for (int i = 0; i < portable->kernel_count; i++) {
        const built_kernel *built = &portable->kernels[i];
        if (built->program == program && strcmp(built->name, kernel->name) == 0) {
            *out = built->handle;
            return STRAIT_OK;
        }
    }
    if (portable->kernel_count == MAX_KERNELS) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "more than %d portable kernels", MAX_KERNELS);
    }
    built_kernel *built = &portable->kernels[portable->kernel_count];
    STRAIT_TRY(portable->driver->kernel_get(program, kernel->name, &built->handle));
    built->name = kernel->name;
    built->program = program;
    portable->kernel_count++;
    *out = built->handle;
    return STRAIT_OK;
}

strait_status strait_portable_launch(const strait_portable_call *call, const strait_portable_kernel *kernel,
                                     strait_dtype dtype, int64_t groups, int32_t group_size,
                                     const strait_kernel_argument *arguments, int count)
{
    if (groups <= 0) return STRAIT_OK;
    strait_portable *portable = call->portable;
    strait_handle handle = 0;
    pthread_mutex_lock(&portable->building);
    strait_status status = find_kernel(portable, kernel, dtype, &handle);
    pthread_mutex_unlock(&portable->building);
    if (status != STRAIT_OK) return status;
    const int64_t grid[3] = {groups, 1, 1};
    const int32_t size[3] = {group_size, 1, 1};
    return portable->driver->kernel_launch(call->queue, handle, grid, size, arguments, count);
}
