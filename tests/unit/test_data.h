/* Shared by the tests of src/data: a temporary folder, files in it, shell commands, and an encoder of bytes. */
#ifndef STRAIT_TEST_DATA_H
#define STRAIT_TEST_DATA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "data/encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct test_folder {
    char path[64];
} test_folder;

static inline int folder_setup(void **state)
{
    test_folder *folder = calloc(1, sizeof *folder);
    if (!folder) return -1;
    strcpy(folder->path, "/tmp/strait-test-XXXXXX");
    if (!mkdtemp(folder->path)) return -1;
    *state = folder;
    return 0;
}

static inline int folder_teardown(void **state)
{
    test_folder *folder = *state;
    strait_status status = strait_directory_remove(folder->path);
    free(folder);
    return status == STRAIT_OK ? 0 : -1;
}

/* The path of a file in the folder, good for the next 8 calls. */
static inline const char *at(const test_folder *folder, const char *name)
{
    static char joined[8][256];
    static int next;
    char *out = joined[next++ % 8];
    snprintf(out, sizeof joined[0], "%s/%s", folder->path, name);
    return out;
}

static inline void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

/* Runs a command in the folder; false where it failed. */
static inline int shell(const test_folder *folder, const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "cd %s && { %s; } 2>/dev/null", folder->path, command);
    return system(line) == 0;
}

static inline void assert_ok(strait_status status)
{
    if (status != STRAIT_OK) fail_msg("%s: %s", strait_status_name(status), strait_error_message());
}

/* The call failed with `code`, and the message contains `part`. */
static inline void assert_fails(strait_status status, strait_status code, const char *part)
{
    if (status != code) {
        fail_msg("%s instead of %s: %s", strait_status_name(status), strait_status_name(code),
                 status == STRAIT_OK ? "" : strait_error_message());
    }
    if (!strstr(strait_error_message(), part)) fail_msg("\"%s\" is not in: %s", part, strait_error_message());
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
