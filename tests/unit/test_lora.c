/* Which modules a config of adapters means, with which rank and scale; first values; what of adapter_config.json is
 * refused. */
#include "base/json.h"
#include "model/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char moe[] =
    "{\"architectures\":[\"Qwen3MoeForCausalLM\"],\"model_type\":\"qwen3_moe\",\"vocab_size\":64,\"head_dim\":8,"
    "\"num_key_value_heads\":1,\"hidden_size\":16,\"intermediate_size\":24,\"moe_intermediate_size\":12,"
    "\"num_hidden_layers\":12,\"num_attention_heads\":2,\"num_experts\":3,\"num_experts_per_tok\":2,"
    "\"mlp_only_layers\":[0]}";

static strait_model_config model;

static int make_model(void **state)
{
    (void)state;
    json_t *json;
    assert_int_equal(strait_json_parse("test", moe, sizeof moe - 1, &json), STRAIT_OK);
    strait_status status = strait_model_config_parse("test", json, &model);
    json_decref(json);
    return status == STRAIT_OK ? 0 : 1;
}

static strait_lora_config parse(const char *text)
{
    strait_lora_config config;
    if (strait_lora_config_parse("test", text, strlen(text), &config) != STRAIT_OK)
        fail_msg("%s", strait_error_message());
    return config;
}

/* The adapters of a config, whose members are given without the braces. */
static strait_lora made(const char *members)
{
    char text[1000];
    strait_lora lora;
    snprintf(text, sizeof text, "{\"peft_type\":\"LORA\",%s}", members);
    strait_lora_config config = parse(text);
    if (strait_lora_create(&config, &model, "test", &lora) != STRAIT_OK) fail_msg("%s", strait_error_message());
    strait_lora_config_fini(&config);
    return lora;
}

static void names_and_their_ends(void **state)
{
    (void)state;
    strait_lora lora = made("\"target_modules\":[\"q_proj\",\"model.layers.1.self_attn.k_proj\",\"mlp.gate\"]");
    assert_int_equal(lora.count, 12 + 1 + 11);
    assert_non_null(strait_lora_find(&lora, "model.layers.11.self_attn.q_proj"));
    assert_non_null(strait_lora_find(&lora, "model.layers.1.self_attn.k_proj"));
    assert_null(strait_lora_find(&lora, "model.layers.11.self_attn.k_proj"));
    assert_non_null(strait_lora_find(&lora, "model.layers.2.mlp.gate"));
    assert_null(strait_lora_find(&lora, "model.layers.0.mlp.gate_proj"));
    assert_null(strait_lora_find(NULL, "model.layers.0.mlp.gate_proj"));
    strait_lora_fini(&lora);
}

static void all_matrices_of_layers(void **state)
{
    (void)state;
    strait_lora lora = made("\"target_modules\":\"all-linear\"");
    assert_int_equal(lora.count, 12 * 4 + 3 + 11 * (1 + 3 * 3));
    for (int32_t i = 0; i < lora.count; i++) {
        assert_null(strstr(lora.modules[i].name, "norm"));
        assert_null(strstr(lora.modules[i].name, "embed"));
    }
    strait_lora_fini(&lora);
}

static void expressions_match_whole_names(void **state)
{
    (void)state;
    strait_lora lora = made("\"target_modules\":\".*layers\\\\.(0|11)\\\\.self_attn\\\\.[qk]_proj\"");
    assert_int_equal(lora.count, 4);
    strait_lora_fini(&lora);
}

static void the_first_pattern_counts(void **state)
{
    (void)state;
    strait_lora lora =
        made("\"target_modules\":[\"q_proj\",\"v_proj\"],\"r\":4,\"lora_alpha\":6,"
             "\"rank_pattern\":{\"layers.1.self_attn.q_proj\":9,\"q_proj\":2},\"alpha_pattern\":{\"v_proj\":1.5}");
    const strait_lora_module *special = strait_lora_find(&lora, "model.layers.1.self_attn.q_proj");
    const strait_lora_module *other = strait_lora_find(&lora, "model.layers.11.self_attn.q_proj");
    const strait_lora_module *value = strait_lora_find(&lora, "model.layers.3.self_attn.v_proj");
    assert_int_equal(special->rank, 9);
    assert_true(special->scale == (float)(6.0 / 9.0));
    assert_int_equal(other->rank, 2);
    assert_true(other->scale == 3.0F);
    assert_int_equal(value->rank, 4);
    assert_true(value->scale == 0.375F);
    const strait_param *a =
        strait_params_find(&lora.params, "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight");
    const strait_param *b =
        strait_params_find(&lora.params, "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight");
    assert_int_equal(a->rows, 9);
    assert_int_equal(a->columns, 16);
    assert_int_equal(b->rows, 16);
    assert_int_equal(b->columns, 9);
    strait_lora_fini(&lora);
    lora = made("\"target_modules\":[\"q_proj\"],\"r\":16,\"lora_alpha\":6,\"use_rslora\":true");
    assert_true(lora.modules[0].scale == 1.5F);
    strait_lora_fini(&lora);
}

