/*
 * The interface between Strait and a chip: what a plug-in implements. This header is all a plug-in needs; it includes
 * nothing of Strait, and compiles as C11 and C++11.
 *
 * A plug-in is a shared object strait_<name>.so that exports one function, strait_plugin_query_v1. The major version
 * stands in that name, the minor in STRAIT_PLUGIN_MINOR. A minor version adds at the end of structs, of the list of ops
 * and of an op's dims: every struct begins with its size, each side reads what the other's size covers, and what lies
 * beyond is absent (zero); an older plug-in is not asked for an op that uses what its header lacks. What is optional
 * stays optional. (strait_driver_slice and strait_kernel_argument stand in arrays and are
 * therefore fixed.)
 *
 * Rules for both sides:
 * - Functions return STRAIT_CODE_OK (0) or a negative code. Where an error is decided, strait_host.fail records its
 *   text, with the vendor's own words in it. Outputs are written on success only. Nothing calls exit() or abort().
 * - Buffers are handles with byte offsets. Arguments were checked: sizes, alignment, ownership, absence.
 * - All work is put on a queue, may be done before the call returns, and is ordered by queues and events alone. Errors
 *   of work in flight are reported by the next wait, and by each after it. A queue is used by one thread at a time,
 *   different queues of a device by different threads at the same time; so may everything else.
 * - A driver that returns STRAIT_CODE_DEVICE_LOST is not called again for that device, and neither is one whose queue
 *   did not end in time: not even to free.
 * - Structs that the host gives to be filled carry the size that it has room for; a plug-in writes no more than that.
 * - Text that is returned lives as long as the device, where nothing else is said.
 */
#ifndef STRAIT_PUBLIC_DEVICE_PLUGIN_H
#define STRAIT_PUBLIC_DEVICE_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRAIT_PLUGIN_MINOR 4

typedef uint64_t strait_handle; /* what a driver names its objects by; 0 is none */

/* What a function returns. Each code says what the caller may do next; they are those of strait/status.h. */
enum {
    STRAIT_CODE_OK = 0,
    STRAIT_CODE_USAGE = -1,        /* the request is wrong */
    STRAIT_CODE_NOT_FOUND = -2,    /* no such device, library, kernel, key */
    STRAIT_CODE_IO = -4,           /* reading or writing failed */
    STRAIT_CODE_NO_MEMORY = -6,    /* memory ran out, the device's or the host's */
    STRAIT_CODE_FORMAT = -7,       /* a program's binary is not one of this device and driver: build it again */
    STRAIT_CODE_UNSUPPORTED = -8,  /* understood, and not offered */
    STRAIT_CODE_DEVICE = -13,      /* the device refused: the message has its own words */
    STRAIT_CODE_DEVICE_LOST = -14, /* the device is gone; no call follows */
    STRAIT_CODE_TIMEOUT = -15      /* not done in the time allowed */
};

/* ---- devices ---------------------------------------------------------------------------------------------------- */

enum { STRAIT_KIND_UNKNOWN = 0, STRAIT_KIND_CPU = 1, STRAIT_KIND_GPU = 2, STRAIT_KIND_ACCELERATOR = 3 };

/* Languages of programs. One text serves all; before it stands the language's prelude, which the host brings. */
typedef enum strait_dialect {
    STRAIT_DIALECT_NONE = 0, /* takes no programs */
    STRAIT_DIALECT_OPENCL = 1,
    STRAIT_DIALECT_CUDA = 2,
    STRAIT_DIALECT_HIP = 3,
    STRAIT_DIALECT_OWN = 4 /* the driver puts a prelude of its own before the text */
} strait_dialect;

/* What the arithmetic of binary32 can do on a device; exact runs need all of them. */
enum {
    STRAIT_FLOAT_SUBNORMALS = 1,
    STRAIT_FLOAT_INF_NAN = 2,
    STRAIT_FLOAT_NEAREST = 4,
    STRAIT_FLOAT_FMA = 8,
    STRAIT_FLOAT_DIV_SQRT = 16 /* correctly rounded where a program asks for numerics exact */
};

typedef struct strait_device_props {
    uint32_t struct_size;
    char name[128];          /* "AMD EPYC 7763" */
    char backend[32];        /* "cpu" */
    char implementation[32]; /* "avx2", "sm_90" */
    char driver_version[64];
    char serial[64];
    int64_t memory_bytes; /* in all; 0 where unknown */
    int64_t max_alloc_bytes;
    int64_t alignment;     /* of buffers and offsets, at least 256 */
    int32_t compute_units; /* threads for a CPU */
    int32_t supports_bf16;
    int32_t dialect; /* strait_dialect */
    int32_t max_work_group;
    int32_t vector_width;   /* f32 lanes of a work-item that computes a whole tile (a CPU); 0: work-groups do */
    double declared_gflops; /* 0 where not declared */
    double declared_gbps;
    int32_t kind;               /* STRAIT_KIND_* */
    int32_t float_features;     /* STRAIT_FLOAT_*; of interest where programs are taken */
    int64_t local_memory_bytes; /* for a work-group; 0 where unknown */
} strait_device_props;

/*
 * Which of a chip's own ops run beside the portable kernels, in fast. Each is held to the portable kernel first, by the
 * host; one that never ran on real hardware is not offered unless it was asked for, which the driver sees to.
 */
enum { STRAIT_TUNED_UNSAID = 0, STRAIT_TUNED_PROVEN = 1, STRAIT_TUNED_ALL = 2 };

typedef struct strait_device_options {
    uint32_t struct_size;
    int32_t threads; /* CPU: 0 = all */
    const char *isa; /* CPU: NULL or a name to force ("generic", "avx2", ...); STRAIT_CPU says the same */
    int32_t tuned;   /* since 1.2: STRAIT_TUNED_*; a driver is told PROVEN or ALL */
} strait_device_options;

/* A place in device memory: handle 0 = absent. */
typedef struct strait_driver_slice {
    strait_handle memory;
    int64_t offset; /* bytes; of an op's or kernel's buffer a multiple of the device's alignment */
} strait_driver_slice;

/* Kinds of a copy. */
typedef enum strait_copy_kind { STRAIT_COPY_TO_DEVICE, STRAIT_COPY_TO_HOST, STRAIT_COPY_ON_DEVICE } strait_copy_kind;

/* ---- programs --------------------------------------------------------------------------------------------------- */

/* The contract that arithmetic keeps. */
typedef enum strait_numerics {
    STRAIT_NUMERICS_EXACT = 0, /* the same bits everywhere */
    STRAIT_NUMERICS_FAST = 1   /* a stated tolerance to exact, the same bits from run to run */
} strait_numerics;

/*
 * A program to be compiled. The driver adds the options that the contract needs on its compiler: for exact no
 * contraction of a product and a sum, correctly rounded division and square root, subnormals kept.
 */
