/* Shared by the tests of src/data: shell commands and an encoder of bytes. */
#ifndef STRAIT_TEST_DATA_H
#define STRAIT_TEST_DATA_H

#include "folder.h"

#include "base/memory.h"
#include "data/encoder.h"

/* Runs a command in the folder; false where it failed. */
static inline int shell(const test_folder *folder, const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "cd %s && { %s; } 2>/dev/null", folder->path, command);
    return system(line) == 0;
}

enum { TEST_EOS = 256, TEST_VOCABULARY = 257 };

/* One id a byte; the byte 0x01 cannot be encoded. */
static inline strait_status encode_bytes(const void *context, const char *text, size_t length,
                                         strait_encoding *encoding)
{
    (void)context;
    if (memchr(text, 1, length)) return strait__fail(STRAIT_ERR_UNSUPPORTED, __FILE__, __LINE__, "byte 1 was met");
    if (encoding->capacity < length) {
        strait_status status = strait_realloc(STRAIT_TAG_TOKENIZER, length, sizeof *encoding->ids, &encoding->ids);
        if (status != STRAIT_OK) return status;
        encoding->capacity = length;
    }
    for (size_t i = 0; i < length; i++) encoding->ids[i] = (unsigned char)text[i];
    encoding->count = length;
    encoding->invalid_bytes = 0;
    encoding->dropped_bytes = 0;
    return STRAIT_OK;
}

static inline strait__encoder byte_encoder(void)
{
    return (strait__encoder){.encode = encode_bytes,
                             .eos = TEST_EOS,
                             .vocabulary = TEST_VOCABULARY,
                             .sha256 = "0123456789abcdef",
                             .unicode = "bytes"};
}

#endif
