/*
 * Twenty steps of the engine alone, on token ids of its own: no tokenizer, data, config or checkpoint, and so no other
 * library. It can be cross-compiled with a compiler and a libc (tests/neon.sh), and brings an untied head and attention
 * inside documents, which tests/exact/run.yaml does not have. Writes parameters and optimizer states, f32, in name
 * order, to stdout; sha256sum makes the hash of tests/exact/hashes.txt of them. bf16-weights: no f32 masters, and the
 * first moment in bf16. The model is a Qwen3; before the dtype stands another: yarn (a Qwen3 with YaRN, windows and
 * biases), ernie (ERNIE 4.5), moe (Qwen3-MoE), aux (the same with losses of routers over the step), bias (ERNIE 4.5
 * with experts, whose biases move), latent (DeepSeek-V3), mtp (the same with its module for multi-token prediction),
 * seed (Seed-OSS with dropout), muon (as moe, with Muon). usage: strait_steps
 * [yarn-|ernie-|moe-|aux-|bias-|latent-|mtp-|seed-|muon-]f32|bf16|bf16-weights SHARDS [THREADS [MICRO_BATCH
 * [none|light|full [DEVICE]]]] STRAIT_CPU as ever.
 */
#include "tests/exact/tiny.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 20, SEQUENCES = 4, LENGTH = 70, VOCABULARY = 530, DOCUMENT = 23 };

typedef struct batch {
    int32_t tokens[SEQUENCES * LENGTH];
    int32_t targets[SEQUENCES * LENGTH];
    int32_t documents[SEQUENCES * LENGTH];
} batch;

static strait_status run_steps(strait_engine *engine)
{
    batch data;
    strait_step_result result = {0};
    for (int step = 1; step <= STEPS; step++) {
        tiny_batch(data.tokens, data.targets, data.documents, SEQUENCES, LENGTH, VOCABULARY, DOCUMENT, step);
        strait_engine_batch one = {
            .sequences = SEQUENCES, .tokens = data.tokens, .targets = data.targets, .documents = data.documents};
        STRAIT_TRY(strait_engine_step(engine, &one, step, 3e-3, &result));
        if (!result.applied) return STRAIT_FAIL(STRAIT_ERR_NOT_FINITE, "step %d is not finite", step);
    }
    fprintf(stderr, "loss %.9g, norm %.9g\n", result.loss, (double)result.grad_norm);
    return STRAIT_OK;
}

static strait_status write_states(strait_engine *engine, float *flat)
{
    static const strait_engine_state states[] = {STRAIT_ENGINE_WEIGHTS, STRAIT_ENGINE_M, STRAIT_ENGINE_V};
    const strait_params *params = strait_engine_params(engine);
    for (size_t s = 0; s < sizeof states / sizeof states[0]; s++) {
        STRAIT_TRY(strait_engine_read(engine, states[s], flat));
        for (int32_t p = 0; p < params->count; p++) {
            size_t count = (size_t)params->items[p].elements;
            if (fwrite(flat + params->items[p].offset, sizeof *flat, count, stdout) == count) continue;
            return STRAIT_FAIL(STRAIT_ERR_IO, "stdout cannot be written");
        }
    }
    return STRAIT_OK;
}

static strait_status with_engine(strait_engine *engine)
{
    float *flat;
    STRAIT_TRY(strait_engine_allocate(engine));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)strait_engine_params(engine)->padded, sizeof *flat, &flat));
    strait_status status = tiny_weights(engine, 0.08, flat);
    if (status == STRAIT_OK) status = run_steps(engine);
    if (status == STRAIT_OK) status = write_states(engine, flat);
    strait_free(flat);
    return status;
}

static strait_recompute recompute_named(const char *name)
{
    if (strcmp(name, "light") == 0) return STRAIT_RECOMPUTE_LIGHT;
    return strcmp(name, "full") == 0 ? STRAIT_RECOMPUTE_FULL : STRAIT_RECOMPUTE_NONE;
}

