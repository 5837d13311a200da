/*
 * What an op is at the waist: a number, a storage dtype, a contract, integer dimensions and scalars, and buffers in a
 * fixed order. Shapes, buffers and dimensions of every op stand in this one header; a backend needs nothing else.
 *
 * M tokens are B sequences of T tokens each, sequence-major. All matrices are row-major. S is the storage dtype (f32
 * or bf16) of activations, their gradients and the weights used in compute; everything marked f32 is f32 in both.
 * Arithmetic is that of docs/numerics.md. "acc" gradients: with dim ACCUMULATE 0 the first contribution is stored, with
 * 1 it is added to what is there, and each further sequence's contribution is added in order either way.
 */
#ifndef STRAIT_DEVICE_OP_H
#define STRAIT_DEVICE_OP_H

#include <stdint.h>

#include "tensor/dtype.h"

/* STRAIT_OP(NAME, name): each has a folder ops/<name of the forward op>/; docs/add-an-op.md says what else names it. */
#define STRAIT_OPS(STRAIT_OP)                 \
    STRAIT_OP(EMBEDDING, embedding)           \
    STRAIT_OP(EMBEDDING_BWD, embedding_bwd)   \
    STRAIT_OP(EMBEDDING_FOLD, embedding_fold) \
    STRAIT_OP(LINEAR, linear)                 \
    STRAIT_OP(LINEAR_DX, linear_dx)           \
    STRAIT_OP(LINEAR_DW, linear_dw)           \
    STRAIT_OP(RMSNORM, rmsnorm)               \
    STRAIT_OP(RMSNORM_BWD, rmsnorm_bwd)       \
    STRAIT_OP(NORM_ROPE, norm_rope)           \
    STRAIT_OP(NORM_ROPE_BWD, norm_rope_bwd)   \
    STRAIT_OP(ATTENTION, attention)           \
    STRAIT_OP(ATTENTION_BWD, attention_bwd)   \
    STRAIT_OP(KV_STORE, kv_store)             \
    STRAIT_OP(SWIGLU, swiglu)                 \
    STRAIT_OP(SWIGLU_BWD, swiglu_bwd)         \
    STRAIT_OP(LINEAR_XENT, linear_xent)       \
    STRAIT_OP(LOSS_SUM, loss_sum)             \
    STRAIT_OP(ADD, add)                       \
    STRAIT_OP(GRAD_NORM, grad_norm)           \
    STRAIT_OP(ADAMW, adamw)

typedef enum strait_op {
#define STRAIT_OP_VALUE(NAME, name) STRAIT_OP_##NAME,
    STRAIT_OPS(STRAIT_OP_VALUE)
#undef STRAIT_OP_VALUE
        STRAIT_OP_COUNT
} strait_op;

/* Of docs/numerics.md: any change of an order or a rounding is a new version. */
#define STRAIT_NUMERICS_VERSION 1

typedef enum strait_numerics {
    STRAIT_NUMERICS_EXACT = 0, /* the same bits everywhere */
    STRAIT_NUMERICS_FAST = 1   /* a stated tolerance to exact, the same bits from run to run */
} strait_numerics;

enum { STRAIT_OP_MAX_BUFFERS = 12, STRAIT_OP_MAX_DIMS = 12, STRAIT_OP_MAX_SCALARS = 4, STRAIT_LINEAR_SEGMENTS = 3 };

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
 * LINEAR: y_i = x W_i^T for i < SEGMENTS (1 to 3); absent segments have no buffers and N_i = 0. y is S, or f32 if
 * DIM_OUT_F32. LINEAR_DX: dx = sum over i of dy_i W_i, k running over the segments in order, each starting a new block
 * of 512. LINEAR_DW: grad_i = dy_i^T x (acc), blocks restarting at each sequence of T tokens.
 */
