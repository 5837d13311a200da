/*
 * Elementary functions in binary64 whose bits are the same on every machine: plain IEEE additions, multiplications and
 * divisions, no fma, no tables, no libm. They serve what is computed once on the host (rotary tables, schedules,
 * initial weights). Speed is that of careful C, not of a vector library.
 *
 * Accuracy, checked against libm in tests/unit/test_math64.c: within 1 ulp on the ranges below.
 */
#ifndef STRAIT_BASE_MATH64_H
#define STRAIT_BASE_MATH64_H

#include <stdint.h>

/* The double nearest to pi. */
#define STRAIT_MATH_PI 0x1.921fb54442d18p+1

/* e to the x. Above 709.79 infinity, below -745.14 zero, subnormals kept; NaN gives NaN. */
double strait_math_exp(double x);

/* The natural logarithm. 0 gives -infinity, negative values NaN, infinity infinity. Subnormals are read correctly. */
double strait_math_log(double x);

/* Sine and cosine of x radians, |x| <= 2^23. Beyond that, and for infinities, NaN: the reduction would lose digits. */
double strait_math_sin(double x);
double strait_math_cos(double x);

/* x to the n by binary exponentiation, high bit first: the power rule of the exact contract. n = 0 gives 1. */
double strait_math_powi(double x, uint64_t n);

/* x to the y for x > 0, as exp(y * log(x)): the error grows with |y * log(x)|, about 1 ulp per unit of it. */
double strait_math_pow(double x, double y);

#endif
