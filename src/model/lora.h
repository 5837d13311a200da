/*
 * Low-rank adapters (LoRA): which modules of a model have one, and the parameters of all of them. To the output of a
 * module with the weight W an adapter adds scale·(dropout(x) A^T) B^T, A being [rank, in] and B [out, rank].
 *
 * Modules are the matrices of a model's layers: of attention, of MLPs, of each expert alone, and of routers. Names are
 * PEFT's: "base_model.model." + module + ".lora_A.weight".
 */
#ifndef STRAIT_MODEL_LORA_H
#define STRAIT_MODEL_LORA_H

#include "ckpt/lora_config.h"
#include "model/params.h"

typedef struct strait_lora_module {
    char name[96]; /* "model.layers.0.self_attn.q_proj" */
    int64_t rank;
    float scale;
} strait_lora_module;

typedef struct strait_lora {
    strait_lora_module *modules; /* owned, in the order of the base's parameters: sorted by name */
    int32_t count;
    strait_params params; /* A and B of all of them: what is trained */
    double dropout;
} strait_lora;

/*
 * Finds the modules that `config` means in a model. STRAIT_ERR_USAGE where a target means none, an
 * expression is wrong, or experts of a layer would get different adapters; `name` is what messages call the config.
 */
strait_status strait_lora_create(const strait_lora_config *config, const strait_model_config *model, const char *name,
                                 strait_lora *out) STRAIT_MUST_USE;
/* Whether they can be trained: experts only without dropout. STRAIT_ERR_UNSUPPORTED. */
strait_status strait_lora_check_training(const strait_lora *lora, const char *name) STRAIT_MUST_USE;
void strait_lora_fini(strait_lora *lora);
/* The adapter of a module, or NULL; `lora` may be NULL. */
const strait_lora_module *strait_lora_find(const strait_lora *lora, const char *module);
/* Multiply-adds x 2 per token of all adapters, each expert's as often as a token goes to it (share of 1). */
double strait_lora_flops(const strait_lora *lora, double expert_share);

#endif
