/*
 * Strait's version, and the one text helper that both sides of the API need.
 *
 * The other public headers are included one by one; this one needs none of them.
 */
#ifndef STRAIT_STRAIT_H
#define STRAIT_STRAIT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The only place of the version: CMakeLists.txt reads it from here. */
#define STRAIT_VERSION "0.1.0"

/* The version of the library that was linked, e.g. "0.1.0". Never NULL, static. */
const char *strait_version(void);

/*
 * The candidate nearest to a mistyped `word` by edit distance (insert, delete, replace, swap of neighbours; case does
 * not count), or NULL where none is near enough to be worth offering: more than a third of the longer word's length
 * would have to change. Ties go to the first. Words longer than 63 bytes are never near. Thread-safe, no allocation.
 *
 * strait_nearest_distance gives the distance itself, or -1 where the two are not near.
 */
const char *strait_nearest(const char *word, const char *const *candidates, size_t count);
int strait_nearest_distance(const char *word, const char *candidate);

#ifdef __cplusplus
}
#endif
#endif
