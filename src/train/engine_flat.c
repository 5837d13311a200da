/* The engine's flat buffers: weights and states to and from the host, each in the dtype that it is kept in. */
#include "train/engine.h"
#include "train/engine_internal.h"
#include "train/flat.h"

strait_memory *strait_engine_compute_weights(const strait_engine *engine)
{
    return engine->compute;
}

strait_memory *strait_engine_frozen_weights(const strait_engine *engine)
{
    return engine->frozen_weights;
}

const strait_params *strait_engine_params(const strait_engine *engine)
{
    return &engine->params;
}

const strait_params *strait_engine_base(const strait_engine *engine)
{
    return engine->options.lora ? &engine->frozen : &engine->params;
}

const strait_engine_options *strait_engine_get_options(const strait_engine *engine)
{
    return &engine->options;
}

static strait_memory *state_memory(const strait_engine *engine, strait_engine_state which)
{
    switch (which) {
    case STRAIT_ENGINE_M: return engine->m;
    case STRAIT_ENGINE_V: return engine->v;
    case STRAIT_ENGINE_GRADS: return engine->grads[0];
    default: return engine->master ? engine->master : engine->compute;
    }
}

strait_dtype strait_engine_state_dtype(const strait_engine *engine, strait_engine_state which)
{
    const strait_engine_options *o = &engine->options;
    bool masters = o->dtype == STRAIT_DTYPE_F32 || engine__has_masters(o);
    bool bf16 = which == STRAIT_ENGINE_M ? o->bf16_moment : which == STRAIT_ENGINE_WEIGHTS && !masters;
    return bf16 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32;
}

strait_status strait_engine_write(strait_engine *engine, strait_engine_state which, int64_t offset, int64_t count,
                                  const float *host)
{
    strait_memory *memory = state_memory(engine, which);
    if (strait_engine_state_dtype(engine, which) == STRAIT_DTYPE_BF16) {
        return strait_flat_narrow(engine->queue, memory, &engine->params, offset, count, host);
    }
    strait_slice to = {.memory = memory, .offset = offset * (int64_t)sizeof *host};
    STRAIT_TRY(strait_copy_to_device(engine->queue, to, host, count * (int64_t)sizeof *host));
    if (which != STRAIT_ENGINE_WEIGHTS || engine->compute == engine->master) return STRAIT_OK;
    return strait_flat_narrow(engine->queue, engine->compute, &engine->params, offset, count, host);
}

strait_status strait_engine_write_weights(void *engine, int64_t offset, int64_t count, const float *values)
{
    return strait_engine_write(engine, STRAIT_ENGINE_WEIGHTS, offset, count, values);
}

strait_status strait_engine_write_base(void *context, int64_t offset, int64_t count, const float *values)
{
    strait_engine *engine = context;
    if (!engine->frozen_weights) return strait_engine_write(engine, STRAIT_ENGINE_WEIGHTS, offset, count, values);
    if (engine->options.dtype == STRAIT_DTYPE_BF16) {
        return strait_flat_narrow(engine->queue, engine->frozen_weights, &engine->frozen, offset, count, values);
    }
    strait_slice to = {.memory = engine->frozen_weights, .offset = offset * (int64_t)sizeof *values};
    return strait_copy_to_device(engine->queue, to, values, count * (int64_t)sizeof *values);
}

strait_status strait_engine_write_m(void *engine, int64_t offset, int64_t count, const float *values)
{
    return strait_engine_write(engine, STRAIT_ENGINE_M, offset, count, values);
}

strait_status strait_engine_write_v(void *engine, int64_t offset, int64_t count, const float *values)
{
    return strait_engine_write(engine, STRAIT_ENGINE_V, offset, count, values);
}

strait_status strait_engine_read(strait_engine *engine, strait_engine_state which, float *host)
{
    return strait_engine_read_part(engine, which, 0, engine->params.padded, host);
}

strait_status strait_engine_read_part(strait_engine *engine, strait_engine_state which, int64_t offset, int64_t count,
                                      float *host)
{
    strait_memory *memory = state_memory(engine, which);
    if (strait_engine_state_dtype(engine, which) == STRAIT_DTYPE_BF16) {
        return strait_flat_widen(engine->queue, memory, &engine->params, offset, count, host);
    }
    strait_slice from = {.memory = memory, .offset = offset * (int64_t)sizeof *host};
    return strait_copy_to_host(engine->queue, host, from, count * (int64_t)sizeof *host);
}
