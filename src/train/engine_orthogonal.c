/*
 * How far the rows of routers are from orthogonal, as a loss of weights alone: once a step, in binary64 on the host, so
 * that it costs no device an op and is the same bits for all. The rows are as compute reads them.
 */
#include "train/engine_internal.h"
#include "train/flat.h"

#include <math.h>
#include <stdio.h>

/* Rows shorter than this are divided by it. */
#define LEAST_LENGTH 1e-12

/* One router, [experts, hidden]. */
typedef struct router {
    int64_t experts;
    int64_t hidden;
    const float *weights;
    double *unit;    /* its rows over their lengths */
    double *lengths; /* [experts] */
    double *row;     /* [hidden] */
} router;

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void normalise(router *r)
{
    for (int64_t e = 0; e < r->experts; e++) {
        double *unit = r->unit + e * r->hidden;
        for (int64_t i = 0; i < r->hidden; i++) unit[i] = (double)r->weights[e * r->hidden + i];
        r->lengths[e] = sqrt(dot(unit, unit, r->hidden));
        if (!(r->lengths[e] > LEAST_LENGTH)) r->lengths[e] = LEAST_LENGTH;
        for (int64_t i = 0; i < r->hidden; i++) unit[i] /= r->lengths[e];
    }
}

/* Adds the gradient of one row to `inout`; the result is the row's part of the loss. */
static double add_row(const router *r, int64_t e, double coefficient, float *inout)
{
    const double *unit = r->unit + e * r->hidden;
    double squares = (double)r->experts * (double)r->experts;
    double loss = 0;
    for (int64_t i = 0; i < r->hidden; i++) r->row[i] = 0;
    for (int64_t other = 0; other < r->experts; other++) {
        const double *b = r->unit + other * r->hidden;
        double off = dot(unit, b, r->hidden) - (other == e ? 1.0 : 0.0);
        loss += off * off;
        for (int64_t i = 0; i < r->hidden; i++) r->row[i] += off * b[i];
    }
    /* What is along the row does not change its direction. */
    double along = r->lengths[e] > LEAST_LENGTH ? dot(r->row, unit, r->hidden) : 0;
    double factor = coefficient * 4 / squares / r->lengths[e];
    for (int64_t i = 0; i < r->hidden; i++) inout[i] = inout[i] + (float)(factor * (r->row[i] - along * unit[i]));
    return loss / squares;
}

static strait_status read_weights(strait_engine *engine, const strait_param *param)
{
    if (engine->options.dtype == STRAIT_DTYPE_BF16) {
        return strait_flat_widen(engine->queue, engine->compute, &engine->params, param->offset, param->elements,
                                 engine->router);
    }
    return strait_engine_read_part(engine, STRAIT_ENGINE_WEIGHTS, param->offset, param->elements, engine->router);
}

static strait_status one_router(strait_engine *engine, const strait_param *param, double *inout_loss)
{
    router r = {.experts = param->rows, .hidden = param->columns, .weights = engine->router, .unit = engine->routers};
    r.lengths = r.unit + param->elements;
    r.row = r.lengths + r.experts;
    STRAIT_TRY(read_weights(engine, param));
    normalise(&r);
    /* The weights are needed no more: their room is the gradient's. */
    STRAIT_TRY(strait_engine_read_part(engine, STRAIT_ENGINE_GRADS, param->offset, param->elements, engine->router));
    for (int64_t e = 0; e < r.experts; e++) {
        *inout_loss += add_row(&r, e, engine->options.balance.orthogonality, engine->router + e * r.hidden);
    }
    strait_slice to = {.memory = engine->grads[0], .offset = param->offset * (int64_t)sizeof(float)};
    return strait_copy_to_device(engine->queue, to, engine->router, param->elements * (int64_t)sizeof(float));
}

strait_status engine__orthogonality(strait_engine *engine, strait_step_result *inout)
{
    const strait_model_config *model = &engine->options.model;
    for (int64_t layer = 0; engine->orthogonal && layer < strait_model_config_layers(model); layer++) {
        char name[64];
        if (!strait_model_config_sparse(model, layer)) continue;
        snprintf(name, sizeof name, "model.layers.%d.mlp.gate.weight", (int)layer);
        const strait_param *param = strait_params_find(&engine->params, name);
        if (!param) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the model has no parameter %s", name);
        STRAIT_TRY(one_router(engine, param, &inout->orthogonality_loss));
    }
    return STRAIT_OK;
}
