/* The numbers of one AdamW step. */
#include "optim/adamw.h"

#include "base/math64.h"
#include "device/op.h"

#include <math.h>
#include <string.h>

void strait_adamw_step(const strait_adamw *adamw, int64_t step, double lr, int64_t targets, float *out_words)
{
    uint64_t t = (uint64_t)step;
    memset(out_words, 0, STRAIT_STEP_WORDS * sizeof *out_words);
    out_words[STRAIT_STEP_LOSS_SCALE] = targets > 0 ? (float)(1.0 / (double)targets) : 0.0f;
    out_words[STRAIT_STEP_A] = (float)(lr / (1.0 - strait_math_powi(adamw->beta1, t)));
    out_words[STRAIT_STEP_B] = (float)(1.0 / sqrt(1.0 - strait_math_powi(adamw->beta2, t)));
    out_words[STRAIT_STEP_W] = (float)(1.0 - lr * adamw->weight_decay);
    out_words[STRAIT_STEP_BETA1] = (float)adamw->beta1;
    out_words[STRAIT_STEP_BETA2] = (float)adamw->beta2;
    out_words[STRAIT_STEP_1_BETA1] = (float)(1.0 - adamw->beta1);
    out_words[STRAIT_STEP_1_BETA2] = (float)(1.0 - adamw->beta2);
    out_words[STRAIT_STEP_EPS] = (float)adamw->eps;
    out_words[STRAIT_STEP_CLIP] = (float)adamw->clip;
    for (int i = 0; i < 2; i++) out_words[STRAIT_STEP_SEED + i] = (float)(adamw->seed >> (16 * i) & 0xffffu);
    for (int i = 0; i < 4; i++) out_words[STRAIT_STEP_T + i] = (float)(t >> (16 * i) & 0xffffu);
}
