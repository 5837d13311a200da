/* What may be said of each kind of descriptor, how, and what has to be: of cuDNN's list, what attention needs. */
#include "tests/double/cudnn.h"

#include <string.h>

/* refers: the kind of descriptor that an attribute of that type names; several kinds: -1. */
typedef struct rule {
    int kind, name, type;
    int64_t least, most;
    int size;
    bool required;
    int refers;
} rule;

#define ENUM 4
#define POINTER ((int)sizeof(void *))
#define D(name) CUDNN_BACKEND_##name##_DESCRIPTOR
#define A(name) CUDNN_ATTR_##name
#define T(name) CUDNN_TYPE_##name
#define TENSOR_OF(kind, name, required)                                             \
    {                                                                               \
        D(kind), A(name), T(BACKEND_DESCRIPTOR), 1, 1, POINTER, required, D(TENSOR) \
    }

static const rule rules[] = {
    {D(TENSOR), A(TENSOR_UNIQUE_ID), T(INT64), 1, 1, 8, true, 0},
    {D(TENSOR), A(TENSOR_DATA_TYPE), T(DATA_TYPE), 1, 1, ENUM, true, 0},
    {D(TENSOR), A(TENSOR_DIMENSIONS), T(INT64), 4, 4, 8, true, 0},
    {D(TENSOR), A(TENSOR_STRIDES), T(INT64), 4, 4, 8, true, 0},
    {D(TENSOR), A(TENSOR_BYTE_ALIGNMENT), T(INT64), 1, 1, 8, true, 0},
    {D(TENSOR), A(TENSOR_IS_VIRTUAL), T(BOOLEAN), 1, 1, 1, false, 0},
    {D(TENSOR), A(TENSOR_IS_BY_VALUE), T(BOOLEAN), 1, 1, 1, false, 0},
    {D(POINTWISE), A(POINTWISE_MODE), T(POINTWISE_MODE), 1, 1, ENUM, true, 0},
    {D(POINTWISE), A(POINTWISE_MATH_PREC), T(DATA_TYPE), 1, 1, ENUM, true, 0},
    {D(POINTWISE), A(POINTWISE_AXIS), T(INT64), 1, 1, 8, false, 0},
    {D(MATMUL), A(MATMUL_COMP_TYPE), T(DATA_TYPE), 1, 1, ENUM, true, 0},
    {D(REDUCTION), A(REDUCTION_OPERATOR), T(REDUCTION_OPERATOR_TYPE), 1, 1, ENUM, true, 0},
    {D(REDUCTION), A(REDUCTION_COMP_TYPE), T(DATA_TYPE), 1, 1, ENUM, true, 0},
    {D(OPERATION_POINTWISE), A(OPERATION_POINTWISE_PW_DESCRIPTOR), T(BACKEND_DESCRIPTOR), 1, 1, POINTER, true,
     D(POINTWISE)},
    TENSOR_OF(OPERATION_POINTWISE, OPERATION_POINTWISE_XDESC, true),
    TENSOR_OF(OPERATION_POINTWISE, OPERATION_POINTWISE_BDESC, false),
    TENSOR_OF(OPERATION_POINTWISE, OPERATION_POINTWISE_TDESC, false),
    TENSOR_OF(OPERATION_POINTWISE, OPERATION_POINTWISE_YDESC, true),
    {D(OPERATION_MATMUL), A(OPERATION_MATMUL_DESC), T(BACKEND_DESCRIPTOR), 1, 1, POINTER, true, D(MATMUL)},
    TENSOR_OF(OPERATION_MATMUL, OPERATION_MATMUL_ADESC, true),
    TENSOR_OF(OPERATION_MATMUL, OPERATION_MATMUL_BDESC, true),
    TENSOR_OF(OPERATION_MATMUL, OPERATION_MATMUL_CDESC, true),
    {D(OPERATION_REDUCTION), A(OPERATION_REDUCTION_DESC), T(BACKEND_DESCRIPTOR), 1, 1, POINTER, true, D(REDUCTION)},
    TENSOR_OF(OPERATION_REDUCTION, OPERATION_REDUCTION_XDESC, true),
    TENSOR_OF(OPERATION_REDUCTION, OPERATION_REDUCTION_YDESC, true),
    TENSOR_OF(OPERATION_RESHAPE, OPERATION_RESHAPE_XDESC, true),
    TENSOR_OF(OPERATION_RESHAPE, OPERATION_RESHAPE_YDESC, true),
    TENSOR_OF(OPERATION_SOFTMAX, OPERATION_SOFTMAX_XDESC, true),
    TENSOR_OF(OPERATION_SOFTMAX, OPERATION_SOFTMAX_YDESC, true),
    TENSOR_OF(OPERATION_SOFTMAX, OPERATION_SOFTMAX_STATS_DESC, true),
    TENSOR_OF(OPERATION_SDPA_FWD, OPERATION_SDPA_FWD_QDESC, true),
    TENSOR_OF(OPERATION_SDPA_FWD, OPERATION_SDPA_FWD_KDESC, true),
    TENSOR_OF(OPERATION_SDPA_FWD, OPERATION_SDPA_FWD_VDESC, true),
    TENSOR_OF(OPERATION_SDPA_FWD, OPERATION_SDPA_FWD_ODESC, true),
    TENSOR_OF(OPERATION_SDPA_FWD, OPERATION_SDPA_FWD_SCALEDESC, true),
    {D(OPERATION_SDPA_FWD), A(OPERATION_SDPA_FWD_SOFTMAX_DESC), T(BACKEND_DESCRIPTOR), 1, 1, POINTER, true,
     D(OPERATION_SOFTMAX)},
    {D(OPERATION_SDPA_FWD), A(OPERATION_SDPA_FWD_SUBGRAPH), T(BACKEND_DESCRIPTOR), 1, 1, POINTER, true,
     D(OPERATIONGRAPH)},
    {D(OPERATION_SDPA_FWD), A(OPERATION_SDPA_FWD_SUBGRAPH_INPUT_UID), T(INT64), 1, 1, 8, true, 0},
    {D(OPERATION_SDPA_FWD), A(OPERATION_SDPA_FWD_SUBGRAPH_OUTPUT_UID), T(INT64), 1, 1, 8, true, 0},
    {D(OPERATIONGRAPH), A(OPERATIONGRAPH_OPS), T(BACKEND_DESCRIPTOR), 1, DOUBLE_MOST_NODES, POINTER, true, -1},
    {D(OPERATIONGRAPH), A(OPERATIONGRAPH_HANDLE), T(HANDLE), 1, 1, POINTER, false, 0},
    {D(ENGINEHEUR), A(ENGINEHEUR_MODE), T(HEUR_MODE), 1, 1, ENUM, true, 0},
    {D(ENGINEHEUR), A(ENGINEHEUR_OPERATION_GRAPH), T(BACKEND_DESCRIPTOR), 1, 1, POINTER, true, D(OPERATIONGRAPH)},
    {D(EXECUTION_PLAN), A(EXECUTION_PLAN_HANDLE), T(HANDLE), 1, 1, POINTER, true, 0},
    {D(EXECUTION_PLAN), A(EXECUTION_PLAN_ENGINE_CONFIG), T(BACKEND_DESCRIPTOR), 1, 1, POINTER, true, D(ENGINECFG)},
    {D(VARIANT_PACK), A(VARIANT_PACK_UNIQUE_IDS), T(INT64), 1, DOUBLE_MOST_IDS, 8, true, 0},
    {D(VARIANT_PACK), A(VARIANT_PACK_DATA_POINTERS), T(VOID_PTR), 1, DOUBLE_MOST_IDS, POINTER, true, 0},
    {D(VARIANT_PACK), A(VARIANT_PACK_WORKSPACE), T(VOID_PTR), 1, 1, POINTER, true, 0},
};
enum { RULES = sizeof rules / sizeof rules[0] };

