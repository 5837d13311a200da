/* Flat buffers of parameters that a device keeps in bf16, buffers among them in f32, from and to f32 in host memory. */
#ifndef STRAIT_TRAIN_FLAT_H
#define STRAIT_TRAIN_FLAT_H

#include "device/device.h"
#include "model/params.h"

/* Elements [offset, offset + count); rounded to nearest even. A part of a buffer's room is written with its values. */
strait_status strait_flat_narrow(strait_queue *queue, strait_memory *memory, const strait_params *params,
                                 int64_t offset, int64_t count, const float *host) STRAIT_MUST_USE;
strait_status strait_flat_widen(strait_queue *queue, strait_memory *memory, const strait_params *params, int64_t offset,
                                int64_t count, float *host) STRAIT_MUST_USE;

#endif
