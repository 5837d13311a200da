/* See tolerance.h: sqrt(2 n) roundings' worth, n of them between the tokens and that gradient. */
#include "train/tolerance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Values rounded in a layer forward, and as many of their gradients backward; and the embedding, the last norm, its
 * gradient and that of the logits.
 */
enum { ROUNDED_IN_LAYER = 15, ROUNDED_OUTSIDE = 4 };

int64_t strait_layer_of(const char *name, int64_t layers)
{
    static const char prefix[] = "model.layers.";
    if (strncmp(name, prefix, sizeof prefix - 1) == 0) return strtol(name + sizeof prefix - 1, NULL, 10);
    return strcmp(name, "model.embed_tokens.weight") == 0 ? 0 : layers;
}

double strait_gradient_limit(strait_dtype dtype, int64_t layers, int64_t layer, int64_t longest)
{
    double rounding = 0.41 * sqrt((double)longest) * 0x1p-24;
    if (dtype == STRAIT_DTYPE_BF16) rounding += 0.43 * 0x1p-8;
    int64_t rounded = ROUNDED_IN_LAYER * layers + ROUNDED_IN_LAYER * (layers - layer) + ROUNDED_OUTSIDE;
    return sqrt(2.0 * (double)rounded) * rounding;
}
