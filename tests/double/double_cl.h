/* OpenCL as both halves of a double use it, and the code that its compiler makes and its driver loads. */
#ifndef STRAIT_TESTS_DOUBLE_DOUBLE_CL_H
#define STRAIT_TESTS_DOUBLE_DOUBLE_CL_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct double_cl {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
} double_cl;

/* NULL, and a complaint, where no OpenCL device is. */
const double_cl *double_cl_get(void);

enum { DOUBLE_CODE_VERSION = 1, DOUBLE_NAME_BYTES = 96, DOUBLE_LAYOUT_BYTES = 72 };

/* How a kernel takes its parameters: a letter each, 'p' a pointer (two of OpenCL's), '4' and '8' numbers of so many
 * bytes. */
typedef struct double_signature {
    char name[DOUBLE_NAME_BYTES];
    char layout[DOUBLE_LAYOUT_BYTES];
} double_signature;

/*
 * What stands before a program's code: a driver is not told how long it is. The code is OpenCL's text and its options,
 * each with a zero behind it; PoCL's own binaries hold every kernel compiled, which takes longer than all tests do.
 */
typedef struct double_code {
    char mark[16];
    uint64_t version;
    uint64_t check; /* of everything behind it, as double_code_check computes it */
    char architecture[64];
    uint64_t kernels; /* signatures behind the header; then the code */
    uint64_t bytes;   /* of the code */
} double_code;

#define DOUBLE_CODE_MARK "strait a double"

uint64_t double_code_check(const double_code *code);

#endif
