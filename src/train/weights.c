/* Parameters between files and flat buffers. Knows no device. */
#include "train/weights.h"

#include "train/weights_f8.h"

#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

static float f32_from_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 31u;
    uint32_t fraction = half & 0x3ffu;
    uint32_t bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent != 0) {
        bits = sign | (exponent + 112u) << 23 | fraction << 13;
    } else {
        float value = (float)fraction * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* Elements [first, first + count). */
static void widen(const strait_tensor_view *view, int64_t first, int64_t count, float *to)
{
    const unsigned char *bytes = (const unsigned char *)view->bytes + first * (int64_t)strait_dtype_size(view->dtype);
    for (int64_t i = 0; i < count; i++) {
        if (view->dtype == STRAIT_DTYPE_F32) {
            memcpy(&to[i], bytes + 4 * i, 4);
        } else {
            uint16_t half;
            memcpy(&half, bytes + 2 * i, 2);
            to[i] = view->dtype == STRAIT_DTYPE_BF16 ? strait_f32_from_bf16(half) : f32_from_f16(half);
        }
    }
}

strait_status strait_view_read(const strait_tensor_view *view, int64_t first, int64_t count, float *out)
{
    if (first < 0 || count < 0 || first > view->count - count) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "%s: %lld elements from %lld on", view->name, (long long)count,
                           (long long)first);
    }
    widen(view, first, count, out);
    return STRAIT_OK;
}

strait_status strait_weight_read(const strait_model_dir *model, const strait_tensor_view *view, int64_t first,
                                 int64_t count, float *out)
{
    if (view->dtype != STRAIT_DTYPE_F8_E4M3) return strait_view_read(view, first, count, out);
    return strait__f8_read(view, strait__f8_scale(model, view), first, count, out);
}

/* What a model directory does not give as its config.json asks for. */
typedef struct findings {
    const strait_model_dir *model;
    strait_buffer lines;
    int count;
} findings;

/* One more line, "file: tensor ...", of `view` or of what is missing; the first few are enough to act on. */
static strait_status report(findings *found, const strait_tensor_view *view, const char *format, const char *name,
                            const char *detail)
{
    if (found->count++ >= 12) return STRAIT_OK;
    STRAIT_TRY(strait_buffer_printf(&found->lines, "\n  %s/%s: ", strait_model_dir_path(found->model),
                                    strait_model_dir_file(found->model, view)));
    return strait_buffer_printf(&found->lines, format, name, detail);
}

static strait_status check_view(const strait_param *param, const strait_tensor_view *view, findings *found)
{
    if (!view) return report(found, NULL, "%s is missing%s", param->name, "");
    if (view->dtype == STRAIT_DTYPE_F8_E4M3) {
        char complaint[128];
        strait__f8_complaint(view, strait__f8_scale(found->model, view), complaint);
        if (complaint[0]) return report(found, view, "%s %s", param->name, complaint);
    } else if (view->dtype != STRAIT_DTYPE_F32 && view->dtype != STRAIT_DTYPE_BF16 && view->dtype != STRAIT_DTYPE_F16) {
        return report(found, view, "%s has dtype %s; f32, bf16, f16 and f8_e4m3 can be read", param->name,
                      strait_dtype_name(view->dtype));
    }
    bool same = view->shape.rank == param->rank;
    for (int i = 0; same && i < param->rank; i++) same = view->shape.dims[i] == param->shape[i];
    if (same) return STRAIT_OK;
    char text[STRAIT_SHAPE_TEXT + 64];
    char have[STRAIT_SHAPE_TEXT];
    strait_shape_format(&view->shape, have);
    if (param->rank == 2) {
        snprintf(text, sizeof text, "%s, config.json makes it [%lld, %lld]", have, (long long)param->shape[0],
                 (long long)param->shape[1]);
    } else {
        snprintf(text, sizeof text, "%s, config.json makes it [%lld]", have, (long long)param->shape[0]);
    }
    return report(found, view, "%s has shape %s", param->name, text);
}

/* A module for multi-token prediction has copies of the embedding and the head: where it is trained, they must be that.
 */
static strait_status check_copy(const strait_tensor_view *view, int layer, const strait_params *params, findings *found)
{
    static const char *const endings[] = {"embed_tokens.weight", "shared_head.head.weight"};
    static const char *const originals[] = {"model.embed_tokens.weight", "lm_head.weight"};
    const strait_model_config *config = strait_model_dir_config(found->model);
    char name[128];
    snprintf(name, sizeof name, "model.layers.%d.eh_proj.weight", (int)config->num_hidden_layers);
    if (!strait_params_find(params, name)) return STRAIT_OK;
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "model.layers.%d.%s", layer, endings[i]);
        if (strcmp(view->name, name) != 0) continue;
        const char *original = config->tie_word_embeddings ? originals[0] : originals[i];
        const strait_tensor_view *main = strait_model_dir_find(found->model, original);
        if (!main || (main->dtype == view->dtype && strait_shape_equal(&main->shape, &view->shape) &&
                      memcmp(main->bytes, view->bytes, (size_t)view->size) == 0)) {
            return STRAIT_OK;
        }
        return report(found, view, "%s differs from %s, which multi-token prediction shares", view->name, original);
    }
    return STRAIT_OK;
}

