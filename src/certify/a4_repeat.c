/*
 * A4: the same bits every time. Every op in turn, so that other shapes run between, with two inputs that alternate, so
 * that what was left of the launch before is not what is asked for, and outputs poisoned before; every launch's outputs
 * are hashed and held to the CPU reference's hash of that input.
 *
 * A fault that spoils one launch in N is missed by n launches with a chance of (1 - 1/N)^n. For N = 1,000 and n = 4,600
 * that is exp(4600 ln 0.999) = 0.0100: it is caught with 99 %.
 */
#include "base/memory.h"
#include "certify/certificate.h"
#include "certify/problem.h"

#include <string.h>

enum { LAUNCHES = 4600, ENTRIES = 2 * STRAIT_OP_COUNT };
/* The largest shape of an op's list with at most this much work: small, that there be many launches. */
static const double MOST_FLOPS = 1e6;

/* One op and dtype: its memory, and for both inputs the bytes before and the hash of the outputs after. */
typedef struct entry {
    strait_op op;
    strait_dtype dtype;
    strait_op_desc desc;
    int count;
    int64_t offset[STRAIT_OP_MAX_BUFFERS];
    int64_t bytes[STRAIT_OP_MAX_BUFFERS]; /* 0 = absent */
    bool output[STRAIT_OP_MAX_BUFFERS];
    int64_t total;
    unsigned char *image[2]; /* owned */
    unsigned char *back;     /* owned */
    char expected[2][STRAIT_SHA256_HEX];
    strait_memory *memory;
    strait_memory *workspace;
    int64_t launches;
    int64_t wrong;
    int64_t first_wrong;
    char last[STRAIT_SHA256_HEX];
} entry;

static const strait_check_case *case_of(strait_op op, strait_dtype dtype)
{
    const strait_check_case *cases = strait_check_of(op)->cases, *best = &cases[0];
    double most = -1.0;
    for (int i = 0; cases[i].dims[0] != 0; i++) {
        strait_op_desc desc = {.struct_size = sizeof desc, .op = op, .dtype = dtype};
        strait_op_cost cost = {0};
        memcpy(desc.dims, cases[i].dims, sizeof desc.dims);
        if (cases[i].bench || cases[i].alias_out > 0 ||
            strait_op_cost_query(&desc, cases[i].absent, &cost) != STRAIT_OK) {
            continue;
        }
        /* Weights without f32 masters are an offer that a chip may decline. */
        if (op == STRAIT_OP_ADAMW && (desc.dims[ADAMW_DIM_WEIGHTS_BF16] || desc.dims[ADAMW_DIM_MOMENT_BF16])) continue;
        if (cost.flops > MOST_FLOPS || cost.flops <= most) continue;
        most = cost.flops;
        best = &cases[i];
    }
    return best;
}

static void hash_outputs(const entry *e, const unsigned char *image, char out[STRAIT_SHA256_HEX])
{
    strait_sha256 hash;
    strait_sha256_init(&hash);
    for (int i = 0; i < e->count; i++) {
        if (e->output[i]) strait_sha256_update(&hash, image + e->offset[i], (size_t)e->bytes[i]);
    }
    strait_sha256_final(&hash, out);
}

/* The bytes of one input, and the hash of what the oracle makes of them. */
static strait_status make_input(entry *e, strait_check_problem *problem, uint32_t seed, int which)
{
    STRAIT_TRY(strait_problem_fill(problem, STRAIT_CHECK_VALUES_NORMAL, seed + (uint32_t)which, 77));
    STRAIT_TRY(strait_problem_expect(problem));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)e->total, 1, &e->image[which]));
    memset(e->image[which], 0, (size_t)e->total);
    for (int i = 0; i < e->count; i++) {
        if (e->bytes[i]) strait_problem_pack(problem, i, problem->expected[i], e->image[which] + e->offset[i]);
    }
    hash_outputs(e, e->image[which], e->expected[which]);
    for (int i = 0; i < e->count; i++) {
        if (e->bytes[i]) strait_problem_pack(problem, i, problem->input[i], e->image[which] + e->offset[i]);
    }
    return STRAIT_OK;
}

static strait_status entry_init(entry *e, uint32_t seed, int64_t alignment)
{
    strait_check_problem problem;
    strait_status status = strait_problem_init(&problem, e->op, e->dtype, case_of(e->op, e->dtype));
    e->desc = problem.desc;
    e->count = problem.count;
    for (int i = 0; i < problem.count && status == STRAIT_OK; i++) {
        e->bytes[i] = problem.buffers[i].count * (int64_t)strait_dtype_size(problem.buffers[i].dtype);
        e->output[i] = e->bytes[i] > 0 && (problem.buffers[i].access & STRAIT_ACCESS_WRITE);
        e->offset[i] = e->total;
        e->total += (e->bytes[i] + alignment - 1) / alignment * alignment;
    }
    for (int which = 0; which < 2 && status == STRAIT_OK; which++) status = make_input(e, &problem, seed, which);
    strait_problem_fini(&problem);
    return status;
}

