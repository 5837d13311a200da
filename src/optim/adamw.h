/*
 * The numbers of one AdamW step (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019), computed on the
 * host in binary64 as functions of the step only and rounded to f32, as docs/numerics.md has them.
 */
#ifndef STRAIT_OPTIM_ADAMW_H
#define STRAIT_OPTIM_ADAMW_H

#include <stdint.h>

typedef struct strait_adamw {
    double beta1;
    double beta2;
    double eps; /* at least 1e-12 */
    double weight_decay;
    double clip;   /* 0 = none */
    uint32_t seed; /* of stochastic rounding; unused where weights and moments are f32 */
} strait_adamw;

/* Fills the STRAIT_STEP_* words of device/op.h for step t = 1, 2, ... at learning rate lr, `targets` target tokens. */
void strait_adamw_step(const strait_adamw *adamw, int64_t step, double lr, int64_t targets, float *out_words);

#endif
