/*
 * Putting ops into a graph: one function per forward op, used by the model builders. Shapes follow from the tensors; M
 * is the rows of the first input. Activations are named `name`, or name + "." + output.
 */
#ifndef STRAIT_OPS_EMIT_H
#define STRAIT_OPS_EMIT_H

#include "graph/graph.h"

/* y[M, H] = table[ids]. In training the model builder declares "NAME.slots" and, for a tied table,
 * "NAME.accumulator", NAME being the op's: its gradient finds them by name. */
typedef struct strait_embedding {
    strait_tensor_id ids;   /* i32 [M] */
    strait_tensor_id table; /* weight [V, H] */
    strait_tensor_id y;     /* out */
} strait_embedding;
strait_status strait_emit_embedding(strait_graph *graph, const char *name, strait_embedding *op) STRAIT_MUST_USE;

/* y_i[M, N_i] = x W_i^T for up to three weights that share their input. */
typedef struct strait_linear {
    strait_tensor_id x;
    strait_tensor_id w[STRAIT_LINEAR_SEGMENTS];
    int32_t segments;
    bool into_y;             /* y is the caller's, in f32 or the graph's dtype; else it is made here */
    int64_t sequence_length; /* T, where the sums over tokens restart */
    int32_t beside;          /* 1 + the node of a product that reads x too and comes first; 0 = none */
    strait_tensor_id y[STRAIT_LINEAR_SEGMENTS]; /* out, or in with into_y */
} strait_linear;
strait_status strait_emit_linear(strait_graph *graph, const char *name, strait_linear *op) STRAIT_MUST_USE;

/* y = x + b of a product x in f32. */
typedef struct strait_bias {
    strait_tensor_id x;
    strait_tensor_id b; /* weight [N] */
    int64_t sequence_length;
    strait_tensor_id y; /* out */
} strait_bias;
strait_status strait_emit_bias(strait_graph *graph, const char *name, strait_bias *op) STRAIT_MUST_USE;

/* y = x + scale u, or where x is STRAIT_NO_TENSOR scale u. */
typedef struct strait_scaled_add {
    strait_tensor_id x;
    strait_tensor_id u;
    float scale;
    bool wide;          /* y is f32 */
    strait_tensor_id y; /* out */
} strait_scaled_add;
strait_status strait_emit_scaled_add(strait_graph *graph, const char *name, strait_scaled_add *op) STRAIT_MUST_USE;

/* y = x with a share `rate` of its elements dropped and the others scaled up; each use has a stream of its own. */
typedef struct strait_dropout {
    strait_tensor_id x;
    strait_tensor_id sequences; /* i32 [B]: their numbers in the step */
    strait_tensor_id step;
    int64_t stream;
    int64_t sequence_length;
    double rate;        /* below 1 */
    int32_t beside;     /* as of a linear layer */
    strait_tensor_id y; /* out */
} strait_dropout;
strait_status strait_emit_dropout(strait_graph *graph, const char *name, strait_dropout *op) STRAIT_MUST_USE;

/* y = norm(x + d) w, and the sum itself; d may be STRAIT_NO_TENSOR, then xsum is x. */
typedef struct strait_rmsnorm {
    strait_tensor_id x;
    strait_tensor_id d;
    strait_tensor_id w;
    float eps;
    int64_t sequence_length;
    strait_keep keep_sum;  /* BOUNDARY for the stream between layers */
    strait_tensor_id xsum; /* out */
    strait_tensor_id y;    /* out */
} strait_rmsnorm;
strait_status strait_emit_rmsnorm(strait_graph *graph, const char *name, strait_rmsnorm *op) STRAIT_MUST_USE;

