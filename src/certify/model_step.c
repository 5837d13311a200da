/* A small Qwen3 model, its weights and tokens from a seed, and the gradients of one step. */
#include "certify/model_step.h"

#include "base/memory.h"
#include "base/rng.h"
#include "train/engine.h"

#include <math.h>
#include <string.h>

enum { SEQUENCES = 3, LENGTH = 48, VOCABULARY = 389, HIDDEN = 48 };

static strait_engine_options plan(strait_dtype dtype, strait_numerics numerics)
{
    return (strait_engine_options){.model = {.family = STRAIT_FAMILY_QWEN3,
                                             .vocab_size = VOCABULARY,
                                             .pad_token_id = -1,
                                             .hidden_size = HIDDEN,
                                             .intermediate_size = 112,
                                             .num_hidden_layers = STRAIT__STEP_LAYERS,
                                             .num_attention_heads = 4,
                                             .num_key_value_heads = 2,
                                             .head_dim = 12,
                                             .max_position_embeddings = LENGTH,
                                             .rms_norm_eps = 1e-6,
                                             .rope_theta = 10000,
                                             .dtype = dtype},
                                   .dtype = dtype,
                                   .numerics = numerics,
                                   .length = LENGTH,
                                   .sequences = SEQUENCES,
                                   .micro_batch = SEQUENCES,
                                   .shards = 1,
                                   .adamw = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .clip = 1}};
}

/* One ulp of the dtype that computes: of a bf16 number that is 2^16 of f32's. */
static float moved(float value, strait_dtype dtype, uint32_t word)
{
    uint32_t bits;
    float stored = dtype == STRAIT_DTYPE_BF16 ? strait_f32_from_bf16(strait_bf16_from_f32(value)) : value;
    memcpy(&bits, &stored, sizeof bits);
    if ((bits & 0x7FFFFFFFU) < 0x00800000U) return value;
    uint32_t ulp = dtype == STRAIT_DTYPE_BF16 ? 0x10000U : 1U;
    bits = word & 1U ? bits + ulp : bits - ulp;
    memcpy(&stored, &bits, sizeof bits);
    return stored;
}

static int group_of(const char *name)
{
    static const char prefix[] = "model.layers.";
    if (strncmp(name, prefix, sizeof prefix - 1) == 0) return 1 + (name[sizeof prefix - 1] - '0');
    return strstr(name, "embed") ? 0 : STRAIT__STEP_LAYERS + 1;
}

static strait_status weights(strait_engine *engine, uint32_t seed, strait_dtype dtype, int perturb, strait__step *out)
{
    const strait_params *params = strait_engine_params(engine);
    memset(out->gradients, 0, (size_t)params->padded * sizeof *out->gradients);
    for (int32_t p = 0; p < params->count; p++) {
        float *values = out->gradients + params->items[p].offset;
        strait_param_initialise(&params->items[p], p, seed, 1 / sqrt(HIDDEN), 0, params->items[p].elements, NULL,
                                values);
        for (int64_t i = 0; perturb > 0 && i < params->items[p].elements; i++) {
            uint32_t word = strait_rng_u32(seed, (uint32_t)(2000 + perturb), (uint64_t)i, (uint64_t)p);
            values[i] = moved(values[i], dtype, word >> 7);
        }
    }
    return strait_engine_write(engine, STRAIT_ENGINE_WEIGHTS, 0, params->padded, out->gradients);
}

static strait_status compute(strait_engine *engine, uint32_t seed, strait_dtype dtype, int perturb, strait__step *out)
{
    int32_t tokens[SEQUENCES * LENGTH], targets[SEQUENCES * LENGTH];
    const strait_params *params = strait_engine_params(engine);
    strait_step_result result = {0};
    STRAIT_TRY(strait_engine_allocate(engine));
    if (params->count > (int32_t)(sizeof out->begin / sizeof out->begin[0])) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the model of A5 has %d parameters", params->count);
    }
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)params->padded, sizeof *out->gradients, &out->gradients));
    STRAIT_TRY(weights(engine, seed, dtype, perturb, out));
    for (int i = 0; i < SEQUENCES * LENGTH; i++) {
        tokens[i] = (int32_t)(strait_rng_u32(seed, STRAIT_STREAM_ORDER, (uint64_t)i, 1) % VOCABULARY);
    }
    for (int i = 0; i < SEQUENCES * LENGTH; i++) targets[i] = i % LENGTH == LENGTH - 1 ? -1 : tokens[i + 1];
    strait_engine_batch batch = {.sequences = SEQUENCES, .tokens = tokens, .targets = targets};
    STRAIT_TRY(strait_engine_gradients(engine, &batch, 1, 0, &result));
    STRAIT_TRY(strait_engine_read(engine, STRAIT_ENGINE_GRADS, out->gradients));
    out->loss = result.loss;
    out->parameters = params->count;
    for (int32_t p = 0; p < params->count; p++) {
        out->begin[p] = params->items[p].offset;
        out->length[p] = params->items[p].elements;
        out->group[p] = group_of(params->items[p].name);
    }
    return STRAIT_OK;
}

strait_status strait__step_run(strait_device *device, uint32_t seed, strait_dtype dtype, strait_numerics numerics,
                               int perturb, strait__step *out)
{
    strait_engine_options options = plan(dtype, numerics);
    strait_engine *engine = NULL;
    memset(out, 0, sizeof *out);
    strait_status status = strait_engine_create(device, &options, &engine);
    if (status == STRAIT_OK) status = compute(engine, seed, dtype, perturb, out);
    strait_engine_destroy(engine);
    if (status != STRAIT_OK) {
        strait_free(out->gradients);
        out->gradients = NULL;
    }
    return status;
}

double strait__step_distance(const strait__step *a, const strait__step *b, int group, double *out_cosine)
{
    double difference = 0.0, aa = 0.0, bb = 0.0, ab = 0.0;
    for (int p = 0; p < a->parameters; p++) {
        if (a->group[p] != group) continue;
        for (int64_t i = a->begin[p]; i < a->begin[p] + a->length[p]; i++) {
            double x = (double)a->gradients[i], y = (double)b->gradients[i];
            difference += (x - y) * (x - y);
            aa += x * x;
            bb += y * y;
            ab += x * y;
        }
    }
    *out_cosine = ab / sqrt(aa * bb);
    return sqrt(difference / bb);
}

void strait__step_hash(const strait__step *step, char out[STRAIT_SHA256_HEX])
{
    strait_sha256 hash;
    strait_sha256_init(&hash);
    for (int p = 0; p < step->parameters; p++) {
        for (int64_t i = step->begin[p]; i < step->begin[p] + step->length[p]; i++) {
            uint32_t bits;
            memcpy(&bits, &step->gradients[i], sizeof bits);
            unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16),
                                      (unsigned char)(bits >> 24)};
            strait_sha256_update(&hash, bytes, sizeof bytes);
        }
    }
    strait_sha256_final(&hash, out);
}
