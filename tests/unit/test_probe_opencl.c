/*
 * The numerics probe on an OpenCL device, through the portable kernels with the options of an exact run: it passes as
 * the driver builds them, and refuses with the case when the same kernels are built in a way that computes wrongly. The
 * plug-in's driver stands in the place of driver 0, with a program_build that spoils what it is given.
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

#include "device/plugin.h"
#include "ops/probe.h"

typedef struct fault {
    const char *what;
    const char *names; /* what the message must say */
    const char *lines; /* put between prelude and text */
    const char *options;
    int32_t hidden; /* STRAIT_FLOAT_* that the driver does not report */
} fault;

static strait_driver plugin;
static strait_driver spoiled;
static const fault *now;

static int32_t spoil_build(strait_handle device, const strait_program_source *source, strait_handle *out)
{
    char options[1024];
    strait_program_source changed = *source;
    size_t room = strlen(source->prelude) + strlen(now->lines) + 2;
    char *prelude = malloc(room);
    assert_non_null(prelude);
    snprintf(prelude, room, "%s\n%s", source->prelude, now->lines);
    snprintf(options, sizeof options, "%s %s", source->options, now->options);
    changed.prelude = prelude;
    changed.options = options;
    int32_t code = plugin.program_build(device, &changed, out);
    free(prelude);
    return code;
}

static int32_t spoil_props(strait_handle device, strait_device_props *out)
{
    int32_t code = plugin.props(device, out);
    out->float_features &= ~now->hidden;
    return code;
}

/* The linker puts this in the place of strait_driver_at. */
const strait_driver *__wrap_strait_driver_at(int index);
const strait_driver *__wrap_strait_driver_at(int index)
{
    (void)index;
    return &spoiled;
}

static int find_plugin(void **state)
{
    (void)state;
    char *path = NULL;
    int32_t count = 0;
    /* What one fault built must not serve another. */
    if (setenv("STRAIT_KERNEL_CACHE", "off", 1) != 0) return 1;
    if (strait__plugin_find("opencl", 6, &path) != STRAIT_OK || !path) return 1;
    strait_status status = strait__plugin_load(path, &plugin);
    strait_free(path);
    if (status != STRAIT_OK) return 1;
    if (plugin.count(&count) != STRAIT_OK) {
        print_message("no OpenCL here: %s\n", strait_error_message());
        plugin.name = NULL;
        return 0;
    }
    spoiled = plugin;
    spoiled.program_build = spoil_build;
    spoiled.props = spoil_props;
    return 0;
}

static strait_status probe(const fault *with)
{
    strait_device *device = NULL;
    strait_queue *queue = NULL;
    now = with;
    assert_int_equal(strait_device_open("opencl:0", NULL, &device), STRAIT_OK);
    assert_int_equal(strait_queue_create(device, &queue), STRAIT_OK);
    strait_status status = strait_numerics_probe(device, queue);
    strait_queue_destroy(queue);
    strait_device_close(device);
    return status;
}

static void it_passes_as_it_is_built(void **state)
{
    (void)state;
    static const fault none = {.what = "nothing", .lines = "", .options = ""};
    if (!plugin.name) skip();
    if (probe(&none) != STRAIT_OK) fail_msg("%s", strait_error_message());
}

static const fault faults[] = {
    {"reports no subnormals", "does not report subnormal numbers", "", "", STRAIT_FLOAT_SUBNORMALS},
    {"reports no fma", "does not report fma", "", "", STRAIT_FLOAT_FMA},
    {"flushes subnormals", "the sum of", "", "-cl-denorms-are-zero", 0},
    {"rounds the product of an fma", "fma of", "#define fma(a, b, c) ((a) * (b) + (c))\n", "", 0},
    {"makes roots of reciprocals", "root of", "#define sqrt(x) ((x) * rsqrt(x))\n", "", 0},
};

static void it_refuses_what_is_built_wrongly(void **state)
{
    const fault *wrong = *state;
    if (!plugin.name) skip();
    if (probe(wrong) != STRAIT_ERR_UNSUPPORTED) fail_msg("a device that %s passed", wrong->what);
    const char *message = strait_error_message();
    if (!strstr(message, wrong->names)) fail_msg("%s: \"%s\" is not in: %s", wrong->what, wrong->names, message);
    if (!strstr(message, "numerics: fast")) fail_msg("no remedy in: %s", message);
}

int main(void)
{
    enum { WRONG = sizeof faults / sizeof faults[0] };
    struct CMUnitTest tests[1 + WRONG] = {cmocka_unit_test(it_passes_as_it_is_built)};
    for (int i = 0; i < WRONG; i++) {
        tests[1 + i] = (struct CMUnitTest){.name = faults[i].what,
                                           .test_func = it_refuses_what_is_built_wrongly,
                                           .initial_state = (void *)(uintptr_t)&faults[i]};
    }
    return cmocka_run_group_tests_name("numerics probe on OpenCL", tests, find_plugin, NULL);
}
