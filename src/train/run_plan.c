/* Planning a run and nothing else. */
#include "train/run_plan.h"

#include "train/run.h"

#include <stdio.h>

static strait_status copy_plan(const strait_run *run, strait_run_plan *out)
{
    int64_t memory_free;
    int64_t total;
    STRAIT_TRY(strait_device_memory(run->device, &memory_free, &total));
    const strait_engine_options *o = strait_engine_get_options(run->engine);
    double steps = (double)strait_config_steps(&run->config);
    *out = (strait_run_plan){.model = run->model,
                             .parameters = strait_engine_params(run->engine)->elements,
                             .length = o->length,
                             .sequences = o->sequences,
                             .micro_batch = o->micro_batch,
                             .tokens = steps * (double)(o->sequences * o->length),
                             .recompute = o->recompute,
                             .counted = strait_engine_counts(run->engine),
                             .step_flops = strait_engine_step_flops(run->engine, false),
                             .memory_free = memory_free};
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) {
        out->bytes[tag] = strait_engine_bytes(run->engine, (strait_tag)tag);
    }
    snprintf(out->device, sizeof out->device, "%s", strait_device_get_props(run->device)->name);
    return STRAIT_OK;
}

strait_status strait_run_plan_of(const strait_train_options *options, strait_run_plan *out)
{
    strait_train_options plan = *options;
    plan.plan_only = 1;
    strait_run run = {.options = &plan, .planning = true};
    for (int i = 0; i < 2; i++) strait_profile_init(&run.profiles[i]);
    strait_status status = run__open(&run);
    if (status == STRAIT_OK) status = copy_plan(&run, out);
    run__close(&run);
    return status;
}
