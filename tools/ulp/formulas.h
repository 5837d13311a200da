/*
 * The functions of kernels/formula with their binary64 references, and the error between the two: shared by the
 * exhaustive program here and the sampling unit test.
 */
#ifndef STRAIT_TOOLS_ULP_FORMULAS_H
#define STRAIT_TOOLS_ULP_FORMULAS_H

#include <stddef.h>

#include "kernels/formula/scalar.h"

typedef struct formula {
    const char *name;
    float (*ours)(float);
    double (*reference)(double);
    double zero_below; /* where the contract asks for +0 */
} formula;

static double sigmoid64(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static const formula formulas[] = {
    {"exp", strait_f_exp, exp, (double)-87.33f},
    {"log", strait_f_log, log, -HUGE_VAL},
    {"sigmoid", strait_f_sigmoid, sigmoid64, (double)-87.33f},
    {"tanh", strait_f_tanh, tanh, -HUGE_VAL},
    {"sin", strait_f_sin, sin, -HUGE_VAL},
    {"cos", strait_f_cos, cos, -HUGE_VAL},
};

/* |ours - reference| in units of the last place at the reference's magnitude; 0 where both are the same non-number. */
static double error_in_ulp(float ours, double reference)
{
    if (isnan(reference)) return isnan(ours) ? 0.0 : HUGE_VAL;
    if (isnan(ours)) return HUGE_VAL;
    /* Overflow is right where rounding the reference overflows. */
    if (isinf((float)reference) || isinf(ours)) return (float)reference == ours ? 0.0 : HUGE_VAL;
    int exponent = 0;
    frexp(reference, &exponent);
    if (exponent < -125) exponent = -125;
    return fabs((double)ours - reference) / ldexp(1.0, exponent - 24);
}

enum { FORMULA_COUNT = sizeof formulas / sizeof formulas[0] };
static const double formula_bound = 2.0; /* ulp */

static double formula_error(const formula *f, float x)
{
    double reference = (double)x < f->zero_below ? 0.0 : f->reference((double)x);
    return error_in_ulp(f->ours(x), reference);
}

#endif
