/*
 * backends/cuda/cublaslt.h, and what cuda.h declares for its sake, against NVIDIA's headers, where a CUDA toolkit with
 * cuBLAS is installed: values, prototypes and layouts. Where the library itself is there, it is asked whether it takes
 * the descriptions that are made of a product; that needs no GPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <string.h>

#include "backends/cuda/cublaslt.h"

#if STRAIT_HAVE_CUBLASLT_HEADERS
#include <cublasLt.h>
#include <cuda.h>

static void values_are_the_vendors(void **state)
{
    (void)state;
#define CHECK_VALUE(name, value, vendor) assert_int_equal(vendor, value);
    LT_CONSTANTS(CHECK_VALUE)
#undef CHECK_VALUE
}

#define SAME_PLACE(ours, member, theirs, their_member)                        \
    assert_int_equal(offsetof(ours, member), offsetof(theirs, their_member)); \
    assert_int_equal(sizeof(((ours *)0)->member), sizeof(((theirs *)0)->their_member))

static void layouts_are_the_vendors(void **state)
{
    (void)state;
    assert_int_equal(sizeof(lt_algorithm), sizeof(cublasLtMatmulAlgo_t));
    assert_int_equal(sizeof(lt_choice), sizeof(cublasLtMatmulHeuristicResult_t));
    SAME_PLACE(lt_choice, algorithm, cublasLtMatmulHeuristicResult_t, algo);
    SAME_PLACE(lt_choice, workspace, cublasLtMatmulHeuristicResult_t, workspaceSize);
    SAME_PLACE(lt_choice, state, cublasLtMatmulHeuristicResult_t, state);
    SAME_PLACE(lt_choice, waves, cublasLtMatmulHeuristicResult_t, wavesCount);
    assert_int_equal(sizeof(gpu_rows_copy), sizeof(CUDA_MEMCPY2D));
    SAME_PLACE(gpu_rows_copy, from_column, CUDA_MEMCPY2D, srcXInBytes);
    SAME_PLACE(gpu_rows_copy, from_row, CUDA_MEMCPY2D, srcY);
    SAME_PLACE(gpu_rows_copy, from_kind, CUDA_MEMCPY2D, srcMemoryType);
    SAME_PLACE(gpu_rows_copy, from_host, CUDA_MEMCPY2D, srcHost);
    SAME_PLACE(gpu_rows_copy, from_device, CUDA_MEMCPY2D, srcDevice);
    SAME_PLACE(gpu_rows_copy, from_array, CUDA_MEMCPY2D, srcArray);
    SAME_PLACE(gpu_rows_copy, from_pitch, CUDA_MEMCPY2D, srcPitch);
    SAME_PLACE(gpu_rows_copy, to_column, CUDA_MEMCPY2D, dstXInBytes);
    SAME_PLACE(gpu_rows_copy, to_row, CUDA_MEMCPY2D, dstY);
    SAME_PLACE(gpu_rows_copy, to_kind, CUDA_MEMCPY2D, dstMemoryType);
    SAME_PLACE(gpu_rows_copy, to_host, CUDA_MEMCPY2D, dstHost);
    SAME_PLACE(gpu_rows_copy, to_device, CUDA_MEMCPY2D, dstDevice);
    SAME_PLACE(gpu_rows_copy, to_array, CUDA_MEMCPY2D, dstArray);
    SAME_PLACE(gpu_rows_copy, to_pitch, CUDA_MEMCPY2D, dstPitch);
    SAME_PLACE(gpu_rows_copy, row_bytes, CUDA_MEMCPY2D, WidthInBytes);
    SAME_PLACE(gpu_rows_copy, rows, CUDA_MEMCPY2D, Height);
}
#undef SAME_PLACE

/* ---- the library itself ---- */

static void *open_library(lt_functions *out)
{
    static const char *const names[] = {"libcublasLt.so.13", "/usr/local/cuda/lib64/libcublasLt.so.13",
                                        "/usr/local/cuda/lib/libcublasLt.so.13"};
    void *handle = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !handle; i++) handle = dlopen(names[i], RTLD_LAZY);
    if (!handle) return NULL;
    void *address;
