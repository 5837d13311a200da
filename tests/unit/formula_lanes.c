/* The vector instantiation of kernels/formula as functions a test can call: compiled once per instruction set. */
#include "formula_lanes.h"

#include "backends/cpu/kernels/vector_formula.h"

#define FORMULA_JOIN_(a, b) a##b
#define FORMULA_JOIN(a, b) FORMULA_JOIN_(a, b)

void FORMULA_JOIN(formula_lanes_, STRAIT_ISA)(const float x[64], float y[FORMULA_LANES_COUNT][64])
{
    for (int i = 0; i < 64; i += VW) {
        vf v = vf_load(x + i);
        vf_store(y[0] + i, vf_exp(v));
        vf_store(y[1] + i, vf_log(v));
        vf_store(y[2] + i, vf_sigmoid(v));
        vf_store(y[3] + i, vf_tanh(v));
    }
}
