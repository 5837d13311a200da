/*
 * Released FP8 weights (DeepSeek-V3): a tensor of e4m3fn codes and beside it <name>_scale_inv, f32, a factor for each
 * block of 128 x 128, those at the edges cut off. Values are code x factor, rounded once to f32.
 */
#ifndef STRAIT_TRAIN_WEIGHTS_F8_H
#define STRAIT_TRAIN_WEIGHTS_F8_H

#include "ckpt/model_dir.h"

/* The factors of an F8_E4M3 tensor, or NULL. */
const strait_tensor_view *strait__f8_scale(const strait_model_dir *model, const strait_tensor_view *codes);
/* Whether a tensor holds the factors of another one, which is F8_E4M3. */
bool strait__f8_is_scale(const strait_model_dir *model, const strait_tensor_view *view);
/* What is wrong with the factors of a tensor, into text[128]; "": nothing. */
void strait__f8_complaint(const strait_tensor_view *codes, const strait_tensor_view *scale, char text[128]);
/* Elements [first, first + count) of a matrix; a NaN code is STRAIT_ERR_CORRUPT, with its place. */
strait_status strait__f8_read(const strait_tensor_view *codes, const strait_tensor_view *scale, int64_t first,
                              int64_t count, float *out) STRAIT_MUST_USE;

#endif
