/*
 * Public structs of options that may grow: how a library and a caller of different ages understand each other. Knows no
 * option.
 */
#ifndef STRAIT_BASE_OPTIONS_H
#define STRAIT_BASE_OPTIONS_H

#include "base/status.h"

#include <stddef.h>

/*
 * Checks the `uint32_t struct_size` with which `options` begins against `size`, the library's. A larger struct is one
 * of a newer header: it is taken where all that it has more is zero, which is default. NULL, one that is too small (not
 * set, or an older header) and one with something in its tail are STRAIT_ERR_USAGE; the message names `name`.
 */
strait_status strait__options_check(const void *options, size_t size, const char *name) STRAIT_MUST_USE;

#endif
