/*
 * The error of the functions in kernels/formula over all 2^32 inputs, in units in the last place of binary32 against
 * the C library's binary64 functions, whose own error is 2^-29 of that. Exits 1 where a bound is broken.
 * usage: strait_ulp [FUNCTION|all] [STRIDE]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/ulp/formulas.h"

static bool measure(const formula *f, uint64_t stride)
{
    double worst = 0.0;
    float worst_at = 0.0f;
    for (uint64_t i = 0; i <= UINT32_MAX; i += stride) {
        float x = strait_f_real((uint32_t)i);
        double error = formula_error(f, x);
        if (error > worst) {
            worst = error;
            worst_at = x;
        }
    }
    printf("%-8s %.4f ulp at %a\n", f->name, worst, (double)worst_at);
    fflush(stdout);
    return worst <= formula_bound;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "all";
    uint64_t stride = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    if (stride == 0) stride = 1;
    bool good = true;
    int measured = 0;
    for (int i = 0; i < FORMULA_COUNT; ++i) {
        if (strcmp(only, "all") != 0 && strcmp(only, formulas[i].name) != 0) continue;
        good &= measure(&formulas[i], stride);
        ++measured;
    }
    if (measured == 0) fprintf(stderr, "strait_ulp: no function \"%s\"\n", only);
    return good && measured > 0 ? 0 : 1;
}