typedef struct strait_program_source {
    uint32_t struct_size;
    uint32_t numerics; /* strait_numerics */
    const char *name;  /* for the compiler's messages: "rmsnorm.k.c" */
    const char
        *prelude;     /* the macros of the dialect, which stand before the text; may be replaced by the driver's own */
    const char *text; /* includes nothing */
    const char *options; /* "-DNAME=VALUE" separated by spaces, or "" */
} strait_program_source;

/* What a kernel or an op does with a buffer. */
typedef enum strait_access {
    STRAIT_ACCESS_READ = 1,
    STRAIT_ACCESS_WRITE = 2,
    STRAIT_ACCESS_READ_WRITE = 3
} strait_access;

typedef enum strait_kernel_argument_kind {
    STRAIT_KERNEL_BUFFER,
    STRAIT_KERNEL_I32,
    STRAIT_KERNEL_U32,
    STRAIT_KERNEL_I64,
    STRAIT_KERNEL_F32
} strait_kernel_argument_kind;

/*
 * One parameter of a kernel. A buffer is one pointer where the host can add the offset to it (CUDA, HIP, C), and two
 * parameters, a pointer and a `long` with the offset in bytes, where it cannot (OpenCL C); the preludes hide the
 * difference. An absent buffer is a null pointer and is not touched.
 */
typedef struct strait_kernel_argument {
    uint32_t kind;   /* strait_kernel_argument_kind */
    uint32_t access; /* of a buffer: strait_access */
    union {
        strait_driver_slice buffer;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        float f32;
    } value;
} strait_kernel_argument;

/* ---- ops -------------------------------------------------------------------------------------------------------- */
/*
 * What an op is: a number, a storage dtype, a contract, integer dimensions and scalars, and buffers in a fixed order.
 *
 * M tokens are B sequences of T tokens each, sequence-major. All matrices are row-major. S is the storage dtype (f32
 * or bf16) of activations, their gradients and the weights used in compute; everything marked f32 is f32 in both.
 * Arithmetic is that of docs/numerics.md. "acc" gradients: with dim ACCUMULATE 0 the first contribution is stored, with
 * 1 it is added to what is there, and each further sequence's contribution is added in order either way.
 */

/* Storage dtypes. */
enum { STRAIT_STORAGE_F32 = 0, STRAIT_STORAGE_BF16 = 1 };

/* STRAIT_OP(NAME, name), in the order of their numbers; new ones come at the end. */
#define STRAIT_OPS(STRAIT_OP)                     \
    STRAIT_OP(EMBEDDING, embedding)               \
    STRAIT_OP(EMBEDDING_BWD, embedding_bwd)       \
    STRAIT_OP(EMBEDDING_FOLD, embedding_fold)     \
    STRAIT_OP(LINEAR, linear)                     \
    STRAIT_OP(LINEAR_DX, linear_dx)               \
    STRAIT_OP(LINEAR_DW, linear_dw)               \
    STRAIT_OP(RMSNORM, rmsnorm)                   \
    STRAIT_OP(RMSNORM_BWD, rmsnorm_bwd)           \
    STRAIT_OP(NORM_ROPE, norm_rope)               \
    STRAIT_OP(NORM_ROPE_BWD, norm_rope_bwd)       \
    STRAIT_OP(ATTENTION, attention)               \
    STRAIT_OP(ATTENTION_BWD, attention_bwd)       \
    STRAIT_OP(KV_STORE, kv_store)                 \
    STRAIT_OP(SWIGLU, swiglu)                     \
    STRAIT_OP(SWIGLU_BWD, swiglu_bwd)             \
    STRAIT_OP(LINEAR_XENT, linear_xent)           \
    STRAIT_OP(LOSS_SUM, loss_sum)                 \
    STRAIT_OP(ADD, add)                           \
    STRAIT_OP(GRAD_NORM, grad_norm)               \
    STRAIT_OP(ADAMW, adamw)                       \
    STRAIT_OP(MOE_CHOOSE, moe_choose)             \
    STRAIT_OP(MOE_WEIGH, moe_weigh)               \
    STRAIT_OP(MOE_WEIGH_BWD, moe_weigh_bwd)       \
    STRAIT_OP(MOE_DISPATCH, moe_dispatch)         \
    STRAIT_OP(MOE_DISPATCH_BWD, moe_dispatch_bwd) \
    STRAIT_OP(MOE_LINEAR, moe_linear)             \
    STRAIT_OP(MOE_LINEAR_DX, moe_linear_dx)       \
    STRAIT_OP(MOE_LINEAR_DW, moe_linear_dw)       \
    STRAIT_OP(MOE_COMBINE, moe_combine)           \
    STRAIT_OP(MOE_COMBINE_BWD, moe_combine_bwd)   \
    STRAIT_OP(BIAS, bias)                         \
    STRAIT_OP(BIAS_BWD, bias_bwd)                 \
    STRAIT_OP(DROPOUT, dropout)                   \
    STRAIT_OP(MOE_COUNT, moe_count)               \
    STRAIT_OP(MOE_BALANCE, moe_balance)           \
    STRAIT_OP(SPLIT_HEADS, split_heads)           \
    STRAIT_OP(JOIN_HEADS, join_heads)             \
    STRAIT_OP(SCALED_ADD, scaled_add)             \
    STRAIT_OP(MUON_MOMENT, muon_moment)           \
    STRAIT_OP(MUON_MIX, muon_mix)                 \
    STRAIT_OP(MUON_APPLY, muon_apply)

typedef enum strait_op {
#define STRAIT_OP_VALUE(NAME, name) STRAIT_OP_##NAME,
    STRAIT_OPS(STRAIT_OP_VALUE)
#undef STRAIT_OP_VALUE
        STRAIT_OP_COUNT
} strait_op;

/* Of docs/numerics.md: any change of an order or a rounding is a new version. */
#define STRAIT_NUMERICS_VERSION 1

enum { STRAIT_OP_MAX_BUFFERS = 16, STRAIT_OP_MAX_DIMS = 12, STRAIT_OP_MAX_SCALARS = 4, STRAIT_LINEAR_SEGMENTS = 3 };

/* EMBEDDING: y[m] = table[ids[m]]. */
enum { EMBEDDING_IDS /* i32 [M] */, EMBEDDING_TABLE /* S [V, H] */, EMBEDDING_Y /* S [M, H] out */ };
enum { EMBEDDING_DIM_M, EMBEDDING_DIM_V, EMBEDDING_DIM_H };

/* EMBEDDING_BWD: grad[slots[m]] += dy[m] for m ascending where slots[m] >= 0; grad was zeroed when the shard began. */
enum { EMBEDDING_BWD_SLOTS /* i32 [M] */, EMBEDDING_BWD_DY /* S [M, H] */, EMBEDDING_BWD_GRAD /* f32 [R, H] in out */ };
enum { EMBEDDING_BWD_DIM_M, EMBEDDING_BWD_DIM_R, EMBEDDING_BWD_DIM_H };

