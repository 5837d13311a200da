/*
 * What is used of cuDNN's backend interface, declared anew like cuBLASLt in cublaslt.h, and attention that is made with
 * it. The library is opened when attention is first asked about. tests/unit/test_cudnn_headers.c compares this with the
 * vendor's header, and asks the library itself, without a GPU, whether it takes the graphs.
 */
#ifndef STRAIT_BACKENDS_CUDA_CUDNN_H
#define STRAIT_BACKENDS_CUDA_CUDNN_H

#include "backends/gpu/gpu.h"

typedef struct dnn_handle_object *dnn_handle;
typedef void *dnn_descriptor;

/* X(name, value, the vendor's name) */
#define DNN_CONSTANTS(X)                                                            \
    X(DONE, 0, CUDNN_STATUS_SUCCESS)                                                \
    X(NO_HOST_MEMORY, 4003, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED)     \
    X(NO_DEVICE_MEMORY, 4004, CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED) \
    X(FIRST_NOT_SUPPORTED, 3000, CUDNN_STATUS_NOT_SUPPORTED)                        \
    X(DATA_F32, 0, CUDNN_DATA_FLOAT)                                                \
    X(DATA_I32, 4, CUDNN_DATA_INT32)                                                \
    X(DATA_BF16, 9, CUDNN_DATA_BFLOAT16)                                            \
    X(DATA_BOOLEAN, 11, CUDNN_DATA_BOOLEAN)                                         \
    X(TYPE_HANDLE, 0, CUDNN_TYPE_HANDLE)                                            \
    X(TYPE_DATA_TYPE, 1, CUDNN_TYPE_DATA_TYPE)                                      \
    X(TYPE_BOOLEAN, 2, CUDNN_TYPE_BOOLEAN)                                          \
    X(TYPE_I64, 3, CUDNN_TYPE_INT64)                                                \
    X(TYPE_POINTER, 6, CUDNN_TYPE_VOID_PTR)                                         \
    X(TYPE_HEURISTIC, 8, CUDNN_TYPE_HEUR_MODE)                                      \
    X(TYPE_NOTE, 11, CUDNN_TYPE_NUMERICAL_NOTE)                                     \
    X(TYPE_POINTWISE_MODE, 14, CUDNN_TYPE_POINTWISE_MODE)                           \
    X(TYPE_DESCRIPTOR, 15, CUDNN_TYPE_BACKEND_DESCRIPTOR)                           \
    X(TYPE_REDUCTION, 18, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE)                       \
    X(TYPE_CHAR, 24, CUDNN_TYPE_CHAR)                                               \
    X(POINTWISE, 0, CUDNN_BACKEND_POINTWISE_DESCRIPTOR)                             \
    X(ENGINE, 2, CUDNN_BACKEND_ENGINE_DESCRIPTOR)                                   \
    X(CONFIG, 3, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)                                \
    X(HEURISTIC, 4, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)                            \
    X(PLAN, 5, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)                             \
    X(DO_POINTWISE, 13, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)               \
    X(GRAPH, 15, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)                           \
    X(PACK, 16, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)                              \
    X(TENSOR, 17, CUDNN_BACKEND_TENSOR_DESCRIPTOR)                                  \
    X(MATMUL, 18, CUDNN_BACKEND_MATMUL_DESCRIPTOR)                                  \
    X(DO_MATMUL, 19, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR)                     \
    X(REDUCTION, 21, CUDNN_BACKEND_REDUCTION_DESCRIPTOR)                            \
    X(DO_REDUCTION, 22, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR)               \
    X(DO_RESHAPE, 31, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR)                   \
    X(DO_SDPA, 41, CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR)                     \
    X(DEVICE, 38, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)                              \
    X(POINTWISE_MODE, 0, CUDNN_ATTR_POINTWISE_MODE)                                 \
    X(POINTWISE_PRECISION, 1, CUDNN_ATTR_POINTWISE_MATH_PREC)                       \
    X(POINTWISE_AXIS, 9, CUDNN_ATTR_POINTWISE_AXIS)                                 \
    X(HEURISTIC_MODE, 200, CUDNN_ATTR_ENGINEHEUR_MODE)                              \
    X(HEURISTIC_GRAPH, 201, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)                  \
    X(HEURISTIC_RESULTS, 202, CUDNN_ATTR_ENGINEHEUR_RESULTS)                        \
    X(HEURISTIC_DEVICE, 204, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP)                      \
    X(CONFIG_ENGINE, 300, CUDNN_ATTR_ENGINECFG_ENGINE)                              \
    X(PLAN_HANDLE, 400, CUDNN_ATTR_EXECUTION_PLAN_HANDLE)                           \
    X(PLAN_CONFIG, 401, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)                    \
    X(PLAN_WORKSPACE, 402, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)                \
    X(PLAN_DEVICE, 407, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP)                       \
    X(DO_POINTWISE_WHAT, 750, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)         \
    X(DO_POINTWISE_X, 751, CUDNN_ATTR_OPERATION_POINTWISE_XDESC)                    \
    X(DO_POINTWISE_B, 752, CUDNN_ATTR_OPERATION_POINTWISE_BDESC)                    \
    X(DO_POINTWISE_Y, 753, CUDNN_ATTR_OPERATION_POINTWISE_YDESC)                    \
    X(DO_POINTWISE_T, 758, CUDNN_ATTR_OPERATION_POINTWISE_TDESC)                    \
    X(GRAPH_HANDLE, 800, CUDNN_ATTR_OPERATIONGRAPH_HANDLE)                          \
    X(GRAPH_OPERATIONS, 801, CUDNN_ATTR_OPERATIONGRAPH_OPS)                         \
    X(TENSOR_ALIGNMENT, 900, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)                      \
    X(TENSOR_TYPE, 901, CUDNN_ATTR_TENSOR_DATA_TYPE)                                \
    X(TENSOR_DIMS, 902, CUDNN_ATTR_TENSOR_DIMENSIONS)                               \
    X(TENSOR_STRIDES, 903, CUDNN_ATTR_TENSOR_STRIDES)                               \
    X(TENSOR_ID, 906, CUDNN_ATTR_TENSOR_UNIQUE_ID)                                  \
    X(TENSOR_VIRTUAL, 907, CUDNN_ATTR_TENSOR_IS_VIRTUAL)                            \
    X(TENSOR_BY_VALUE, 908, CUDNN_ATTR_TENSOR_IS_BY_VALUE)                          \
    X(PACK_IDS, 1000, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)                           \
    X(PACK_POINTERS, 1001, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)                   \
    X(PACK_WORKSPACE, 1003, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)                      \
    X(ENGINE_NOTES, 1303, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE)                         \
    X(MATMUL_PRECISION, 1500, CUDNN_ATTR_MATMUL_COMP_TYPE)                          \
    X(DO_MATMUL_A, 1520, CUDNN_ATTR_OPERATION_MATMUL_ADESC)                         \
    X(DO_MATMUL_B, 1521, CUDNN_ATTR_OPERATION_MATMUL_BDESC)                         \
    X(DO_MATMUL_C, 1522, CUDNN_ATTR_OPERATION_MATMUL_CDESC)                         \
    X(DO_MATMUL_WHAT, 1523, CUDNN_ATTR_OPERATION_MATMUL_DESC)                       \
    X(REDUCTION_OPERATOR, 1600, CUDNN_ATTR_REDUCTION_OPERATOR)                      \
    X(REDUCTION_PRECISION, 1601, CUDNN_ATTR_REDUCTION_COMP_TYPE)                    \
    X(DO_REDUCTION_X, 1610, CUDNN_ATTR_OPERATION_REDUCTION_XDESC)                   \
    X(DO_REDUCTION_Y, 1611, CUDNN_ATTR_OPERATION_REDUCTION_YDESC)                   \
    X(DO_REDUCTION_WHAT, 1612, CUDNN_ATTR_OPERATION_REDUCTION_DESC)                 \
    X(DO_RESHAPE_X, 2200, CUDNN_ATTR_OPERATION_RESHAPE_XDESC)                       \
    X(DO_RESHAPE_Y, 2201, CUDNN_ATTR_OPERATION_RESHAPE_YDESC)                       \
    X(DEVICE_TEXT, 2702, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION)                 \
    X(DO_SDPA_Q, 2800, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC)                         \
    X(DO_SDPA_K, 2801, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC)                         \
    X(DO_SDPA_V, 2802, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC)                         \
    X(DO_SDPA_O, 2803, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC)                         \
    X(DO_SDPA_SCALE, 2805, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC)                 \
    X(MODE_MUL, 1, CUDNN_POINTWISE_MUL)                                             \
    X(MODE_ADD, 0, CUDNN_POINTWISE_ADD)                                             \
    X(MODE_DIV, 6, CUDNN_POINTWISE_DIV)                                             \
    X(MODE_SUB, 9, CUDNN_POINTWISE_SUB)                                             \
    X(MODE_EXP, 13, CUDNN_POINTWISE_EXP)                                            \
    X(MODE_LOG, 15, CUDNN_POINTWISE_LOG)                                            \
    X(MODE_NOT_BELOW, 303, CUDNN_POINTWISE_CMP_GE)                                  \
    X(MODE_INDEX, 501, CUDNN_POINTWISE_GEN_INDEX)                                   \
    X(MODE_SELECT, 601, CUDNN_POINTWISE_BINARY_SELECT)                              \
    X(SUM, 0, CUDNN_REDUCE_TENSOR_ADD)                                              \
    X(MOST, 3, CUDNN_REDUCE_TENSOR_MAX)                                             \
    X(NOTE_VARIES, 4, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)                        \
    X(NOTE_COUNT, 10, CUDNN_NUMERICAL_NOTE_TYPE_COUNT)                              \
    X(CHOOSE_BEST, 3, CUDNN_HEUR_MODE_A)                                            \
    X(CHOOSE_ANY, 2, CUDNN_HEUR_MODE_FALLBACK)

