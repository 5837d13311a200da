/*
 * Whether this process may use AMX tiles for bf16. The processor's bits are not enough: the tile registers are 8 KiB of
 * state that the system saves only for processes that asked for it, once, before the first use.
 */
#define _GNU_SOURCE
#include "backends/cpu/cpu.h"

#if defined(__x86_64__)
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux: asm/prctl.h of a kernel since 5.16, and the number of the tiles' state in XCR0. */
enum { REQUEST_STATE_PERMISSION = 0x1023, STATE_TILE_DATA = 18 };

/*
 * Asking again is free and gives the same answer. The kernel refuses where it was started without the state
 * (clearcpuid, an older hypervisor) as well as where a policy forbids it, so XCR0 need not be read.
 */
const char *strait__cpu_amx_absent(void)
{
    if (!strait__cpu_amx_bits()) return "this processor has no amx";
    if (syscall(SYS_arch_prctl, (long)REQUEST_STATE_PERMISSION, (long)STATE_TILE_DATA) == 0) return NULL;
    if (errno == EINVAL || errno == EOPNOTSUPP) {
        return "the system does not offer AMX's tile registers (Linux 5.16 or newer has them, unless it was "
               "started without)";
    }
    return "the system refuses AMX's tile registers to this process (arch_prctl; an alternate signal stack that is "
           "too small is one cause)";
}
#else
const char *strait__cpu_amx_absent(void)
{
    return "this processor has no amx";
}
#endif
