/*
 * Plug-ins right and wrong, each built for this test (tests/plugin): what loads works, and what does not is refused
 * with a sentence that says what is wrong with it. Also what is left of a device that was lost.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/fpenv.h"
#include "device/device.h"
#include "device/plugin.h"

static char work[] = "/tmp/strait-test-plugin.XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(work)) return 1;
    return setenv("STRAIT_PLUGIN_PATH", STRAIT_TEST_PLUGINS, 1);
}

static int remove_folder(void **state)
{
    (void)state;
    return strait_directory_remove(work) == STRAIT_OK ? 0 : 1;
}

/* ---- what loads ---- */

static void it_computes_nothing_but_moves_bytes(const char *name)
{
    strait_device *device = NULL;
    strait_queue *queue = NULL;
    strait_memory *memory = NULL;
    char back[8] = "";
    if (strait_device_open(name, NULL, &device) != STRAIT_OK) fail_msg("%s", strait_error_message());
    assert_string_equal(strait_device_get_props(device)->name, "a sample chip");
    assert_int_equal(strait_queue_create(device, &queue), STRAIT_OK);
    assert_int_equal(strait_memory_create(device, STRAIT_TAG_DATA, 1024, &memory), STRAIT_OK);
    assert_int_equal(strait_copy_to_device(queue, (strait_slice){memory, 256}, "letters", 8), STRAIT_OK);
    assert_int_equal(strait_copy_to_host(queue, back, (strait_slice){memory, 256}, 8), STRAIT_OK);
    assert_string_equal(back, "letters");
    assert_int_equal(strait_queue_wait(queue, 1000), STRAIT_OK);
    /* What it does not offer is answered for it. */
    strait_op_desc desc = {.struct_size = sizeof desc, .op = STRAIT_OP_ADD, .dims = {4}};
    strait_op_info info;
    assert_int_equal(strait_op_query(device, &desc, &info), STRAIT_OK);
    assert_int_equal(info.supported, 0);
    strait_memory_destroy(memory);
    strait_queue_destroy(queue);
    strait_device_close(device);
}

static void a_plugin_works(void **state)
{
    (void)state;
    it_computes_nothing_but_moves_bytes("fine");
    it_computes_nothing_but_moves_bytes("fine:0");
    strait_device *device = NULL;
    assert_int_equal(strait_device_open("fine:1", NULL, &device), STRAIT_ERR_NOT_FOUND);
}

static void one_built_with_the_first_header_works(void **state)
{
    (void)state;
    it_computes_nothing_but_moves_bytes("frozen");
}

static bool it_turns(const char *name, int64_t interleaved, strait_op_info *info)
{
    strait_device *device = NULL;
    const strait_op_desc desc = {.struct_size = sizeof desc,
                                 .op = STRAIT_OP_NORM_ROPE,
                                 .dims = {1, 1, 2, 1, [NORM_ROPE_DIM_INTERLEAVED] = interleaved}};
    if (strait_device_open(name, NULL, &device) != STRAIT_OK) fail_msg("%s", strait_error_message());
    assert_int_equal(strait_op_query(device, &desc, info), STRAIT_OK);
    strait_device_close(device);
    return info->supported != 0;
}

static void one_built_with_the_first_header_is_not_asked_for_what_it_cannot_know(void **state)
{
    (void)state;
    strait_op_info info;
    assert_true(it_turns("frozen", 0, &info));
    assert_true(it_turns("fine", 1, &info));
    assert_false(it_turns("frozen", 1, &info));
    assert_non_null(strstr(info.reason, "older header"));
}

static void the_tail_of_a_newer_one_is_ignored(void **state)
{
    (void)state;
    it_computes_nothing_but_moves_bytes("newer");
}

static void what_a_constructor_prints_disturbs_nothing(void **state)
{
    (void)state;
    it_computes_nothing_but_moves_bytes("chatters");
}

static void loading_one_changes_no_arithmetic(void **state)
{
    (void)state;
    strait_fpenv_set();
    it_computes_nothing_but_moves_bytes("flushes");
    assert_int_equal(strait_fpenv_get(), strait_fpenv_wanted());
}

/* ---- what is refused ---- */

