/* UTF-8: decoding with the exact extent of ill-formed parts, validation and repair. */
#ifndef STRAIT_BASE_UTF8_H
#define STRAIT_BASE_UTF8_H

#include "base/buffer.h"

/*
 * The character at bytes[0 .. length), length > 0: its length in bytes (1 to 4) and *out_code. Where the bytes are
 * ill-formed: minus the length of the maximal part that U+FFFD replaces (Unicode 15, section 3.9), *out_code untouched.
 */
int strait_utf8_decode(const char *bytes, size_t length, uint32_t *out_code);

/* Whether the bytes (1 to 3) begin a character and end before it does. */
bool strait_utf8_unfinished(const char *bytes, size_t length);

/* Length of the longest well-formed prefix. */
size_t strait_utf8_valid_prefix(const char *bytes, size_t length);

/* Writes a code point below 0x110000; returns its length. */
size_t strait_utf8_encode(uint32_t code, char out[4]);

/* Appends the bytes with every ill-formed part replaced by U+FFFD; adds the bytes replaced to *invalid_bytes. */
strait_status strait_utf8_repair(const char *bytes, size_t length, strait_buffer *out,
                                 size_t *invalid_bytes) STRAIT_MUST_USE;

#endif
