/*
 * Ops at the waist. Shapes, buffers and dimensions of every op stand in the public header, which a backend sees too;
 * here is what only this side needs.
 */
#ifndef STRAIT_DEVICE_OP_H
#define STRAIT_DEVICE_OP_H

#include <strait/device_plugin.h>

#include "tensor/dtype.h"

const char *strait_op_name(strait_op op);

/*
 * Does the call use what the header of plug-ins has since 1.2 only: an op, or a dim that was not there? That an output
 * may stand in an input's place is new too, and no call tells.
 */
bool strait__op_is_of_1_2(const strait_op_desc *desc);

#endif
