/* Schedules, AdamW's numbers and the choice of tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "device/op.h"
#include "optim/adamw.h"
#include "optim/muon.h"
#include "optim/schedule.h"
#include "train/sampler.h"

static void schedules_rise_stay_and_fall(void **state)
{
    (void)state;
    strait_schedule s = {.kind = STRAIT_SCHEDULE_LINEAR, .lr = 1, .final_lr = 0.1, .warmup = 10, .steps = 110};
    assert_true(strait_schedule_lr(&s, 1) == 0.1);
    assert_true(strait_schedule_lr(&s, 10) == 1);
    assert_true(fabs(strait_schedule_lr(&s, 60) - 0.55) < 1e-12);
    assert_true(strait_schedule_lr(&s, 110) == 0.1);
    assert_true(strait_schedule_lr(&s, 500) == 0.1);
    s.kind = STRAIT_SCHEDULE_COSINE;
    assert_true(fabs(strait_schedule_lr(&s, 60) - 0.55) < 1e-12);
    assert_true(strait_schedule_lr(&s, 20) > 0.97);
    s.kind = STRAIT_SCHEDULE_WSD;
    s.decay = 20;
    assert_true(strait_schedule_lr(&s, 90) == 1);
    assert_true(fabs(strait_schedule_lr(&s, 100) - 0.55) < 1e-12);
    s.kind = STRAIT_SCHEDULE_CONSTANT;
    assert_true(strait_schedule_lr(&s, 110) == 1);
}

static void decay_waits_while_steps_are_measured(void **state)
{
    (void)state;
    strait_schedule s = {.kind = STRAIT_SCHEDULE_LINEAR, .lr = 1};
    assert_true(strait_schedule_lr(&s, 7) == 1); /* steps not known */
    s.steps = 20;
    s.decay = 10;                                /* as a run resolves it once it knows */
    assert_true(strait_schedule_lr(&s, 7) == 1); /* known now: the same */
    assert_true(strait_schedule_lr(&s, 15) == 0.5);
}

static void adamw_numbers_are_rounded_once(void **state)
{
    (void)state;
    strait_adamw adamw = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1, .clip = 1};
    float words[STRAIT_STEP_WORDS];
    strait_adamw_step(&adamw, 3, 1e-3, 7, words);
    double b1 = 0.9 * 0.9 * 0.9;
    double b2 = 0.999 * 0.999 * 0.999;
    assert_true(fabs((double)words[STRAIT_STEP_A] / (1e-3 / (1 - b1)) - 1) < 1e-7);
    assert_true(fabs((double)words[STRAIT_STEP_B] / (1 / sqrt(1 - b2)) - 1) < 1e-7);
    assert_true(words[STRAIT_STEP_W] == (float)(1.0 - 1e-3 * 0.1));
    assert_true(words[STRAIT_STEP_1_BETA2] == (float)(1.0 - 0.999));
    assert_true(words[STRAIT_STEP_LOSS_SCALE] == (float)(1.0 / 7.0));
}

static void seed_and_step_are_written_in_words_of_16_bits(void **state)
{
    (void)state;
    strait_adamw adamw = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .seed = 0xFEEDBEEFu};
    float words[STRAIT_STEP_WORDS];
    strait_adamw_step(&adamw, 0x123456789ABCDEF, 1e-3, 7, words);
    static const float want[] = {0xBEEF, 0xFEED, 0xCDEF, 0x89AB, 0x4567, 0x0123};
    assert_memory_equal(words + STRAIT_STEP_SEED, want, sizeof want);
}

static int32_t pick(const strait_sampling *sampling, const float *logits, int64_t count, uint64_t position)
{
    strait_sampler *sampler;
    int32_t id = -1;
    assert_int_equal(strait_sampler_create(sampling, count, &sampler), STRAIT_OK);
    assert_int_equal(strait_sampler_pick(sampler, logits, position, &id), STRAIT_OK);
    strait_sampler_destroy(sampler);
    return id;
}

static void sampling_follows_its_options(void **state)
{
    (void)state;
    const float logits[] = {0, 3, 3, -INFINITY, 1};
    strait_sampling greedy = {.top_p = 1, .repetition_penalty = 1};
    assert_int_equal(pick(&greedy, logits, 5, 0), 1); /* ties go to the lower id */
    int counts[5] = {0};
    strait_sampling all = {.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 3};
    for (uint64_t i = 0; i < 4000; i++) counts[pick(&all, logits, 5, i)]++;
    /* p = e^l / sum: 0.0218, 0.4394, 0.4394, 0, 0.0594... within 5 standard deviations */
    double total = 1 + 2 * exp(3) + exp(1);
    const double p[] = {1 / total, exp(3) / total, exp(3) / total, 0, exp(1) / total};
    for (int i = 0; i < 5; i++) assert_true(fabs(counts[i] - 4000 * p[i]) <= 5 * sqrt(4000 * p[i] * (1 - p[i])) + 1e-9);
    strait_sampling top_k = all;
    top_k.top_k = 2;
    strait_sampling min_p = all;
    min_p.min_p = 0.5;
    strait_sampling top_p = all;
    top_p.top_p = 0.5; /* the first alone has 0.44: two are needed */
    for (uint64_t i = 0; i < 300; i++) {
        int32_t id = pick(&top_k, logits, 5, i);
        assert_true(id == 1 || id == 2);
        id = pick(&min_p, logits, 5, i);
        assert_true(id == 1 || id == 2);
        id = pick(&top_p, logits, 5, i);
        assert_true(id == 1 || id == 2);
    }
}

