/* One op on one shape: its arrays, their contents, the oracle's and the reference's answers. */
#include "certify/problem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const strait_op_check *strait_check_of(strait_op op)
{
#define CHECK_EXTERN(NAME, name) extern const strait_op_check strait_op_check_##name;
    STRAIT_OPS(CHECK_EXTERN)
#undef CHECK_EXTERN
    static const strait_op_check *const checks[STRAIT_OP_COUNT] = {
#define CHECK_ENTRY(NAME, name) [STRAIT_OP_##NAME] = &strait_op_check_##name,
        STRAIT_OPS(CHECK_ENTRY)
#undef CHECK_ENTRY
    };
    return checks[op];
}

const char *strait_check_values_name(strait_check_values values)
{
    static const char *const names[] = {
#define CHECK_NAME(NAME, name) name,
        STRAIT_CHECK_VALUES(CHECK_NAME)
#undef CHECK_NAME
    };
    return names[values];
}

static bool is_float(strait_dtype dtype)
{
    return dtype == STRAIT_DTYPE_F32 || dtype == STRAIT_DTYPE_BF16;
}

/* Bytes of an element in the host arrays of `input` and `expected`: float for every float type. */
static size_t host_size(strait_dtype dtype)
{
    return is_float(dtype) ? sizeof(float) : strait_dtype_size(dtype);
}

strait_status strait_problem_init(strait_check_problem *problem, strait_op op, strait_dtype dtype,
                                  const strait_check_case *shape)
{
    memset(problem, 0, sizeof *problem);
    problem->check = strait_check_of(op);
    problem->shape = shape;
    problem->desc = (strait_op_desc){.struct_size = sizeof problem->desc, .op = op, .dtype = dtype};
    memcpy(problem->desc.dims, shape->dims, sizeof shape->dims);
    memcpy(problem->desc.scalars, shape->scalars, sizeof shape->scalars);
    strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    STRAIT_TRY(strait_op_buffers(&problem->desc, buffers, &problem->count));
    const char *types = strait_op_def_get(op)->types;
    if (strlen(types) != (size_t)problem->count) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "%s: %d buffers, types \"%s\"", strait_op_name(op), problem->count,
                           types);
    }
    for (int i = 0; i < problem->count; i++) {
        strait_check_buffer *buffer = &problem->buffers[i];
        buffer->dtype = strait_op_buffer_dtype(&problem->desc, i);
        buffer->access = buffers[i].access;
        buffer->count = buffers[i].bytes / (int64_t)strait_dtype_size(buffer->dtype);
        /* A buffer that is bf16 whatever the storage dtype is the copy that f32 runs do without. */
        if (shape->absent >> i & 1U || (types[i] == 'B' && dtype == STRAIT_DTYPE_F32)) buffer->count = 0;
        if (buffer->count == 0) continue;
        size_t count = (size_t)buffer->count;
        size_t wide = is_float(buffer->dtype) ? sizeof(double) : strait_dtype_size(buffer->dtype);
        STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, host_size(buffer->dtype), &problem->input[i]));
        STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, host_size(buffer->dtype), &problem->expected[i]));
        STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, wide, &problem->reference[i]));
    }
    return STRAIT_OK;
}

void strait_problem_fini(strait_check_problem *problem)
{
    for (int i = 0; i < STRAIT_OP_MAX_BUFFERS; i++) {
        strait_free(problem->input[i]);
        strait_free(problem->expected[i]);
        strait_free(problem->reference[i]);
    }
    memset(problem, 0, sizeof *problem);
}

void strait_problem_pack(const strait_check_problem *problem, int index, const void *values, void *out_bytes)
{
    const strait_check_buffer *buffer = &problem->buffers[index];
    if (buffer->dtype != STRAIT_DTYPE_BF16) {
        memcpy(out_bytes, values, (size_t)buffer->count * host_size(buffer->dtype));
        return;
    }
    uint16_t *out = out_bytes;
    for (int64_t i = 0; i < buffer->count; i++) out[i] = strait_bf16_from_f32(((const float *)values)[i]);
}

void strait_problem_unpack(const strait_check_problem *problem, int index, const void *bytes, void *out_values)
{
    const strait_check_buffer *buffer = &problem->buffers[index];
    if (buffer->dtype != STRAIT_DTYPE_BF16) {
        memcpy(out_values, bytes, (size_t)buffer->count * host_size(buffer->dtype));
        return;
    }
    float *out = out_values;
    for (int64_t i = 0; i < buffer->count; i++) out[i] = strait_f32_from_bf16(((const uint16_t *)bytes)[i]);
}

