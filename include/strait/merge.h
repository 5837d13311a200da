/* Adding adapters to the weights of the model that they are for. */
#ifndef STRAIT_MERGE_H
#define STRAIT_MERGE_H

#include <strait/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_merge_options {
    uint32_t struct_size; /* sizeof(strait_merge_options), as the caller's header has it */
    const char *model;    /* required: the model, or adapters (a directory, a checkpoint, a run) that name it */
    const char *adapter;  /* the adapters, where `model` is not them; NULL */
    const char *out;      /* required: the model directory to write, which must not hold a model yet */
    const char *dtype;    /* of its weights: "f32", "bf16", or NULL: as the model is stored */
} strait_merge_options;

/*
 * Writes a model directory without adapters: each adapted weight W becomes W + scale·(B A), computed in binary64 and
 * rounded to f32, then to the dtype; everything else is the model's, its tokenizer and generation_config.json with it.
 * In bf16 that rounding may be larger than what an adapter adds, so the result may differ from model and adapters
 * together.
 *
 * STRAIT_ERR_USAGE: there are no adapters. STRAIT_ERR_SHAPE: they do not fit the model.
 */
strait_status strait_merge(const strait_merge_options *options) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
