/*
 * Bytes kept between runs in $XDG_CACHE_HOME/strait/kernels (or ~/.cache/strait/kernels), each under a key that names
 * everything they depend on. The key is kept with them and compared; what is damaged counts as absent. The oldest make
 * room when all together pass a limit. Several processes may use it at once. Private to src/device.
 */
#ifndef STRAIT_DEVICE_DISK_CACHE_H
#define STRAIT_DEVICE_DISK_CACHE_H

#include "base/buffer.h"

/* All entries together; more than a hundred times what the portable kernels need. */
#define STRAIT__DISK_CACHE_BYTES (INT64_C(256) << 20)

/* Appends to `out`. STRAIT_ERR_NOT_FOUND: nothing (sound) is kept under the key. */
strait_status strait__disk_cache_read(const char *key, size_t key_length, strait_buffer *out) STRAIT_MUST_USE;
strait_status strait__disk_cache_write(const char *key, size_t key_length, const void *bytes,
                                       size_t length) STRAIT_MUST_USE;
/* Removes the oldest entries until the rest is at most `limit` bytes. */
strait_status strait__disk_cache_trim(int64_t limit) STRAIT_MUST_USE;

#endif
