/* Parameters between model directories and flat f32 buffers in host memory. */
#ifndef STRAIT_TRAIN_WEIGHTS_H
#define STRAIT_TRAIN_WEIGHTS_H

#include "ckpt/model_dir.h"
#include "model/params.h"

/*
 * Where parameters go: elements [offset, offset + count) of a flat buffer, a part of one parameter at a time, so that
 * none is in host memory twice.
 */
typedef strait_status (*strait_flat_write_fn)(void *context, int64_t offset, int64_t count, const float *values);

/*
 * Whether a model directory holds these parameters (f32, bf16, f16, or f8_e4m3 with factors by block). Missing tensors,
 * wrong shapes and dtypes, and tensors the model does not have are refused, all of them in one message. A tied model's
 * lm_head.weight is accepted where it equals the embedding.
 */
strait_status strait_weights_check(const strait_model_dir *model, const strait_params *params) STRAIT_MUST_USE;
/* Every parameter of a model directory, widened exactly (f8_e4m3: weights_f8.h); checked as above before anything is
 * written. */
strait_status strait_weights_load(const strait_model_dir *model, const strait_params *params,
                                  strait_flat_write_fn write, void *context) STRAIT_MUST_USE;
/*
 * Tensors called prefix + parameter name, of `dtype` (f32 or bf16), widened exactly; all must be there, those of
 * buffers only where these are asked for.
 */
strait_status strait_weights_load_states(const strait_safetensors *file, const strait_params *params,
                                         const char *prefix, strait_dtype dtype, bool buffers,
                                         strait_flat_write_fn write, void *context) STRAIT_MUST_USE;
/* Elements [first, first + count) of a tensor of a model that strait_weights_check has seen, in f32: f32, bf16 and f16
 * widened exactly, F8_E4M3 times its factors. STRAIT_ERR_CORRUPT: a NaN code among the latter, with its place. */
strait_status strait_weight_read(const strait_model_dir *model, const strait_tensor_view *view, int64_t first,
                                 int64_t count, float *out) STRAIT_MUST_USE;
/* Elements [first, first + count) of an f32, bf16 or f16 tensor, widened exactly. */
strait_status strait_view_read(const strait_tensor_view *view, int64_t first, int64_t count,
                               float *out) STRAIT_MUST_USE;
/* A new model's values (strait_param_initialise), made by `threads` threads (0 = all). */
strait_status strait_weights_initialise(const strait_params *params, uint32_t seed, double range, int threads,
                                        strait_flat_write_fn write, void *context) STRAIT_MUST_USE;
/*
 * Tensor specs for writing the parameters as `dtype` (f32 or bf16, rounded to nearest even while writing), names
 * prefixed by `prefix` ("" for a model). With `buffers` they are values of parameters: buffers are among them, and what
 * is saved wide is f32; without, they are gradients or moments. The specs and what they point to are owned by *out;
 * `flat` and `params` are borrowed until fini.
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
                                      void *context, strait_dtype dtype, bool buffers,
                                      const char *prefix) STRAIT_MUST_USE;
/* The tensor `name` of the specs once more, as another. */
strait_status strait_weight_specs_copy(strait_weight_specs *specs, const char *name, const char *as) STRAIT_MUST_USE;
/* A strait_flat_read_fn over host memory: context is the flat buffer. */
strait_status strait_flat_read(void *context, int64_t offset, int64_t count, float *out) STRAIT_MUST_USE;
void strait_weight_specs_fini(strait_weight_specs *specs);

#endif
