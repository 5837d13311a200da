/* From what a config names to the modules of a model and the parameters of their adapters. */
#include "model/model.h"

#include "token/regex.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT ".weight"

/* Whether `module` is called `target`, or ends in "." and that. */
static bool is_called(const char *module, const char *target)
{
    size_t length = strlen(module);
    size_t end = strlen(target);
    if (length < end || strcmp(module + length - end, target) != 0) return false;
    return length == end || module[length - end - 1] == '.';
}

/*
 * The name of the module whose weight this is, if adapters can stand beside it: a matrix of a layer. DeepSeek's routers
 * are none to PEFT and transformers: no linear module.
 */
static bool module_of(const strait_model_config *model, const strait_param *param, char name[96])
{
    size_t length = strlen(param->name);
    size_t end = strlen(WEIGHT);
    if (param->rank != 2 || param->buffer || length <= end || strcmp(param->name + length - end, WEIGHT) != 0) {
        return false;
    }
    if (strncmp(param->name, "model.layers.", 13) != 0) return false;
    snprintf(name, 96, "%.*s", (int)(length - end), param->name);
    return model->family != STRAIT_FAMILY_DEEPSEEK_V3 || !is_called(name, "mlp.gate");
}

/* An expression for all of a name, or with `tail` for what follows a dot in it. */
static strait_status compile(const char *pattern, bool tail, strait__regex **out)
{
    strait_buffer whole = {0};
    strait_status status = strait_buffer_printf(&whole, "^%s(?:%s)$", tail ? "(?:.*\\.)?" : "", pattern);
    if (status == STRAIT_OK) status = strait__regex_create(whole.bytes, whole.length, false, out);
    strait_buffer_fini(&whole);
    return status;
}

/* Patterns, compiled once: a model of many experts has tens of thousands of names. */
typedef struct compiled {
    const strait_lora_patterns *patterns;
    strait__regex **items; /* owned */
} compiled;

static strait_status compile_all(const strait_lora_patterns *patterns, compiled *out)
{
    out->patterns = patterns;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)patterns->count + 1, sizeof(strait__regex *), &out->items));
    for (int64_t i = 0; i < patterns->count; i++) {
        STRAIT_TRY(compile(patterns->items[i].pattern, true, &out->items[i]));
    }
    return STRAIT_OK;
}

static void compiled_fini(compiled *list)
{
    for (int64_t i = 0; list->items && i < list->patterns->count; i++) strait__regex_destroy(list->items[i]);
    strait_free(list->items);
}

/* The experts' part of a name: its length up to and with ".experts.", and what follows the number; false without. */
static bool split_expert(const char *name, size_t *out_before, const char **out_after)
{
    const char *word = strstr(name, ".mlp.experts.");
    if (!word) return false;
    const char *digit = word + strlen(".mlp.experts.");
    *out_before = (size_t)(digit - name);
    *out_after = digit + strspn(digit, "0123456789");
    return true;
}

/* One config against one base. */
typedef struct search {
    const strait_lora_config *config;
    const strait_model_config *model;
    strait__regex_scratch *scratch;
    strait__regex *regex; /* owned: of the targets, where they are one */
    compiled ranks;
    compiled alphas;
    int64_t *used; /* owned: modules that each target means */
} search;

static strait_status matches(const search *s, const strait__regex *regex, const char *text, bool *out)
{
    size_t begin;
    size_t end;
    return strait__regex_find(regex, s->scratch, text, strlen(text), 0, out, &begin, &end);
}

/* What stands for this module in a list of patterns: the first that matches, else `fallback`. */
static strait_status value_of(const search *s, const compiled *list, const char *module, double fallback, double *out)
{
    *out = fallback;
    for (int64_t i = 0; i < list->patterns->count; i++) {
        bool found;
        STRAIT_TRY(matches(s, list->items[i], module, &found));
        if (!found) continue;
        *out = list->patterns->items[i].value;
        return STRAIT_OK;
    }
    return STRAIT_OK;
}

static strait_status is_target(search *s, const char *module, bool *out)
{
    const strait_lora_config *c = s->config;
    size_t before;
    const char *after;
    *out = false;
    if (c->fused && split_expert(module, &before, &after)) {
        *out = strcmp(after, ".down_proj") == 0 ? c->fused_down : c->fused_gate_up;
        if (*out) return STRAIT_OK;
    }
    if (c->regex && strcmp(c->regex, STRAIT_LORA_ALL) == 0) {
        *out = true;
        return STRAIT_OK;
    }
    if (c->regex) return matches(s, s->regex, module, out);
    for (int64_t i = 0; i < c->target_count; i++) {
        bool called = is_called(module, c->targets[i]);
        s->used[i] += called;
        *out = *out || called;
    }
    return STRAIT_OK;
}