static strait_status entry_place(entry *e, strait_device *device)
{
    strait_op_info info;
    STRAIT_TRY(strait_op_query(device, &e->desc, &info));
    if (!info.supported) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s is declined", strait_op_name(e->op));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)e->total, 1, &e->back));
    STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_OTHER, e->total, &e->memory));
    return strait_memory_create(device, STRAIT_TAG_WORKSPACE, info.workspace_bytes + 256, &e->workspace);
}

static void entry_fini(entry *e)
{
    strait_memory_destroy(e->memory);
    strait_memory_destroy(e->workspace);
    for (int i = 0; i < 2; i++) strait_free(e->image[i]);
    strait_free(e->back);
}

static strait_status launch(strait_certification *c, entry *e, int which)
{
    strait_slice slices[STRAIT_OP_MAX_BUFFERS] = {{0}};
    for (int i = 0; i < e->count; i++) {
        if (e->bytes[i]) slices[i] = (strait_slice){e->memory, e->offset[i]};
    }
    STRAIT_TRY(strait_copy_to_device(c->queue, (strait_slice){e->memory, 0}, e->image[which], e->total));
    STRAIT_TRY(strait_op_run(c->queue, &e->desc, slices, e->count, (strait_slice){e->workspace, 0}));
    STRAIT_TRY(strait_queue_wait(c->queue, 60000));
    STRAIT_TRY(strait_copy_to_host(c->queue, e->back, (strait_slice){e->memory, 0}, e->total));
    char hash[STRAIT_SHA256_HEX];
    hash_outputs(e, e->back, hash);
    if (strcmp(hash, e->expected[which]) != 0 && e->wrong++ == 0) {
        e->first_wrong = e->launches;
        memcpy(e->last, hash, sizeof hash);
    }
    e->launches++;
    return STRAIT_OK;
}

static strait_status run_all(strait_certification *c, entry *entries, int count)
{
    int64_t done = 0, rounds = c->quick ? (LAUNCHES + count - 1) / count : LAUNCHES;
    for (int i = 0; i < count; i++) {
        STRAIT_TRY(entry_init(&entries[i], c->seed, c->props->alignment));
        STRAIT_TRY(entry_place(&entries[i], c->device));
    }
    for (int64_t round = 0; round < rounds; round++) {
        STRAIT_TRY(strait__certify_progress(c, "launches", done, rounds * count));
        for (int i = 0; i < count; i++, done++) STRAIT_TRY(launch(c, &entries[i], (int)(round % 2)));
    }
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_REPEATS, NULL, (double)done, NULL));
    for (int i = 0; i < count; i++) {
        entry *e = &entries[i];
        char item[64], why[160];
        strait__item_name(e->op, e->dtype, item);
        snprintf(why, sizeof why, "first at launch %lld of this op, of %lld", (long long)e->first_wrong,
                 (long long)e->launches);
        STRAIT_TRY(strait__figure(c, STRAIT_RULE_REPEATS_WRONG, item, (double)e->wrong, why));
        STRAIT_TRY(strait__figure_hash(c, STRAIT_RULE_REPEATS_HASH, item, e->wrong ? e->last : e->expected[0],
                                       e->expected[0]));
    }
    if (!c->failed) snprintf(c->why, sizeof c->why, "%lld launches, each with the bits of the CPU", (long long)done);
    return STRAIT_OK;
}

strait_status strait__certify_repeat(strait_certification *c)
{
    entry *entries;
    int dtypes = c->props->supports_bf16 ? 2 : 1;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, ENTRIES, sizeof *entries, &entries));
    memset(entries, 0, ENTRIES * sizeof *entries);
    for (int i = 0; i < STRAIT_OP_COUNT * dtypes; i++) {
        entries[i].op = (strait_op)(i / dtypes);
        entries[i].dtype = i % dtypes ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32;
    }
    strait_status status = run_all(c, entries, STRAIT_OP_COUNT * dtypes);
    for (int i = 0; i < ENTRIES; i++) entry_fini(&entries[i]);
    strait_free(entries);
    return status;
}

strait_status strait__repeat_reference(uint32_t seed, const char *item, char out[STRAIT_SHA256_HEX])
{
    entry e = {.total = 0};
    if (!strait__item_read(item, &e.op, &e.dtype)) {
        return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "'%s' is no op and dtype", item);
    }
    /* Where buffers lie in the image does not enter the hash. */
    strait_status status = entry_init(&e, seed, 256);
    if (status == STRAIT_OK) memcpy(out, e.expected[0], STRAIT_SHA256_HEX);
    entry_fini(&e);
    return status;
}
