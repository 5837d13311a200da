/*
 * The estimate of a chip's memory. Activations are counted tensor by tensor as a fused trainer keeps them: two bytes an
 * element, attention's scores never stored, no dropout masks.
 */
#include "plan/footprint.h"

/* Logits of a chunked loss exist for so many tokens at a time. */
#define LOGIT_CHUNK 2048
/* What a bucket of gradients holds while it is reduced. */
#define BUCKET_BYTES 200e6
/* A router is never even: the fullest chip has so much more than its share. */
#define EXPERT_IMBALANCE 1.1

static const char *const names[][2] = {
#define STRAIT_PLAN_TAG(id, name, help) {name, help},
    STRAIT_PLAN_TAGS(STRAIT_PLAN_TAG)
#undef STRAIT_PLAN_TAG
};

const char *strait_plan_tag_name(strait_plan_tag tag)
{
    return names[tag][0];
}

const char *strait_plan_tag_help(strait_plan_tag tag)
{
    return names[tag][1];
}

/* ---- activations ---- */

/* Elements of attention that are kept beside its input; the f32 row statistics count as two each. */
static double attention_elements(const strait_model_shape *s)
{
    double q = (double)(s->heads * s->head_dim);
    double kv = (double)(s->kv_heads * (s->head_dim + s->v_dim));
    double latent = s->kv_rank > 0 ? 2 * (double)(s->q_rank + s->kv_rank) + (double)s->rope_dim : 0;
    return q + kv + (double)(s->heads * s->v_dim) + 2 * (double)s->heads + latent;
}

/* Products' outputs before and after the activation. */
static double mlp_elements(const strait_model_shape *s, double width, strait_plan_recompute recompute)
{
    double before = s->gated ? 2 * width : width;
    return before + (recompute == STRAIT_PLAN_RECOMPUTE_NONE ? width : 0);
}

/* Of seven products in a layer the outputs of the first, third, fifth and seventh, the last one apart: queries, values,
 * one of those before the activation; and attention's output. */
static double half_elements(const strait_model_shape *s, bool moe_layer)
{
    double attention = (double)(s->heads * s->head_dim + s->kv_heads * s->v_dim + s->heads * s->v_dim + 2 * s->heads);
    double width = moe_layer ? (double)(s->experts_per_token * s->expert_ffn + s->shared_ffn) : (double)s->ffn;
    return attention + width;
}

double strait_activation_bytes(const strait_model_shape *s, const strait_split *split, bool moe_layer,
                               strait_plan_recompute recompute)
{
    double h = (double)s->hidden;
    double tensor = (double)split->tensor;
    double whole = split->sequence_replicated ? 1 : tensor;
    if (recompute == STRAIT_PLAN_RECOMPUTE_FULL) return 2 * h / whole;
    if (recompute == STRAIT_PLAN_RECOMPUTE_HALF) return 2 * (2 * h / whole + half_elements(s, moe_layer) / tensor);
    /* Both residual inputs; their norms' outputs unless those are made again. */
    double residual = recompute == STRAIT_PLAN_RECOMPUTE_NONE ? 4 * h : 2 * h;
    double inside = attention_elements(s);
    if (!moe_layer) {
        inside += mlp_elements(s, (double)s->ffn, recompute);
    } else {
        double routed = (double)s->experts_per_token * EXPERT_IMBALANCE;
        inside += 2 * (double)s->experts + (s->shared_ffn > 0 ? mlp_elements(s, (double)s->shared_ffn, recompute) : 0);
        inside += routed * (2 * h + mlp_elements(s, (double)s->expert_ffn, recompute));
    }
    return 2 * (residual / whole + inside / tensor);
}

/* ---- one stage ---- */

typedef struct stage {
    int64_t index;
    double layers;     /* of the model, all its virtual stages together */
    double moe_layers; /* among them */
    bool first;
    bool last;
} stage;

/*
 * Layers of one chip of the pipeline, all its virtual stages together. What is left of an even division goes to stages
 * in the middle: the first and the last hold embedding and head. (So did Llama 3, arXiv 2407.21783; so does torchtitan
 * where it is not told otherwise.)
 */
static int64_t layers_at(const strait_model_shape *s, const strait_split *split, int64_t index)
{
    int64_t stages = split->pipeline * split->stages;
    int64_t rest = s->layers % stages;
    int64_t sum = 0;
    for (int64_t i = index; i < stages; i += split->pipeline) {
        bool more = i == 0 ? false : i == stages - 1 ? rest == stages - 1 : i - 1 < rest;
        sum += s->layers / stages + (more ? 1 : 0);
    }
    return sum;
}

