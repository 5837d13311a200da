/*
 * The numerics probe refuses a device for each way of computing wrongly, and names the case. The device is a machine in
 * this file that computes the probe's ops by the text of docs/numerics.md, one operation at a time, each of which can
 * be broken; its memory and queues are the CPU driver's. CMakeLists.txt lets it stand in the place of driver 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backends/cpu/cpu_driver.h"
#include "ops/op_def.h"
#include "ops/probe.h"

/* Which operation a fault is in: bits of `flush_in`, `flush_out`, `toward_zero` and `plus_zero`. */
enum { ADD = 1, MUL = 2, FMA = 4, DIV = 8, ROOT = 16 };
enum { NARROW_RIGHT, NARROW_TRUNCATES, NARROW_TIES_AWAY, NARROW_FLUSHES, NARROW_KEEPS_NAN, NARROW_SATURATES };

typedef struct machine {
    const char *fault; /* what it does wrong */
    const char *names; /* what the message must say */
    int flush_in;
    int flush_out;
    int toward_zero;
    int plus_zero;
    bool contracts;
    bool fma_in_two;      /* the product is rounded */
    bool fma_by_binary64; /* the sum is rounded to binary64 first */
    bool div_by_reciprocal;
    bool root_by_reciprocal;
    int narrow;        /* of AdamW's copy */
    int narrow_linear; /* of a matrix product */
} machine;

static const machine *now;

static float flushed(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0.0F, x) : x;
}

static float in(int op, float x)
{
    return now->flush_in & op ? flushed(x) : x;
}

/* The rounding of a value that binary64 holds exactly, or to far more than its rounding needs. */
static float out(int op, double exact)
{
    float x = (float)exact;
    if (now->toward_zero & op && fabs((double)x) > fabs(exact)) x = nextafterf(x, 0.0F);
    if (now->flush_out & op) x = flushed(x);
    return now->plus_zero & op && x == 0.0F ? 0.0F : x;
}

static float add(float a, float b)
{
    float x = in(ADD, a);
    float y = in(ADD, b);
    if (now->toward_zero & ADD) return out(ADD, (double)x + (double)y);
    return out(ADD, (double)(x + y));
}

static float mul(float a, float b)
{
    return out(MUL, (double)in(MUL, a) * (double)in(MUL, b));
}

static float fused(float a, float b, float c)
{
    float x = in(FMA, a);
    float y = in(FMA, b);
    float z = in(FMA, c);
    if (now->fma_in_two) {
        float product = x * y;
        return product + z;
    }
    if (now->fma_by_binary64) return (float)((double)x * (double)y + (double)z);
    return out(FMA, (double)fmaf(x, y, z));
}

static float quotient(float a, float b)
{
    float x = in(DIV, a);
    float y = in(DIV, b);
    if (now->div_by_reciprocal) return x * (1.0F / y);
    if (now->toward_zero & DIV) return out(DIV, (double)x / (double)y);
    return out(DIV, (double)(x / y));
}

static float root(float a)
{
    float x = in(ROOT, a);
    if (now->root_by_reciprocal && x > 0.0F) return x * (1.0F / sqrtf(x));
    if (now->toward_zero & ROOT) return out(ROOT, sqrt((double)x));
    return sqrtf(x);
}

static float real(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint16_t narrowed(float x, int how)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint16_t right = strait_bf16_from_f32(x);
    switch (how) {
    case NARROW_TRUNCATES: return isnan(x) ? right : (uint16_t)(bits >> 16);
    case NARROW_TIES_AWAY: return isnan(x) ? right : (uint16_t)((bits + 0x8000U) >> 16);
    case NARROW_FLUSHES: return (right & 0x7F80U) == 0 ? right & 0x8000U : right;
    case NARROW_KEEPS_NAN: return isnan(x) ? (uint16_t)(bits >> 16) : right;
    case NARROW_SATURATES: return isfinite(x) && (right & 0x7FFFU) == 0x7F80U ? (uint16_t)(right - 1U) : right;
    default: return right;
    }
}

/* ---- the probe's ops; float arrays in the order of device/op.h ---- */

