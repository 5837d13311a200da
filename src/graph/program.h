/*
 * A graph made ready for a device: every op resolved, every workspace counted. Running it enqueues the nodes in order;
 * nothing is allocated and no shape is computed.
 */
#ifndef STRAIT_GRAPH_PROGRAM_H
#define STRAIT_GRAPH_PROGRAM_H

#include "graph/graph.h"

typedef struct strait_program {
    strait_graph graph;      /* owned */
    strait_op_desc *descs;   /* owned: per node, with ACCUMULATE 0 ... */
    strait_op_desc *again;   /* owned: ... and with ACCUMULATE 1 */
    int64_t workspace_bytes; /* the most any node asks for */
} strait_program;

/* One slice per store, and the workspace. */
typedef struct strait_bindings {
    strait_slice stores[STRAIT_STORE_COUNT];
    strait_slice workspace;
} strait_bindings;

/*
 * Plans the graph and asks the device about every node. Takes the graph over on success and on failure; it is
 * zeroed. An op the device cannot run is STRAIT_ERR_UNSUPPORTED and names op, dtype, shape, device and reason.
 */
strait_status strait_program_create(strait_graph *graph, strait_device *device, strait_program *out) STRAIT_MUST_USE;
void strait_program_fini(strait_program *program);

/* Enqueues nodes [first, last). `accumulate`: later micro-batches of a shard add to what the first one stored. */
strait_status strait_program_run(const strait_program *program, strait_queue *queue, const strait_bindings *bindings,
                                 int32_t first, int32_t last, bool accumulate) STRAIT_MUST_USE;

/* Where a tensor is. */
strait_slice strait_program_slice(const strait_program *program, const strait_bindings *bindings,
                                  strait_tensor_id tensor);

#endif