static stage stage_at(const strait_model_shape *s, const strait_split *split, int64_t index)
{
    strait_shape_params p = strait_model_shape_params(s);
    int64_t layers = layers_at(s, split, index);
    double share = s->layers > 0 ? (double)p.moe_layers / (double)s->layers : 0;
    /* Dense layers come first. */
    double moe = index == 0 && split->pipeline > 1 ? (double)layers - (double)s->dense_layers : (double)layers * share;
    if (s->experts == 0 || moe < 0) moe = 0;
    if (s->moe_every > 1) moe = (double)layers * share;
    if (moe > (double)layers) moe = (double)layers;
    return (stage){.index = index,
                   .layers = (double)layers,
                   .moe_layers = moe,
                   .first = index == 0,
                   .last = index == split->pipeline - 1};
}

/* Parameters on one chip: those that every data rank holds, and routed experts. */
static void local_params(const strait_model_shape *s, const strait_split *split, const stage *at, double *out_dense,
                         double *out_experts)
{
    strait_shape_params p = strait_model_shape_params(s);
    double tensor = (double)split->tensor;
    double dense = at->layers * (double)p.attention + (at->layers - at->moe_layers) * (double)p.dense +
                   at->moe_layers * (double)p.shared;
    if (at->first) dense += (double)p.embedding;
    /* A tied table stands on both ends of a pipeline. */
    if (at->last) dense += s->tied && split->pipeline > 1 ? (double)p.embedding : (double)p.head;
    double over = split->expert > 1 ? (double)split->expert : tensor;
    *out_dense = dense / tensor;
    *out_experts = at->moe_layers * (double)s->experts * (double)p.expert / over;
}

/* Micro-batches that a stage keeps at the most, in whole passes through its layers (one forward, one backward). */
static double in_flight(const strait_split *split, const stage *at, int64_t micro_batches)
{
    double count;
    if (split->stages > 1) {
        double chunks =
            2.0 * (double)(split->pipeline - at->index - 1) + (double)((split->stages - 1) * split->pipeline) + 1;
        count = chunks / (double)split->stages;
    } else {
        count = (double)(split->pipeline - at->index);
    }
    return count < (double)micro_batches ? count : (double)micro_batches;
}

static void add_states(const strait_split *split, double dense, double experts, double *bytes)
{
    double ranks = (double)(split->data * split->context);
    double expert_ranks = split->expert > 1 ? ranks * (double)split->tensor / (double)split->expert : ranks;
    double sharded = dense / ranks + experts / expert_ranks;
    double whole = dense + experts;
    bytes[STRAIT_PLAN_TAG_WEIGHTS] = split->weight_bytes * (split->sharding >= 3 ? sharded : whole);
    bytes[STRAIT_PLAN_TAG_GRADIENTS] = split->gradient_bytes * (split->sharding >= 2 ? sharded : whole);
    bytes[STRAIT_PLAN_TAG_OPTIMIZER] = split->state_bytes * (split->sharding >= 1 ? sharded : whole);
}

static void add_activations(const strait_model_shape *s, const strait_split *split, const stage *at, double tokens,
                            double flight, int64_t micro_batches, double *bytes)
{
    double dense = strait_activation_bytes(s, split, false, split->recompute);
    double moe = s->experts > 0 ? strait_activation_bytes(s, split, true, split->recompute) : 0;
    double kept = tokens * flight * ((at->layers - at->moe_layers) * dense + at->moe_layers * moe);
    /* The layer whose backward pass runs: its gradients, and with recomputation its activations as well. */
    bool has_moe = at->moe_layers > 0;
    double working = tokens * strait_activation_bytes(s, split, has_moe, STRAIT_PLAN_RECOMPUTE_NONE);
    if (split->recompute == STRAIT_PLAN_RECOMPUTE_FULL) working *= 2;
    if (split->recompute == STRAIT_PLAN_RECOMPUTE_LIGHT || split->recompute == STRAIT_PLAN_RECOMPUTE_HALF)
        working *= 1.5;
    /* Attention's and the feed-forward layer's gathered inputs wait there for the gradients of their weights. */
    if (split->gathered_kept && split->tensor > 1 && !split->sequence_replicated)
        working += 2 * tokens * 2 * (double)s->hidden;
    bytes[STRAIT_PLAN_TAG_ACTIVATIONS] = kept + working;
    double heads = (double)s->heads / (double)split->tensor;
    bytes[STRAIT_PLAN_TAG_WORKSPACE] = 4 * tokens * heads * (double)(s->head_dim + 2);
    if (at->last) {
        double chunk = split->chunked_logits && tokens > LOGIT_CHUNK ? LOGIT_CHUNK : tokens;
        bytes[STRAIT_PLAN_TAG_LOGITS] = split->logit_bytes * chunk * (double)s->vocab / (double)split->tensor;
        if (split->outputs_kept && split->pipeline > 1) {
            bytes[STRAIT_PLAN_TAG_LOGITS] +=
                2 * tokens * (double)micro_batches * (double)s->vocab / (double)split->tensor;
        }
    }
}

/* What a pipeline of PyTorch holds of all micro-batches: outputs until the step ends (of the last stage: the logits),
 * room for the gradients of them, gradients of inputs, and room for inputs, which those in flight have as activations.
 */
