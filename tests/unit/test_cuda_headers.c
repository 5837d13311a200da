/* backends/cuda/cuda.h against NVIDIA's cuda.h and nvrtc.h, where a CUDA toolkit is installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backends/cuda/cuda.h"

#if STRAIT_HAVE_CUDA_HEADERS
#define CUctx_st gpu_context_object
#define CUmod_st gpu_module_object
#define CUfunc_st gpu_function_object
#define CUstream_st gpu_stream_object
#define CUevent_st gpu_event_object
#define CUgraph_st gpu_graph_object
#define CUgraphExec_st gpu_graph_exec_object
#define CUuuid_st gpu_uuid_object
#define _nvrtcProgram gpu_source_object
#include <cuda.h>
#include <nvrtc.h>

#include "gpu_headers.h"

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_vendors),
        cmocka_unit_test(prototypes_are_the_vendors),
        cmocka_unit_test(symbols_are_the_vendors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void there_are_no_headers(void **state)
{
    (void)state;
    print_message("no CUDA toolkit is installed\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_are_no_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
