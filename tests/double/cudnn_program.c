/* A graph read from its descriptors, and whether it makes sense: sizes, types, and what is there when it is needed. */
#include "tests/double/cudnn.h"

#include <stdlib.h>
#include <string.h>

static int bad(const char *what)
{
    return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, what);
}

size_t double_tensor_bytes(const double_tensor *tensor)
{
    int64_t last = 0;
    for (int i = 0; i < DOUBLE_RANK; i++) last += (tensor->dims[i] - 1) * tensor->strides[i];
    return (size_t)(last + 1) * (tensor->type == CUDNN_DATA_BFLOAT16 ? 2 : 4);
}

static int read_tensor(const double_descriptor *from, double_tensor *out)
{
    *out = (double_tensor){.place = -1};
    out->id = double_attribute_number(from, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0);
    out->type = (int32_t)double_attribute_number(from, CUDNN_ATTR_TENSOR_DATA_TYPE, -1);
    out->between = (int32_t)double_attribute_number(from, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0);
    out->by_value = (int32_t)double_attribute_number(from, CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0);
    memcpy(out->dims, double_attribute_get(from, CUDNN_ATTR_TENSOR_DIMENSIONS)->value, sizeof out->dims);
    memcpy(out->strides, double_attribute_get(from, CUDNN_ATTR_TENSOR_STRIDES)->value, sizeof out->strides);
    for (int i = 0; i < DOUBLE_RANK; i++) {
        if (out->dims[i] < 1 || out->strides[i] < 1) return bad("a tensor without a size");
    }
    bool whole = out->type == CUDNN_DATA_INT32 || out->type == CUDNN_DATA_BOOLEAN;
    if (out->type != CUDNN_DATA_FLOAT && out->type != CUDNN_DATA_BFLOAT16 && !(whole && out->between)) {
        return bad("a tensor of a type that the double does not know there");
    }
    if (out->by_value && (out->between || out->type != CUDNN_DATA_FLOAT || out->dims[3] != 1)) {
        return bad("a number that is none");
    }
    return 0;
}

/* Two that have one number are one. */
int32_t double_program_tensor(double_program *p, const double_descriptor *operation, int name)
{
    const double_descriptor *from = double_attribute_descriptor(operation, name, 0);
    double_tensor read;
    if (!from) return -1;
    if (read_tensor(from, &read) != 0) return -2;
    for (int32_t i = 0; i < p->tensor_count; i++) {
        if (p->tensors[i].id != read.id) continue;
        if (memcmp(&p->tensors[i], &read, sizeof read) == 0) return i;
        bad("two tensors have the same number");
        return -2;
    }
    if (p->tensor_count == DOUBLE_MOST_TENSORS) return -2;
    p->tensors[p->tensor_count] = read;
    return p->tensor_count++;
}

static int32_t setting(const double_descriptor *operation, int where, int name)
{
    const double_descriptor *what = double_attribute_descriptor(operation, where, 0);
    return (int32_t)double_attribute_number(what, name, -1);
}

int double_program_node(double_program *p, const double_descriptor *from)
{
    if (p->node_count == DOUBLE_MOST_NODES) return bad("more operations than the double has room for");
    double_node *out = &p->nodes[p->node_count++];
    *out = (double_node){.kind = from->kind, .mode = -1, .axis = -1, .x = -1, .b = -1, .t = -1, .y = -1};
    int precision = CUDNN_DATA_FLOAT;
    switch (from->kind) {
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        out->mode = setting(from, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_ATTR_POINTWISE_MODE);
        out->axis = setting(from, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_ATTR_POINTWISE_AXIS);
        out->x = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
        out->b = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
        out->t = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_POINTWISE_TDESC);
        out->y = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
        if (out->mode == CUDNN_POINTWISE_GEN_INDEX && (out->axis < 0 || out->axis >= DOUBLE_RANK)) {
            return bad("an index without an axis");
        }
        break;
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
        precision = setting(from, CUDNN_ATTR_OPERATION_MATMUL_DESC, CUDNN_ATTR_MATMUL_COMP_TYPE);
        out->x = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_MATMUL_ADESC);
        out->b = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_MATMUL_BDESC);
        out->y = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_MATMUL_CDESC);
        break;
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
        precision = setting(from, CUDNN_ATTR_OPERATION_REDUCTION_DESC, CUDNN_ATTR_REDUCTION_COMP_TYPE);
        out->mode = setting(from, CUDNN_ATTR_OPERATION_REDUCTION_DESC, CUDNN_ATTR_REDUCTION_OPERATOR);
        out->x = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_REDUCTION_XDESC);
        out->y = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_REDUCTION_YDESC);
        break;
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
        out->x = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_RESHAPE_XDESC);
        out->y = double_program_tensor(p, from, CUDNN_ATTR_OPERATION_RESHAPE_YDESC);
        break;
    default: return bad("an operation that the double does not know");
    }
    if (precision != CUDNN_DATA_FLOAT) return bad("sums that are not in f32");
    bool read = out->x >= 0 && out->y >= 0 && out->b != -2 && out->t != -2;
    return read ? 0 : CUDNN_STATUS_BAD_PARAM;
}

