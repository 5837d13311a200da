/* From the vendor's answers to codes, and their words for the message. */
#include "backends/opencl/opencl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 8192, PLACE_BYTES = 96 };

const char *ocl_error_name(int32_t answer)
{
    switch (answer) {
#define OCL_NAME(name, value) \
    case value: return "CL_" #name;
        OCL_ERRORS(OCL_NAME)
#undef OCL_NAME
    default: return "an error that OpenCL 1.2 has no name for";
    }
}

static int32_t code_for(int32_t answer)
{
    switch (answer) {
    case OCL_DEVICE_NOT_FOUND:
    case OCL_PLATFORM_NOT_FOUND_KHR:
    case OCL_INVALID_KERNEL_NAME: return STRAIT_CODE_NOT_FOUND;
    case OCL_DEVICE_NOT_AVAILABLE: return STRAIT_CODE_DEVICE_LOST;
    case OCL_MEM_OBJECT_ALLOCATION_FAILURE:
    case OCL_OUT_OF_HOST_MEMORY: return STRAIT_CODE_NO_MEMORY;
    case OCL_COMPILER_NOT_AVAILABLE: return STRAIT_CODE_UNSUPPORTED;
    case OCL_INVALID_BINARY: return STRAIT_CODE_FORMAT;
    default: return STRAIT_CODE_DEVICE;
    }
}

static int32_t record(int32_t code, const char *file, int line, const char *message)
{
    const char *base = strrchr(file, '/');
    char place[PLACE_BYTES];
    snprintf(place, sizeof place, "%.60s:%d", base ? base + 1 : file, line);
    return ocl_host->fail(code, place, message);
}

int32_t ocl_fail(int32_t code, const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return record(code, file, line, message);
}

int32_t ocl_refused(ocl_device_state *device, int32_t answer, const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length;
    if (used > sizeof message - OCL_WORDS_BYTES) used = sizeof message - OCL_WORDS_BYTES;
    snprintf(message + used, sizeof message - used, ": %s (%d)", ocl_error_name(answer), (int)answer);
    if (device) {
        pthread_mutex_lock(&device->turn);
        snprintf(device->words, sizeof device->words, "%s (%d)", ocl_error_name(answer), (int)answer);
        pthread_mutex_unlock(&device->turn);
    }
    return record(code_for(answer), file, line, message);
}
