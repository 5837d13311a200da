/* What is planned, on what, and whether it fits. */
#include "plan/reckoning.h"

#include "base/file.h"
#include "ckpt/hf_config.h"
#include "device/device.h"
#include "train/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB 1073741824.0
/* Driver, communication library and what an allocator cannot use. */
#define RESERVE_SHARE 0.06
#define STEP_TOKENS 4194304
#define BILLION 1e9

static bool has_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

/* ---- model and batch ---- */

/* Through config.json's text, so that there is one reader of shapes. */
static strait_status shape_of_config(const char *name, const strait_model_config *config, strait_model_shape *out)
{
    strait_buffer text = {0};
    json_t *json = NULL;
    strait_status status = strait_model_config_format(config, &text);
    if (status == STRAIT_OK) status = strait_json_parse(name, text.bytes, text.length, &json);
    if (status == STRAIT_OK) status = strait_model_shape_parse(name, json, out);
    json_decref(json);
    strait_buffer_fini(&text);
    return status;
}

/* The run planned on a device with what the user set, and `more` settings after them. */
static strait_status plan_run(const strait_reckoning *r, const char *device, const char *const *more, size_t more_count,
                              strait_run_plan *out)
{
    const strait_reckon_options *o = r->options;
    const char **sets;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, o->set_count + more_count + 1, sizeof *sets, &sets));
    for (size_t i = 0; i < o->set_count; i++) sets[i] = o->sets[i];
    for (size_t i = 0; i < more_count; i++) sets[o->set_count + i] = more[i];
    strait_train_options train = {.struct_size = sizeof train,
                                  .config = o->config,
                                  .sets = sets,
                                  .set_count = o->set_count + more_count,
                                  .device = device};
    strait_status status = strait_run_plan_of(&train, out);
    strait_free(sets);
    return status;
}

static strait_status read_run(strait_reckoning *r)
{
    /* The smallest plan: only what the config says of model and batch is wanted of it. */
    static const char *const small[] = {"memory.recompute=full", "batch.micro_batch=1"};
    strait_run_plan plan;
    STRAIT_TRY(plan_run(r, "cpu", small, 2, &plan));
    STRAIT_TRY(shape_of_config(r->options->config, &plan.model, &r->shape));
    r->work = (strait_workload){.length = plan.length, .sequences = plan.sequences, .tokens = plan.tokens};
    r->is_run = true;
    return STRAIT_OK;
}

static strait_status read_work(strait_reckoning *r)
{
    const strait_reckon_options *o = r->options;
    int64_t length = o->length > 0 ? o->length : 4096;
    if (length > INT32_MAX || o->sequences > INT32_MAX || o->sequences < 0 || o->length < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--length and --sequences: 1 to %d", INT32_MAX);
    }
    int64_t sequences = STEP_TOKENS / length;
    if (o->sequences > 0) sequences = o->sequences;
    r->work = (strait_workload){.length = length, .sequences = sequences > 0 ? sequences : 1};
    return STRAIT_OK;
}

strait_status strait__reckoning_model(strait_reckoning *r)
{
    const strait_reckon_options *o = r->options;
    if (has_suffix(o->config, ".yaml") || has_suffix(o->config, ".yml")) {
        if (o->length > 0 || o->sequences > 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s says length and sequences: change them by --set", o->config);
        }
        STRAIT_TRY(read_run(r));
    } else {
        if (o->set_count > 0) return STRAIT_FAIL(STRAIT_ERR_USAGE, "--set belongs to a run.yaml, not to %s", o->config);
        STRAIT_TRY(strait_model_shape_read(o->config, &r->shape));
        STRAIT_TRY(read_work(r));
    }
    if (o->tokens < 0 || o->tokens > 1e18) return STRAIT_FAIL(STRAIT_ERR_USAGE, "--tokens: 1 to 1e18");
    if (o->tokens > 0) r->work.tokens = o->tokens;
    r->work.fp8 = o->fp8 != 0;
    r->tokens_known = r->work.tokens > 0;
    r->tokens = r->tokens_known ? r->work.tokens : BILLION;
    r->params = strait_model_shape_params(&r->shape);
    r->flops = strait_flops_of(&r->shape, r->work.length);
    return STRAIT_OK;
}

/* ---- the chip ---- */

static strait_status is_device(const char *name, bool *out)
{
    char **names = NULL;
    size_t count = 0;
    *out = false;
    STRAIT_TRY(strait_backend_names(&names, &count));
    size_t length = strcspn(name, ":");
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0) *out = true;
    }
    strait_names_free(names, count);
    return STRAIT_OK;
}

static strait_status find_chip(strait_reckoning *r)
{
    const strait_reckon_options *o = r->options;
    bool device = false;
    STRAIT_TRY(is_device(o->chip, &device));
    if (device) {
        r->chip = (strait_plan_chip){.matrix = NAN, .matrix_fp8 = NAN, .memory = NAN, .link = NAN, .network = NAN};
        r->chip.capacity = NAN;
        if (r->chips != 1) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s is a device of this machine: a plan of it is for one", o->chip);
        }
        if (!r->is_run) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s is a device of this machine: a plan of it needs a run.yaml",
                               o->chip);
        }
        return STRAIT_OK;
    }
    STRAIT_TRY(strait_facts_chip(r->facts, o->chip, NULL, &r->fact));
    r->chip = strait_plan_chip_of(r->fact);
    if (o->memory_gib > 0) r->chip.capacity = o->memory_gib * GIB;
    if (o->link_gbs > 0) r->chip.link = o->link_gbs * 1e9;
    if (o->node > 0) r->chip.node = o->node;
    if (o->network_gbs > 0) r->chip.network = o->network_gbs * 1e9;
    strait_plan_chip_assume(&r->chip);
    return STRAIT_OK;
}

