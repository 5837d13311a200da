/* Every kind of error in a run configuration, each with its place, key and remedy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "train/config.h"
#include "train/config_yaml.h"

/* Line 1 to 9, so that what a case appends begins in line 10. */
#define HEAD                                                    \
    "model: {init: {hidden_size: 64, intermediate_size: 128,\n" \
    "  num_hidden_layers: 2, num_attention_heads: 4}}\n"        \
    "tokenizer: tok\n"                                          \
    "data: {train: shards, sequence_length: 128}\n"             \
    "batch: {sequences: 8}\n"                                   \
    "steps: 1000\n"                                             \
    "run: runs/a\n"                                             \
    "\n"                                                        \
    "\n"
#define LR "optimizer: {lr: 1e-3}\n"
#define GOOD HEAD LR

typedef struct wrong_case {
    const char *text;
    const char *expected[3]; /* parts of the message */
} wrong_case;

static strait_status parse(const char *text, size_t length, const strait_config_options *options)
{
    strait_run_config config;
    strait_status status = strait_config_parse("run.yaml", text, length, options, &config);
    if (status == STRAIT_OK) strait_config_fini(&config);
    return status;
}

static void expect_parts(const char *input, const char *const *expected, size_t count)
{
    for (size_t i = 0; i < count && expected[i] != NULL; i++) {
        if (strstr(strait_error_message(), expected[i]) == NULL) {
            fail_msg("for\n%s\nexpected \"%s\" in\n%s", input, expected[i], strait_error_message());
        }
    }
}

static void expect_wrong(const wrong_case *cases, size_t count)
{
    strait_config_options options = {.skip_files = true};
    for (size_t i = 0; i < count; i++) {
        if (parse(cases[i].text, strlen(cases[i].text), &options) != STRAIT_ERR_USAGE) {
            fail_msg("accepted:\n%s", cases[i].text);
        }
        expect_parts(cases[i].text, cases[i].expected, 3);
    }
}

#define EXPECT_WRONG(...)                                    \
    do {                                                     \
        static const wrong_case cases[] = {__VA_ARGS__};     \
        expect_wrong(cases, sizeof cases / sizeof cases[0]); \
    } while (0)

static void the_head_itself_is_right(void **state)
{
    (void)state;
    strait_config_options options = {.skip_files = true};
    if (parse(GOOD, strlen(GOOD), &options) != STRAIT_OK) fail_msg("%s", strait_error_message());
}

static void unknown_keys(void **state)
{
    (void)state;
    EXPECT_WRONG(
        {GOOD "seeed: 1\n", {"run.yaml:11:1: unknown key seeed; did you mean seed?"}},
        {GOOD "memory:\n  recomptue: full\n",
         {"run.yaml:12:3: unknown key memory.recomptue; did you mean memory.recompute?"}},
        {GOOD "lr: 1\n", {"run.yaml:11:1: unknown key lr; did you mean optimizer.lr?"}},
        {GOOD "learning_rate: 1\n", {"did you mean optimizer.lr?"}},
        {GOOD "memory: {batch_size: 4}\n", {"11:10: unknown key memory.batch_size; did you mean batch.sequences?"}},
        {GOOD "memory: {xyzzy: 4}\n", {"unknown key memory.xyzzy; known here: recompute"}},
        {GOOD "memory.recompute: full\n", {"11:1: unknown key memory.recompute; groups are nested in YAML"}},
        {GOOD "<<: 3\n", {"11:1: merge keys (<<) are not read"}},
        {GOOD "[a, b]: 3\n", {"run.yaml:11:1: a key must be a word"}},
        {GOOD "\"\": 3\n", {"run.yaml:11:1: unknown key ; known here: model, tokenizer, data"}});
}

