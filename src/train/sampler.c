/* Choosing the next token. Knows no model. */
#include "train/sampler.h"

#include "base/math64.h"
#include "base/rng.h"

#include <math.h>

typedef struct candidate {
    double logit;
    double p;
    int32_t id;
} candidate;

struct strait_sampler {
    strait_sampling sampling;
    int64_t vocabulary;
    candidate *candidates; /* owned */
    unsigned char *seen;   /* owned: [vocabulary] */
};

strait_status strait_sampler_create(const strait_sampling *sampling, int64_t vocabulary, strait_sampler **out)
{
    if (!(sampling->temperature >= 0) || sampling->top_k < 0 || !(sampling->top_p > 0 && sampling->top_p <= 1) ||
        !(sampling->min_p >= 0 && sampling->min_p <= 1) || !(sampling->repetition_penalty > 0)) {
        return STRAIT_FAIL(
            STRAIT_ERR_RANGE,
            "sampling: temperature %g and top_k %lld must be 0 or more, top_p %g in (0, 1], min_p %g in [0, 1], "
            "repetition_penalty %g above 0",
            sampling->temperature, (long long)sampling->top_k, sampling->top_p, sampling->min_p,
            sampling->repetition_penalty);
    }
    strait_sampler *sampler;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *sampler, &sampler));
    sampler->sampling = *sampling;
    sampler->vocabulary = vocabulary;
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, (size_t)vocabulary, sizeof(candidate), &sampler->candidates);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, (size_t)vocabulary, 1, &sampler->seen);
    if (status != STRAIT_OK) {
        strait_sampler_destroy(sampler);
        return status;
    }
    *out = sampler;
    return STRAIT_OK;
}

void strait_sampler_destroy(strait_sampler *sampler)
{
    if (!sampler) return;
    strait_free(sampler->candidates);
    strait_free(sampler->seen);
    strait_free(sampler);
}

void strait_sampler_saw(strait_sampler *sampler, int32_t id)
{
    if (id >= 0 && id < sampler->vocabulary) sampler->seen[id] = 1;
}

void strait_sampler_forget(strait_sampler *sampler)
{
    for (int64_t i = 0; i < sampler->vocabulary; i++) sampler->seen[i] = 0;
}

/* Ties go to the lower id. */
static int better(const candidate *a, const candidate *b)
{
    return a->logit != b->logit ? a->logit > b->logit : a->id < b->id;
}

/* All tokens but those at minus infinity, penalties applied: how many, and the best. */
static strait_status collect(strait_sampler *sampler, const float *logits, candidate *out_best, int64_t *out_count)
{
    double penalty = sampler->sampling.repetition_penalty;
    int64_t count = 0;
    for (int64_t i = 0; i < sampler->vocabulary; i++) {
        double logit = (double)logits[i];
        if (logit == -(double)INFINITY) continue;
        if (!isfinite(logit)) {
            return STRAIT_FAIL(STRAIT_ERR_NOT_FINITE, "the logit of token %lld is %g: the model's weights are damaged",
                               (long long)i, logit);
        }
        if (sampler->seen[i]) logit = logit > 0 ? logit / penalty : logit * penalty;
        candidate c = {.logit = logit, .id = (int32_t)i};
        if (count == 0 || better(&c, out_best)) *out_best = c;
        sampler->candidates[count++] = c;
    }
    if (count == 0) return STRAIT_FAIL(STRAIT_ERR_NOT_FINITE, "every logit is minus infinity: no token can be chosen");
    *out_count = count;
    return STRAIT_OK;
}

/* Keeps the candidates that can be chosen at all: far fewer are then sorted. */
static int64_t drop_negligible(strait_sampler *sampler, int64_t count, double best)
{
    /* exp(-40) of the best is below the resolution of the random number for any vocabulary. */
    double floor = best - 40.0 * sampler->sampling.temperature;
    if (sampler->sampling.min_p > 0) {
        double by_share = best + sampler->sampling.temperature * strait_math_log(sampler->sampling.min_p);
        if (by_share > floor) floor = by_share;
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        if (sampler->candidates[i].logit >= floor) sampler->candidates[kept++] = sampler->candidates[i];
    }
    return kept;
}

/*
 * The candidates that may be chosen, in the order in which they are counted through: the best first where top_k or
 * top_p cut the rest off, by id where nothing is cut. Few are usually wanted of a whole vocabulary, so they are taken
 * from a heap one by one and not sorted.
 */
typedef struct selection {
    candidate *at;
    int64_t count;
    int64_t left; /* candidates still in the heap, which is the beginning of `at`; those taken lie behind it */
    int best_first;
} selection;

static void sink(candidate *heap, int64_t count, int64_t i)
{
    candidate moved = heap[i];
    for (int64_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && better(&heap[child + 1], &heap[child])) child++;
        if (better(&moved, &heap[child])) break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

static const candidate *nth(selection *s, int64_t n)
{
    if (!s->best_first) return &s->at[n];
    while (s->count - s->left <= n) {
        candidate best = s->at[0];
        s->at[0] = s->at[--s->left];
        if (s->left > 0) sink(s->at, s->left, 0);
        s->at[s->left] = best;
    }
    return &s->at[s->count - 1 - n];
}

static selection select_from(const strait_sampling *sampling, candidate *candidates, int64_t count)
{
    selection s = {.at = candidates, .count = count, .left = count};
    s.best_first = sampling->top_k > 0 || sampling->top_p < 1;
    if (s.best_first) {
        for (int64_t i = count / 2; i-- > 0;) sink(candidates, count, i);
    }
    return s;
}

strait_status strait_sampler_pick(strait_sampler *sampler, const float *logits, uint64_t position, int32_t *out_id)
{
    const strait_sampling *s = &sampler->sampling;
    candidate best = {0};
    int64_t count = 0;
    STRAIT_TRY(collect(sampler, logits, &best, &count));
    if (s->temperature == 0) {
        *out_id = best.id;
        return STRAIT_OK;
    }
    count = drop_negligible(sampler, count, best.logit);
    for (int64_t i = 0; i < count; i++) {
        candidate *c = &sampler->candidates[i];
        c->p = strait_math_exp((c->logit - best.logit) / s->temperature);
    }
    selection from = select_from(s, sampler->candidates, count);
    int64_t most = s->top_k > 0 && s->top_k < count ? s->top_k : count;
    double total = 0;
    /* In the order in which they lie, unless only the best count. */
    for (int64_t i = 0; i < most; i++) total += most < count ? nth(&from, i)->p : sampler->candidates[i].p;
    double kept = 0;
    int64_t last = 0;
    while (last < most && (last == 0 || kept < s->top_p * total)) kept += nth(&from, last++)->p;

    double u = (double)strait_rng_uniform(s->seed, STRAIT_STREAM_SAMPLE, 0, position) * kept;
    int64_t chosen = 0;
    for (double sum = nth(&from, 0)->p; chosen + 1 < last && sum <= u;) sum += nth(&from, ++chosen)->p;
    *out_id = nth(&from, chosen)->id;
    return STRAIT_OK;
}
