/*
 * Element types: their sizes, names and file spellings, and bf16 conversion. No arithmetic on tensors.
 */
#ifndef STRAIT_TENSOR_DTYPE_H
#define STRAIT_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* X(identifier, bytes, short name, name in safetensors, name in config.json). Order is the enum's order. */
#define STRAIT_DTYPES(X)                                 \
    X(F32, 4, "f32", "F32", "float32")                   \
    X(BF16, 2, "bf16", "BF16", "bfloat16")               \
    X(F16, 2, "f16", "F16", "float16")                   \
    X(F64, 8, "f64", "F64", "float64")                   \
    X(I8, 1, "i8", "I8", "int8")                         \
    X(U8, 1, "u8", "U8", "uint8")                        \
    X(I16, 2, "i16", "I16", "int16")                     \
    X(U16, 2, "u16", "U16", "uint16")                    \
    X(I32, 4, "i32", "I32", "int32")                     \
    X(U32, 4, "u32", "U32", "uint32")                    \
    X(I64, 8, "i64", "I64", "int64")                     \
    X(U64, 8, "u64", "U64", "uint64")                    \
    X(BOOL, 1, "bool", "BOOL", "bool")                   \
    X(F8_E4M3, 1, "f8_e4m3", "F8_E4M3", "float8_e4m3fn") \
    X(F8_E5M2, 1, "f8_e5m2", "F8_E5M2", "float8_e5m2")

typedef enum strait_dtype {
    STRAIT_DTYPE_F32 = 0,
    STRAIT_DTYPE_BF16,
    STRAIT_DTYPE_F16,
    STRAIT_DTYPE_F64,
    STRAIT_DTYPE_I8,
    STRAIT_DTYPE_U8,
    STRAIT_DTYPE_I16,
    STRAIT_DTYPE_U16,
    STRAIT_DTYPE_I32,
    STRAIT_DTYPE_U32,
    STRAIT_DTYPE_I64,
    STRAIT_DTYPE_U64,
    STRAIT_DTYPE_BOOL,
    STRAIT_DTYPE_F8_E4M3,
    STRAIT_DTYPE_F8_E5M2,
    STRAIT_DTYPE_COUNT
} strait_dtype;

/* Bytes per element; 0 for a value that is no dtype. */
static inline size_t strait_dtype_size(strait_dtype dtype)
{
    switch (dtype) {
#define STRAIT_DTYPE_CASE(id, bytes, name, file, config) \
    case STRAIT_DTYPE_##id: return bytes;
        STRAIT_DTYPES(STRAIT_DTYPE_CASE)
#undef STRAIT_DTYPE_CASE
    case STRAIT_DTYPE_COUNT: break;
    }
    return 0;
}

/* "f32", "bf16": what configs, reports and messages say. Never NULL. */
const char *strait_dtype_name(strait_dtype dtype);
/* "F32", "BF16": the safetensors spelling. Never NULL. */
const char *strait_dtype_safetensors_name(strait_dtype dtype);
/* "float32", "bfloat16": the spelling of torch_dtype in config.json. Never NULL. */
const char *strait_dtype_torch_name(strait_dtype dtype);

/* The reverse of the three above; false where `name` is none of them, and then *out is untouched. */
bool strait_dtype_from_name(const char *name, strait_dtype *out);
bool strait_dtype_from_safetensors_name(const char *name, strait_dtype *out);
bool strait_dtype_from_torch_name(const char *name, strait_dtype *out);

/*
 * Narrowing rounds to nearest even in integer arithmetic, so that subnormals are kept whatever the processor's flags
 * say; every NaN becomes 0x7FC0. Widening is exact.
 */
static inline uint16_t strait_bf16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & UINT32_C(0x7FFFFFFF)) > UINT32_C(0x7F800000)) return UINT16_C(0x7FC0);
    uint32_t odd = (bits >> 16) & 1U;
    return (uint16_t)((bits + UINT32_C(0x7FFF) + odd) >> 16);
}

static inline float strait_f32_from_bf16(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

#endif
