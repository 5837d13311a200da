/* Programs that were compiled in an earlier run are loaded instead. Private to src/device. */
#ifndef STRAIT_DEVICE_PROGRAM_CACHE_H
#define STRAIT_DEVICE_PROGRAM_CACHE_H

#include "device/device.h"

/*
 * As program_build of the driver, with the binary kept on disk by text, options, contract, device and driver. What the
 * driver will not load is built again; a cache that cannot be read or written is no error. STRAIT_KERNEL_CACHE=off
 * builds every time.
 */
strait_status strait__program_build(const strait_driver *driver, strait_handle device, const strait_device_props *props,
                                    const strait_program_source *source, strait_handle *out) STRAIT_MUST_USE;

#endif
