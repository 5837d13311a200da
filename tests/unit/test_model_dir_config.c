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
    const char *keys; /* put after "model_type" */
    strait_status status;
    const char *says;
} refusal;

/* Each by its sentence, and nothing is written. */
static void refuses(const char *model_type, const refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"model_type\":\"%s\",%s}", model_type, refusals[i].keys);
        strait_model_config config = {.vocab_size = 77};
        strait_status status = parse(text, &config);
        if (status != refusals[i].status || !strstr(strait_error_message(), refusals[i].says)) {
            fail_msg("%s gave %s: %s", text, strait_status_name(status), strait_error_message());
        }
        assert_non_null(strstr(strait_error_message(), "config.json: "));
        assert_int_equal(config.vocab_size, 77);
    }
}

static void what_cannot_be_honoured_is_refused_by_name(void **state)
{
    (void)state;
    static const refusal refusals[] = {
        {"\"rope_scaling\":{\"rope_type\":\"yarn\"}", STRAIT_ERR_RANGE, "rope_scaling: yarn needs a factor"},
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":0.5}", STRAIT_ERR_RANGE, "yarn needs a factor"},
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":\"4\"}", STRAIT_ERR_FORMAT, "factor must be a number"},
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"original_max_position_embeddings\":0.5}",
         STRAIT_ERR_RANGE, "original_max_position_embeddings"},
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"beta_fast\":1,\"beta_slow\":2}", STRAIT_ERR_RANGE,
         "beta_fast is 1"},
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"mscale\":-1}", STRAIT_ERR_RANGE, "mscale"},
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"truncate\":0}", STRAIT_ERR_FORMAT, "truncate"},
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4},\"rope_parameters\":{\"rope_type\":\"default\"}",
         STRAIT_ERR_FORMAT, "rope_scaling: differs from rope_parameters"},
        {"\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4},\"rope_theta\":1", STRAIT_ERR_RANGE,
         "yarn needs more"},
        {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":4}", STRAIT_ERR_UNSUPPORTED,
         "\"linear\" is not supported (\"default\" and \"yarn\" are)"},
        {"\"rope_parameters\":{\"rope_type\":\"llama3\"}", STRAIT_ERR_UNSUPPORTED, "rope_parameters"},
        {"\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1}}", STRAIT_ERR_UNSUPPORTED, "per layer type"},
        {"\"rope_theta\":1e6,\"rope_parameters\":{\"rope_theta\":1e5}", STRAIT_ERR_FORMAT, "differs"},
        {"\"rope_theta\":-1", STRAIT_ERR_RANGE, "rope_theta"},
        {"\"rope_theta\":\"1e6\"", STRAIT_ERR_FORMAT, "must be a number"},
        {"\"partial_rotary_factor\":0.5", STRAIT_ERR_UNSUPPORTED, "partial_rotary_factor"},
        {"\"attention_bias\":1", STRAIT_ERR_FORMAT, "true or false"},
        {"\"attention_dropout\":1.5", STRAIT_ERR_RANGE, "attention_dropout: is 1.5"},
        {"\"hidden_act\":\"gelu\"", STRAIT_ERR_UNSUPPORTED, "gelu"},
        {"\"use_sliding_window\":true,\"sliding_window\":0", STRAIT_ERR_RANGE, "sliding_window"},
        {"\"num_hidden_layers\":1,\"layer_types\":[\"sliding_attention\"]", STRAIT_ERR_FORMAT, "layer 0"},
        {"\"num_hidden_layers\":1,\"layer_types\":[\"chunked_attention\"]", STRAIT_ERR_UNSUPPORTED, "layer 0"},
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
        {"\"quantization_config\":{\"quant_method\":\"fp8\",\"weight_block_size\":[64,128]}", STRAIT_ERR_UNSUPPORTED,
         "weight_block_size [128, 128]"},
        {"\"architectures\":[\"LlamaForCausalLM\"]", STRAIT_ERR_UNSUPPORTED,
         "supported: Qwen3ForCausalLM, SeedOssForCausalLM"},
    };
    refuses("qwen3", refusals, sizeof refusals / sizeof refusals[0]);
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

