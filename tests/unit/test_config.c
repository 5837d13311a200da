/* The run configuration: what is read, what is written back, what may change on resume. Wrong input:
 * test_config_errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "train/config.h"

static const char minimal[] = "model:\n"
                              "  init:\n"
                              "    hidden_size: 64\n"
                              "    intermediate_size: 192\n"
                              "    num_hidden_layers: 2\n"
                              "    num_attention_heads: 4\n"
                              "tokenizer: tok\n"
                              "data:\n"
                              "  train: shards/train\n"
                              "  sequence_length: 128\n"
                              "batch:\n"
                              "  sequences: 8\n"
                              "optimizer:\n"
                              "  lr: 1e-3\n"
                              "steps: 1e3\n"
                              "run: runs/a\n";

static strait_status parse(const char *text, const char *const *sets, size_t n_sets, strait_run_config *out)
{
    strait_config_options options = {.sets = sets, .n_sets = n_sets, .skip_files = true};
    return strait_config_parse("run.yaml", text, strlen(text), &options, out);
}

static void must_parse(const char *text, strait_run_config *out)
{
    if (parse(text, NULL, 0, out) != STRAIT_OK) fail_msg("%s", strait_error_message());
}

static void defaults_are_filled_in(void **state)
{
    (void)state;
    strait_run_config c;
    must_parse(minimal, &c);
    assert_int_equal(c.steps, 1000);
    assert_int_equal(strait_config_steps(&c), 1000);
    assert_true(c.optimizer.lr == 1e-3);
    assert_true(c.optimizer.betas[0] == 0.9 && c.optimizer.betas[1] == 0.95);
    assert_int_equal(c.model.init.num_key_value_heads, 4);
    assert_int_equal(c.model.init.head_dim, 128);
    assert_int_equal(c.model.init.vocab_size, 0);
    assert_true(c.model.init.rms_norm_eps == 1e-6 && c.model.init.rope_theta == 10000);
    assert_int_equal(c.batch.micro_batch, 0);
    assert_int_equal(c.schedule.name, STRAIT_CONFIG_SCHEDULE_COSINE);
    assert_int_equal(c.numerics, STRAIT_CONFIG_NUMERICS_EXACT);
    assert_int_equal(c.data.train.count, 1);
    assert_string_equal(c.data.train.items[0].path, "shards/train");
    assert_true(c.data.train.items[0].weight == 1);
    assert_int_equal(c.evaluate.every, 0); /* nothing to evaluate */
    assert_string_equal(c.device, "cpu");
    assert_null(c.model.from);
    strait_config_fini(&c);
    assert_null(c.run);
}

static void everything_can_be_said(void **state)
{
    (void)state;
    strait_run_config c;
    must_parse(
        "model: {from: models/q}\n"
        "data:\n"
        "  train: &d\n"
        "    - {path: a.bin, weight: 0.25}\n"
        "    - path: \"b\"\n"
        "  validation: *d\n"
        "  sequence_length: 1.024e3\n"
        "  mask_documents: true\n"
        "batch: {sequences: 512, micro_batch: 4, shards: 8}\n"
        "optimizer: {name: adamw, lr: 3e-4, betas: [0.9, .999], eps: 1e-9, weight_decay: 0, clip: 0}\n"
        "schedule: {name: wsd, warmup: 10, decay: 20, final_lr: 3e-5}\n"
        "tokens: 1e9\n"
        "numerics: fast\ndtype: bf16\ndevice: \"opencl:0\"\nthreads: 3\nseed: 4294967295\n"
        "memory: {recompute: light}\n"
        "checkpoint: {every: 0, keep: 1}\n"
        "evaluate: {every: 50, size: 16}\n"
        "sample: {every: 5, prompts: [\"Once\", '\xE4\xBB\x8E\xE5\x89\x8D', \"\"], length: 9, temperature: 0, top_k: "
        "40, top_p: 0.9}\n"
        "log_every: 1\n"
        "run: 'runs/b'\n",
        &c);
    assert_string_equal(c.model.from, "models/q");
    assert_int_equal(c.data.train.count, 2);
    assert_string_equal(c.data.train.items[0].path, "a");
    assert_true(c.data.validation.items[0].weight == 0.25);
    assert_int_equal(c.data.sequence_length, 1024);
    assert_true(c.data.mask_documents);
    assert_int_equal(strait_config_steps(&c), 1908); /* 1e9 / 524288 = 1907.3 */
    assert_int_equal(c.schedule.name, STRAIT_CONFIG_SCHEDULE_WSD);
    assert_int_equal(c.seed, 4294967295LL);
    assert_int_equal(c.sample.prompts.count, 3);
    assert_string_equal(c.sample.prompts.items[1], "\xE4\xBB\x8E\xE5\x89\x8D");
    assert_int_equal(c.memory.recompute, STRAIT_CONFIG_RECOMPUTE_LIGHT);
    assert_int_equal(c.model.init.hidden_size, 0);
    strait_config_fini(&c);
}