/* EMBEDDING_FOLD (tied tables, end of a shard): grad[rows[r]] += acc[r] where rows[r] >= 0; rows are distinct. */
enum {
    EMBEDDING_FOLD_ROWS /* i32 [R] */,
    EMBEDDING_FOLD_ACC /* f32 [R, H] */,
    EMBEDDING_FOLD_GRAD /* f32 [V, H] in out */
};
enum { EMBEDDING_FOLD_DIM_R, EMBEDDING_FOLD_DIM_V, EMBEDDING_FOLD_DIM_H };

/*
 * LINEAR: y_i = x W_i^T for i < SEGMENTS (1 to 3); absent segments have no buffers and N_i = 0. DIM_OUT_F32 says what
 * is f32 instead of S: y and its gradient (STRAIT_LINEAR_Y_F32), dx (STRAIT_LINEAR_DX_F32). LINEAR_DX: dx = sum over i
 * of dy_i W_i, k running over the segments in order, each starting a new block of 512. LINEAR_DW: grad_i = dy_i^T x
 * (acc), blocks restarting at each sequence of T tokens.
 */
enum {
    LINEAR_X,     /* S [M, K] */
    LINEAR_W,     /* S [N_i, K], three slots */
    LINEAR_Y = 4, /* S or f32 [M, N_i], three slots, out */
    LINEAR_BUFFERS = 7
};
enum {
    LINEAR_DX_DX,     /* S or f32 [M, K] out */
    LINEAR_DX_W,      /* S [N_i, K], three slots */
    LINEAR_DX_DY = 4, /* S or f32 [M, N_i], three slots */
    LINEAR_DX_BUFFERS = 7
};
enum {
    LINEAR_DW_X,      /* S [M, K] */
    LINEAR_DW_GRAD,   /* f32 [N_i, K], three slots, in out */
    LINEAR_DW_DY = 4, /* S or f32 [M, N_i], three slots */
    LINEAR_DW_BUFFERS = 7
};
enum {
    LINEAR_DIM_M,
    LINEAR_DIM_K,
    LINEAR_DIM_SEGMENTS,
    LINEAR_DIM_N, /* three */
    LINEAR_DIM_OUT_F32 = 6,
    LINEAR_DIM_T,          /* LINEAR_DW only */
    LINEAR_DIM_ACCUMULATE, /* LINEAR_DW only */
    LINEAR_DIMS
};
enum { STRAIT_LINEAR_Y_F32 = 1, STRAIT_LINEAR_DX_F32 = 2 }; /* bits of LINEAR_DIM_OUT_F32 */

/*
 * RMSNORM: x' = x + d (x' = x where D and XSUM are absent); r = 1/sqrt(sumsq(x')/H + eps); y = (x' r) w. The sum is
 * rounded to S before it is used.
 */
enum {
    RMSNORM_X,    /* S [M, H] */
    RMSNORM_D,    /* S [M, H] or absent */
    RMSNORM_W,    /* S [H] */
    RMSNORM_XSUM, /* S [M, H] out, absent with D; may be the same buffer as X or D */
    RMSNORM_Y,    /* S [M, H] out */
    RMSNORM_R,    /* f32 [M] out */
    RMSNORM_BUFFERS
};
enum { RMSNORM_DIM_M, RMSNORM_DIM_H, RMSNORM_DIM_T /* for its gradient only */ };
enum { RMSNORM_SCALAR_EPS };

/* RMSNORM_BWD: dx = norm's gradient + dres, added in f32 in this order and rounded once; x is x' of the forward op. */
enum {
    RMSNORM_BWD_DY,   /* S [M, H] */
    RMSNORM_BWD_DRES, /* S [M, H] or absent: the gradient of x' from its other uses */
    RMSNORM_BWD_X,    /* S [M, H] */
    RMSNORM_BWD_W,    /* S [H] */
    RMSNORM_BWD_R,    /* f32 [M] */
    RMSNORM_BWD_DX,   /* S [M, H] out; may be the same buffer as DRES or DY */
    RMSNORM_BWD_DW,   /* f32 [H] in out (acc) */
    RMSNORM_BWD_BUFFERS
};
enum { RMSNORM_BWD_DIM_M, RMSNORM_BWD_DIM_H, RMSNORM_BWD_DIM_T, RMSNORM_BWD_DIM_ACCUMULATE };

/*
 * NORM_ROPE: per token and head of D dims: RMSNorm with w (skipped where W and R are absent), then rotary embedding on
 * (i, i + D/2), or with INTERLEAVED on (2i, 2i + 1), with cos = table[p][i], sin = table[p][D/2 + i], p = positions[m].
 * The normalised value is not rounded in between.
 */
enum {
    NORM_ROPE_X,         /* S [M, N*D] */
    NORM_ROPE_W,         /* S [D] or absent */
    NORM_ROPE_TABLE,     /* f32 [P, D] */
    NORM_ROPE_POSITIONS, /* i32 [M], each in [0, P) */
    NORM_ROPE_Y,         /* S [M, N*D] out */
    NORM_ROPE_R,         /* f32 [M, N] out or absent */
    NORM_ROPE_BUFFERS
};
enum {
    NORM_ROPE_DIM_M,
    NORM_ROPE_DIM_N,
    NORM_ROPE_DIM_D,
    NORM_ROPE_DIM_P,
    NORM_ROPE_DIM_T, /* for its gradient only */
    NORM_ROPE_DIM_INTERLEAVED
};
enum { NORM_ROPE_SCALAR_EPS };

enum {
    NORM_ROPE_BWD_DY,        /* S [M, N*D] */
    NORM_ROPE_BWD_X,         /* S [M, N*D] */
    NORM_ROPE_BWD_W,         /* S [D] or absent */
    NORM_ROPE_BWD_TABLE,     /* f32 [P, D] */
    NORM_ROPE_BWD_POSITIONS, /* i32 [M] */
    NORM_ROPE_BWD_R,         /* f32 [M, N] or absent */
    NORM_ROPE_BWD_DX,        /* S [M, N*D] out; may be the same buffer as DY */
    NORM_ROPE_BWD_DW,        /* f32 [D] in out (acc) or absent; rows are (token, head), head fastest */
    NORM_ROPE_BWD_BUFFERS
};
enum {
    NORM_ROPE_BWD_DIM_M,
    NORM_ROPE_BWD_DIM_N,
    NORM_ROPE_BWD_DIM_D,
    NORM_ROPE_BWD_DIM_P,
    NORM_ROPE_BWD_DIM_T,
    NORM_ROPE_BWD_DIM_ACCUMULATE,
    NORM_ROPE_BWD_DIM_INTERLEAVED
};

/*
 * ATTENTION: causal, grouped-query. Sequence b has TQ query rows and room for TK key rows; length[b] keys are there
 * (TK where LENGTHS is absent) and query row i stands at position length[b] - TQ + i. Key j is visible to position p if
 * j <= p, p - j < WINDOW (where WINDOW > 0), and both are of the same document (where DOCUMENTS is given).
 * m is the row's maximum score before scaling, r = 1/l. With STREAM (TQ = TK then, and SEQUENCES and STEP given) a
 * share P of the probabilities is dropped after l was taken, as DROPOUT does, the others times KEEP; the element's
 * number counts sequence, query head, query, key, rows of keys padded to a multiple of 64.
 */