static float folded(float *lanes)
{
    for (int half = 32; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) lanes[i] = add(lanes[i], lanes[i + half]);
    }
    return lanes[0];
}

static void machine_add(const strait_op_desc *desc, float *const *b)
{
    for (int64_t i = 0; i < desc->dims[ADD_DIM_N]; i++) b[ADD_DST][i] = add(b[ADD_DST][i], b[ADD_SRC][i]);
}

static void machine_linear(const strait_op_desc *desc, float *const *b)
{
    int64_t k = desc->dims[LINEAR_DIM_K];
    int64_t n = desc->dims[LINEAR_DIM_N];
    for (int64_t i = 0; i < desc->dims[LINEAR_DIM_M] * n; i++) {
        float acc = 0.0F;
        for (int64_t j = 0; j < k; j++) acc = fused(b[LINEAR_X][i / n * k + j], b[LINEAR_W][i % n * k + j], acc);
        if (desc->dtype == STRAIT_DTYPE_BF16) acc = real((uint32_t)narrowed(acc, now->narrow_linear) << 16);
        b[LINEAR_Y][i] = acc;
    }
}

static void machine_rmsnorm(const strait_op_desc *desc, float *const *b)
{
    int64_t h = desc->dims[RMSNORM_DIM_H];
    for (int64_t m = 0; m < desc->dims[RMSNORM_DIM_M]; m++) {
        const float *x = b[RMSNORM_X] + m * h;
        float lanes[64] = {0};
        for (int64_t i = 0; i < h; i++) lanes[i % 64] = fused(x[i], x[i], lanes[i % 64]);
        float ms = quotient(folded(lanes), (float)h);
        float r = quotient(1.0F, root(add(ms, desc->scalars[RMSNORM_SCALAR_EPS])));
        for (int64_t i = 0; i < h; i++) b[RMSNORM_Y][m * h + i] = mul(mul(x[i], r), b[RMSNORM_W][i]);
        b[RMSNORM_R][m] = r;
    }
}

/* The weight's gradient is not looked at by the probe. */
static void machine_rmsnorm_bwd(const strait_op_desc *desc, float *const *b)
{
    int64_t h = desc->dims[RMSNORM_BWD_DIM_H];
    for (int64_t m = 0; m < desc->dims[RMSNORM_BWD_DIM_M]; m++) {
        const float *x = b[RMSNORM_BWD_X] + m * h;
        const float *dy = b[RMSNORM_BWD_DY] + m * h;
        float r = b[RMSNORM_BWD_R][m];
        float lanes[64] = {0};
        for (int64_t i = 0; i < h; i++) {
            lanes[i % 64] = fused(mul(dy[i], b[RMSNORM_BWD_W][i]), mul(x[i], r), lanes[i % 64]);
        }
        float c = quotient(folded(lanes), (float)h);
        for (int64_t i = 0; i < h; i++) {
            float inner = fused(-c, mul(x[i], r), mul(dy[i], b[RMSNORM_BWD_W][i]));
            const float *dres = b[RMSNORM_BWD_DRES];
            float dx = now->contracts && dres ? fmaf(r, inner, dres[m * h + i]) : mul(r, inner);
            if (dres && !now->contracts) dx = add(dx, dres[m * h + i]);
            b[RMSNORM_BWD_DX][m * h + i] = dx;
        }
    }
}

/* One decayed tensor, gradients of zero, betas of 1: what is left of AdamW for the probe. */
static void machine_adamw(const strait_op_desc *desc, float *const *b)
{
    const float *step = b[ADAMW_STEP];
    for (int64_t i = 0; i < desc->dims[ADAMW_DIM_TOTAL]; i++) {
        float divisor = fused(root(b[ADAMW_V][i]), step[STRAIT_STEP_B], step[STRAIT_STEP_EPS]);
        float update = quotient(b[ADAMW_M][i], divisor);
        float w = fused(-step[STRAIT_STEP_A], update, mul(b[ADAMW_W][i], step[STRAIT_STEP_W]));
        b[ADAMW_W][i] = w;
        if (desc->dtype == STRAIT_DTYPE_BF16) b[ADAMW_COMPUTE][i] = real((uint32_t)narrowed(w, now->narrow) << 16);
    }
}

