/*
 * A2: numbers. The exact probe, then every bf16 pattern and a sweep of f32 ones through sums, narrowing, a product that
 * is added in one rounding, and the functions of SwiGLU and RMSNorm, against the exact oracle to the bit.
 */
#include "certify/certificate.h"
#include "certify/problem.h"
#include "ops/probe.h"

#include <string.h>

enum { PATTERNS = 65536 };

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Every bf16 pattern, with low bits that make ties of bf16, values beside them, and arbitrary ones. */
static float pattern(uint32_t seed, int64_t index, int kind)
{
    static const uint32_t low[] = {0, 0x8000, 0x7FFF, 0x8001};
    uint32_t rest = kind < 4 ? low[kind] : (uint32_t)strait__mix((uint64_t)seed << 32 | (uint64_t)index) & 0xFFFFU;
    return from_bits((uint32_t)index << 16 | rest);
}

typedef void (*fill_fn)(strait_check_problem *problem, uint32_t seed, int kind);

static void fill_all(strait_check_problem *problem, uint32_t seed, int kind)
{
    for (int i = 0; i < problem->count; i++) {
        float *values = problem->input[i];
        bool f32 = problem->buffers[i].dtype == STRAIT_DTYPE_F32;
        if (!values || !(problem->buffers[i].access & STRAIT_ACCESS_READ)) continue;
        for (int64_t k = 0; k < problem->buffers[i].count; k++) {
            /* The first operand goes through all patterns, the others through the same in an order of their own. */
            int64_t at = i == 0 ? k % PATTERNS : (int64_t)(strait__mix((uint64_t)(k + i) ^ seed) % PATTERNS);
            values[k] = pattern(seed + (uint32_t)i, at, f32 ? kind : 0);
        }
    }
}

/* Ordinary sizes: what is narrowed is a result of a product that no exponent spoils. */
static void fill_near(strait_check_problem *problem, uint32_t seed, int kind)
{
    for (int i = 0; i < problem->count; i++) {
        float *values = problem->input[i];
        if (!values || !(problem->buffers[i].access & STRAIT_ACCESS_READ)) continue;
        for (int64_t k = 0; k < problem->buffers[i].count; k++) {
            uint32_t bits =
                (uint32_t)strait__mix((uint64_t)(k + kind * PATTERNS) ^ (uint64_t)(seed + (uint32_t)i) << 32);
            float value = from_bits((bits & 0x807FFFFFU) | (120U + bits % 13U) << 23);
            values[k] = problem->buffers[i].dtype == STRAIT_DTYPE_BF16
                            ? strait_f32_from_bf16(strait_bf16_from_f32(value))
                            : value;
        }
    }
}

/* Runs an op on patterns of several kinds; the figure counts the runs with other bits than the oracle. */
static strait_status sweep(strait_certification *c, strait_rule rule, const char *item, strait_op op,
                           strait_dtype dtype, const strait_check_case *shape, fill_fn fill)
{
    strait_check_device on = {.device = c->device, .queue = c->queue};
    strait_check_problem problem;
    strait_status status = strait_problem_init(&problem, op, dtype, shape);
    int64_t wrong = 0;
    char why[STRAIT_CHECK_WHY] = "";
    for (int kind = 0; kind < 5 && status == STRAIT_OK && wrong == 0; kind++) {
        strait_check_result result;
        status = strait_problem_fill(&problem, STRAIT_CHECK_VALUES_NORMAL, c->seed, 0);
        if (status != STRAIT_OK) break;
        fill(&problem, c->seed, kind);
        status = strait_problem_expect(&problem);
        if (status != STRAIT_OK) break;
        if (!strait_problem_run(&on, &problem, &result, why)) {
            wrong++;
            break;
        }
        wrong += !strait_check_result_equal(&problem, result.values, problem.expected, why);
        strait_check_result_free(&result);
    }
    strait_problem_fini(&problem);
    STRAIT_TRY(status);
    return strait__figure(c, rule, item, (double)wrong, why);
}

strait_status strait__certify_numbers(strait_certification *c)
{
    static const strait_check_case patterns = {.dims = {PATTERNS}};
    static const strait_check_case product = {.dims = {64, 3, 1, 64}};
    static const strait_check_case rows = {.dims = {256, 5}, .scalars = {1e-6F}};
    STRAIT_TRY(strait__certify_progress(c, "numbers", 0, 6));
    strait_status probe = strait_numerics_probe(c->device, c->queue);
    if (probe != STRAIT_OK && probe != STRAIT_ERR_UNSUPPORTED) return probe;
    char why[STRAIT_CHECK_WHY] = "";
    if (probe != STRAIT_OK) snprintf(why, sizeof why, "%s", strait_error_message());
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_PROBE, NULL, probe != STRAIT_OK, why));
    if (c->failed) return STRAIT_OK;
    STRAIT_TRY(sweep(c, STRAIT_RULE_SUMS_WRONG, NULL, STRAIT_OP_ADD, STRAIT_DTYPE_F32, &patterns, fill_all));
    STRAIT_TRY(strait__certify_progress(c, "numbers", 2, 6));
    STRAIT_TRY(
        sweep(c, STRAIT_RULE_FUNCTIONS_WRONG, "swiglu f32", STRAIT_OP_SWIGLU, STRAIT_DTYPE_F32, &patterns, fill_all));
    STRAIT_TRY(
        sweep(c, STRAIT_RULE_FUNCTIONS_WRONG, "rmsnorm f32", STRAIT_OP_RMSNORM, STRAIT_DTYPE_F32, &rows, fill_near));
    STRAIT_TRY(strait__certify_progress(c, "numbers", 4, 6));
    STRAIT_TRY(sweep(c, STRAIT_RULE_PRODUCTS_WRONG, NULL, STRAIT_OP_LINEAR, STRAIT_DTYPE_F32, &product, fill_near));
    if (c->props->supports_bf16) {
        STRAIT_TRY(sweep(c, STRAIT_RULE_NARROWING_WRONG, "every bf16 pattern", STRAIT_OP_SWIGLU, STRAIT_DTYPE_BF16,
                         &patterns, fill_all));
        STRAIT_TRY(sweep(c, STRAIT_RULE_NARROWING_WRONG, "products", STRAIT_OP_LINEAR, STRAIT_DTYPE_BF16, &product,
                         fill_near));
    } else {
        STRAIT_TRY(strait__figure(c, STRAIT_RULE_NARROWING_WRONG, "no bf16 on this chip", 0, NULL));
    }
    if (!c->failed) snprintf(c->why, sizeof c->why, "probe, sums, products, narrowing and functions to the bit");
    return STRAIT_OK;
}
