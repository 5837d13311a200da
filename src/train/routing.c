/* Choices of experts as a pass takes them. Reading them is apart, so that the engine needs no files. */
#include "train/routing.h"

void strait_routing_fini(strait_routing *routing)
{
    strait_free(routing->ids);
    *routing = (strait_routing){0};
}

const int32_t *strait_routing_at(const strait_routing *routing, int64_t sparse, int64_t step)
{
    int64_t last = routing->steps - 1;
    return routing->ids + (sparse * routing->steps + (step < last ? step : last)) * routing->tokens * routing->top_k;
}
