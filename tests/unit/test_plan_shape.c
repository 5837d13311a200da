/* Shapes from config.json: parameters to the integer, operations against the trainer's own count, and wrong input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "plan/flops.h"

#define QWEN3(h, f, l, a, kv, tie)                                                                     \
    "{\"model_type\":\"qwen3\",\"vocab_size\":151936,\"hidden_size\":" #h ",\"intermediate_size\":" #f \
    ",\"num_hidden_layers\":" #l ",\"num_attention_heads\":" #a ",\"num_key_value_heads\":" #kv        \
    ",\"head_dim\":128,\"tie_word_embeddings\":" #tie "}"
#define QWEN3_MOE(h, l, a, f)                                                                                \
    "{\"model_type\":\"qwen3_moe\",\"vocab_size\":151936,\"hidden_size\":" #h ",\"intermediate_size\":6144," \
    "\"num_hidden_layers\":" #l ",\"num_attention_heads\":" #a                                               \
    ",\"num_key_value_heads\":4,\"head_dim\":128,\"num_experts\":128,\"num_experts_per_tok\":8,"             \
    "\"moe_intermediate_size\":" #f ",\"decoder_sparse_step\":1,\"mlp_only_layers\":[],"                     \
    "\"tie_word_embeddings\":false}"
#define SEED_OSS                                                                                           \
    "{\"model_type\":\"seed_oss\",\"vocab_size\":155136,\"hidden_size\":5120,\"intermediate_size\":27648," \
    "\"num_hidden_layers\":64,\"num_attention_heads\":80,\"num_key_value_heads\":8,\"head_dim\":128,"      \
    "\"attention_bias\":true,\"attention_out_bias\":false,\"mlp_bias\":false,\"tie_word_embeddings\":false}"
#define DEEPSEEK_V3                                                                                             \
    "{\"model_type\":\"deepseek_v3\",\"vocab_size\":129280,\"hidden_size\":7168,\"intermediate_size\":18432,"   \
    "\"num_hidden_layers\":61,\"num_attention_heads\":128,\"num_key_value_heads\":128,\"q_lora_rank\":1536,"    \
    "\"kv_lora_rank\":512,\"qk_nope_head_dim\":128,\"qk_rope_head_dim\":64,\"v_head_dim\":128,"                 \
    "\"n_routed_experts\":256,\"num_experts_per_tok\":8,\"moe_intermediate_size\":2048,\"n_shared_experts\":1," \
    "\"first_k_dense_replace\":3,\"tie_word_embeddings\":false}"
#define ERNIE(h, f, l, a, kv)                                                                             \
    "{\"model_type\":\"ernie4_5\",\"vocab_size\":103424,\"hidden_size\":" #h ",\"intermediate_size\":" #f \
    ",\"num_hidden_layers\":" #l ",\"num_attention_heads\":" #a ",\"num_key_value_heads\":" #kv           \
    ",\"head_dim\":128,\"tie_word_embeddings\":true}"
#define ERNIE_MOE(h, f, l, a, kv, ef, k, shared, start)                                                       \
    "{\"model_type\":\"ernie4_5_moe\",\"vocab_size\":103424,\"hidden_size\":" #h ",\"intermediate_size\":" #f \
    ",\"num_hidden_layers\":" #l ",\"num_attention_heads\":" #a ",\"num_key_value_heads\":" #kv               \
    ",\"head_dim\":128,\"moe_num_experts\":64,\"moe_intermediate_size\":" #ef ",\"moe_k\":" #k                \
    ",\"moe_num_shared_experts\":" #shared ",\"moe_layer_start_index\":" #start                               \
    ",\"moe_layer_interval\":1,\"tie_word_embeddings\":true}"
#define LLAMA(h, f, l, a, kv, v)                                                                       \
    "{\"model_type\":\"llama\",\"vocab_size\":" #v ",\"hidden_size\":" #h ",\"intermediate_size\":" #f \
    ",\"num_hidden_layers\":" #l ",\"num_attention_heads\":" #a ",\"num_key_value_heads\":" #kv "}"

typedef struct known {
    const char *name;
    const char *json;
    int64_t total;
    double active_billion; /* 0: all */
} known;

static const known models[] = {
    {"Qwen3-0.6B", QWEN3(1024, 3072, 28, 16, 8, true), 596049920, 0},
    {"Qwen3-1.7B", QWEN3(2048, 6144, 28, 16, 8, true), 1720574976, 0},
    {"Qwen3-4B", QWEN3(2560, 9728, 36, 32, 8, true), 4022468096, 0},
    {"Qwen3-8B", QWEN3(4096, 12288, 36, 32, 8, false), 8190735360, 0},
    {"Qwen3-14B", QWEN3(5120, 17408, 40, 40, 8, false), 14768307200, 0},
    {"Qwen3-32B", QWEN3(5120, 25600, 64, 64, 8, false), 32762123264, 0},
    {"Qwen3-30B-A3B", QWEN3_MOE(2048, 48, 32, 768), 30532122624, 3.35},
    {"Qwen3-235B-A22B", QWEN3_MOE(4096, 94, 64, 1536), 235093634560, 22.19},
    {"Seed-OSS-36B", SEED_OSS, 36151104512, 0},
    {"DeepSeek-V3", DEEPSEEK_V3, 671026404352, 37.55},
    {"ERNIE-4.5-0.3B", ERNIE(1024, 3072, 18, 16, 2), 360748032, 0},
    {"ERNIE-4.5-21B-A3B", ERNIE_MOE(2560, 12288, 28, 20, 4, 1536, 6, 2, 1), 21825437888, 3.35},
    {"ERNIE-4.5-300B-A47B", ERNIE_MOE(8192, 28672, 54, 64, 8, 3584, 8, 0, 3), 298636913856, 47.1},
    {"Llama-3.1-8B", LLAMA(4096, 14336, 32, 32, 8, 128256), 8030261248, 0},
    {"Llama-3.1-70B", LLAMA(8192, 28672, 80, 64, 8, 128256), 70553706496, 0},
    {"Llama-2-7B", LLAMA(4096, 11008, 32, 32, 32, 32000), 6738415616, 0},
};

