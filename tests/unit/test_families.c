/*
 * Every published size of the families by its config.json alone: the number of parameters, and the graphs of a
 * training step and of generation, without memory for any of it.
 */
#include "graph/backward.h"
#include "model/model.h"
#include "ops/rules.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct published {
    const char *name;
    const char *config;
    int64_t parameters; /* tensors that occur twice count once */
} published;

#define QWEN3(hidden, ffn, layers, heads, tied)                                                                   \
    "{\"architectures\":[\"Qwen3ForCausalLM\"],\"model_type\":\"qwen3\",\"vocab_size\":151936,\"head_dim\":128,"  \
    "\"num_key_value_heads\":8,\"rope_theta\":1000000,\"max_position_embeddings\":40960,\"hidden_size\":" #hidden \
    ",\"intermediate_size\":" #ffn ",\"num_hidden_layers\":" #layers ",\"num_attention_heads\":" #heads           \
    ",\"tie_word_embeddings\":" #tied "}"

/* `experts` spells their number as transformers 4 or 5 does. */
#define QWEN3_MOE(hidden, ffn, width, layers, heads, experts)                                                    \
    "{\"architectures\":[\"Qwen3MoeForCausalLM\"],\"model_type\":\"qwen3_moe\",\"vocab_size\":151936,"           \
    "\"head_dim\":128,\"num_key_value_heads\":4,\"rope_theta\":1000000,\"max_position_embeddings\":40960,"       \
    "\"hidden_size\":" #hidden ",\"intermediate_size\":" #ffn ",\"moe_intermediate_size\":" #width               \
    ",\"num_hidden_layers\":" #layers ",\"num_attention_heads\":" #heads ",\"" experts                           \
    "\":128,\"num_experts_per_tok\":8,\"norm_topk_prob\":true,\"decoder_sparse_step\":1,\"mlp_only_layers\":[]," \
    "\"router_aux_loss_coef\":0.001,\"tie_word_embeddings\":false}"

/* The keys of the released configs; the copies of the larger one are tied. */
#define ERNIE_MOE(hidden, ffn, width, layers, heads, kv, k, shared, start)                                    \
    "{\"architectures\":[\"Ernie4_5_MoeForCausalLM\"],\"model_type\":\"ernie4_5_moe\",\"vocab_size\":103424," \
    "\"num_key_value_heads\":" #kv ",\"rope_theta\":500000.0,\"max_position_embeddings\":131072,"             \
    "\"rms_norm_eps\":1e-05,\"hidden_size\":" #hidden ",\"intermediate_size\":" #ffn                          \
    ",\"moe_intermediate_size\":" #width ",\"num_hidden_layers\":" #layers ",\"num_attention_heads\":" #heads \
    ",\"moe_num_experts\":64,\"moe_k\":" #k ",\"moe_num_shared_experts\":" #shared                            \
    ",\"moe_layer_start_index\":" #start ",\"moe_layer_interval\":1,\"use_bias\":false,\"tie_word_embeddings\":true}"

static const published models[] = {
    {"Qwen3-0.6B", QWEN3(1024, 3072, 28, 16, true), 596049920},
    {"Qwen3-1.7B", QWEN3(2048, 6144, 28, 16, true), 1720574976},
    {"Qwen3-4B", QWEN3(2560, 9728, 36, 32, true), 4022468096},
    {"Qwen3-8B", QWEN3(4096, 12288, 36, 32, false), 8190735360},
    {"Qwen3-14B", QWEN3(5120, 17408, 40, 40, false), 14768307200},
    {"Qwen3-32B", QWEN3(5120, 25600, 64, 64, false), 32762123264},
    {"Qwen3-30B-A3B", QWEN3_MOE(2048, 6144, 768, 48, 32, "num_experts"), 30532122624},
    {"Qwen3-235B-A22B", QWEN3_MOE(4096, 12288, 1536, 94, 64, "num_local_experts"), 235093634560},
    {"Seed-OSS-36B",
     "{\"architectures\":[\"SeedOssForCausalLM\"],\"model_type\":\"seed_oss\",\"vocab_size\":155136,\"hidden_size\":"
     "5120,"
     "\"intermediate_size\":27648,\"num_hidden_layers\":64,\"num_attention_heads\":80,\"num_key_value_heads\":8,"
     "\"head_dim\":128,\"rope_theta\":10000000,\"attention_bias\":true,\"attention_out_bias\":false,"
     "\"mlp_bias\":false,\"attention_dropout\":0.1,\"residual_dropout\":0.1,\"tie_word_embeddings\":false,"
     "\"rope_scaling\":{\"rope_type\":\"default\"},\"max_position_embeddings\":524288}",
     36151104512},
    {"ERNIE-4.5-21B-A3B", ERNIE_MOE(2560, 12288, 1536, 28, 20, 4, 6, 2, 1), 21825437888},
    {"ERNIE-4.5-300B-A47B", ERNIE_MOE(8192, 28672, 3584, 54, 64, 8, 8, 0, 3), 298636913856},
    /* The published 671,026,404,352 and the biases of the selection, without the module for multi-token prediction. */
    {"DeepSeek-V3",
     "{\"architectures\":[\"DeepseekV3ForCausalLM\"],\"model_type\":\"deepseek_v3\",\"vocab_size\":129280,"
     "\"hidden_size\":7168,\"intermediate_size\":18432,\"moe_intermediate_size\":2048,\"num_hidden_layers\":61,"
     "\"num_attention_heads\":128,\"num_key_value_heads\":128,\"n_shared_experts\":1,\"n_routed_experts\":256,"
     "\"routed_scaling_factor\":2.5,\"kv_lora_rank\":512,\"q_lora_rank\":1536,\"qk_rope_head_dim\":64,"
     "\"v_head_dim\":128,\"qk_nope_head_dim\":128,\"n_group\":8,\"topk_group\":4,\"num_experts_per_tok\":8,"
     "\"first_k_dense_replace\":3,\"norm_topk_prob\":true,\"moe_layer_freq\":1,\"scoring_func\":\"sigmoid\","
     "\"topk_method\":\"noaux_tc\",\"num_nextn_predict_layers\":1,\"max_position_embeddings\":163840,"
     "\"rope_theta\":10000,\"rope_scaling\":{\"beta_fast\":32,\"beta_slow\":1,\"factor\":40,\"mscale\":1.0,"
     "\"mscale_all_dim\":1.0,\"original_max_position_embeddings\":4096,\"type\":\"yarn\"},"
     "\"tie_word_embeddings\":false}",
     671026404352 + 14848},
    {"ERNIE-4.5-0.3B",
     "{\"architectures\":[\"Ernie4_5ForCausalLM\"],\"model_type\":\"ernie4_5\",\"vocab_size\":103424,\"hidden_size\":"
     "1024,"
     "\"intermediate_size\":3072,\"num_hidden_layers\":18,\"num_attention_heads\":16,\"num_key_value_heads\":2,"
     "\"head_dim\":128,\"rope_theta\":500000.0,\"rms_norm_eps\":1e-05,\"use_bias\":false,"
     "\"tie_word_embeddings\":true,\"rope_scaling\":null,\"max_position_embeddings\":131072}",
     360748032},
};

