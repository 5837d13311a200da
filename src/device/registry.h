/* The drivers that are built in. Private to src/device. */
#ifndef STRAIT_DEVICE_REGISTRY_H
#define STRAIT_DEVICE_REGISTRY_H

#include "device/device.h"

/*
 * Checks that a driver has what is required and copies it into `out` with every other slot filled by a stub that
 * answers STRAIT_ERR_UNSUPPORTED.
 */
strait_status strait__driver_complete(const strait_driver *driver, strait_driver *out) STRAIT_MUST_USE;

#endif