static strait_status parse(const char *text, strait_model_shape *out)
{
    json_t *json;
    assert_int_equal(strait_json_parse("config.json", text, strlen(text), &json), STRAIT_OK);
    strait_status status = strait_model_shape_parse("config.json", json, out);
    json_decref(json);
    return status;
}

static void test_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        strait_model_shape shape;
        if (parse(models[i].json, &shape) != STRAIT_OK) fail_msg("%s", strait_error_message());
        strait_shape_params p = strait_model_shape_params(&shape);
        if (p.total != models[i].total) {
            fail_msg("%s: %lld parameters, not %lld", models[i].name, (long long)p.total, (long long)models[i].total);
        }
        double active = models[i].active_billion > 0 ? models[i].active_billion * 1e9 : (double)p.total;
        assert_true(fabs((double)p.active / active - 1) < 0.005);
    }
}

static void test_operations(void **state)
{
    (void)state;
    /* What Strait's own MFU counts, for a model it trains. */
    strait_model_shape shape;
    json_t *json;
    strait_model_config config;
    const char *text = QWEN3(1024, 3072, 28, 16, 8, true);
    assert_int_equal(parse(text, &shape), STRAIT_OK);
    assert_int_equal(strait_json_parse("c", text, strlen(text), &json), STRAIT_OK);
    assert_int_equal(strait_model_config_parse("c", json, &config), STRAIT_OK);
    json_decref(json);
    const strait_architecture *architecture = strait_architecture_of(&config);
    for (int64_t length = 1; length <= 32768; length *= 8) {
        strait_flops f = strait_flops_of(&shape, length);
        double own = 3 * (architecture->weight_flops(&config) + architecture->attention_flops(&config, length));
        assert_true(strait_flops_causal(&f) == own);
        assert_true(f.full_attention >= f.attention);
    }
    /* The 6ND of a dense model and the products it stands for differ by tables and norms only. */
    assert_int_equal(parse(QWEN3(5120, 25600, 64, 64, 8, false), &shape), STRAIT_OK);
    strait_flops f = strait_flops_of(&shape, 4096);
    assert_true(fabs(strait_flops_6n(&shape) / (3 * (f.layers + f.head)) - 1) < 0.03);
    /* An MoE pays for the experts of one token, not for all. */
    assert_int_equal(parse(DEEPSEEK_V3, &shape), STRAIT_OK);
    f = strait_flops_of(&shape, 4096);
    assert_true(f.layers + f.head < 2 * 37.6e9);
    assert_true(f.experts == 2.0 * 58 * 8 * 3 * 7168 * 2048);
}

static void refused(const char *text, const char *why)
{
    strait_model_shape shape = {.layers = 77};
    assert_int_not_equal(parse(text, &shape), STRAIT_OK);
    if (!strstr(strait_error_message(), why)) fail_msg("\"%s\" does not say \"%s\"", strait_error_message(), why);
    assert_int_equal(shape.layers, 77);
}

static void test_wrong_input(void **state)
{
    (void)state;
    refused("{}", "model_type");
    refused("[]", "must be a JSON object");
    refused("{\"model_type\":\"gpt9\"}", "qwen3_moe");
    refused("{\"model_type\":\"qwen3\"}", "num_hidden_layers");
    refused(QWEN3(1024, 3072, 28, 16, 3, true), "multiple");
    refused(QWEN3(1024, 3072, 0, 16, 8, true), "num_hidden_layers");
    refused(QWEN3(-1024, 3072, 28, 16, 8, true), "hidden_size");
    refused(QWEN3(1024, 3072, 28, 16, 8, 3), "tie_word_embeddings");
    refused(QWEN3(1e9, 3072, 28, 16, 8, true), "hidden_size");
    refused(QWEN3(1048576, 1048576, 4096, 65536, 8, true), "parameters");
    refused(QWEN3(9223372036854775807, 3072, 28, 16, 8, true), "hidden_size");
    refused(QWEN3_MOE(2048, 48, 32, -1), "moe_intermediate_size");
    refused("{\"model_type\":\"qwen3_moe\",\"vocab_size\":9,\"hidden_size\":64,\"num_hidden_layers\":2,"
            "\"num_attention_heads\":1,\"num_experts\":4,\"num_experts_per_tok\":5,\"moe_intermediate_size\":8}",
            "experts per token");
    /* Products that would not fit an integer are refused before they are made. */
    refused("{\"model_type\":\"deepseek_v3\",\"vocab_size\":9,\"hidden_size\":64,\"intermediate_size\":8,"
            "\"num_hidden_layers\":4096,\"num_attention_heads\":65536,\"q_lora_rank\":8,\"kv_lora_rank\":1048576,"
            "\"qk_nope_head_dim\":65000,\"qk_rope_head_dim\":8,\"v_head_dim\":65000}",
            "parameters");
    strait_model_shape shape;
    assert_int_equal(strait_model_shape_read("/nonexistent/config.json", &shape), STRAIT_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parameters), cmocka_unit_test(test_operations),
                                       cmocka_unit_test(test_wrong_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
