/* Memory of splits: against published figures (tests/plan/memory.csv), and properties that must hold of every fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "plan/csv.h"
#include "plan/split_choose.h"

#define GIB 1073741824.0

typedef struct named_shape {
    const char *name;
    strait_model_shape shape;
} named_shape;

#define LLAMA3(l, h, a, f)                                                                                             \
    {                                                                                                                  \
        .layers = l, .hidden = h, .vocab = 128256, .heads = a, .kv_heads = 8, .head_dim = 128, .v_dim = 128, .ffn = f, \
        .gated = true, .norms = 2, .moe_every = 1                                                                      \
    }

static const named_shape shapes[] = {
    {"llama3-8b", LLAMA3(32, 4096, 32, 14336)},
    {"llama3-70b", LLAMA3(80, 8192, 64, 28672)},
    {"llama3-405b", LLAMA3(126, 16384, 128, 53248)},
    {"llama-7b",
     {.layers = 32,
      .hidden = 4096,
      .vocab = 32000,
      .heads = 32,
      .kv_heads = 32,
      .head_dim = 128,
      .v_dim = 128,
      .ffn = 11008,
      .gated = true,
      .norms = 2,
      .moe_every = 1}},
    {"bloom-176b",
     {.layers = 70,
      .hidden = 14336,
      .vocab = 250880,
      .tied = true,
      .heads = 112,
      .kv_heads = 112,
      .head_dim = 128,
      .v_dim = 128,
      .ffn = 57344,
      .norms = 2,
      .norm_bias = true,
      .moe_every = 1}},
};

/* Shapes by name, or by nothing but their parameters ("7.5b", "1t"). */
static strait_model_shape shape_called(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(shapes[i].name, name) == 0) return shapes[i].shape;
    }
    char *unit;
    double params = strtod(name, &unit) * (unit[0] == 't' ? 1e12 : 1e9);
    strait_model_shape shape;
    assert_int_equal(
        strait_model_shape_guess(params, params, params < 1e10 ? 32 : 80, params < 5e11 ? 4096 : 16384, &shape),
        STRAIT_OK);
    return shape;
}

static const char *cell(const strait_csv *csv, int row, int column)
{
    return strait_csv_at(csv, row, column)->text;
}

static double picked(const strait_footprint *need, const char *what)
{
    if (strcmp(what, "total") == 0) return need->total;
    if (strcmp(what, "states") == 0) {
        return need->bytes[STRAIT_PLAN_TAG_WEIGHTS] + need->bytes[STRAIT_PLAN_TAG_GRADIENTS] +
               need->bytes[STRAIT_PLAN_TAG_OPTIMIZER];
    }
    for (int tag = 0; tag < STRAIT_PLAN_TAG_COUNT; tag++) {
        if (strcmp(what, strait_plan_tag_name((strait_plan_tag)tag)) == 0) return need->bytes[tag];
    }
    fail_msg("no tag is called %s", what);
    return NAN;
}

enum { CASE, KIND, SHAPE, SEQUENCES, LENGTH, SPLIT, WHAT, EXPECTED, TOLERANCE, HOLDS };

