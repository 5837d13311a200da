/* The disk cache: what is kept comes back, what is damaged or another key's does not, and the oldest make room. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "device/disk_cache.h"
#include "device/program_cache.h"

static char work[] = "/tmp/strait-test-cache.XXXXXX";
static char folder[128];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(work)) return 1;
    snprintf(folder, sizeof folder, "%s/strait/kernels", work);
    return setenv("XDG_CACHE_HOME", work, 1);
}

static int remove_folder(void **state)
{
    (void)state;
    return strait_directory_remove(work) == STRAIT_OK ? 0 : 1;
}

static void forget(void)
{
    assert_int_equal(strait_directory_remove(folder), STRAIT_OK);
}

static size_t entries(char ***out_names)
{
    size_t count = 0;
    assert_int_equal(strait_directory_list(folder, out_names, &count), STRAIT_OK);
    return count;
}

static void keep(const char *key, const char *text)
{
    assert_int_equal(strait__disk_cache_write(key, strlen(key), text, strlen(text)), STRAIT_OK);
}

static strait_status look(const char *key, char *out, size_t size)
{
    strait_buffer found = {0};
    strait_status status = strait__disk_cache_read(key, strlen(key), &found);
    if (status == STRAIT_OK) snprintf(out, size, "%.*s", (int)found.length, found.bytes ? found.bytes : "");
    strait_buffer_fini(&found);
    return status;
}

static void what_is_kept_comes_back(void **state)
{
    (void)state;
    char text[64];
    forget();
    assert_int_equal(look("a", text, sizeof text), STRAIT_ERR_NOT_FOUND);
    keep("a", "first");
    keep("b", "second");
    keep("empty", "");
    assert_int_equal(look("a", text, sizeof text), STRAIT_OK);
    assert_string_equal(text, "first");
    keep("a", "third");
    assert_int_equal(look("a", text, sizeof text), STRAIT_OK);
    assert_string_equal(text, "third");
    assert_int_equal(look("empty", text, sizeof text), STRAIT_OK);
    assert_string_equal(text, "");
    assert_int_equal(look("ab", text, sizeof text), STRAIT_ERR_NOT_FOUND);
}

/* Every byte of the file matters: each one flipped, and each shorter length. */
static void damage_counts_as_absence(void **state)
{
    (void)state;
    char path[256];
    char text[64];
    char **names = NULL;
    forget();
    keep("key", "the bytes");
    assert_int_equal(entries(&names), 1);
    snprintf(path, sizeof path, "%s/%s", folder, names[0]);
    strait_names_free(names, 1);
    strait_buffer whole = {0};
    assert_int_equal(strait_file_read(path, 4096, &whole), STRAIT_OK);
    for (size_t i = 0; i < whole.length; i++) {
        whole.bytes[i] = (char)(whole.bytes[i] ^ 0x10);
        assert_int_equal(strait_file_replace(path, whole.bytes, whole.length), STRAIT_OK);
        assert_int_equal(look("key", text, sizeof text), STRAIT_ERR_NOT_FOUND);
        whole.bytes[i] = (char)(whole.bytes[i] ^ 0x10);
        assert_int_equal(strait_file_replace(path, whole.bytes, i), STRAIT_OK);
        assert_int_equal(look("key", text, sizeof text), STRAIT_ERR_NOT_FOUND);
    }
    keep("key", "the bytes");
    assert_int_equal(look("key", text, sizeof text), STRAIT_OK);
    strait_buffer_fini(&whole);
}

static void the_least_recently_used_make_room(void **state)
{
    (void)state;
    char text[256];
    char filler[201];
    memset(filler, 'x', 200);
    filler[200] = '\0';
    forget();
    for (int i = 0; i < 5; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        keep(key, filler);
        /* Times of files may be as coarse as a tick. */
        (void)poll(NULL, 0, 20);
    }
    assert_int_equal(look("k0", text, sizeof text), STRAIT_OK); /* used again */
    int64_t one = 32 + 2 + 200;
    assert_int_equal(strait__disk_cache_trim(3 * one), STRAIT_OK);
    assert_int_equal(look("k1", text, sizeof text), STRAIT_ERR_NOT_FOUND);
    assert_int_equal(look("k2", text, sizeof text), STRAIT_ERR_NOT_FOUND);
    assert_int_equal(look("k0", text, sizeof text), STRAIT_OK);
    assert_int_equal(look("k3", text, sizeof text), STRAIT_OK);
    assert_int_equal(look("k4", text, sizeof text), STRAIT_OK);
}

/* ---- programs ---- */

static int builds;
static int loads;
static bool loading_fails;

static int32_t build(strait_handle device, const strait_program_source *source, strait_handle *out)
{
    (void)device;
    (void)source;
    *out = (strait_handle)++builds;
    return STRAIT_CODE_OK;
}

static int32_t binary(strait_handle program, void *bytes, int64_t *inout_length)
{
    (void)program;
    if (bytes) memcpy(bytes, "binary", 6);
    *inout_length = 6;
    return STRAIT_CODE_OK;
}

static int32_t load(strait_handle device, const void *bytes, int64_t length, strait_handle *out)
{
    (void)device;
    if (loading_fails || length != 6 || memcmp(bytes, "binary", 6) != 0) return STRAIT_CODE_FORMAT;
    loads++;
    *out = 99;
    return STRAIT_CODE_OK;
}

static void programs_are_built_once_for_all_they_depend_on(void **state)
{
    (void)state;
    forget();
    builds = loads = 0;
    const strait_driver driver = {
        .name = "some", .program_build = build, .program_binary = binary, .program_load = load};
    strait_device_props props = {.name = "chip", .implementation = "x", .driver_version = "1"};
    strait_program_source source = {.name = "n", .prelude = "p", .text = "t", .options = "-DA=1"};
    strait_handle program = 0;
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(builds, 1);
    assert_int_equal(loads, 1);
    assert_int_equal(program, 99);
    /* A driver that does not take it is given the text. */
    loading_fails = true;
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    loading_fails = false;
    assert_int_equal(builds, 2);
    int want = 2;
    source.options = "-DA=2";
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(builds, ++want);
    source.text = "t2";
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(builds, ++want);
    source.prelude = "p2";
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(builds, ++want);
    source.numerics = STRAIT_NUMERICS_FAST;
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(builds, ++want);
    strcpy(props.driver_version, "2");
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(builds, ++want);
    strcpy(props.name, "another");
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(builds, ++want);
    assert_int_equal(loads, 1);
}

/* Nowhere to write is no reason not to run. */
static void programs_are_built_where_nothing_can_be_kept(void **state)
{
    (void)state;
    const strait_driver driver = {
        .name = "some", .program_build = build, .program_binary = binary, .program_load = load};
    const strait_device_props props = {.name = "chip"};
    const strait_program_source source = {.name = "n", .prelude = "p", .text = "nowhere", .options = ""};
    strait_handle program = 0;
    assert_int_equal(setenv("XDG_CACHE_HOME", "/dev/null", 1), 0);
    assert_int_equal(strait__program_build(&driver, 0, &props, &source, &program), STRAIT_OK);
    assert_int_equal(setenv("XDG_CACHE_HOME", work, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_comes_back),
        cmocka_unit_test(damage_counts_as_absence),
        cmocka_unit_test(the_least_recently_used_make_room),
        cmocka_unit_test(programs_are_built_once_for_all_they_depend_on),
        cmocka_unit_test(programs_are_built_where_nothing_can_be_kept),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