const double_attribute *double_attribute_get(const double_descriptor *from, int name)
{
    for (int i = 0; i < from->count; i++) {
        if (from->set[i].name == name) return &from->set[i];
    }
    return NULL;
}

int double_attribute_set(double_descriptor *to, int name, int type, int64_t count, const void *value)
{
    const rule *found = NULL;
    for (int i = 0; i < RULES && !found; i++) {
        if (rules[i].kind == to->kind && rules[i].name == name) found = &rules[i];
    }
    if (!found) return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, "an attribute that the double does not know there");
    if (to->finalized) return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, "an attribute of what is finished is set");
    if (type != found->type) return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, "an attribute is given as another type");
    if (count < found->least || count > found->most || !value) {
        return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, "an attribute has too few or too many values");
    }
    if (double_attribute_get(to, name)) return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, "an attribute is set twice");
    double_attribute *out = &to->set[to->count++];
    out->name = name;
    out->type = type;
    out->count = count;
    memcpy(out->value, value, (size_t)count * (size_t)found->size);
    return 0;
}

int64_t double_attribute_number(const double_descriptor *from, int name, int64_t otherwise)
{
    const double_attribute *found = double_attribute_get(from, name);
    int32_t small = 0;
    int64_t large = 0;
    if (!found) return otherwise;
    if (found->type == CUDNN_TYPE_BOOLEAN) return found->value[0];
    memcpy(&small, found->value, sizeof small);
    memcpy(&large, found->value, sizeof large);
    return found->type == CUDNN_TYPE_INT64 ? large : small;
}

double_descriptor *double_attribute_descriptor(const double_descriptor *from, int name, int64_t at)
{
    const double_attribute *found = double_attribute_get(from, name);
    double_descriptor *out = NULL;
    if (found) memcpy(&out, found->value + at * (int64_t)sizeof out, sizeof out);
    return out;
}

static int check_references(const double_descriptor *it, const rule *r)
{
    const double_attribute *set = double_attribute_get(it, r->name);
    for (int64_t i = 0; i < set->count; i++) {
        const double_descriptor *other = double_attribute_descriptor(it, r->name, i);
        if (!double_guest_is(other, double_descriptor_mark)) return CUDNN_STATUS_BAD_PARAM;
        if (r->refers >= 0 && other->kind != r->refers) {
            return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, "a descriptor of another kind is named");
        }
        if (!other->finalized) return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, "what is named is not finished");
    }
    return 0;
}

int double_attributes_check(const double_descriptor *it)
{
    for (int i = 0; i < RULES; i++) {
        const rule *r = &rules[i];
        if (r->kind != it->kind) continue;
        if (!double_attribute_get(it, r->name)) {
            if (r->required) return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, "an attribute is missing");
            continue;
        }
        int answer = r->type == CUDNN_TYPE_BACKEND_DESCRIPTOR ? check_references(it, r) : 0;
        if (answer != 0) return answer;
    }
    return 0;
}