static void duplicate_keys(void **state)
{
    (void)state;
    EXPECT_WRONG({GOOD "seed: 1\nseed: 1\n", {"run.yaml:12:1: seed is given twice, first in line 11: remove one"}},
                 {GOOD "sample:\n  every: 0\n  length: 3\n  \"every\": 0\n",
                  {"run.yaml:14:3: sample.every is given twice, first in line 12"}},
                 {GOOD LR, {"run.yaml:11:1: optimizer is given twice, first in line 10"}});
}

static void wrong_integers(void **state)
{
    (void)state;
    EXPECT_WRONG({GOOD "seed: 1.5\n", {"run.yaml:11:7: seed wants an integer", "found 1.5: it is not a whole number"}},
                 {GOOD "seed: 1e-1\n", {"11:7: seed", "not a whole number"}},
                 {GOOD "seed: 1.0000000000000000001\n", {"11:7: seed", "not a whole number"}},
                 {GOOD "seed: \"1\"\n", {"11:7: seed", "found the string \"1\": write it without quotes"}},
                 {GOOD "seed: 1_000\n", {"11:7: seed", "without separators"}},
                 {GOOD "seed: 1,000\n", {"11:7: seed", "without separators"}},
                 {GOOD "seed: 0x10\n", {"11:7: seed", "write it in decimal"}},
                 {GOOD "seed: 010\n", {"11:7: seed", "without leading zero"}},
                 {GOOD "seed: -1\n", {"11:7: seed wants an integer >= 0 and <= 4294967295, found -1"}},
                 {GOOD "seed: 4294967296\n", {"11:7: seed", "found 4294967296"}},
                 {GOOD "checkpoint: {every: 1e19}\n", {"11:21: checkpoint.every", "does not fit in 64 bits"}},
                 {GOOD "checkpoint: {every: 1e999999999999}\n", {"does not fit in 64 bits"}},
                 {GOOD "checkpoint: {every: 99999999999999999999}\n", {"does not fit in 64 bits"}},
                 {GOOD "seed: auto\n", {"11:7: seed wants an integer", "found auto"}},
                 {GOOD "seed:\n", {"run.yaml:11:6: seed wants", "found nothing"}},
                 {GOOD "seed: ~\n", {"run.yaml:11:7: seed wants", "found ~"}},
                 {GOOD "seed: [1]\n", {"11:7: seed", "found a list"}},
                 {GOOD "seed: {a: 1}\n", {"11:7: seed", "found a group of keys"}},
                 {GOOD "seed: true\n", {"11:7: seed", "found true"}}, {GOOD "seed: 3 apples\n", {"found 3 apples"}});
}

static void wrong_numbers(void **state)
{
    (void)state;
    EXPECT_WRONG(
        {HEAD "optimizer: {lr: .nan}\n", {"run.yaml:10:17: optimizer.lr wants a number", "it must be finite"}},
        {HEAD "optimizer: {lr: -.inf}\n", {"10:17: optimizer.lr", "it must be finite"}},
        {HEAD "optimizer: {lr: nan}\n", {"10:17: optimizer.lr", "found nan: it must be finite"}},
        {HEAD "optimizer: {lr: 1e400}\n", {"10:17: optimizer.lr", "it is too large"}},
        {HEAD "optimizer: {lr: 1e-400}\n", {"10:17: optimizer.lr", "it is too small"}},
        {HEAD "optimizer: {lr: \"1e-3\"}\n", {"10:17", "the string \"1e-3\": write it without quotes"}},
        {HEAD "optimizer: {lr: 1e-3x}\n", {"10:17", "found 1e-3x"}},
        {HEAD "optimizer:\n  lr: 0,001\n", {"run.yaml:11:7: optimizer.lr", "with a point for decimals"}},
        {HEAD "optimizer: {lr: -1}\n", {"10:17: optimizer.lr wants a number >= 0 and <= 10, found -1"}},
        {HEAD "optimizer: {lr: 1, eps: 1e-13}\n", {"10:25: optimizer.eps wants a number >= 1e-12"}},
        {HEAD "optimizer: {lr: 1, betas: [0.9, 1]}\n", {"10:33: optimizer.betas", "< 1, found 1"}},
        {HEAD "optimizer: {lr: 1, betas: [0.9]}\n", {"10:27: optimizer.betas wants exactly two numbers, found 1"}},
        {HEAD "optimizer: {lr: 1, betas: [.1, .2, .3]}\n", {"exactly two numbers, found 3"}},
        {HEAD "optimizer: {lr: 1, betas: 0.9}\n", {"10:27: optimizer.betas", "write it as [a, b]"}},
        {HEAD "optimizer: {lr: 1, muon: {momentum: 1}}\n", {"10:37: optimizer.muon.momentum", "< 1, found 1"}},
        {HEAD "optimizer: {lr: 1, name: muon, first_moment: bf16}\n",
         {"10:32: optimizer.first_moment: bf16 is AdamW's alone, and optimizer.name is muon"}},
        {HEAD "optimizer: {lr: 0, name: muon, muon: {lr: 1}}\n", {"optimizer.muon.lr follows optimizer.lr"}},
        {GOOD "minutes: 0\n", {"11:10: minutes wants a number > 0"}});
}

