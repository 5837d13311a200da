/*
 * Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et al., "Muon is scalable
 * for LLM training", 2025): which parameters it updates, and the numbers of one step, in binary64, rounded to f32.
 */
#ifndef STRAIT_OPTIM_MUON_H
#define STRAIT_OPTIM_MUON_H

#include "model/params.h"

typedef enum strait_muon_scale {
    STRAIT_MUON_MATCH_RMS_ADAMW = 0, /* 0.2 sqrt(max(rows, columns)): updates as large as AdamW's usually are */
    STRAIT_MUON_ORIGINAL = 1         /* sqrt(max(1, rows / columns)) */
} strait_muon_scale;

typedef struct strait_muon {
    bool used; /* false: AdamW updates everything */
    double momentum;
    double lr_ratio; /* its learning rate over AdamW's */
    strait_muon_scale scale;
} strait_muon;

/*
 * Whether Muon updates this parameter: a matrix inside a layer by its saved name, but no router, embedding or head. The
 * matrices of each expert are parameters of their own.
 */
bool strait_muon_takes(const strait_param *param);

/* What the update of a matrix is multiplied by beside the learning rate. */
float strait_muon_scale_of(strait_muon_scale scale, int64_t rows, int64_t columns);

/* Fills the STRAIT_STEP_MUON_* words of device/op.h; lr is AdamW's. */
void strait_muon_step(const strait_muon *muon, double lr, double weight_decay, float *out_words);

#endif
