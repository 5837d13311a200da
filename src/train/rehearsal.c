/* See rehearsal.h. In exact, hashes are compared, so that one model's worth of memory is enough. */
#include "train/rehearsal.h"

#include "train/tolerance.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 16 };

/* ---- steps on one device ---- */

static strait_status hash_part(strait_engine *engine, strait_engine_state which, const strait_param *param,
                               strait_sha256 *hash)
{
    float values[PIECE / 16];
    const int64_t most = (int64_t)(sizeof values / sizeof values[0]);
    for (int64_t i = 0; i < param->elements; i += most) {
        int64_t count = param->elements - i < most ? param->elements - i : most;
        STRAIT_TRY(strait_engine_read_part(engine, which, param->offset + i, count, values));
        strait_sha256_update(hash, values, (size_t)count * sizeof values[0]);
    }
    return STRAIT_OK;
}

static strait_status hash_param(strait_engine *engine, const strait_engine_state *states, int count,
                                const strait_param *param, char out[STRAIT_SHA256_HEX])
{
    strait_sha256 hash;
    strait_sha256_init(&hash);
    for (int i = 0; i < count; i++) STRAIT_TRY(hash_part(engine, states[i], param, &hash));
    strait_sha256_final(&hash, out);
    return STRAIT_OK;
}

static strait_status take_step(strait_run *run, int64_t n, strait_rehearsal *out)
{
    const strait_engine_state grads = STRAIT_ENGINE_GRADS;
    const strait_params *params = strait_engine_params(run->engine);
    strait_batch data;
    strait_step_result result;
    STRAIT_TRY(strait_prefetch_next(run->prefetch, &data));
    strait_engine_batch batch = {
        .sequences = data.count, .tokens = data.tokens, .targets = data.targets, .documents = data.documents};
    int64_t step = out->first + n;
    STRAIT_TRY(strait_engine_step(run->engine, &batch, step, strait_schedule_lr(&run->schedule, step), &result));
    if (!result.applied) {
        return STRAIT_FAIL(STRAIT_ERR_NOT_FINITE, "step %lld on %s: loss %g, gradient norm %g", (long long)step,
                           out->device, result.loss, (double)result.grad_norm);
    }
    out->losses[n] = result.loss;
    out->norms[n] = result.grad_norm;
    for (int32_t p = 0; p < params->count; p++) {
        STRAIT_TRY(hash_param(run->engine, &grads, 1, &params->items[p], out->gradients[n * params->count + p]));
    }
    if (n > 0 || !out->values) return STRAIT_OK;
    return strait_engine_read(run->engine, STRAIT_ENGINE_GRADS, out->values);
}

strait_status strait_rehearse(strait_run *run, int64_t steps, strait_rehearsal *out)
{
    static const strait_engine_state kept[] = {STRAIT_ENGINE_WEIGHTS, STRAIT_ENGINE_M, STRAIT_ENGINE_V};
    const strait_device_props *props = strait_device_get_props(run->device);
    const strait_params *params = strait_engine_params(run->engine);
    *out = (strait_rehearsal){.first = run->step + 1, .steps = steps};
    snprintf(out->device, sizeof out->device, "%s", run->config.device);
    snprintf(out->chip, sizeof out->chip, "%s (%s)", props->name, props->implementation);
    size_t count = (size_t)params->count;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)steps, sizeof *out->losses, &out->losses));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)steps, sizeof *out->norms, &out->norms));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, sizeof *out->states, &out->states));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)steps * count, sizeof *out->gradients, &out->gradients));
    if (run->config.numerics == STRAIT_CONFIG_NUMERICS_FAST) {
        STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)params->padded, sizeof *out->values, &out->values));
    }
    STRAIT_TRY(strait_prefetch_create(run->train_data, run->step * run->config.batch.sequences,
                                      run->config.batch.sequences, run->config.data.mask_documents, &run->prefetch));
    for (int64_t n = 0; n < steps; n++) STRAIT_TRY(take_step(run, n, out));
    for (int32_t p = 0; p < params->count; p++) {
        STRAIT_TRY(hash_param(run->engine, kept, 3, &params->items[p], out->states[p]));
    }
    return STRAIT_OK;
}

void strait_rehearsal_fini(strait_rehearsal *rehearsal)
{
    strait_free(rehearsal->losses);
    strait_free(rehearsal->norms);
    strait_free(rehearsal->gradients);
    strait_free(rehearsal->states);
    strait_free(rehearsal->values);
    *rehearsal = (strait_rehearsal){0};
}

/* ---- one held against the other ---- */

typedef struct comparison {
    const strait_run *run;
    const strait_params *params;
    const strait_rehearsal *a;
    const strait_rehearsal *b;
    strait_buffer *out;
    char first[400]; /* the first thing that is not as it must be; "" none */
} comparison;

static void note(comparison *c, const char *what, const char *name)
{
    if (!c->first[0]) snprintf(c->first, sizeof c->first, "%s of %s", what, name);
}

