/* A walk over splits from the simplest on. */
#include "plan/split_choose.h"

#include <inttypes.h>
#include <math.h>

typedef struct chooser {
    const strait_model_shape *shape;
    const strait_workload *work;
    const strait_plan_chip *chip;
    int64_t chips;
    const strait_split *wish;
    double capacity;
} chooser;

/* Experts over the most ranks that divide both them and the chips of a pipeline stage, 64 at most. */
static int64_t expert_ranks(const chooser *c, int64_t ranks)
{
    for (int64_t count = 64; count > 1; count /= 2) {
        if (ranks % count == 0 && c->shape->experts % count == 0) return count;
    }
    return 1;
}

/* Divides the batch, and fits at some micro-batch. On false *out is untouched. */
static bool try_split(const chooser *c, int64_t tensor, int64_t pipeline, int64_t sharding, strait_split *out,
                      strait_footprint *out_footprint, bool *out_divides)
{
    int64_t context = c->wish->context > 0 ? c->wish->context : 1;
    int64_t rest = tensor * pipeline * context;
    if (c->chips % rest != 0) return false;
    strait_split s = *c->wish;
    s.tensor = tensor;
    s.pipeline = pipeline;
    s.sharding = c->wish->sharding > 0 ? c->wish->sharding : sharding;
    if (s.expert == 0) s.expert = c->shape->experts > 0 ? expert_ranks(c, c->chips / pipeline) : 1;
    if (s.stages == 0 && pipeline > 1) s.stages = c->shape->layers >= 4 * pipeline ? 2 : 1;
    bool fits = false;
    for (int64_t micro = c->wish->micro_batch > 0 ? c->wish->micro_batch : 1; micro <= 64; micro *= 2) {
        strait_split one = s;
        strait_footprint need;
        one.micro_batch = micro;
        one.recompute_chosen = one.recompute_chosen && !fits; /* a larger micro-batch is not worth recomputing for */
        if (strait_split_finish(&one, c->shape, c->work, c->chips) != STRAIT_OK) break;
        *out_divides = true;
        bool fit = strait_footprint_fit(c->shape, &one, c->work, c->capacity, &need);
        if (!fit && fits) break;
        *out = one;
        *out_footprint = need;
        s.recompute = one.recompute;
        fits = fits || fit;
        /* About 16 k tokens keep every product large enough. */
        if (!fit || c->wish->micro_batch > 0 || micro * c->work->length * 2 > 16384) break;
    }
    return fits;
}

strait_status strait_split_choose(const strait_model_shape *shape, const strait_workload *work,
                                  const strait_plan_chip *chip, int64_t chips, const strait_split *wish, double reserve,
                                  strait_split *out, strait_footprint *out_footprint, bool *out_fits)
{
    chooser c = {shape, work, chip, chips, wish, chip->capacity - reserve};
    strait_split best;
    strait_footprint need = {.total = 0};
    bool divides = false;
    bool fits = false;
    bool open_tensor = wish->tensor == 0;
    bool open_pipeline = wish->pipeline == 0;
    int64_t first_tensor = open_tensor ? 1 : wish->tensor;
    int64_t first_pipeline = open_pipeline ? 1 : wish->pipeline;
    if (chips < 1) return STRAIT_FAIL(STRAIT_ERR_USAGE, "%" PRId64 " chips: at least one is needed", chips);
    fits = try_split(&c, first_tensor, first_pipeline, chips > 1 ? 3 : 0, &best, &need, &divides);
    for (int64_t pipeline = first_pipeline; !fits && pipeline <= shape->layers; pipeline *= 2) {
        for (int64_t tensor = first_tensor; !fits && tensor <= chip->node; tensor *= 2) {
            if (tensor * pipeline > chips) break;
            fits = try_split(&c, tensor, pipeline, 1, &best, &need, &divides);
            if (!open_tensor) break;
        }
        if (!open_pipeline) break;
    }
    if (!divides) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "no split of %" PRId64 " chips divides a step of %" PRId64
                           " sequences: take fewer chips, more sequences, or say --split",
                           chips, work->sequences);
    }
    *out = best;
    *out_footprint = need;
    *out_fits = fits;
    return STRAIT_OK;
}
