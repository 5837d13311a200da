/*
 * Which instruction sets this processor has. Only feature bits are asked, which include the system's support for the
 * registers; never vendor or family, whose lists are always behind the newest chip. AMX has a file of its own.
 */
#include "backends/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *absent_generic(void)
{
    return NULL;
}

#if defined(__x86_64__)
static const char *absent_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? NULL : "this processor has no avx2";
}

static const char *absent_avx512(void)
{
    if (absent_avx2()) return absent_avx2();
    int all = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return all ? NULL : "this processor has no avx512";
}

static const char *absent_avx512bf16(void)
{
    return __builtin_cpu_supports("avx512bf16") ? absent_avx512() : "this processor has no avx512bf16";
}

static const char *absent_amx(void)
{
    const char *reason = strait__cpu_amx_absent();
    return reason ? reason : absent_avx512();
}
#elif defined(__aarch64__)
/* Advanced SIMD with fma is part of the base architecture. */
static const char *absent_neon(void)
{
    return NULL;
}
#endif

static const strait_cpu_isa isas[] = {
#define STRAIT_CPU_ISA(name) {#name, absent_##name, strait__cpu_kernels_##name, &strait__cpu_loops_##name},
#include "backends/cpu/isa.def"
#undef STRAIT_CPU_ISA
};

enum { ISA_COUNT = sizeof isas / sizeof isas[0] };

const strait_cpu_isa *strait__cpu_isas(int *out_count)
{
    *out_count = ISA_COUNT;
    return isas;
}

/* "generic, avx2 (avx512 was built but this processor has no avx512)" would be longer than useful: names only. */
static void list_present(char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < ISA_COUNT; ++i) {
        if (isas[i].absent()) continue;
        int wrote = snprintf(text + used, size - used, "%s%s", used ? ", " : "", isas[i].name);
        if (wrote < 0 || (size_t)wrote >= size - used) return;
        used += (size_t)wrote;
    }
}

strait_status strait__cpu_isa_select(const char *name, const strait_cpu_isa **out, int *out_named)
{
    const char *source = "the isa option";
    if (!name) {
        name = getenv("STRAIT_CPU");
        source = "STRAIT_CPU";
    }
    char there[128];
    list_present(there, sizeof there);
    *out_named = name && name[0];
    if (!*out_named) {
        for (int i = ISA_COUNT - 1; i >= 0; --i) {
            if (isas[i].absent()) continue;
            *out = &isas[i];
            return STRAIT_OK;
        }
    }
    for (int i = 0; name && i < ISA_COUNT; ++i) {
        if (strcmp(isas[i].name, name) != 0) continue;
        const char *reason = isas[i].absent();
        if (reason) {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s asks for %s, but %s; there is: %s", source, name, reason,
                               there);
        }
        *out = &isas[i];
        return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s asks for instruction set \"%s\", which is unknown; there is: %s", source,
                       name ? name : "", there);
}
