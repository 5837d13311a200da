/* The waist: argument checks, accounts by tag, names, and stubs for what a driver lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "device/registry.h"

static void unknown_devices_are_named(void **state)
{
    (void)state;
    strait_device *device = NULL;
    assert_int_equal(strait_device_open("gpu", NULL, &device), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "cpu"));
    assert_int_equal(strait_device_open("cpu:7", NULL, &device), STRAIT_ERR_NOT_FOUND);
    assert_int_equal(strait_device_open("cpu:x", NULL, &device), STRAIT_ERR_USAGE);
    assert_null(device);
}

static void memory_is_counted_and_copies_are_checked(void **state)
{
    (void)state;
    strait_device *device;
    strait_queue *queue;
    strait_memory *memory;
    assert_int_equal(strait_device_open("cpu", NULL, &device), STRAIT_OK);
    assert_int_equal(strait_queue_create(device, &queue), STRAIT_OK);
    assert_int_equal(strait_memory_create(device, STRAIT_TAG_WEIGHTS, 1024, &memory), STRAIT_OK);
    assert_int_equal(strait_device_used(device, STRAIT_TAG_WEIGHTS), 1024);
    char bytes[16] = "fifteen letters";
    char back[16] = "";
    strait_slice slice = {.memory = memory, .offset = 1000};
    assert_int_equal(strait_copy_to_device(queue, slice, bytes, 16), STRAIT_OK);
    assert_int_equal(strait_copy_to_host(queue, back, slice, 16), STRAIT_OK);
    assert_string_equal(back, bytes);
    assert_int_equal(strait_copy_to_device(queue, slice, bytes, 25), STRAIT_ERR_RANGE);
    slice.offset = -1;
    assert_int_equal(strait_copy_to_device(queue, slice, bytes, 1), STRAIT_ERR_RANGE);
    strait_memory_destroy(memory);
    assert_int_equal(strait_device_used(device, STRAIT_TAG_WEIGHTS), 0);
    assert_int_equal(strait_device_peak(device, STRAIT_TAG_WEIGHTS), 1024);
    strait_queue_destroy(queue);
    strait_device_close(device);
}

static void ops_are_checked_before_they_reach_a_driver(void **state)
{
    (void)state;
    strait_device *device;
    strait_queue *queue;
    strait_memory *memory;
    assert_int_equal(strait_device_open("cpu", NULL, &device), STRAIT_OK);
    assert_int_equal(strait_queue_create(device, &queue), STRAIT_OK);
    assert_int_equal(strait_memory_create(device, STRAIT_TAG_WORKSPACE, 4096, &memory), STRAIT_OK);
    strait_op_desc desc = {.struct_size = sizeof desc, .op = STRAIT_OP_SWIGLU, .dims = {256}};
    strait_slice good = {.memory = memory};
    strait_slice buffers[] = {good, good, {.memory = memory, .offset = 1024}};
    assert_int_equal(strait_op_run(queue, &desc, buffers, 3, (strait_slice){0}), STRAIT_OK);
    assert_int_equal(strait_op_run(queue, &desc, buffers, 2, (strait_slice){0}), STRAIT_ERR_USAGE);
    buffers[2].offset = 1028; /* not aligned */
    assert_int_equal(strait_op_run(queue, &desc, buffers, 3, (strait_slice){0}), STRAIT_ERR_USAGE);
    buffers[2].offset = 3328; /* too short from there */
    assert_int_equal(strait_op_run(queue, &desc, buffers, 3, (strait_slice){0}), STRAIT_ERR_RANGE);
    buffers[2].memory = NULL;
    assert_int_equal(strait_op_run(queue, &desc, buffers, 3, (strait_slice){0}), STRAIT_ERR_USAGE);
    desc.dims[0] = INT64_MAX / 2;
    assert_int_equal(strait_op_run(queue, &desc, buffers, 3, (strait_slice){0}), STRAIT_ERR_OVERFLOW);
    strait_memory_destroy(memory);
    strait_queue_destroy(queue);
    strait_device_close(device);
}

static void senseless_dimensions_are_refused(void **state)
{
    (void)state;
    strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    int count;
    strait_op_desc attention = {.op = STRAIT_OP_ATTENTION, .dims = {1, 4, 4, 3, 2, 8}};
    assert_int_equal(strait_op_buffers(&attention, buffers, &count), STRAIT_ERR_SHAPE);
    strait_op_desc rope = {.op = STRAIT_OP_NORM_ROPE, .dims = {4, 2, 7, 4}};
    assert_int_equal(strait_op_buffers(&rope, buffers, &count), STRAIT_ERR_SHAPE);
    strait_op_desc dw = {.op = STRAIT_OP_LINEAR_DW, .dims = {10, 4, 1, 4, 0, 0, 0, 3, 0}};
    assert_int_equal(strait_op_buffers(&dw, buffers, &count), STRAIT_ERR_SHAPE);
    strait_op_desc linear = {.op = STRAIT_OP_LINEAR, .dtype = STRAIT_DTYPE_F16, .dims = {4, 4, 1, 4}};
    assert_int_equal(strait_op_buffers(&linear, buffers, &count), STRAIT_ERR_UNSUPPORTED);
}

static int32_t begins_nothing(strait_handle queue)
{
    (void)queue;
    return 0;
}

static void drivers_without_required_functions_are_refused(void **state)
{
    (void)state;
    strait_driver partial = *strait_driver_at(0);
    strait_driver full;
    partial.queue_wait = NULL;
    assert_int_equal(strait__driver_complete(&partial, &full), STRAIT_ERR_UNSUPPORTED);
    assert_non_null(strstr(strait_error_message(), "queue_wait"));
    partial = *strait_driver_at(0);
    partial.capture_begin = NULL;
    assert_int_equal(strait__driver_complete(&partial, &full), STRAIT_OK);
    assert_int_equal(full.capture_begin(0), STRAIT_ERR_UNSUPPORTED);
    assert_false(strait__driver_captures(&full));
    /* Three of the four functions of capture are none. */
    full.capture_begin = begins_nothing;
    assert_false(strait__driver_captures(&full));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_devices_are_named),
        cmocka_unit_test(memory_is_counted_and_copies_are_checked),
        cmocka_unit_test(ops_are_checked_before_they_reach_a_driver),
        cmocka_unit_test(senseless_dimensions_are_refused),
        cmocka_unit_test(drivers_without_required_functions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
