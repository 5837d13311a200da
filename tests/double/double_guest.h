/*
 * A library that works on another double's streams: how it finds the double of libcuda, which STRAIT_CUDA_LIBRARY
 * names, and its own objects. Each begins with a mark, which ends with it; its memory stays, so that a second end is
 * noticed.
 */
#ifndef STRAIT_TESTS_DOUBLE_DOUBLE_GUEST_H
#define STRAIT_TESTS_DOUBLE_DOUBLE_GUEST_H

#include "tests/double/double.h"

/* Each library defines it: "cuBLASLt". */
extern const char *const double_guest_name;

/* Puts the work on a stream of the driver's; 0, or its answer. */
int double_guest_call(void *stream, double_call_fn call, const void *words, size_t bytes, const double_range *ranges,
                      int count);
/* A complaint in the library's name; returns `answer`. */
int double_guest_wrong(int answer, const char *what);
/* A copy of `contents`, which begins with the mark; false: no memory. */
bool double_guest_make(size_t bytes, const void *contents, void *out);
/* False, with a complaint: it is none, or not any more. */
bool double_guest_end(void *object, uint64_t mark);
bool double_guest_is(const void *object, uint64_t mark);

#endif
