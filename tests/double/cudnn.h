/* The double of cuDNN: its descriptors, and a graph of operations as its files share it. */
#ifndef STRAIT_TESTS_DOUBLE_CUDNN_H
#define STRAIT_TESTS_DOUBLE_CUDNN_H

#include "tests/double/double_guest.h"

/* Its functions are what the double exports; everything else is hidden by the build. */
#pragma GCC visibility push(default)
#include <cudnn.h>
#pragma GCC visibility pop

/* What came with 9.21, where the header is older: its numbers, of 9.26's cudnn_graph_v9.h. */
#if CUDNN_VERSION < 92100
enum {
    CUDNN_BACKEND_OPERATION_SOFTMAX_DESCRIPTOR = 45,
    CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH = 2811,
    CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_INPUT_UID = 2812,
    CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_OUTPUT_UID = 2813,
    CUDNN_ATTR_OPERATION_SDPA_FWD_SOFTMAX_DESC = 2814,
    CUDNN_ATTR_OPERATION_SOFTMAX_XDESC = 3100,
    CUDNN_ATTR_OPERATION_SOFTMAX_YDESC = 3101,
    CUDNN_ATTR_OPERATION_SOFTMAX_STATS_DESC = 3102
};
#endif

enum { DOUBLE_RANK = 4, DOUBLE_MOST_NODES = 32, DOUBLE_MOST_TENSORS = 80, DOUBLE_MOST_IDS = 64 };
/* A graph of more operations is an attention, one of fewer is about its statistics. */
enum { DOUBLE_FEW_NODES = 4 };

/* ---- a graph, as numbers that can be copied ---- */

typedef struct double_tensor {
    int64_t id;
    int64_t dims[DOUBLE_RANK];
    int64_t strides[DOUBLE_RANK]; /* in elements */
    int32_t type;                 /* cudnnDataType_t */
    int32_t between;              /* nowhere in memory */
    int32_t by_value;
    int32_t place;     /* among the places of a run; -1: none */
    float number;      /* by value */
    int32_t unused[2]; /* no padding: tensors are compared as bytes */
} double_tensor;

typedef struct double_node {
    int32_t kind; /* cudnnBackendDescriptorType_t of the operation */
    int32_t mode;
    int32_t axis;
    int32_t x, b, t, y; /* tensors; -1: none */
} double_node;

typedef struct double_program {
    int32_t node_count;
    int32_t tensor_count;
    double_node nodes[DOUBLE_MOST_NODES];
    double_tensor tensors[DOUBLE_MOST_TENSORS];
    int32_t place_count;
    int32_t varies;  /* the way that was chosen has other bits each time */
    char wrong[16];  /* STRAIT_DOUBLE_DNN */
    uint64_t number; /* of the run */
} double_program;

/* ---- descriptors ---- */

enum { DOUBLE_MOST_ATTRIBUTES = 10, DOUBLE_ATTRIBUTE_BYTES = 512 };

typedef struct double_attribute {
    int name;
    int type;
    int64_t count;
    unsigned char value[DOUBLE_ATTRIBUTE_BYTES];
} double_attribute;

typedef struct double_descriptor {
    uint64_t mark;
    int kind; /* cudnnBackendDescriptorType_t */
    bool finalized;
    int count;
    double_attribute set[DOUBLE_MOST_ATTRIBUTES];
    double_program *program;               /* owned: of a graph */
    const struct double_descriptor *graph; /* of what was chosen for it */
    int way;
} double_descriptor;

static const uint64_t double_descriptor_mark = UINT64_C(0xD0B1E0000000010);

/* ---- cudnn_attributes.c ---- */

int double_attribute_set(double_descriptor *to, int name, int type, int64_t count, const void *value);
/* NULL: it was not set. */
const double_attribute *double_attribute_get(const double_descriptor *from, int name);
/* The first number, enum or truth value of one that was set, else `otherwise`. */
int64_t double_attribute_number(const double_descriptor *from, int name, int64_t otherwise);
double_descriptor *double_attribute_descriptor(const double_descriptor *from, int name, int64_t at);
/* Whether everything is set that has to be, to descriptors that are finished and of the right kind. */
int double_attributes_check(const double_descriptor *it);

/* ---- cudnn_program.c ---- */

/* A part of an operation has no handle, and no program of its own. 0 and *out, owned by the caller, else a complaint.
 */
int double_program_make(const double_descriptor *graph, double_program **out);
size_t double_tensor_bytes(const double_tensor *tensor);

/* An operation's tensor: its place in the program's list; -1: none is named, -2: a wrong one. */
int32_t double_program_tensor(double_program *p, const double_descriptor *operation, int name);
/* An operation that is one node. */
int double_program_node(double_program *p, const double_descriptor *from);

/* ---- cudnn_sdpa.c ---- */

/* Attention as one operation, by nodes. */
int double_program_sdpa(double_program *p, const double_descriptor *from);

/* ---- cudnn_run.c ---- */

/* words: a double_program. */
int double_program_run(const void *words, void *const *places);

#endif