static void test_published(void **state)
{
    (void)state;
    strait_buffer text = {0};
    strait_csv csv;
    int held = 0;
    int wrong = 0;
    char path[1024];
    snprintf(path, sizeof path, "%s/plan/memory.csv", STRAIT_TEST_DATA);
    assert_int_equal(strait_file_read(path, 0, &text), STRAIT_OK);
    assert_int_equal(strait_csv_parse(path, text.bytes, text.length, &csv), STRAIT_OK);
    for (int i = 1; i < csv.rows; i++) {
        char keys[256];
        strait_split split;
        strait_model_shape shape = shape_called(cell(&csv, i, SHAPE));
        strait_workload work = {.sequences = atol(cell(&csv, i, SEQUENCES)), .length = atol(cell(&csv, i, LENGTH))};
        snprintf(keys, sizeof keys, "%s", cell(&csv, i, SPLIT));
        for (char *at = keys; *at; at++) *at = *at == ';' ? ',' : *at;
        assert_int_equal(strait_split_parse(keys, &split), STRAIT_OK);
        if (strait_split_finish(&split, &shape, &work, 0) != STRAIT_OK) fail_msg("%s", strait_error_message());
        strait_footprint need = strait_footprint_of(&shape, &split, &work);
        double got = picked(&need, cell(&csv, i, WHAT)) / GIB;
        double expected = atof(cell(&csv, i, EXPECTED));
        bool holds = fabs(got / expected - 1) <= atof(cell(&csv, i, TOLERANCE));
        bool claimed = strcmp(cell(&csv, i, HOLDS), "yes") == 0;
        print_message("%-26s %10.3f GiB, published %10.3f: %+5.1f %%%s\n", cell(&csv, i, CASE), got, expected,
                      100 * (got / expected - 1), holds ? "" : " (beyond the mark)");
        held += holds;
        wrong += holds != claimed;
    }
    print_message("%d of %d within the mark\n", held, (int)csv.rows - 1);
    strait_csv_fini(&csv);
    strait_buffer_fini(&text);
    /* What misses is said in the table too: a case that comes to hold, or no longer does, is news. */
    assert_int_equal(wrong, 0);
}

/* ---- properties ---- */

typedef struct lots {
    uint32_t seed;
    uint64_t drawn;
} lots;

static uint32_t next(lots *rng)
{
    return strait_rng_u32(rng->seed, 100, rng->drawn++, 0);
}

static int64_t pick(lots *rng, const int64_t *from, uint32_t count)
{
    return from[next(rng) % count];
}

/* A shape, a batch and a split that divide; drawn, so that nobody chose them. */
static void draw(lots *rng, strait_model_shape *shape, strait_workload *work, strait_split *split)
{
    static const int64_t powers[] = {1, 2, 4, 8};
    static const int64_t widths[] = {512, 1024, 4096, 8192};
    static const int64_t lengths[] = {512, 2048, 8192};
    int64_t heads = pick(rng, widths, 4) / 64;
    *shape = (strait_model_shape){.layers = 8 * pick(rng, powers, 4),
                                  .hidden = heads * 64,
                                  .vocab = 32000,
                                  .heads = heads,
                                  .kv_heads = heads / pick(rng, powers, 4),
                                  .head_dim = 64,
                                  .v_dim = 64,
                                  .ffn = heads * 192,
                                  .gated = true,
                                  .norms = 2,
                                  .moe_every = 1};
    if (next(rng) % 3 == 0) {
        shape->experts = 64;
        shape->experts_per_token = pick(rng, powers, 4);
        shape->expert_ffn = heads * 16;
    }
    *split = (strait_split){.tensor = pick(rng, powers, 4),
                            .pipeline = pick(rng, powers, 4),
                            .context = pick(rng, powers, 2),
                            .data = pick(rng, powers, 4),
                            .micro_batch = pick(rng, powers, 3),
                            .sharding = (int64_t)(next(rng) % 4),
                            .recompute = (strait_plan_recompute)(next(rng) % 3),
                            .recompute_chosen = true};
    *work = (strait_workload){.length = pick(rng, lengths, 3), .sequences = 256};
    if (strait_split_finish(split, shape, work, 0) != STRAIT_OK) fail_msg("%s", strait_error_message());
}

static void test_more_memory_never_hurts(void **state)
{
    (void)state;
    uint32_t seed = 20261123;
    lots rng = {seed, 0};
    for (int i = 0; i < 2000; i++) {
        strait_model_shape shape;
        strait_workload work;
        strait_split split;
        strait_footprint need;
        draw(&rng, &shape, &work, &split);
        bool before = false;
        for (double gib = 0.25; gib <= 512; gib *= 1.5) {
            strait_split tried = split;
            bool fits = strait_footprint_fit(&shape, &tried, &work, gib * GIB, &need);
            if (before && !fits) fail_msg("seed %u, case %d: fits in less than %.2f GiB and not in it", seed, i, gib);
            if (fits && need.total > gib * GIB) fail_msg("seed %u, case %d: fits with more than there is", seed, i);
            before = fits;
        }
    }
}

