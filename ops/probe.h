/*
 * Does a device compute as the exact contract supposes? A few tiny calls of ordinary ops, with inputs chosen so that
 * each fault gives other bits: contraction of a product into an add, an fma that rounds twice, subnormals flushed on
 * the way into or out of any operation, division and square root by estimates, lost signs of zero, and bf16 narrowing.
 */
#ifndef STRAIT_OPS_PROBE_H
#define STRAIT_OPS_PROBE_H

#include "device/device.h"

/*
 * A device that takes programs must also report what exact needs: subnormals, infinities and NaN, rounding to nearest,
 * fma. Runs the probe through the kernels that an exact run would use. STRAIT_ERR_UNSUPPORTED names the first case that
 * gave other bits, or an op the device does not have: exact must then be refused on it. Takes well below a millisecond
 * on a CPU, and where programs are taken the time to build those of five ops; allocates and frees device memory under
 * the tag "other".
 */
strait_status strait_numerics_probe(strait_device *device, strait_queue *queue) STRAIT_MUST_USE;

#endif
