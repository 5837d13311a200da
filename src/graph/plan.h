/*
 * Placing activations: from the lifetimes of all arena tensors to offsets in one block of memory.
 */
#ifndef STRAIT_GRAPH_PLAN_H
#define STRAIT_GRAPH_PLAN_H

#include "graph/graph.h"

/*
 * Gives every arena tensor an offset such that tensors alive at the same node do not overlap, in place where an op
 * allows it (strait_op_buffer.over) and its input ends there, and sets graph->arena_bytes. Greedy by size, largest
 * first, at the lowest offset that is free: deterministic.
 */
strait_status strait_graph_plan(strait_graph *graph) STRAIT_MUST_USE;

#endif
