/* SHA-256 (FIPS 180-4), by nettle. */
#ifndef STRAIT_BASE_HASH_H
#define STRAIT_BASE_HASH_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define STRAIT_SHA256_BYTES 32U
#define STRAIT_SHA256_HEX 65 /* 64 digits and the terminating zero */

typedef struct strait_sha256 {
    _Alignas(16) unsigned char state[128]; /* opaque; holds nettle's context */
} strait_sha256;

void strait_sha256_init(strait_sha256 *hash);
void strait_sha256_update(strait_sha256 *hash, const void *bytes, size_t length);
void strait_sha256_final(strait_sha256 *hash, char out_hex[STRAIT_SHA256_HEX]);

/* The hash of a whole file. */
strait_status strait_sha256_file(const char *path, char out_hex[STRAIT_SHA256_HEX]) STRAIT_MUST_USE;

#endif
