/*
 * A3: every op of the suite in every shape of its list, with the drawn seed, to the bit of the exact oracle; then each
 * op with 64 lengths in a row, so that whatever a tile's size up to 64 is, every remainder of it occurs.
 */
#include "certify/certificate.h"
#include "certify/problem.h"

#include <string.h>

/* A shape with more work than this is left to the other half of the level (a3_products.c). */
static const double MOST_FLOPS = 3e6;
enum { RESIDUES = STRAIT_CERTIFY_RESIDUES, STRIDE = RESIDUES * RESIDUES };

/* Which dimensions may have any length: those that grow by one together, and those that shrink. Case 0 gives the rest.
 */
typedef struct freedom {
    int64_t dims[STRAIT_OP_MAX_DIMS]; /* 0 where it stays as here; -1 grows; -2 shrinks; -3 grows in twos */
    int64_t fixed[STRAIT_OP_MAX_DIMS];
    float scalar;
    float second; /* scalar */
    uint32_t absent;
} freedom;

static const freedom freedoms[STRAIT_OP_COUNT] = {
    [STRAIT_OP_EMBEDDING] = {.dims = {-1, 0, -2}, .fixed = {0, 11}},
    [STRAIT_OP_EMBEDDING_BWD] = {.dims = {-1, 0, -2}, .fixed = {0, 7}},
    [STRAIT_OP_EMBEDDING_FOLD] = {.dims = {0, -1, -2}, .fixed = {1}},
    [STRAIT_OP_LINEAR] = {.dims = {-1, -2, 0, -1}, .fixed = {0, 0, 1}},
    [STRAIT_OP_LINEAR_DX] = {.dims = {-1, -2, 0, -1}, .fixed = {0, 0, 1}},
    [STRAIT_OP_LINEAR_DW] = {.dims = {-1, -2, 0, -1, 0, 0, 0, -1}, .fixed = {0, 0, 1}},
    [STRAIT_OP_RMSNORM] = {.dims = {-2, -1, -2}, .scalar = 1e-6F},
    [STRAIT_OP_RMSNORM_BWD] = {.dims = {-2, -1, -2}},
    [STRAIT_OP_NORM_ROPE] = {.dims = {-2, 0, -3, 0, -2}, .fixed = {0, 2, 0, 70}, .scalar = 1e-6F},
    [STRAIT_OP_NORM_ROPE_BWD] = {.dims = {-2, 0, -3, 0, -2}, .fixed = {0, 2, 0, 70}},
    [STRAIT_OP_ATTENTION] = {.dims = {0, -1, -1, 0, 0, 0},
                             .fixed = {1, 0, 0, 2, 1, 8},
                             .scalar = 0.35F,
                             .absent = 1U << ATTENTION_DOCUMENTS | 1U << ATTENTION_LENGTHS},
    [STRAIT_OP_ATTENTION_BWD] = {.dims = {0, -1, -1, 0, 0, 0},
                                 .fixed = {1, 0, 0, 2, 1, 8},
                                 .scalar = 0.35F,
                                 .absent = 1U << ATTENTION_BWD_DOCUMENTS},
    [STRAIT_OP_KV_STORE] = {.dims = {0, -2, 0, -1}, .fixed = {1, 0, 70}},
    [STRAIT_OP_SWIGLU] = {.dims = {-1}},
    [STRAIT_OP_SWIGLU_BWD] = {.dims = {-1}},
    [STRAIT_OP_LINEAR_XENT] = {.dims = {-1, -2, -1, -1}},
    [STRAIT_OP_LOSS_SUM] = {.dims = {-1, -1}},
    [STRAIT_OP_ADD] = {.dims = {-1}},
    [STRAIT_OP_GRAD_NORM] = {.dims = {0, -1}, .fixed = {1}},
    [STRAIT_OP_ADAMW] = {.dims = {0, -1}, .fixed = {1}},
    [STRAIT_OP_MOE_CHOOSE] = {.dims = {-2, -1}, .fixed = {0, 0, 1}},
    [STRAIT_OP_MOE_WEIGH] = {.dims = {-2, -1}, .fixed = {0, 0, 1, 0, 1}, .scalar = 1.0F},
    [STRAIT_OP_MOE_WEIGH_BWD] = {.dims = {-2, -1, 0, 0, 0, -2}, .fixed = {0, 0, 1, 0, 1}, .scalar = 1.0F},
    [STRAIT_OP_MOE_DISPATCH] = {.dims = {-2, 0, -1, 0, -2}, .fixed = {0, 2, 0, 3}},
    [STRAIT_OP_MOE_DISPATCH_BWD] = {.dims = {-2, 0, -1}, .fixed = {0, 2}},
    [STRAIT_OP_MOE_LINEAR] = {.dims = {-1, -2, 0, -1}, .fixed = {0, 0, 1, 0, 3, 1, STRIDE}},
    [STRAIT_OP_MOE_LINEAR_DX] = {.dims = {-1, -2, 0, -1}, .fixed = {0, 0, 1, 0, 3, 1, STRIDE}},
    [STRAIT_OP_MOE_LINEAR_DW] = {.dims = {-1, -2, 0, -1}, .fixed = {0, 0, 1, 0, 3, 1, STRIDE}},
    [STRAIT_OP_MOE_COMBINE] = {.dims = {-2, 0, -1}, .fixed = {0, 2}},
    [STRAIT_OP_MOE_COMBINE_BWD] = {.dims = {-2, 0, -1}, .fixed = {0, 2}},
    [STRAIT_OP_BIAS] = {.dims = {-1, -2}},
    [STRAIT_OP_BIAS_BWD] = {.dims = {-1, -2, -1}},
    [STRAIT_OP_DROPOUT] = {.dims = {-1, -2, -1}, .fixed = {0, 0, 0, 65540}, .scalar = 0.25F},
    [STRAIT_OP_SCALED_ADD] = {.dims = {-1}, .scalar = 0.75F},
    [STRAIT_OP_MOE_COUNT] = {.dims = {-2, 0, -1}, .fixed = {0, 1, 0, 1}},
    [STRAIT_OP_SPLIT_HEADS] = {.dims = {-2, 0, 0, -1, 0, 0, 0}, .fixed = {0, 2, 400, 0, 3, 5, 1}},
    [STRAIT_OP_JOIN_HEADS] = {.dims = {-2, 0, 0, -1, 0, 0, 0}, .fixed = {0, 2, 400, 0, 3, 5, 1}},
    [STRAIT_OP_MOE_BALANCE] = {.dims = {-2, -1, 0, -2}, .fixed = {0, 0, 0, 0, 1}, .scalar = 1.0F},
    [STRAIT_OP_MUON_MOMENT] = {.dims = {-1}},
    [STRAIT_OP_MUON_MIX] = {.dims = {-1}, .scalar = -4.775F, .second = 2.0315F},
    [STRAIT_OP_MUON_APPLY] = {.dims = {-1}, .scalar = 1.5F},
};