enum {
    LINEAR_X,     /* S [M, K] */
    LINEAR_W,     /* S [N_i, K], three slots */
    LINEAR_Y = 4, /* S or f32 [M, N_i], three slots, out */
    LINEAR_BUFFERS = 7
};
enum {
    LINEAR_DX_DX,     /* S [M, K] out */
    LINEAR_DX_W,      /* S [N_i, K], three slots */
    LINEAR_DX_DY = 4, /* S [M, N_i], three slots */
    LINEAR_DX_BUFFERS = 7
};
enum {
    LINEAR_DW_X,      /* S [M, K] */
    LINEAR_DW_GRAD,   /* f32 [N_i, K], three slots, in out */
    LINEAR_DW_DY = 4, /* S [M, N_i], three slots */
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

/*
 * RMSNORM: x' = x + d (x' = x where D and XSUM are absent); r = 1/sqrt(sumsq(x')/H + eps); y = (x' r) w. The sum is
 * rounded to S before it is used.
 */
enum {
    RMSNORM_X,    /* S [M, H] */
    RMSNORM_D,    /* S [M, H] or absent */
    RMSNORM_W,    /* S [H] */
    RMSNORM_XSUM, /* S [M, H] out, absent with D */
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
 * (i, i + D/2) with cos = table[p][i], sin = table[p][D/2 + i], p = positions[m]. The normalised value is not rounded
 * in between.
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
    NORM_ROPE_DIM_T /* for its gradient only */
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
    NORM_ROPE_BWD_DIM_ACCUMULATE
};

/*
 * ATTENTION: causal, grouped-query. Sequence b has TQ query rows and room for TK key rows; length[b] keys are there
 * (TK where LENGTHS is absent) and query row i stands at position length[b] - TQ + i. Key j is visible to position p if
 * j <= p, p - j < WINDOW (where WINDOW > 0), and both are of the same document (where DOCUMENTS is given).
 * m is the row's maximum score before scaling, r = 1/l.
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
    ATTENTION_DIMS
};
enum { ATTENTION_SCALAR_SCALE };

/* ATTENTION_BWD: TQ = TK = T, no LENGTHS. The same dims and scalar as ATTENTION. */
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
    ATTENTION_BWD_BUFFERS
};

/* KV_STORE: cache[b][positions[b*TQ + i]] = x[b*TQ + i]. */
enum { KV_STORE_X /* S [B, TQ, N] */, KV_STORE_POSITIONS /* i32 [B*TQ] */, KV_STORE_CACHE /* S [B, TK, N] in out */ };
enum { KV_STORE_DIM_B, KV_STORE_DIM_TQ, KV_STORE_DIM_TK, KV_STORE_DIM_N };

/* SWIGLU: h = (g sigmoid(g)) u, elementwise over N elements. */
enum { SWIGLU_G, SWIGLU_U, SWIGLU_H /* out */ };
enum { SWIGLU_BWD_G, SWIGLU_BWD_U, SWIGLU_BWD_DH, SWIGLU_BWD_DG /* out */, SWIGLU_BWD_DU /* out */ };
enum { SWIGLU_DIM_N };

/*
 * LINEAR_XENT: loss[m] = cross-entropy of y[m] W^T against targets[m] (negative: ignored, loss +0), not scaled. Where
 * DY and GRAD are given it also computes, in the same pass, dy = dlogits W and grad = dlogits^T y (acc), with dlogits
 * scaled by step[STRAIT_STEP_LOSS_SCALE]. Logits exist for a chunk of tokens at a time only.
 */
enum {
    LINEAR_XENT_Y,       /* S [M, H] */
    LINEAR_XENT_W,       /* S [V, H] */
    LINEAR_XENT_TARGETS, /* i32 [M], below V */
    LINEAR_XENT_STEP,    /* f32 [STRAIT_STEP_WORDS]; may be absent without DY */
    LINEAR_XENT_LOSS,    /* f32 [M] out */
    LINEAR_XENT_DY,      /* S [M, H] out, or absent */
    LINEAR_XENT_GRAD,    /* f32 [V, H] in out (acc), absent with DY */
    LINEAR_XENT_BUFFERS
};
enum { LINEAR_XENT_DIM_M, LINEAR_XENT_DIM_H, LINEAR_XENT_DIM_V, LINEAR_XENT_DIM_T, LINEAR_XENT_DIM_ACCUMULATE };

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

/* ADAMW: as docs/numerics.md; nothing is written where step[APPLY] is 0. table rows: offset, length, 1 if decayed. */
enum {
    ADAMW_W,       /* f32 master weights, in out */
    ADAMW_M,       /* f32, in out */
    ADAMW_V,       /* f32, in out */
    ADAMW_G,       /* f32 */
    ADAMW_TABLE,   /* i64 [P, 3] */
    ADAMW_STEP,    /* f32 [STRAIT_STEP_WORDS] */
    ADAMW_COMPUTE, /* bf16 copy of w at the same element offsets, out; absent for dtype f32 */
    ADAMW_BUFFERS
};
enum { ADAMW_DIM_P, ADAMW_DIM_TOTAL };

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
    STRAIT_STEP_WORDS = 64
};

/* One op with its shape, before buffers are bound. */
typedef struct strait_op_desc {
    uint32_t struct_size;
    strait_op op;
    strait_dtype dtype; /* S: f32 or bf16 */
    strait_numerics numerics;
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
    int supported;
    const char *implementation; /* "avx2", "generic": static text */
    const char *reason;         /* why not, or why this one and not a faster: lives as long as the device; or NULL */
    int64_t workspace_bytes;
    strait_dtype accumulation;
    strait_determinism determinism;
} strait_op_info;

const char *strait_op_name(strait_op op);

#endif