enum {
    ATTENTION_Q,         /* S [B, TQ, HQ*D] */
    ATTENTION_K,         /* S [B, TK, HKV*D] */
    ATTENTION_V,         /* S [B, TK, HKV*D] */
    ATTENTION_DOCUMENTS, /* i32 [B, TK], not descending within a sequence, or absent */
    ATTENTION_LENGTHS,   /* i32 [B], each in [TQ, TK], or absent */
    ATTENTION_O,         /* S [B, TQ, HQ*D] out */
    ATTENTION_M,         /* f32 [B, TQ, HQ] out */
    ATTENTION_R,         /* f32 [B, TQ, HQ] out */
    ATTENTION_SEQUENCES, /* i32 [B], or absent */
    ATTENTION_STEP,      /* f32 [STRAIT_STEP_WORDS], or absent */
    ATTENTION_BUFFERS
};
enum {
    ATTENTION_DIM_B,
    ATTENTION_DIM_TQ,
    ATTENTION_DIM_TK,
    ATTENTION_DIM_HQ,
    ATTENTION_DIM_HKV,
    ATTENTION_DIM_D,
    ATTENTION_DIM_WINDOW,
    ATTENTION_DIM_STREAM, /* 0 = no dropout */
    ATTENTION_DIM_PLAIN,  /* since 1.3: 1 = DOCUMENTS and LENGTHS are absent; 0 = either may be there */
    ATTENTION_DIMS
};
enum { ATTENTION_SCALAR_SCALE, ATTENTION_SCALAR_P, ATTENTION_SCALAR_KEEP /* 1 / (1 - p) */ };

/* ATTENTION_BWD: TQ = TK = T, no LENGTHS. The same dims and scalars as ATTENTION. */
enum {
    ATTENTION_BWD_Q,
    ATTENTION_BWD_K,
    ATTENTION_BWD_V,
    ATTENTION_BWD_O,
    ATTENTION_BWD_M,
    ATTENTION_BWD_R,
    ATTENTION_BWD_DO,        /* S [B, T, HQ*D] */
    ATTENTION_BWD_DOCUMENTS, /* i32 [B, T] or absent */
    ATTENTION_BWD_DQ,        /* S [B, T, HQ*D] out */
    ATTENTION_BWD_DK,        /* S [B, T, HKV*D] out */
    ATTENTION_BWD_DV,        /* S [B, T, HKV*D] out */
    ATTENTION_BWD_SEQUENCES, /* i32 [B], or absent */
    ATTENTION_BWD_STEP,      /* f32 [STRAIT_STEP_WORDS], or absent */
    ATTENTION_BWD_BUFFERS
};

/* KV_STORE: cache[b][positions[b*TQ + i]] = x[b*TQ + i]. */
enum { KV_STORE_X /* S [B, TQ, N] */, KV_STORE_POSITIONS /* i32 [B*TQ] */, KV_STORE_CACHE /* S [B, TK, N] in out */ };
enum { KV_STORE_DIM_B, KV_STORE_DIM_TQ, KV_STORE_DIM_TK, KV_STORE_DIM_N };

/* SWIGLU: h = (g sigmoid(g)) u, elementwise over N elements. */
enum { SWIGLU_G, SWIGLU_U, SWIGLU_H /* out; may be the same buffer as G or U */ };
enum {
    SWIGLU_BWD_G,
    SWIGLU_BWD_U,
    SWIGLU_BWD_DH,
    SWIGLU_BWD_DG, /* out; may be the same buffer as any of the three, if DU is not the same one */
    SWIGLU_BWD_DU  /* out; likewise */
};
enum { SWIGLU_DIM_N };

/*
 * LINEAR_XENT: loss[m] = cross-entropy of y[m] W^T against targets[m] (negative: ignored, loss +0), not scaled. Where
 * DY and GRAD (with FROZEN: DY) are given it also computes, in the same pass, dy = dlogits W and grad = dlogits^T y
 * (acc), with dlogits scaled by step[STRAIT_STEP_LOSS_SCALE]. Logits exist for a chunk of tokens at a time only.
 */
enum {
    LINEAR_XENT_Y,       /* S [M, H] */
    LINEAR_XENT_W,       /* S [V, H] */
    LINEAR_XENT_TARGETS, /* i32 [M], below V */
    LINEAR_XENT_STEP,    /* f32 [STRAIT_STEP_WORDS]; may be absent without DY */
    LINEAR_XENT_LOSS,    /* f32 [M] out */
    LINEAR_XENT_DY,      /* S [M, H] out, or absent */
    LINEAR_XENT_GRAD,    /* f32 [V, H] in out (acc), absent with DY, or with FROZEN */
    LINEAR_XENT_BUFFERS
};
enum {
    LINEAR_XENT_DIM_M,
    LINEAR_XENT_DIM_H,
    LINEAR_XENT_DIM_V,
    LINEAR_XENT_DIM_T,
    LINEAR_XENT_DIM_ACCUMULATE,
    LINEAR_XENT_DIM_FORWARD_ONLY, /* 1: DY and GRAD are absent, and a query may count on it */
    LINEAR_XENT_DIM_FROZEN        /* since 1.4: 1 = GRAD is absent, W is not trained */
};

/* LOSS_SUM: a long sum per sequence of T, sequences added in order to sum[0] (acc). */
enum { LOSS_SUM_LOSS /* f32 [M] */, LOSS_SUM_SUM /* f32 [1] in out */ };
enum { LOSS_SUM_DIM_M, LOSS_SUM_DIM_T, LOSS_SUM_DIM_ACCUMULATE };

/* ADD: dst = dst + src over N f32 elements (the shards' tree). */
enum { ADD_SRC, ADD_DST /* in out */ };
enum { ADD_DIM_N };

/*
 * GRAD_NORM: tensor p is f32 elements [table[2p], table[2p] + table[2p+1]) of grads, tensors in the order of their
 * saved names. sums[p] = its long sum of squares; then step[NORM], step[CLIP_FACTOR] from step[CLIP] and step[APPLY] (1
 * where the norm is finite, else 0).
 */
enum {
    GRAD_NORM_GRADS /* f32 */,
    GRAD_NORM_TABLE /* i64 [P, 2] */,
    GRAD_NORM_SUMS /* f32 [P] out */,
    GRAD_NORM_STEP /* in out */
};
enum { GRAD_NORM_DIM_P, GRAD_NORM_DIM_TOTAL /* elements of grads */ };

/*
 * ADAMW: as docs/numerics.md; nothing is written where step[APPLY] is 0. table rows: offset, length, 1 if decayed. With
 * WEIGHTS_BF16 there is no master: w is bf16, and so is m with MOMENT_BF16; both are rounded stochastically by seed and
 * number of the step, and the element's number in the whole model, which counts through the rows in order from FIRST.
 */