static void other_wrong_values(void **state)
{
    (void)state;
    EXPECT_WRONG(
        {GOOD "numerics: quick\n", {"run.yaml:11:11: numerics wants exact or fast, found quick"}},
        {GOOD "memory: {recompute: no}\n", {"11:21: memory.recompute wants auto, none, light or full, found no"}},
        {GOOD "schedule: {name: [cosine]}\n", {"11:18: schedule.name", "found a list"}},
        {GOOD "device: 0\n", {"11:9: device wants a string, found 0: put it in quotes"}},
        {GOOD "device: true\n", {"11:9: device wants a string, found true: put it in quotes"}},
        {GOOD "device: ''\n", {"11:9: device wants a string, found the string \"\""}},
        {GOOD "device: \"a\\0b\"\n", {"run.yaml:11:9: a string with a zero byte"}},
        {GOOD "sample: {prompts: text}\n", {"11:19: sample.prompts", "write it as a list"}},
        {GOOD "sample: {prompts: [a, 1]}\n", {"11:23: sample.prompts", "found 1: put it in quotes"}},
        {GOOD "memory: full\n", {"run.yaml:11:1: memory is a group: its keys stand below it"}},
        {GOOD "memory:\n", {"run.yaml:11:1: memory is a group"}});
}

/* HEAD without its data line; the case's data stand in line 3. */
#define DATA(text)                                              \
    "model: {init: {hidden_size: 64, intermediate_size: 128,\n" \
    "  num_hidden_layers: 2, num_attention_heads: 4}}\n"        \
    "data: {sequence_length: 128, " text "}\n"                  \
    "tokenizer: tok\nbatch: {sequences: 8}\nsteps: 1000\nrun: runs/a\n" LR

static void wrong_sources(void **state)
{
    (void)state;
    EXPECT_WRONG({DATA("train: []"), {"run.yaml:3:37: data.train", "it is empty"}},
                 {DATA("train: {path: a}"), {"3:37: data.train", "put a dash before path"}},
                 {DATA("train: [{weight: 1}]"), {"3:38: data.train: path is missing"}},
                 {DATA("train: [{path: a, weight: 0}]"), {"3:56: data.train: weight wants a number > 0"}},
                 {DATA("train: [{path: a, weight: -1}]"), {"3:56: data.train: weight wants"}},
                 {DATA("train: [{path: a, weight: .inf}]"), {"weight wants a number > 0"}},
                 {DATA("train: [{path: a, wieght: 1}]"), {"3:48: data.train: unknown key \"wieght\"", "path, weight"}},
                 {DATA("train: [{path: a, path: b}]"), {"3:48: data.train: path is given twice"}},
                 {DATA("train: [a, [b]]"), {"3:41: data.train", "found a list"}},
                 {DATA("train: 3"), {"3:37: data.train", "found 3: put it in quotes"}},
                 {DATA("validation: a"), {"run.yaml:3:1: data.train is missing: add it (a path or"}});
}