static void refusals_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        strait_status status;
        const char *says;
    } cases[] = {
        {"only_v2", STRAIT_ERR_UNSUPPORTED, "it offers version 2 of the interface, and this program knows version 1"},
        {"needs_newer", STRAIT_ERR_UNSUPPORTED, "it needs version 1.5 of the interface, and this program has 1.4"},
        {"short_plugin", STRAIT_ERR_UNSUPPORTED, "its description has 32 bytes, version 1.0 has 40"},
        {"short_driver", STRAIT_ERR_UNSUPPORTED, "its table of functions has 296 bytes, version 1.0 has 304"},
        {"no_driver", STRAIT_ERR_UNSUPPORTED, "its table of functions has 0 bytes"},
        {"lacks_copy", STRAIT_ERR_UNSUPPORTED, "lacks the required function copy"},
        {"no_symbol", STRAIT_ERR_UNSUPPORTED, "it does not export strait_plugin_query_v1"},
        {"declines", STRAIT_ERR_UNSUPPORTED, "declines: there is no Monday in this week"},
        {"silent", STRAIT_ERR_UNSUPPORTED, "declines: it gave no reason"},
        {"misnamed", STRAIT_ERR_UNSUPPORTED, "it calls itself \"somebody\""},
        {"not_elf", STRAIT_ERR_UNSUPPORTED, "cannot be loaded: "},
        {"crashes", STRAIT_ERR_UNSUPPORTED, "it crashed while it was loaded (signal 11)"},
        {"exits", STRAIT_ERR_UNSUPPORTED, "it ended the process that loaded it (status 7)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strait_device *device = NULL;
        strait_status status = strait_device_open(cases[i].name, NULL, &device);
        if (status != cases[i].status || !strstr(strait_error_message(), cases[i].says)) {
            fail_msg("%s: status %d, and it says: %s", cases[i].name, status, strait_error_message());
        }
        /* And which file it is. */
        assert_non_null(strstr(strait_error_message(), cases[i].name));
        assert_null(device);
    }
}

/* It switched off the alarm that would end it. */
static void one_that_hangs_is_ended(void **state)
{
    (void)state;
    double begin = strait_clock();
    assert_int_equal(strait__plugin_ask(STRAIT_TEST_PLUGINS "/strait_hangs.so", 1), STRAIT_ERR_TIMEOUT);
    assert_non_null(strstr(strait_error_message(), "within 1 s"));
    assert_true(strait_clock() - begin < 60);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left of it */
}

static void unknown_names_say_where_was_looked(void **state)
{
    (void)state;
    strait_device *device = NULL;
    assert_int_equal(strait_device_open("nosuch", NULL, &device), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "STRAIT_PLUGIN_PATH"));
    assert_non_null(strstr(strait_error_message(), "cpu"));
    assert_non_null(strstr(strait_error_message(), "fine"));
    /* A name is no path. */
    assert_int_equal(strait_device_open("../unit/x", NULL, &device), STRAIT_ERR_USAGE);
    assert_int_equal(strait_device_open("", NULL, &device), STRAIT_ERR_USAGE);
}

/* Neither from the folder that the program was started in, nor by a relative entry of the path. */
static void other_folders_are_not_looked_into(void **state)
{
    (void)state;
    char before[1024];
    strait_device *device = NULL;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(STRAIT_TEST_PLUGINS), 0);
    assert_int_equal(setenv("STRAIT_PLUGIN_PATH", ".::./", 1), 0);
    assert_int_equal(strait_device_open("fine", NULL, &device), STRAIT_ERR_USAGE);
    assert_int_equal(setenv("STRAIT_PLUGIN_PATH", "/nowhere:" STRAIT_TEST_PLUGINS, 1), 0);
    assert_int_equal(strait_device_open("fine", NULL, &device), STRAIT_OK);
    strait_device_close(device);
    assert_int_equal(setenv("STRAIT_PLUGIN_PATH", STRAIT_TEST_PLUGINS, 1), 0);
    assert_int_equal(chdir(before), 0);
}

/* ---- a device that is gone: the sample ends the process when it is called once more ---- */