enum {
    ADAMW_W,       /* f32 master weights, or with WEIGHTS_BF16 bf16 weights, in out */
    ADAMW_M,       /* f32, or with MOMENT_BF16 bf16, in out */
    ADAMW_V,       /* f32, in out */
    ADAMW_G,       /* f32 */
    ADAMW_TABLE,   /* i64 [P, 3] */
    ADAMW_STEP,    /* f32 [STRAIT_STEP_WORDS] */
    ADAMW_COMPUTE, /* bf16 copy of w at the same element offsets, out; absent for dtype f32 and with WEIGHTS_BF16 */
    ADAMW_BUFFERS
};
enum { ADAMW_DIM_P, ADAMW_DIM_TOTAL, ADAMW_DIM_WEIGHTS_BF16, ADAMW_DIM_MOMENT_BF16, ADAMW_DIM_FIRST };

/*
 * Since 1.4: what Muon does to a matrix of N elements besides products, which are LINEAR's, LINEAR_DX's and LINEAR_DW's
 * in f32; as docs/numerics.md. MUON_MOMENT: the momentum, and the step's direction divided by its norm. MUON_MIX: y =
 * P x + Q y. MUON_APPLY: the weights go along x. They run only where step[APPLY] is 1.
 */
enum {
    MUON_MOMENT_M,    /* f32 [N] in out */
    MUON_MOMENT_G,    /* f32 [N] */
    MUON_MOMENT_STEP, /* f32 [STRAIT_STEP_WORDS] */
    MUON_MOMENT_X,    /* f32 [N] out */
    MUON_MOMENT_BUFFERS
};
enum { MUON_MIX_X /* f32 [N] */, MUON_MIX_Y /* f32 [N] in out */, MUON_MIX_BUFFERS };
enum { MUON_MIX_SCALAR_P, MUON_MIX_SCALAR_Q };
enum {
    MUON_APPLY_W,       /* f32 [N] in out */
    MUON_APPLY_X,       /* f32 [N] */
    MUON_APPLY_STEP,    /* f32 [STRAIT_STEP_WORDS] */
    MUON_APPLY_COMPUTE, /* bf16 [N] copy of w, out; absent for dtype f32 */
    MUON_APPLY_BUFFERS
};
enum { MUON_APPLY_SCALAR_SCALE };
enum { MUON_DIM_N };

/*
 * Mixtures of experts. A router's logits give each token K of E experts: MOE_CHOOSE says which (ids, ascending),
 * MOE_WEIGH how much each counts. Scores are the softmax of the logits or their sigmoid (DIM_SCORE). MOE_DISPATCH sorts
 * the M*K pairs of token and expert by expert, tokens ascending: R = M*K rows in E groups, some of which may be empty.
 * MOE_LINEAR multiplies each group by its expert's matrix, MOE_COMBINE adds what came out for each token.
 */
enum { STRAIT_MOE_SOFTMAX = 0, STRAIT_MOE_SIGMOID = 1 };

/*
 * MOE_CHOOSE: the K experts of the largest score + bias; ties to the lower id, NaN last. With GROUPS > 1 only experts
 * of the KEPT best groups take part (a group counts as its two best); with MASK_ZERO the others take part as +0.
 */
enum {
    MOE_CHOOSE_LOGITS, /* f32 [M, E] */
    MOE_CHOOSE_BIAS,   /* f32 [E] or absent */
    MOE_CHOOSE_IDS,    /* i32 [M, K] out */
    MOE_CHOOSE_BUFFERS
};
enum {
    MOE_CHOOSE_DIM_M,
    MOE_CHOOSE_DIM_E,
    MOE_CHOOSE_DIM_K,
    MOE_CHOOSE_DIM_SCORE,
    MOE_CHOOSE_DIM_GROUPS, /* 0 or 1: none */
    MOE_CHOOSE_DIM_KEPT,
    MOE_CHOOSE_DIM_MASK_ZERO
};

/*
 * MOE_WEIGH: weight = (score / sum) SCALE, the sum being that of the chosen scores, at least LEAST, plus EPS; without
 * NORMALISE score x SCALE. MOE_WEIGH_BWD: the gradient of the logits, to which DSCORE adds a gradient of each score
 * (of sigmoids: of each score over the sum of all), the same for all tokens of a sequence, and Z that of Z/2 x
 * logsumexp^2 (softmax only).
 */
enum {
    MOE_WEIGH_LOGITS,  /* f32 [M, E] */
    MOE_WEIGH_IDS,     /* i32 [M, K], ascending in a row */
    MOE_WEIGH_WEIGHTS, /* f32 [M, K] out */
    MOE_WEIGH_BUFFERS
};
enum {
    MOE_WEIGH_BWD_LOGITS,   /* f32 [M, E] */
    MOE_WEIGH_BWD_IDS,      /* i32 [M, K] */
    MOE_WEIGH_BWD_DWEIGHTS, /* f32 [M, K] */
    MOE_WEIGH_BWD_DSCORE,   /* f32 [M/T, E] or absent */
    MOE_WEIGH_BWD_DLOGITS,  /* f32 [M, E] out */
    MOE_WEIGH_BWD_BUFFERS
};
enum {
    MOE_WEIGH_DIM_M,
    MOE_WEIGH_DIM_E,
    MOE_WEIGH_DIM_K,
    MOE_WEIGH_DIM_SCORE,
    MOE_WEIGH_DIM_NORMALISE,
    MOE_WEIGH_DIM_T /* for its gradient only */
};
enum { MOE_WEIGH_SCALAR_SCALE, MOE_WEIGH_SCALAR_LEAST, MOE_WEIGH_SCALAR_EPS, MOE_WEIGH_SCALAR_Z };

/*
 * MOE_DISPATCH: xe[places[m][j]] = x[m]; rows of expert e and sequence b stand at offsets[e*B + b] to the next, B =
 * M/T. MOE_DISPATCH_BWD: dx = router + the rows of dxe by ascending j + shared, added in f32 and rounded once.
 */
enum {
    MOE_DISPATCH_IDS,     /* i32 [M, K] */
    MOE_DISPATCH_X,       /* S [M, H] */
    MOE_DISPATCH_OFFSETS, /* i32 [E*B + 1] out */
    MOE_DISPATCH_PLACES,  /* i32 [M, K] out */
    MOE_DISPATCH_XE,      /* S [M*K, H] out */
    MOE_DISPATCH_BUFFERS
};
enum {
    MOE_DISPATCH_BWD_ROUTER, /* f32 [M, H] or absent */
    MOE_DISPATCH_BWD_DXE,    /* f32 [M*K, H] */
    MOE_DISPATCH_BWD_SHARED, /* f32 [M, H] or absent */
    MOE_DISPATCH_BWD_PLACES, /* i32 [M, K] */
    MOE_DISPATCH_BWD_DX,     /* S [M, H] out */
    MOE_DISPATCH_BWD_BUFFERS
};
enum {
    MOE_DISPATCH_DIM_M,
    MOE_DISPATCH_DIM_K,
    MOE_DISPATCH_DIM_H,
    MOE_DISPATCH_DIM_E, /* MOE_DISPATCH only, and T */
    MOE_DISPATCH_DIM_T
};