static void sets_replace_and_remove(void **state)
{
    (void)state;
    static const char *const sets[] = {"optimizer.lr=0.5",
                                       "optimizer.lr=0.25",
                                       "sample.prompts=[\"a\",\"b\"]",
                                       "steps=null",
                                       "tokens=2048",
                                       "run=123",
                                       "data.train=[{path: x, weight: 2}, y.idx]",
                                       "model.init=null",
                                       "model.from=m"};
    strait_run_config c;
    assert_int_equal(parse(minimal, sets, sizeof sets / sizeof sets[0], &c), STRAIT_OK);
    assert_true(c.optimizer.lr == 0.25);
    assert_int_equal(c.sample.prompts.count, 2);
    assert_int_equal(strait_config_steps(&c), 2);
    assert_string_equal(c.run, "123");
    assert_string_equal(c.data.train.items[1].path, "y");
    assert_string_equal(c.model.from, "m");
    strait_config_fini(&c);
}

static void out_replaces_run(void **state)
{
    (void)state;
    strait_run_config c;
    strait_config_options options = {.skip_files = true, .run = "runs/x y"};
    assert_int_equal(strait_config_parse("run.yaml", minimal, strlen(minimal), &options, &c), STRAIT_OK);
    assert_string_equal(c.run, "runs/x y");
    strait_config_fini(&c);
    options.run = "\xff";
    assert_int_equal(strait_config_parse("run.yaml", minimal, strlen(minimal), &options, &c), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "--out: "));
}

static void written_configs_read_back(void **state)
{
    (void)state;
    /* Floats whose shortest form needs 17 digits, and strings that YAML would bend. */
    static const char *const sets[] = {
        "optimizer.lr=0.30000000000000004",
        "optimizer.eps=2.2250738585072014e-11",
        "model.init.rope_theta=1e6",
        "schedule.final_lr=0.1234567890123456789",
        "sample.prompts=[\"q\\\"\\\\ \\t\\n\\x85\\u2028\\uFEFF\\U0001F600\", \"true\", \"  x: #\", \"\\x7f\\x80\"]",
        "device='no'",
        "steps=auto",
        "minutes=3.5"};
    strait_run_config first;
    if (parse(minimal, sets, sizeof sets / sizeof sets[0], &first) != STRAIT_OK) fail_msg("%s", strait_error_message());
    strait_buffer once = {0};
    strait_buffer twice = {0};
    assert_int_equal(strait_config_write(&first, &once), STRAIT_OK);
    strait_run_config second;
    must_parse(once.bytes, &second);
    assert_int_equal(strait_config_write(&second, &twice), STRAIT_OK);
    assert_string_equal(once.bytes, twice.bytes);
    assert_memory_equal(&first.optimizer, &second.optimizer, sizeof first.optimizer);
    assert_memory_equal(&first.schedule, &second.schedule, sizeof first.schedule);
    assert_int_equal(second.sample.prompts.count, 4);
    for (int64_t i = 0; i < 4; i++) {
        assert_string_equal(first.sample.prompts.items[i], second.sample.prompts.items[i]);
    }
    assert_string_equal(second.device, "no");
    assert_true(second.steps == 0 && second.minutes == 3.5);
    strait_config_fini(&first);
    strait_config_fini(&second);
    strait_buffer_fini(&once);
    strait_buffer_fini(&twice);
}