static strait_status add_module(const search *s, const strait_param *param, const char *name, strait_lora *lora)
{
    const strait_lora_config *c = s->config;
    double rank;
    double alpha;
    STRAIT_TRY(value_of(s, &s->ranks, name, (double)c->rank, &rank));
    STRAIT_TRY(value_of(s, &s->alphas, name, c->alpha, &alpha));
    size_t count = (size_t)lora->count;
    /* Doubled: a model of many experts has tens of thousands. */
    if (count == 0 || (count >= 64 && (count & (count - 1)) == 0)) {
        STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, count ? 2 * count : 64, sizeof *lora->modules, &lora->modules));
    }
    strait_lora_module *module = &lora->modules[lora->count++];
    *module = (strait_lora_module){.rank = (int64_t)rank};
    module->scale = (float)(alpha / (c->rslora ? sqrt(rank) : rank));
    snprintf(module->name, sizeof module->name, "%s", name);
    STRAIT_TRY(strait_params_add(&lora->params, module->rank, param->columns, STRAIT_START_UNIFORM,
                                 "base_model.model.%s.lora_A.weight", name));
    return strait_params_add(&lora->params, param->rows, module->rank, STRAIT_START_ZEROS,
                             "base_model.model.%s.lora_B.weight", name);
}

static strait_status find_modules(search *s, const strait_params *base, strait_lora *lora)
{
    for (int32_t p = 0; p < base->count; p++) {
        char name[96];
        bool wanted;
        if (!module_of(s->model, &base->items[p], name)) continue;
        STRAIT_TRY(is_target(s, name, &wanted));
        if (wanted) STRAIT_TRY(add_module(s, &base->items[p], name, lora));
    }
    return STRAIT_OK;
}

/* A target that means nothing is a mistake that would go unnoticed. */
static strait_status check_targets(const search *s, const strait_lora *lora, const char *name)
{
    const strait_lora_config *c = s->config;
    for (int64_t i = 0; i < c->target_count && !c->regex; i++) {
        if (s->used[i] > 0) continue;
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "%s: no matrix of the model's layers is called %s (the embedding, the head and norms get no "
                           "adapters)",
                           name, c->targets[i]);
    }
    if (lora->count > 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: no matrix of the model's layers matches \"%s\"", name,
                       c->regex ? c->regex : "");
}

/* One op multiplies by the matrices of all experts: they have adapters of one kind, or none. */
static strait_status check_experts(const search *s, const strait_lora *lora, const strait_params *base,
                                   const char *name)
{
    for (int32_t p = 0; p < base->count; p++) {
        char module[96];
        char first[128];
        size_t before;
        const char *after;
        if (!module_of(s->model, &base->items[p], module) || !split_expert(module, &before, &after)) continue;
        snprintf(first, sizeof first, "%.*s0%s", (int)before, module, after);
        const strait_lora_module *own = strait_lora_find(lora, module);
        const strait_lora_module *other = strait_lora_find(lora, first);
        bool same = !own == !other && (!own || (own->rank == other->rank && own->scale == other->scale));
        if (same) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: %s and %s have different adapters; all experts of a layer need the same rank and scale",
                           name, first, module);
    }
    return STRAIT_OK;
}

static strait_status prepare(search *s)
{
    const strait_lora_config *c = s->config;
    STRAIT_TRY(strait__regex_scratch_create(&s->scratch));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)c->target_count + 1, sizeof *s->used, &s->used));
    if (c->regex && strcmp(c->regex, STRAIT_LORA_ALL) != 0) STRAIT_TRY(compile(c->regex, false, &s->regex));
    STRAIT_TRY(compile_all(&c->ranks, &s->ranks));
    return compile_all(&c->alphas, &s->alphas);
}

static strait_status find_all(search *s, const strait_params *base, const char *name, strait_lora *lora)
{
    STRAIT_TRY(find_modules(s, base, lora));
    STRAIT_TRY(check_targets(s, lora, name));
    STRAIT_TRY(check_experts(s, lora, base, name));
    return strait_params_finish(&lora->params);
}

strait_status strait_lora_create(const strait_lora_config *config, const strait_model_config *model, const char *name,
                                 strait_lora *out)
{
    strait_lora lora = {.dropout = config->dropout};
    strait_params base = {0};
    search s = {.config = config, .model = model};
    strait_status status = prepare(&s);
    if (status == STRAIT_OK) status = strait_architecture_of(model)->params(model, &base);
    if (status == STRAIT_OK) status = strait_params_finish(&base);
    if (status == STRAIT_OK) status = find_all(&s, &base, name, &lora);
    strait_params_fini(&base);
    strait__regex_scratch_destroy(s.scratch);
    strait__regex_destroy(s.regex);
    compiled_fini(&s.ranks);
    compiled_fini(&s.alphas);
    strait_free(s.used);
    if (status != STRAIT_OK) {
        strait_lora_fini(&lora);
        return status;
    }
    *out = lora;
    return STRAIT_OK;
}
