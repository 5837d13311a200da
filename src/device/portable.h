/*
 * The portable kernels: how an op runs on any device that compiles the kernel dialect. Each op has one text
 * (ops/<op>/<op>.k.c, embedded) and one definition here that says how much workspace it takes and which kernels it
 * launches. Programs are built at first use and live as long as the device. Used by device.c only where the driver has
 * no op of its own.
 */
#ifndef STRAIT_DEVICE_PORTABLE_H
#define STRAIT_DEVICE_PORTABLE_H

#include "device/device.h"

/*
 * How kernels are cut: `group` work-items of 64 lanes side by side (GPUs), or 1 work-item with vectors of `vector`
 * lanes (CPUs). A tile of a product has tile_rows x tile_cols elements; `product_group` work-items make it, and one
 * group makes tile_run of them below each other.
 */
typedef struct strait_portable_shape {
    const char *name; /* "portable-group" or "portable-tile" */
    int32_t group;
    int32_t vector;
    int32_t product_group;
    int32_t item_rows;    /* of a work-item's part of a tile */
    int32_t item_vectors; /* columns of that part, in vectors */
    int32_t tile_rows;
    int32_t tile_cols;
    int32_t tile_run;
    int64_t scores_bytes; /* the most that attention keeps of one head's scores */
    int64_t alignment;
} strait_portable_shape;

typedef struct strait_portable strait_portable;

/* One op on a queue; all borrowed. Buffers are as in device/op.h; absent ones have handle 0. */
typedef struct strait_portable_call {
    strait_portable *portable;
    const strait_portable_shape *shape;
    strait_handle queue;
    const strait_op_desc *desc;
    const strait_driver_slice *buffers;
    strait_driver_slice workspace;
} strait_portable_call;

/*
 * How an op that a driver brings itself is held to the portable kernel (device/tuned.h): on shapes of these dims, the
 * largest last, which is timed. Every buffer that the op reads holds numbers of the element type `type`; optional ones
 * are given. Sums of small integers must come out the same as long as no partial sum leaves 2^24.
 */
typedef struct strait_portable_check {
    const int64_t (*dims)[STRAIT_OP_MAX_DIMS];
    int count;
    strait_dtype (*type)(const strait_op_desc *desc, int buffer);
    /* STRAIT_OP_MAX_SCALARS of them, for every shape. Slot NULL: zeros. */
    const float *scalars;
    /* Makes what is read fit together: `buffers` are drawn from integers or normal numbers before. Slot NULL: they are
     * taken as they are. */
    void (*prepare)(const strait_op_desc *desc, bool integers, void *const *buffers);
    /* Makes equal what may differ in what was written; called for both before they are compared. Slot NULL: nothing
     * may. */
    void (*settle)(const strait_op_desc *desc, void *const *buffers);
    /* Whether integers must make an output the same to the bit, not only within the tolerance. Slot NULL: all. */
    bool (*is_whole)(const strait_op_desc *desc, int buffer);
    /* How far an output may be from binary64, in units of 2^-24 of its largest value, before it is narrowed. */
    double (*tolerance)(const strait_op_desc *desc, int buffer);
} strait_portable_check;

/* What an op's folder says; defined for every op as strait_portable_<name>. */
typedef struct strait_portable_op {
    /* NULL, or why there is no kernel for this call. Slot NULL: there always is. */
    const char *(*declines)(const strait_op_desc *desc);
    /* Bytes. Slot NULL: none. */
    int64_t (*workspace)(const strait_portable_shape *shape, const strait_op_desc *desc);
    strait_status (*launch)(const strait_portable_call *call);
    /* Whether the bits in fast are others than in exact, and the same from run to run. Slot NULL: never. */
    bool (*fast_differs)(const strait_portable_shape *shape, const strait_op_desc *desc);
    /* NULL: a driver's own op is never used instead. */
    const strait_portable_check *check;
} strait_portable_op;

#define STRAIT_PORTABLE_EXTERN(NAME, name) extern const strait_portable_op strait_portable_##name;
STRAIT_OPS(STRAIT_PORTABLE_EXTERN)
#undef STRAIT_PORTABLE_EXTERN

/* A kernel: the text it stands in, and its name there. Texts are told apart by address. */
typedef struct strait_portable_kernel {
    const char *text;
    const char *name;
} strait_portable_kernel;

/*
 * Puts `groups` work-groups of `group_size` on the call's queue; the program is built with `dtype` as S. No groups are
 * no work.
 */
strait_status strait_portable_launch(const strait_portable_call *call, const strait_portable_kernel *kernel,
                                     strait_dtype dtype, int64_t groups, int32_t group_size,
                                     const strait_kernel_argument *arguments, int count) STRAIT_MUST_USE;

