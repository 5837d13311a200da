/* A driver that does nothing, to clone: see README.md. */
#ifndef STRAIT_BACKENDS_NULL_NULL_DRIVER_H
#define STRAIT_BACKENDS_NULL_NULL_DRIVER_H

#include "device/device.h"

/* It has no devices; every other method answers STRAIT_ERR_UNSUPPORTED. */
extern const strait_driver strait_null_driver;

#endif
