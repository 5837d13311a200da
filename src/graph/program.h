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

/* Told after each node how long it took, the queue being waited for: for profiles only, it makes a run slower. */
typedef struct strait_program_timer {
    void (*node)(void *user, const strait_op_desc *desc, uint32_t absent, double seconds);
    void *user;
} strait_program_timer;

/* One slice per store, and the workspace. */
typedef struct strait_bindings {
    strait_slice stores[STRAIT_STORE_COUNT];
    strait_slice workspace;
    const strait_program_timer *timer; /* borrowed; NULL: do not time */
} strait_bindings;

/* strait_op_run, timed where a timer is given. */
strait_status strait_program_run_op(strait_queue *queue, const strait_op_desc *desc, const strait_slice *buffers,
                                    int32_t count, const strait_bindings *bindings) STRAIT_MUST_USE;

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
