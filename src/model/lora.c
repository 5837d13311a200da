/* Adapters beside a model's matrices, once their modules are found (lora_targets.c). */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

strait_status strait_lora_check_training(const strait_lora *lora, const char *name)
{
    for (int32_t i = 0; lora->dropout > 0 && i < lora->count; i++) {
        if (!strstr(lora->modules[i].name, ".mlp.experts.")) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: dropout %g before the adapter of %s: adapters of experts are trained without dropout; "
                           "set it to 0, or leave the experts out",
                           name, lora->dropout, lora->modules[i].name);
    }
    return STRAIT_OK;
}

void strait_lora_fini(strait_lora *lora)
{
    strait_free(lora->modules);
    strait_params_fini(&lora->params);
    *lora = (strait_lora){0};
}

static int by_name(const void *key, const void *module)
{
    return strcmp(key, ((const strait_lora_module *)module)->name);
}

const strait_lora_module *strait_lora_find(const strait_lora *lora, const char *module)
{
    if (!lora || lora->count == 0) return NULL;
    return bsearch(module, lora->modules, (size_t)lora->count, sizeof *lora->modules, by_name);
}

double strait_lora_flops(const strait_lora *lora, double expert_share)
{
    double flops = 0;
    for (int32_t p = 0; p < lora->params.count; p++) {
        bool expert = strstr(lora->params.items[p].name, ".mlp.experts.") != NULL;
        flops += 2 * (double)lora->params.items[p].elements * (expert ? expert_share : 1);
    }
    return flops;
}