/* ---- contents ---- */

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float special_value(strait_check_random *random)
{
    static const uint32_t bits[] = {
        0x7FC00000U,                                                                  /* NaN */
        0x7F800000U, 0xFF800000U, 0x00000000U, 0x80000000U, 0x00000001U, 0x80000001U, /* smallest subnormals */
        0x00010000U, 0x007F0000U,                                                     /* subnormals that bf16 holds */
        0x00800000U, 0x3F800000U, 0xBF800000U,
    };
    return from_bits(bits[strait_check_below(random, (int64_t)(sizeof bits / sizeof bits[0]))]);
}

/* A finite number of any exponent; on every second shape one of 2^-40 to 2^40, whose products f32 can hold. */
static float wide_value(strait_check_random *random, bool any)
{
    uint32_t exponent =
        any ? (uint32_t)strait_check_below(random, 255) : 87U + (uint32_t)strait_check_below(random, 81);
    uint32_t rest = (uint32_t)strait_check_below(random, 1 << 24);
    return from_bits((rest >> 23) << 31 | exponent << 23 | (rest & 0x7FFFFFU));
}

/* Of a buffer with rows of `width` elements; of `rows` rows the one a third down is the huge one. */
static float value_of(strait_check_values values, int shape, int buffer, int64_t index, int64_t width, int64_t rows,
                      strait_check_random *random)
{
    float normal = strait_check_normal(random);
    switch (values) {
    case STRAIT_CHECK_VALUES_HUGE: return index / width == rows / 3 ? normal * 0x1p40F : normal;
    case STRAIT_CHECK_VALUES_EQUAL: return buffer % 2 == 0 ? 1.5F : -0.75F;
    case STRAIT_CHECK_VALUES_TINY: return ldexpf(normal, -(int)strait_check_below(random, 5) * 30 - 15);
    case STRAIT_CHECK_VALUES_ZERO: {
        static const float zeros[] = {0.0F, -0.0F, 0.0F, -0.0F, -0.0F, 1.0F, -1.0F};
        return zeros[strait_check_below(random, 7)];
    }
    case STRAIT_CHECK_VALUES_WIDE: return wide_value(random, shape % 2 != 0);
    case STRAIT_CHECK_VALUES_SPECIAL: return strait_check_below(random, 61) == 0 ? special_value(random) : normal;
    default: return normal;
    }
}

strait_status strait_problem_fill(strait_check_problem *problem, strait_check_values values, uint32_t seed,
                                  int shape_index)
{
    uint64_t base = ((uint64_t)problem->desc.op << 32) + ((uint64_t)shape_index << 16) + ((uint64_t)values << 8);
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0) continue;
        float *out = problem->input[i];
        strait_check_random random = {.seed = seed, .step = base + (uint64_t)i};
        if (buffer->access == STRAIT_ACCESS_WRITE || !is_float(buffer->dtype)) {
            size_t size = strait_dtype_size(buffer->dtype);
            char poison[8];
            memset(poison, STRAIT_CHECK_POISON, sizeof poison);
            for (int64_t k = 0; k < buffer->count; k++) {
                if (buffer->dtype == STRAIT_DTYPE_BF16) {
                    uint16_t bits;
                    memcpy(&bits, poison, sizeof bits);
                    out[k] = strait_f32_from_bf16(bits);
                } else {
                    memcpy((char *)problem->input[i] + (size_t)k * size, poison, size);
                }
            }
            continue;
        }
        int64_t width = strait_check_row_width(&problem->desc, i, buffer->count);
        for (int64_t k = 0; k < buffer->count; k++) {
            float value = value_of(values, shape_index, i, k, width, buffer->count / width, &random);
            out[k] = buffer->dtype == STRAIT_DTYPE_BF16 ? strait_f32_from_bf16(strait_bf16_from_f32(value)) : value;
        }
    }
    strait_check_random random = {.seed = seed, .step = base + STRAIT_OP_MAX_BUFFERS};
    if (!problem->check->prepare) return STRAIT_OK;
    return problem->check->prepare(&problem->desc, problem->shape, &random, problem->input);
}

strait_status strait_problem_expect(strait_check_problem *problem)
{
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0) continue;
        memcpy(problem->expected[i], problem->input[i], (size_t)buffer->count * host_size(buffer->dtype));
    }
    return problem->check->exact(&problem->desc, problem->expected);
}

