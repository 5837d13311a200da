/* Which parameters Muon updates, and the numbers of one step. */
#include "optim/muon.h"

#include "device/op.h"

#include <math.h>
#include <string.h>

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name);
    size_t tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

bool strait_muon_takes(const strait_param *param)
{
    static const char layers[] = "model.layers.";
    if (param->buffer || param->rank != 2) return false;
    if (strncmp(param->name, layers, sizeof layers - 1) != 0 || !ends_with(param->name, ".weight")) return false;
    return !ends_with(param->name, ".mlp.gate.weight"); /* a router */
}

float strait_muon_scale_of(strait_muon_scale scale, int64_t rows, int64_t columns)
{
    double m = (double)rows;
    double n = (double)columns;
    if (scale == STRAIT_MUON_ORIGINAL) return (float)sqrt(m > n ? m / n : 1.0);
    return (float)(0.2 * sqrt(m > n ? m : n));
}

void strait_muon_step(const strait_muon *muon, double lr, double weight_decay, float *out_words)
{
    double own = lr * muon->lr_ratio;
    out_words[STRAIT_STEP_MUON_MOMENTUM] = (float)muon->momentum;
    out_words[STRAIT_STEP_MUON_LR] = (float)own;
    out_words[STRAIT_STEP_MUON_W] = (float)(1.0 - own * weight_decay);
}
