/*
 * Stochastic rounding in ADAMW as a distribution: its mean, that words of one element, neighbouring elements and
 * following steps are independent, that what bf16 holds is left alone, and that an element's bits follow from its place
 * in the model and not from how the model is cut. Bounds are six standard deviations of the sums under the hypothesis
 * (1 in 5e8 for each); seeds are fixed, so a pass stays one.
 */
#include "cpu_ops.h"

enum { COUNT = 1 << 18 };

/* A step that keeps gradients out: w becomes w W, m becomes b1 m. */
typedef struct rounding {
    uint16_t *w, *m;
    float *v, *g;
    float step[STRAIT_STEP_WORDS];
} rounding;

static rounding rounding_make(float w, float decay, float m, float beta1)
{
    rounding r = {.w = calloc(COUNT, sizeof *r.w), .m = calloc(COUNT, sizeof *r.m)};
    r.v = calloc(COUNT, sizeof *r.v);
    r.g = calloc(COUNT, sizeof *r.g);
    assert_true(r.w && r.m && r.v && r.g);
    for (int64_t i = 0; i < COUNT; ++i) {
        r.w[i] = strait_bf16_from_f32(w);
        r.m[i] = strait_bf16_from_f32(m);
    }
    r.step[STRAIT_STEP_CLIP_FACTOR] = 1.0f;
    r.step[STRAIT_STEP_W] = decay;
    r.step[STRAIT_STEP_BETA1] = beta1;
    r.step[STRAIT_STEP_EPS] = 1.0f;
    r.step[STRAIT_STEP_APPLY] = 1.0f;
    r.step[STRAIT_STEP_SEED] = 11.0f;
    r.step[STRAIT_STEP_T] = 1.0f;
    return r;
}

static void rounding_drop(rounding *r)
{
    free(r->w);
    free(r->m);
    free(r->v);
    free(r->g);
}

/* Elements begin .. end - 1 of a model in which they have these numbers. */
static void rounding_run(const setup *s, const rounding *r, int64_t begin, int64_t end)
{
    int64_t table[3] = {begin, end - begin, 1};
    strait_op_desc desc = {.op = STRAIT_OP_ADAMW, .dims = {1, COUNT, 1, 1, begin}};
    void *buffers[ADAMW_BUFFERS] = {r->w, r->m, r->v, r->g, table, (void *)(uintptr_t)r->step, NULL};
    run_op(s, &desc, buffers, ADAMW_BUFFERS);
}

/* Which elements went to the neighbour away from zero; every one is one of the two neighbours. */
static void which_up(const uint16_t *values, float exact, unsigned char *out)
{
    uint32_t bits;
    memcpy(&bits, &exact, sizeof bits);
    for (int64_t i = 0; i < COUNT; ++i) {
        assert_in_range(values[i], bits >> 16, (bits >> 16) + 1);
        out[i] = values[i] != bits >> 16;
    }
}

/* The part of a bf16 ulp that a value has beyond what bf16 holds. */
static double fraction(float exact)
{
    uint32_t bits;
    memcpy(&bits, &exact, sizeof bits);
    return (double)(bits & 0xFFFFu) / 65536.0;
}

/* Sum of (a[i] - p) (b[i + lag] - q): about 0 where both are independent. */
static void independent(const unsigned char *a, double p, const unsigned char *b, double q, int lag, const char *what)
{
    double sum = 0.0;
    for (int64_t i = 0; i + lag < COUNT; ++i) sum += (a[i] - p) * (b[i + lag] - q);
    double sigma = sqrt(COUNT * p * (1 - p) * q * (1 - q));
    if (fabs(sum) > 6.0 * sigma) fail_msg("%s: covariance %g, standard deviation %g", what, sum, sigma);
}

static void mean_is(const unsigned char *up, double p, const char *what)
{
    double sum = 0.0;
    for (int64_t i = 0; i < COUNT; ++i) sum += up[i];
    double sigma = sqrt(COUNT * p * (1 - p));
    if (fabs(sum - COUNT * p) > 6.0 * sigma) fail_msg("%s: %g went up, expected %g", what, sum, COUNT * p);
}

static void check_mean(const setup *s, float w, float decay, float m, float beta1)
{
    unsigned char *up[3];
    for (int i = 0; i < 3; ++i) {
        up[i] = malloc(COUNT);
        assert_non_null(up[i]);
    }
    rounding r = rounding_make(w, decay, m, beta1);
    float exact_w = w * decay;
    float exact_m = beta1 * m;
    rounding_run(s, &r, 0, COUNT);
    which_up(r.w, exact_w, up[0]);
    which_up(r.m, exact_m, up[1]);
    rounding_drop(&r);
    r = rounding_make(w, decay, m, beta1);
    r.step[STRAIT_STEP_T] = 2.0f;
    rounding_run(s, &r, 0, COUNT);
    which_up(r.w, exact_w, up[2]);
    double p = fraction(exact_w);
    double q = fraction(exact_m);
    mean_is(up[0], p, "weights");
    mean_is(up[1], q, "first moments");
    mean_is(up[2], p, "weights of the next step");
    independent(up[0], p, up[1], q, 0, "weight and moment of an element");
    independent(up[0], p, up[2], p, 0, "an element's steps");
    for (int lag = 1; lag <= 4; ++lag) independent(up[0], p, up[0], p, lag, "neighbours");
    rounding_drop(&r);
    for (int i = 0; i < 3; ++i) free(up[i]);
}