static void resume_allows_only_what_is_documented(void **state)
{
    (void)state;
    static const char *const allowed[] = {"steps=2000",         "device=other",           "threads=3",
                                          "checkpoint.every=7", "sample.prompts=[\"a\"]", "log_every=3",
                                          "run=elsewhere",      "evaluate.size=3"};
    static const char *const resolved[] = {"batch.micro_batch=2", "schedule.decay=5"};
    strait_run_config begun;
    strait_run_config now;
    /* What was left to the program has a number in the run; to leave it open again is no change, another number is. */
    assert_int_equal(parse(minimal, resolved, 2, &begun), STRAIT_OK);
    must_parse(minimal, &now);
    if (strait_config_check_resume(&begun, &now) != STRAIT_OK) fail_msg("%s", strait_error_message());
    assert_int_equal(strait_config_check_resume(&now, &begun), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "schedule.decay: auto in the run, now 5"));
    strait_config_fini(&now);
    strait_config_fini(&begun);

    must_parse(minimal, &begun);
    assert_int_equal(parse(minimal, allowed, sizeof allowed / sizeof allowed[0], &now), STRAIT_OK);
    if (strait_config_check_resume(&begun, &now) != STRAIT_OK) fail_msg("%s", strait_error_message());
    strait_config_fini(&now);

    static const char *const refused[] = {"optimizer.lr=2e-3", "seed=2", "data.train=[{path: b}]"};
    assert_int_equal(parse(minimal, refused, 3, &now), STRAIT_OK);
    assert_int_equal(strait_config_check_resume(&begun, &now), STRAIT_ERR_USAGE);
    const char *message = strait_error_message();
    assert_non_null(strstr(message, "optimizer.lr: 0.001 in the run, now 0.002"));
    assert_non_null(strstr(message, "seed: 1 in the run, now 2"));
    assert_non_null(strstr(message, "data.train: [{path: \"shards/train\", weight: 1}] in the run"));
    strait_config_fini(&now);
    strait_config_fini(&begun);
}

static void documentation_is_up_to_date(void **state)
{
    (void)state;
    strait_buffer made = {0};
    strait_buffer committed = {0};
    assert_int_equal(strait_config_reference(&made), STRAIT_OK);
    assert_int_equal(strait_file_read(STRAIT_TEST_DATA "/../docs/config.md", 0, &committed), STRAIT_OK);
    if (strcmp(made.bytes, committed.bytes) != 0) {
        fail_msg("docs/config.md does not match src/train/config.def: build/strait train --schema > docs/config.md");
    }
    strait_buffer_fini(&made);
    strait_buffer_fini(&committed);
}

static void examples_parse(void **state)
{
    (void)state;
    char **names;
    size_t count;
    int seen = 0;
    assert_int_equal(strait_directory_list(STRAIT_TEST_DATA "/../examples", &names, &count), STRAIT_OK);
    for (size_t i = 0; i < count; i++) {
        if (strstr(names[i], ".yaml") == NULL) continue;
        char path[512];
        snprintf(path, sizeof path, "%s/../examples/%s", STRAIT_TEST_DATA, names[i]);
        strait_run_config c;
        strait_config_options options = {.skip_files = true};
        if (strait_config_load(path, &options, &c) != STRAIT_OK) fail_msg("%s", strait_error_message());
        strait_config_fini(&c);
        seen++;
    }
    strait_names_free(names, count);
    assert_true(seen >= 3);
}

