/*
 * What backends/opencl/cl.h declares of OpenCL is what the standard's headers declare: every value, every prototype.
 * The headers' object types are given our names, so that types can be compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/opencl/cl.h"

#if STRAIT_HAVE_OPENCL_HEADERS
#define CL_TARGET_OPENCL_VERSION 120
#define _cl_platform_id ocl_platform_object
#define _cl_device_id ocl_device_object
#define _cl_context ocl_context_object
#define _cl_command_queue ocl_queue_object
#define _cl_mem ocl_memory_object
#define _cl_program ocl_program_object
#define _cl_kernel ocl_kernel_object
#define _cl_event ocl_event_object
#include <CL/cl.h>
#include <CL/cl_ext.h>

static void values_are_the_standards(void **state)
{
    (void)state;
#define CHECK_VALUE(name, value) assert_int_equal(CL_##name, value);
    OCL_CONSTANTS(CHECK_VALUE)
    OCL_ERRORS(CHECK_VALUE)
#undef CHECK_VALUE
    assert_int_equal(CL_COMPLETE, 0);
    assert_int_equal(CL_SUCCESS, 0);
    assert_int_equal(CL_TRUE, 1);
}

static void prototypes_are_the_standards(void **state)
{
    (void)state;
#define CHECK_PROTOTYPE(name, result, parameters) \
    if (_Generic(&cl##name, result(*) parameters : 0, default : 1)) fail_msg("cl" #name " has another prototype");
    OCL_FUNCTIONS(CHECK_PROTOTYPE)
#undef CHECK_PROTOTYPE
}
#else
static void values_are_the_standards(void **state)
{
    (void)state;
    print_message("the package opencl-headers is not installed\n");
    skip();
}

static void prototypes_are_the_standards(void **state)
{
    values_are_the_standards(state);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_standards),
        cmocka_unit_test(prototypes_are_the_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