/* The model that a kind begins with; *inout_kind is what follows it. */
static strait_model_config model_of(const char **inout_kind, strait_balance *out_balance)
{
    strait_model_config model = {.family = STRAIT_FAMILY_QWEN3,
                                 .vocab_size = VOCABULARY,
                                 .pad_token_id = -1,
                                 .hidden_size = 20,
                                 .intermediate_size = 37,
                                 .num_hidden_layers = 2,
                                 .num_attention_heads = 6,
                                 .num_key_value_heads = 2,
                                 .head_dim = 6,
                                 .max_position_embeddings = LENGTH,
                                 .rms_norm_eps = 1e-6,
                                 .rope_theta = 10000};
    const char *dash = strchr(*inout_kind, '-');
    if (strncmp(*inout_kind, "yarn-", 5) == 0) {
        model.rope = (strait_rope_scaling){.type = STRAIT_ROPE_YARN,
                                           .original_max_position_embeddings = 16,
                                           .factor = 4,
                                           .beta_fast = 32,
                                           .beta_slow = 1};
        model.sliding_window = 9;
        model.sliding_layers[0] = 2;
        model.attention_bias = model.attention_out_bias = true;
    } else if (strncmp(*inout_kind, "ernie-", 6) == 0) {
        model.family = STRAIT_FAMILY_ERNIE4_5;
        model.tie_word_embeddings = true;
    } else if (strncmp(*inout_kind, "moe-", 4) == 0 || strncmp(*inout_kind, "aux-", 4) == 0 ||
               strncmp(*inout_kind, "muon-", 5) == 0) {
        if (**inout_kind == 'a') {
            *out_balance = (strait_balance){.scope = STRAIT_AUX_STEP, .coefficient = 0.01, .z_coefficient = 0.001};
        }
        model.family = STRAIT_FAMILY_QWEN3_MOE;
        model.num_experts = 7;
        model.num_experts_per_tok = 3;
        model.moe_intermediate_size = 11;
        model.norm_topk_prob = true;
        model.sparse_layers[0] = 3;
    } else if (strncmp(*inout_kind, "bias-", 5) == 0) {
        model.family = STRAIT_FAMILY_ERNIE4_5_MOE;
        model.tie_word_embeddings = true;
        model.num_experts = 9;
        model.num_experts_per_tok = 2;
        model.moe_intermediate_size = 10;
        model.num_shared_experts = 2;
        model.moe_norm_min = 0.3;
        model.sparse_layers[0] = 2;
        *out_balance = (strait_balance){.scope = STRAIT_AUX_SEQUENCE, .coefficient = 0.01, .bias_rate = 0.01};
    } else if (strncmp(*inout_kind, "latent-", 7) == 0 || strncmp(*inout_kind, "mtp-", 4) == 0) {
        model.family = STRAIT_FAMILY_DEEPSEEK_V3;
        model.num_nextn_predict_layers = **inout_kind == 'm';
        model.num_key_value_heads = model.num_attention_heads;
        model.kv_lora_rank = 9;
        model.q_lora_rank = 13;
        model.qk_nope_head_dim = 7;
        model.v_head_dim = 5;
        model.rope_interleave = true;
        model.num_experts = 8;
        model.num_experts_per_tok = 3;
        model.n_group = 4;
        model.topk_group = 2;
        model.moe_intermediate_size = 10;
        model.num_shared_experts = 1;
        model.norm_topk_prob = true;
        model.routed_scaling_factor = 2.5;
        model.sparse_layers[0] = model.num_nextn_predict_layers ? 6 : 2;
        *out_balance = (strait_balance){
            .form = STRAIT_AUX_PER_LAYER, .scope = STRAIT_AUX_SEQUENCE, .coefficient = 0.01, .bias_rate = 0.01};
    } else if (strncmp(*inout_kind, "seed-", 5) == 0) {
        model.family = STRAIT_FAMILY_SEED_OSS;
        model.attention_bias = model.mlp_bias = true;
        model.residual_dropout = 0.1;
        model.attention_dropout = 0.2;
    } else {
        return model;
    }
    *inout_kind = dash + 1;
    return model;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: strait_steps [yarn-|ernie-|moe-|aux-|bias-|latent-|mtp-|seed-|muon-]f32|bf16|bf16-weights SHARDS "
              "[THREADS "
              "[MICRO_BATCH "
              "[none|light|full [DEVICE]]]]\n",
              stderr);
        return 2;
    }
    const char *kind = argv[1];
    strait_balance balance = {0};
    strait_model_config model = model_of(&kind, &balance);
    strait_muon muon = {.used = strncmp(argv[1], "muon-", 5) == 0, .momentum = 0.95, .lr_ratio = 1.0};
    bool bf16_weights = strcmp(kind, "bf16-weights") == 0;
    bool bf16 = bf16_weights || strcmp(kind, "bf16") == 0;
    model.dtype = bf16 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32;
    strait_engine_options options = {
        .model = model,
        .dtype = bf16 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32,
        .numerics = STRAIT_NUMERICS_EXACT,
        .recompute = argc > 5 ? recompute_named(argv[5]) : STRAIT_RECOMPUTE_NONE,
        .length = LENGTH,
        .sequences = SEQUENCES,
        .micro_batch = argc > 4 ? strtol(argv[4], NULL, 10) : 0,
        .shards = strtol(argv[2], NULL, 10),
        .documents = true,
        .bf16_weights = bf16_weights,
        .bf16_moment = bf16_weights,
        .balance = balance,
        .muon = muon,
        .mtp_weight = 0.3,
        .adamw = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .clip = 1, .seed = TINY_SEED}};
    strait_device_options device_options = {.struct_size = sizeof device_options,
                                            .threads = argc > 3 ? (int32_t)strtol(argv[3], NULL, 10) : 1};
    strait_device *device = NULL;
    strait_engine *engine = NULL;
    strait_status status = strait_device_open(argc > 6 ? argv[6] : "cpu", &device_options, &device);
    if (status == STRAIT_OK) status = strait_engine_create(device, &options, &engine);
    if (status == STRAIT_OK) status = with_engine(engine);
    strait_engine_destroy(engine);
    strait_device_close(device);
    if (status != STRAIT_OK) fprintf(stderr, "strait_steps: %s\n", strait_error_message());
    return status == STRAIT_OK ? 0 : 1;
}
