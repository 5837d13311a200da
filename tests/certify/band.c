/*
 * Prints src/certify/band.inc: for each dtype and group of layers the largest relative distance of gradients among 20
 * runs, each with weights and tokens of its own, between those weights and the same moved by one ulp each.
 */
#include "base/memory.h"
#include "certify/model_step.h"

#include <math.h>
#include <stdio.h>

enum { RUNS = 20 };

static strait_status one(strait_device *device, int run, strait_dtype dtype, double largest[STRAIT__STEP_GROUPS])
{
    strait__step base, moved;
    uint32_t seed = 1000 + (uint32_t)run;
    STRAIT_TRY(strait__step_run(device, seed, dtype, STRAIT_NUMERICS_EXACT, 0, &base));
    strait_status status = strait__step_run(device, seed, dtype, STRAIT_NUMERICS_EXACT, 1 + run, &moved);
    for (int group = 0; group < STRAIT__STEP_GROUPS && status == STRAIT_OK; group++) {
        double cosine;
        largest[group] = fmax(largest[group], strait__step_distance(&moved, &base, group, &cosine));
    }
    strait_free(base.gradients);
    if (status == STRAIT_OK) strait_free(moved.gradients);
    return status;
}

int main(void)
{
    strait_device_options options = {.struct_size = sizeof options};
    strait_device *device;
    strait_status status = strait_device_open("cpu", &options, &device);
    printf("/* Made by `make certify-band`: f32, then bf16; embedding, layers 0 to 3, head. */\n");
    for (int form = 0; form < STRAIT__STEP_FORMS && status == STRAIT_OK; form++) {
        double largest[STRAIT__STEP_GROUPS] = {0};
        for (int run = 0; run < RUNS && status == STRAIT_OK; run++) {
            status = one(device, run, form == 0 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16, largest);
        }
        printf("{");
        for (int i = 0; i < STRAIT__STEP_GROUPS; i++) printf("%s%.3e", i ? ", " : "", largest[i]);
        printf("},\n");
    }
    if (status != STRAIT_OK) fprintf(stderr, "strait_band: %s\n", strait_error_message());
    return status != STRAIT_OK;
}
