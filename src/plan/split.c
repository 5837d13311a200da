/* Splits: reading what a user types, filling in, and the divisions that have to come out even. */
#include "plan/split.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHIPS_MAX INT64_C(16777216)

const char *const strait_plan_recompute_names[4] = {"none", "light", "full", "half"};

int64_t strait_split_chips(const strait_split *s)
{
    return s->tensor * s->pipeline * s->context * s->data;
}

int64_t strait_split_micro_batches(const strait_split *s, const strait_workload *work)
{
    int64_t each = s->data * s->micro_batch;
    int64_t count = each > 0 ? work->sequences / each : 1;
    return count > 0 ? count : 1;
}

static void default_count(int64_t *value)
{
    if (*value == 0) *value = 1;
}

static strait_status check_count(const char *what, int64_t value)
{
    if (value >= 1 && value <= CHIPS_MAX) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: %s: is %" PRId64 ", must be 1 to %" PRId64, what, value, CHIPS_MAX);
}

static strait_status check_divides(const char *what, int64_t divisor, const char *whole_name, int64_t whole)
{
    if (whole % divisor == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: %s=%" PRId64 " does not divide %s (%" PRId64 ")", what, divisor,
                       whole_name, whole);
}

static strait_status check_counts(const strait_split *s)
{
    STRAIT_TRY(check_count("tp", s->tensor));
    STRAIT_TRY(check_count("pp", s->pipeline));
    STRAIT_TRY(check_count("vp", s->stages));
    STRAIT_TRY(check_count("ep", s->expert));
    STRAIT_TRY(check_count("cp", s->context));
    STRAIT_TRY(check_count("dp", s->data));
    STRAIT_TRY(check_count("micro", s->micro_batch));
    double product = (double)s->tensor * (double)s->pipeline * (double)s->context * (double)s->data;
    if (product <= (double)CHIPS_MAX) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: tp x pp x cp x dp is more than %" PRId64 " chips", CHIPS_MAX);
}

static strait_status take_data(strait_split *s, int64_t chips)
{
    int64_t rest = s->tensor * s->pipeline * s->context;
    if (s->data == 0) {
        if (chips % rest != 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: %" PRId64 " chips are no multiple of tp x pp x cp = %" PRId64,
                               chips, rest);
        }
        s->data = chips / rest;
    }
    if (rest * s->data == chips) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: tp x pp x cp x dp = %" PRId64 " is not the count of chips, %" PRId64,
                       rest * s->data, chips);
}

static strait_status check_batch(const strait_split *s, const strait_workload *work)
{
    int64_t each = s->data * s->micro_batch;
    if (work->sequences % each == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE,
                       "split: dp x micro = %" PRId64 " x %" PRId64 " does not divide the step's %" PRId64 " sequences",
                       s->data, s->micro_batch, work->sequences);
}

strait_status strait_split_finish(strait_split *inout, const strait_model_shape *shape, const strait_workload *work,
                                  int64_t chips)
{
    strait_split s = *inout;
    default_count(&s.tensor);
    default_count(&s.pipeline);
    default_count(&s.stages);
    default_count(&s.expert);
    default_count(&s.context);
    default_count(&s.micro_batch);
    int64_t data = s.data;
    default_count(&s.data);
    STRAIT_TRY(check_counts(&s));
    s.data = data;
    if (chips > 0) STRAIT_TRY(take_data(&s, chips));
    default_count(&s.data);
    if (s.sharding < 0 || s.sharding > 3) return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: sharding: 0 to 3");
    STRAIT_TRY(check_divides("tp", s.tensor, "num_attention_heads", shape->heads));
    STRAIT_TRY(check_divides("cp", s.context, "the sequence length", work->length));
    if (s.pipeline * s.stages > shape->layers) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: pp x vp = %" PRId64 " stages for %" PRId64 " layers",
                           s.pipeline * s.stages, shape->layers);
    }
    if (s.expert > 1) {
        if (shape->experts == 0) return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: ep: the model has no experts");
        STRAIT_TRY(check_divides("ep", s.expert, "the count of experts", shape->experts));
        STRAIT_TRY(check_divides("ep", s.expert, "tp x cp x dp", s.tensor * s.context * s.data));
    }
    STRAIT_TRY(check_batch(&s, work));
    if (!(s.logit_bytes > 0)) s.logit_bytes = 12;
    if (!(s.weight_bytes > 0)) s.weight_bytes = 2;
    if (!(s.gradient_bytes > 0)) s.gradient_bytes = 4;
    if (!(s.state_bytes > 0)) s.state_bytes = 12;
    *inout = s;
    return STRAIT_OK;
}

/* ---- text ---- */

typedef struct count_key {
    const char *name;
    size_t offset;
} count_key;

static const count_key counts[] = {
    {"tp", offsetof(strait_split, tensor)},         {"pp", offsetof(strait_split, pipeline)},
    {"vp", offsetof(strait_split, stages)},         {"ep", offsetof(strait_split, expert)},
    {"cp", offsetof(strait_split, context)},        {"dp", offsetof(strait_split, data)},
    {"sharding", offsetof(strait_split, sharding)}, {"micro", offsetof(strait_split, micro_batch)}};