/* A tensor that the model does not use: fine only for a tied head that equals the embedding. */
static strait_status check_unused(const strait_tensor_view *view, const strait_params *params, findings *found)
{
    if (strcmp(view->name, "lm_head.weight") == 0) {
        const strait_tensor_view *table = strait_model_dir_find(found->model, "model.embed_tokens.weight");
        if (table && table->dtype == view->dtype && strait_shape_equal(&table->shape, &view->shape) &&
            memcmp(table->bytes, view->bytes, (size_t)view->size) == 0) {
            return STRAIT_OK;
        }
        return report(found, view, "%s differs from model.embed_tokens.weight, but tie_word_embeddings is true%s",
                      view->name, "");
    }
    if (strait__f8_is_scale(found->model, view)) return STRAIT_OK;
    /* Multi-token prediction in the releases of ERNIE and DeepSeek, which transformers leaves out too. */
    if (strncmp(view->name, "model.mtp_", 10) == 0 &&
        strait_model_dir_config(found->model)->family == STRAIT_FAMILY_ERNIE4_5_MOE) {
        return STRAIT_OK;
    }
    int layer;
    const strait_model_config *config = strait_model_dir_config(found->model);
    if (config->family == STRAIT_FAMILY_DEEPSEEK_V3 && sscanf(view->name, "model.layers.%d.", &layer) == 1 &&
        layer >= config->num_hidden_layers) {
        return check_copy(view, layer, params, found);
    }
    return report(found, view, "%s does not belong to this architecture%s", view->name, "");
}

strait_status strait_weights_check(const strait_model_dir *model, const strait_params *params)
{
    findings found = {.model = model};
    strait_status status = STRAIT_OK;
    for (int32_t p = 0; p < params->count && status == STRAIT_OK; p++) {
        status = check_view(&params->items[p], strait_model_dir_find(model, params->items[p].name), &found);
    }
    for (size_t i = 0; i < strait_model_dir_count(model) && status == STRAIT_OK; i++) {
        const strait_tensor_view *view = strait_model_dir_get(model, i);
        if (!strait_params_find(params, view->name)) status = check_unused(view, params, &found);
    }
    if (status == STRAIT_OK && found.count > 0) {
        status = STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %d of its tensors do not fit its config.json:%s",
                             strait_model_dir_path(model), found.count, found.lines.bytes);
    }
    strait_buffer_fini(&found.lines);
    return status;
}

/* Elements that are held at a time: no parameter is in host memory twice, and threads still have tasks enough. */
enum { PART = 1 << 20 };

/* Where the values of one parameter come from: one of a new model, else those of `view`. */
typedef struct value_source {
    const strait_tensor_view *view;
    const strait_model_dir *model; /* of a view that may be F8_E4M3, else NULL */
    int32_t place;
    uint32_t seed;
    double range;
    strait_pool *pool;
} value_source;

static strait_status write_parts(const strait_param *param, const value_source *from, float *values,
                                 strait_flat_write_fn write, void *context)
{
    for (int64_t at = 0; at < param->elements; at += PART) {
        int64_t count = param->elements - at < PART ? param->elements - at : PART;
        if (from->model) {
            STRAIT_TRY(strait_weight_read(from->model, from->view, at, count, values));
        } else if (from->view) {
            STRAIT_TRY(strait_view_read(from->view, at, count, values));
        } else {
            strait_param_initialise(param, from->place, from->seed, from->range, at, count, from->pool, values);
        }
        STRAIT_TRY(write(context, param->offset + at, count, values));
    }
    return STRAIT_OK;
}

strait_status strait_weights_load(const strait_model_dir *model, const strait_params *params,
                                  strait_flat_write_fn write, void *context)
{
    float *values;
    STRAIT_TRY(strait_weights_check(model, params));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, PART, sizeof *values, &values));
    strait_status status = STRAIT_OK;
    for (int32_t p = 0; p < params->count && status == STRAIT_OK; p++) {
        value_source from = {.model = model, .view = strait_model_dir_find(model, params->items[p].name)};
        status = write_parts(&params->items[p], &from, values, write, context);
    }
    strait_free(values);
    return status;
}

strait_status strait_weights_load_states(const strait_safetensors *file, const strait_params *params,
                                         const char *prefix, strait_dtype dtype, bool buffers,
                                         strait_flat_write_fn write, void *context)
{
    float *values;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, PART, sizeof *values, &values));
    strait_status status = STRAIT_OK;
    for (int32_t p = 0; p < params->count && status == STRAIT_OK; p++) {
        const strait_param *param = &params->items[p];
        if (param->buffer && !buffers) continue;
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, param->name);
        value_source from = {.view = strait_safetensors_find(file, name)};
        if (!from.view) {
            status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s is missing", strait_safetensors_path(file), name);
        } else if (from.view->dtype != dtype || from.view->count != param->elements) {
            status =
                STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s is %lld elements of %s, the run has %lld of %s",
                            strait_safetensors_path(file), name, (long long)from.view->count,
                            strait_dtype_name(from.view->dtype), (long long)param->elements, strait_dtype_name(dtype));
        }
        if (status != STRAIT_OK) break;
        status = write_parts(param, &from, values, write, context);
    }
    strait_free(values);
    return status;
}