/* What came with 9.21. */
#define DNN_CONSTANTS_92100(X)                                                    \
    X(DO_SOFTMAX, 45, CUDNN_BACKEND_OPERATION_SOFTMAX_DESCRIPTOR)                 \
    X(DO_SDPA_GRAPH, 2811, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH)                \
    X(DO_SDPA_GRAPH_IN, 2812, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_INPUT_UID)   \
    X(DO_SDPA_GRAPH_OUT, 2813, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_OUTPUT_UID) \
    X(DO_SDPA_SOFTMAX, 2814, CUDNN_ATTR_OPERATION_SDPA_FWD_SOFTMAX_DESC)          \
    X(DO_SOFTMAX_X, 3100, CUDNN_ATTR_OPERATION_SOFTMAX_XDESC)                     \
    X(DO_SOFTMAX_Y, 3101, CUDNN_ATTR_OPERATION_SOFTMAX_YDESC)                     \
    X(DO_SOFTMAX_STATS, 3102, CUDNN_ATTR_OPERATION_SOFTMAX_STATS_DESC)

enum {
#define DNN_CONSTANT(name, value, vendor) DNN_##name = value,
    DNN_CONSTANTS(DNN_CONSTANT) DNN_CONSTANTS_92100(DNN_CONSTANT)
#undef DNN_CONSTANT
};