/*
 * MOE_LINEAR: y_i = x W_i^T for i < SEGMENTS (1 or 2), W of the row's expert, which begins at e*STRIDE. MOE_LINEAR_DX,
 * MOE_LINEAR_DW: as LINEAR_DX and LINEAR_DW, for each expert; dx is f32 with DIM_DX_F32. The sums of MOE_LINEAR_DW run
 * over an expert's rows, blocks restarting at each sequence; without ACCUMULATE they begin with +0.
 */
enum {
    MOE_LINEAR_X,           /* S [R, K] */
    MOE_LINEAR_W,           /* S [E][N, K], two slots */
    MOE_LINEAR_OFFSETS = 3, /* i32 [E*B + 1] */
    MOE_LINEAR_Y,           /* S [R, N], two slots, out */
    MOE_LINEAR_BUFFERS = 6
};
enum {
    MOE_LINEAR_DX_DX, /* S or f32 [R, K] out */
    MOE_LINEAR_DX_W,  /* S [E][N, K], two slots */
    MOE_LINEAR_DX_OFFSETS = 3,
    MOE_LINEAR_DX_DY /* S [R, N], two slots */
};
enum {
    MOE_LINEAR_DW_X,    /* S [R, K] */
    MOE_LINEAR_DW_GRAD, /* f32 [E][N, K], two slots, in out (acc) */
    MOE_LINEAR_DW_OFFSETS = 3,
    MOE_LINEAR_DW_DY /* S [R, N], two slots */
};
enum {
    MOE_LINEAR_DIM_R,
    MOE_LINEAR_DIM_K,
    MOE_LINEAR_DIM_SEGMENTS,
    MOE_LINEAR_DIM_N,
    MOE_LINEAR_DIM_E,
    MOE_LINEAR_DIM_B,
    MOE_LINEAR_DIM_STRIDE,    /* elements from one expert's matrix to the next, at least N*K */
    MOE_LINEAR_DIM_DX_F32,    /* MOE_LINEAR_DX only */
    MOE_LINEAR_DIM_ACCUMULATE /* MOE_LINEAR_DW only */
};

/*
 * MOE_COUNT: counts[g][e] = or += the pairs of expert e among the g-th of G equal runs of tokens; a pair is counted
 * once for each time that its id stands there.
 */
enum { MOE_COUNT_IDS /* i32 [M, K] */, MOE_COUNT_COUNTS /* i32 [G, E] in out */, MOE_COUNT_BUFFERS };
enum { MOE_COUNT_DIM_M, MOE_COUNT_DIM_K, MOE_COUNT_DIM_E, MOE_COUNT_DIM_G, MOE_COUNT_DIM_ACCUMULATE };

/*
 * MOE_BALANCE: what a router's own losses are for each token, and the gradient of the first by its scores. dscore[b][e]
 * = FACTOR counts[g][e], g being the run of tokens that sequence b lies in; aux[m] = or += the sum over e of dscore x
 * share, shares being the softmax, or sigmoids over their sum; z[m] = or += HALF_Z logsumexp^2 (softmax; else +0).
 */
enum {
    MOE_BALANCE_LOGITS, /* f32 [M, E] */
    MOE_BALANCE_COUNTS, /* i32 [G, E] or absent, and DSCORE and AUX with it */
    MOE_BALANCE_DSCORE, /* f32 [M/T, E] out */
    MOE_BALANCE_AUX,    /* f32 [M] in out */
    MOE_BALANCE_Z,      /* f32 [M] in out, or absent */
    MOE_BALANCE_BUFFERS
};
enum {
    MOE_BALANCE_DIM_M,
    MOE_BALANCE_DIM_E,
    MOE_BALANCE_DIM_SCORE,
    MOE_BALANCE_DIM_T,
    MOE_BALANCE_DIM_G, /* a divisor of M/T */
    MOE_BALANCE_DIM_ACCUMULATE
};
enum { MOE_BALANCE_SCALAR_FACTOR, MOE_BALANCE_SCALAR_HALF_Z };

/* MOE_COMBINE: y[m] = sum over j of weights[m][j] ye[places[m][j]], then + shared[m]. */
enum {
    MOE_COMBINE_YE,      /* S [M*K, H] */
    MOE_COMBINE_WEIGHTS, /* f32 [M, K] */
    MOE_COMBINE_PLACES,  /* i32 [M, K] */
    MOE_COMBINE_SHARED,  /* S [M, H] or absent */
    MOE_COMBINE_Y,       /* S [M, H] out */
    MOE_COMBINE_BUFFERS
};
/* MOE_COMBINE_BWD: dye = dy x weight, dweight = dy . ye. */
enum {
    MOE_COMBINE_BWD_DY,       /* S [M, H] */
    MOE_COMBINE_BWD_YE,       /* S [M*K, H] */
    MOE_COMBINE_BWD_WEIGHTS,  /* f32 [M, K] */
    MOE_COMBINE_BWD_PLACES,   /* i32 [M, K] */
    MOE_COMBINE_BWD_DYE,      /* S [M*K, H] out */
    MOE_COMBINE_BWD_DWEIGHTS, /* f32 [M, K] out */
    MOE_COMBINE_BWD_BUFFERS
};
enum { MOE_COMBINE_DIM_M, MOE_COMBINE_DIM_K, MOE_COMBINE_DIM_H };

/*
 * BIAS: y = x + b, x being a product in f32, so that a linear layer with a bias is rounded once. BIAS_BWD: grad = the
 * sum of dy over tokens (acc), in the order of LINEAR_DW with an input of ones.
 */
enum { BIAS_X /* f32 [M, N] */, BIAS_B /* S [N] */, BIAS_Y /* S [M, N] out */, BIAS_BUFFERS };
enum { BIAS_DIM_M, BIAS_DIM_N, BIAS_DIM_T /* for its gradient only */ };
enum { BIAS_BWD_DY /* S [M, N] */, BIAS_BWD_GRAD /* f32 [N] in out (acc) */, BIAS_BWD_BUFFERS };
enum { BIAS_BWD_DIM_M, BIAS_BWD_DIM_N, BIAS_BWD_DIM_T, BIAS_BWD_DIM_ACCUMULATE };

/*
 * DROPOUT: y = x scale where u >= p, else +0; u is drawn by stream STREAM, seed and number of the step, and the
 * element's number in the step: sequence sequences[m / T], then token, then column. It is its own gradient.
 */
enum {
    DROPOUT_X,         /* S [M, H] */
    DROPOUT_SEQUENCES, /* i32 [M / T] */
    DROPOUT_STEP,      /* f32 [STRAIT_STEP_WORDS] */
    DROPOUT_Y,         /* S [M, H] out; may be the same buffer as X */
    DROPOUT_BUFFERS
};
enum { DROPOUT_DIM_M, DROPOUT_DIM_H, DROPOUT_DIM_T, DROPOUT_DIM_STREAM };
enum { DROPOUT_SCALAR_P, DROPOUT_SCALAR_SCALE /* 1 / (1 - p) */ };

