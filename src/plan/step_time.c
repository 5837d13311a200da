/*
 * The roofline of a training step. Its constants are from measurements of others or from the way collectives work;
 * none is fitted to the runs it is later calibrated on.
 */
#include "plan/step_time.h"

#include "plan/footprint.h"

#include <math.h>

/* Large square products reach 790 of 989 Tflop/s on one H200. */
#define PRODUCT_SHARE 0.8
/* Whole layers in fp8 are 1.38 times as fast as in bf16 (nanochat), not twice. */
#define FP8_GAIN 1.38
/* Fused causal attention on Hopper at 4,096 tokens: 0.60 of the rate forward, 0.48 backward, with 2.5 x the work. */
#define ATTENTION_SHARE 0.5
#define ATTENTION_BACKWARD 2.5
/* A trainer with expert layers fell from 46 % to 35 % (nanochat): dispatch, sorting, small products, imbalance. */
#define EXPERT_COST 1.31
/* Copies reach so much of the memory's rate; rings so much of a link's, a switched network a little more. */
#define MEMORY_SHARE 0.85
#define LINK_SHARE 0.75
#define NETWORK_SHARE 0.8
/* Of what a layer keeps for its backward pass: written, read; read, gradient written and read. */
#define ACTIVATION_PASSES 5.0
/* A logit in f32 and its gradient, each written and read once. */
#define LOGIT_BYTES 16.0
/* AdamW with masters: reads gradient, master, two moments, writes three and the weights. */
#define OPTIMIZER_BYTES 28.0

static const char *const names[][2] = {
#define STRAIT_TIME_PART(id, name, help) {name, help},
    STRAIT_TIME_PARTS(STRAIT_TIME_PART)
#undef STRAIT_TIME_PART
};

const char *strait_time_part_name(strait_time_part part)
{
    return names[part][0];
}

const char *strait_time_part_help(strait_time_part part)
{
    return names[part][1];
}

void strait_plan_chip_assume(strait_plan_chip *chip)
{
    if (chip->node == 0) {
        chip->node = 8;
        chip->node_assumed = true;
    }
    if (isnan(chip->network)) {
        chip->network = chip->matrix >= 500e12 ? 50e9 : 25e9;
        chip->network_assumed = true;
    }
}

typedef struct clock_of {
    const strait_model_shape *shape;
    const strait_split *split;
    const strait_workload *work;
    const strait_plan_chip *chip;
    strait_shape_params params;
    double step_tokens;
    double micro_tokens; /* of one chip's micro-batch, context ranks apart */
    double micro_batches;
    strait_step_time *out;
} clock_of;

/* Seconds for bytes between `ranks` chips that stand `stride` apart: inside a node by the link, else by the network. */
static double transfer(const clock_of *c, double bytes, int64_t ranks, int64_t stride)
{
    if (ranks <= 1 || bytes <= 0) return 0;
    const strait_plan_chip *chip = c->chip;
    if (ranks * stride <= chip->node) {
        if (!isnan(chip->link)) return bytes / (LINK_SHARE * chip->link);
        c->out->link_unknown = true;
        return 0;
    }
    /* Chips of one node that are in the group share what has to come in over their network ports. */
    double together = stride < chip->node ? (double)(chip->node / stride) : 1;
    double rate = NETWORK_SHARE * chip->network * (together < 1 ? 1 : together);
    if (!isnan(chip->link) && rate > LINK_SHARE * chip->link) rate = LINK_SHARE * chip->link;
    return bytes / rate;
}

static void count_compute(const clock_of *c)
{
    strait_flops f = strait_flops_of(c->shape, c->work->length);
    bool full = c->split->recompute == STRAIT_PLAN_RECOMPUTE_FULL;
    double more = (full ? 1 : 0) + (c->work->counted ? 1 : 0);
    double passes = 3 + more;
    double rate = PRODUCT_SHARE * c->chip->matrix;
    double layer_rate = c->work->fp8 && !isnan(c->chip->matrix_fp8) ? FP8_GAIN * rate : rate;
    double *parts = c->out->parts;
    parts[STRAIT_TIME_PRODUCTS] = passes * (f.layers - f.experts) / layer_rate + 3 * f.head / rate;
    parts[STRAIT_TIME_EXPERTS] = passes * f.experts * EXPERT_COST / layer_rate;
    parts[STRAIT_TIME_ATTENTION] = (1 + ATTENTION_BACKWARD + more) * f.attention / (ATTENTION_SHARE * c->chip->matrix);
}

static void count_memory(const clock_of *c)
{
    if (isnan(c->chip->memory)) {
        c->out->memory_unknown = true;
        return;
    }
    const strait_model_shape *s = c->shape;
    strait_split one = {.tensor = 1};
    double rate = MEMORY_SHARE * c->chip->memory;
    double moe = (double)c->params.moe_layers;
    double kept = ((double)s->layers - moe) * strait_activation_bytes(s, &one, false, STRAIT_PLAN_RECOMPUTE_NONE) +
                  moe * strait_activation_bytes(s, &one, true, STRAIT_PLAN_RECOMPUTE_NONE);
    double logits = LOGIT_BYTES * (double)s->vocab;
    /* A micro-batch reads weights three times in two bytes and adds to gradients in four, spread over its tokens. */
    double weights = 14 * (double)c->params.total * (double)c->split->context / c->micro_tokens;
    if (s->experts > 0 && c->split->expert > 1) {
        /* Expert ranks bring the tokens of several micro-batches together. */
        double routed = moe * (double)(s->experts * c->params.expert);
        weights -= 14 * routed * (1 - 1.0 / (double)c->split->expert) * (double)c->split->context / c->micro_tokens;
    }
    c->out->parts[STRAIT_TIME_MEMORY] = (ACTIVATION_PASSES * kept + logits + weights) / rate;
    double ranks = c->split->sharding > 0 ? 1 : (double)(c->split->data * c->split->context);
    c->out->parts[STRAIT_TIME_OPTIMIZER] = OPTIMIZER_BYTES * (double)c->params.total * ranks / (rate * c->step_tokens);
}

