/* Reading and setting the control register, per architecture. */
#include "base/fpenv.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

uint32_t strait_fpenv_get(void)
{
    return _mm_getcsr() & ~UINT32_C(0x3F);
}

uint32_t strait_fpenv_wanted(void)
{
    return UINT32_C(0x1F80);
}

void strait_fpenv_set(void)
{
    _mm_setcsr(strait_fpenv_wanted());
}

#elif defined(__aarch64__)

uint32_t strait_fpenv_get(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return (uint32_t)value;
}

uint32_t strait_fpenv_wanted(void)
{
    return 0;
}

void strait_fpenv_set(void)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(UINT64_C(0)));
}

#else
#error "Strait is built for x86-64 and arm64"
#endif
