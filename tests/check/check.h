/*
 * The op suite: every op, instruction set and dtype against the exact oracle (to the bit) and the binary64 reference
 * (within a derived tolerance), gradients against finite differences, the numerics probe, and the micro-benchmark.
 * It links with base, tensor, device, ops, kernels and the backends only, so that it can be cross-compiled alone.
 */
#ifndef STRAIT_TESTS_CHECK_H
#define STRAIT_TESTS_CHECK_H

#include "ops/op_check.h"

/* What the command line asked for; NULL and negative = everything. */
typedef struct check_options {
    const char *device;
    const char *isa;
    const char *op;
    const char *dtype;
    int only_case;
    uint32_t seed;
    bool bench;
    bool list;
} check_options;

/* The check of an op. Never NULL. */
const strait_op_check *check_of(strait_op op);

/* ---- report.c: one line per thing checked ---- */

typedef struct check_report {
    int ok;
    int failed;
    int skipped;
} check_report;

void report_ok(check_report *report, const char *name, const char *remark);
void report_fail(check_report *report, const char *name, const char *why);
void report_skip(check_report *report, const char *name, const char *why);

/* ---- problem.c: one op on one shape, on host arrays ---- */

/* What float inputs are filled with. */
#define CHECK_VALUES(X)                                                                  \
    X(NORMAL, "normal")   /* standard normal */                                          \
    X(HUGE, "huge")       /* normal, one row of each buffer times 2^40 */                \
    X(EQUAL, "equal")     /* every element of a buffer the same */                       \
    X(TINY, "tiny")       /* subnormal numbers and what becomes subnormal in products */ \
    X(ZERO, "zero")       /* zeros of both signs, some ones */                           \
    X(WIDE, "wide")       /* any finite bit pattern, or of exponents within 40 */        \
    X(SPECIAL, "special") /* normal with NaN, infinities, zeros, subnormals scattered */

typedef enum check_values {
#define CHECK_VALUE(NAME, name) CHECK_VALUES_##NAME,
    CHECK_VALUES(CHECK_VALUE)
#undef CHECK_VALUE
        CHECK_VALUES_COUNT
} check_values;

const char *check_values_name(check_values values);

typedef struct check_buffer {
    strait_dtype dtype;
    strait_access access;
    int64_t count; /* elements; 0 = not given */
} check_buffer;

typedef struct check_problem {
    const strait_op_check *check;
    const strait_check_case *shape;
    strait_op_desc desc;
    bool flush; /* problem_refer takes bf16 operands below the smallest normal number for zeros */
    int count;
    check_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    /* Arrays of float, or of the integer type; NULL where not given. */
    void *input[STRAIT_OP_MAX_BUFFERS];
    void *expected[STRAIT_OP_MAX_BUFFERS];
    /* Arrays of double, or of the integer type. */
    void *reference[STRAIT_OP_MAX_BUFFERS];
} check_problem;

/* Allocates for one op on one shape; fini frees and is legal after a failed init. */
strait_status problem_init(check_problem *problem, strait_op op, strait_dtype dtype, const strait_check_case *shape);
void problem_fini(check_problem *problem);
/* Fills the inputs (a function of seed, op, shape and values only), poisons the outputs. */
strait_status problem_fill(check_problem *problem, check_values values, uint32_t seed, int shape_index);
/* expected = the exact oracle of input; reference = the binary64 reference of input. */
strait_status problem_expect(check_problem *problem);
strait_status problem_refer(check_problem *problem);
/* The same; `prepare`, where not NULL, writes into the double arrays of the inputs first. */
strait_status problem_refer_with(check_problem *problem, strait_op_host_fn prepare);

/* The bytes a device holds for buffer i of this problem. */
void problem_pack(const check_problem *problem, int index, const void *values, void *out_bytes);
void problem_unpack(const check_problem *problem, int index, const void *bytes, void *out_values);

enum { CHECK_POISON = 0xA5 };

/*
 * |values - reference| of all outputs in units of their bounds; the largest goes to *out_worst. False where it is over
 * 1, or where a NaN or infinity is on one side only; `why` (of CHECK_WHY bytes) then says where.
 */
enum { CHECK_WHY = 512 };
bool problem_within(const check_problem *problem, void *const *values, double *out_worst, char *why);
/* NaN, infinity and finite in the same places as in the reference. */
bool problem_same_class(const check_problem *problem, void *const *values, char *why);

/* ---- bounds.c: a bound for each element, whatever the values are ---- */

typedef struct check_tally {
    double worst;      /* error in units of its bound */
    int64_t elements;  /* looked at */
    int64_t undecided; /* of these: nothing can be said, as where a sum may or may not overflow */
    int64_t left;      /* of these: something overflowed f32 on the way */
} check_tally;

/*
 * Is problem->expected within the bounds derived for it of problem->reference, NaN and infinity in the same places?
 * Where an intermediate result overflows f32, what the contract's arithmetic makes of it is expected instead. Adds to
 * the tally; `why` says where it failed.
 */
bool problem_bounded(check_problem *problem, check_tally *tally, char *why);
/* How many elements a row of this buffer has. */
int64_t check_row_width(const strait_op_desc *desc, int buffer, int64_t count);

/* ---- device_run.c: one op on one shape, through the waist ---- */

typedef struct check_device {
    strait_device *device;
    strait_queue *queue;
    int threads;
} check_device;

/*
 * Runs the problem's inputs on a device with guard bytes around every buffer. *out_values are arrays as in
 * problem->expected, owned by the caller (device_values_free). False: not run, a guard or an input was overwritten, or
 * the run failed; `why` says so. *out_unsupported is set where the device declined.
 */
typedef struct device_result {
    void *values[STRAIT_OP_MAX_BUFFERS];
    bool unsupported;
} device_result;
bool device_run(const check_device *device, const check_problem *problem, device_result *out, char *why);
void device_result_free(device_result *result);
/* Equal to the bit, NaN as NaN. */
bool device_result_equal(const check_problem *problem, void *const *values, void *const *expected, char *why);

/* ---- devices.c ---- */

enum { CHECK_MAX_ISAS = 6, CHECK_MAX_THREADS = 3 };

/* One instruction set of the device, open with 1, 2 and 3 threads. */
typedef struct check_isa {
    const char *name;
    check_device devices[CHECK_MAX_THREADS];
    int device_count;
} check_isa;

typedef struct check_isas {
    check_isa isas[CHECK_MAX_ISAS];
    int count;
} check_isas;

/* Opens what there is; what is absent is reported as skipped (or failed, where it was asked for by name). */
void isas_open(check_isas *isas, const check_options *options, check_report *report);
void isas_close(check_isas *isas);

/* ---- the parts ---- */

void check_gradients(const check_options *options, check_report *report);
void check_waist(const check_isas *isas, check_report *report);
void check_probe(const check_isas *isas, check_report *report);
void check_ops(const check_options *options, const check_isas *isas, check_report *report);
void check_bench(const check_options *options, check_report *report);

#endif
