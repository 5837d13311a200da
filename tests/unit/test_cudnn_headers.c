/*
 * backends/cuda/cudnn.h against NVIDIA's headers, where a CUDA toolkit with cuDNN is installed: values and prototypes.
 * Where the library itself is there (STRAIT_CUDNN_LIBRARY names another), its engines are asked whether they take the
 * graphs of attention, for a GPU that is described to it: none is needed for that. What they compile is then loaded by
 * the driver, or refused by the toolkit's stub of one, and that is as far as it goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/cudnn_attention.h"

#if STRAIT_HAVE_CUDNN_HEADERS
#include <cudnn.h>

static void values_are_the_vendors(void **state)
{
    (void)state;
#define CHECK_VALUE(name, value, vendor) assert_int_equal(vendor, value);
    DNN_CONSTANTS(CHECK_VALUE)
#if CUDNN_VERSION >= 92100
    DNN_CONSTANTS_92100(CHECK_VALUE)
#endif
#undef CHECK_VALUE
}

/* ---- the library itself ---- */

/* The library compiles in itself and keeps some memory of that to itself, which a sanitizer takes for a leak of ours.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

enum { REFUSED_BY_THE_DRIVER = CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER };

/* As the library writes one down (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION); the figures are those of an H200. */
static const char device_text[] =
    "{\"deviceVer\":900,\"driverVer\":13000,\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"
    "\"regsPerBlock\":65536,\"multiProcessorCount\":132,\"warpSize\":32,\"maxSharedMemoryPerBlock\":49152,"
    "\"maxSharedMemoryPerBlockOptin\":232448,\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536,"
    "\"maxCtasPerSM\":32,\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048,\"pciDeviceId\":0,\"isTccDriver\":0,"
    "\"supportCoopLaunch\":1,\"totalGlobalMem\":150754820096,\"smClockRateKHz\":1980000,\"memClockRateKHz\":3201000,"
    "\"l2CacheSize\":62914560,\"cudaDeviceId\":0,\"deviceName\":\"NVIDIA H200\"}";

static void *open_one(const char *const *names)
{
    void *handle = NULL;
    for (; *names && !handle; names++) handle = **names ? dlopen(*names, RTLD_NOW | RTLD_GLOBAL) : NULL;
    return handle;
}

static bool open_library(dnn_functions *out)
{
    const char *named = getenv("STRAIT_CUDNN_LIBRARY");
    const char *const names[] = {named ? named : "", "libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9",
                                 "/usr/local/cuda/lib/libcudnn.so.9", NULL};
    /* Whoever wants a driver then finds the stub under its name. */
    static const char *const drivers[] = {"libcuda.so.1", "/usr/local/cuda/lib64/stubs/libcuda.so",
                                          "/usr/local/cuda/lib/stubs/libcuda.so", NULL};
    void *handle = open_one(names);
    if (!handle || !open_one(drivers)) return false;
    void *address;
#define RESOLVE(member, vendor, result, parameters)           \
    address = dlsym(handle, #vendor);                         \
    if (!address) fail_msg("the library has no %s", #vendor); \
    memcpy(&out->member, &address, sizeof address);
    DNN_FUNCTIONS(RESOLVE)
#undef RESOLVE
    return true;
}

typedef void describe_fn(dnn_graph *graph, const dnn_attention *shape);

/* Whether one of the library's engines takes the graph and compiles it. */
static bool takes(const dnn_functions *dnn, dnn_descriptor device, describe_fn *describe, const dnn_attention *shape)
{
    dnn_graph graph = {.dnn = dnn, .device = device};
    const char *reason;
    describe(&graph, shape);
    bool chosen = dnn_choose(&graph, INT64_MAX, &reason);
    gpu_answer answer = graph.answer;
    if (!chosen && answer != REFUSED_BY_THE_DRIVER) print_message("%u %s: %s\n", answer, graph.refused, reason);
    dnn_graph_end(&graph);
    return chosen || answer == REFUSED_BY_THE_DRIVER;
}

static void the_library_takes_the_graphs(void **state)
{
    (void)state;
    const dnn_attention grouped = {.batch = 2, .length = 100, .query_heads = 4, .key_heads = 2, .d = 64};
    const dnn_attention odd = {.batch = 2, .length = 100, .query_heads = 4, .key_heads = 2, .d = 12};
    dnn_functions dnn = {0};
    dnn_descriptor device = NULL;
    if (SANITIZED) {
        print_message("the library is not asked in a build with a sanitizer: what it keeps would count as a leak\n");
        skip();
    }
    if (!open_library(&dnn)) {
        print_message("there is no libcudnn.so.9, or neither a driver nor the toolkit's stub of one\n");
        skip();
    }
    print_message("cuDNN %zu\n", dnn.GetVersion());
    assert_int_equal(dnn.CreateDescriptor(DNN_DEVICE, &device), DNN_DONE);
    assert_int_equal(dnn.SetAttribute(device, DNN_DEVICE_TEXT, DNN_TYPE_CHAR, sizeof device_text, device_text),
                     DNN_DONE);
    if (dnn.Finalize(device) != DNN_DONE) {
        print_message("this version wants another description of a device\n");
        dnn.DestroyDescriptor(device);
        skip();
    }
    assert_true(takes(&dnn, device, dnn_describe_forward, &grouped));
    if (dnn.GetVersion() >= 92100) {
        assert_true(takes(&dnn, device, dnn_describe_forward_op, &grouped));
        assert_false(takes(&dnn, device, dnn_describe_forward_op, &odd));
    }
    assert_true(takes(&dnn, device, dnn_describe_backward, &grouped));
    assert_true(takes(&dnn, device, dnn_describe_ours, &grouped));
    assert_true(takes(&dnn, device, dnn_describe_theirs, &grouped));
    assert_false(takes(&dnn, device, dnn_describe_forward, &odd)); /* so the answers above say something */
    dnn.DestroyDescriptor(device);
}

/* ---- prototypes, last: from here on our names of types are the vendor's ---- */

#define dnn_handle cudnnHandle_t
#define dnn_descriptor cudnnBackendDescriptor_t
#define gpu_stream cudaStream_t

static void prototypes_are_the_vendors(void **state)
{
    (void)state;
#define CHECK_PROTOTYPE(member, vendor, result, parameters) \
    if (_Generic(&vendor, result(*) parameters : 0, default : 1)) fail_msg("%s has another prototype", #vendor);
    DNN_FUNCTIONS(CHECK_PROTOTYPE)
#undef CHECK_PROTOTYPE
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_vendors),
        cmocka_unit_test(the_library_takes_the_graphs),
        cmocka_unit_test(prototypes_are_the_vendors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void there_are_no_headers(void **state)
{
    (void)state;
    print_message("no CUDA toolkit with cuDNN is installed\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_are_no_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