static const count_key reals[] = {{"weights", offsetof(strait_split, weight_bytes)},
                                  {"gradients", offsetof(strait_split, gradient_bytes)},
                                  {"states", offsetof(strait_split, state_bytes)},
                                  {"logit_bytes", offsetof(strait_split, logit_bytes)}};

static strait_status bad_value(const char *key, const char *value, const char *wanted)
{
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: %s=%s: must be %s", key, value, wanted);
}

static strait_status set_key(const char *key, const char *value, strait_split *out)
{
    char *end;
    errno = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (strcmp(counts[i].name, key) != 0) continue;
        long long number = strtoll(value, &end, 10);
        bool zero = strcmp(key, "sharding") == 0;
        if (*end || end == value || errno || number < (zero ? 0 : 1) || number > CHIPS_MAX) {
            return bad_value(key, value, zero ? "0 to 3" : "a whole number, 1 or more");
        }
        memcpy((char *)out + counts[i].offset, &(int64_t){number}, sizeof(int64_t));
        return STRAIT_OK;
    }
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        if (strcmp(reals[i].name, key) != 0) continue;
        double number = strtod(value, &end);
        if (*end || end == value || !(number > 0 && number <= 64)) return bad_value(key, value, "bytes, over 0 to 64");
        memcpy((char *)out + reals[i].offset, &number, sizeof number);
        return STRAIT_OK;
    }
    if (strcmp(key, "recompute") == 0) {
        for (int i = 0; i < 4; i++) {
            if (strcmp(value, strait_plan_recompute_names[i]) != 0) continue;
            out->recompute = (strait_plan_recompute)i;
            out->recompute_chosen = false;
            return STRAIT_OK;
        }
        return bad_value(key, value, "none, light, half or full");
    }
    if (strcmp(key, "logits") == 0) {
        if (strcmp(value, "chunked") != 0 && strcmp(value, "stored") != 0)
            return bad_value(key, value, "stored or chunked");
        out->chunked_logits = value[0] == 'c';
        return STRAIT_OK;
    }
    if (strcmp(key, "norms") == 0) {
        if (strcmp(value, "split") != 0 && strcmp(value, "whole") != 0) return bad_value(key, value, "split or whole");
        out->sequence_replicated = value[0] == 'w';
        return STRAIT_OK;
    }
    if (strcmp(key, "outputs") == 0) {
        if (strcmp(value, "freed") != 0 && strcmp(value, "kept") != 0) return bad_value(key, value, "freed or kept");
        out->outputs_kept = value[0] == 'k';
        return STRAIT_OK;
    }
    if (strcmp(key, "keys") == 0) {
        if (strcmp(value, "ring") != 0 && strcmp(value, "gathered") != 0)
            return bad_value(key, value, "ring or gathered");
        out->keys_gathered = value[0] == 'g';
        return STRAIT_OK;
    }
    if (strcmp(key, "gathered") == 0) {
        if (strcmp(value, "again") != 0 && strcmp(value, "kept") != 0) return bad_value(key, value, "again or kept");
        out->gathered_kept = value[0] == 'k';
        return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_USAGE,
                       "split: \"%s\" is no key; there are tp, pp, vp, ep, cp, dp, sharding, micro, recompute, logits, "
                       "norms, gathered, outputs, keys, logit_bytes, weights, gradients, states",
                       key);
}

strait_status strait_split_parse(const char *text, strait_split *out)
{
    strait_split split = {.recompute_chosen = true};
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ",");
        size_t key_length = strcspn(at, "=");
        char key[32];
        char value[32];
        if (key_length >= length || key_length >= sizeof key || length - key_length > sizeof value) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "split: \"%.*s\": write KEY=VALUE, separated by commas", (int)length,
                               at);
        }
        snprintf(key, sizeof key, "%.*s", (int)key_length, at);
        snprintf(value, sizeof value, "%.*s", (int)(length - key_length - 1), at + key_length + 1);
        STRAIT_TRY(set_key(key, value, &split));
        at += length + (at[length] == ',');
    }
    *out = split;
    return STRAIT_OK;
}

void strait_split_format(const strait_split *s, char *out, size_t capacity)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && used < capacity; i++) {
        int64_t value;
        memcpy(&value, (const char *)s + counts[i].offset, sizeof value);
        bool quiet = strcmp(counts[i].name, "sharding") == 0 ? value == 0 : value <= 1;
        if (quiet && strcmp(counts[i].name, "dp") != 0 && strcmp(counts[i].name, "micro") != 0) continue;
        used += (size_t)snprintf(out + used, capacity - used, "%s=%" PRId64 ",", counts[i].name, value);
    }
    if (used < capacity) {
        snprintf(out + used, capacity - used, "recompute=%s,logits=%s%s%s%s%s",
                 strait_plan_recompute_names[s->recompute], s->chunked_logits ? "chunked" : "stored",
                 s->sequence_replicated ? ",norms=whole" : "", s->gathered_kept ? ",gathered=kept" : "",
                 s->outputs_kept ? ",outputs=kept" : "", s->keys_gathered ? ",keys=gathered" : "");
    }
}
