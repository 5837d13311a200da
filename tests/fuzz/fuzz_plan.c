/*
 * Fuzzes what a plan is asked with: the first byte says whether the rest is a config.json of a model that Strait may
 * not train, or a sites file. What is accepted has counts that fit, and a memory that is a number.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/flops.h"
#include "plan/footprint.h"
#include "plan/sites.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reckon(const strait_model_shape *shape)
{
    const strait_workload work = {.length = 4096, .sequences = 64};
    strait_split split = {.chunked_logits = true};
    strait_shape_params params = strait_model_shape_params(shape);
    if (params.total < 1 || params.active < 1 || params.active > params.total) abort();
    strait_flops flops = strait_flops_of(shape, work.length);
    if (!(strait_flops_causal(&flops) > 0) || !isfinite(strait_flops_palm(&flops))) abort();
    if (strait_split_finish(&split, shape, &work, 1) != STRAIT_OK) return;
    strait_footprint need = strait_footprint_of(shape, &split, &work);
    if (!(need.total > 0) || !isfinite(need.total)) abort();
}

static void read_shape(const char *text, size_t length)
{
    json_t *json;
    strait_model_shape shape;
    if (strait_json_parse("fuzz", text, length, &json) != STRAIT_OK) return;
    if (strait_model_shape_parse("fuzz", json, &shape) == STRAIT_OK) reckon(&shape);
    json_decref(json);
}

static void read_sites(const char *text, size_t length)
{
    static strait_facts *facts;
    static const strait_facts_options options = {.today = 20780}; /* 2026-11-23 */
    strait_sites sites;
    if (!facts && strait_facts_open(&options, &facts) != STRAIT_OK) abort();
    if (strait_sites_parse("fuzz", text, length, facts, &sites) != STRAIT_OK) return;
    for (int i = 0; i < sites.count; i++) {
        if (!sites.sites[i].name || sites.sites[i].n_pools < 1) abort();
        for (int k = 0; k < sites.sites[i].n_pools; k++) {
            if (!sites.sites[i].pools[k].scene.chip || sites.sites[i].pools[k].count < 1) abort();
        }
    }
    strait_sites_fini(&sites);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    (data[0] == 'S' ? read_sites : read_shape)((const char *)data + 1, size - 1);
    return 0;
}
