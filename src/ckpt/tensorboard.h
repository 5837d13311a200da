/*
 * TensorBoard event files: scalars by step, framed and encoded as TensorBoard reads them. No other library is needed.
 *
 * A file is a row of records: u64 length, masked CRC-32C of these 8 bytes, an Event message of protocol buffers, masked
 * CRC-32C of the message; all little-endian.
 */
#ifndef STRAIT_CKPT_TENSORBOARD_H
#define STRAIT_CKPT_TENSORBOARD_H

#include "base/buffer.h"

typedef struct strait_tensorboard strait_tensorboard;

typedef struct strait_scalar {
    const char *tag; /* "loss/train" */
    double value;    /* stored as float32 */
} strait_scalar;

/*
 * Begins a new file events.out.tfevents.<time>.<host>.<pid> in `directory` (created if need be). Where purge_step is 0
 * or more, TensorBoard forgets what earlier files of the directory say of this step and later ones: pass the first step
 * that will be run again. `time` is in seconds since 1970. The caller closes.
 */
strait_status strait_tensorboard_create(const char *directory, double time, int64_t purge_step,
                                        strait_tensorboard **out_writer) STRAIT_MUST_USE;

/* One event with all scalars of a step, in one write. No allocation after the first calls. */
strait_status strait_tensorboard_write(strait_tensorboard *writer, int64_t step, double time,
                                       const strait_scalar *scalars, size_t count) STRAIT_MUST_USE;
/* Flushes to disk. */
strait_status strait_tensorboard_sync(strait_tensorboard *writer) STRAIT_MUST_USE;
void strait_tensorboard_close(strait_tensorboard *writer);

/* What an event file holds. */
typedef struct strait_tensorboard_summary {
    int64_t events;
    int64_t first_step; /* of scalars; -1 where there are none */
    int64_t last_step;
    bool torn; /* the last record is cut off, as after a kill */
} strait_tensorboard_summary;

/* Reads a whole file, checking every CRC. STRAIT_ERR_FORMAT where it is no event file, STRAIT_ERR_CORRUPT at a damage.
 */
strait_status strait_tensorboard_inspect(const char *path, strait_tensorboard_summary *out) STRAIT_MUST_USE;

/* CRC-32C (Castagnoli) of `length` bytes. */
uint32_t strait_crc32c(const void *bytes, size_t length);

#endif