static double pipeline_buffers(const strait_split *split, const stage *at, double boundary, double flight,
                               double micro_batches)
{
    double before = (double)split->stages - (at->first ? 1 : 0); /* virtual stages with one before them */
    double after = (double)split->stages - (at->last ? 1 : 0);
    return boundary * (micro_batches * (2 * after + before) + (micro_batches - flight) * before);
}

/* Keys and values of all context ranks, the own ones once more as they are sent; sums of gradients in f32, those of one
 * block beside them, and those of keys and values once sent and once received. */
static double gathered_keys(const strait_model_shape *s, const strait_split *split, double tokens)
{
    double each = tokens * (double)s->heads / (double)split->tensor;
    double kv = each * (double)(s->head_dim + s->v_dim);
    double all = kv + each * (double)s->head_dim;
    return 2 * ((double)split->context + 1) * kv + (4 + 2) * all + 2 * 4 * kv;
}

static double communication(const strait_model_shape *s, const strait_split *split, const stage *at, double tokens,
                            double params)
{
    double boundary = 2 * tokens * (double)s->hidden;
    double sum = 0;
    if (split->data * split->context > 1) {
        if (split->sharding == 3) {
            /* A layer in use and the next one on its way, in two bytes; the gradient of one in four; the head. */
            strait_shape_params p = strait_model_shape_params(s);
            double expert = at->moe_layers > 0 ? (double)(s->experts * p.expert) /
                                                     (double)(split->expert > 1 ? split->expert : split->tensor)
                                               : 0;
            double feed = at->moe_layers > 0 ? (double)p.shared : (double)p.dense;
            double layer = ((double)p.attention + feed) / (double)split->tensor + expert;
            double head = (double)(s->vocab * s->hidden) / (double)split->tensor;
            sum += 8 * layer + (at->first || at->last ? 2 * head : 0);
        } else {
            double bucket = params * split->gradient_bytes;
            sum += bucket < BUCKET_BYTES ? bucket : BUCKET_BYTES;
        }
    }
    if (split->tensor > 1) sum += 2 * boundary;
    if (split->pipeline > 1) sum += 2 * boundary / (double)split->tensor;
    if (split->expert > 1) {
        sum += 2 * EXPERT_IMBALANCE * (double)s->experts_per_token * boundary / (double)split->tensor;
    }
    if (split->context > 1 && split->keys_gathered) {
        sum += gathered_keys(s, split, tokens);
    } else if (split->context > 1) {
        sum += 4 * tokens * (double)(s->kv_heads * (s->head_dim + s->v_dim)) / (double)split->tensor;
    }
    return sum;
}

strait_footprint strait_footprint_of(const strait_model_shape *shape, const strait_split *split,
                                     const strait_workload *work)
{
    strait_footprint worst = {.total = -1};
    double tokens = (double)split->micro_batch * (double)work->length / (double)split->context;
    int64_t micro_batches = strait_split_micro_batches(split, work);
    for (int64_t i = 0; i < split->pipeline; i++) {
        stage at = stage_at(shape, split, i);
        strait_footprint one = {.stage = i};
        double dense;
        double experts;
        local_params(shape, split, &at, &dense, &experts);
        one.parameters = dense + experts;
        one.in_flight = in_flight(split, &at, micro_batches);
        add_states(split, dense, experts, one.bytes);
        add_activations(shape, split, &at, tokens, one.in_flight, micro_batches, one.bytes);
        one.bytes[STRAIT_PLAN_TAG_COMMUNICATION] = communication(shape, split, &at, tokens, one.parameters);
        if (split->outputs_kept && split->pipeline > 1) {
            double boundary =
                2 * tokens * (double)shape->hidden / (split->sequence_replicated ? 1 : (double)split->tensor);
            one.bytes[STRAIT_PLAN_TAG_COMMUNICATION] +=
                pipeline_buffers(split, &at, boundary, one.in_flight, (double)micro_batches);
        }
        for (int tag = 0; tag < STRAIT_PLAN_TAG_COUNT; tag++) one.total += one.bytes[tag];
        if (one.total > worst.total) worst = one;
        /* Between the first two and the last two all stages need less than their predecessor. */
        if (i == 1 && split->pipeline > 4) i = split->pipeline - 3;
    }
    return worst;
}

bool strait_footprint_fit(const strait_model_shape *shape, strait_split *inout, const strait_workload *work,
                          double capacity, strait_footprint *out)
{
    strait_split split = *inout;
    *out = strait_footprint_of(shape, &split, work);
    while (out->total > capacity && split.recompute_chosen && split.recompute < STRAIT_PLAN_RECOMPUTE_FULL) {
        split.recompute = (strait_plan_recompute)(split.recompute + 1);
        *out = strait_footprint_of(shape, &split, work);
    }
    *inout = split;
    return out->total <= capacity;
}