/*
 * SPLIT_HEADS: the first FIRST columns of each head go to a, the next SECOND to b, whose rows are filled up with +0 to
 * SECOND_WIDTH; what is left of a head is not read. With SHARED b has one row a token: the sum over heads, in order, in
 * f32, rounded once. JOIN_HEADS is its reverse: a's row, b's row (SHARED: the token's, for every head; absent: +0), and
 * +0 up to WIDTH. Each is the other's gradient.
 */
enum {
    SPLIT_HEADS_X, /* S [M, HEADS, WIDTH] */
    SPLIT_HEADS_A, /* S [M, HEADS, FIRST] out */
    SPLIT_HEADS_B  /* S [M, HEADS, SECOND_WIDTH], with SHARED [M, SECOND_WIDTH]; out, or absent */
};
enum { JOIN_HEADS_A, JOIN_HEADS_B /* may be absent */, JOIN_HEADS_Y /* out */, HEADS_BUFFERS };
enum {
    HEADS_DIM_M,
    HEADS_DIM_HEADS,
    HEADS_DIM_WIDTH, /* at least FIRST + SECOND */
    HEADS_DIM_FIRST,
    HEADS_DIM_SECOND,
    HEADS_DIM_SECOND_WIDTH, /* at least SECOND */
    HEADS_DIM_SHARED        /* 0 or 1 */
};

/*
 * SCALED_ADD (since 1.4): y = x + SCALE u, by one fma and rounded once; y = SCALE u where X is absent. Bit i of DIM_F32
 * says that buffer i is f32 instead of S.
 */
enum {
    SCALED_ADD_X, /* S or f32 [N], or absent */
    SCALED_ADD_U, /* S or f32 [N] */
    SCALED_ADD_Y, /* S or f32 [N] out; may be the same buffer as X or U where it is as wide */
    SCALED_ADD_BUFFERS
};
enum { SCALED_ADD_DIM_N, SCALED_ADD_DIM_F32 };
enum { SCALED_ADD_SCALAR_SCALE };

/* The step buffer: all that changes between steps, filled by one copy from the host; the device adds its results. */
enum {
    STRAIT_STEP_LOSS_SCALE, /* c = f32(1 / target tokens of the step) */
    STRAIT_STEP_A,          /* lr / (1 - b1^t) */
    STRAIT_STEP_B,          /* 1 / sqrt(1 - b2^t) */
    STRAIT_STEP_W,          /* 1 - lr wd, for decayed tensors */
    STRAIT_STEP_BETA1,
    STRAIT_STEP_BETA2,
    STRAIT_STEP_1_BETA1, /* 1 - b1, rounded once */
    STRAIT_STEP_1_BETA2,
    STRAIT_STEP_EPS,
    STRAIT_STEP_CLIP,        /* 0 = no clipping */
    STRAIT_STEP_NORM,        /* result */
    STRAIT_STEP_CLIP_FACTOR, /* result */
    STRAIT_STEP_APPLY,       /* result: 1 or 0 */
    STRAIT_STEP_SEED,        /* two words of 16 bits each, low first, as numbers: bits may not survive as f32 */
    STRAIT_STEP_T = STRAIT_STEP_SEED + 2, /* the step's number, four such words */
    STRAIT_STEP_MUON_MOMENTUM = STRAIT_STEP_T + 4,
    STRAIT_STEP_MUON_LR,
    STRAIT_STEP_MUON_W, /* 1 - lr wd, with Muon's learning rate */
    STRAIT_STEP_WORDS = 64
};

/* One op with its shape, before buffers are bound. */
typedef struct strait_op_desc {
    uint32_t struct_size;
    uint32_t op;       /* strait_op */
    uint32_t dtype;    /* S: STRAIT_STORAGE_* */
    uint32_t numerics; /* strait_numerics */
    int64_t dims[STRAIT_OP_MAX_DIMS];
    float scalars[STRAIT_OP_MAX_SCALARS];
} strait_op_desc;

/* How the result of an op on a device may vary. */
typedef enum strait_determinism {
    STRAIT_DETERMINISM_NONE = 0,
    STRAIT_DETERMINISM_RUN_TO_RUN = 1, /* the same bits on one machine and build */
    STRAIT_DETERMINISM_EXACT = 2       /* the bits of docs/numerics.md */
} strait_determinism;

/* What a device answers about an op: how it would run it, or why not. */
typedef struct strait_op_info {
    uint32_t struct_size;
    int32_t supported;
    /* "avx2", "generic": lives as long as the device. Of what a driver that takes programs brings itself, with the
     * version of the library it comes from: what was found out about it is kept under this name. */
    const char *implementation;
    const char *reason; /* why not, or why this one and not a faster: lives as long as the device; or NULL */
    int64_t workspace_bytes;
    uint32_t accumulation; /* STRAIT_STORAGE_*: what sums are held in */
    uint32_t determinism;  /* strait_determinism */
} strait_op_info;

/* ---- the driver ------------------------------------------------------------------------------------------------- */

/*
 * What a chip gives at most, as a roofline wants it: operations per second (an fma is two) of the units that run matrix
 * products of a dtype and contract, out of registers; bytes per second of reading, and of copying (bytes read plus
 * written), over and over within so many bytes of memory.
 */
typedef enum strait_rate { STRAIT_RATE_ARITHMETIC, STRAIT_RATE_READ, STRAIT_RATE_COPY } strait_rate;

/*
 * Functions marked R are required; NULL in any other place means that the device does not offer it. Either programs or
 * ops are needed to run anything.
 */