/* X(member, the vendor's name, result, parameters); symbols are called as the names are. */
#define DNN_FUNCTIONS(X)                                                                            \
    X(GetVersion, cudnnGetVersion, size_t, (void))                                                  \
    X(GetErrorString, cudnnGetErrorString, const char *, (gpu_answer))                              \
    X(GetLastErrorString, cudnnGetLastErrorString, void, (char *, size_t))                          \
    X(Create, cudnnCreate, gpu_answer, (dnn_handle *))                                              \
    X(Destroy, cudnnDestroy, gpu_answer, (dnn_handle))                                              \
    X(SetStream, cudnnSetStream, gpu_answer, (dnn_handle, gpu_stream))                              \
    X(CreateDescriptor, cudnnBackendCreateDescriptor, gpu_answer, (unsigned int, dnn_descriptor *)) \
    X(DestroyDescriptor, cudnnBackendDestroyDescriptor, gpu_answer, (dnn_descriptor))               \
    X(Finalize, cudnnBackendFinalize, gpu_answer, (dnn_descriptor))                                 \
    X(SetAttribute, cudnnBackendSetAttribute, gpu_answer,                                           \
      (dnn_descriptor, unsigned int, unsigned int, int64_t, const void *))                          \
    X(GetAttribute, cudnnBackendGetAttribute, gpu_answer,                                           \
      (dnn_descriptor const, unsigned int, unsigned int, int64_t, int64_t *, void *))               \
    X(Execute, cudnnBackendExecute, gpu_answer, (dnn_handle, dnn_descriptor, dnn_descriptor))

#define DNN_MEMBER(member, vendor, result, parameters) result(*member) parameters;
typedef struct dnn_functions {
    DNN_FUNCTIONS(DNN_MEMBER)
} dnn_functions;
#undef DNN_MEMBER

enum { DNN_NAME_BYTES = 48, DNN_ALIGNMENT = 256, DNN_WHAT_BYTES = 96 };

/* The library, opened once for the process, or why it is not used. */
typedef struct dnn_library {
    dnn_functions dnn;
    bool usable;
    int64_t version;           /* 91900 */
    char name[DNN_NAME_BYTES]; /* "cuDNN 9.19.0" */
    char reason[GPU_REASON_BYTES];
} dnn_library;