strait_check_case strait__residue_case(strait_op op, int residue)
{
    const freedom *free_dims = &freedoms[op];
    strait_check_case out = {.scalars = {free_dims->scalar, free_dims->second}, .absent = free_dims->absent};
    for (int i = 0; i < STRAIT_OP_MAX_DIMS; i++) {
        switch (free_dims->dims[i]) {
        case -1: out.dims[i] = 1 + residue; break;
        case -2: out.dims[i] = RESIDUES - residue; break;
        case -3: out.dims[i] = 2 * (1 + residue); break;
        default: out.dims[i] = free_dims->fixed[i]; break;
        }
    }
    return out;
}

/* Adds what an op wrote to a hash; NaN of any payload is the same. */
static void hash_values(strait_sha256 *hash, const strait_check_problem *problem, void *const *values)
{
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0 || !(buffer->access & STRAIT_ACCESS_WRITE)) continue;
        for (int64_t k = 0; k < buffer->count; k++) {
            uint32_t bits;
            memcpy(&bits, (const float *)values[i] + k, sizeof bits);
            if ((bits & 0x7FFFFFFFU) > 0x7F800000U) bits = 0x7FC00000U;
            unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16),
                                      (unsigned char)(bits >> 24)};
            strait_sha256_update(hash, bytes, sizeof bytes);
        }
    }
}

