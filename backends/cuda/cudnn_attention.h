/* Attention as cuDNN has it: its shape, and the graphs of it. */
#ifndef STRAIT_BACKENDS_CUDA_CUDNN_ATTENTION_H
#define STRAIT_BACKENDS_CUDA_CUDNN_ATTENTION_H

#include "backends/cuda/cudnn.h"

/* Only numbers, so that two can be compared as bytes. */
typedef struct dnn_attention {
    int64_t batch, length, query_heads, key_heads, d;
} dnn_attention;

/* What memory and numbers are known by in a graph. */
enum {
    DNN_ID_Q = 1,
    DNN_ID_K,
    DNN_ID_V,
    DNN_ID_O,
    DNN_ID_STATS, /* [B, T, HQ], as M and R: scale m + log l */
    DNN_ID_DO,
    DNN_ID_DQ,
    DNN_ID_DK,
    DNN_ID_DV,
    DNN_ID_DELTA, /* [B, T, HQ]: the sum of do o, which the library wants memory for */
    DNN_ID_M,
    DNN_ID_R,
    DNN_ID_SCALE, /* numbers from here on */
    DNN_ID_SCALE_AGAIN,
    DNN_ID_ONE,
    DNN_ID_HIDDEN,
    DNN_IDS
};

/* [batch, heads, length, d] of memory [batch, length, heads, d]; a number for each row and head, as our m and r lie. */
dnn_tensor dnn_heads(dnn_graph *graph, const dnn_attention *shape, int64_t id, int64_t heads);
dnn_tensor dnn_rows(dnn_graph *graph, const dnn_attention *shape, int64_t id);

/* The same as dnn_describe_forward as one operation, for 9.21 and newer (cudnn_sdpa.c). */
void dnn_describe_forward_op(dnn_graph *graph, const dnn_attention *shape);
/* q k^T, causal softmax, times v. Q, K, V, SCALE, HIDDEN -> O, STATS */
void dnn_describe_forward(dnn_graph *graph, const dnn_attention *shape);
/* Its gradient. Q, K, V, O, DO, STATS, SCALE, SCALE_AGAIN, ONE, HIDDEN -> DELTA, DQ, DK, DV */
void dnn_describe_backward(dnn_graph *graph, const dnn_attention *shape);
/* STATS, SCALE -> M = STATS / SCALE, R = 1 */
void dnn_describe_ours(dnn_graph *graph, const dnn_attention *shape);
/* M, R, SCALE -> STATS */
void dnn_describe_theirs(dnn_graph *graph, const dnn_attention *shape);

/* ---- cudnn_plan.c ---- */

typedef struct dnn_state dnn_state;

/* What was found out about a shape, once: the same way is taken from then on. */
typedef struct dnn_plan {
    struct dnn_plan *next;
    dnn_attention shape;
    bool backward;
    const char *reason; /* why the library does not do it; NULL: it does */
    int64_t workspace;  /* bytes, of the library's own */
    dnn_graph attention;
    dnn_graph statistics; /* from the library's to ours, or back */
} dnn_plan;

/* Where a run finds what its graphs know by a number; absent: 0. */
typedef struct dnn_places {
    gpu_address memory[DNN_IDS];
    float numbers[DNN_IDS]; /* the caller gives SCALE */
    gpu_address workspace;
} dnn_places;

/* What a device needs for it; nothing is opened yet. */
int32_t dnn_open(dnn_state **out);
void dnn_close(gpu_device_state *device, dnn_state *state);
/* *out_library: the opened one, with a handle on the device; NULL with *out_reason where there is none. */
int32_t dnn_start(gpu_device_state *device, dnn_state *state, const dnn_library **out_library, const char **out_reason);
/* The plan of a shape, made where there is none; it lives as long as the device. dnn_start came before. */
int32_t dnn_plan_get(gpu_device_state *device, dnn_state *state, const dnn_attention *shape, bool backward,
                     const dnn_plan **out);
/* Puts both graphs on the stream. */
int32_t dnn_run(gpu_device_state *device, dnn_state *state, const dnn_plan *plan, dnn_places *places,
                gpu_stream stream);

#endif
