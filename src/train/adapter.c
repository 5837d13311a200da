/* Reading adapters. Writing them is a matter of checkpoints (run_checkpoint.c). */
#include "train/adapter.h"

#include "base/file.h"
#include "ckpt/checkpoint.h"
#include "model/model.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "base_model.model."
#define EXPERTS ".mlp.experts."

struct strait_adapter {
    char *path; /* owned */
    strait_lora_config config;
    strait_lora lora;
    strait_safetensors *file; /* owned */
    int64_t experts;          /* of the base */
};

/* ---- adapters of fused experts ---- */

/*
 * PEFT's form for experts that are one tensor: A is [experts x rank, in], B [out, rank x experts], experts first in A
 * and last in B, gate and up are one with gate's rows first. Both wrap one module, so one is called base_layer.
 */
typedef struct fused {
    const strait_tensor_view *a;
    const strait_tensor_view *b;
    int64_t first; /* row of B */
    int64_t expert;
} fused;

/* "...mlp.experts.3.up_proj.lora_B.weight" in its parts; false for what is not of an expert. */
static bool split_name(const char *name, int *out_before, int64_t *out_expert, char module[32], char *out_which)
{
    int expert;
    const char *word = strstr(name, EXPERTS);
    if (!word || sscanf(word, EXPERTS "%d.%31[a-z_].lora_%c", &expert, module, out_which) != 3) return false;
    *out_before = (int)(word - name) + (int)strlen(EXPERTS) - 1;
    *out_expert = expert;
    return true;
}

static const strait_lora_module *module_of(const strait_adapter *adapter, const strait_param *param)
{
    char name[96];
    const char *end = strstr(param->name, ".lora_");
    snprintf(name, sizeof name, "%.*s", (int)(end - param->name - (int)strlen(PREFIX)), param->name + strlen(PREFIX));
    return strait_lora_find(&adapter->lora, name);
}

/* The shape of this view as [rows, columns]. */
static bool is_matrix(const strait_tensor_view *view, int64_t rows, int64_t columns)
{
    return view && view->shape.rank == 2 && view->shape.dims[0] == rows && view->shape.dims[1] == columns;
}

static bool find_fused(const strait_adapter *adapter, const strait_param *param, fused *out)
{
    static const char *const wrappers[] = {"", ".base_layer"};
    char module[32];
    char name[128];
    char which;
    int before;
    if (!adapter->config.fused || !split_name(param->name, &before, &out->expert, module, &which)) return false;
    int64_t rank = module_of(adapter, param)->rank;
    bool down = strcmp(module, "down_proj") == 0;
    out->first = 0;
    snprintf(name, sizeof name, "%.*s.%d.%s.lora_A.weight", before, param->name, (int)out->expert, module);
    int64_t in = strait_params_find(&adapter->lora.params, name)->columns;
    snprintf(name, sizeof name, "%.*s.%d.%s.lora_B.weight", before, param->name, (int)out->expert, module);
    int64_t rows = strait_params_find(&adapter->lora.params, name)->rows;
    if (strcmp(module, "up_proj") == 0) out->first = rows;
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
        snprintf(name, sizeof name, "%.*s%s.lora_A.weight", before, param->name, wrappers[i]);
        out->a = strait_safetensors_find(adapter->file, name);
        snprintf(name, sizeof name, "%.*s%s.lora_B.weight", before, param->name, wrappers[i]);
        out->b = strait_safetensors_find(adapter->file, name);
        /* Of an expert's three matrices none has the shape of gate and up together, so shapes tell them apart. */
        if (is_matrix(out->a, adapter->experts * rank, in) &&
            is_matrix(out->b, down ? rows : 2 * rows, adapter->experts * rank)) {
            return true;
        }
    }
    return false;
}

static strait_status load_fused(const strait_adapter *adapter, const strait_param *param, const fused *from,
                                float *values)
{
    if (strstr(param->name, ".lora_A.")) {
        return strait_view_read(from->a, from->expert * param->elements, param->elements, values);
    }
    int64_t width = param->columns * adapter->experts;
    for (int64_t row = 0; row < param->rows; row++) {
        for (int64_t r = 0; r < param->columns; r++) {
            int64_t at = (from->first + row) * width + r * adapter->experts + from->expert;
            STRAIT_TRY(strait_view_read(from->b, at, 1, &values[row * param->columns + r]));
        }
    }
    return STRAIT_OK;
}

