/* Adapters into weights, part by part while the model's files are written: nothing of the model is in memory whole. */
#include <strait/merge.h>

#include "base/file.h"
#include "base/options.h"
#include "model/model.h"
#include "train/adapter.h"
#include "train/names.h"

#include <strait/tokenizer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct merger {
    strait_named_model named;
    strait_params params;          /* of the model */
    const strait_param **by_place; /* owned: the parameters in the order of their places */
    float *adapters;               /* owned: A and B of all modules, at their places */
} merger;

static int compare_places(const void *a, const void *b)
{
    int64_t left = (*(const strait_param *const *)a)->offset;
    int64_t right = (*(const strait_param *const *)b)->offset;
    return (left > right) - (left < right);
}

/* The parameter that has the element `at` of the flat list. */
static const strait_param *param_at(const merger *m, int64_t at)
{
    int32_t low = 0;
    int32_t high = m->params.count - 1;
    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;
        if (m->by_place[middle]->offset <= at) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return m->by_place[low];
}

/* A or B of a module: its values, or NULL without an adapter. */
static const float *matrix_of(const merger *m, const char *module, char which)
{
    char name[128];
    snprintf(name, sizeof name, "base_model.model.%s.lora_%c.weight", module, which);
    return m->adapters + strait_params_find(&strait_adapter_lora(m->named.adapter)->params, name)->offset;
}

/* Adds scale·(B A) to elements [first, first + count) of a weight. */
static void add_adapter(const merger *m, const strait_param *param, int64_t first, int64_t count, float *inout)
{
    char module[96];
    snprintf(module, sizeof module, "%s", param->name);
    char *end = strstr(module, ".weight");
    if (!end) return;
    *end = '\0';
    const strait_lora_module *adapter = strait_lora_find(strait_adapter_lora(m->named.adapter), module);
    if (!adapter) return;
    const float *a = matrix_of(m, module, 'A'); // [rank, columns]
    const float *b = matrix_of(m, module, 'B'); // [rows, rank]
    for (int64_t i = 0; i < count; i++) {
        int64_t row = (first + i) / param->columns;
        int64_t column = (first + i) % param->columns;
        double sum = 0;
        for (int64_t r = 0; r < adapter->rank; r++) {
            sum += (double)b[row * adapter->rank + r] * (double)a[r * param->columns + column];
        }
        inout[i] = (float)((double)inout[i] + (double)adapter->scale * sum);
    }
}

/* A strait_flat_read_fn. What is written as bf16 is rounded from f32 by the caller. */
static strait_status read_merged(void *context, int64_t offset, int64_t count, float *out)
{
    const merger *m = context;
    const strait_param *param = param_at(m, offset);
    const strait_tensor_view *view = strait_model_dir_find(m->named.model, param->name);
    STRAIT_TRY(strait_weight_read(m->named.model, view, offset - param->offset, count, out));
    add_adapter(m, param, offset - param->offset, count, out);
    return STRAIT_OK;
}

static strait_status keep_adapters(void *context, int64_t offset, int64_t count, const float *values)
{
    memcpy((float *)context + offset, values, (size_t)count * sizeof *values);
    return STRAIT_OK;
}

static strait_status prepare(merger *m)
{
    const strait_model_config *config = strait_model_dir_config(m->named.model);
    int64_t padded = strait_adapter_lora(m->named.adapter)->params.padded;
    STRAIT_TRY(strait_architecture_of(config)->params(config, &m->params));
    STRAIT_TRY(strait_params_finish(&m->params));
    STRAIT_TRY(strait_weights_check(m->named.model, &m->params));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)m->params.count, sizeof(strait_param *), &m->by_place));
    for (int32_t p = 0; p < m->params.count; p++) m->by_place[p] = &m->params.items[p];
    qsort(m->by_place, (size_t)m->params.count, sizeof(strait_param *), compare_places);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_WEIGHTS, (size_t)padded, sizeof *m->adapters, &m->adapters));
    return strait_adapter_load(m->named.adapter, keep_adapters, m->adapters);
}

static strait_status merge(merger *m, const strait_merge_options *o)
{
    STRAIT_TRY(strait_named_model_open(&m->named, o->model, o->adapter));
    if (!m->named.adapter) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s is a model without adapters: name them by --adapter", o->model);
    }
    strait_model_config config = *strait_model_dir_config(m->named.model);
    if (o->dtype) STRAIT_TRY(strait_parse_dtype(o->dtype, &config.dtype));
    STRAIT_TRY(prepare(m));
    char *tokenizer;
    STRAIT_TRY(strait_tokenizer_path(m->named.directory, &tokenizer));
    bool has_tokenizer = strait_path_exists(tokenizer);
    strait_free(tokenizer);
    strait_weight_specs specs = {0};
    strait_status status = strait_weight_specs_add(&specs, &m->params, read_merged, m, config.dtype, true, "");
    if (status == STRAIT_OK) {
        strait_model_write write = {.config = &config,
                                    .tensors = specs.items,
                                    .count = specs.count,
                                    .tokenizer = has_tokenizer ? m->named.directory : NULL,
                                    .generation = strait_model_dir_generation(m->named.model)};
        status = strait_model_dir_write(o->out, &write, NULL);
    }
    strait_weight_specs_fini(&specs);
    return status;
}

strait_status strait_merge(const strait_merge_options *options)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_merge_options"));
    if (!options->model || !options->out) return STRAIT_FAIL(STRAIT_ERR_USAGE, "merging needs a model and --out");
    merger m = {0};
    strait_status status = merge(&m, options);
    strait_named_model_close(&m.named);
    strait_params_fini(&m.params);
    strait_free(m.by_place);
    strait_free(m.adapters);
    return status;
}
