/* What the processor says of AMX. A file of its own, so that a test can stand in for a processor that has it. */
#include "backends/cpu/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* CPUID leaf 7, EDX. Not __builtin_cpu_supports: clang 14 does not know these names. */
#define AMX_BF16_BIT (1U << 22)
#define AMX_TILE_BIT (1U << 24)

bool strait__cpu_amx_bits(void)
{
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AMX_BF16_BIT) && (d & AMX_TILE_BIT);
}
#else
bool strait__cpu_amx_bits(void)
{
    return false;
}
#endif
