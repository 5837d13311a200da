/*
 * Text in which every byte knows where it came from: the template, or what was handed in (messages, tools). A control
 * token that a message spells out can so be told from one that the template wrote.
 */
#ifndef STRAIT_CHAT_TEXT_H
#define STRAIT_CHAT_TEXT_H

#include "base/buffer.h"

/* Of one text: a template comes from outside, and may be made to write without end. */
enum { STRAIT__TEXT_MAX = 64 << 20 };

/* Zero-initialise, then append; fini frees. Both buffers have the same length; 1 in `foreign` = handed in.
 * STRAIT_ERR_RANGE beyond STRAIT__TEXT_MAX bytes. */
typedef struct strait__text {
    strait_buffer bytes;
    strait_buffer foreign;
} strait__text;

/* `foreign` has a byte for each of `bytes`, or is NULL where all are the template's. */
strait_status strait__text_append(strait__text *text, const char *bytes, size_t length,
                                  const unsigned char *foreign) STRAIT_MUST_USE;
/* The same with one origin for all bytes. */
strait_status strait__text_append_from(strait__text *text, const char *bytes, size_t length,
                                       unsigned char foreign) STRAIT_MUST_USE;
void strait__text_fini(strait__text *text);

/* Where `part` (of at least one byte) begins in the bytes; `length` where it is not there. */
size_t strait__text_find(const char *bytes, size_t length, const char *part, size_t part_length);

/* ---- what Python's str knows about characters ---- */

bool strait__is_space(uint32_t code);
/* Bytes of white space at the beginning and at the end of UTF-8 text. */
size_t strait__space_before(const char *bytes, size_t length);
size_t strait__space_after(const char *bytes, size_t length);
/* Characters of UTF-8 text, and the byte at which character `index` begins (length, where there are not so many). */
size_t strait__characters(const char *bytes, size_t length);
size_t strait__character_at(const char *bytes, size_t length, size_t index);

#endif
