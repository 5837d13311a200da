/* A run that trains adapters: which, and the weights that they stand beside. */
#define _XOPEN_SOURCE 700
#include "train/run.h"
#include "train/weights.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static strait_status add_patterns(const strait_config_strings *from, strait_lora_patterns *to)
{
    for (int64_t i = 0; i < from->count; i++) {
        char *pattern;
        STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, from->items[i], &pattern));
        char *equals = strrchr(pattern, '='); /* there is one: config_rules.c */
        *equals = '\0';
        strait_status status = strait_lora_patterns_add(to, pattern, strtod(equals + 1, NULL));
        strait_free(pattern);
        STRAIT_TRY(status);
    }
    return STRAIT_OK;
}

/* Where the base lies, from anywhere: adapters may be opened from another folder. */
static strait_status absolute(const char *path, char **out)
{
    char *real = realpath(path, NULL);
    if (!real) {
        int error = errno;
        return STRAIT_FAIL(strait__status_from_errno(error), "%s: %s", path, strerror(error));
    }
    strait_status status = strait_strdup(STRAIT_TAG_OTHER, real, out);
    free(real);
    return status;
}

static strait_status convert(const strait_run *run, strait_lora_config *out)
{
    const strait_run_config *c = &run->config;
    const strait_config_strings *targets = &c->lora.targets;
    out->rank = c->lora.rank;
    out->alpha = c->lora.alpha >= 0 ? c->lora.alpha : (double)c->lora.rank;
    out->rslora = c->lora.rslora;
    out->dropout = c->lora.dropout;
    bool all = targets->count == 1 && strcmp(targets->items[0], STRAIT_LORA_ALL) == 0;
    const char *regex = c->lora.target_regex ? c->lora.target_regex : all ? STRAIT_LORA_ALL : NULL;
    if (regex) STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, regex, &out->regex));
    for (int64_t i = 0; !regex && i < targets->count; i++) {
        STRAIT_TRY(strait_lora_config_add_target(out, targets->items[i]));
    }
    STRAIT_TRY(add_patterns(&c->lora.rank_pattern, &out->ranks));
    STRAIT_TRY(add_patterns(&c->lora.alpha_pattern, &out->alphas));
    return absolute(strait_model_dir_path(run->from), &out->base);
}

/* What all-linear was, by the last part of each module's name: readers differ in what they take it for. */
static strait_status name_targets(strait_run *run)
{
    strait_lora_config *config = &run->lora_config;
    if (!config->regex || strcmp(config->regex, STRAIT_LORA_ALL) != 0) return STRAIT_OK;
    strait_free(config->regex);
    config->regex = NULL;
    for (int32_t i = 0; i < run->lora.count; i++) {
        const char *last = strrchr(run->lora.modules[i].name, '.') + 1;
        bool known = false;
        for (int64_t j = 0; j < config->target_count && !known; j++) known = strcmp(config->targets[j], last) == 0;
        if (!known) STRAIT_TRY(strait_lora_config_add_target(config, last));
    }
    return STRAIT_OK;
}

strait_status run__lora_decide(strait_run *run)
{
    if (run->config.lora.rank == 0) return STRAIT_OK;
    STRAIT_TRY(convert(run, &run->lora_config));
    STRAIT_TRY(strait_lora_create(&run->lora_config, &run->model, run->options->config, &run->lora));
    STRAIT_TRY(strait_lora_check_training(&run->lora, run->options->config));
    return name_targets(run);
}

strait_status run__lora_base(strait_run *run)
{
    if (run->lora.count == 0) return STRAIT_OK;
    STRAIT_TRY(strait_model_dir_hash(run->from, run->base_hash));
    return strait_weights_load(run->from, strait_engine_base(run->engine), strait_engine_write_base, run->engine);
}

strait_status run__lora_check(const strait_run *run, const json_t *trainer)
{
    if (run->lora.count == 0) return STRAIT_OK;
    const char *was = json_string_value(json_object_get(json_object_get(trainer, "base"), "parameters_sha256"));
    if (was && strcmp(was, run->base_hash) == 0) return STRAIT_OK;
    return STRAIT_FAIL(
        STRAIT_ERR_USAGE,
        "%s: these are not the weights that the run's adapters were trained beside (their hash is %.16s..., "
        "the checkpoint says %.16s...): put the old ones back, or begin a new run",
        run->config.model.from, run->base_hash, was ? was : "nothing");
}

void run__lora_warn(strait_run *run)
{
    if (strait_model_config_first_sparse(&run->model) < 0) return;
    for (int32_t i = 0; i < run->lora.count; i++) {
        const char *name = run->lora.modules[i].name;
        const char *mlp = strstr(name, ".mlp.");
        if (!mlp || strncmp(mlp, ".mlp.experts.", 13) == 0 || strcmp(mlp, ".mlp.gate") == 0) continue;
        run__log(
            run, STRAIT_LOG_WARN,
            "PEFT with transformers 5 leaves out adapters of dense and shared MLPs where other layers have experts "
            "(%s is one), without a word: use them here or with transformers 4.57, or merge them (strait merge)",
            name);
        return;
    }
}
