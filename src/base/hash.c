/* SHA-256 over nettle. */
#include "base/hash.h"

#include "base/file.h"

#include <nettle/sha2.h>
#include <string.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(strait_sha256), "nettle's SHA-256 context has grown");

void strait_sha256_init(strait_sha256 *hash)
{
    sha256_init((struct sha256_ctx *)(void *)hash->state);
}

void strait_sha256_update(strait_sha256 *hash, const void *bytes, size_t length)
{
    sha256_update((struct sha256_ctx *)(void *)hash->state, length, bytes);
}

void strait_sha256_final(strait_sha256 *hash, char out_hex[STRAIT_SHA256_HEX])
{
    unsigned char digest[STRAIT_SHA256_BYTES];
    sha256_digest((struct sha256_ctx *)(void *)hash->state, sizeof digest, digest);
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof digest; i++) {
        out_hex[2 * i] = digits[digest[i] >> 4];
        out_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    out_hex[64] = '\0';
}

strait_status strait_sha256_file(const char *path, char out_hex[STRAIT_SHA256_HEX])
{
    strait_map map;
    STRAIT_TRY(strait_file_map(path, &map));
    strait_sha256 hash;
    strait_sha256_init(&hash);
    if (map.length > 0) strait_sha256_update(&hash, map.bytes, map.length);
    strait_sha256_final(&hash, out_hex);
    strait_file_unmap(&map);
    return STRAIT_OK;
}