static void config_of(const char *text, strait_model_config *out)
{
    json_t *json;
    assert_int_equal(strait_json_parse("config.json", text, strlen(text), &json), STRAIT_OK);
    if (strait_model_config_parse("config.json", json, out) != STRAIT_OK) fail_msg("%s", strait_error_message());
    json_decref(json);
}

/* One graph in each mode; the training step with its gradient. */
static void build_all(const strait_model_config *config, const strait_params *params)
{
    static const strait_build_mode modes[] = {STRAIT_BUILD_TRAIN, STRAIT_BUILD_LOGITS, STRAIT_BUILD_GENERATE,
                                              STRAIT_BUILD_HEAD};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        strait_layout state = {0};
        strait_graph graph;
        strait_build build = {.mode = modes[i],
                              .batch = 1,
                              .length = 4096,
                              .capacity = 8192,
                              .table_rows = 8192,
                              .embedding_rows = config->tie_word_embeddings ? 4096 : 0,
                              .dropout = modes[i] == STRAIT_BUILD_TRAIN};
        strait_graph_init(&graph, STRAIT_DTYPE_BF16, STRAIT_NUMERICS_EXACT, &state);
        strait_status status = strait_architecture_of(config)->build(&graph, config, params, &build);
        if (status == STRAIT_OK && modes[i] == STRAIT_BUILD_TRAIN) {
            status = strait_graph_differentiate(&graph, STRAIT_RECOMPUTE_FULL, strait_op_gradient);
        }
        if (status != STRAIT_OK) fail_msg("mode %d: %s", (int)modes[i], strait_error_message());
        assert_true(graph.node_count > 0);
        strait_graph_fini(&graph);
        strait_layout_fini(&state);
    }
}

static void published_sizes_build_from_config_json(void **state)
{
    (void)state;
    const char *slow = getenv("STRAIT_SLOWDOWN");
    double limit = 5 * (slow ? strtod(slow, NULL) : 1);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        double begin = strait_clock();
        strait_model_config config;
        strait_params params = {0};
        config_of(models[i].config, &config);
        assert_int_equal(strait_architecture_of(&config)->params(&config, &params), STRAIT_OK);
        assert_int_equal(strait_params_finish(&params), STRAIT_OK);
        if (params.elements != models[i].parameters) {
            fail_msg("%s has %lld parameters, not %lld", models[i].name, (long long)params.elements,
                     (long long)models[i].parameters);
        }
        build_all(&config, &params);
        strait_params_fini(&params);
        double seconds = strait_clock() - begin;
        if (seconds > limit) fail_msg("%s took %.1f s", models[i].name, seconds);
    }
}

static int dropouts(const strait_graph *graph)
{
    int count = 0;
    for (int32_t i = 0; i < graph->node_count; i++) count += graph->nodes[i].desc.op == STRAIT_OP_DROPOUT;
    return count;
}

/* Attention and MLP of every layer, dense or of experts, drop what they add to the residual stream. */
static void every_family_drops_what_it_adds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        strait_model_config config;
        strait_params params = {0};
        config_of(models[i].config, &config);
        assert_int_equal(strait_architecture_of(&config)->params(&config, &params), STRAIT_OK);
        assert_int_equal(strait_params_finish(&params), STRAIT_OK);
        for (int on = 0; on < 2; on++) {
            strait_layout layout = {0};
            strait_graph graph;
            const strait_build build = {
                .mode = STRAIT_BUILD_TRAIN, .batch = 1, .length = 64, .table_rows = 64, .dropout = on == 1};
            config.residual_dropout = 0.1;
            strait_graph_init(&graph, STRAIT_DTYPE_F32, STRAIT_NUMERICS_EXACT, &layout);
            assert_int_equal(strait_architecture_of(&config)->build(&graph, &config, &params, &build), STRAIT_OK);
            int expected = on ? 2 * (int)config.num_hidden_layers : 0;
            if (dropouts(&graph) != expected) {
                fail_msg("%s has %d dropouts, not %d", models[i].name, dropouts(&graph), expected);
            }
            strait_graph_fini(&graph);
            strait_layout_fini(&layout);
        }
        strait_params_fini(&params);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_sizes_build_from_config_json),
                                       cmocka_unit_test(every_family_drops_what_it_adds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
