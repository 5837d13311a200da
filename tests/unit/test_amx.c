/* AMX on a processor that has it, and a system that refuses its registers: said in a sentence, and done without. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/cpu/cpu.h"

/* What the system answers; 0 grants. */
static int refusal;
static int asked;

bool __wrap_strait__cpu_amx_bits(void);
long __wrap_syscall(long number, ...);

bool __wrap_strait__cpu_amx_bits(void)
{
    return true;
}

long __wrap_syscall(long number, ...)
{
    (void)number;
    asked++;
    errno = refusal;
    return refusal == 0 ? 0 : -1;
}

#if defined(__x86_64__)
static void refused(int error, const char *sentence)
{
    const strait_cpu_isa *isa;
    int named;
    refusal = error;
    setenv("STRAIT_CPU", "amx", 1);
    assert_int_equal(strait__cpu_isa_select(NULL, &isa, &named), STRAIT_ERR_UNSUPPORTED);
    assert_non_null(strstr(strait_error_message(), "STRAIT_CPU asks for amx, but the system "));
    assert_non_null(strstr(strait_error_message(), sentence));
    assert_non_null(strstr(strait_error_message(), "; there is: generic"));
    unsetenv("STRAIT_CPU");
    /* Nobody asked for it: the next best is taken. */
    assert_int_equal(strait__cpu_isa_select(NULL, &isa, &named), STRAIT_OK);
    assert_string_not_equal(isa->name, "amx");
    assert_true(asked > 0);
}

static void the_kernel_has_no_such_state(void **state)
{
    (void)state;
    refused(EINVAL, "does not offer AMX's tile registers (Linux 5.16 or newer has them");
    refused(EOPNOTSUPP, "does not offer AMX's tile registers");
}

static void a_policy_forbids_it(void **state)
{
    (void)state;
    refused(EPERM, "refuses AMX's tile registers to this process (arch_prctl");
    refused(ENOSPC, "an alternate signal stack that is too small");
}

static void granted(void **state)
{
    (void)state;
    refusal = 0;
    assert_null(strait__cpu_amx_absent());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_has_no_such_state),
        cmocka_unit_test(a_policy_forbids_it),
        cmocka_unit_test(granted),
    };
    return cmocka_run_group_tests_name("amx", tests, NULL, NULL);
}
#else
static void never(void **state)
{
    (void)state;
    assert_non_null(strait__cpu_amx_absent());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(never)};
    return cmocka_run_group_tests_name("amx", tests, NULL, NULL);
}
#endif
