/*
 * Tests that make files: cmocka, a temporary folder, files in it, and what is expected of a status. Include it first,
 * after the feature macro (_POSIX_C_SOURCE or more).
 */
#ifndef STRAIT_TEST_FOLDER_H
#define STRAIT_TEST_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct test_folder {
    char path[64];
} test_folder;

/* An empty folder in `parent`, the test's state; -1 where there can be none. */
static inline int folder_make(const char *parent, void **state)
{
    test_folder *folder = calloc(1, sizeof *folder);
    if (!folder) return -1;
    snprintf(folder->path, sizeof folder->path, "%s/strait-test-XXXXXX", parent);
    if (!mkdtemp(folder->path)) {
        free(folder);
        return -1;
    }
    *state = folder;
    return 0;
}

static inline int folder_setup(void **state)
{
    return folder_make("/tmp", state);
}

static inline int folder_teardown(void **state)
{
    test_folder *folder = *state;
    strait_status status = strait_directory_remove(folder->path);
    free(folder);
    return status == STRAIT_OK ? 0 : -1;
}

/*
 * The same with the folder as the current one: for tests, and groups of them, that name their files without it. It is
 * not the state, which of a group would take the place of its tests' own.
 */
static void *folder_entered;

static inline int folder_enter_in(const char *parent)
{
    if (folder_make(parent, &folder_entered) != 0) return -1;
    return chdir(((test_folder *)folder_entered)->path);
}

static inline int folder_enter(void **state)
{
    (void)state;
    return folder_enter_in("/tmp");
}

static inline int folder_leave(void **state)
{
    (void)state;
    return chdir("/") == 0 ? folder_teardown(&folder_entered) : -1;
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

/* The path of the only file of a directory, where nothing else was left (owned by the caller). */
static inline char *only_file(const char *folder)
{
    char **names;
    size_t count;
    char *path;
    assert_int_equal(strait_directory_list(folder, &names, &count), STRAIT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(strait_path_join(folder, names[0], &path), STRAIT_OK);
    strait_names_free(names, count);
    return path;
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

#endif