/* ---- cudnn_library.c ---- */

const dnn_library *dnn_library_get(void);
/* Records what a function of cuDNN's answered, with its words, for the device too, and returns the code for it. */
#define DNN_REFUSED(device, library, answer, ...) \
    dnn_refused((device), (library), (answer), __FILE__, __LINE__, __VA_ARGS__)
int32_t dnn_refused(gpu_device_state *device, const dnn_library *library, gpu_answer answer, const char *file, int line,
                    const char *format, ...) GPU_PRINTF(6, 7);

/* ---- cudnn_graph.c: descriptions ---- */

enum { DNN_RANK = 4, DNN_MOST_OBJECTS = 160, DNN_MOST_OPERATIONS = 32 };

/* A graph in the making. After the first call that is refused nothing more is asked of the library. */
typedef struct dnn_graph {
    const dnn_functions *dnn; /* borrowed */
    dnn_handle handle;        /* borrowed; NULL: for the device that is described */
    dnn_descriptor device;    /* borrowed; a description of a device, where there is none to ask */
    gpu_answer answer;        /* DNN_DONE, or what was refused */
    char refused[DNN_WHAT_BYTES];
    int count;
    dnn_descriptor made[DNN_MOST_OBJECTS]; /* owned */
    int operation_count;
    dnn_descriptor operations[DNN_MOST_OPERATIONS]; /* among them */
    uint64_t used;                                  /* the caller's numbers, a bit each */
    dnn_descriptor graph;                           /* once it is whole, and what was chosen for it */
    dnn_descriptor plan;
    int64_t workspace; /* bytes */
} dnn_graph;

/* What a graph computes with; sizes and distances of elements, outermost first. */
typedef struct dnn_tensor {
    dnn_descriptor it;
    int64_t id;
    int64_t dims[DNN_RANK];
} dnn_tensor;

/* In memory, under a number of the caller's, from 1 to 63. */
dnn_tensor dnn_in_memory(dnn_graph *graph, int64_t id, int type, const int64_t dims[DNN_RANK],
                         const int64_t strides[DNN_RANK]);
/* One f32, given by the host when the graph runs. */
dnn_tensor dnn_number(dnn_graph *graph, int64_t id);
/* In between, nowhere in memory; row by row. */
dnn_tensor dnn_between(dnn_graph *graph, int type, const int64_t dims[DNN_RANK]);

/* y = x mode b, where t (BINARY_SELECT); those that a mode does not have are NULL. */
void dnn_pointwise(dnn_graph *graph, int mode, const dnn_tensor *x, const dnn_tensor *b, const dnn_tensor *t,
                   const dnn_tensor *y);
/* The same into a new one in between, f32, of the size of x. */
dnn_tensor dnn_apply(dnn_graph *graph, int mode, const dnn_tensor *x, const dnn_tensor *b);
/* x where the row is not below the column, else `hidden`. */
dnn_tensor dnn_hide_later(dnn_graph *graph, const dnn_tensor *x, const dnn_tensor *hidden);
void dnn_reduce(dnn_graph *graph, int operator, const dnn_tensor * x, const dnn_tensor *y);
void dnn_multiply(dnn_graph *graph, const dnn_tensor *a, const dnn_tensor *b, const dnn_tensor *c);
/* The operations from the `first` on become a graph of their own, for an operation to contain. */
dnn_descriptor dnn_enclose(dnn_graph *graph, int first);
/* An operation of another kind: made, given its tensors and closed. NULL after a refusal. */
dnn_descriptor dnn_operation(dnn_graph *graph, unsigned int kind);
void dnn_operation_set(dnn_graph *graph, dnn_descriptor operation, unsigned int what, dnn_descriptor value);
void dnn_operation_set_id(dnn_graph *graph, dnn_descriptor operation, unsigned int what, int64_t id);
/* is_part: of another operation, not of the graph. */
void dnn_operation_end(dnn_graph *graph, dnn_descriptor operation, const char *what, bool is_part);
/* The two inner ones changed, without moving anything. */
dnn_tensor dnn_transpose(dnn_graph *graph, const dnn_tensor *x, int type, const int64_t strides[DNN_RANK]);

/*
 * Finds the first way to compute the graph, as the library orders them, that has the same bits from run to run and asks
 * for at most `most` bytes. False: there is none; *out_reason, a constant, says what is in the way.
 */
bool dnn_choose(dnn_graph *graph, int64_t most, const char **out_reason);
void dnn_graph_end(dnn_graph *graph);

#endif
