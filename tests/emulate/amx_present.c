/* Stands in for backends/cpu/amx.c where AMX is emulated (tests/avx512.sh). */
#include "backends/cpu/cpu.h"

const char *strait__cpu_amx_absent(void)
{
    return NULL;
}
