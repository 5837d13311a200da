/*
 * The CPU's driver below the waist: choosing an instruction set, memory, events, the floating-point environment.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/cpu/cpu_driver.h"
#include "base/fpenv.h"

static void instruction_sets(void **state)
{
    (void)state;
    unsetenv("STRAIT_CPU");
    const strait_cpu_isa *isa;
    int named;
    int count;
    const strait_cpu_isa *isas = strait__cpu_isas(&count);
    assert_true(count >= 2);
    assert_string_equal(isas[0].name, "generic");

    const strait_cpu_isa *fastest = NULL;
    for (int i = 0; i < count; ++i) {
        if (!isas[i].absent()) fastest = &isas[i];
        strait_status status = strait__cpu_isa_select(isas[i].name, &isa, &named);
        assert_int_equal(status, isas[i].absent() ? STRAIT_ERR_UNSUPPORTED : STRAIT_OK);
    }
    assert_int_equal(strait__cpu_isa_select(NULL, &isa, &named), STRAIT_OK);
    assert_ptr_equal(isa, fastest);
    assert_false(named);

    setenv("STRAIT_CPU", "generic", 1);
    assert_int_equal(strait__cpu_isa_select(NULL, &isa, &named), STRAIT_OK);
    assert_string_equal(isa->name, "generic");
    assert_true(named);
    /* What the caller asks for goes first. */
    assert_int_equal(strait__cpu_isa_select(fastest->name, &isa, &named), STRAIT_OK);
    assert_ptr_equal(isa, fastest);

    setenv("STRAIT_CPU", "sse9", 1);
    assert_int_equal(strait__cpu_isa_select(NULL, &isa, &named), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "STRAIT_CPU"));
    assert_non_null(strstr(strait_error_message(), "sse9"));
    assert_non_null(strstr(strait_error_message(), "generic"));
    unsetenv("STRAIT_CPU");
}

static strait_handle open_cpu(int threads)
{
    strait_device_options options = {.struct_size = sizeof options, .threads = threads};
    strait_handle device = 0;
    assert_int_equal(strait_cpu_driver.open(0, &options, &device), STRAIT_OK);
    return device;
}

static void device(void **state)
{
    (void)state;
    const strait_driver *d = &strait_cpu_driver;
    int32_t count = 0;
    assert_int_equal(d->count(&count), STRAIT_OK);
    assert_int_equal(count, 1);
    strait_handle handle;
    assert_int_equal(d->open(1, NULL, &handle), STRAIT_ERR_NOT_FOUND);
    strait_device_options options = {.struct_size = sizeof options, .isa = "vax"};
    assert_int_equal(d->open(0, &options, &handle), STRAIT_ERR_USAGE);
    options = (strait_device_options){.struct_size = sizeof options, .threads = -4};
    assert_int_equal(d->open(0, &options, &handle), STRAIT_ERR_RANGE);

    handle = open_cpu(3);
    strait_device_props props;
    assert_int_equal(d->props(handle, &props), STRAIT_OK);
    assert_string_equal(props.backend, "cpu");
    assert_int_equal(props.compute_units, 3);
    assert_true(props.memory_bytes > 0);
    assert_true(props.alignment >= 256);
    assert_true(strlen(props.name) > 0);
    int64_t free_bytes = -1;
    int64_t total = -1;
    assert_int_equal(d->mem_info(handle, &free_bytes, &total), STRAIT_OK);
    assert_true(free_bytes > 0 && free_bytes <= total);
    d->close(handle);
}

static void memory(void **state)
{
    (void)state;
    const strait_driver *d = &strait_cpu_driver;
    strait_handle handle = open_cpu(1);
    strait_handle queue;
    assert_int_equal(d->queue_create(handle, &queue), STRAIT_OK);
    static const int64_t sizes[] = {0, 1, 255, 4096, (INT64_C(2) << 20) - 1, INT64_C(2) << 20, (INT64_C(5) << 20) + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
        strait_handle block;
        assert_int_equal(d->alloc(handle, sizes[i], &block), STRAIT_OK);
        strait_driver_slice all = {block, 0};
        assert_int_equal(d->fill(queue, all, 0xA5, sizes[i]), STRAIT_OK);
        if (sizes[i] >= 600) {
            strait_driver_slice none = {0, 0};
            strait_driver_slice part = {block, 256};
            unsigned char bytes[4] = {1, 2, 3, 4};
            unsigned char back[4] = {0};
            assert_int_equal(d->copy(queue, STRAIT_COPY_TO_DEVICE, part, bytes, none, 4), STRAIT_OK);
            assert_int_equal(d->copy(queue, STRAIT_COPY_ON_DEVICE, all, NULL, part, 4), STRAIT_OK);
            assert_int_equal(d->copy(queue, STRAIT_COPY_TO_HOST, all, back, none, 4), STRAIT_OK);
            assert_memory_equal(bytes, back, 4);
            strait_driver_slice last = {block, sizes[i] - 1};
            assert_int_equal(d->copy(queue, STRAIT_COPY_TO_HOST, last, back, none, 1), STRAIT_OK);
            assert_int_equal(back[0], 0xA5);
        }
        d->free(handle, block);
    }
    strait_handle block;
    assert_int_equal(d->alloc(handle, INT64_MAX, &block), STRAIT_ERR_NO_MEMORY);
    assert_int_equal(d->alloc(handle, INT64_C(1) << 60, &block), STRAIT_ERR_NO_MEMORY);
    d->queue_destroy(queue);
    d->close(handle);
}

