/*
 * The kernel dialect in CUDA C++ as NVRTC compiles it, without any header. Vectors have one lane: threads of a
 * work-group stand side by side instead. docs/portable-kernels.md says what each word means.
 */
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned short u16;

#define KERNEL(size) extern "C" __global__ void __launch_bounds__(size)
#define DEVICE static __device__ __forceinline__
#define GLOBAL
#define LOCAL __shared__
#define LOCAL_PTR
#define IN(type, name) const type *__restrict__ name##_base
#define IN_SHARED(type, name) const type *name##_base
#define OUT(type, name) type *__restrict__ name##_base
#define INOUT(type, name) type *name##_base
#define OPEN_IN(type, name) const type *name = name##_base
#define OPEN(type, name) type *name = name##_base
#define GROUP_ID ((i64)blockIdx.x)
#define LOCAL_ID ((i32)threadIdx.x)
#define BARRIER() __syncthreads()
#define UNROLL _Pragma("unroll")

#define F32_BITS(x) __float_as_uint(x)
#define F32_REAL(x) __uint_as_float(x)
#define F32_FMA(a, b, c) __fmaf_rn(a, b, c)
#define F32_SQRT(x) __fsqrt_rn(x)

typedef float vf;
typedef u32 vu;
typedef i32 vi;
#define V_LOAD(p) (*(p))
#define V_STORE(p, v) (*(p) = (v))
#define V_LOAD_U16(p) ((vu)(*(p)))
#define V_STORE_U16(p, v) (*(p) = (u16)(v))
#define V_INDEX 0
#define V_FIRST(v) (v)
#define V_SET(x) ((vf)(x))
#define V_SET_U(x) ((vu)(x))
#define V_SET_I(x) ((vi)(x))
#define V_BITS(v) __float_as_uint(v)
#define V_REAL(v) __uint_as_float(v)
#define V_FMA(a, b, c) __fmaf_rn(a, b, c)
#define V_SQRT(v) __fsqrt_rn(v)
#define V_MUL_HIGH(a, b) __umulhi(a, b)
#define V_SELECT(mask, yes, no) ((mask) ? (yes) : (no))
#define V_FROM_INT(v) ((float)(i32)(v))
