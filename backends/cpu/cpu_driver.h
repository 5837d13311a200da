/* The CPU as an ordinary backend below the waist. */
#ifndef STRAIT_BACKENDS_CPU_CPU_DRIVER_H
#define STRAIT_BACKENDS_CPU_CPU_DRIVER_H

#include "device/device.h"

/*
 * One device, "cpu:0". Its queues are synchronous: work is done when the call that put it there returns, so waits are
 * over at once and an event is done when it is recorded (and counts as done before it ever was). Queues of several
 * threads take turns at the pool. Before each op the calling thread's floating-point control register is checked; if it
 * was changed it is set right again and the op is refused with a message that says so.
 */
extern const strait_driver strait_cpu_driver;

#endif
