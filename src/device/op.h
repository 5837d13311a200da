/*
 * Ops at the waist. Shapes, buffers and dimensions of every op stand in the public header, which a backend sees too;
 * here is what only this side needs.
 */
#ifndef STRAIT_DEVICE_OP_H
#define STRAIT_DEVICE_OP_H

#include <strait/device_plugin.h>

#include "tensor/dtype.h"

const char *strait_op_name(strait_op op);

#endif
