/* backends/hip/hip.h against AMD's hip_runtime_api.h and hiprtc.h, where they are installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backends/hip/hip.h"

#if STRAIT_HAVE_HIP_HEADERS
#define __HIP_PLATFORM_AMD__ 1
#define ihipModule_t gpu_module_object
#define ihipModuleSymbol_t gpu_function_object
#define ihipStream_t gpu_stream_object
#define ihipEvent_t gpu_event_object
#define ihipGraph gpu_graph_object
#define hipGraphExec gpu_graph_exec_object
#define hipUUID_t gpu_uuid_object
#define _hiprtcProgram gpu_source_object
#include <hip/hip_runtime_api.h>
#include <hip/hiprtc.h>

#include "gpu_headers.h"

static void the_architecture_stands_where_it_is_read(void **state)
{
    (void)state;
    size_t at = HIP_VERSION_MAJOR < 6 ? HIP_ARCHITECTURE_AT_BEFORE_6 : HIP_ARCHITECTURE_AT_SINCE_6;
    assert_int_equal(offsetof(hipDeviceProp_t, gcnArchName), at);
    assert_int_equal(sizeof((hipDeviceProp_t *)0)->gcnArchName, HIP_ARCHITECTURE_BYTES);
    assert_true(sizeof(hipDeviceProp_t) <= HIP_PROPERTIES_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_vendors),
        cmocka_unit_test(prototypes_are_the_vendors),
        cmocka_unit_test(symbols_are_the_vendors),
        cmocka_unit_test(the_architecture_stands_where_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void there_are_no_headers(void **state)
{
    (void)state;
    print_message("the package libamdhip64-dev is not installed\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_are_no_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
