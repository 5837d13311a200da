/* A model directory against the parameters that its config.json asks for: what fits, and how what does not is named. */
#define _POSIX_C_SOURCE 200809L

#include "folder.h"
#include "small_model.h"

#include "model/model.h"
#include "train/weights.h"

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
