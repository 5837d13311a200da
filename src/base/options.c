/* The size with which public structs of options begin; see the header. */
#include "base/options.h"

#include <stdint.h>
#include <string.h>

/* No struct will ever grow by this much: a larger size is not a size, and memory there is not the caller's. */
#define GROWTH_MAX 4096

strait_status strait__options_check(const void *options, size_t size, const char *name)
{
    uint32_t given;
    if (!options) return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: no options given (NULL)", name);
    memcpy(&given, options, sizeof given);
    if (given < size || given > size + GROWTH_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "%s.struct_size is %u, this library's is %zu: set it to sizeof(%s), and compile with the "
                           "headers of this library",
                           name, (unsigned)given, size, name);
    }
    const unsigned char *bytes = options;
    for (size_t i = size; i < given; i++) {
        if (bytes[i] != 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE,
                               "%s.struct_size is %u, this library's is %zu, and an option that it does not know is "
                               "set: leave it at zero, or link a newer library",
                               name, (unsigned)given, size);
        }
    }
    return STRAIT_OK;
}
