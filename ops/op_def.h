/*
 * The facts of an op that are not its shapes: what it costs and what it means in binary64. One definition per op, in
 * the folder of its forward op; shapes, buffers and dimensions stand in device/op.h.
 */
#ifndef STRAIT_OPS_OP_DEF_H
#define STRAIT_OPS_OP_DEF_H

#include "device/device.h"

/*
 * The work of one call, for rooflines and for counting a model's arithmetic. An fma counts as two operations, every
 * other + - * / sqrt and comparison as one, exp and log as STRAIT_FLOPS_FUNCTION. Bytes are what must cross the memory
 * interface at least: every present buffer once per direction, less what the shape says is not touched. What is
 * computed twice to save memory is not counted twice. Where a shape leaves work open (documents, lengths, ignored
 * targets) the largest is counted.
 */
typedef struct strait_op_cost {
    double flops;
    double bytes_read;
    double bytes_written;
} strait_op_cost;

enum { STRAIT_FLOPS_FUNCTION = 16 };

/*
 * An op computed on host arrays, buffers in the order of device/op.h, NULL = absent. In binary64 (`reference`) every
 * buffer marked S, f32 or bf16 is an array of double; integer buffers keep their type. In-out buffers are read first.
 * Arrays are borrowed and do not overlap. May allocate; the only errors are STRAIT_ERR_NO_MEMORY.
 */
typedef strait_status (*strait_op_host_fn)(const strait_op_desc *desc, void *const *buffers);

/*
 * Growing this struct: add fields at the end; a field that is not named in a definition is NULL.
 *
 * types: one letter per buffer: S storage dtype, F f32, B bf16, I i32, L i64; f32 or else S where a dim says so: Y and
 * X by LINEAR's bits of DIM_OUT_F32 for y and dx, A by SCALED_ADD's bits, E by MOE_LINEAR's DX_F32; W and M bf16 where
 * AdamW's dim of that name says so, else f32. cost: adds flops and corrects the bytes already counted from the buffers'
 * sizes; `absent` has bit i set where buffer i is not given. reference: plain formulas, no rounding to S, and no order
 * of summation that matters.
 */
typedef struct strait_op_def {
    strait_op op;
    const char *types;
    void (*cost)(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout);
    strait_op_host_fn reference;
} strait_op_def;

/* The definition of an op. Never NULL for 0 <= op < STRAIT_OP_COUNT. */
const strait_op_def *strait_op_def_get(strait_op op);

/* The element type of buffer `index` of this call. */
strait_dtype strait_op_buffer_dtype(const strait_op_desc *desc, int index);

/* What a call costs. A shape that makes no sense is refused as by strait_op_buffers. */
strait_status strait_op_cost_query(const strait_op_desc *desc, uint32_t absent, strait_op_cost *out) STRAIT_MUST_USE;

#endif