static void experts_stand_together(void **state)
{
    (void)state;
    strait_lora lora = made("\"target_modules\":[\"up_proj\"],\"r\":5");
    int64_t last = -1;
    for (int e = 0; e < 3; e++) {
        char name[96];
        snprintf(name, sizeof name, "base_model.model.model.layers.4.mlp.experts.%d.up_proj.lora_A.weight", e);
        const strait_param *a = strait_params_find(&lora.params, name);
        if (last >= 0) assert_int_equal(a->offset - last, 128);
        last = a->offset;
    }
    strait_lora_fini(&lora);
}

static void first_values_are_pefts(void **state)
{
    (void)state;
    strait_lora lora = made("\"target_modules\":[\"o_proj\"],\"r\":64");
    float values[64 * 16];
    double sum = 0;
    double squares = 0;
    float least = 1;
    float most = -1;
    strait_param_initialise(&lora.params.items[0], 0, 7, 0.02, 0, 64 * 16, NULL, values);
    for (int i = 0; i < 64 * 16; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
        if (values[i] < least) least = values[i];
        if (values[i] > most) most = values[i];
    }
    /* Uniform within 1/sqrt(16): mean 0 and variance 1/48, each within four standard deviations of 1024 draws. */
    assert_true(least >= -0.25F && least < -0.24F && most <= 0.25F && most > 0.24F);
    assert_true(fabs(sum / 1024) < 4 * sqrt(1.0 / 48 / 1024));
    assert_true(fabs(squares / 1024 - 1.0 / 48) < 4 * sqrt(4.0 / 45) / 16 / 32);
    strait_param_initialise(&lora.params.items[1], 1, 7, 0.02, 0, 64 * 16, NULL, values);
    for (int i = 0; i < 64 * 16; i++) assert_true(values[i] == 0.0F);
    strait_lora_fini(&lora);
}

static void what_is_not_done_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        const char *says;
    } cases[] = {
        {"\"peft_type\":\"LOHA\"", "peft_type is LOHA; only LORA can be read"},
        {"\"r\":8", "peft_type is missing"},
        {"\"peft_type\":\"LORA\",\"use_dora\":true", "use_dora: DoRA"},
        {"\"peft_type\":\"LORA\",\"bias\":\"all\"", "bias: training biases"},
        {"\"peft_type\":\"LORA\",\"modules_to_save\":[\"lm_head\"]", "modules_to_save: "},
        {"\"peft_type\":\"LORA\",\"layers_to_transform\":[1]", "layers_to_transform: "},
        {"\"peft_type\":\"LORA\",\"r\":0", "r must be an integer from 1"},
        {"\"peft_type\":\"LORA\",\"r\":2.5", "r must be an integer from 1"},
        {"\"peft_type\":\"LORA\",\"lora_alpha\":\"8\"", "lora_alpha must be a number"},
        {"\"peft_type\":\"LORA\",\"lora_dropout\":1", "lora_dropout is 1"},
        {"\"peft_type\":\"LORA\"", "target_modules must be a string or a list"},
        {"\"peft_type\":\"LORA\",\"target_modules\":[1]", "target_modules must be strings"},
        {"\"peft_type\":\"LORA\",\"rank_pattern\":[1]", "rank_pattern must be an object"},
        {"\"peft_type\":\"LORA\",\"target_parameters\":[\"a.b\"]", "target_parameters names a.b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[300];
        strait_lora_config config;
        snprintf(text, sizeof text, "{%s}", cases[i].members);
        if (strait_lora_config_parse("test", text, strlen(text), &config) == STRAIT_OK) fail_msg("%s is read", text);
        if (!strstr(strait_error_message(), cases[i].says)) fail_msg("%s: %s", text, strait_error_message());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_their_ends),          cmocka_unit_test(all_matrices_of_layers),
        cmocka_unit_test(expressions_match_whole_names), cmocka_unit_test(the_first_pattern_counts),
        cmocka_unit_test(experts_stand_together),        cmocka_unit_test(first_values_are_pefts),
        cmocka_unit_test(what_is_not_done_is_refused),
    };
    return cmocka_run_group_tests(tests, make_model, NULL);
}
