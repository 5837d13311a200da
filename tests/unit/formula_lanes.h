/* What formula_lanes.c defines for each instruction set: exp, log, sigmoid and tanh of 64 values. */
#ifndef STRAIT_TESTS_UNIT_FORMULA_LANES_H
#define STRAIT_TESTS_UNIT_FORMULA_LANES_H

enum { FORMULA_LANES_COUNT = 4 };

#define STRAIT_CPU_ISA(name) void formula_lanes_##name(const float x[64], float y[FORMULA_LANES_COUNT][64]);
#include "backends/cpu/isa.def"
#undef STRAIT_CPU_ISA

#endif
