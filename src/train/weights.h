/* Parameters between model directories and flat f32 buffers in host memory. */
#ifndef STRAIT_TRAIN_WEIGHTS_H
#define STRAIT_TRAIN_WEIGHTS_H

#include "ckpt/model_dir.h"
#include "model/params.h"

/*
 * Reads every parameter into flat[params->padded] (f32, bf16 or f16 widened exactly). Missing tensors, wrong shapes and
 * dtypes, and tensors the model does not have are refused, all of them in one message. A tied model's lm_head.weight is
 * accepted where it equals the embedding.
 */
strait_status strait_weights_read(const strait_model_dir *model, const strait_params *params,
                                  float *flat) STRAIT_MUST_USE;
/* The checks alone, and one parameter alone (after them), for models that should not be in host memory twice. */
strait_status strait_weights_check(const strait_model_dir *model, const strait_params *params) STRAIT_MUST_USE;
void strait_weights_read_one(const strait_model_dir *model, const strait_param *param, float *out);

/*
 * Tensor specs for writing the parameters as `dtype` (f32 or bf16, rounded to nearest even while writing), names
 * prefixed by `prefix` ("" for a model). The specs and what they point to are owned by *out; `flat` and `params` are
 * borrowed until fini.
 */
typedef struct strait_weight_specs {
    strait_tensor_spec *items;
    size_t count;
    void *sources; /* private */
    char *names;   /* private */
} strait_weight_specs;
/* Gives elements [offset, offset + count) of a flat buffer. */
typedef strait_status (*strait_flat_read_fn)(void *context, int64_t offset, int64_t count, float *out);
strait_status strait_weight_specs_add(strait_weight_specs *specs, const strait_params *params, strait_flat_read_fn read,
                                      void *context, strait_dtype dtype, const char *prefix) STRAIT_MUST_USE;
/* A strait_flat_read_fn over host memory: context is the flat buffer. */
strait_status strait_flat_read(void *context, int64_t offset, int64_t count, float *out) STRAIT_MUST_USE;
void strait_weight_specs_fini(strait_weight_specs *specs);

/* Reads tensors called prefix + parameter name (f32) into flat; all must be there. */
strait_status strait_weights_read_states(const strait_safetensors *file, const strait_params *params,
                                         const char *prefix, float *flat) STRAIT_MUST_USE;

#endif
