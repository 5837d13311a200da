/*
 * A computation as data: tensors, and nodes that are ops on them in the order in which they run.
 *
 * A model builder emits forward nodes once; differentiate (backward.h) appends their gradients; plan (plan.h) places
 * every tensor; a program (program.h) runs the list. Nothing here computes, and nothing is allocated once it runs. A
 * graph belongs to one thread.
 */
#ifndef STRAIT_GRAPH_GRAPH_H
#define STRAIT_GRAPH_GRAPH_H

#include "base/memory.h"
#include "device/device.h"

/* Where a tensor lives. A program is given one slice per store when it runs. */
#define STRAIT_STORES(X)                                                      \
    X(WEIGHTS) /* parameters as compute reads them: S */                      \
    X(GRADS)   /* f32 gradients, laid out like the weights */                 \
    X(ARENA)   /* activations, placed by the plan */                          \
    X(INPUTS)  /* filled by the host before a run */                          \
    X(STATE)   /* kept between runs: tables, caches, accumulators, results */ \
    X(FROZEN)  /* parameters that are not trained, as compute reads them: S */

typedef enum strait_store {
#define STRAIT_STORE_VALUE(name) STRAIT_STORE_##name,
    STRAIT_STORES(STRAIT_STORE_VALUE)
#undef STRAIT_STORE_VALUE
        STRAIT_STORE_COUNT
} strait_store;

/* How readily an activation is thrown away after the forward pass and computed again (memory.recompute). */
typedef enum strait_keep {
    STRAIT_KEEP_BOUNDARY = 0, /* always kept: the residual stream between layers */
    STRAIT_KEEP_HEAVY = 1,    /* recomputed by `full` only: products and attention */
    STRAIT_KEEP_CHEAP = 2     /* recomputed by `light` and `full`: norms, rotations, activations */
} strait_keep;

typedef enum strait_recompute {
    STRAIT_RECOMPUTE_NONE = 0,
    STRAIT_RECOMPUTE_LIGHT = 1,
    STRAIT_RECOMPUTE_FULL = 2
} strait_recompute;

typedef int32_t strait_tensor_id;
enum { STRAIT_NO_TENSOR = -1 };

typedef struct strait_tensor {
    char name[96];
    strait_dtype dtype;
    int64_t rows; /* shape [rows, columns], row-major */
    int64_t columns;
    int64_t bytes;
    strait_store store;
    int64_t offset; /* bytes in its store; for ARENA set by the plan */
    strait_keep keep;
    int32_t producer;         /* node that writes it, or -1 */
    strait_tensor_id grad_of; /* for a weight: the tensor of its gradient, or STRAIT_NO_TENSOR */
} strait_tensor;

typedef struct strait_node {
    strait_op_desc desc;
    strait_tensor_id buffers[STRAIT_OP_MAX_BUFFERS]; /* in the order of device/op.h; STRAIT_NO_TENSOR = absent */
    int32_t buffer_count;
    int32_t accumulate_dim; /* which dim is the ACCUMULATE flag, or -1 */
    int32_t beside; /* 1 + the node before it that reads the same input and adds both gradients of it; 0 = none */
} strait_node;

/* Named places in a store that several graphs share (the STATE of a prompt graph and of a decoding graph, say). */
typedef struct strait_layout_entry {
    char name[96];
    int64_t bytes;
    int64_t offset;
} strait_layout_entry;
typedef struct strait_layout {
    strait_layout_entry *entries; /* owned */
    int32_t count;
    int64_t bytes; /* of the whole store */
} strait_layout;

/* The place called `name`, made at the end when new. The same name with other bytes is STRAIT_ERR_INTERNAL. */
strait_status strait_layout_place(strait_layout *layout, const char *name, int64_t bytes,
                                  int64_t *out_offset) STRAIT_MUST_USE;
void strait_layout_fini(strait_layout *layout);

typedef struct strait_graph {
    strait_dtype dtype; /* S */
    strait_numerics numerics;
    strait_tensor *tensors; /* owned */
    int32_t tensor_count;
    strait_node *nodes; /* owned, in order of execution */
    int32_t node_count;
    int32_t forward_count; /* nodes of the forward pass; set by differentiate */
    strait_layout inputs;
    strait_layout *state;         /* borrowed; shared between graphs */
    strait_tensor_id *shard_zero; /* owned: tensors to fill with zero when a shard begins */
    int32_t shard_zero_count;
    int64_t arena_bytes; /* set by the plan */
} strait_graph;

enum { STRAIT_BUFFER_ALIGNMENT = 256 };

/* `state` is borrowed and must outlive the graph. */
void strait_graph_init(strait_graph *graph, strait_dtype dtype, strait_numerics numerics, strait_layout *state);
void strait_graph_fini(strait_graph *graph);

/* An activation in S (or any dtype) of shape [rows, columns]. The name is for plans, traces and errors. */
strait_status strait_graph_activation(strait_graph *graph, const char *name, strait_dtype dtype, int64_t rows,
                                      int64_t columns, strait_keep keep, strait_tensor_id *out) STRAIT_MUST_USE;
/* A weight at a byte offset of the compute store, and its f32 gradient at an offset of the gradient store. */
strait_status strait_graph_weight(strait_graph *graph, const char *name, int64_t rows, int64_t columns, int64_t offset,
                                  int64_t grad_offset, strait_tensor_id *out) STRAIT_MUST_USE;
/* The same weight once more, with a gradient of its own, an f32 tensor of its shape. */
strait_status strait_graph_weight_again(strait_graph *graph, const char *name, strait_tensor_id weight,
                                        strait_tensor_id grad, strait_tensor_id *out) STRAIT_MUST_USE;
/* A weight without a gradient, at a byte offset of the frozen store. */
strait_status strait_graph_frozen(strait_graph *graph, const char *name, int64_t rows, int64_t columns, int64_t offset,
                                  strait_tensor_id *out) STRAIT_MUST_USE;
/* f32 values at a byte offset of the compute store, or the frozen one, that have no gradient. */
strait_status strait_graph_buffer(strait_graph *graph, const char *name, strait_store store, int64_t elements,
                                  int64_t offset, strait_tensor_id *out) STRAIT_MUST_USE;
strait_status strait_graph_input(strait_graph *graph, const char *name, strait_dtype dtype, int64_t rows,
                                 int64_t columns, strait_tensor_id *out) STRAIT_MUST_USE;
strait_status strait_graph_state(strait_graph *graph, const char *name, strait_dtype dtype, int64_t rows,
                                 int64_t columns, strait_tensor_id *out) STRAIT_MUST_USE;
/* Fill this tensor with zeros whenever a shard begins. */
strait_status strait_graph_zero_at_shard(strait_graph *graph, strait_tensor_id tensor) STRAIT_MUST_USE;

/*
 * Appends a node. `desc` needs op and dims and scalars only: dtype and numerics are the graph's. Buffer sizes are
 * checked against the tensors; accumulate_dim is -1 for ops without that flag.
 */
strait_status strait_graph_emit(strait_graph *graph, const strait_op_desc *desc, const strait_tensor_id *buffers,
                                int32_t accumulate_dim) STRAIT_MUST_USE;

/* The tensor of that name, or STRAIT_NO_TENSOR. */
strait_tensor_id strait_graph_find(const strait_graph *graph, const char *name);

/* How a node uses its buffer i. */
strait_access strait_node_access(const strait_node *node, int32_t buffer);

#endif