static void missing_keys(void **state)
{
    (void)state;
    EXPECT_WRONG({"seed: 1\n",
                  {"run.yaml:1:1: model wants init (a new model) or from", "data.train is missing", "run is missing"}},
                 {HEAD, {"run.yaml:1:1: optimizer.lr is missing: add it (a number >= 0 and <= 10)"}},
                 {HEAD "optimizer:\n  clip: 1\n", {"run.yaml:10:1: optimizer.lr is missing"}});
}

#undef DATA
#define MODEL(text)                                                                                           \
    "model: " text "\ndata: {train: shards, sequence_length: 128}\nbatch: {sequences: 8}\nsteps: 1000\nrun: " \
    "runs/a\n" LR
#define SIZES "hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4"

static void rules_between_keys(void **state)
{
    (void)state;
    EXPECT_WRONG(
        {MODEL("{from: m, init: {hidden_size: 3}}"), {"run.yaml:1:9: model wants either init or from, found both"}},
        {MODEL("{}"), {"run.yaml:1:1: model wants init (a new model) or from"}},
        {MODEL("{init: {" SIZES "}}"), {"run.yaml:1:9: tokenizer is missing"}},
        {MODEL("{init: {" SIZES ", vocab_size: 9}}") "sample: {every: 1, prompts: [a]}\n",
         {"run.yaml:7:10: sample.every: samples need a tokenizer"}},
        {MODEL("{init: {" SIZES ", vocab_size: 9, num_key_value_heads: 3}}"),
         {"model.init.num_key_value_heads wants a divisor of num_attention_heads (4), found 3"}},
        {MODEL("{init: {" SIZES ", vocab_size: 9, head_dim: 33}}"), {"model.init.head_dim wants an even number"}},
        {MODEL("{init: {" SIZES ", vocab_size: 9, max_position_embeddings: 64}}"),
         {"run.yaml:2:23: data.sequence_length (128) exceeds model.init.max_position_embeddings (64)"}},
        {GOOD "tokens: 1e6\n", {"run.yaml:11:1: either steps or tokens, found both: remove one"}},
        {GOOD "minutes: 3\n", {"minutes is only read with steps: auto"}},
        {MODEL("{from: m}") "schedule: {final_lr: 0.1}\n",
         {"7:12: schedule.final_lr (0.1) exceeds optimizer.lr (0.001): it is a learning rate, not a fraction"}},
        {GOOD "schedule: {name: constant, decay: 5}\n", {"schedule.decay has no effect with schedule.name: constant"}},
        {GOOD "schedule: {warmup: 600, decay: 401}\n",
         {"11:12: schedule.warmup (600) and schedule.decay (401) exceed the 1000 steps"}},
        {GOOD "schedule: {warmup: 1001}\n", {"11:12: schedule.warmup (1001) exceeds the 1000 steps of the run"}},
        {GOOD "evaluate: {every: 5}\n",
         {"11:12: evaluate.every (5): there is nothing to evaluate: add data.validation"}},
        {GOOD "sample: {every: 5}\n", {"11:10: sample.every (5): there is no prompt"}});
}

