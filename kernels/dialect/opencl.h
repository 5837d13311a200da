/*
 * The kernel dialect in OpenCL C 1.2. -D VW gives the lanes of a vector (1, 4, 8 or 16). What each word means stands in
 * docs/portable-kernels.md; nothing but these words differs between the languages.
 */
#pragma OPENCL FP_CONTRACT OFF

typedef int i32;
typedef uint u32;
typedef long i64;
typedef ushort u16;

#define KERNEL(size) __kernel __attribute__((reqd_work_group_size(size, 1, 1))) void
#define DEVICE static inline
#define GLOBAL __global
#define LOCAL __local
#define LOCAL_PTR __local
/* OpenCL C has no pointer arithmetic on the host, so a buffer is two parameters: a pointer and an offset in bytes. */
#define IN(type, name) __global const type *restrict name##_base, i64 name##_offset
#define IN_SHARED(type, name) __global const type *name##_base, i64 name##_offset
#define OUT(type, name) __global type *restrict name##_base, i64 name##_offset
#define INOUT(type, name) __global type *name##_base, i64 name##_offset
#define OPEN_IN(type, name) \
    __global const type *name = (__global const type *)((__global const char *)name##_base + name##_offset)
#define OPEN(type, name) __global type *name = (__global type *)((__global char *)name##_base + name##_offset)
#define GROUP_ID ((i64)get_group_id(0))
#define LOCAL_ID ((i32)get_local_id(0))
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define UNROLL _Pragma("unroll")

#define F32_BITS(x) as_uint(x)
#define F32_REAL(x) as_float(x)
#define F32_FMA(a, b, c) fma(a, b, c)
#define F32_SQRT(x) sqrt(x)

#define DIALECT_JOIN(a, b) a##b
#define DIALECT_NAME(a, b) DIALECT_JOIN(a, b)
#if VW == 1
typedef float vf;
typedef uint vu;
typedef int vi;
#define V_LOAD(p) (*(p))
#define V_STORE(p, v) (*(p) = (v))
#define V_LOAD_U16(p) ((vu)(*(p)))
#define V_STORE_U16(p, v) (*(p) = (u16)(v))
#define V_INDEX 0
#define V_FIRST(v) (v)
#else
typedef DIALECT_NAME(float, VW) vf;
typedef DIALECT_NAME(uint, VW) vu;
typedef DIALECT_NAME(int, VW) vi;
#define V_LOAD(p) DIALECT_NAME(vload, VW)(0, p)
#define V_STORE(p, v) DIALECT_NAME(vstore, VW)(v, 0, p)
#define V_LOAD_U16(p) DIALECT_NAME(convert_uint, VW)(DIALECT_NAME(vload, VW)(0, p))
#define V_STORE_U16(p, v) DIALECT_NAME(vstore, VW)(DIALECT_NAME(convert_ushort, VW)(v), 0, p)
#if VW == 4
#define V_INDEX ((vi)(0, 1, 2, 3))
#elif VW == 8
#define V_INDEX ((vi)(0, 1, 2, 3, 4, 5, 6, 7))
#else
#define V_INDEX ((vi)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#endif
#define V_FIRST(v) ((v).s0)
#endif
#define V_SET(x) ((vf)(x))
#define V_SET_U(x) ((vu)(x))
#define V_SET_I(x) ((vi)(x))
#define V_BITS(v) DIALECT_NAME(as_uint, VW_SUFFIX)(v)
#define V_REAL(v) DIALECT_NAME(as_float, VW_SUFFIX)(v)
#define V_FMA(a, b, c) fma(a, b, c)
#define V_SQRT(v) sqrt(v)
#define V_MUL_HIGH(a, b) mul_hi(a, b)
/* A mask is what a comparison gives. */
#define V_SELECT(mask, yes, no) ((mask) ? (yes) : (no))
#define V_FROM_INT(v) DIALECT_NAME(convert_float, VW_SUFFIX)(DIALECT_NAME(as_int, VW_SUFFIX)(v))
#if VW == 1
#define VW_SUFFIX
#else
#define VW_SUFFIX VW
#endif
