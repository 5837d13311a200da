/*
 * Glue over jansson: reading with the file's name, line and column in every error, duplicate keys refused, and writing
 * with numbers that read back to the same bits in the fewest digits (1e-06, not 9.9999999999999995e-7).
 */
#ifndef STRAIT_BASE_JSON_H
#define STRAIT_BASE_JSON_H

#include "base/buffer.h"

#include <jansson.h>

/*
 * Parses `length` bytes, an object or an array; `name` is what errors call it. The caller owns *out (json_decref).
 * STRAIT_ERR_FORMAT with line and column otherwise. "\u0000" is kept inside string values (not keys): where that
 * matters, take lengths from json_string_length. Integers of more than 64 bits are read as reals.
 */
strait_status strait_json_parse(const char *name, const char *bytes, size_t length, json_t **out) STRAIT_MUST_USE;
/* The same for one line of a file of JSON lines: errors say "name:line:" and the column. */
strait_status strait_json_parse_line(const char *name, int64_t line, const char *bytes, size_t length,
                                     json_t **out) STRAIT_MUST_USE;
/* Reads and parses a file of at most 1 GiB. */
strait_status strait_json_read(const char *path, json_t **out) STRAIT_MUST_USE;
/* Appends `value` as text; `indent` spaces per level, 0 = one line without spaces. Key order is kept, text stays UTF-8.
 */
strait_status strait_json_format(const json_t *value, int indent, strait_buffer *out) STRAIT_MUST_USE;
/* Appends UTF-8 text in quotes, with what JSON asks to be escaped. */
strait_status strait_json_format_string(const char *bytes, size_t length, strait_buffer *out) STRAIT_MUST_USE;
/* Appends the shortest decimal that reads back to the same double ("null" where not finite), in the forms of Python's
 * repr: 1.0, 0.0001, 1e-06, 1e+16. */
strait_status strait_json_format_real(double value, strait_buffer *out) STRAIT_MUST_USE;

#endif