typedef struct strait_driver {
    uint32_t struct_size;
    const char *name; /* "cpu" */

    /* device */
    int32_t (*count)(int32_t *out_count); /* R: fails with the reason where nothing can be asked (no vendor library) */
    int32_t (*open)(int32_t index, const strait_device_options *options, strait_handle *out); /* R */
    void (*close)(strait_handle device); /* R: everything made on it was destroyed before */
    int32_t (*props)(strait_handle device, strait_device_props *out); /* R */
    const char *(*last_error)(strait_handle device);                  /* R: the vendor's own words */
    int32_t (*mem_info)(strait_handle device, int64_t *out_free, int64_t *out_total);

    /* memory */
    int32_t (*alloc)(strait_handle device, int64_t bytes, strait_handle *out); /* R: contents undefined */
    void (*free)(strait_handle device, strait_handle memory); /* R: no work that uses it is in flight */
    /* R: memory <- host, host <- memory, memory <- other (no overlap). Returns when `host` may be used again. */
    int32_t (*copy)(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *host,
                    strait_driver_slice other, int64_t bytes);
    int32_t (*fill)(strait_handle queue, strait_driver_slice memory, uint8_t byte, int64_t bytes); /* R */
    int32_t (*host_alloc)(strait_handle device, int64_t bytes, void **out);
    void (*host_free)(strait_handle device, void *host);
    int32_t (*peer_copy)(strait_handle queue, strait_driver_slice to, strait_handle from_device,
                         strait_driver_slice from, int64_t bytes);

    /* queue and events; timeouts are milliseconds, negative = for ever, 0 = ask and return */
    int32_t (*queue_create)(strait_handle device, strait_handle *out);     /* R */
    void (*queue_destroy)(strait_handle queue);                            /* R: nothing is in flight on it */
    int32_t (*queue_wait)(strait_handle queue, int64_t timeout_ms);        /* R */
    int32_t (*queue_flush)(strait_handle queue);                           /* work begins without a wait */
    int32_t (*event_create)(strait_handle device, strait_handle *out);     /* R */
    void (*event_destroy)(strait_handle event);                            /* R */
    int32_t (*event_record)(strait_handle queue, strait_handle event);     /* R: may be recorded again */
    int32_t (*event_wait)(strait_handle event, int64_t timeout_ms);        /* R: never recorded = done */
    int32_t (*queue_wait_event)(strait_handle queue, strait_handle event); /* R: what follows waits */
    int32_t (*event_elapsed)(strait_handle begin, strait_handle end, double *out_seconds); /* both are done */

    /* programs: for chips that compile C-like text */
    int32_t (*program_build)(strait_handle device, const strait_program_source *source, strait_handle *out);
    /* With bytes NULL only the length; else *inout_length is the room that there is. */
    int32_t (*program_binary)(strait_handle program, void *bytes, int64_t *inout_length);
    /* STRAIT_CODE_FORMAT where the bytes are not a program of this device and driver. */
    int32_t (*program_load)(strait_handle device, const void *bytes, int64_t length, strait_handle *out);
    void (*program_free)(strait_handle program); /* its kernels end with it */
    int32_t (*kernel_get)(strait_handle program, const char *name, strait_handle *out);
    int32_t (*kernel_launch)(strait_handle queue, strait_handle kernel, const int64_t groups[3],
                             const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count);

    /* ops: for chips that bring tuned ones */
    int32_t (*op_query)(strait_handle device, const strait_op_desc *desc, strait_op_info *out);
    int32_t (*op_run)(strait_handle queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                      int32_t count, strait_driver_slice workspace);

    /* capture of a step for replay */
    int32_t (*capture_begin)(strait_handle queue);
    int32_t (*capture_end)(strait_handle queue, strait_handle *out_graph);
    int32_t (*graph_launch)(strait_handle queue, strait_handle graph);
    void (*graph_free)(strait_handle graph);

    /* collectives; absent: ranks exchange through the host */
    int32_t (*collectives_open)(strait_handle device, int32_t rank, int32_t size, const void *unique_id,
                                strait_handle *out);

    /*
     * Since 1.1: what the chip gives of `rate`, per second, by all its units at once, in some 50 ms. ARITHMETIC looks
     * at dtype and numerics only; the others at `bytes` bytes of memory only, at least 4096, whose contents are lost.
     */
    int32_t (*measure)(strait_handle queue, uint32_t rate, uint32_t dtype, uint32_t numerics,
                       strait_driver_slice memory, int64_t bytes, double *out_per_second);
    /* Since 1.1: what bounds mem_info's free bytes where it is not the chip itself, with its value ("ulimit -v is 512.0
     * MiB"); else "". */
    int32_t (*mem_limit)(strait_handle device, char *out, uint64_t size);
    /*
     * Since 1.2: how long a copy from or to the host may take with the work before it, 0 = for ever, as it is from open
     * on. A copy that takes longer answers STRAIT_CODE_TIMEOUT, and then the device is not called again. Absent: the
     * host waits for the queue before each such copy, and for the copy itself without a limit.
     */
    int32_t (*set_timeout)(strait_handle device, int64_t timeout_ms);
} strait_driver;

/* ---- the plug-in ------------------------------------------------------------------------------------------------ */

/* What the host offers. It lives as long as the process; every function may be called from any thread. */
typedef struct strait_host {
    uint32_t struct_size;
    uint32_t minor; /* of the host's own version of this header */
    /* Records an error of the calling thread and returns `code`: `return host->fail(code, "file.c:12", text);` */
    int32_t (*fail)(int32_t code, const char *place, const char *message);
    /* A line for whoever looks for a fault; appended to the file that STRAIT_PLUGIN_LOG names, else dropped. */
    void (*log)(const char *plugin, const char *message);
    /* Memory of the host, zeroed, aligned to 64 bytes and counted; NULL where there is none left. free(NULL) is legal.
     */
    void *(*alloc)(uint64_t bytes);
    void (*free)(void *memory);
    /*
     * Bytes kept on disk between runs, under a key that names everything they depend on (programs need none of this:
     * the host keeps their binaries by itself). Reading with bytes NULL gives the length. STRAIT_CODE_NOT_FOUND: none.
     */
    int32_t (*cache_read)(const char *key, void *bytes, int64_t *inout_length);
    int32_t (*cache_write)(const char *key, const void *bytes, int64_t length);
    /* Values that the ranks of a run share, for a communicator's identity; NULL in a run of one rank. */
    int32_t (*value_put)(const char *key, const void *bytes, int64_t length);
    int32_t (*value_get)(const char *key, void *bytes, int64_t *inout_length, int64_t timeout_ms);
} strait_host;

/* What a plug-in is. Static; it lives as long as the process. */
typedef struct strait_plugin {
    uint32_t struct_size;
    uint32_t minor;       /* STRAIT_PLUGIN_MINOR of the header it was built with */
    uint32_t minor_least; /* the lowest minor of a host that it can live with */
    uint32_t reserved;    /* 0 */
    const char *name;     /* "opencl": that of its file, strait_opencl.so, and of its driver */
    const char *version;  /* its own */
    const strait_driver *driver;
} strait_plugin;

/* Sizes in version 1.0, on machines with pointers of 8 bytes: nothing shorter is accepted. */
enum {
    STRAIT_PLUGIN_BYTES_1_0 = 40,
    STRAIT_DRIVER_BYTES_1_0 = 8 * 38,
    STRAIT_HOST_BYTES_1_0 = 8 * 9,
    STRAIT_PROPS_BYTES_1_0 = 408
};

#if defined(__GNUC__)
#define STRAIT_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define STRAIT_PLUGIN_EXPORT
#endif

/*
 * The one function that a plug-in exports. It is called in a process of its own first, and only if it returned there in
 * time in the one that will use it: it should look at the host's version and at nothing that takes long; vendor
 * libraries are opened in `count`. STRAIT_CODE_OK and *out, or a code and the reason by host->fail.
 */
STRAIT_PLUGIN_EXPORT int32_t strait_plugin_query_v1(const strait_host *host, const strait_plugin **out);
typedef int32_t (*strait_plugin_query_fn)(const strait_host *host, const strait_plugin **out);

#ifdef __cplusplus
}
#endif
#endif
