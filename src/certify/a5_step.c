/*
 * A5: one step of a model of four layers, every layer's gradient against the CPU's. In exact its hash is the CPU's; in
 * fast its distance lies in the band of what the CPU itself does when every weight moves by one ulp (band.inc): a chip
 * whose error is as large as that of rounding the inputs cannot be told from one that rounds differently.
 */
#include "base/memory.h"
#include "certify/certificate.h"
#include "certify/model_step.h"

#include <string.h>

/* Largest of 20 perturbed runs, each with a seed of its own: [dtype][group]. */
static const double band[STRAIT__STEP_FORMS][STRAIT__STEP_GROUPS] = {
#include "certify/band.inc"
};
/*
 * A moved weight is off by a whole ulp. A rounding is off by half of one at most, 0.29 rms; on its way through a layer
 * a value meets about ten (norm, three products and their sums, attention, residual, SwiGLU), which add as their
 * squares: 0.9 ulp, and with those of the CPU 1.3. The rest up to 2 is for the band being the largest of 20 runs, not a
 * bound.
 */
static const double ROUNDINGS = 2.0;

static const char *group_name(int group)
{
    static const char *const names[STRAIT__STEP_GROUPS] = {"embedding", "layer 0", "layer 1",
                                                           "layer 2",   "layer 3", "head"};
    return names[group];
}

static strait_status judge_layers(strait_certification *c, const strait__step *got, const strait__step *want, int form,
                                  const char *name)
{
    for (int group = 0; group < STRAIT__STEP_GROUPS; group++) {
        char item[64];
        double cosine;
        double distance = strait__step_distance(got, want, group, &cosine);
        snprintf(item, sizeof item, "%s %s", name, group_name(group));
        STRAIT_TRY(strait__figure(c, STRAIT_RULE_LAYER_DISTANCE, item, distance, NULL));
        STRAIT_TRY(
            strait__figure(c, STRAIT_RULE_LAYER_OF_BAND, item, distance / (ROUNDINGS * band[form][group]), NULL));
        STRAIT_TRY(strait__figure(c, STRAIT_RULE_LAYER_COSINE, item, cosine, NULL));
    }
    return STRAIT_OK;
}

/* Does any product of this dtype round otherwise in fast? */
static strait_status fast_differs(strait_device *device, strait_dtype dtype, bool *out)
{
    strait_op_desc desc = {.struct_size = sizeof desc,
                           .op = STRAIT_OP_LINEAR,
                           .dtype = dtype,
                           .numerics = STRAIT_NUMERICS_FAST,
                           .dims = {64, 64, 1, 64}};
    strait_op_info info;
    STRAIT_TRY(strait_op_query(device, &desc, &info));
    *out = info.supported && info.determinism != STRAIT_DETERMINISM_EXACT;
    return STRAIT_OK;
}

static strait_status one_form(strait_certification *c, strait_device *cpu, int form)
{
    strait_dtype dtype = form == 0 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16;
    strait__step want, got = {.gradients = NULL};
    char hashes[2][STRAIT_SHA256_HEX], item[64];
    bool differs;
    STRAIT_TRY(strait__step_run(cpu, c->seed, dtype, STRAIT_NUMERICS_EXACT, 0, &want));
    strait__step_hash(&want, hashes[0]);
    strait_status status = fast_differs(c->device, dtype, &differs);
    for (int fast = 0; fast < 2 && status == STRAIT_OK && (!fast || differs); fast++) {
        snprintf(item, sizeof item, "%s %s", strait_dtype_name(dtype), fast ? "fast" : "exact");
        status = strait__certify_progress(c, item, 2 * form + fast, 4);
        if (status == STRAIT_OK) {
            status = strait__step_run(c->device, c->seed, dtype, fast ? STRAIT_NUMERICS_FAST : STRAIT_NUMERICS_EXACT, 0,
                                      &got);
        }
        if (status != STRAIT_OK) break;
        strait__step_hash(&got, hashes[1]);
        status = strait__figure(c, STRAIT_RULE_LOSS, item, got.loss, NULL);
        if (status == STRAIT_OK && !fast)
            status = strait__figure_hash(c, STRAIT_RULE_STEP_HASH, item, hashes[1], hashes[0]);
        if (status == STRAIT_OK) status = judge_layers(c, &got, &want, form, item);
        strait_free(got.gradients);
        got.gradients = NULL;
    }
    strait_free(want.gradients);
    return status;
}

static strait_status open_cpu(strait_device **out)
{
    strait_device_options options = {.struct_size = sizeof options};
    return strait_device_open("cpu", &options, out);
}

strait_status strait__certify_step(strait_certification *c)
{
    strait_device *cpu;
    STRAIT_TRY(open_cpu(&cpu));
    strait_status status = one_form(c, cpu, 0);
    if (status == STRAIT_OK && c->props->supports_bf16) status = one_form(c, cpu, 1);
    strait_device_close(cpu);
    if (status == STRAIT_OK && !c->failed) {
        snprintf(c->why, sizeof c->why, "gradients of %d layers, each the CPU's or within the band",
                 STRAIT__STEP_LAYERS);
    }
    return status;
}

strait_status strait__step_reference(uint32_t seed, const char *item, char out[STRAIT_SHA256_HEX])
{
    bool f32 = strcmp(item, "f32 exact") == 0;
    if (!f32 && strcmp(item, "bf16 exact") != 0)
        return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "'%s' is no step of A5", item);
    strait_device *cpu;
    strait__step want = {.gradients = NULL};
    STRAIT_TRY(open_cpu(&cpu));
    strait_status status =
        strait__step_run(cpu, seed, f32 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16, STRAIT_NUMERICS_EXACT, 0, &want);
    if (status == STRAIT_OK) strait__step_hash(&want, out);
    strait_free(want.gradients);
    strait_device_close(cpu);
    return status;
}