/* What a model directory is refused for, model.init is, in the same words, at the key's place. */
static void keys_of_config_json(void **state)
{
    (void)state;
#define INIT(text) MODEL("{init: {" SIZES ", vocab_size: 9,\n  " text "}}")
    EXPECT_WRONG(
        {INIT("rope_scaling: {rope_type: yarn, factor: 0.25}"),
         {"run.yaml:2:3: model.init.rope_scaling: yarn needs a factor"}},
        {INIT("rope_scaling: {type: linear, factor: 2}"),
         {"run.yaml:2:3: model.init.rope_scaling: rope_type \"linear\""}},
        {INIT("rope_theta: 500, rope_parameters: {rope_theta: 600}"),
         {"run.yaml:2:20: model.init.rope_parameters: its rope_theta 600 differs from rope_theta 500"}},
        {INIT("attention_bias: 1, attention_dropout: 1.0"),
         {"run.yaml:2:3: model.init.attention_bias: must be true or false",
          "run.yaml:2:22: model.init.attention_dropout: is 1, must be from 0"}},
        {INIT("architectures: [LlamaForCausalLM]"), {"run.yaml:2:3: model.init.architectures: \"LlamaForCausalLM\""}},
        {INIT("layer_types: [full_attention, sliding_attention]"),
         {"run.yaml:2:3: model.init.layer_types: layer 1 is \"sliding_attention\""}},
        {INIT("layer_types: [full_attention]"), {"model.init.layer_types: must be an array of num_hidden_layers = 2"}},
        {INIT("use_sliding_window: true, sliding_window: -9"), {"model.init.sliding_window: is -9"}},
        {INIT("quantization_config: {bits: 4}"), {"model.init.quantization_config: a new model is not quantized"}},
        {INIT("quantization_config: {quant_method: fp8, fmt: e4m3, weight_block_size: [128, 128]}"),
         {"run.yaml:2:3: model.init.quantization_config: a new model is not quantized"}},
        {INIT("rope_scaling: {[a]: {b: [1, 2]}}"), {"run.yaml:2:3: model.init.rope_scaling: the value is no JSON"}},
        {INIT("partial_rotary_factor: 0.5"), {"model.init.partial_rotary_factor: other than 1"}},
        {INIT("torch_dtype: float16"), {"model.init.torch_dtype: \"float16\" is not supported"}},
        {INIT("pad_token_id: 9"), {"run.yaml:2:3: model.init.pad_token_id: is 9, must be less than vocab_size = 9"}},
        {INIT("eos_token_id: []"), {"run.yaml:2:17: model.init.eos_token_id wants auto, a token id or a list"}},
        {INIT("eos_token_id: [1, -2]"), {"model.init.eos_token_id wants"}},
        {INIT("eos_token_id: [1, 2, 3, 4, 5, 6, 7, 8, 9]"), {"a list of up to 8, found a list: it is longer"}},
        {INIT("sliding_windows: 3"), {"unknown key model.init.sliding_windows"}});
#undef INIT
}

