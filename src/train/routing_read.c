/* Reading choices of experts. Every number is checked: kernels take ids as they are. */
#include "train/routing.h"

#include "ckpt/safetensors.h"

#include <stdio.h>
#include <string.h>

static int64_t sparse_layers(const strait_model_config *config)
{
    int64_t count = 0;
    for (int64_t i = 0; i < strait_model_config_layers(config); i++) count += strait_model_config_sparse(config, i);
    return count;
}

static strait_status find_layer(const strait_safetensors *file, const strait_model_config *config, int64_t layer,
                                int64_t rows, int64_t length, const strait_tensor_view **out)
{
    const char *path = strait_safetensors_path(file);
    char name[64];
    snprintf(name, sizeof name, "routing.%d", (int)layer);
    const strait_tensor_view *view = strait_safetensors_find(file, name);
    strait_shape want = {.rank = 4, .dims = {1, rows, length, config->num_experts_per_tok}};
    if (view && view->shape.rank == 4) {
        want.dims[0] = view->shape.dims[0];
    } else if (!view) {
        snprintf(name, sizeof name, "router.ids.%d", (int)layer);
        view = strait_safetensors_find(file, name);
        want = (strait_shape){.rank = 3, .dims = {rows, length, config->num_experts_per_tok}};
    }
    if (!view) {
        return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s: has no routing.%d and no router.ids.%d", path, (int)layer,
                           (int)layer);
    }
    if (view->dtype != STRAIT_DTYPE_I32 || !strait_shape_equal(&view->shape, &want) || view->count == 0) {
        return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %s must be I32 [steps, %lld, %lld, %lld], or without steps", path,
                           name, (long long)rows, (long long)length, (long long)config->num_experts_per_tok);
    }
    *out = view;
    return STRAIT_OK;
}

/* Sorts each row and refuses what no router would choose. */
static strait_status take_rows(const char *path, const strait_tensor_view *view, const strait_model_config *config,
                               int32_t *ids)
{
    int64_t k = config->num_experts_per_tok;
    memcpy(ids, view->bytes, (size_t)view->size);
    for (int64_t i = 0; i < view->count; i++) {
        int64_t at = i;
        for (; at % k > 0 && ids[at] < ids[at - 1]; at--) {
            int32_t kept = ids[at];
            ids[at] = ids[at - 1];
            ids[at - 1] = kept;
        }
        bool twice = at % k > 0 && ids[at] == ids[at - 1];
        if (ids[at] >= 0 && ids[at] < config->num_experts && !twice) continue;
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: %s: element %lld is expert %d, %s", path, view->name, (long long)i,
                           ids[at], twice ? "which the token has already" : "which the model does not have");
    }
    return STRAIT_OK;
}

static strait_status read_all(const strait_safetensors *file, const strait_model_config *config, int64_t rows,
                              int64_t length, strait_routing *out)
{
    int64_t per_step = out->tokens * out->top_k;
    for (int64_t layer = 0, sparse = 0; layer < strait_model_config_layers(config); layer++) {
        if (!strait_model_config_sparse(config, layer)) continue;
        const strait_tensor_view *view = NULL;
        STRAIT_TRY(find_layer(file, config, layer, rows, length, &view));
        if (!out->ids) {
            out->steps = view->count / per_step;
            STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)(view->count * sparse_layers(config)), sizeof *out->ids,
                                    &out->ids));
        }
        if (view->count != out->steps * per_step) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %s has another number of steps than those before it",
                               strait_safetensors_path(file), view->name);
        }
        STRAIT_TRY(take_rows(strait_safetensors_path(file), view, config, out->ids + sparse++ * view->count));
    }
    return STRAIT_OK;
}

strait_status strait_routing_read(const char *path, const strait_model_config *config, int64_t rows, int64_t length,
                                  strait_routing *out)
{
    if (sparse_layers(config) == 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: the model has no experts whose choice could be given", path);
    }
    strait_safetensors *file;
    STRAIT_TRY(strait_safetensors_open(path, &file));
    strait_routing routing = {.tokens = rows * length, .top_k = config->num_experts_per_tok};
    strait_status status = read_all(file, config, rows, length, &routing);
    strait_safetensors_close(file);
    if (status != STRAIT_OK) {
        strait_routing_fini(&routing);
        return status;
    }
    *out = routing;
    return STRAIT_OK;
}
