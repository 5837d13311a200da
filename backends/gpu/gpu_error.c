/* From the driver's answers to codes, and its words for the message. */
#include "backends/gpu/gpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 8192, PLACE_BYTES = 96 };

static int32_t code_for(gpu_answer answer)
{
    switch (answer) {
#define GPU_CODE(name, value, vendor, code) \
    case value: return STRAIT_CODE_##code;
        GPU_ANSWERS(GPU_CODE)
#undef GPU_CODE
    default: return STRAIT_CODE_DEVICE;
    }
}

static int32_t record(int32_t code, const char *file, int line, const char *message)
{
    const char *base = strrchr(file, '/');
    char place[PLACE_BYTES];
    snprintf(place, sizeof place, "%.60s:%d", base ? base + 1 : file, line);
    return gpu_host->fail(code, place, message);
}

int32_t gpu_fail(int32_t code, const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return record(code, file, line, message);
}

int32_t gpu_refused(gpu_device_state *device, gpu_answer answer, const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length;
    if (used > sizeof message - GPU_WORDS_BYTES) used = sizeof message - GPU_WORDS_BYTES;
    const char *name;
    const char *text;
    char words[GPU_WORDS_BYTES];
    gpu_vendor_words(&device->driver, answer, &name, &text);
    snprintf(words, sizeof words, "%s (%u, %s)", name, answer, text);
    snprintf(message + used, sizeof message - used, ": %.240s", words);
    pthread_mutex_lock(&device->turn);
    memcpy(device->words, words, sizeof words);
    pthread_mutex_unlock(&device->turn);
    return record(code_for(answer), file, line, message);
}
