/*
 * The floating-point environment of the exact contract: round to nearest even, subnormals kept, no traps. Libraries
 * built with fast-math set flush-to-zero when they are loaded, and new threads inherit it, so it is set and checked.
 */
#ifndef STRAIT_BASE_FPENV_H
#define STRAIT_BASE_FPENV_H

#include <stdint.h>

/* This thread's control register, without the sticky flags of past operations: MXCSR, or FPCR on arm64. */
uint32_t strait_fpenv_get(void);
/* What it must be: 0x1F80, or 0 on arm64. */
uint32_t strait_fpenv_wanted(void);
/* Sets this thread to it. */
void strait_fpenv_set(void);

#endif