static void test_choice_is_monotone(void **state)
{
    (void)state;
    uint32_t seed = 7;
    lots rng = {seed, 0};
    for (int i = 0; i < 300; i++) {
        strait_model_shape shape;
        strait_workload work;
        strait_split split;
        strait_split wish = {.recompute_chosen = true};
        strait_footprint need;
        draw(&rng, &shape, &work, &split);
        bool before = false;
        for (double gib = 1; gib <= 256; gib *= 2) {
            strait_plan_chip chip = {.capacity = gib * GIB, .node = 8};
            bool fits;
            assert_int_equal(
                strait_split_choose(&shape, &work, &chip, strait_split_chips(&split), &wish, 0, &split, &need, &fits),
                STRAIT_OK);
            if (before && !fits) fail_msg("seed %u, case %d: a larger chip (%.0f GiB) fits less", seed, i, gib);
            before = fits;
        }
    }
}

/* What PyTorch keeps and others do not adds its own bytes and no more, on the stage that has it. */
static void test_kept(void **state)
{
    (void)state;
    strait_model_shape shape = shape_called("llama3-70b");
    strait_workload work = {.length = 8192, .sequences = 64};
    strait_split split = {.tensor = 8, .data = 8, .sharding = 3, .micro_batch = 2};
    assert_int_equal(strait_split_finish(&split, &shape, &work, 0), STRAIT_OK);
    strait_split other = split;
    other.gathered_kept = true;
    double more = strait_footprint_of(&shape, &other, &work).total - strait_footprint_of(&shape, &split, &work).total;
    assert_true(fabs(more - 2.0 * 2 * 2 * 8192 * (double)shape.hidden) < 1);
    other.outputs_kept = true; /* nothing to keep without a pipeline */
    assert_true(strait_footprint_of(&shape, &other, &work).total - strait_footprint_of(&shape, &split, &work).total ==
                more);
    assert_int_equal(
        strait_split_parse("tp=8,pp=2,dp=8,micro=1,sharding=1,recompute=full,gathered=kept,outputs=kept", &split),
        STRAIT_OK);
    assert_int_equal(strait_split_finish(&split, &shape, &work, 0), STRAIT_OK);
    char text[256];
    strait_split_format(&split, text, sizeof text);
    assert_non_null(strstr(text, "gathered=kept,outputs=kept"));
    /* Eight micro-batches of 8,192 tokens, logits over eight tensor ranks: the last stage becomes the fullest. */
    strait_footprint need = strait_footprint_of(&shape, &split, &work);
    split.logit_bytes = 1e-9;
    strait_footprint kept = strait_footprint_of(&shape, &split, &work);
    assert_true(need.stage == 1 && kept.stage == 1);
    assert_true(fabs(kept.bytes[STRAIT_PLAN_TAG_LOGITS] - 2.0 * 8 * 8192 * (double)shape.vocab / 8) < 1e3);
}

/* 126 layers over 8 stages: 15 on the first and the last, 16 between; and what PyTorch's pipeline and its context ranks
 * hold, to the byte. */
