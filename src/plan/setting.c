/* Rows of facts/settings.csv and facts/chips.csv as the plain structs that plans are reckoned from. */
#include "plan/calibration.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where nobody says how many tokens a step has, or on how many chips a run was. */
#define STEP_TOKENS 4194304
#define CHIPS 1024

static int64_t or_zero(int64_t value)
{
    return value > 0 ? value : 0;
}

strait_plan_chip strait_plan_chip_of(const strait_chip *chip)
{
    double gib = chip->usable_memory_gib;
    double matrix = chip->bf16_tflops > 0 ? chip->bf16_tflops : chip->fp16_tflops;
    return (strait_plan_chip){.matrix = matrix > 0 ? matrix * 1e12 : NAN,
                              .matrix_fp8 = chip->fp8_tflops > 0 ? chip->fp8_tflops * 1e12 : NAN,
                              .memory = chip->memory_bandwidth_gbs * 1e9,
                              .link = chip->link_gbs * 1e9,
                              .network = NAN,
                              .node = or_zero(chip->link_domain_chips),
                              .capacity = isnan(gib) ? chip->memory_gb * 1e9 : gib * 1073741824.0};
}

const strait_setting *strait_setting_of(const strait_facts *facts, const char *run_key)
{
    size_t count;
    const strait_setting *settings = strait_facts_settings(facts, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(settings[i].run, run_key) == 0) return &settings[i];
    }
    return NULL;
}

static strait_model_shape shape_of(const strait_setting *s)
{
    bool gated = s->gated == STRAIT_TRUTH_YES;
    strait_model_shape shape = {.layers = s->layers,
                                .hidden = s->hidden,
                                .vocab = s->vocab,
                                .positions = or_zero(s->positions),
                                .tied = s->tied == STRAIT_TRUTH_YES,
                                .heads = s->heads,
                                .kv_heads = s->kv_heads,
                                .head_dim = s->head_dim,
                                .v_dim = s->v_dim > 0 ? s->v_dim : s->head_dim,
                                .q_rank = or_zero(s->q_rank),
                                .kv_rank = or_zero(s->kv_rank),
                                .rope_dim = or_zero(s->rope_dim),
                                .ffn = s->ffn,
                                .gated = gated,
                                .norms = 2,
                                .norm_bias = !gated,
                                .experts = or_zero(s->experts),
                                .experts_per_token = or_zero(s->experts_per_token),
                                .expert_ffn = or_zero(s->expert_ffn),
                                .shared_ffn = or_zero(s->shared_ffn),
                                .dense_layers = or_zero(s->dense_layers),
                                .moe_every = s->moe_every > 0 ? s->moe_every : 1};
    snprintf(shape.family, sizeof shape.family, "published");
    return shape;
}

strait_status strait_setting_read(const strait_setting *s, const strait_published_run *run,
                                  strait_model_shape *out_shape, strait_workload *out_work, strait_split *out_split,
                                  strait_plan_chip *inout_chip, int64_t *out_chips)
{
    strait_model_shape shape = shape_of(s);
    STRAIT_TRY(strait_model_shape_check(s->fact.key, &shape));
    int64_t length = run->sequence_length > 0 ? run->sequence_length : 4096;
    int64_t sequences = s->sequences > 0 ? s->sequences : STEP_TOKENS / length;
    *out_work = (strait_workload){.length = length,
                                  .sequences = sequences > 0 ? sequences : 1,
                                  .tokens = run->tokens_billion * 1e9,
                                  .fp8 = run->precision && strstr(run->precision, "fp8") != NULL};
    *out_split = (strait_split){.tensor = or_zero(s->tensor),
                                .pipeline = or_zero(s->pipeline),
                                .stages = or_zero(s->stages),
                                .expert = or_zero(s->expert),
                                .context = or_zero(s->context),
                                .data = or_zero(s->data),
                                .sharding = or_zero(s->sharding),
                                .micro_batch = or_zero(s->micro_batch),
                                .recompute = s->recompute >= 0 ? (strait_plan_recompute)s->recompute
                                                               : STRAIT_PLAN_RECOMPUTE_NONE,
                                .recompute_chosen = s->recompute < 0};
    if (s->chips_per_node > 0) inout_chip->node = s->chips_per_node;
    if (s->network_gbs > 0) inout_chip->network = s->network_gbs * 1e9;
    strait_plan_chip_assume(inout_chip);
    *out_chips = run->chips > 0 ? run->chips : CHIPS;
    *out_shape = shape;
    return STRAIT_OK;
}

double strait_setting_palm(const strait_setting *s, const strait_published_run *run)
{
    strait_model_shape shape = shape_of(s);
    strait_flops flops = strait_flops_of(&shape, run->sequence_length > 0 ? run->sequence_length : 4096);
    return strait_flops_palm(&flops);
}

/* The largest count of chips, `chips` at most, that a step's sequences can be divided over. */
static int64_t dividing(int64_t chips, int64_t sequences)
{
    while (chips > 1 && sequences % chips != 0 && chips % 2 == 0) chips /= 2;
    return chips;
}

strait_status strait_setting_roofline(const strait_setting *s, const strait_published_run *run, const strait_chip *chip,
                                      strait_step_time *out, double *out_operations_per_token, bool *out_split_chosen)
{
    strait_model_shape shape;
    strait_workload work;
    strait_split wish;
    strait_split split;
    strait_footprint need;
    int64_t chips;
    bool fits;
    strait_plan_chip of = strait_plan_chip_of(chip);
    STRAIT_TRY(strait_setting_read(s, run, &shape, &work, &wish, &of, &chips));
    *out_split_chosen = wish.data == 0;
    *out_operations_per_token = strait_flops_6n(&shape);
    if (wish.data > 0) {
        split = wish;
        STRAIT_TRY(strait_split_finish(&split, &shape, &work, 0));
        if (split.recompute_chosen) strait_footprint_fit(&shape, &split, &work, 0.94 * of.capacity, &need);
    } else {
        /* A published batch need not divide over the chips in the way that is chosen here. */
        if (work.sequences % chips != 0 && work.sequences > chips) work.sequences -= work.sequences % chips;
        chips = run->chips > 0 ? chips : dividing(chips, work.sequences);
        STRAIT_TRY(strait_split_choose(&shape, &work, &of, chips, &wish, 0.06 * of.capacity, &split, &need, &fits));
    }
    return strait_step_time_of(&shape, &split, &work, &of, out);
}
