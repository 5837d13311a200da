/* Forward passes: exact numerics begin with the probe; a prompt is read in pieces that show nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/forward.h"
#include "train/generator.h"

enum { VOCABULARY = 32, CONTEXT = 400 };

static const strait_model_config config = {.family = STRAIT_FAMILY_QWEN3,
                                           .vocab_size = VOCABULARY,
                                           .pad_token_id = -1,
                                           .hidden_size = 16,
                                           .intermediate_size = 32,
                                           .num_hidden_layers = 1,
                                           .num_attention_heads = 2,
                                           .num_key_value_heads = 1,
                                           .head_dim = 8,
                                           .max_position_embeddings = CONTEXT,
                                           .rms_norm_eps = 1e-6,
                                           .rope_theta = 1e4,
                                           .initializer_range = 0.5,
                                           .tie_word_embeddings = true};

/* Does allocate run the probe? It is the only user of device memory under the tag "other". */
static bool probes(strait_numerics numerics, bool borrow)
{
    const strait_build build = {.mode = STRAIT_BUILD_LOGITS, .batch = 1, .length = 8, .table_rows = 8};
    const strait_device_options options = {.struct_size = sizeof options, .threads = 1};
    strait_device *device;
    strait_memory *weights = NULL;
    strait_forward forward;
    int program;
    assert_int_equal(strait_device_open("cpu", &options, &device), STRAIT_OK);
    assert_int_equal(strait_forward_init(&forward, device, &config, STRAIT_DTYPE_F32, numerics), STRAIT_OK);
    assert_int_equal(strait_forward_add(&forward, &build, NULL, 0, &program), STRAIT_OK);
    if (borrow) {
        int64_t bytes = forward.params.padded * (int64_t)sizeof(float);
        assert_int_equal(strait_memory_create(device, STRAIT_TAG_WEIGHTS, bytes, &weights), STRAIT_OK);
        forward.weights = weights;
    }
    assert_int_equal(strait_forward_allocate(&forward, 8), STRAIT_OK);
    bool probed = strait_device_peak(device, STRAIT_TAG_OTHER) > 0;
    if (borrow) forward.weights = NULL;
    strait_forward_fini(&forward);
    strait_memory_destroy(weights);
    strait_device_close(device);
    return probed;
}

static void exact_numerics_begin_with_the_probe(void **state)
{
    (void)state;
    assert_true(probes(STRAIT_NUMERICS_EXACT, false));
    assert_false(probes(STRAIT_NUMERICS_FAST, false));
    assert_false(probes(STRAIT_NUMERICS_EXACT, true)); /* the engine that lends has run it */
}

/* The logits after a prompt that was read `most` tokens at a time. */
static void logits_after(strait_generator *generator, const int32_t *ids, int64_t count, int64_t most, float *out)
{
    const float *logits;
    strait_generator_reset(generator);
    while (count > 0) {
        int64_t piece = count < most ? count : most;
        assert_int_equal(strait_generator_read(generator, ids, piece), STRAIT_OK);
        ids += piece;
        count -= piece;
    }
    assert_int_equal(strait_generator_logits(generator, &logits), STRAIT_OK);
    memcpy(out, logits, VOCABULARY * sizeof *out);
}

/* Of a dense model, or of one with experts, which one token alone meets as well. */
static void read_in_pieces(const strait_model_config *model)
{
    static const int64_t counts[] = {1,  2,  3,  4,  5,   6,   8,   9,   16,  17,     31,
                                     32, 33, 64, 65, 127, 128, 129, 256, 257, CONTEXT};
    const strait_device_options options = {.struct_size = sizeof options, .threads = 1};
    const strait_generator_options made = {.config = model, .dtype = STRAIT_DTYPE_F32, .capacity = CONTEXT};
    int32_t ids[CONTEXT];
    float alone[VOCABULARY];
    float whole[VOCABULARY];
    strait_device *device;
    strait_generator *generator;
    assert_int_equal(strait_device_open("cpu", &options, &device), STRAIT_OK);
    assert_int_equal(strait_generator_create(device, &made, &generator), STRAIT_OK);
    assert_int_equal(strait_generator_initialise(generator, 1), STRAIT_OK);
    for (int i = 0; i < CONTEXT; i++) ids[i] = i * i % VOCABULARY;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        logits_after(generator, ids, counts[i], 1, alone);
        logits_after(generator, ids, counts[i], CONTEXT, whole);
        assert_memory_equal(alone, whole, sizeof alone);
    }
    ids[counts[2] - 1] ^= 1; /* a token that is another gives other logits */
    logits_after(generator, ids, counts[2], 1, alone);
    assert_int_equal(strait_generator_read(generator, ids, CONTEXT), STRAIT_ERR_RANGE);
    assert_memory_not_equal(alone, whole, sizeof alone);
    strait_generator_destroy(generator);
    strait_device_close(device);
}

static void prompts_are_read_in_pieces_that_show_nowhere(void **state)
{
    (void)state;
    read_in_pieces(&config);
    strait_model_config experts = config;
    experts.family = STRAIT_FAMILY_QWEN3_MOE;
    experts.num_experts = 6;
    experts.num_experts_per_tok = 2;
    experts.moe_intermediate_size = 9;
    experts.norm_topk_prob = true;
    experts.sparse_layers[0] = 1;
    read_in_pieces(&experts);
}

/* Windows, neighbouring pairs, biases: the cache of every family holds what a whole prompt computes. */
static void every_family_reads_in_pieces(void **state)
{
    (void)state;
    static const int64_t counts[] = {1, 5, 6, 34, 66};
    const strait_device_options options = {.struct_size = sizeof options, .threads = 1};
    strait_model_config models[3] = {config, config, config};
    models[0].num_hidden_layers = 2;
    models[0].sliding_window = 5;
    models[0].sliding_layers[0] = 2;
    models[0].rope = (strait_rope_scaling){STRAIT_ROPE_YARN, false, 16, 4, 0, 32, 1, 0, 0};
    models[1].family = STRAIT_FAMILY_ERNIE4_5;
    models[1].attention_bias = models[1].attention_out_bias = models[1].mlp_bias = true;
    models[2].family = STRAIT_FAMILY_SEED_OSS;
    models[2].attention_bias = true;
    models[2].residual_dropout = models[2].attention_dropout = 0.5; /* in training only */
    strait_device *device;
    float last[3][VOCABULARY];
    int32_t ids[66];
    for (int i = 0; i < 66; i++) ids[i] = i * i % VOCABULARY;
    assert_int_equal(strait_device_open("cpu", &options, &device), STRAIT_OK);
    for (size_t m = 0; m < 3; m++) {
        const strait_generator_options made = {.config = &models[m], .dtype = STRAIT_DTYPE_F32, .capacity = CONTEXT};
        strait_generator *generator;
        float alone[VOCABULARY];
        assert_int_equal(strait_generator_create(device, &made, &generator), STRAIT_OK);
        assert_int_equal(strait_generator_initialise(generator, 1), STRAIT_OK);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            logits_after(generator, ids, counts[i], 1, alone);
            logits_after(generator, ids, counts[i], CONTEXT, last[m]);
            assert_memory_equal(alone, last[m], sizeof alone);
        }
        strait_generator_destroy(generator);
    }
    assert_memory_not_equal(last[1], last[2], sizeof last[1]);
    strait_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_family_reads_in_pieces),
                                       cmocka_unit_test(exact_numerics_begin_with_the_probe),
                                       cmocka_unit_test(prompts_are_read_in_pieces_that_show_nowhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
