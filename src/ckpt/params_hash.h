/*
 * The identity of a set of parameters: one SHA-256 that is equal exactly where names, shapes, dtypes and bits are.
 *
 * The recipe (docs/formats.md restates it): tensors in bytewise order of their names; for each, the name, a zero byte,
 * the safetensors dtype ("F32"), a zero byte, the shape as "[3, 4]", a zero byte, then the bytes as in the file.
 */
#ifndef STRAIT_CKPT_PARAMS_HASH_H
#define STRAIT_CKPT_PARAMS_HASH_H

#include "ckpt/safetensors.h"

/* Tensors may come in any order; callbacks are read through a staging buffer. */
strait_status strait_params_hash(const strait_tensor_spec *tensors, size_t count,
                                 char out_hex[STRAIT_SHA256_HEX]) STRAIT_MUST_USE;

/* The tensors of an open file as specs, into `out` (room for strait_safetensors_count). */
void strait_safetensors_specs(const strait_safetensors *file, strait_tensor_spec *out);
/* The spec of one tensor that is in memory. */
strait_tensor_spec strait_tensor_spec_from_view(const strait_tensor_view *view);

#endif