/* The config.json of Qwen3-0.6B as it is published, and what newer versions of transformers add. */
#define PASTED                                                                                                \
    "{\n  \"architectures\": [\"Qwen3ForCausalLM\"],\n  \"attention_bias\": false,\n"                         \
    "  \"attention_dropout\": 0.0,\n  \"bos_token_id\": 151643,\n  \"eos_token_id\": 151645,\n"               \
    "  \"head_dim\": 128,\n  \"hidden_act\": \"silu\",\n  \"hidden_size\": 1024,\n"                           \
    "  \"initializer_range\": 0.02,\n  \"intermediate_size\": 3072,\n  \"max_position_embeddings\": 40960,\n" \
    "  \"max_window_layers\": 28,\n  \"model_type\": \"qwen3\",\n  \"num_attention_heads\": 16,\n"            \
    "  \"num_hidden_layers\": 28,\n  \"num_key_value_heads\": 8,\n  \"rms_norm_eps\": 1e-06,\n"               \
    "  \"rope_scaling\": null,\n  \"sliding_window\": null,\n  \"tie_word_embeddings\": true,\n"              \
    "  \"torch_dtype\": \"bfloat16\",\n  \"transformers_version\": \"4.51.0\",\n  \"use_cache\": true,\n"     \
    "  \"use_sliding_window\": false,\n  \"vocab_size\": 151936"
#define REST "data: {train: s, sequence_length: 8}\nbatch: {sequences: 8}\noptimizer: {lr: 1e-3}\nsteps: 3\nrun: r\n"

static void a_config_json_may_be_pasted(void **state)
{
    (void)state;
    strait_run_config c;
    must_parse("model: {init: " PASTED ",\n \"rope_theta\": 1000000}}\n" REST, &c);
    assert_true(c.model.init.rope_theta == 1e6);
    assert_int_equal(c.model.init.bos_token_id, 151643);
    assert_int_equal(c.model.init.eos_token_id.count, 1);
    assert_int_equal(c.model.init.eos_token_id.items[0], 151645);
    assert_int_equal(c.model.init.pad_token_id, -1);
    assert_int_equal(c.model.init.vocab_size, 151936);
    assert_int_equal(c.dtype, STRAIT_CONFIG_DTYPE_F32);
    strait_config_fini(&c);

    /* As transformers 5 writes it; and what is stored reads back. */
    must_parse("model: {init: " PASTED ", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 1000000},\n"
               "  \"pad_token_id\": 0, \"dtype\": \"bfloat16\", \"_name_or_path\": \"\"}}\n" REST,
               &c);
    assert_true(c.model.init.rope_theta == 1e6);
    assert_int_equal(c.model.init.pad_token_id, 0);
    strait_buffer text = {0};
    strait_buffer again = {0};
    assert_int_equal(strait_config_write(&c, &text), STRAIT_OK);
    strait_config_fini(&c);
    must_parse(text.bytes, &c);
    assert_int_equal(strait_config_write(&c, &again), STRAIT_OK);
    assert_string_equal(text.bytes, again.bytes);
    assert_non_null(strstr(text.bytes, "\n    rope_theta: 1000000\n"));
    strait_config_fini(&c);
    strait_buffer_fini(&text);
    strait_buffer_fini(&again);

    static const char *const sets[] = {"model.init.num_key_value_heads=null", "model.init.eos_token_id=[3, 5]",
                                       "model.init.rope_parameters={rope_theta: 500}", "model.init.pad_token_id=null"};
    assert_int_equal(parse(minimal, sets, 4, &c), STRAIT_OK);
    assert_int_equal(c.model.init.num_key_value_heads, 4);
    assert_int_equal(c.model.init.eos_token_id.count, 2);
    assert_true(c.model.init.rope_theta == 500);
    strait_config_fini(&c);
    must_parse("model: {init: {hidden_size: 64, intermediate_size: 192, num_hidden_layers: 2, num_attention_heads: 4,\n"
               "  num_key_value_heads: null, eos_token_id: null, bos_token_id: null, vocab_size: 9,\n"
               "  layer_types: [full_attention, full_attention]}}\n" REST,
               &c);
    assert_int_equal(c.model.init.num_key_value_heads, 4);
    assert_int_equal(c.model.init.bos_token_id, -1);
    strait_config_fini(&c);
}