static void events(void **state)
{
    (void)state;
    const strait_driver *d = &strait_cpu_driver;
    strait_handle handle = open_cpu(1);
    strait_handle queue;
    strait_handle begin;
    strait_handle end;
    assert_int_equal(d->queue_create(handle, &queue), STRAIT_OK);
    assert_int_equal(d->event_create(handle, &begin), STRAIT_OK);
    assert_int_equal(d->event_create(handle, &end), STRAIT_OK);
    double seconds = -1.0;
    assert_int_equal(d->event_elapsed(begin, end, &seconds), STRAIT_ERR_USAGE);
    assert_int_equal(d->event_record(queue, begin), STRAIT_OK);
    assert_int_equal(d->event_record(queue, end), STRAIT_OK);
    assert_int_equal(d->event_wait(end, 0), STRAIT_OK);
    assert_int_equal(d->queue_wait_event(queue, end), STRAIT_OK);
    assert_int_equal(d->queue_wait(queue, 1), STRAIT_OK);
    assert_int_equal(d->event_elapsed(begin, end, &seconds), STRAIT_OK);
    assert_true(seconds >= 0.0 && seconds < 60.0);
    d->event_destroy(begin);
    d->event_destroy(end);
    d->queue_destroy(queue);
    d->close(handle);
}

#if defined(__x86_64__)
#include <xmmintrin.h>
static void spoil_fpenv(void)
{
    _mm_setcsr(_mm_getcsr() | 0x8000U); /* flush to zero, as a fast-math library sets it */
}
#else
static void spoil_fpenv(void)
{
    uint64_t flush = UINT64_C(1) << 24;
    __asm__ volatile("msr fpcr, %0" : : "r"(flush));
}
#endif

/* A changed control register is set right, and the op that found it is refused. */
static void floating_point(void **state)
{
    (void)state;
    const strait_driver *d = &strait_cpu_driver;
    strait_handle handle = open_cpu(1);
    strait_handle queue;
    strait_handle block;
    assert_int_equal(d->queue_create(handle, &queue), STRAIT_OK);
    assert_int_equal(d->alloc(handle, 4096, &block), STRAIT_OK);
    strait_op_desc desc = {.struct_size = sizeof desc, .op = STRAIT_OP_LINEAR, .dims = {1, 1, 1, 1}};
    strait_op_info info;
    assert_int_equal(d->op_query(handle, &desc, &info), STRAIT_OK);
    assert_int_equal(info.supported, 1);
    assert_int_equal(info.determinism, STRAIT_DETERMINISM_EXACT);
    assert_true(info.workspace_bytes <= 1024);
    /* 2^-100 * 2^-40 is subnormal. */
    float inputs[2] = {0x1p-100f, 0x1p-40f};
    strait_driver_slice none = {0, 0};
    strait_driver_slice x = {block, 0};
    strait_driver_slice w = {block, 256};
    strait_driver_slice y = {block, 512};
    assert_int_equal(d->copy(queue, STRAIT_COPY_TO_DEVICE, x, &inputs[0], none, 4), STRAIT_OK);
    assert_int_equal(d->copy(queue, STRAIT_COPY_TO_DEVICE, w, &inputs[1], none, 4), STRAIT_OK);
    strait_driver_slice buffers[LINEAR_BUFFERS] = {[LINEAR_X] = x, [LINEAR_W] = w, [LINEAR_Y] = y};
    strait_driver_slice workspace = {block, 1024};
    assert_int_equal(d->op_run(queue, &desc, buffers, LINEAR_BUFFERS, workspace), STRAIT_OK);
    spoil_fpenv();
    assert_int_equal(d->op_run(queue, &desc, buffers, LINEAR_BUFFERS, workspace), STRAIT_ERR_DEVICE);
    assert_non_null(strstr(strait_error_message(), "floating-point control register"));
    assert_int_equal(strait_fpenv_get(), strait_fpenv_wanted());
    assert_int_equal(d->op_run(queue, &desc, buffers, LINEAR_BUFFERS, workspace), STRAIT_OK);
    float result = 0.0f;
    assert_int_equal(d->copy(queue, STRAIT_COPY_TO_HOST, y, &result, none, 4), STRAIT_OK);
    assert_true(result == 0x1p-140f);
    d->free(handle, block);
    d->queue_destroy(queue);
    d->close(handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instruction_sets), cmocka_unit_test(device),         cmocka_unit_test(memory),
        cmocka_unit_test(events),           cmocka_unit_test(floating_point),
    };
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
