/* Drivers, built in or found as plug-ins. Private to src/device. */
#ifndef STRAIT_DEVICE_REGISTRY_H
#define STRAIT_DEVICE_REGISTRY_H

#include "device/device.h"

/*
 * Checks that a driver has what is required and copies it into `out` with every other slot filled by a stub that
 * answers STRAIT_ERR_UNSUPPORTED.
 */
strait_status strait__driver_complete(const strait_driver *driver, strait_driver *out) STRAIT_MUST_USE;
/* Whether a completed driver had all four functions of capture. */
bool strait__driver_captures(const strait_driver *driver);

/*
 * The driver called `name` (`length` characters), built in or a plug-in, completed. A plug-in that is there and cannot
 * be used is an error with the reason; unknown names list what there is.
 */
strait_status strait__driver_find(const char *name, size_t length, strait_driver *out) STRAIT_MUST_USE;

#endif