static void sampling_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    strait_sampler *sampler = NULL;
    strait_sampling bad = {.temperature = -1, .top_p = 1, .repetition_penalty = 1};
    assert_int_equal(strait_sampler_create(&bad, 5, &sampler), STRAIT_ERR_RANGE);
    /* Only minus infinity means that a token cannot come; anything else is damage, though another logit were fine. */
    const float damaged[][2] = {{1, NAN}, {INFINITY, 1}, {-INFINITY, -INFINITY}};
    strait_sampling greedy = {.top_p = 1, .repetition_penalty = 1};
    int32_t id;
    assert_int_equal(strait_sampler_create(&greedy, 2, &sampler), STRAIT_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(strait_sampler_pick(sampler, damaged[i], 0, &id), STRAIT_ERR_NOT_FINITE);
    }
    assert_int_equal(strait_sampler_pick(sampler, damaged[0], 0, &id), STRAIT_ERR_NOT_FINITE);
    assert_non_null(strstr(strait_error_message(), "logit of token 1 is nan"));
    strait_sampler_destroy(sampler);
}

static strait_param param_named(const char *name, int rank)
{
    strait_param param = {.rank = rank, .rows = 4, .columns = 4};
    snprintf(param.name, sizeof param.name, "%s", name);
    return param;
}

static void muon_takes_matrices_of_layers_by_name(void **state)
{
    (void)state;
    static const char *const taken[] = {
        "model.layers.0.self_attn.q_proj.weight", "model.layers.11.mlp.down_proj.weight",
        "model.layers.3.mlp.experts.17.gate_proj.weight", "model.layers.3.mlp.shared_experts.up_proj.weight",
        "model.layers.61.eh_proj.weight"};
    static const char *const left[] = {"model.embed_tokens.weight", "lm_head.weight", "model.layers.3.mlp.gate.weight",
                                       "model.layers.3.mlp.moe_statics.e_score_correction_bias",
                                       "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        strait_param param = param_named(taken[i], 2);
        assert_true(strait_muon_takes(&param));
        param.buffer = true;
        assert_false(strait_muon_takes(&param));
    }
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        strait_param param = param_named(left[i], 2);
        assert_false(strait_muon_takes(&param));
    }
    strait_param norm = param_named("model.layers.0.input_layernorm.weight", 1);
    assert_false(strait_muon_takes(&norm));
}

static void muon_numbers_are_rounded_once(void **state)
{
    (void)state;
    float words[STRAIT_STEP_WORDS] = {0};
    strait_muon muon = {.used = true, .momentum = 0.95, .lr_ratio = 4};
    strait_muon_step(&muon, 3e-4, 0.1, words);
    assert_true(words[STRAIT_STEP_MUON_MOMENTUM] == 0.95f);
    assert_true(words[STRAIT_STEP_MUON_LR] == (float)(4 * 3e-4));
    assert_true(words[STRAIT_STEP_MUON_W] == (float)(1 - 4 * 3e-4 * 0.1));
    assert_true(strait_muon_scale_of(STRAIT_MUON_MATCH_RMS_ADAMW, 16, 100) == 2.0f);
    assert_true(strait_muon_scale_of(STRAIT_MUON_MATCH_RMS_ADAMW, 25, 4) == 1.0f);
    assert_true(strait_muon_scale_of(STRAIT_MUON_ORIGINAL, 36, 4) == 3.0f);
    assert_true(strait_muon_scale_of(STRAIT_MUON_ORIGINAL, 4, 36) == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_rise_stay_and_fall),
        cmocka_unit_test(decay_waits_while_steps_are_measured),
        cmocka_unit_test(adamw_numbers_are_rounded_once),
        cmocka_unit_test(muon_takes_matrices_of_layers_by_name),
        cmocka_unit_test(muon_numbers_are_rounded_once),
        cmocka_unit_test(seed_and_step_are_written_in_words_of_16_bits),
        cmocka_unit_test(sampling_follows_its_options),
        cmocka_unit_test(sampling_refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