static bool too_large(const strait_check_problem *problem)
{
    strait_op_cost cost = {0};
    return strait_op_cost_query(&problem->desc, problem->shape->absent, &cost) != STRAIT_OK || cost.flops > MOST_FLOPS;
}

/* What is asked of the cases of one op and dtype: on a device, or with c NULL only what the oracle says. */
typedef struct tally {
    strait_certification *c;
    strait_sha256 reference;
    strait_sha256 device;
    int64_t run;
    int64_t declined; /* a shape that a run would be refused for; its hash is the reference's */
    int64_t wrong;
    double worst;
    char why[STRAIT_CHECK_WHY];
} tally;

static strait_status run_filled(tally *t, strait_check_problem *problem, bool hashed)
{
    STRAIT_TRY(strait_problem_expect(problem));
    if (hashed) hash_values(&t->reference, problem, problem->expected);
    if (!t->c) return STRAIT_OK;
    strait_check_device on = {.device = t->c->device, .queue = t->c->queue};
    strait_check_result result;
    if (!strait_problem_run(&on, problem, &result, t->why)) {
        if (result.unsupported && hashed) hash_values(&t->device, problem, problem->expected);
        if (result.unsupported)
            t->declined++;
        else
            t->wrong++;
        return STRAIT_OK;
    }
    t->run++;
    t->wrong += !strait_check_result_equal(problem, result.values, problem->expected, t->why);
    if (hashed) {
        hash_values(&t->device, problem, result.values);
        STRAIT_TRY(strait_problem_refer(problem));
        /* The oracle, whose bits these are, by a bound that is derived for each element and so holds for every seed. */
        strait_check_tally bounds = {0};
        if (!strait_problem_bounded(problem, &bounds, t->why)) t->worst = 2.0;
        /* Binary64 rounds as well, which may put an error at its bound a little above. */
        else if (bounds.worst > t->worst)
            t->worst = bounds.worst < 1.0 ? bounds.worst : 1.0;
    }
    strait_check_result_free(&result);
    return STRAIT_OK;
}

static strait_status run_case(tally *t, uint32_t seed, bool quick, strait_op op, strait_dtype dtype,
                              const strait_check_case *shape, int index)
{
    strait_check_problem problem;
    strait_status status = strait_problem_init(&problem, op, dtype, shape);
    if (status == STRAIT_OK && !too_large(&problem)) {
        for (int values = 0; values < STRAIT_CHECK_VALUES_COUNT && status == STRAIT_OK; values++) {
            bool hashed = values == STRAIT_CHECK_VALUES_NORMAL;
            if (!hashed && (!t->c || (quick && values != STRAIT_CHECK_VALUES_SPECIAL))) continue;
            status = strait_problem_fill(&problem, (strait_check_values)values, seed, index);
            if (status == STRAIT_OK) status = run_filled(t, &problem, hashed);
        }
    }
    strait_problem_fini(&problem);
    return status;
}

static strait_status run_cases(tally *t, uint32_t seed, bool quick, strait_op op, strait_dtype dtype)
{
    const strait_check_case *cases = strait_check_of(op)->cases;
    strait_sha256_init(&t->reference);
    strait_sha256_init(&t->device);
    for (int i = 0; cases[i].dims[0] != 0; i++) {
        if (!cases[i].bench) STRAIT_TRY(run_case(t, seed, quick, op, dtype, &cases[i], i));
    }
    return STRAIT_OK;
}