/* Per head RMSNorm (w = STRAIT_NO_TENSOR: none) and rotary embedding. */
typedef struct strait_norm_rope {
    strait_tensor_id x;
    strait_tensor_id w;
    strait_tensor_id table;     /* f32 [P, D] */
    strait_tensor_id positions; /* i32 [M] */
    int64_t heads;
    int64_t head_dim;
    int64_t table_rows; /* P */
    bool interleaved;   /* pairs are (2i, 2i + 1) */
    float eps;
    int64_t sequence_length;
    strait_tensor_id y; /* out */
} strait_norm_rope;
strait_status strait_emit_norm_rope(strait_graph *graph, const char *name, strait_norm_rope *op) STRAIT_MUST_USE;

typedef struct strait_attention {
    strait_tensor_id q;
    strait_tensor_id k;
    strait_tensor_id v;
    strait_tensor_id documents; /* or STRAIT_NO_TENSOR */
    strait_tensor_id lengths;   /* or STRAIT_NO_TENSOR */
    int64_t batch;
    int64_t query_rows; /* TQ */
    int64_t key_rows;   /* TK */
    int64_t query_heads;
    int64_t kv_heads;
    int64_t head_dim;
    int64_t window;
    float scale;
    double dropout;             /* rate; 0: the next three mean nothing */
    int64_t stream;             /* of dropout */
    strait_tensor_id sequences; /* i32 [B]: their numbers in the step */
    strait_tensor_id step;
    strait_tensor_id o; /* out */
} strait_attention;
strait_status strait_emit_attention(strait_graph *graph, const char *name, strait_attention *op) STRAIT_MUST_USE;

/* cache[b][positions] = x; no gradient. */
strait_status strait_emit_kv_store(strait_graph *graph, strait_tensor_id x, strait_tensor_id positions,
                                   strait_tensor_id cache, int64_t batch, int64_t query_rows,
                                   int64_t key_rows) STRAIT_MUST_USE;

/* Heads of `width` columns taken apart into pieces of `first` and `second`, or put together; rows of the second piece
 * are filled up to second_width. `shared`: all heads have one second piece. */
typedef struct strait_heads {
    int64_t heads;
    int64_t width;
    int64_t first;
    int64_t second;
    int64_t second_width;
    bool shared;
    bool first_only;        /* split: the second piece is of no use */
    strait_tensor_id whole; /* split: in, join: out */
    strait_tensor_id a;     /* split: out, join: in */
    strait_tensor_id b;
} strait_heads;
strait_status strait_emit_split_heads(strait_graph *graph, const char *name, strait_heads *op) STRAIT_MUST_USE;
strait_status strait_emit_join_heads(strait_graph *graph, const char *name, strait_heads *op) STRAIT_MUST_USE;

/* h = (g sigmoid(g)) u. */
strait_status strait_emit_swiglu(strait_graph *graph, const char *name, strait_tensor_id g, strait_tensor_id u,
                                 strait_tensor_id *out_h) STRAIT_MUST_USE;

/* Which experts each row of a router's f32 logits goes to, and their weights (include/strait/device_plugin.h). The
 * logits come from a linear layer, the first that reads what the experts read. */
typedef struct strait_moe_route {
    strait_tensor_id logits; /* f32 [M, E] */
    strait_tensor_id bias;   /* f32 [E], for the choice only, or STRAIT_NO_TENSOR */
    int64_t top_k;
    int64_t score; /* STRAIT_MOE_SOFTMAX or STRAIT_MOE_SIGMOID */
    int64_t groups;
    int64_t groups_kept;
    bool mask_zero;
    bool normalise;
    float scale;
    float least;
    float eps;
    bool replayed; /* `ids` is given */
    int64_t sequence_length;
    strait_tensor_id ids;     /* out or in, i32 [M, top_k], ascending in a row */
    strait_tensor_id weights; /* out, f32 [M, top_k] */
} strait_moe_route;
strait_status strait_emit_moe_route(strait_graph *graph, const char *name, strait_moe_route *op) STRAIT_MUST_USE;
/* The choice alone: `ids`. */
strait_status strait_emit_moe_choose(strait_graph *graph, const char *name, strait_moe_route *op) STRAIT_MUST_USE;