/* ---- sizes ---- */

static bool spreads(const double_tensor *from, const double_tensor *to)
{
    for (int i = 0; i < DOUBLE_RANK; i++) {
        if (from->dims[i] != to->dims[i] && from->dims[i] != 1) return false;
    }
    return true;
}

static bool divides(const double_tensor *from, const double_tensor *to)
{
    for (int i = 0; i < DOUBLE_RANK; i++) {
        if (from->dims[i] % to->dims[i] != 0) return false;
    }
    return true;
}

static int64_t size_of(const double_tensor *t)
{
    return t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
}

static bool multiplies(const double_tensor *a, const double_tensor *b, const double_tensor *c)
{
    return a->dims[0] == b->dims[0] && a->dims[0] == c->dims[0] && a->dims[1] % b->dims[1] == 0 &&
           c->dims[1] == a->dims[1] && a->dims[2] == c->dims[2] && a->dims[3] == b->dims[2] && b->dims[3] == c->dims[3];
}

static bool fits(const double_program *p, const double_node *n)
{
    const double_tensor *x = &p->tensors[n->x];
    const double_tensor *y = &p->tensors[n->y];
    const double_tensor *b = n->b >= 0 ? &p->tensors[n->b] : NULL;
    switch (n->kind) {
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR: return b && multiplies(x, b, y);
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR: return divides(x, y);
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR: return size_of(x) == size_of(y);
    default: return spreads(x, y) && (!b || spreads(b, y)) && (n->t < 0 || spreads(&p->tensors[n->t], y));
    }
}

/* Every operand is in memory or was made by then; nothing is made twice. */
static int check_order(const double_program *p)
{
    bool made[DOUBLE_MOST_TENSORS] = {false};
    for (int32_t i = 0; i < p->node_count; i++) {
        const double_node *n = &p->nodes[i];
        const int32_t operands[] = {n->x, n->b, n->t};
        if (!fits(p, n)) return bad("an operation whose tensors do not fit each other");
        for (int k = 0; k < 3; k++) {
            if (operands[k] >= 0 && p->tensors[operands[k]].between && !made[operands[k]]) {
                return bad("an operand that nothing has made");
            }
        }
        if (made[n->y] || p->tensors[n->y].by_value) return bad("a result that cannot be stored");
        made[n->y] = true;
    }
    return 0;
}

int double_program_make(const double_descriptor *graph, double_program **out)
{
    if (!double_attribute_get(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE)) return 0;
    double_program *p = calloc(1, sizeof *p);
    if (!p) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    int answer = 0;
    int64_t count = double_attribute_get(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS)->count;
    for (int64_t i = 0; i < count && answer == 0; i++) {
        const double_descriptor *from = double_attribute_descriptor(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, i);
        bool whole = from->kind == CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR;
        answer = whole ? double_program_sdpa(p, from) : double_program_node(p, from);
    }
    if (answer == 0) answer = check_order(p);
    if (answer == 0) {
        *out = p;
    } else {
        free(p);
    }
    return answer;
}