#define RESOLVE(member, vendor, result, parameters)           \
    address = dlsym(handle, #vendor);                         \
    if (!address) fail_msg("the library has no %s", #vendor); \
    memcpy(&out->member, &address, sizeof address);
    LT_FUNCTIONS(RESOLVE)
#undef RESOLVE
    return handle;
}

/* As cublaslt_plan.c makes them. */
static void the_library_takes_the_descriptions(void **state)
{
    (void)state;
    lt_functions lt = {0};
    lt_product product = NULL;
    lt_layout layout = NULL;
    lt_limits limits = NULL;
    const int32_t transposed = LT_TRANSPOSED;
    const uint64_t workspace = UINT64_C(32) << 20;
    const uint32_t reductions = LT_REDUCTIONS_NONE;
    if (!open_library(&lt)) {
        print_message("there is no libcublasLt.so.13\n");
        skip();
    }
    assert_int_equal(lt.GetVersion() / 10000, 13);
    assert_string_equal(lt.GetStatusName(LT_NOT_SUPPORTED), "CUBLAS_STATUS_NOT_SUPPORTED");
    assert_int_equal(lt.MatmulDescCreate(&product, LT_COMPUTE_F32, LT_TYPE_F32), LT_DONE);
    assert_int_equal(lt.MatmulDescSetAttribute(product, LT_PRODUCT_TRANSPOSES_A, &transposed, sizeof transposed),
                     LT_DONE);
    assert_int_equal(lt.MatmulDescSetAttribute(product, LT_PRODUCT_TRANSPOSES_B, &transposed, sizeof transposed),
                     LT_DONE);
    assert_int_equal(lt.MatrixLayoutCreate(&layout, LT_TYPE_BF16, 96, 32, 96), LT_DONE);
    assert_int_equal(lt.MatmulPreferenceCreate(&limits), LT_DONE);
    assert_int_equal(lt.MatmulPreferenceSetAttribute(limits, LT_LIMIT_WORKSPACE, &workspace, sizeof workspace),
                     LT_DONE);
    assert_int_equal(lt.MatmulPreferenceSetAttribute(limits, LT_LIMIT_REDUCTIONS, &reductions, sizeof reductions),
                     LT_DONE);
    assert_int_not_equal(lt.MatmulPreferenceSetAttribute(limits, LT_LIMIT_REDUCTIONS, &workspace, sizeof workspace),
                         LT_DONE);
    assert_int_equal(lt.MatmulPreferenceDestroy(limits), LT_DONE);
    assert_int_equal(lt.MatrixLayoutDestroy(layout), LT_DONE);
    assert_int_equal(lt.MatmulDescDestroy(product), LT_DONE);
}

/* ---- prototypes, last: from here on our names of types are the vendor's ---- */

#define lt_handle cublasLtHandle_t
#define lt_product cublasLtMatmulDesc_t
#define lt_layout cublasLtMatrixLayout_t
#define lt_limits cublasLtMatmulPreference_t
#define lt_algorithm cublasLtMatmulAlgo_t
#define lt_choice cublasLtMatmulHeuristicResult_t
#define gpu_rows_copy CUDA_MEMCPY2D
#define gpu_stream CUstream
#define QUOTE(name) #name
#define SYMBOL(name) QUOTE(name)

static void prototypes_are_the_vendors(void **state)
{
    (void)state;
#define CHECK_PROTOTYPE(member, vendor, result, parameters) \
    if (_Generic(&vendor, result(*) parameters : 0, default : 1)) fail_msg("%s has another prototype", #vendor);
    LT_FUNCTIONS(CHECK_PROTOTYPE)
#undef CHECK_PROTOTYPE
#define CHECK_OPTIONAL(member, vendor, symbol, older, result, parameters)                                        \
    if (_Generic(&vendor, result(*) parameters : 0, default : 1)) fail_msg("%s has another prototype", #vendor); \
    assert_string_equal(SYMBOL(vendor), symbol);
    GPU_DRIVER_OPTIONAL(CHECK_OPTIONAL)
#undef CHECK_OPTIONAL
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_vendors),
        cmocka_unit_test(layouts_are_the_vendors),
        cmocka_unit_test(the_library_takes_the_descriptions),
        cmocka_unit_test(prototypes_are_the_vendors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void there_are_no_headers(void **state)
{
    (void)state;
    print_message("no CUDA toolkit with cuBLAS is installed\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_are_no_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
