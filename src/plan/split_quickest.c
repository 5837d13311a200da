/* A walk over all splits of a kind. */
#include "plan/split_choose.h"

#include <math.h>

enum { CONTEXT_MOST = 16, EXPERTS_MOST = 64, MICRO_MOST = 8 };

typedef struct walk {
    const strait_model_shape *shape;
    const strait_workload *work;
    const strait_plan_chip *chip;
    int64_t chips;
    double room;
    bool found;
    strait_split best;
    strait_step_time time;
    double need; /* the least, as long as nothing was found */
} walk;

static bool try_one(walk *w, strait_split split)
{
    strait_footprint need;
    strait_step_time time;
    if (strait_split_finish(&split, w->shape, w->work, w->chips) != STRAIT_OK) return false;
    bool fits = strait_footprint_fit(w->shape, &split, w->work, w->room, &need);
    if (!w->found && (fits || need.total < w->need)) w->need = need.total;
    if (!fits || strait_step_time_of(w->shape, &split, w->work, w->chip, &time) != STRAIT_OK) return false;
    if (!w->found || time.total < w->time.total) {
        w->best = split;
        w->time = time;
        w->need = need.total;
    }
    w->found = true;
    return true;
}

/* Experts over the most ranks of a stage that divide both, as strait_split_choose does, or over none. */
static int64_t expert_ranks(const walk *w, int64_t ranks)
{
    for (int64_t count = EXPERTS_MOST; count > 1; count /= 2) {
        if (ranks % count == 0 && w->shape->experts % count == 0) return count;
    }
    return 1;
}

static void try_micro_batches(walk *w, strait_split split)
{
    for (int64_t micro = 1; micro <= MICRO_MOST; micro *= 2) {
        split.micro_batch = micro;
        if (!try_one(w, split)) break; /* a larger one needs more */
    }
}

static void try_layout(walk *w, int64_t tensor, int64_t pipeline, int64_t context)
{
    int64_t rest = tensor * pipeline * context;
    /* What strait_split_finish would refuse, at less cost. */
    if (w->chips % rest != 0 || w->work->sequences % (w->chips / rest) != 0) return;
    if (w->shape->heads % tensor != 0) return;
    strait_split split = {.tensor = tensor,
                          .pipeline = pipeline,
                          .context = context,
                          .stages = pipeline > 1 && w->shape->layers >= 4 * pipeline ? 2 : 1,
                          .expert = w->shape->experts > 0 ? expert_ranks(w, w->chips / pipeline) : 1,
                          .recompute_chosen = true};
    bool several = w->chips > rest;
    split.sharding = several ? 1 : 0;
    try_micro_batches(w, split);
    if (!several || pipeline > 1) return;
    split.sharding = 3;
    try_micro_batches(w, split);
}

bool strait_split_quickest(const strait_model_shape *shape, const strait_workload *work, const strait_plan_chip *chip,
                           int64_t chips, double room, strait_split *out, strait_step_time *out_time, double *out_need)
{
    walk w = {.shape = shape, .work = work, .chip = chip, .chips = chips, .room = room, .need = INFINITY};
    for (int64_t context = 1; context <= CONTEXT_MOST && !w.found; context *= 2) {
        for (int64_t pipeline = 1; pipeline <= shape->layers && pipeline <= chips; pipeline *= 2) {
            for (int64_t tensor = 1; tensor <= chip->node && tensor * pipeline <= chips; tensor *= 2) {
                try_layout(&w, tensor, pipeline, context);
            }
        }
    }
    *out_need = w.need;
    if (!w.found) return false;
    *out = w.best;
    *out_time = w.time;
    return true;
}