/* The same with an array of arguments and work-groups of the usual size. */
#define STRAIT_PORTABLE_LAUNCH(call, kernel, dtype, groups, arguments)                   \
    strait_portable_launch(call, kernel, dtype, groups, (call)->shape->group, arguments, \
                           (int)(sizeof(arguments) / sizeof(arguments)[0]))

/* Of the contract's sums; the kernel texts have the same numbers. */
enum { STRAIT_PORTABLE_LANES = 64, STRAIT_PORTABLE_LONG_BLOCK = 4096, STRAIT_PORTABLE_COLUMN_BLOCK = 64 };

/* Elements that one work-group takes of a pass over memory. */
static inline int64_t strait_portable_elements(const strait_portable_shape *shape)
{
    return shape->group > 1 ? 16 * (int64_t)shape->group : 16384;
}

static inline strait_kernel_argument strait_arg_buffer(strait_driver_slice slice, strait_access access)
{
    return (strait_kernel_argument){.kind = STRAIT_KERNEL_BUFFER, .access = access, .value = {.buffer = slice}};
}
static inline strait_kernel_argument strait_arg_in(strait_driver_slice slice)
{
    return strait_arg_buffer(slice, STRAIT_ACCESS_READ);
}
static inline strait_kernel_argument strait_arg_out(strait_driver_slice slice)
{
    return strait_arg_buffer(slice, STRAIT_ACCESS_WRITE);
}
static inline strait_kernel_argument strait_arg_inout(strait_driver_slice slice)
{
    return strait_arg_buffer(slice, STRAIT_ACCESS_READ_WRITE);
}
static inline strait_kernel_argument strait_arg_i32(int32_t value)
{
    return (strait_kernel_argument){.kind = STRAIT_KERNEL_I32, .value = {.i32 = value}};
}
static inline strait_kernel_argument strait_arg_i64(int64_t value)
{
    return (strait_kernel_argument){.kind = STRAIT_KERNEL_I64, .value = {.i64 = value}};
}
static inline strait_kernel_argument strait_arg_f32(float value)
{
    return (strait_kernel_argument){.kind = STRAIT_KERNEL_F32, .value = {.f32 = value}};
}

/* Parts of a workspace, one behind the other: where the next of `bytes` begins. *inout_at starts at 0. */
static inline int64_t strait_portable_place(const strait_portable_shape *shape, int64_t *inout_at, int64_t bytes)
{
    int64_t at = *inout_at;
    *inout_at = at + (bytes + shape->alignment - 1) / shape->alignment * shape->alignment;
    return at;
}
static inline strait_driver_slice strait_portable_part(const strait_portable_call *call, int64_t at)
{
    return (strait_driver_slice){.memory = call->workspace.memory, .offset = call->workspace.offset + at};
}

static inline int64_t strait_div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/*
 * ops/rates: what the device gives, as strait_rate says, by kernels on `queue` (the one of the call), waited for.
 * ARITHMETIC too wants memory, for its results.
 */
strait_status strait_portable_rate(const strait_portable_call *call, strait_queue *queue, int32_t compute_units,
                                   strait_rate rate, strait_driver_slice memory, int64_t bytes,
                                   double *out_per_second) STRAIT_MUST_USE;

/* ---- for device.c ---- */

/*
 * `driver` and `props` are borrowed and outlive it. `tile` NULL: as the device says; "group" or "tile" to force one,
 * "group-lean" or "tile-lean" for one that keeps no scores.
 */
strait_status strait__portable_create(const strait_driver *driver, strait_handle device,
                                      const strait_device_props *props, const char *tile,
                                      strait_portable **out) STRAIT_MUST_USE;
/* NULL is legal. A lost device is not called. */
void strait__portable_destroy(strait_portable *portable, bool lost);
void strait__portable_query(const strait_portable *portable, const strait_op_desc *desc, strait_op_info *out);
/* How its kernels are cut: "portable-group". */
const char *strait__portable_name(const strait_portable *portable);
/* NULL where there is none. */
const strait_portable_check *strait__portable_check_of(strait_op op);
strait_status strait__portable_run(strait_portable *portable, strait_handle queue, const strait_op_desc *desc,
                                   const strait_driver_slice *buffers, strait_driver_slice workspace) STRAIT_MUST_USE;
/* strait_portable_rate; `handle` is the queue's. */
strait_status strait__portable_measure(strait_portable *portable, strait_queue *queue, strait_handle handle,
                                       strait_rate rate, strait_driver_slice memory, int64_t bytes,
                                       double *out_per_second) STRAIT_MUST_USE;

#endif
