/*
 * What keeps routers in balance, as parts of a graph: how often each expert is chosen, the auxiliary losses that follow
 * from it, and the load by which a selection bias is moved. Called by the block of experts.
 */
#ifndef STRAIT_MODEL_BALANCE_H
#define STRAIT_MODEL_BALANCE_H

#include "model/layers.h"

/* Once for each layer with experts, after its router: counts what this graph has to count. */
strait_status strait_balance_count(strait_layers *layers, int layer, const strait_moe_route *routed) STRAIT_MUST_USE;
/*
 * After the router of the last such layer: the losses of all of them. With STRAIT_BUILD_COUNT nothing is left to do
 * then, and layers->finished is set.
 */
strait_status strait_balance_finish(strait_layers *layers, int64_t score) STRAIT_MUST_USE;

#endif
