/*
 * The op suite: one op on one shape, its inputs from a seed, what the exact oracle and the binary64 reference make of
 * them, and what a device does. Shared by `strait certify` and tests/check; sees base, tensor, device and ops only, so
 * that the latter can be cross-compiled alone.
 */
#ifndef STRAIT_CERTIFY_PROBLEM_H
#define STRAIT_CERTIFY_PROBLEM_H

#include "ops/op_check.h"

/* The check of an op. Never NULL. */
const strait_op_check *strait_check_of(strait_op op);

/* What A3 asks for (a3_ops.c): the shape of an op with length 1 + residue, residue below STRAIT_CERTIFY_RESIDUES. */
enum { STRAIT_CERTIFY_RESIDUES = 64 };
strait_check_case strait__residue_case(strait_op op, int residue);

/* ---- problem.c: one op on one shape, on host arrays ---- */

/* What float inputs are filled with. */
#define STRAIT_CHECK_VALUES(X)                                                           \
    X(NORMAL, "normal")   /* standard normal */                                          \
    X(HUGE, "huge")       /* normal, one row of each buffer times 2^40 */                \
    X(EQUAL, "equal")     /* every element of a buffer the same */                       \
    X(TINY, "tiny")       /* subnormal numbers and what becomes subnormal in products */ \
    X(ZERO, "zero")       /* zeros of both signs, some ones */                           \
    X(WIDE, "wide")       /* any finite bit pattern, or of exponents within 40 */        \
    X(SPECIAL, "special") /* normal with NaN, infinities, zeros, subnormals scattered */

typedef enum strait_check_values {
#define CHECK_VALUE(NAME, name) STRAIT_CHECK_VALUES_##NAME,
    STRAIT_CHECK_VALUES(CHECK_VALUE)
#undef CHECK_VALUE
        STRAIT_CHECK_VALUES_COUNT
} strait_check_values;

const char *strait_check_values_name(strait_check_values values);

typedef struct strait_check_buffer {
    strait_dtype dtype;
    strait_access access;
    int64_t count; /* elements; 0 = not given */
} strait_check_buffer;

typedef struct strait_check_problem {
    const strait_op_check *check;
    const strait_check_case *shape;
    strait_op_desc desc;
    bool flush; /* strait_problem_refer takes bf16 operands below the smallest normal number for zeros */
    int count;
    strait_check_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    /* Arrays of float, or of the integer type; NULL where not given. */
    void *input[STRAIT_OP_MAX_BUFFERS];
    void *expected[STRAIT_OP_MAX_BUFFERS];
    /* Arrays of double, or of the integer type. */
    void *reference[STRAIT_OP_MAX_BUFFERS];
} strait_check_problem;

/* Allocates for one op on one shape; fini frees and is legal after a failed init. */
strait_status strait_problem_init(strait_check_problem *problem, strait_op op, strait_dtype dtype,
                                  const strait_check_case *shape);
void strait_problem_fini(strait_check_problem *problem);
/* Fills the inputs (a function of seed, op, shape and values only), poisons the outputs. */
strait_status strait_problem_fill(strait_check_problem *problem, strait_check_values values, uint32_t seed,
                                  int shape_index);
/* expected = the exact oracle of input; reference = the binary64 reference of input. */
strait_status strait_problem_expect(strait_check_problem *problem);
strait_status strait_problem_refer(strait_check_problem *problem);
/* The same; `prepare`, where not NULL, writes into the double arrays of the inputs first. */
strait_status strait_problem_refer_with(strait_check_problem *problem, strait_op_host_fn prepare);

/* The bytes a device holds for buffer i of this problem. */
void strait_problem_pack(const strait_check_problem *problem, int index, const void *values, void *out_bytes);
void strait_problem_unpack(const strait_check_problem *problem, int index, const void *bytes, void *out_values);

enum { STRAIT_CHECK_POISON = 0xA5 };

/*
 * |values - reference| of all outputs in units of their bounds; the largest goes to *out_worst. False where it is over
 * 1, or where a NaN or infinity is on one side only; `why` (of STRAIT_CHECK_WHY bytes) then says where.
 */
enum { STRAIT_CHECK_WHY = 512 };
bool strait_problem_within(const strait_check_problem *problem, void *const *values, double *out_worst, char *why);
/* NaN, infinity and finite in the same places as in the reference. */
bool strait_problem_same_class(const strait_check_problem *problem, void *const *values, char *why);

/* ---- bounds.c: a bound for each element, whatever the values are ---- */

typedef struct strait_check_tally {
    double worst;      /* error in units of its bound */
    int64_t elements;  /* looked at */
    int64_t undecided; /* of these: nothing can be said, as where a sum may or may not overflow */
    int64_t left;      /* of these: something overflowed f32 on the way */
} strait_check_tally;

/*
 * Is problem->expected within the bounds derived for it of problem->reference, NaN and infinity in the same places?
 * Where an intermediate result overflows f32, what the contract's arithmetic makes of it is expected instead. Adds to
 * the tally; `why` says where it failed.
 */
bool strait_problem_bounded(strait_check_problem *problem, strait_check_tally *tally, char *why);
/* How many elements a row of this buffer has. */
int64_t strait_check_row_width(const strait_op_desc *desc, int buffer, int64_t count);

/* ---- problem_run.c: one op on one shape, through the waist ---- */

typedef struct strait_check_device {
    strait_device *device;
    strait_queue *queue;
    int threads;
} strait_check_device;

/*
 * Runs the problem's inputs on a device with guard bytes around every buffer. *out_values are arrays as in
 * problem->expected, owned by the caller (device_values_free). False: not run, a guard or an input was overwritten, or
 * the run failed; `why` says so. *out_unsupported is set where the device declined.
 */
typedef struct strait_check_result {
    void *values[STRAIT_OP_MAX_BUFFERS];
    bool unsupported;
} strait_check_result;
bool strait_problem_run(const strait_check_device *device, const strait_check_problem *problem,
                        strait_check_result *out, char *why);
void strait_check_result_free(strait_check_result *result);
/* Equal to the bit, NaN as NaN. */
bool strait_check_result_equal(const strait_check_problem *problem, void *const *values, void *const *expected,
                               char *why);

#endif
