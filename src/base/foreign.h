/*
 * Files that are neither text nor of a format of ours, by their first bytes: so that they are refused by name.
 */
#ifndef STRAIT_BASE_FOREIGN_H
#define STRAIT_BASE_FOREIGN_H

#include <stddef.h>

/* So many first bytes are looked at; fewer do for most formats. */
enum { STRAIT_FOREIGN_HEAD = 512 };

/* What the file is, and what to do instead: "a Parquet file, which is not read here: ...". NULL where nothing is
 * known. Static. */
const char *strait_foreign_kind(const void *head, size_t length);
/* The same of a file by its path; NULL also where it cannot be read. */
const char *strait_foreign_file(const char *path);

#endif