static void a_lost_device_is_not_called_again(void **state)
{
    (void)state;
    for (int by_time = 0; by_time < 2; by_time++) {
        strait_device *device = NULL;
        strait_queue *queue = NULL;
        strait_memory *memory = NULL;
        strait_memory *more = NULL;
        strait_event *event = NULL;
        char byte = 0;
        assert_int_equal(strait_device_open("fine", NULL, &device), STRAIT_OK);
        assert_int_equal(strait_queue_create(device, &queue), STRAIT_OK);
        assert_int_equal(strait_memory_create(device, STRAIT_TAG_DATA, 64, &memory), STRAIT_OK);
        assert_int_equal(strait_event_create(device, &event), STRAIT_OK);
        if (by_time) {
            assert_int_equal(strait_queue_wait(queue, 5), STRAIT_ERR_DEVICE_LOST);
            assert_non_null(strstr(strait_error_message(), "within 5 ms and counts as lost: still at it"));
        } else {
            assert_int_equal(strait_fill(queue, (strait_slice){memory, 0}, 0xDE, 1), STRAIT_ERR_DEVICE_LOST);
            assert_string_equal(strait_error_message(), "the cable was pulled");
            assert_string_equal(strait_error_place(), "sample.c:2");
        }
        assert_int_equal(strait_copy_to_host(queue, &byte, (strait_slice){memory, 0}, 1), STRAIT_ERR_DEVICE_LOST);
        assert_non_null(strstr(strait_error_message(), "resume from the last checkpoint"));
        assert_int_equal(strait_queue_wait(queue, -1), STRAIT_ERR_DEVICE_LOST);
        assert_int_equal(strait_event_record(queue, event), STRAIT_ERR_DEVICE_LOST);
        assert_int_equal(strait_event_wait(event, 0), STRAIT_ERR_DEVICE_LOST);
        assert_int_equal(strait_memory_create(device, STRAIT_TAG_DATA, 64, &more), STRAIT_ERR_DEVICE_LOST);
        strait_event_destroy(event);
        strait_memory_destroy(memory);
        strait_queue_destroy(queue);
        strait_device_close(device);
    }
}

static void an_answer_that_is_no_code_is_an_error(void **state)
{
    (void)state;
    strait_device *device = NULL;
    strait_queue *queue = NULL;
    strait_memory *memory = NULL;
    assert_int_equal(strait_device_open("fine", NULL, &device), STRAIT_OK);
    assert_int_equal(strait_queue_create(device, &queue), STRAIT_OK);
    assert_int_equal(strait_memory_create(device, STRAIT_TAG_DATA, 64, &memory), STRAIT_OK);
    assert_int_equal(strait_fill(queue, (strait_slice){memory, 0}, 0xBA, 1), STRAIT_ERR_DEVICE);
    assert_non_null(strstr(strait_error_message(), "4711"));
    assert_non_null(strstr(strait_error_message(), "the sample's own words"));
    assert_int_equal(strait_fill(queue, (strait_slice){memory, 0}, 1, 1), STRAIT_OK);
    strait_memory_destroy(memory);
    strait_queue_destroy(queue);
    strait_device_close(device);
}

static void the_log_goes_where_it_is_asked_for(void **state)
{
    (void)state;
    char path[128];
    strait_device *device = NULL;
    strait_buffer text = {0};
    snprintf(path, sizeof path, "%s/log", work);
    assert_int_equal(setenv("STRAIT_PLUGIN_LOG", path, 1), 0);
    assert_int_equal(strait_device_open("fine", NULL, &device), STRAIT_OK);
    strait_device_close(device);
    assert_int_equal(unsetenv("STRAIT_PLUGIN_LOG"), 0);
    assert_int_equal(strait_file_read(path, 4096, &text), STRAIT_OK);
    /* Once in the process that asked first, once in this one. */
    assert_string_equal(text.bytes, "sample: was asked\nsample: was asked\n");
    strait_buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_works),
        cmocka_unit_test(one_built_with_the_first_header_works),
        cmocka_unit_test(one_built_with_the_first_header_is_not_asked_for_what_it_cannot_know),
        cmocka_unit_test(the_tail_of_a_newer_one_is_ignored),
        cmocka_unit_test(what_a_constructor_prints_disturbs_nothing),
        cmocka_unit_test(loading_one_changes_no_arithmetic),
        cmocka_unit_test(refusals_say_what_is_wrong),
        cmocka_unit_test(one_that_hangs_is_ended),
        cmocka_unit_test(unknown_names_say_where_was_looked),
        cmocka_unit_test(other_folders_are_not_looked_into),
        cmocka_unit_test(a_lost_device_is_not_called_again),
        cmocka_unit_test(an_answer_that_is_no_code_is_an_error),
        cmocka_unit_test(the_log_goes_where_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
