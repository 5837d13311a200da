/*
 * Attention as one operation, taken apart into those that the double computes. STRAIT_DOUBLE_DNN=unmasked: it takes no
 * notice of the graph within it.
 */
#include "tests/double/cudnn.h"

#include <stdlib.h>
#include <string.h>

static int bad(const char *what)
{
    return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, what);
}

/* A tensor of the double's own, row by row; -2: there is no room. */
static int32_t between(double_program *p, int32_t type, const int64_t *dims)
{
    if (p->tensor_count == DOUBLE_MOST_TENSORS) return -2;
    double_tensor *t = &p->tensors[p->tensor_count];
    *t = (double_tensor){.id = -1 - p->tensor_count, .type = type, .between = 1, .place = -1};
    memcpy(t->dims, dims, sizeof t->dims);
    int64_t stride = 1;
    for (int i = DOUBLE_RANK - 1; i >= 0; i--) {
        t->strides[i] = stride;
        stride *= dims[i];
    }
    return p->tensor_count++;
}

/* [.., rows, columns] in the same memory as [.., columns, rows]. */
static int32_t turned(double_program *p, int32_t from)
{
    const double_tensor of = p->tensors[from];
    const int64_t dims[DOUBLE_RANK] = {of.dims[0], of.dims[1], of.dims[3], of.dims[2]};
    const int64_t strides[DOUBLE_RANK] = {of.strides[0], of.strides[1], of.strides[3], of.strides[2]};
    int32_t out = between(p, of.type, dims);
    if (out >= 0) memcpy(p->tensors[out].strides, strides, sizeof strides);
    return out;
}

/* -2: one of them is missing, or there is no room. */
static int32_t put(double_program *p, int32_t kind, int32_t mode, int32_t x, int32_t b, int32_t y)
{
    if (x < 0 || b == -2 || y < 0 || p->node_count == DOUBLE_MOST_NODES) return -2;
    p->nodes[p->node_count++] = (double_node){.kind = kind, .mode = mode, .axis = -1, .x = x, .b = b, .t = -1, .y = y};
    return y;
}

static int32_t numbered(const double_program *p, int64_t id)
{
    for (int32_t i = 0; i < p->tensor_count; i++) {
        if (p->tensors[i].id == id) return i;
    }
    return -2;
}

/* The operations of the graph within it, from the tensor it names as what goes in. */
static int read_within(double_program *p, const double_descriptor *from, int32_t *out_in, int32_t *out_out)
{
    const double_descriptor *graph = double_attribute_descriptor(from, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH, 0);
    int64_t count = double_attribute_get(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS)->count;
    for (int64_t i = 0; i < count; i++) {
        int answer = double_program_node(p, double_attribute_descriptor(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, i));
        if (answer != 0) return answer;
    }
    *out_in = numbered(p, double_attribute_number(from, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_INPUT_UID, 0));
    *out_out = numbered(p, double_attribute_number(from, CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH_OUTPUT_UID, 0));
    return *out_in < 0 || *out_out < 0 ? bad("a graph within attention that does not have its ends") : 0;
}

/* Nodes are kept in the order in which they run: those within come after the scores, which are only then known. */
static int32_t scores(double_program *p, const double_descriptor *from, int32_t in)
{
    const int32_t matmul = CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR;
    int32_t q = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC);
    int32_t k = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC);
    int32_t scale = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC);
    if (q < 0 || k < 0) return -2;
    int32_t other = put(p, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR, -1, k, -1, turned(p, k));
    int32_t raw = put(p, matmul, -1, q, other, between(p, CUDNN_DATA_FLOAT, p->tensors[in].dims));
    return put(p, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_POINTWISE_MUL, raw, scale, in);
}

static int32_t softmax(double_program *p, const double_descriptor *from, int32_t seen)
{
    const int32_t pointwise = CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
    const int32_t reduce = CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR;
    const double_descriptor *named = double_attribute_descriptor(from, CUDNN_ATTR_OPERATION_SDPA_FWD_SOFTMAX_DESC, 0);
    int32_t stats = double_program_tensor(p, named, CUDNN_ATTR_OPERATION_SOFTMAX_STATS_DESC);
    if (stats < 0) return -2;
    const int64_t *all = p->tensors[seen].dims;
    const int64_t *row = p->tensors[stats].dims;
    int32_t most = put(p, reduce, CUDNN_REDUCE_TENSOR_MAX, seen, -1, between(p, CUDNN_DATA_FLOAT, row));
    int32_t less = put(p, pointwise, CUDNN_POINTWISE_SUB, seen, most, between(p, CUDNN_DATA_FLOAT, all));
    int32_t raised = put(p, pointwise, CUDNN_POINTWISE_EXP, less, -1, between(p, CUDNN_DATA_FLOAT, all));
    int32_t sum = put(p, reduce, CUDNN_REDUCE_TENSOR_ADD, raised, -1, between(p, CUDNN_DATA_FLOAT, row));
    int32_t log = put(p, pointwise, CUDNN_POINTWISE_LOG, sum, -1, between(p, CUDNN_DATA_FLOAT, row));
    if (put(p, pointwise, CUDNN_POINTWISE_ADD, most, log, stats) < 0) return -2;
    return put(p, pointwise, CUDNN_POINTWISE_DIV, raised, sum, between(p, CUDNN_DATA_BFLOAT16, all));
}

/* Those that were read run after those that came behind them. */
static void turn_round(double_node *nodes, int32_t first, int32_t middle, int32_t end)
{
    double_node read[DOUBLE_MOST_NODES];
    memcpy(read, nodes + first, (size_t)(middle - first) * sizeof *nodes);
    memmove(nodes + first, nodes + middle, (size_t)(end - middle) * sizeof *nodes);
    memcpy(nodes + first + end - middle, read, (size_t)(middle - first) * sizeof *nodes);
}

int double_program_sdpa(double_program *p, const double_descriptor *from)
{
    int32_t in, seen;
    const int32_t first = p->node_count;
    int answer = read_within(p, from, &in, &seen);
    if (answer != 0) return answer;
    const int32_t middle = p->node_count;
    if (scores(p, from, in) < 0) return bad("attention without its scores");
    turn_round(p->nodes, first, middle, p->node_count);
    const char *fault = getenv("STRAIT_DOUBLE_DNN");
    if (fault && strcmp(fault, "unmasked") == 0) seen = in;
    int32_t v = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC);
    int32_t o = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC);
    int32_t made = put(p, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, -1, softmax(p, from, seen), v, o);
    return made < 0 ? bad("attention without its result") : 0;
}