static strait_status set_reserve(strait_reckoning *r)
{
    double gib = r->options->reserve_gib;
    r->capacity_known = !isnan(r->chip.capacity);
    r->reserve = gib > 0 ? gib * GIB : 0;
    if (!(gib < 0) && !(gib > 0) && r->fact) r->reserve = RESERVE_SHARE * r->chip.capacity;
    if (r->capacity_known && r->reserve >= r->chip.capacity) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "reserve: %.1f GiB of a chip's %.1f", gib, r->chip.capacity / GIB);
    }
    return STRAIT_OK;
}

/* ---- memory ---- */

static double sum_bytes(const strait_run_plan *plan)
{
    double sum = 0;
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) sum += (double)plan->bytes[tag];
    return sum;
}

/* Strait's own planner for a chip that is not here: it plans on the CPU, with what the config leaves open tried in
 * turn. */
static strait_status plan_for_fact(strait_reckoning *r)
{
    strait_run_config config;
    strait_config_options options = {.sets = r->options->sets, .n_sets = r->options->set_count, .skip_files = true};
    STRAIT_TRY(strait_config_load(r->options->config, &options, &config));
    int wanted = config.memory.recompute;
    int64_t micro = config.batch.micro_batch;
    strait_config_fini(&config);
    /* What the engine takes where nothing else bounds it. */
    if (micro == 0) micro = r->work.length >= 1024 ? 1 : 1024 / r->work.length;
    if (micro > r->work.sequences) micro = r->work.sequences;
    int first = wanted == STRAIT_CONFIG_RECOMPUTE_AUTO ? 0 : wanted - STRAIT_CONFIG_RECOMPUTE_NONE;
    int last = wanted == STRAIT_CONFIG_RECOMPUTE_AUTO ? 2 : first;
    for (int level = first; level <= last; level++) {
        char recompute[48];
        char batch[48];
        snprintf(recompute, sizeof recompute, "memory.recompute=%s", strait_plan_recompute_names[level]);
        snprintf(batch, sizeof batch, "batch.micro_batch=%" PRId64, micro);
        const char *const more[] = {recompute, batch};
        STRAIT_TRY(plan_run(r, "cpu", more, 2, &r->own_plan));
        r->need_bytes = sum_bytes(&r->own_plan);
        if (r->need_bytes <= r->chip.capacity - r->reserve) break;
    }
    return STRAIT_OK;
}

static strait_status own_memory(strait_reckoning *r)
{
    r->own = true;
    if (r->fact) {
        STRAIT_TRY(plan_for_fact(r));
    } else {
        STRAIT_TRY(plan_run(r, r->options->chip, NULL, 0, &r->own_plan));
        r->need_bytes = sum_bytes(&r->own_plan);
        r->chip.capacity = (double)r->own_plan.memory_free;
        r->capacity_known = true;
    }
    r->fits = r->need_bytes <= r->chip.capacity - r->reserve;
    r->work.counted = r->own_plan.counted;
    r->split = (strait_split){.micro_batch = r->own_plan.micro_batch,
                              .recompute = (strait_plan_recompute)r->own_plan.recompute,
                              .chunked_logits = true};
    /* A micro-batch that leaves a rest is Strait's to take; a roofline wants one that divides. */
    while (r->work.sequences % r->split.micro_batch != 0) r->split.micro_batch--;
    return strait_split_finish(&r->split, &r->shape, &r->work, 1);
}

strait_status strait__reckoning_chip(strait_reckoning *r)
{
    STRAIT_TRY(find_chip(r));
    return set_reserve(r);
}

strait_status strait__reckoning_memory(strait_reckoning *r)
{
    const strait_reckon_options *o = r->options;
    r->chips = o->chips > 0 ? o->chips : 1;
    if (o->chips < 0 || o->chips > 16777216) return STRAIT_FAIL(STRAIT_ERR_USAGE, "--count: 1 to 16777216");
    STRAIT_TRY(strait__reckoning_chip(r));
    if (r->is_run && r->chips == 1 && !o->split) return own_memory(r);
    strait_split wish = {.recompute_chosen = true};
    if (o->split) STRAIT_TRY(strait_split_parse(o->split, &wish));
    r->split_chosen = wish.tensor == 0 && wish.pipeline == 0 && wish.data == 0;
    if (!r->split_chosen) {
        r->split = wish;
        STRAIT_TRY(strait_split_finish(&r->split, &r->shape, &r->work, r->chips));
        double room = r->capacity_known ? r->chip.capacity - r->reserve : INFINITY;
        r->fits = strait_footprint_fit(&r->shape, &r->split, &r->work, room, &r->need);
    } else {
        strait_plan_chip chip = r->chip;
        if (!r->capacity_known) chip.capacity = INFINITY;
        STRAIT_TRY(strait_split_choose(&r->shape, &r->work, &chip, r->chips, &wish, r->capacity_known ? r->reserve : 0,
                                       &r->split, &r->need, &r->fits));
    }
    r->need_bytes = r->need.total;
    return STRAIT_OK;
}