/* Same bits, whatever they mean. */
static bool same_bits(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static strait_status compare_steps(comparison *c)
{
    bool exact = c->run->config.numerics == STRAIT_CONFIG_NUMERICS_EXACT;
    STRAIT_TRY(strait_buffer_printf(c->out, "%8s  %-34s %s\n", "step", "loss", "gradient norm"));
    for (int64_t n = 0; n < c->a->steps; n++) {
        bool loss = same_bits(&c->a->losses[n], &c->b->losses[n], sizeof *c->a->losses);
        bool norm = same_bits(&c->a->norms[n], &c->b->norms[n], sizeof *c->a->norms);
        char step[40];
        snprintf(step, sizeof step, "step %lld", (long long)(c->a->first + n));
        if (exact && !loss) note(c, "the loss", step);
        if (exact && !norm) note(c, "the gradient norm", step);
        STRAIT_TRY(strait_buffer_printf(c->out, "%8lld  %-11.6f %-11.6f %-10s %-11.6g %-11.6g %s\n",
                                        (long long)(c->a->first + n), c->a->losses[n], c->b->losses[n],
                                        loss ? "same bits" : "differs", (double)c->a->norms[n], (double)c->b->norms[n],
                                        norm ? "same bits" : "differs"));
    }
    return STRAIT_OK;
}

/* What of a layer is not the same, in exact: a gradient of any step, or a state after the last. */
static void compare_bits(comparison *c, int32_t p, int *inout_gradients, int *inout_states)
{
    const char *name = c->params->items[p].name;
    bool gradients = true;
    for (int64_t n = 0; n < c->a->steps && gradients; n++) {
        int64_t at = n * c->params->count + p;
        gradients = same_bits(c->a->gradients[at], c->b->gradients[at], STRAIT_SHA256_HEX);
    }
    bool states = same_bits(c->a->states[p], c->b->states[p], STRAIT_SHA256_HEX);
    if (!gradients) note(c, "the gradient", name);
    if (!states) note(c, "the weight or a moment", name);
    *inout_gradients += gradients;
    *inout_states += states;
}

static double distance(const float *a, const float *b, int64_t count)
{
    double difference = 0;
    double size = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = (double)b[i] - (double)a[i];
        difference += d * d;
        size += (double)a[i] * (double)a[i];
    }
    return difference == 0 ? 0 : sqrt(difference / size);
}

static double limit_of(const comparison *c, int64_t layer)
{
    const strait_model_config *model = &c->run->model;
    int64_t longest = c->run->config.batch.sequences * c->run->config.data.sequence_length;
    if (model->intermediate_size > longest) longest = model->intermediate_size;
    if (model->vocab_size > longest) longest = model->vocab_size;
    return strait_gradient_limit(model->dtype, model->num_hidden_layers, layer, longest);
}

static strait_status compare_layer(comparison *c, int64_t layer)
{
    int64_t layers = c->run->model.num_hidden_layers;
    int tensors = 0;
    int gradients = 0;
    int states = 0;
    double worst = 0;
    double limit = limit_of(c, layer);
    for (int32_t p = 0; p < c->params->count; p++) {
        const strait_param *item = &c->params->items[p];
        if (strait_layer_of(item->name, layers) != layer) continue;
        tensors++;
        if (!c->a->values) {
            compare_bits(c, p, &gradients, &states);
            continue;
        }
        double far = distance(c->a->values + item->offset, c->b->values + item->offset, item->elements);
        /* Written so that what is not a number fails. */
        if (!(far <= limit)) note(c, "the gradient", item->name);
        if (!(far <= worst)) worst = far;
    }
    char name[40];
    snprintf(name, sizeof name, layer == layers ? "after the last layer" : "layer %lld", (long long)layer);
    if (c->a->values) {
        return strait_buffer_printf(c->out, "%-22s %7d  gradients off by %.1e at most, limit %.1e\n", name, tensors,
                                    worst, limit);
    }
    return strait_buffer_printf(c->out, "%-22s %7d  same bits: gradients of %d, weights and moments of %d\n", name,
                                tensors, gradients, states);
}

strait_status strait_rehearsal_compare(const strait_run *run, const strait_rehearsal *stayed,
                                       const strait_rehearsal *moved, strait_buffer *out)
{
    comparison c = {.run = run, .params = strait_engine_params(run->engine), .a = stayed, .b = moved, .out = out};
    STRAIT_TRY(strait_buffer_printf(out, "%lld %s from step %lld, on %s: %s, then on %s: %s\n",
                                    (long long)stayed->steps, stayed->steps == 1 ? "step" : "steps",
                                    (long long)stayed->first, stayed->device, stayed->chip, moved->device,
                                    moved->chip));
    STRAIT_TRY(compare_steps(&c));
    STRAIT_TRY(strait_buffer_printf(out, "%-22s %7s\n", "", "tensors"));
    for (int64_t layer = 0; layer <= run->model.num_hidden_layers; layer++) STRAIT_TRY(compare_layer(&c, layer));
    if (!c.first[0]) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_DEVICE, "%s does not compute what %s does: %s is another. The run stays on %s",
                       moved->device, stayed->device, c.first, stayed->device);
}
