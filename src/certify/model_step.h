/* The model step of A5: the gradients of a small model on a device, layer by layer. Private; make certify-band uses it.
 */
#ifndef STRAIT_CERTIFY_MODEL_STEP_H
#define STRAIT_CERTIFY_MODEL_STEP_H

#include "base/hash.h"
#include "device/device.h"

/* Layers of the model, and before and behind them the embedding and what follows the last. */
enum { STRAIT__STEP_LAYERS = 4, STRAIT__STEP_GROUPS = STRAIT__STEP_LAYERS + 2, STRAIT__STEP_FORMS = 2 };

typedef struct strait__step {
    float *gradients; /* owned: strait_free */
    int64_t count;
    int64_t begin[64]; /* of each parameter, in `gradients` ... */
    int64_t length[64];
    int group[64]; /* ... and the group it belongs to */
    int parameters;
    double loss;
} strait__step;

/*
 * Weights and tokens are drawn from the seed; `perturb` > 0 moves every weight up or down by one ulp of the storage
 * dtype at random, differently for each number.
 */
strait_status strait__step_run(strait_device *device, uint32_t seed, strait_dtype dtype, strait_numerics numerics,
                               int perturb, strait__step *out) STRAIT_MUST_USE;
/* |a - b| / |b| of a group, and the cosine of the angle between the two. */
double strait__step_distance(const strait__step *a, const strait__step *b, int group, double *out_cosine);
void strait__step_hash(const strait__step *step, char out[STRAIT_SHA256_HEX]);

#endif