/* Writes and reads again; *out is what came back, and it is written as the same text. */
static void write_and_read(const strait_model_config *config, strait_buffer *text, strait_model_config *out)
{
    strait_buffer twice = {0};
    assert_int_equal(strait_model_config_format(config, text), STRAIT_OK);
    assert_int_equal(parse(text->bytes, out), STRAIT_OK);
    assert_int_equal(strait_model_config_format(out, &twice), STRAIT_OK);
    assert_string_equal(text->bytes, twice.bytes);
    strait_buffer_fini(&twice);
}

static void round_trip(const char *text, strait_model_config *out)
{
    strait_model_config config;
    strait_buffer once = {0};
    if (parse(text, &config) != STRAIT_OK) fail_msg("%s: %s", text, strait_error_message());
    write_and_read(&config, &once, out);
    strait_buffer_fini(&once);
}

static void yarn_is_read_in_both_spellings(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"model_type\":\"qwen3\",\"rope_theta\":1e6,\"max_position_embeddings\":32768,"
        "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0,\"original_max_position_embeddings\":32768}}",
        "{\"model_type\":\"qwen3\",\"rope_theta\":1e6,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}}",
        "{\"model_type\":\"qwen3\",\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"rope_theta\":1000000,"
        "\"beta_fast\":null,\"beta_slow\":0}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        strait_model_config config;
        round_trip(texts[i], &config);
        assert_int_equal(config.rope.type, STRAIT_ROPE_YARN);
        assert_true(config.rope_theta == 1e6 && config.rope.factor == 4 && config.rope.attention_factor == 0);
        assert_true(config.rope.beta_fast == 32 && config.rope.beta_slow == 1 && !config.rope.untruncated);
        assert_int_equal(config.rope.original_max_position_embeddings, 32768);
    }
    strait_model_config config;
    round_trip("{\"model_type\":\"qwen3\",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2.5,\"truncate\":false,"
               "\"attention_factor\":1.5,\"beta_fast\":16,\"beta_slow\":2,\"mscale\":0.7,\"mscale_all_dim\":0.5}}",
               &config);
    assert_true(config.rope.untruncated && config.rope.attention_factor == 1.5 && config.rope.mscale == 0.7);
    assert_true(config.rope.beta_fast == 16 && config.rope.beta_slow == 2 && config.rope.mscale_all_dim == 0.5);
}

/* The layers that slide, as digits. */
static const char *windows(const char *keys, char text[8])
{
    char json[400];
    strait_model_config config;
    snprintf(json, sizeof json, "{\"model_type\":\"qwen3\",\"num_hidden_layers\":3%s}", keys);
    round_trip(json, &config);
    snprintf(text, 8, "%d%d%d", (int)strait_model_config_window(&config, 0),
             (int)strait_model_config_window(&config, 1), (int)strait_model_config_window(&config, 2));
    return text;
}

static void windows_are_by_layer(void **state)
{
    (void)state;
    char text[8];
    assert_string_equal(windows("", text), "000");
    assert_string_equal(windows(",\"sliding_window\":5,\"max_window_layers\":1", text), "000");
    assert_string_equal(windows(",\"use_sliding_window\":true,\"sliding_window\":5", text), "000");
    assert_string_equal(windows(",\"use_sliding_window\":true,\"sliding_window\":5,\"max_window_layers\":1", text),
                        "055");
    assert_string_equal(windows(",\"use_sliding_window\":true,\"sliding_window\":null,\"max_window_layers\":0", text),
                        "000");
    assert_string_equal(windows(",\"use_sliding_window\":true,\"sliding_window\":7,\"layer_types\":"
                                "[\"sliding_attention\",\"full_attention\",\"sliding_attention\"]",
                                text),
                        "707");
}