/* ---- the driver: the CPU's, but for op_run ---- */

enum { MAX_ELEMENTS = 4096 };

/* Copies a buffer between the device and floats, whatever its element type; integers are left out. */
static strait_status move(strait_handle queue, strait_copy_kind kind, strait_driver_slice slice, strait_dtype dtype,
                          int64_t bytes, float *values)
{
    static uint16_t narrow[MAX_ELEMENTS];
    strait_driver_slice none = {0};
    if (dtype == STRAIT_DTYPE_F32) return strait_cpu_driver.copy(queue, kind, slice, values, none, bytes);
    if (dtype != STRAIT_DTYPE_BF16) return STRAIT_OK;
    uint32_t bits;
    for (int64_t i = 0; kind == STRAIT_COPY_TO_HOST ? 0 : i < bytes / 2; i++) {
        memcpy(&bits, &values[i], sizeof bits);
        narrow[i] = (uint16_t)(bits >> 16);
    }
    STRAIT_TRY(strait_cpu_driver.copy(queue, kind, slice, narrow, none, bytes));
    for (int64_t i = 0; i < bytes / 2; i++) values[i] = real((uint32_t)narrow[i] << 16);
    return STRAIT_OK;
}

static strait_status machine_run(strait_handle queue, const strait_op_desc *desc, const strait_driver_slice *slices,
                                 int32_t count, strait_driver_slice workspace)
{
    (void)workspace;
    static float values[STRAIT_OP_MAX_BUFFERS][MAX_ELEMENTS];
    float *arrays[STRAIT_OP_MAX_BUFFERS] = {NULL};
    strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    int known;
    STRAIT_TRY(strait_op_buffers(desc, buffers, &known));
    assert_int_equal(known, count);
    for (int i = 0; i < count; i++) {
        if (slices[i].memory == 0) continue;
        strait_dtype dtype = strait_op_buffer_dtype(desc, i);
        assert_true(buffers[i].bytes <= MAX_ELEMENTS * (int64_t)strait_dtype_size(dtype));
        arrays[i] = values[i];
        STRAIT_TRY(move(queue, STRAIT_COPY_TO_HOST, slices[i], dtype, buffers[i].bytes, values[i]));
    }
    switch (desc->op) {
    case STRAIT_OP_ADD: machine_add(desc, arrays); break;
    case STRAIT_OP_LINEAR: machine_linear(desc, arrays); break;
    case STRAIT_OP_RMSNORM: machine_rmsnorm(desc, arrays); break;
    case STRAIT_OP_RMSNORM_BWD: machine_rmsnorm_bwd(desc, arrays); break;
    case STRAIT_OP_ADAMW: machine_adamw(desc, arrays); break;
    default: return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "the machine has no %s", strait_op_name(desc->op));
    }
    for (int i = 0; i < count; i++) {
        if (!arrays[i] || !(buffers[i].access & STRAIT_ACCESS_WRITE)) continue;
        strait_dtype dtype = strait_op_buffer_dtype(desc, i);
        STRAIT_TRY(move(queue, STRAIT_COPY_TO_DEVICE, slices[i], dtype, buffers[i].bytes, values[i]));
    }
    return STRAIT_OK;
}

/* The linker puts this in the place of strait_driver_at. */
const strait_driver *__wrap_strait_driver_at(int index);
const strait_driver *__wrap_strait_driver_at(int index)
{
    static strait_driver driver;
    (void)index;
    driver = strait_cpu_driver;
    driver.op_run = machine_run;
    return &driver;
}

/* ---- the tests ---- */

static strait_status probe(const machine *with)
{
    strait_device *device;
    strait_queue *queue;
    strait_device_options options = {.struct_size = sizeof options, .threads = 1, .isa = "generic"};
    now = with;
    assert_int_equal(strait_device_open("cpu", &options, &device), STRAIT_OK);
    assert_int_equal(strait_queue_create(device, &queue), STRAIT_OK);
    strait_status status = strait_numerics_probe(device, queue);
    strait_queue_destroy(queue);
    strait_device_close(device);
    return status;
}

