/* config.json: both spellings in, defaults of transformers, refusals by name, and what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ckpt/hf_config.h"

static strait_status parse(const char *text, strait_model_config *out)
{
    json_t *json = NULL;
    assert_int_equal(strait_json_parse("config.json", text, strlen(text), &json), STRAIT_OK);
    strait_status status = strait_model_config_parse("config.json", json, out);
    json_decref(json);
    return status;
}

static void missing_keys_take_the_defaults_of_transformers(void **state)
{
    (void)state;
    strait_model_config config;
    assert_int_equal(parse("{\"model_type\": \"qwen3\"}", &config), STRAIT_OK);
    assert_int_equal(config.vocab_size, 151936);
    assert_int_equal(config.hidden_size, 4096);
    assert_int_equal(config.intermediate_size, 22016);
    assert_int_equal(config.num_hidden_layers, 32);
    assert_int_equal(config.num_key_value_heads, 32);
    assert_int_equal(config.head_dim, 128);
    assert_int_equal(config.max_position_embeddings, 32768);
    assert_true(config.rope_theta == 10000 && config.rms_norm_eps == 1e-6 && config.initializer_range == 0.02);
    assert_false(config.tie_word_embeddings);
    assert_int_equal(config.dtype, STRAIT_DTYPE_F32);
    assert_int_equal(config.bos_token_id, -1);
    assert_int_equal(config.eos.count, 0);
    assert_int_equal(
        parse("{\"model_type\":\"qwen3\",\"num_attention_heads\":6,\"num_key_value_heads\":null}", &config), STRAIT_OK);
    assert_int_equal(config.num_key_value_heads, 6);
}

static void both_spellings_are_read(void **state)
{
    (void)state;
    strait_model_config config;
    assert_int_equal(
        parse("{\"architectures\":[\"Qwen3ForCausalLM\"],\"model_type\":\"qwen3\",\"rope_theta\":1000000,"
              "\"torch_dtype\":\"bfloat16\",\"eos_token_id\":5,\"rope_scaling\":null,\"hidden_act\":\"silu\","
              "\"sliding_window\":4096,\"use_sliding_window\":false,\"max_window_layers\":0}",
              &config),
        STRAIT_OK);
    assert_true(config.rope_theta == 1e6);
    assert_int_equal(config.dtype, STRAIT_DTYPE_BF16);
    assert_int_equal(config.eos.count, 1);
    assert_int_equal(config.eos.ids[0], 5);
    assert_int_equal(parse("{\"architectures\":[\"Qwen3ForCausalLM\"],\"num_hidden_layers\":2,"
                           "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":5e5},\"dtype\":\"bfloat16\","
                           "\"torch_dtype\":\"float32\",\"eos_token_id\":[5,7],"
                           "\"layer_types\":[\"full_attention\",\"full_attention\"]}",
                           &config),
                     STRAIT_OK);
    assert_true(config.rope_theta == 5e5);
    assert_int_equal(config.dtype, STRAIT_DTYPE_BF16);
    assert_int_equal(config.eos.count, 2);
    assert_int_equal(config.eos.ids[1], 7);
}

typedef struct refusal {
    const char *keys; /* put after "model_type": "qwen3" */
    strait_status status;
    const char *says;
} refusal;

static void what_cannot_be_honoured_is_refused_by_name(void **state)
{
    (void)state;
    static const refusal refusals[] = {
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}", STRAIT_ERR_UNSUPPORTED, "yarn"},
        {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":4}", STRAIT_ERR_UNSUPPORTED, "linear"},
        {"\"rope_parameters\":{\"rope_type\":\"yarn\"}", STRAIT_ERR_UNSUPPORTED, "rope_parameters"},
        {"\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1}}", STRAIT_ERR_UNSUPPORTED, "per layer type"},
        {"\"rope_theta\":1e6,\"rope_parameters\":{\"rope_theta\":1e5}", STRAIT_ERR_FORMAT, "differs"},
        {"\"rope_theta\":-1", STRAIT_ERR_RANGE, "rope_theta"},
        {"\"rope_theta\":\"1e6\"", STRAIT_ERR_FORMAT, "must be a number"},
        {"\"partial_rotary_factor\":0.5", STRAIT_ERR_UNSUPPORTED, "partial_rotary_factor"},
        {"\"attention_bias\":true", STRAIT_ERR_UNSUPPORTED, "attention_bias"},
        {"\"attention_bias\":1", STRAIT_ERR_FORMAT, "true or false"},
        {"\"attention_dropout\":0.1", STRAIT_ERR_UNSUPPORTED, "attention_dropout"},
        {"\"hidden_act\":\"gelu\"", STRAIT_ERR_UNSUPPORTED, "gelu"},
        {"\"use_sliding_window\":true,\"num_hidden_layers\":30", STRAIT_ERR_UNSUPPORTED, "use_sliding_window"},
        {"\"num_hidden_layers\":1,\"layer_types\":[\"sliding_attention\"]", STRAIT_ERR_UNSUPPORTED, "layer 0"},
        {"\"num_hidden_layers\":2,\"layer_types\":[\"full_attention\"]", STRAIT_ERR_FORMAT, "layer_types"},
        {"\"head_dim\":null", STRAIT_ERR_FORMAT, "head_dim: must not be null"},
        {"\"head_dim\":63", STRAIT_ERR_SHAPE, "odd"},
        {"\"hidden_size\":0", STRAIT_ERR_RANGE, "hidden_size"},
        {"\"hidden_size\":64.0", STRAIT_ERR_FORMAT, "hidden_size: must be an integer"},
        {"\"num_attention_heads\":6,\"num_key_value_heads\":4", STRAIT_ERR_SHAPE, "multiple"},
        {"\"rms_norm_eps\":0", STRAIT_ERR_RANGE, "rms_norm_eps"},
        {"\"dtype\":\"float16\"", STRAIT_ERR_UNSUPPORTED, "float16"},
        {"\"dtype\":3", STRAIT_ERR_FORMAT, "dtype: must be a string"},
        {"\"eos_token_id\":-4", STRAIT_ERR_RANGE, "eos_token_id"},
        {"\"eos_token_id\":[1,\"a\"]", STRAIT_ERR_FORMAT, "element 1"},
        {"\"pad_token_id\":151936", STRAIT_ERR_RANGE, "pad_token_id: is 151936"},
        {"\"vocab_size\":9,\"pad_token_id\":9", STRAIT_ERR_RANGE, "pad_token_id: is 9"},
        {"\"pad_token_id\":-2", STRAIT_ERR_RANGE, "pad_token_id"},
        {"\"pad_token_id\":\"a\"", STRAIT_ERR_FORMAT, "pad_token_id"},
        {"\"quantization_config\":{}", STRAIT_ERR_UNSUPPORTED, "quantization_config"},
        {"\"architectures\":[\"LlamaForCausalLM\"]", STRAIT_ERR_UNSUPPORTED, "supported: Qwen3ForCausalLM"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"model_type\":\"qwen3\",%s}", refusals[i].keys);
        strait_model_config config = {.vocab_size = 77};
        strait_status status = parse(text, &config);
        if (status != refusals[i].status || !strstr(strait_error_message(), refusals[i].says)) {
            fail_msg("%s gave %s: %s", text, strait_status_name(status), strait_error_message());
        }
        assert_non_null(strstr(strait_error_message(), "config.json: "));
        assert_int_equal(config.vocab_size, 77);
    }
    strait_model_config config;
    assert_int_equal(parse("{\"model_type\":\"gpt2\"}", &config), STRAIT_ERR_UNSUPPORTED);
    assert_non_null(strstr(strait_error_message(), "supported: qwen3"));
    assert_int_equal(parse("{}", &config), STRAIT_ERR_UNSUPPORTED);
    assert_int_equal(parse("[]", &config), STRAIT_ERR_FORMAT);
}

