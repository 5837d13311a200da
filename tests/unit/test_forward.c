/* Forward passes: exact numerics begin with the probe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/forward.h"

/* Does allocate run the probe? It is the only user of device memory under the tag "other". */
static bool probes(strait_numerics numerics, bool borrow)
{
    const strait_model_config config = {.family = STRAIT_FAMILY_QWEN3,
                                        .vocab_size = 32,
                                        .pad_token_id = -1,
                                        .hidden_size = 16,
                                        .intermediate_size = 32,
                                        .num_hidden_layers = 1,
                                        .num_attention_heads = 2,
                                        .num_key_value_heads = 1,
                                        .head_dim = 8,
                                        .max_position_embeddings = 16,
                                        .rms_norm_eps = 1e-6,
                                        .rope_theta = 1e4,
                                        .tie_word_embeddings = true};
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact_numerics_begin_with_the_probe)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
