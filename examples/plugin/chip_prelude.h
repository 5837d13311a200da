/*
 * The kernel dialect in C: what stands before every text that the chip is given. One work-item does the work of a
 * work-group, a vector is one float, and a buffer is one pointer, because the queue adds the offset. docs/
 * portable-kernels.md says what each word means.
 */
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned short u16;

/* The queue says which work-group comes next; several queues may run one program at a time. */
static _Thread_local i64 chip_group;
void chip_set_group(i64 group);
void chip_set_group(i64 group)
{
    chip_group = group;
}

#define KERNEL(size) void
#define DEVICE static inline
#define GLOBAL
#define LOCAL
#define LOCAL_PTR
#define IN(type, name) const type *restrict name##_base
#define IN_SHARED(type, name) const type *name##_base
#define OUT(type, name) type *restrict name##_base
#define INOUT(type, name) type *name##_base
#define OPEN_IN(type, name) const type *name = name##_base
#define OPEN(type, name) type *name = name##_base
#define GROUP_ID chip_group
#define LOCAL_ID 0
#define BARRIER() ((void)0)
#define UNROLL _Pragma("GCC unroll 16")

DEVICE u32 chip_bits(float x)
{
    union {
        float real;
        u32 bits;
    } both = {.real = x};
    return both.bits;
}

DEVICE float chip_real(u32 bits)
{
    union {
        u32 bits;
        float real;
    } both = {.bits = bits};
    return both.real;
}

#define F32_BITS(x) chip_bits(x)
#define F32_REAL(x) chip_real(x)
#define F32_FMA(a, b, c) __builtin_fmaf(a, b, c)
#define F32_SQRT(x) __builtin_sqrtf(x)

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
#define V_BITS(v) F32_BITS(v)
#define V_REAL(v) F32_REAL(v)
#define V_FMA(a, b, c) F32_FMA(a, b, c)
#define V_SQRT(v) F32_SQRT(v)
#define V_SELECT(mask, yes, no) ((mask) ? (yes) : (no))
#define V_FROM_INT(v) ((float)(i32)(v))