static void a_right_machine_passes(void **state)
{
    (void)state;
    const machine right = {.fault = "nothing"};
    if (probe(&right) != STRAIT_OK) fail_msg("%s", strait_error_message());
}

static const machine wrong_machines[] = {
    {"flushes subnormal addends", "the sum of", .flush_in = ADD},
    {"flushes subnormal sums", "the sum of", .flush_out = ADD},
    {"rounds sums toward zero", "the sum of", .toward_zero = ADD},
    {"loses the sign of a zero sum", "the sum of", .plus_zero = ADD},
    {"flushes subnormal factors", "the product of", .flush_in = MUL},
    {"flushes subnormal products", "the product of", .flush_out = MUL},
    {"rounds products toward zero", "the product of", .toward_zero = MUL},
    {"loses the sign of a zero product", "the product of", .plus_zero = MUL},
    {"flushes what goes into an fma", "fma of", .flush_in = FMA},
    {"flushes what comes out of an fma", "fma of", .flush_out = FMA},
    {"rounds the product of an fma", "fma of", .fma_in_two = true},
    {"rounds an fma to binary64 first", "fma of", .fma_by_binary64 = true},
    {"contracts a product into an addition", "a product added to -1", .contracts = true},
    {"flushes subnormal dividends and divisors", "the quotient of", .flush_in = DIV},
    {"flushes subnormal quotients", "the quotient of", .flush_out = DIV},
    {"rounds quotients toward zero", "the quotient of", .toward_zero = DIV},
    {"divides by a reciprocal", "the quotient of", .div_by_reciprocal = true},
    {"takes the root of a subnormal as zero", "1 / the root of", .flush_in = ROOT},
    {"rounds roots toward zero", "by the root of", .toward_zero = ROOT},
    {"makes roots of reciprocals", "by the root of", .root_by_reciprocal = true},
    {"truncates to bf16", "bf16 narrowing of", .narrow = NARROW_TRUNCATES},
    {"rounds ties away from zero to bf16", "bf16 narrowing of", .narrow = NARROW_TIES_AWAY},
    {"flushes subnormal bf16", "bf16 narrowing of", .narrow = NARROW_FLUSHES},
    {"keeps a NaN's bits in bf16", "bf16 narrowing of", .narrow = NARROW_KEEPS_NAN},
    {"saturates in bf16", "bf16 narrowing of", .narrow = NARROW_SATURATES},
    {"truncates a product to bf16", "bf16 narrowing of a matrix product", .narrow_linear = NARROW_TRUNCATES},
    {"rounds a product's ties away", "bf16 narrowing of a matrix product", .narrow_linear = NARROW_TIES_AWAY},
    {"flushes a subnormal product in bf16", "bf16 narrowing of a matrix product", .narrow_linear = NARROW_FLUSHES},
    {"keeps a product's NaN in bf16", "bf16 narrowing of a matrix product", .narrow_linear = NARROW_KEEPS_NAN},
    {"saturates a product in bf16", "bf16 narrowing of a matrix product", .narrow_linear = NARROW_SATURATES},
};

static void a_wrong_machine_is_refused_with_its_case(void **state)
{
    const machine *wrong = *state;
    if (probe(wrong) != STRAIT_ERR_UNSUPPORTED) fail_msg("a machine that %s passed", wrong->fault);
    const char *message = strait_error_message();
    if (!strstr(message, wrong->names)) fail_msg("%s: \"%s\" is not in: %s", wrong->fault, wrong->names, message);
    if (!strstr(message, "numerics: fast")) fail_msg("no remedy in: %s", message);
}

int main(void)
{
    enum { WRONG = sizeof wrong_machines / sizeof wrong_machines[0] };
    struct CMUnitTest tests[1 + WRONG] = {cmocka_unit_test(a_right_machine_passes)};
    for (int i = 0; i < WRONG; i++) {
        tests[1 + i] = (struct CMUnitTest){.name = wrong_machines[i].fault,
                                           .test_func = a_wrong_machine_is_refused_with_its_case,
                                           .initial_state = (void *)(uintptr_t)&wrong_machines[i]};
    }
    return cmocka_run_group_tests_name("numerics probe", tests, NULL, NULL);
}