/* ---- opening ---- */

/* Says no more than the first few; *inout_count counts all. */
static strait_status report(strait_buffer *lines, int *inout_count, const char *name, const char *what)
{
    if ((*inout_count)++ >= 12) return STRAIT_OK;
    return strait_buffer_printf(lines, "\n  %s %s", name, what);
}

static strait_status check_param(const strait_adapter *adapter, const strait_param *param, strait_buffer *lines,
                                 int *inout_count)
{
    fused found;
    char what[STRAIT_SHAPE_TEXT + 96];
    char have[STRAIT_SHAPE_TEXT];
    const strait_tensor_view *view = strait_safetensors_find(adapter->file, param->name);
    if (!view) {
        if (find_fused(adapter, param, &found)) return STRAIT_OK;
        return report(lines, inout_count, param->name, "is missing");
    }
    if (view->dtype != STRAIT_DTYPE_F32 && view->dtype != STRAIT_DTYPE_BF16 && view->dtype != STRAIT_DTYPE_F16) {
        snprintf(what, sizeof what, "has dtype %s; f32, bf16 and f16 can be read", strait_dtype_name(view->dtype));
        return report(lines, inout_count, param->name, what);
    }
    if (is_matrix(view, param->rows, param->columns)) return STRAIT_OK;
    strait_shape_format(&view->shape, have);
    snprintf(what, sizeof what, "has shape %s; rank and base make it [%lld, %lld]", have, (long long)param->rows,
             (long long)param->columns);
    return report(lines, inout_count, param->name, what);
}

/* Whether a tensor belongs to a module of the base: one that was overlooked would be left out silently. */
static bool is_known(const strait_adapter *adapter, const strait_tensor_view *view)
{
    if (strait_params_find(&adapter->lora.params, view->name)) return true;
    for (int32_t p = 0; adapter->config.fused && p < adapter->lora.params.count; p++) {
        fused found;
        /* All experts of a layer lie in the tensors where its first one does. */
        if (!strstr(adapter->lora.params.items[p].name, EXPERTS "0.")) continue;
        if (!find_fused(adapter, &adapter->lora.params.items[p], &found)) continue;
        if (found.a == view || found.b == view) return true;
    }
    return false;
}

static strait_status check(const strait_adapter *adapter, const strait_model_dir *base)
{
    strait_buffer lines = {0};
    int count = 0;
    strait_status status = STRAIT_OK;
    for (int32_t p = 0; p < adapter->lora.params.count && status == STRAIT_OK; p++) {
        status = check_param(adapter, &adapter->lora.params.items[p], &lines, &count);
    }
    for (size_t i = 0; i < strait_safetensors_count(adapter->file) && status == STRAIT_OK; i++) {
        const strait_tensor_view *view = strait_safetensors_get(adapter->file, i);
        if (is_known(adapter, view)) continue;
        status = report(&lines, &count, view->name, "belongs to no adapted module of the base");
    }
    if (status == STRAIT_OK && count > 0) {
        status = STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %d of its tensors do not fit %s:%s",
                             strait_safetensors_path(adapter->file), count, strait_model_dir_path(base), lines.bytes);
    }
    strait_buffer_fini(&lines);
    return status;
}

static strait_status open_into(strait_adapter *adapter, const char *path, const strait_model_dir *base)
{
    const strait_model_config *model = strait_model_dir_config(base);
    char *file = NULL;
    adapter->experts = model->num_experts;
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, path, &adapter->path));
    strait_status status = strait_path_join(path, "adapter_config.json", &file);
    if (status == STRAIT_OK) status = strait_lora_config_read(file, &adapter->config);
    if (status == STRAIT_OK) status = strait_lora_create(&adapter->config, model, file, &adapter->lora);
    strait_free(file);
    STRAIT_TRY(status);
    STRAIT_TRY(strait_path_join(path, "adapter_model.safetensors", &file));
    status = strait_safetensors_open(file, &adapter->file);
    strait_free(file);
    STRAIT_TRY(status);
    return check(adapter, base);
}

strait_status strait_adapter_open(const char *path, const strait_model_dir *base, strait_adapter **out)
{
    strait_adapter *adapter;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *adapter, &adapter));
    strait_status status = open_into(adapter, path, base);
    if (status != STRAIT_OK) {
        strait_adapter_close(adapter);
        return status;
    }
    *out = adapter;
    return STRAIT_OK;
}

