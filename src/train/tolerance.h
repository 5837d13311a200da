/* How far two computations of one gradient may lie apart in fast: docs/numerics.md, section 11. */
#ifndef STRAIT_TRAIN_TOLERANCE_H
#define STRAIT_TRAIN_TOLERANCE_H

#include "tensor/dtype.h"

#include <stdint.h>

/* The layer a parameter counts for: the embedding for layer 0, the last norm and the head for `layers`. */
int64_t strait_layer_of(const char *name, int64_t layers);
/*
 * The largest relative L2 distance between the gradients of a tensor of `layer`, in a model of `layers`, whose longest
 * sum has `longest` terms.
 */
double strait_gradient_limit(strait_dtype dtype, int64_t layers, int64_t layer, int64_t longest);

#endif