static void count_links(const clock_of *c)
{
    const strait_model_shape *s = c->shape;
    const strait_split *split = c->split;
    double *parts = c->out->parts;
    double h = (double)s->hidden;
    double tensor = (double)split->tensor;
    double layers = (double)s->layers;
    /* Two sums forward and two backward in each layer, each of them twice (t - 1) / t of its bytes; forward again where
     * layers are recomputed. */
    double sums = split->recompute == STRAIT_PLAN_RECOMPUTE_FULL ? 6 : 4;
    double bytes = sums * 2 * (tensor - 1) / tensor * 2 * h * layers;
    parts[STRAIT_TIME_TENSOR] = tensor * transfer(c, bytes, split->tensor, 1);
    double context = (double)split->context;
    double ring = 3 * 2 * (double)(s->kv_heads * (s->head_dim + s->v_dim)) / tensor * (context - 1) * layers;
    parts[STRAIT_TIME_CONTEXT] = 0.5 * tensor * transfer(c, ring, split->context, split->tensor);
    double ranks = (double)split->expert;
    double sent = 4 * 2 * h * (double)s->experts_per_token * (ranks - 1) / ranks * (double)c->params.moe_layers;
    /* Every pair exchanges its own bytes: ports are not shared as in a ring. */
    double off_node = split->expert * split->tensor <= c->chip->node ? 0 : 1;
    if (off_node > 0) {
        parts[STRAIT_TIME_EXPERT_EXCHANGE] = 0.5 * sent / (NETWORK_SHARE * c->chip->network);
    } else {
        parts[STRAIT_TIME_EXPERT_EXCHANGE] = 0.5 * transfer(c, sent, split->expert, 1);
    }
}

/* After everything that can hide it is known. */
static void count_data(const clock_of *c)
{
    const strait_split *split = c->split;
    double ranks = (double)(split->data * split->context);
    if (ranks <= 1) return;
    double *parts = c->out->parts;
    double routed = (double)c->params.moe_layers * (double)(c->shape->experts * c->params.expert);
    double dense = ((double)c->params.total - routed) / (double)(split->tensor * split->pipeline);
    double experts = routed / (double)(split->pipeline * (split->expert > 1 ? split->expert : split->tensor));
    double share = (ranks - 1) / ranks;
    double times = split->sharding == 3 ? c->micro_batches * 6 : 4 + 2; /* gather twice, scatter; or reduce, gather */
    double dense_seconds = transfer(c, share * times * dense, split->data * split->context, split->tensor);
    /* Ranks of one expert are that much further apart. */
    int64_t apart = split->expert > 1 ? split->expert : split->tensor;
    double expert_seconds = transfer(c, share * times * experts, split->data * split->context, apart);
    double seconds = dense_seconds + expert_seconds;
    double chips = (double)strait_split_chips(split);
    double compute = 0;
    for (int i = 0; i < STRAIT_TIME_DATA; i++) compute += parts[i];
    double hidden = 0.5 * compute * c->step_tokens / chips;
    double exposed = seconds - hidden > 0.15 * seconds ? seconds - hidden : 0.15 * seconds;
    parts[STRAIT_TIME_DATA] = exposed * chips / c->step_tokens;
}

strait_status strait_step_time_of(const strait_model_shape *shape, const strait_split *split,
                                  const strait_workload *work, const strait_plan_chip *chip, strait_step_time *out)
{
    if (!(chip->matrix > 0)) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "the chip's dense 16-bit rate is unknown: no time can be reckoned");
    }
    strait_step_time time = {.total = 0};
    clock_of c = {.shape = shape,
                  .split = split,
                  .work = work,
                  .chip = chip,
                  .params = strait_model_shape_params(shape),
                  .step_tokens = (double)work->sequences * (double)work->length,
                  .micro_tokens = (double)split->micro_batch * (double)work->length,
                  .micro_batches = (double)strait_split_micro_batches(split, work),
                  .out = &time};
    count_compute(&c);
    count_memory(&c);
    count_links(&c);
    count_data(&c);
    double busy = 0;
    for (int i = 0; i < STRAIT_TIME_BUBBLE; i++) busy += time.parts[i];
    double waits = (double)(split->pipeline - 1) / ((double)split->stages * c.micro_batches);
    time.parts[STRAIT_TIME_BUBBLE] = waits * (busy - time.parts[STRAIT_TIME_OPTIMIZER] - time.parts[STRAIT_TIME_DATA]);
    time.total = busy + time.parts[STRAIT_TIME_BUBBLE];
    time.efficiency = strait_flops_6n(shape) / (time.total * chip->matrix);
    *out = time;
    return STRAIT_OK;
}