static void length_of_the_run(void **state)
{
    (void)state;
    static const char head[] =
        "model: {from: m}\ndata: {train: s, sequence_length: 2}\nbatch: {sequences: 4}\nrun: r\n" LR;
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {{"", "steps is missing: add steps or tokens"},
                 {"minutes: 3\n", "run.yaml:6:1: minutes wants steps: auto beside it"},
                 {"steps: auto\n", "run.yaml:6:1: steps: auto wants minutes beside it"},
                 {"tokens: 9\nminutes: 3\n", "run.yaml:7:1: minutes is only read with steps: auto"},
                 {"steps: 0\n", "run.yaml:6:8: steps wants auto or an integer >= 1"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s", head, cases[i].text);
        wrong_case one = {text, {cases[i].expected}};
        expect_wrong(&one, 1);
    }
    char text[512];
    snprintf(text, sizeof text, "%stokens: 9\nbatch: {}\n", head);
    wrong_case twice = {text, {"batch is given twice"}};
    expect_wrong(&twice, 1);
    static const wrong_case batches[] = {
        {"model: {from: m}\ndata: {train: s, sequence_length: 2}\nbatch: {sequences: 4, micro_batch: 5, shards: 6}\n"
         "steps: 1\nrun: r\n" LR,
         {"3:23: batch.micro_batch (5) exceeds batch.sequences (4)",
          "3:39: batch.shards (6) exceeds batch.sequences (4)"}}};
    expect_wrong(batches, 1);
}

static void wrong_yaml(void **state)
{
    (void)state;
    EXPECT_WRONG({"", {"run.yaml:1:1: empty"}}, {"# only a comment\n", {"run.yaml:1:1: empty"}},
                 {"- a\n", {"run.yaml:1:1: a config is a list of `key: value` lines, this is a list"}},
                 {"hello\n", {"this is one value"}},
                 {"a: b: c\n", {"run.yaml:1:5: not YAML: mapping values are not allowed"}},
                 {"a: [1, 2\nb: 3\n", {"not YAML"}}, {"a:\n\tb: 1\n", {"run.yaml:2:1: not YAML", "spaces, not tabs"}},
                 {GOOD "---\nseed: 1\n", {"run.yaml:11:1: a second document"}},
                 {GOOD "seed: !!int 3\n", {"run.yaml:11:7: tags (!...) are not read"}},
                 {GOOD "seed: *a\n", {"run.yaml:11:7: *a: no anchor &a"}},
                 {GOOD "sample: &a {prompts: [*a]}\n", {"run.yaml:11:23: *a: no anchor &a stands (complete)"}},
                 {GOOD "seed: &a 1\nthreads: &a 1\n", {"run.yaml:12:10: this anchor exists already"}},
                 {GOOD "seed: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", {"run.yaml:11:22: nested too deeply"}},
                 {GOOD "device: \"\xff\"\n", {"run.yaml:11:10: not UTF-8 (byte 0xFF)"}},
                 {GOOD "\xE4\xBD\xA0: \xED\xA0\x80\n", {"run.yaml:11:4: not UTF-8 (byte 0xED)"}},
                 {"\xff\xfes\0e\0e\0d\0", {"run.yaml:1:1: not UTF-8"}});
    static const char zero[] = "seed: 1\nde\0vice: a\n";
    assert_int_equal(parse(zero, sizeof zero - 1, NULL), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "run.yaml:2:3: a zero byte"));
}

static void bombs_are_refused(void **state)
{
    (void)state;
    strait_config_options options = {.skip_files = true};
    /* The billion laughs: each list holds the one before ten times. It is small as a tree, and no value here. */
    strait_buffer text = {0};
    assert_int_equal(strait_buffer_printf(&text, "%sa0: &a0 [x]\n", GOOD), STRAIT_OK);
    for (int i = 1; i < 30; i++) {
        assert_int_equal(strait_buffer_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
                                              i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1),
                         STRAIT_OK);
    }
    assert_int_equal(strait_buffer_printf(&text, "sample: {prompts: *a29}\n"), STRAIT_OK);
    assert_int_equal(parse(text.bytes, text.length, &options), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "39 errors"));

    /* Many references to one long string. */
    strait_buffer_clear(&text);
    assert_int_equal(strait_buffer_printf(&text, "%sdevice: &a %0*d\nsample: {prompts: [*a", GOOD, 16000, 1),
                     STRAIT_OK);
    for (int i = 0; i < 1000; i++) assert_int_equal(strait_buffer_append(&text, ",*a", 3), STRAIT_OK);
    assert_int_equal(strait_buffer_append(&text, "]}\n", 3), STRAIT_OK);
    assert_int_equal(parse(text.bytes, text.length, &options), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "sample.prompts: a list of 1001, at most 1000"));

    /* Too many values, too many anchors, too long a string, too large a file. */
    strait_buffer_clear(&text);
    for (int i = 0; i <= STRAIT_YAML_NODES_MAX; i++)
        assert_int_equal(strait_buffer_append(&text, "- 1\n", 4), STRAIT_OK);
    assert_int_equal(parse(text.bytes, text.length, &options), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "run.yaml:20000:3: more than 20000 values"));
    strait_buffer_clear(&text);
    for (int i = 0; i < 65; i++) assert_int_equal(strait_buffer_printf(&text, "- &a%d 1\n", i), STRAIT_OK);
    assert_int_equal(parse(text.bytes, text.length, &options), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "run.yaml:65:3: too many anchors"));
    strait_buffer_clear(&text);
    assert_int_equal(strait_buffer_printf(&text, "%sdevice: \"%0*d\"\n", GOOD, 16385, 1), STRAIT_OK);
    assert_int_equal(parse(text.bytes, text.length, &options), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "run.yaml:11:9: device: a string of 16385 bytes"));
    strait_buffer_clear(&text);
    assert_int_equal(strait_buffer_printf(&text, "#%0*d\n", STRAIT_YAML_BYTES_MAX, 1), STRAIT_OK);
    assert_int_equal(parse(text.bytes, text.length, &options), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "no run configuration"));
    /* A megabyte of brackets must not cost more than the sixteen levels that are looked at. */
    strait_buffer_clear(&text);
    for (int i = 0; i < STRAIT_YAML_BYTES_MAX / 4; i++)
        assert_int_equal(strait_buffer_append(&text, "[[[[", 4), STRAIT_OK);
    assert_int_equal(parse(text.bytes, text.length, &options), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "run.yaml:1:17: nested too deeply"));
    strait_buffer_fini(&text);
}