/* counts = or += how often each expert stands in each of counts' runs of tokens. `counts` is made by the caller. */
typedef struct strait_moe_count {
    strait_tensor_id ids;
    strait_tensor_id counts; /* i32 [G, E] */
    bool accumulate;
} strait_moe_count;
strait_status strait_emit_moe_count(strait_graph *graph, const strait_moe_count *op) STRAIT_MUST_USE;

/*
 * The losses of a router's logits for each token; where they stand in a graph, the router's gradient has theirs. `aux`
 * and `z` are made by the caller, `z` may be STRAIT_NO_TENSOR, and so may `counts` and `aux` together.
 */
typedef struct strait_moe_balance {
    strait_tensor_id logits; /* f32 [M, E] */
    strait_tensor_id counts; /* i32 [G, E] */
    strait_tensor_id aux;    /* f32 [M] */
    strait_tensor_id z;      /* f32 [M] */
    int64_t score;           /* STRAIT_MOE_SOFTMAX or STRAIT_MOE_SIGMOID */
    int64_t sequence_length;
    float factor; /* gradient of a score for each that was counted */
    float half_z;
    bool accumulate; /* the losses are added to what stands there */
} strait_moe_balance;
strait_status strait_emit_moe_balance(strait_graph *graph, const char *name,
                                      const strait_moe_balance *op) STRAIT_MUST_USE;

/* The rows of x sorted by the experts they go to. */
typedef struct strait_moe_dispatch {
    strait_tensor_id ids;
    strait_tensor_id x;
    int64_t experts;
    int64_t sequence_length;
    strait_tensor_id offsets; /* out */
    strait_tensor_id places;  /* out */
    strait_tensor_id xe;      /* out, [M * top_k, H] */
} strait_moe_dispatch;
strait_status strait_emit_moe_dispatch(strait_graph *graph, const char *name, strait_moe_dispatch *op) STRAIT_MUST_USE;

/* y_i = x W_i^T, W of each row's expert, for one weight or two. w: the matrices of all experts, `stride` apart. */
typedef struct strait_moe_linear {
    strait_tensor_id x;
    strait_tensor_id offsets;
    strait_tensor_id w[2];
    int32_t segments;
    int64_t width; /* rows of one expert's matrix */
    int64_t stride;
    int64_t experts;
    int64_t sequences;
    int32_t beside;        /* as of a linear layer */
    strait_tensor_id y[2]; /* out */
} strait_moe_linear;
strait_status strait_emit_moe_linear(strait_graph *graph, const char *name, strait_moe_linear *op) STRAIT_MUST_USE;

/* y = the weighted sum of each token's rows of ye, plus `shared` where there is one. */
typedef struct strait_moe_combine {
    strait_tensor_id ye;
    strait_tensor_id weights;
    strait_tensor_id places;
    strait_tensor_id shared; /* or STRAIT_NO_TENSOR */
    strait_tensor_id y;      /* out */
} strait_moe_combine;
strait_status strait_emit_moe_combine(strait_graph *graph, const char *name, strait_moe_combine *op) STRAIT_MUST_USE;

/* loss[m] of y W^T against targets; the logits are never whole in memory. `loss` is a tensor made by the caller. */
typedef struct strait_linear_xent {
    strait_tensor_id y;
    strait_tensor_id w;
    strait_tensor_id targets;
    strait_tensor_id step;
    strait_tensor_id loss; /* f32 [M] */
    int64_t sequence_length;
} strait_linear_xent;
strait_status strait_emit_linear_xent(strait_graph *graph, const strait_linear_xent *op) STRAIT_MUST_USE;

/* sum[0] = or += the sum of loss over the micro-batch. */
strait_status strait_emit_loss_sum(strait_graph *graph, strait_tensor_id loss, strait_tensor_id sum,
                                   int64_t sequence_length) STRAIT_MUST_USE;

#endif