strait_status strait_weights_initialise(const strait_params *params, uint32_t seed, double range, int threads,
                                        strait_flat_write_fn write, void *context)
{
    value_source from = {.seed = seed, .range = range};
    float *values;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, PART, sizeof *values, &values));
    strait_status status = strait_pool_create(threads, &from.pool);
    for (from.place = 0; from.place < params->count && status == STRAIT_OK; from.place++) {
        status = write_parts(&params->items[from.place], &from, values, write, context);
    }
    strait_pool_destroy(from.pool);
    strait_free(values);
    return status;
}

/* ---- writing ---- */

/* What a spec's reader needs to read and narrow on the way. */
typedef struct weight_source {
    strait_flat_read_fn read;
    void *context;
    int64_t first; /* element of the flat buffer */
    strait_dtype dtype;
} weight_source;

enum { PIECE = 4096 }; /* elements at a time */

/* The writer asks for any range of bytes; it may begin or end inside an element. */
static strait_status read_source(void *context, int64_t offset, size_t length, void *out)
{
    const weight_source *source = context;
    int64_t size = (int64_t)strait_dtype_size(source->dtype);
    unsigned char *to = out;
    int64_t end = offset + (int64_t)length;
    while (offset < end) {
        float values[PIECE];
        uint16_t narrow[PIECE];
        int64_t element = offset / size;
        int64_t count = (end + size - 1) / size - element;
        if (count > PIECE) count = PIECE;
        STRAIT_TRY(source->read(source->context, source->first + element, count, values));
        for (int64_t i = 0; i < count && size == 2; i++) narrow[i] = strait_bf16_from_f32(values[i]);
        int64_t skip = offset - element * size;
        int64_t bytes = count * size - skip < end - offset ? count * size - skip : end - offset;
        memcpy(to, (const char *)(size == 2 ? (const void *)narrow : (const void *)values) + skip, (size_t)bytes);
        to += bytes;
        offset += bytes;
    }
    return STRAIT_OK;
}

strait_status strait_flat_read(void *context, int64_t offset, int64_t count, float *out)
{
    memcpy(out, (const float *)context + offset, (size_t)count * sizeof *out);
    return STRAIT_OK;
}

enum { NAME_BYTES = 128 };

/* The arrays may have moved. */
static void point_specs(strait_weight_specs *specs)
{
    weight_source *sources = specs->sources;
    for (size_t i = 0; i < specs->count; i++) {
        specs->items[i].name = specs->names + i * NAME_BYTES;
        specs->items[i].context = &sources[i];
    }
}

strait_status strait_weight_specs_add(strait_weight_specs *specs, const strait_params *params, strait_flat_read_fn read,
                                      void *context, strait_dtype dtype, bool buffers, const char *prefix)
{
    size_t total = specs->count + (size_t)params->count;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, total, sizeof *specs->items, &specs->items));
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, total, sizeof(weight_source), &specs->sources));
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, total, NAME_BYTES, &specs->names));
    weight_source *sources = specs->sources;
    size_t at = specs->count;
    for (int32_t p = 0; p < params->count; p++) {
        const strait_param *param = &params->items[p];
        if (param->buffer && !buffers) continue;
        strait_dtype own = param->wide && buffers ? STRAIT_DTYPE_F32 : dtype;
        snprintf(specs->names + at * NAME_BYTES, NAME_BYTES, "%s%s", prefix, param->name);
        sources[at] = (weight_source){.read = read, .context = context, .first = param->offset, .dtype = own};
        specs->items[at] = (strait_tensor_spec){.dtype = own, .read = read_source};
        specs->items[at].shape.rank = param->rank;
        for (int i = 0; i < param->rank; i++) specs->items[at].shape.dims[i] = param->shape[i];
        at++;
    }
    specs->count = at;
    point_specs(specs);
    return STRAIT_OK;
}

strait_status strait_weight_specs_copy(strait_weight_specs *specs, const char *name, const char *as)
{
    size_t total = specs->count + 1;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, total, sizeof *specs->items, &specs->items));
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, total, sizeof(weight_source), &specs->sources));
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, total, NAME_BYTES, &specs->names));
    point_specs(specs);
    weight_source *sources = specs->sources;
    size_t from = 0;
    while (from < specs->count && strcmp(specs->items[from].name, name) != 0) from++;
    if (from == specs->count) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "no tensor %s to write as %s", name, as);
    snprintf(specs->names + specs->count * NAME_BYTES, NAME_BYTES, "%s", as);
    sources[specs->count] = sources[from];
    specs->items[specs->count++] = specs->items[from];
    point_specs(specs);
    return STRAIT_OK;
}

void strait_weight_specs_fini(strait_weight_specs *specs)
{
    strait_free(specs->items);
    strait_free(specs->sources);
    strait_free(specs->names);
    *specs = (strait_weight_specs){0};
}