static void all_errors_at_once_in_order(void **state)
{
    (void)state;
    static const char *const sets[] = {"threads=many"};
    strait_config_options options = {.skip_files = true, .sets = sets, .n_sets = 1};
    static const char text[] = HEAD "optimizer: {lr: fast}\nseeed: 1\nsample: {every: -1}\n";
    assert_int_equal(parse(text, strlen(text), &options), STRAIT_ERR_USAGE);
    assert_string_equal(strait_error_message(),
                        "4 errors in the configuration:\n"
                        "run.yaml:10:17: optimizer.lr wants a number >= 0 and <= 10, found fast\n"
                        "run.yaml:11:1: unknown key seeed; did you mean seed?\n"
                        "run.yaml:12:17: sample.every wants an integer >= 0 (steps), found -1\n"
                        "--set threads=many: threads wants an integer >= 0 and <= 1024, found many");
}

/* A hundred are all told, a missing file (looked for last) in its line among them; thousands are counted. */
static void many_errors_in_order(void **state)
{
    (void)state;
    strait_buffer many = {0};
    assert_int_equal(strait_buffer_printf(&many, "%s", GOOD), STRAIT_OK);
    for (int i = 0; i < 100; i++) assert_int_equal(strait_buffer_printf(&many, "zz%d: 1\n", i), STRAIT_OK);
    assert_int_equal(parse(many.bytes, many.length, NULL), STRAIT_ERR_USAGE);
    const char *message = strait_error_message();
    const char *file = strstr(message, "run.yaml:4:8: data.train: shards.idx: No such file");
    const char *first = strstr(message, "run.yaml:11:1: unknown key zz0;");
    const char *last = strstr(message, "run.yaml:110:1: unknown key zz99");
    assert_non_null(file);
    assert_non_null(last);
    assert_true(first > file && last > first);
    assert_null(strstr(message, " more"));
    for (int i = 100; i < 3000; i++) assert_int_equal(strait_buffer_printf(&many, "zz%d: 1\n", i), STRAIT_OK);
    assert_int_equal(parse(many.bytes, many.length, NULL), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "3002 errors in the configuration:"));
    assert_non_null(strstr(strait_error_message(), "data.train: shards.idx: No such file"));
    assert_non_null(strstr(strait_error_message(), "\nand 2"));
    strait_buffer_fini(&many);
}

