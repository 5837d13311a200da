/* The list of families and what they share. */
#include "model/model.h"

#include "base/math64.h"

#include <stdarg.h>
#include <stdio.h>

#define STRAIT_ARCHITECTURE(id, name) extern const strait_architecture strait_##name##_architecture;
#include "model/families.def"
#undef STRAIT_ARCHITECTURE

static const strait_architecture *const architectures[STRAIT_FAMILY_COUNT] = {
#define STRAIT_ARCHITECTURE(id, name) [STRAIT_FAMILY_##id] = &strait_##name##_architecture,
#include "model/families.def"
#undef STRAIT_ARCHITECTURE
};

const strait_architecture *strait_architecture_of(const strait_model_config *config)
{
    return architectures[config->family];
}

strait_status strait_model_weight(strait_graph *graph, const strait_params *params, strait_tensor_id *out,
                                  const char *name_format, ...)
{
    char name[96];
    va_list args;
    va_start(args, name_format);
    vsnprintf(name, sizeof name, name_format, args);
    va_end(args);
    const strait_param *param = strait_params_find(params, name);
    if (!param) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the model has no parameter %s", name);
    int64_t element = (int64_t)strait_dtype_size(graph->dtype);
    if (params->frozen) {
        return strait_graph_frozen(graph, name, param->rows, param->columns, param->offset * element, out);
    }
    return strait_graph_weight(graph, name, param->rows, param->columns, param->offset * element,
                               param->offset * (int64_t)sizeof(float), out);
}

strait_status strait_model_buffer(strait_graph *graph, const strait_params *params, const char *name,
                                  strait_tensor_id *out)
{
    const strait_param *param = strait_params_find(params, name);
    if (!param || !param->buffer) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the model has no buffer %s", name);
    return strait_graph_buffer(graph, name, params->frozen ? STRAIT_STORE_FROZEN : STRAIT_STORE_WEIGHTS,
                               param->elements, param->offset * (int64_t)strait_dtype_size(graph->dtype), out);
}

/* theta^(-2i/dims), scaled. */
static double frequency_of(const strait_rope_frequencies *f, double log_theta, int64_t pair, int64_t dims)
{
    double frequency = strait_math_exp(-log_theta * ((double)(2 * pair) / (double)dims));
    if (f->factor == 1) return frequency;
    double share = ((double)pair - f->low) / (f->high - f->low);
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    return frequency / f->factor * share + frequency * (1 - share);
}

void strait_rope_table(const strait_rope_frequencies *frequencies, int64_t dims, int64_t rows, float *out)
{
    int64_t half = dims / 2;
    double log_theta = strait_math_log(frequencies->theta);
    for (int64_t i = 0; i < half; i++) {
        /* The angle of position p is p times it. */
        double frequency = frequency_of(frequencies, log_theta, i, dims);
        for (int64_t p = 0; p < rows; p++) {
            double angle = (double)p * frequency;
            out[p * dims + i] = (float)(strait_math_cos(angle) * frequencies->magnitude);
            out[p * dims + half + i] = (float)(strait_math_sin(angle) * frequencies->magnitude);
        }
    }
}
