/*
 * What is known about a thing, as named values in order: one description, shown as JSON or as lines for people.
 * Private to `info`.
 */
#ifndef STRAIT_CKPT_FACTS_H
#define STRAIT_CKPT_FACTS_H

#include "base/buffer.h"

#include <jansson.h>

/* Zero-initialise `status`; after the first failure (no memory, not UTF-8) the puts do nothing. */
typedef struct strait__facts {
    json_t *object;
    strait_status status;
} strait__facts;

/* Begins with "path" and "kind". */
void strait__facts_init(strait__facts *facts, const char *path, const char *kind);
void strait__facts_fini(strait__facts *facts);

void strait__facts_text(strait__facts *facts, const char *key, const char *value);
/* A key that ends in "_bytes" is shown as a size. */
void strait__facts_int(strait__facts *facts, const char *key, int64_t value);
void strait__facts_real(strait__facts *facts, const char *key, double value);
void strait__facts_bool(strait__facts *facts, const char *key, bool value);
/* Takes the reference; NULL is out of memory. */
void strait__facts_json(strait__facts *facts, const char *key, json_t *value);

/* Appends "PATH: KIND" and a line for each fact. */
strait_status strait__facts_format_text(const strait__facts *facts, strait_buffer *out) STRAIT_MUST_USE;
strait_status strait__facts_format_json(const strait__facts *facts, strait_buffer *out) STRAIT_MUST_USE;

#endif