/* What the schema has no key for makes the model all the same, is stored, and may not change on resume. */
static void what_config_json_adds_is_kept(void **state)
{
    (void)state;
    static const char init[] =
        "model: {init: {hidden_size: 64, intermediate_size: 192, num_hidden_layers: 2, num_attention_heads: 4,\n"
        "  vocab_size: 9, max_position_embeddings: 64, max_window_layers: 1, use_sliding_window: true,\n"
        "  sliding_window: 5, rope_scaling: {type: yarn, factor: 2, original_max_position_embeddings: 32}}}\n" REST;
    strait_run_config c;
    strait_run_config plain;
    strait_model_config model;
    must_parse(init, &c);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(strait_config_model(&c.model.init, "run.yaml", &model), STRAIT_OK);
        assert_true(model.rope.factor == 2 && model.rope.original_max_position_embeddings == 32);
        assert_int_equal(strait_model_config_window(&model, 0), 0);
        assert_int_equal(strait_model_config_window(&model, 1), 5);
        assert_int_equal(model.vocab_size, 9);
        strait_buffer text = {0};
        assert_int_equal(strait_config_write(&c, &text), STRAIT_OK);
        assert_non_null(strstr(text.bytes, "\n    rope_scaling: {"));
        strait_config_fini(&c);
        must_parse(text.bytes, &c);
        strait_buffer_fini(&text);
    }
    must_parse("model: {init: {hidden_size: 64, intermediate_size: 192, num_hidden_layers: 2, num_attention_heads: 4,\n"
               "  vocab_size: 9, max_position_embeddings: 64}}\n" REST,
               &plain);
    assert_null(plain.model.init.others);
    assert_int_equal(strait_config_check_resume(&c, &plain), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "sliding_window"));
    assert_int_equal(strait_config_check_resume(&c, &c), STRAIT_OK);
    strait_config_fini(&c);
    strait_config_fini(&plain);

    /* Dropout is the model's unless the run says otherwise. */
    must_parse("model: {from: x}\n" REST, &c);
    assert_true(c.dropout.attention == -1 && c.dropout.residual == -1);
    strait_config_fini(&c);
    must_parse("model: {from: x}\ndropout: {attention: 0, residual: 0.25}\n" REST, &c);
    assert_true(c.dropout.attention == 0 && c.dropout.residual == 0.25);
    strait_config_fini(&c);

    /* Another family, with its own defaults. */
    must_parse("model: {init: {model_type: ernie4_5, hidden_size: 64, intermediate_size: 192, num_hidden_layers: 2,\n"
               "  num_attention_heads: 4, vocab_size: 9, use_bias: true}}\n" REST,
               &c);
    assert_int_equal(strait_config_model(&c.model.init, "run.yaml", &model), STRAIT_OK);
    assert_int_equal(model.family, STRAIT_FAMILY_ERNIE4_5);
    assert_true(model.mlp_bias && model.tie_word_embeddings && model.rope_theta == 500000 && model.pad_token_id == -1);
    strait_config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_config_json_adds_is_kept),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(everything_can_be_said),
        cmocka_unit_test(sets_replace_and_remove),
        cmocka_unit_test(out_replaces_run),
        cmocka_unit_test(written_configs_read_back),
        cmocka_unit_test(resume_allows_only_what_is_documented),
        cmocka_unit_test(documentation_is_up_to_date),
        cmocka_unit_test(a_config_json_may_be_pasted),
        cmocka_unit_test(examples_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
