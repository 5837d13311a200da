/* A model directory against the parameters that its config.json asks for: what fits, and how what does not is named. */
#define _POSIX_C_SOURCE 200809L

#include "folder.h"
#include "small_model.h"

#include "model/model.h"
#include "train/weights.h"
#include "train/weights_f8.h"

#include <math.h>

enum { TENSORS_MAX = 32, VALUES = 64 };

static const strait_model_config tied = {SMALL_MODEL, .tie_word_embeddings = true};
static float values[VALUES];

/* The tensors that the config asks for; tests change the list before it is written. */
typedef struct fixture {
    strait_params params;
    strait_tensor_spec specs[TENSORS_MAX];
    size_t count;
} fixture;

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f || strait_architecture_of(&tied)->params(&tied, &f->params) != STRAIT_OK) return 1;
    if (strait_params_finish(&f->params) != STRAIT_OK || f->params.count + 1 > TENSORS_MAX) return 1;
    for (int i = 0; i < VALUES; i++) values[i] = (float)i;
    for (int32_t p = 0; p < f->params.count; p++) {
        const strait_param *param = &f->params.items[p];
        f->specs[f->count] = (strait_tensor_spec){.name = param->name, .bytes = values};
        f->specs[f->count].shape.rank = param->rank;
        for (int i = 0; i < param->rank; i++) f->specs[f->count].shape.dims[i] = param->shape[i];
        f->count++;
    }
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    strait_params_fini(&f->params);
    free(f);
    return 0;
}

static strait_tensor_spec *find(fixture *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->specs[i].name, name) == 0) return &f->specs[i];
    }
    fail_msg("no tensor is called %s", name);
    return NULL;
}

static strait_status check(fixture *f, const char *folder, int64_t shard_bytes)
{
    const strait_model_write write = {
        .config = &tied, .tensors = f->specs, .count = f->count, .shard_bytes = shard_bytes};
    strait_model_dir *model;
    STRAIT_TRY(strait_model_dir_write(folder, &write, NULL));
    STRAIT_TRY(strait_model_dir_open(folder, &model));
    strait_status status = strait_weights_check(model, &f->params);
    strait_model_dir_close(model);
    return status;
}

static void refused(fixture *f, const char *folder, int64_t shard_bytes, const char *line)
{
    assert_int_equal(check(f, folder, shard_bytes), STRAIT_ERR_SHAPE);
    if (!strstr(strait_error_message(), line)) fail_msg("no \"%s\" in: %s", line, strait_error_message());
}

static void what_config_asks_for_fits(void **state)
{
    assert_int_equal(check(*state, "whole", 0), STRAIT_OK);
}

/* ---- FP8 ---- */

static strait_status keep(void *context, int64_t offset, int64_t count, const float *from)
{
    memcpy((float *)context + offset, from, (size_t)count * sizeof *from);
    return STRAIT_OK;
}

/* A matrix of the small model as codes, its scale beside it. */
static void as_codes(fixture *f, const unsigned char *codes, const float *scale)
{
    strait_tensor_spec *spec = find(f, "model.layers.0.mlp.up_proj.weight");
    spec->dtype = STRAIT_DTYPE_F8_E4M3;
    spec->bytes = codes;
    strait_tensor_spec *beside = &f->specs[f->count++];
    *beside = (strait_tensor_spec){.name = "model.layers.0.mlp.up_proj.weight_scale_inv", .bytes = scale};
    beside->shape.rank = 2;
    beside->shape.dims[0] = beside->shape.dims[1] = 1;
}

static void codes_and_factors_are_values(void **state)
{
    fixture *f = *state;
    static unsigned char codes[32] = {0x38, 0x7e, 0x01, 0x08, 0x80, 0xc0, 0x77, 0x0f};
    static const float one_and_a_half = 1.5F;
    static const float wanted[8] = {1.5F, 672, 1.5F / 512, 1.5F / 64, -0.0F, -3, 360, 1.5F * 15 / 512};
    as_codes(f, codes, &one_and_a_half);
    assert_int_equal(check(f, "codes", 0), STRAIT_OK);
    strait_model_dir *model;
    float flat[4096];
    assert_int_equal(strait_model_dir_open("codes", &model), STRAIT_OK);
    assert_true(f->params.padded <= 4096);
    assert_int_equal(strait_weights_load(model, &f->params, keep, flat), STRAIT_OK);
    const strait_param *param = strait_params_find(&f->params, "model.layers.0.mlp.up_proj.weight");
    assert_memory_equal(flat + param->offset, wanted, sizeof wanted);
    strait_model_dir_close(model);
    codes[13] = 0xff;
    assert_int_equal(check(f, "nan", 0), STRAIT_OK);
    assert_int_equal(strait_model_dir_open("nan", &model), STRAIT_OK);
    assert_int_equal(strait_weights_load(model, &f->params, keep, flat), STRAIT_ERR_CORRUPT);
    assert_non_null(strstr(strait_error_message(), "up_proj.weight: element [3, 1] is NaN (code 0xff"));
    strait_model_dir_close(model);
}

static void factors_that_do_not_fit_are_named(void **state)
{
    fixture *f = *state;
    static const unsigned char codes[32] = {0};
    as_codes(f, codes, values);
    strait_tensor_spec *beside = &f->specs[f->count - 1];
    beside->shape.dims[1] = 2;
    refused(f, "wide", 0, "up_proj.weight wants a scale_inv of [1, 1], one number for each block");
    beside->shape.dims[1] = 1;
    beside->dtype = STRAIT_DTYPE_BF16;
    refused(f, "narrow", 0, "up_proj.weight has a scale_inv of dtype bf16, must be f32");
    f->count--;
    refused(f, "none", 0, "up_proj.weight is F8_E4M3, and its scale_inv is missing");
    f->count++;
    beside->dtype = STRAIT_DTYPE_F32;
    find(f, "model.layers.0.mlp.up_proj.weight")->dtype = STRAIT_DTYPE_F32;
    find(f, "model.layers.0.mlp.up_proj.weight")->bytes = values;
    refused(f, "stray", 0, "up_proj.weight_scale_inv does not belong");
}