static void a_padding_token_is_an_id_or_none(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t id;
    } cases[] = {{"{\"model_type\":\"qwen3\"}", -1},
                 {"{\"model_type\":\"qwen3\",\"pad_token_id\":null}", -1},
                 {"{\"model_type\":\"qwen3\",\"pad_token_id\":-1}", -1},
                 {"{\"model_type\":\"qwen3\",\"pad_token_id\":0}", 0},
                 {"{\"model_type\":\"qwen3\",\"vocab_size\":9,\"pad_token_id\":8}", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strait_model_config config;
        assert_int_equal(parse(cases[i].text, &config), STRAIT_OK);
        assert_int_equal(config.pad_token_id, cases[i].id);
    }
}

static void all_errors_come_at_once(void **state)
{
    (void)state;
    strait_model_config config;
    assert_int_not_equal(
        parse("{\"model_type\":\"qwen3\",\"hidden_size\":\"a\",\"head_dim\":3,\"hidden_act\":\"relu\"}", &config),
        STRAIT_OK);
    assert_non_null(strstr(strait_error_message(), "hidden_size"));
    assert_non_null(strstr(strait_error_message(), "\nconfig.json: head_dim"));
    assert_non_null(strstr(strait_error_message(), "\nconfig.json: hidden_act"));
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    const strait_model_config config = {
        .family = STRAIT_FAMILY_QWEN3,
        .vocab_size = 257,
        .hidden_size = 48,
        .intermediate_size = 80,
        .num_hidden_layers = 3,
        .num_attention_heads = 4,
        .num_key_value_heads = 2,
        .head_dim = 16,
        .max_position_embeddings = 512,
        .rms_norm_eps = 1e-6,
        .rope_theta = 1000000,
        .initializer_range = 0.1 + 0.2,
        .tie_word_embeddings = true,
        .dtype = STRAIT_DTYPE_BF16,
        .bos_token_id = -1,
        .pad_token_id = 2,
        .eos = {.ids = {2, 9}, .count = 2},
    };
    strait_buffer text = {0};
    assert_int_equal(strait_model_config_format(&config, &text), STRAIT_OK);
    assert_non_null(strstr(text.bytes, "\"rms_norm_eps\": 1e-06"));
    assert_non_null(strstr(text.bytes, "\"rope_theta\": 1000000.0"));
    assert_non_null(strstr(text.bytes, "\"torch_dtype\": \"bfloat16\""));
    assert_non_null(strstr(text.bytes, "\"dtype\": \"bfloat16\""));
    assert_non_null(strstr(text.bytes, "\"rope_parameters\": {"));
    strait_model_config back;
    assert_int_equal(parse(text.bytes, &back), STRAIT_OK);
    assert_int_equal(back.eos.ids[1], 9);
    assert_true(back.initializer_range == config.initializer_range);
    strait_buffer again = {0};
    assert_int_equal(strait_model_config_format(&back, &again), STRAIT_OK);
    assert_string_equal(again.bytes, text.bytes);
    strait_buffer_fini(&again);

    strait_buffer_clear(&text);
    assert_int_equal(strait_generation_config_format(&config, &text), STRAIT_OK);
    assert_non_null(strstr(text.bytes, "\"pad_token_id\": 2"));
    assert_null(strstr(text.bytes, "bos_token_id"));
    strait_buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_keys_take_the_defaults_of_transformers),
        cmocka_unit_test(both_spellings_are_read),
        cmocka_unit_test(what_cannot_be_honoured_is_refused_by_name),
        cmocka_unit_test(a_padding_token_is_an_id_or_none),
        cmocka_unit_test(all_errors_come_at_once),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