static void wrong_sets(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        const char *expected;
    } cases[] = {
        {"optimizer.lr", "--set optimizer.lr: wants KEY=VALUE"},
        {"=3", "--set =3: wants KEY=VALUE"},
        {"optimizer.lrr=3", "--set optimizer.lrr=3: unknown key optimizer.lrr; did you mean optimizer.lr?"},
        {"optimiser.lr=3", "unknown key optimiser.lr; did you mean optimizer.lr?"},
        {"optimizer=3", "--set optimizer=3: optimizer is a group"},
        {"optimizer.lr=", "no value after \"=\""},
        {"optimizer.lr=null", "optimizer.lr is missing"},
        {"optimizer.lr=abc", "--set optimizer.lr=abc: optimizer.lr wants a number >= 0 and <= 10, found abc"},
        {"optimizer.betas=[0.9", "--set optimizer.betas=[0.9: optimizer.betas: value:"},
        {"seed=1e-1", "--set seed=1e-1: seed wants an integer"},
        {"sample.prompts=[\"a\", 2", "not YAML"},
        {"sample.every=5", "--set sample.every=5: sample.every (5): there is no prompt"},
        {"run=null", "--set run=null: run is missing"},
        {"steps=null", "--set steps=null: steps is missing: add steps or tokens"},
        {"model.init=null", "--set model.init=null: model wants init (a new model) or from"},
        {"minutes=3", "--set minutes=3: minutes is only read with steps: auto"},
        {"batch.micro_batch=9", "--set batch.micro_batch=9: batch.micro_batch (9) exceeds batch.sequences (8)"},
        {"threads=1025", "--set threads=1025: threads wants an integer >= 0 and <= 1024, found 1025"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strait_config_options options = {.skip_files = true, .sets = &cases[i].set, .n_sets = 1};
        if (parse(GOOD, strlen(GOOD), &options) != STRAIT_ERR_USAGE) fail_msg("accepted --set %s", cases[i].set);
        expect_parts(cases[i].set, &cases[i].expected, 1);
    }
    /* Right in the file, wrong with the --set: the file is not to blame. */
    static const char text[] = GOOD "schedule: {warmup: 2}\n";
    static const char *const set = "steps=1";
    static const char *const expected = "--set steps=1: schedule.warmup (2) exceeds the 1 steps of the run";
    strait_config_options options = {.skip_files = true, .sets = &set, .n_sets = 1};
    assert_int_equal(parse(text, strlen(text), &options), STRAIT_ERR_USAGE);
    expect_parts(set, &expected, 1);
}

static void missing_files(void **state)
{
    (void)state;
    assert_int_equal(parse(GOOD, strlen(GOOD), NULL), STRAIT_ERR_USAGE);
    static const char *const expected[] = {"run.yaml:3:1: tokenizer: tok: No such file or directory",
                                           "run.yaml:4:8: data.train: shards.idx: No such file or directory",
                                           "strait data pack"};
    expect_parts(GOOD, expected, 3);

    /* A corpus where shards are wanted, and a directory that holds no tokenizer. */
    static const char *const sets[] = {"data.train=" STRAIT_TEST_DATA "/tests.cmake", "tokenizer=" STRAIT_TEST_DATA,
                                       "model.init=null", "model.from=" STRAIT_TEST_DATA "/tests.cmake"};
    strait_config_options options = {.sets = sets, .n_sets = 4};
    assert_int_equal(parse(GOOD, strlen(GOOD), &options), STRAIT_ERR_USAGE);
    static const char *const kinds[] = {"this file is no token shard", "/tokenizer.json: No such file",
                                        "is no directory"};
    expect_parts(GOOD, kinds, 3);

    strait_run_config config;
    assert_int_equal(strait_config_load("/nonexistent/run.yaml", NULL, &config), STRAIT_ERR_NOT_FOUND);
    assert_non_null(strstr(strait_error_message(), "/nonexistent/run.yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_itself_is_right),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(duplicate_keys),
        cmocka_unit_test(wrong_integers),
        cmocka_unit_test(wrong_numbers),
        cmocka_unit_test(other_wrong_values),
        cmocka_unit_test(wrong_sources),
        cmocka_unit_test(missing_keys),
        cmocka_unit_test(rules_between_keys),
        cmocka_unit_test(keys_of_config_json),
        cmocka_unit_test(length_of_the_run),
        cmocka_unit_test(wrong_yaml),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(all_errors_at_once_in_order),
        cmocka_unit_test(many_errors_in_order),
        cmocka_unit_test(wrong_sets),
        cmocka_unit_test(missing_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