static void test_stages(void **state)
{
    (void)state;
    strait_model_shape shape = shape_called("llama3-405b");
    strait_shape_params p = strait_model_shape_params(&shape);
    strait_workload work = {.length = 8192, .sequences = 256};
    strait_split split;
    assert_int_equal(strait_split_parse("tp=8,pp=8,dp=8,sharding=1,micro=4,recompute=full", &split), STRAIT_OK);
    assert_int_equal(strait_split_finish(&split, &shape, &work, 0), STRAIT_OK);
    const double layer = (double)(p.attention + p.dense);
    strait_footprint need = strait_footprint_of(&shape, &split, &work);
    assert_int_equal(need.stage, 0);
    assert_true(fabs(need.parameters - (15 * layer + (double)p.embedding) / 8) < 1);
    /* Of 8 micro-batches, 7 of them in flight: outputs, room for their gradients, gradients of inputs, one input. */
    split.outputs_kept = true;
    strait_footprint kept = strait_footprint_of(&shape, &split, &work);
    assert_int_equal(kept.stage, 1);
    assert_true(fabs(kept.parameters - 16 * layer / 8) < 1);
    double boundary = 2.0 * 4 * 8192 * (double)shape.hidden / 8;
    double more = kept.bytes[STRAIT_PLAN_TAG_COMMUNICATION] - need.bytes[STRAIT_PLAN_TAG_COMMUNICATION];
    assert_true(fabs(more - (3 * 8 + 1) * boundary) < 1);
    /* Four context ranks, 32,768 tokens and 16 heads of 128 each. */
    work = (strait_workload){.length = 131072, .sequences = 16};
    assert_int_equal(strait_split_parse("tp=8,cp=4,dp=16,sharding=1,micro=1,keys=gathered", &split), STRAIT_OK);
    assert_int_equal(strait_split_finish(&split, &shape, &work, 0), STRAIT_OK);
    double gathered = strait_footprint_of(&shape, &split, &work).total;
    split.keys_gathered = false;
    double ring = strait_footprint_of(&shape, &split, &work).total;
    double each = 32768.0 * 16 * 128;
    assert_true(fabs(gathered - ring - (5 * 4 + 6 * 3 + 8 * 2) * each + 4 * 2 * 32768.0 * 128) < 1);
}

/* Each stage of sharding needs no more than the one before, and more chips no more than fewer. */
static void test_sharding_takes_less(void **state)
{
    (void)state;
    lots rng = {11, 0};
    for (int i = 0; i < 500; i++) {
        strait_model_shape shape;
        strait_workload work;
        strait_split split;
        draw(&rng, &shape, &work, &split);
        double before = INFINITY;
        for (int64_t stage = 0; stage <= 3; stage++) {
            split.sharding = stage;
            strait_footprint need = strait_footprint_of(&shape, &split, &work);
            double states = need.bytes[STRAIT_PLAN_TAG_WEIGHTS] + need.bytes[STRAIT_PLAN_TAG_GRADIENTS] +
                            need.bytes[STRAIT_PLAN_TAG_OPTIMIZER];
            assert_true(states <= before * (1 + 1e-12));
            before = states;
        }
    }
}

static void refused(const char *text, const char *why)
{
    strait_split split;
    strait_status status = strait_split_parse(text, &split);
    strait_model_shape shape = shape_called("llama3-8b");
    strait_workload work = {.length = 4096, .sequences = 64};
    if (status == STRAIT_OK) status = strait_split_finish(&split, &shape, &work, 64);
    assert_int_equal(status, STRAIT_ERR_USAGE);
    if (!strstr(strait_error_message(), why))
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", text, strait_error_message(), why);
}

static void test_wrong_splits(void **state)
{
    (void)state;
    refused("tp=3", "multiple");
    refused("tp=0", "tp=0");
    refused("tp=-8", "tp=-8");
    refused("tp=8x", "tp=8x");
    refused("tq=8", "\"tq\" is no key");
    refused("tp", "KEY=VALUE");
    refused("tp=64", "num_attention_heads");
    refused("pp=64", "layers");
    refused("tp=8,dp=16", "count of chips");
    refused("ep=8", "no experts");
    refused("micro=2", "dp x micro");
    refused("keys=none", "ring or gathered");
    refused("recompute=some", "recompute=some");
    refused("sharding=4", "sharding");
    refused("weights=0", "weights=0");
    refused("tp=99999999999999999999", "tp=999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_published),
                                       cmocka_unit_test(test_more_memory_never_hurts),
                                       cmocka_unit_test(test_choice_is_monotone),
                                       cmocka_unit_test(test_kept),
                                       cmocka_unit_test(test_stages),
                                       cmocka_unit_test(test_sharding_takes_less),
                                       cmocka_unit_test(test_wrong_splits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
