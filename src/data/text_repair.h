/* Well-formed UTF-8 (Unicode 15, table 3-7): finding and replacing what is not. Pure functions of bytes. */
#ifndef STRAIT_DATA_TEXT_REPAIR_H
#define STRAIT_DATA_TEXT_REPAIR_H

#include "base/buffer.h"

/* How many bytes from the start are well-formed; equal to `length` where all are. */
size_t strait__text_valid_prefix(const char *bytes, size_t length);

/* Appends the text with each ill-formed sequence (the longest prefix of a well-formed one, or one byte) replaced by
 * U+FFFD, as the WHATWG decoder does; *out_replaced is how many there were. */
strait_status strait__text_repair(const char *bytes, size_t length, strait_buffer *out,
                                  int64_t *out_replaced) STRAIT_MUST_USE;

#endif