strait_status strait_problem_refer(strait_check_problem *problem)
{
    return strait_problem_refer_with(problem, NULL);
}

strait_status strait_problem_refer_with(strait_check_problem *problem, strait_op_host_fn prepare)
{
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0) continue;
        if (!is_float(buffer->dtype)) {
            memcpy(problem->reference[i], problem->input[i], (size_t)buffer->count * host_size(buffer->dtype));
            continue;
        }
        double *wide = problem->reference[i];
        bool flush = problem->flush && buffer->dtype == STRAIT_DTYPE_BF16;
        for (int64_t k = 0; k < buffer->count; k++) {
            wide[k] = (double)((const float *)problem->input[i])[k];
            if (flush && fabs(wide[k]) < 0x1p-126) wide[k] = copysign(0.0, wide[k]);
        }
    }
    if (prepare) STRAIT_TRY(prepare(&problem->desc, problem->reference));
    return strait_op_def_get(problem->desc.op)->reference(&problem->desc, problem->reference);
}

/* ---- comparison with binary64 ---- */

/* What is compared of element k of a buffer: of f32 results, or of the reference. */
static double compared(const strait_check_problem *problem, void *const *values, bool wide, int buffer, int64_t k)
{
    double elements[STRAIT_OP_MAX_BUFFERS] = {0.0};
    bool settles = problem->check->settled != NULL;
    for (int i = settles ? 0 : buffer; i < (settles ? problem->count : buffer + 1); i++) {
        const strait_check_buffer *it = &problem->buffers[i];
        if (k >= it->count || !(it->access & STRAIT_ACCESS_WRITE) || !is_float(it->dtype)) continue;
        elements[i] = wide ? ((const double *)values[i])[k] : (double)((const float *)values[i])[k];
    }
    return settles ? problem->check->settled(&problem->desc, buffer, elements) : elements[buffer];
}

static double largest(const strait_check_problem *problem, int buffer)
{
    double most = 0.0;
    for (int64_t k = 0; k < problem->buffers[buffer].count; k++) {
        double size = fabs(compared(problem, problem->reference, true, buffer, k));
        if (size > most) most = size;
    }
    return most;
}

bool strait_problem_within(const strait_check_problem *problem, void *const *values, double *out_worst, char *why)
{
    int roundings = problem->check->bf16_roundings ? problem->check->bf16_roundings : 1;
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0 || !(buffer->access & STRAIT_ACCESS_WRITE) || !is_float(buffer->dtype)) continue;
        double scale = fmax(largest(problem, i), problem->check->least_scale);
        double bound = problem->check->tolerance(&problem->desc, i) * 0x1p-24 * scale;
        /* Half an ulp of a bf16 number is at most 2^-8 of it. Roundings inside the op reach f32 outputs too. */
        double relative = buffer->dtype == STRAIT_DTYPE_BF16 ? roundings * 0x1.02p-8 : 0.0;
        if (problem->desc.dtype == STRAIT_DTYPE_BF16 && roundings > 1) relative = roundings * 0x1.02p-8;
        for (int64_t k = 0; k < buffer->count; k++) {
            double value = compared(problem, values, false, i, k);
            double wanted = compared(problem, problem->reference, true, i, k);
            double error = fabs(value - wanted);
            /* Below the smallest normal number nothing has relative accuracy. */
            double allowed = bound + relative * fabs(wanted) + (bound > 0.0 ? 0x1p-126 : 0.0);
            if (error > 0.0 && error / allowed > *out_worst) *out_worst = error / allowed;
            if (error <= allowed) continue;
            snprintf(why, STRAIT_CHECK_WHY,
                     "buffer %d element %lld is %.9g, binary64 says %.9g: error %.3g, allowed %.3g", i, (long long)k,
                     value, wanted, error, allowed);
            return false;
        }
    }
    return true;
}

bool strait_problem_same_class(const strait_check_problem *problem, void *const *values, char *why)
{
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0 || !(buffer->access & STRAIT_ACCESS_WRITE) || !is_float(buffer->dtype)) continue;
        for (int64_t k = 0; k < buffer->count; k++) {
            double value = (double)((const float *)values[i])[k];
            double reference = ((const double *)problem->reference[i])[k];
            bool same = isnan(value) ? isnan(reference) : isinf(value) ? value == reference : isfinite(reference);
            if (same) continue;
            snprintf(why, STRAIT_CHECK_WHY, "buffer %d element %lld is %.9g, binary64 says %.9g", i, (long long)k,
                     value, reference);
            return false;
        }
    }
    return true;
}
