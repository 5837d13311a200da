/* Choices of experts that were made elsewhere, to be taken instead of a router's own: read from a trace or written by
 * another program. */
#ifndef STRAIT_TRAIN_ROUTING_H
#define STRAIT_TRAIN_ROUTING_H

#include "ckpt/hf_config.h"

typedef struct strait_routing {
    int64_t steps;
    int64_t tokens;
    int64_t top_k;
    int32_t *ids; /* owned: [sparse layers][steps][tokens][top_k], ascending in each row */
} strait_routing;

/*
 * From a safetensors file: for each layer with experts the tensor "routing.<layer>" I32 [steps, rows, length, top_k],
 * or "router.ids.<layer>" I32 [rows, length, top_k] as a trace has it. A file without one of them, of another shape, or
 * with an expert that the model does not have or that a token has twice is refused. On failure there is nothing to
 * free.
 */
strait_status strait_routing_read(const char *path, const strait_model_config *config, int64_t rows, int64_t length,
                                  strait_routing *out) STRAIT_MUST_USE;
void strait_routing_fini(strait_routing *routing);

/* The choices of one layer, the sparse-th that has experts, in a pass: `step` from 0; the last step's stay. */
const int32_t *strait_routing_at(const strait_routing *routing, int64_t sparse, int64_t step);

#endif