static void families_have_their_own_defaults(void **state)
{
    (void)state;
    strait_model_config config;
    round_trip("{\"model_type\":\"ernie4_5\"}", &config);
    assert_int_equal(config.vocab_size, 103424);
    assert_int_equal(config.num_key_value_heads, 2);
    assert_true(config.rope_theta == 500000 && config.rms_norm_eps == 1e-5 && config.tie_word_embeddings);
    assert_true(config.bos_token_id == 1 && config.pad_token_id == 0 && config.eos.ids[0] == 2);
    assert_false(config.attention_bias || config.attention_out_bias || config.mlp_bias);
    round_trip("{\"model_type\":\"ernie4_5\",\"use_bias\":true,\"pad_token_id\":null,\"head_dim\":null}", &config);
    assert_true(config.attention_bias && config.attention_out_bias && config.mlp_bias);
    assert_int_equal(config.pad_token_id, -1);
    assert_int_equal(config.head_dim, 64);

    round_trip("{\"model_type\":\"seed_oss\",\"architectures\":[\"SeedOssForCausalLM\"]}", &config);
    assert_int_equal(config.hidden_size, 4096);
    assert_true(config.attention_bias && !config.attention_out_bias && !config.mlp_bias);
    assert_true(config.attention_dropout == 0.1 && config.residual_dropout == 0.1 && config.rope_theta == 10000);
    assert_true(config.bos_token_id == 0 && config.pad_token_id == 1 && config.eos.ids[0] == 2);
    assert_int_equal(parse("{\"model_type\":\"seed_oss\",\"residual_dropout\":1}", &config), STRAIT_ERR_RANGE);
    assert_non_null(strstr(strait_error_message(), "residual_dropout: is 1"));
    assert_int_equal(parse("{\"model_type\":\"seed_oss\",\"architectures\":[\"Qwen3ForCausalLM\"]}", &config),
                     STRAIT_ERR_FORMAT);

    round_trip("{\"model_type\":\"qwen3\",\"attention_bias\":true}", &config);
    assert_true(config.attention_bias && config.attention_out_bias && !config.mlp_bias);
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

static void experts_are_read_in_both_spellings(void **state)
{
    (void)state;
    strait_model_config config;
    assert_int_equal(parse("{\"model_type\":\"qwen3_moe\",\"num_hidden_layers\":5,\"decoder_sparse_step\":2,"
                           "\"mlp_only_layers\":[3,77],\"num_local_experts\":16}",
                           &config),
                     STRAIT_OK);
    assert_int_equal(config.family, STRAIT_FAMILY_QWEN3_MOE);
    assert_int_equal(config.num_experts, 16);
    assert_int_equal(config.num_experts_per_tok, 8);
    assert_int_equal(config.moe_intermediate_size, 768);
    assert_int_equal(config.head_dim, 64); /* 2048 / 32 */
    assert_false(config.norm_topk_prob);
    for (int i = 0; i < 5; i++) assert_int_equal(strait_model_config_sparse(&config, i), i == 1);
    strait_buffer text = {0};
    strait_model_config again;
    write_and_read(&config, &text, &again);
    assert_non_null(strstr(text.bytes, "\"num_experts\": 16"));
    assert_non_null(strstr(text.bytes, "\"num_local_experts\": 16"));
    for (int i = 0; i < 5; i++) assert_int_equal(strait_model_config_sparse(&again, i), i == 1);
    strait_buffer_fini(&text);
    static const refusal refusals[] = {
        {"\"num_experts\":8,\"num_local_experts\":9", STRAIT_ERR_FORMAT, "num_local_experts is 9"},
        {"\"num_experts\":4", STRAIT_ERR_RANGE, "num_experts_per_tok: is 8, more than num_experts = 4"},
        {"\"mlp_only_layers\":[-1]", STRAIT_ERR_FORMAT, "mlp_only_layers: item 0"},
        {"\"mlp_only_layers\":3", STRAIT_ERR_FORMAT, "mlp_only_layers: must be an array"},
        {"\"decoder_sparse_step\":0", STRAIT_ERR_RANGE, "decoder_sparse_step"},
        {"\"attention_dropout\":0.1", STRAIT_ERR_UNSUPPORTED, "attention_dropout"},
    };
    refuses("qwen3_moe", refusals, sizeof refusals / sizeof refusals[0]);
}

static void ernie_with_experts(void **state)
{
    (void)state;
    strait_model_config config;
    assert_int_equal(parse("{\"model_type\":\"ernie4_5_moe\"}", &config), STRAIT_OK);
    assert_int_equal(config.family, STRAIT_FAMILY_ERNIE4_5_MOE);
    assert_int_equal(config.num_experts, 64);
    assert_int_equal(config.num_experts_per_tok, 6);
    assert_int_equal(config.num_shared_experts, 2);
    assert_int_equal(config.head_dim, 128); /* 2560 / 20 */
    assert_true(config.moe_norm_min == 1e-12 && config.rms_norm_eps == 1e-5 && config.tie_word_embeddings);
    for (int i = 0; i < 28; i++) assert_int_equal(strait_model_config_sparse(&config, i), i > 0);
    assert_int_equal(parse("{\"model_type\":\"ernie4_5_moe\",\"num_hidden_layers\":9,\"num_experts\":7,\"moe_k\":7,"
                           "\"moe_layer_start_index\":2,\"moe_layer_end_index\":6,\"moe_layer_interval\":2}",
                           &config),
                     STRAIT_OK);
    assert_int_equal(config.num_experts, 7);
    for (int i = 0; i < 9; i++) assert_int_equal(strait_model_config_sparse(&config, i), i == 3 || i == 5);
    strait_buffer text = {0};
    strait_model_config again;
    write_and_read(&config, &text, &again);
    for (int i = 0; i < 9; i++) assert_int_equal(strait_model_config_sparse(&again, i), i == 3 || i == 5);
    strait_buffer_fini(&text);
    static const refusal refusals[] = {
        {"\"use_bias\":true", STRAIT_ERR_UNSUPPORTED, "use_bias: true is not supported with experts"},
        {"\"moe_k\":65", STRAIT_ERR_RANGE, "moe_k: is 65, more than moe_num_experts = 64"},
        {"\"moe_num_experts\":8,\"num_experts\":9", STRAIT_ERR_FORMAT, "moe_num_experts: is 8, but num_experts is 9"},
        {"\"moe_layer_interval\":0", STRAIT_ERR_RANGE, "moe_layer_interval"},
        {"\"moe_layer_start_index\":-1", STRAIT_ERR_RANGE, "moe_layer_start_index"},
        {"\"moe_norm_min\":-1", STRAIT_ERR_RANGE, "moe_norm_min: is -1"},
    };
    refuses("ernie4_5_moe", refusals, sizeof refusals / sizeof refusals[0]);
}

static void deepseek(void **state)
{
    (void)state;
    strait_model_config config;
    assert_int_equal(
        parse("{\"model_type\":\"deepseek_v3\",\"num_attention_heads\":4,\"num_key_value_heads\":4,"
              "\"qk_rope_head_dim\":8,\"q_lora_rank\":null,\"num_hidden_layers\":5,\"quantization_config\":"
              "{\"quant_method\":\"fp8\",\"fmt\":\"e4m3\",\"weight_block_size\":[128,128]}}",
              &config),
        STRAIT_OK);
    assert_int_equal(config.head_dim, 8);
    assert_int_equal(config.q_lora_rank, 0);
    assert_int_equal(config.kv_lora_rank, 512);
    assert_int_equal(config.n_group, 8);
    assert_true(config.rope_interleave && config.norm_topk_prob && config.routed_scaling_factor == 2.5);
    for (int i = 0; i < 5; i++) assert_int_equal(strait_model_config_sparse(&config, i), i > 2);
    strait_buffer text = {0};
    strait_model_config again;
    write_and_read(&config, &text, &again);
    assert_non_null(strstr(text.bytes, "\"num_nextn_predict_layers\": 0"));
    assert_null(strstr(text.bytes, "quantization_config"));
    strait_buffer_fini(&text);
    static const refusal refusals[] = {
        {"\"num_key_value_heads\":8", STRAIT_ERR_UNSUPPORTED, "a key head for each of the 128 query heads"},
        {"\"kv_lora_rank\":null", STRAIT_ERR_FORMAT, "kv_lora_rank: must not be null"},
        {"\"qk_nope_head_dim\":null", STRAIT_ERR_FORMAT, "qk_nope_head_dim: must not be null"},
        {"\"qk_rope_head_dim\":null", STRAIT_ERR_FORMAT, "qk_rope_head_dim: must not be null"},
        {"\"v_head_dim\":null", STRAIT_ERR_FORMAT, "v_head_dim: must not be null"},
        {"\"rope_interleave\":null", STRAIT_ERR_FORMAT, "rope_interleave: must not be null"},
        {"\"n_group\":null", STRAIT_ERR_FORMAT, "n_group: must not be null"},
        {"\"topk_group\":null", STRAIT_ERR_FORMAT, "topk_group: must not be null"},
        {"\"n_routed_experts\":null", STRAIT_ERR_FORMAT, "n_routed_experts: must not be null"},
        {"\"n_shared_experts\":null", STRAIT_ERR_FORMAT, "n_shared_experts: must not be null"},
        {"\"num_experts_per_tok\":null", STRAIT_ERR_FORMAT, "num_experts_per_tok: must not be null"},
        {"\"moe_intermediate_size\":null", STRAIT_ERR_FORMAT, "moe_intermediate_size: must not be null"},
        {"\"norm_topk_prob\":null", STRAIT_ERR_FORMAT, "norm_topk_prob: must not be null"},
        {"\"first_k_dense_replace\":null", STRAIT_ERR_FORMAT, "first_k_dense_replace: must not be null"},
        {"\"routed_scaling_factor\":null", STRAIT_ERR_FORMAT, "routed_scaling_factor: must not be null"},
        {"\"n_group\":7", STRAIT_ERR_SHAPE, "256 experts (n_routed_experts) cannot be cut into 7 groups"},
        {"\"topk_group\":9", STRAIT_ERR_RANGE, "topk_group: is 9, more than n_group = 8"},
        {"\"num_experts_per_tok\":129", STRAIT_ERR_RANGE, "more than the 128 experts of the 4 groups that are kept"},
        {"\"scoring_func\":\"softmax\"", STRAIT_ERR_UNSUPPORTED,
         "scoring_func: \"softmax\" is not supported (\"sigmoid\" is)"},
        {"\"topk_method\":\"greedy\"", STRAIT_ERR_UNSUPPORTED, "topk_method: \"greedy\" is not supported"},
        {"\"moe_layer_freq\":2", STRAIT_ERR_UNSUPPORTED, "moe_layer_freq: only 1 is supported"},
        {"\"head_dim\":128,\"qk_rope_head_dim\":64", STRAIT_ERR_FORMAT, "head_dim: is 128, but qk_rope_head_dim"},
        {"\"attention_bias\":true,\"q_lora_rank\":null", STRAIT_ERR_UNSUPPORTED,
         "attention_bias: true is not supported without q_lora_rank"},
        {"\"routed_scaling_factor\":0", STRAIT_ERR_RANGE, "routed_scaling_factor: is 0"},
        {"\"qk_rope_head_dim\":7", STRAIT_ERR_SHAPE, "odd"},
    };
    refuses("deepseek_v3", refusals, sizeof refusals / sizeof refusals[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deepseek),
        cmocka_unit_test(ernie_with_experts),
        cmocka_unit_test(missing_keys_take_the_defaults_of_transformers),
        cmocka_unit_test(both_spellings_are_read),
        cmocka_unit_test(what_cannot_be_honoured_is_refused_by_name),
        cmocka_unit_test(a_padding_token_is_an_id_or_none),
        cmocka_unit_test(yarn_is_read_in_both_spellings),
        cmocka_unit_test(windows_are_by_layer),
        cmocka_unit_test(families_have_their_own_defaults),
        cmocka_unit_test(all_errors_come_at_once),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(experts_are_read_in_both_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
