/*
 * Adapters in PEFT's layout: a directory with adapter_config.json and adapter_model.safetensors, held against the model
 * that they are for; and a model as a user names it, with or without adapters.
 */
#ifndef STRAIT_TRAIN_ADAPTER_H
#define STRAIT_TRAIN_ADAPTER_H

#include "ckpt/model_dir.h"
#include "model/lora.h"
#include "train/weights.h"

typedef struct strait_adapter strait_adapter;

/*
 * Opens a directory for a base. Tensors that are missing, of another shape or of modules that the base does not have
 * are refused, all in one message with names and shapes.
 */
strait_status strait_adapter_open(const char *path, const strait_model_dir *base, strait_adapter **out) STRAIT_MUST_USE;
void strait_adapter_close(strait_adapter *adapter);
const char *strait_adapter_path(const strait_adapter *adapter);
const strait_lora_config *strait_adapter_config(const strait_adapter *adapter);
/* Borrowed until close; NULL for NULL. */
const strait_lora *strait_adapter_lora(const strait_adapter *adapter);
/* A and B of every module, widened exactly, at their places in strait_adapter_lora's parameters. */
strait_status strait_adapter_load(const strait_adapter *adapter, strait_flat_write_fn write,
                                  void *context) STRAIT_MUST_USE;

/* Whether a directory has adapters in it, intact or not. */
strait_status strait_adapter_holds(const char *directory, bool *out) STRAIT_MUST_USE;

/* What a path names. */
typedef struct strait_named_model {
    char *directory;         /* owned: of the model */
    strait_model_dir *model; /* owned */
    strait_adapter *adapter; /* owned; or NULL */
} strait_named_model;

/*
 * `path`: a model directory, a checkpoint or a run (then its newest checkpoint); where that holds adapters, the model
 * is the one that they name. `adapter`: NULL, or such a path with adapters, for a model that has none. Zero-initialise;
 * close frees, after a failure too.
 */
strait_status strait_named_model_open(strait_named_model *named, const char *path, const char *adapter) STRAIT_MUST_USE;
void strait_named_model_close(strait_named_model *named);

#endif