strait_status strait__ops_reference(uint32_t seed, const char *item, char out[STRAIT_SHA256_HEX])
{
    tally t = {.c = NULL};
    strait_op op;
    strait_dtype dtype;
    if (!strait__item_read(item, &op, &dtype))
        return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "'%s' is no op and dtype", item);
    STRAIT_TRY(run_cases(&t, seed, true, op, dtype));
    strait_sha256_final(&t.reference, out);
    return STRAIT_OK;
}

static strait_status run_residues(tally *t, uint32_t seed, strait_op op, strait_dtype dtype)
{
    for (int residue = 0; residue < RESIDUES; residue++) {
        strait_check_case shape = strait__residue_case(op, residue);
        strait_check_problem problem;
        strait_status status = strait_problem_init(&problem, op, dtype, &shape);
        int64_t before = t->wrong;
        if (status == STRAIT_OK)
            status = strait_problem_fill(&problem, STRAIT_CHECK_VALUES_NORMAL, seed, 1000 + residue);
        if (status == STRAIT_OK) status = run_filled(t, &problem, false);
        if (t->wrong > before && before == 0) {
            size_t used = strlen(t->why);
            snprintf(t->why + used, sizeof t->why - used, " (length %d)", 1 + residue);
        }
        strait_problem_fini(&problem);
        STRAIT_TRY_CTX(status, "%s with length %d", strait_op_name(op), 1 + residue);
    }
    return STRAIT_OK;
}

static strait_status one_op(strait_certification *c, strait_op op, strait_dtype dtype)
{
    char item[64], reference[STRAIT_SHA256_HEX], device[STRAIT_SHA256_HEX];
    tally t = {.c = c};
    strait__item_name(op, dtype, item);
    STRAIT_TRY(run_cases(&t, c->seed, c->quick, op, dtype));
    strait_sha256_final(&t.reference, reference);
    strait_sha256_final(&t.device, device);
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_CASES_RUN, item, (double)t.run, t.why));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_CASES_DECLINED, item, (double)t.declined, NULL));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_CASES_WRONG, item, (double)t.wrong, t.why));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_CASES_ERROR, item, t.worst, t.why));
    STRAIT_TRY(strait__figure_hash(c, STRAIT_RULE_CASES_HASH, item, device, reference));
    tally residues = {.c = c};
    STRAIT_TRY(run_residues(&residues, c->seed, op, dtype));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_RESIDUES, item, (double)residues.run, residues.why));
    return strait__figure(c, STRAIT_RULE_RESIDUES_WRONG, item, (double)residues.wrong, residues.why);
}

strait_status strait__certify_ops(strait_certification *c)
{
    int dtypes = c->props->supports_bf16 ? 2 : 1;
    int64_t missing = 0;
    char why[STRAIT_CHECK_WHY] = "";
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        for (int i = 0; i < dtypes && !c->failed; i++) {
            strait_dtype dtype = i == 0 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16;
            strait_check_problem problem;
            strait_op_info info = {.supported = 0};
            STRAIT_TRY(
                strait__certify_progress(c, strait_op_name((strait_op)op), op * dtypes + i, STRAIT_OP_COUNT * dtypes));
            strait_status status =
                strait_problem_init(&problem, (strait_op)op, dtype, &strait_check_of((strait_op)op)->cases[0]);
            if (status == STRAIT_OK) status = strait_op_query(c->device, &problem.desc, &info);
            strait_problem_fini(&problem);
            STRAIT_TRY(status);
            if (info.supported) {
                STRAIT_TRY(one_op(c, (strait_op)op, dtype));
            } else {
                snprintf(why, sizeof why, "%s: %s", strait_op_name((strait_op)op), info.reason ? info.reason : "");
                missing++;
            }
        }
    }
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_OPS_MISSING, NULL, (double)missing, why));
    if (c->failed) return STRAIT_OK;
    STRAIT_TRY(strait__certify_products(c));
    if (!c->failed) {
        snprintf(c->why, sizeof c->why, "%d ops in %d dtypes, 64 lengths each, cancellation and training shapes",
                 STRAIT_OP_COUNT, dtypes);
    }
    return STRAIT_OK;
}