void strait_adapter_close(strait_adapter *adapter)
{
    if (!adapter) return;
    strait_safetensors_close(adapter->file);
    strait_lora_fini(&adapter->lora);
    strait_lora_config_fini(&adapter->config);
    strait_free(adapter->path);
    strait_free(adapter);
}

const char *strait_adapter_path(const strait_adapter *adapter)
{
    return adapter->path;
}

const strait_lora_config *strait_adapter_config(const strait_adapter *adapter)
{
    return &adapter->config;
}

const strait_lora *strait_adapter_lora(const strait_adapter *adapter)
{
    return adapter ? &adapter->lora : NULL;
}

strait_status strait_adapter_load(const strait_adapter *adapter, strait_flat_write_fn write, void *context)
{
    const strait_params *params = &adapter->lora.params;
    int64_t most = 0;
    float *values;
    for (int32_t p = 0; p < params->count; p++) {
        if (params->items[p].elements > most) most = params->items[p].elements;
    }
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)most, sizeof *values, &values));
    strait_status status = STRAIT_OK;
    for (int32_t p = 0; p < params->count && status == STRAIT_OK; p++) {
        const strait_param *param = &params->items[p];
        const strait_tensor_view *view = strait_safetensors_find(adapter->file, param->name);
        fused from;
        if (view) {
            status = strait_view_read(view, 0, param->elements, values);
        } else if (find_fused(adapter, param, &from)) {
            status = load_fused(adapter, param, &from, values);
        }
        if (status == STRAIT_OK) status = write(context, param->offset, param->elements, values);
    }
    strait_free(values);
    return status;
}

/* ---- what a user names ---- */

strait_status strait_adapter_holds(const char *directory, bool *out)
{
    char *file;
    STRAIT_TRY(strait_path_join(directory, "adapter_config.json", &file));
    *out = strait_path_exists(file);
    strait_free(file);
    return STRAIT_OK;
}

/* The model that adapters are for, as their own file says. */
static strait_status base_of(const char *adapters, char **out)
{
    char *file;
    strait_lora_config config;
    STRAIT_TRY(strait_path_join(adapters, "adapter_config.json", &file));
    strait_status status = strait_lora_config_read(file, &config);
    if (status == STRAIT_OK) {
        if (config.base && strait_path_is_directory(config.base)) {
            status = strait_checkpoint_resolve(config.base, out);
        } else {
            status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                                 "%s: base_model_name_or_path (%s) is no directory here: name the model, and these "
                                 "adapters by --adapter",
                                 file, config.base ? config.base : "missing");
        }
        strait_lora_config_fini(&config);
    }
    strait_free(file);
    return status;
}

static strait_status open_parts(strait_named_model *named, const char *model, const char *adapters)
{
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, model, &named->directory));
    STRAIT_TRY(strait_model_dir_open(model, &named->model));
    return adapters ? strait_adapter_open(adapters, named->model, &named->adapter) : STRAIT_OK;
}

static strait_status open_with(strait_named_model *named, const char *path, const char *model, const char *adapter)
{
    bool adapters;
    char *other;
    STRAIT_TRY(strait_adapter_holds(model, &adapters));
    if (!adapters && !adapter) return open_parts(named, model, NULL);
    if (adapters && adapter) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "%s holds adapters itself: name the model that both are for, and merge one "
                           "of them into it first",
                           path);
    }
    STRAIT_TRY(adapters ? base_of(model, &other) : strait_checkpoint_resolve(adapter, &other));
    strait_status status = strait_adapter_holds(other, &adapters);
    if (status == STRAIT_OK && !adapter == adapters) {
        status = STRAIT_FAIL(
            STRAIT_ERR_USAGE,
            adapter ? "%s: holds no adapters (adapter_config.json)" : "%s: holds adapters, not a model", other);
    }
    if (status == STRAIT_OK) status = adapter ? open_parts(named, model, other) : open_parts(named, other, model);
    strait_free(other);
    return status;
}

strait_status strait_named_model_open(strait_named_model *named, const char *path, const char *adapter)
{
    char *model;
    STRAIT_TRY(strait_checkpoint_resolve(path, &model));
    strait_status status = open_with(named, path, model, adapter);
    strait_free(model);
    return status;
}

void strait_named_model_close(strait_named_model *named)
{
    strait_adapter_close(named->adapter);
    strait_model_dir_close(named->model);
    strait_free(named->directory);
    *named = (strait_named_model){0};
}