/* 130 x 200: blocks at both edges are cut off. A part may begin anywhere. */
static void each_block_has_its_own_factor(void **state)
{
    (void)state;
    enum { ROWS = 130, COLUMNS = 200, FIRST = 127 * COLUMNS + 3 };
    static unsigned char codes[ROWS * COLUMNS];
    static float out[ROWS * COLUMNS];
    const float scale[4] = {1, 2, 4, 8};
    const strait_tensor_view view = {.name = "w",
                                     .dtype = STRAIT_DTYPE_F8_E4M3,
                                     .shape = {2, {ROWS, COLUMNS}},
                                     .bytes = codes,
                                     .count = ROWS * COLUMNS};
    const strait_tensor_view factors = {.name = "w_scale_inv", .shape = {2, {2, 2}}, .bytes = scale, .count = 4};
    memset(codes, 0x38, sizeof codes);
    char text[128];
    strait__f8_complaint(&view, &factors, text);
    assert_string_equal(text, "");
    assert_int_equal(strait__f8_read(&view, &factors, FIRST, ROWS * COLUMNS - FIRST, out), STRAIT_OK);
    for (int at = FIRST; at < ROWS * COLUMNS; at++) {
        float wanted = scale[at / COLUMNS / 128 * 2 + at % COLUMNS / 128];
        assert_true(out[at - FIRST] == wanted);
    }
}

static void a_missing_tensor_is_named(void **state)
{
    fixture *f = *state;
    strait_tensor_spec *gone = find(f, "model.norm.weight");
    *gone = f->specs[--f->count];
    refused(f, "less", 0, "less/model.safetensors: model.norm.weight is missing");
}

static void a_tensor_missing_from_shards_is_named(void **state)
{
    fixture *f = *state;
    strait_tensor_spec *gone = find(f, "model.norm.weight");
    *gone = f->specs[--f->count];
    refused(f, "less-shards", 100, "less-shards/model.safetensors.index.json: model.norm.weight is missing");
}

static void a_wrong_shape_is_named(void **state)
{
    fixture *f = *state;
    find(f, "model.layers.0.mlp.up_proj.weight")->shape.dims[0] = 5;
    refused(f, "shape", 0,
            "shape/model.safetensors: model.layers.0.mlp.up_proj.weight has shape [5, 4], config.json makes it [8, 4]");
}

static void a_wrong_shape_in_a_shard_is_named(void **state)
{
    fixture *f = *state;
    find(f, "model.embed_tokens.weight")->shape.dims[0] = 9;
    refused(f, "shape-shards", 100, "shape-shards/model-00001-of-0000");
    assert_non_null(strstr(strait_error_message(), ".safetensors: model.embed_tokens.weight has shape [9, 4]"));
}

static void a_wrong_dtype_is_named(void **state)
{
    fixture *f = *state;
    find(f, "model.norm.weight")->dtype = STRAIT_DTYPE_I32;
    refused(f, "dtype", 0, "dtype/model.safetensors: model.norm.weight has dtype i32");
}

static void a_foreign_tensor_is_named(void **state)
{
    fixture *f = *state;
    f->specs[f->count] = *find(f, "model.norm.weight");
    f->specs[f->count++].name = "model.rotary.inv_freq";
    refused(f, "foreign", 0, "foreign/model.safetensors: model.rotary.inv_freq does not belong");
}

/* Releases of tied models may hold the head all the same. */
static void a_head_that_repeats_the_embedding_fits(void **state)
{
    fixture *f = *state;
    f->specs[f->count] = *find(f, "model.embed_tokens.weight");
    f->specs[f->count++].name = "lm_head.weight";
    assert_int_equal(check(f, "head", 0), STRAIT_OK);
}

static void another_head_is_refused(void **state)
{
    fixture *f = *state;
    f->specs[f->count] = *find(f, "model.embed_tokens.weight");
    f->specs[f->count].bytes = values + 1;
    f->specs[f->count++].name = "lm_head.weight";
    refused(f, "other", 0, "other/model.safetensors: lm_head.weight differs from model.embed_tokens.weight");
}

static void a_head_of_another_shape_is_refused(void **state)
{
    fixture *f = *state;
    f->specs[f->count] = *find(f, "model.embed_tokens.weight");
    f->specs[f->count].shape.dims[0] = 4;
    f->specs[f->count].shape.dims[1] = 8;
    f->specs[f->count++].name = "lm_head.weight";
    refused(f, "turned", 0, "turned/model.safetensors: lm_head.weight differs from model.embed_tokens.weight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_config_asks_for_fits, begin, end),
        cmocka_unit_test_setup_teardown(codes_and_factors_are_values, begin, end),
        cmocka_unit_test_setup_teardown(factors_that_do_not_fit_are_named, begin, end),
        cmocka_unit_test(each_block_has_its_own_factor),
        cmocka_unit_test_setup_teardown(a_missing_tensor_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_tensor_missing_from_shards_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_shape_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_shape_in_a_shard_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_dtype_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_foreign_tensor_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_head_that_repeats_the_embedding_fits, begin, end),
        cmocka_unit_test_setup_teardown(another_head_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_head_of_another_shape_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, folder_enter, folder_leave);
}
