/* The map of byte-level BPE between the 256 bytes and 256 visible characters, as GPT-2 introduced it. */
#ifndef STRAIT_TOKEN_BYTE_LEVEL_H
#define STRAIT_TOKEN_BYTE_LEVEL_H

#include "base/buffer.h"

/* The code point that stands for a byte: itself where it is a visible Latin-1 character, else U+0100 upwards. */
uint32_t strait__byte_level_code(unsigned char byte);
/* The byte that a code point stands for, or -1. */
int strait__byte_level_byte(uint32_t code);

/* Appends the visible form of `length` bytes. */
strait_status strait__byte_level_format(const char *bytes, size_t length, strait_buffer *out) STRAIT_MUST_USE;
/* Appends the bytes of a visible form. *out_code gets the first code point outside the map, and `out` is left as it
 * was, or 0 where all was well. `text` is well-formed UTF-8. */
strait_status strait__byte_level_parse(const char *text, size_t length, strait_buffer *out,
                                       uint32_t *out_code) STRAIT_MUST_USE;

#endif