static void test_mean_with(const setup *s)
{
    if (s->bf16) return; /* the storage dtype of activations plays no part */
    check_mean(s, 1.0f, 1.0f + 0x1p-8f, 0.5f, 0.9f);
    check_mean(s, -1.25f, 1.0f + 0x1p-10f, -3.0f, 0.95f);
    check_mean(s, 0x1.8p-130f, 0.7f, 0x1p-20f, 1.0f - 0x1p-12f);
}

/* 2^-12 of itself a step: rounded to nearest it would never move, half an ulp being 2^-8 or 2^-9 of it. */
static void test_small_updates_add_up_with(const setup *s)
{
    enum { STEPS = 64 };
    if (s->bf16) return;
    rounding r = rounding_make(1.0f, 1.0f + 0x1p-12f, 0.0f, 0.9f);
    for (int t = 1; t <= STEPS; ++t) {
        r.step[STRAIT_STEP_T] = (float)t;
        rounding_run(s, &r, 0, COUNT);
    }
    double sum = 0.0;
    for (int64_t i = 0; i < COUNT; ++i) sum += (double)strait_f32_from_bf16(r.w[i]);
    double want = COUNT * pow(1.0 + 0x1p-12, STEPS);
    /* A step's variance is p (1 - p) ulp^2 with p = 2^-5 at first and ulp = 2^-7; p below 2^-4 bounds all of them. */
    double sigma = sqrt((double)COUNT * STEPS * 0x1p-4) * 0x1p-7;
    if (fabs(sum - want) > 6.0 * sigma) fail_msg("the sum is %g, expected %g", sum, want);
    rounding_drop(&r);
}

static void test_exact_values_stay_with(const setup *s)
{
    if (s->bf16) return;
    rounding r = rounding_make(1.0f, 1.0f, 0.0f, 1.0f);
    static const float values[] = {0.0f, -0.0f, 1.0f, -0x1.FEp127f, 0x1p-133f, HUGE_VALF, -HUGE_VALF, 3.0f};
    for (int64_t i = 0; i < COUNT; ++i) r.w[i] = strait_bf16_from_f32(values[i % 8]);
    r.w[5] = 0x7F81; /* a signalling NaN comes out as the one that narrowing gives */
    rounding_run(s, &r, 0, COUNT);
    for (int64_t i = 0; i < COUNT; ++i) {
        /* -0 W - A 0 is +0 by the contract's fma or -0 by its sign: the formula says, not the rounding. */
        float want = fmaf(-0.0f, 0.0f, values[i % 8]);
        assert_int_equal(r.w[i], i == 5 ? 0x7FC0 : strait_bf16_from_f32(want));
        assert_int_equal(r.m[i], 0);
    }
    rounding_drop(&r);
}

/* In one piece, and in pieces whose borders are no multiples of anything: the same bits, which the seed changes. */
static void test_place_decides_with(const setup *s)
{
    if (s->bf16) return;
    static const int64_t borders[] = {0, 1, 6, 255, 256, 1003, 16384, 100001, 200000, COUNT};
    rounding whole = rounding_make(1.0f, 1.0f + 0x1.8p-9f, 1.0f, 0.9f);
    rounding parts = rounding_make(1.0f, 1.0f + 0x1.8p-9f, 1.0f, 0.9f);
    rounding other = rounding_make(1.0f, 1.0f + 0x1.8p-9f, 1.0f, 0.9f);
    other.step[STRAIT_STEP_SEED + 1] = 1.0f;
    rounding_run(s, &whole, 0, COUNT);
    rounding_run(s, &other, 0, COUNT);
    for (size_t i = 0; i + 1 < sizeof borders / sizeof borders[0]; ++i) {
        rounding_run(s, &parts, borders[i], borders[i + 1]);
    }
    assert_memory_equal(whole.w, parts.w, COUNT * sizeof *whole.w);
    assert_memory_equal(whole.m, parts.m, COUNT * sizeof *whole.m);
    assert_memory_not_equal(whole.w, other.w, COUNT * sizeof *whole.w);
    rounding_drop(&whole);
    rounding_drop(&parts);
    rounding_drop(&other);
}

static void test_mean(void **state)
{
    (void)state;
    for_each_setup(test_mean_with);
}

static void test_small_updates_add_up(void **state)
{
    (void)state;
    for_each_setup(test_small_updates_add_up_with);
}

static void test_exact_values_stay(void **state)
{
    (void)state;
    for_each_setup(test_exact_values_stay_with);
}

static void test_place_decides(void **state)
{
    (void)state;
    for_each_setup(test_place_decides_with);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_small_updates_add_up),
        cmocka_unit_test(test_exact_values_stay),
        cmocka_unit_test(test_place_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
