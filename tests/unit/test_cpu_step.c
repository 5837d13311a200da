/*
 * The kernels that end a step (LOSS_SUM, ADD, GRAD_NORM, ADAMW) and KV_STORE, on every instruction set present, against
 * the contract written out with fmaf. All bits must agree.
 */
#include "cpu_ops.h"

/* Blocks of 4096 by the lane sum, of x or of its squares; then the block results by the same rule. */
static float long_sum(const float *x, int64_t n, int squares)
{
    if (n == 0) return 0.0f;
    int64_t blocks = (n + 4095) / 4096;
    float *results = calloc((size_t)blocks, sizeof(float));
    for (int64_t b = 0; b < blocks; ++b) {
        int64_t length = n - b * 4096 < 4096 ? n - b * 4096 : 4096;
        results[b] = lane_sum(x + b * 4096, squares ? x + b * 4096 : NULL, length);
    }
    float sum = blocks == 1 ? results[0] : long_sum(results, blocks, 0);
    free(results);
    return sum;
}

static void test_loss_sum_with(const setup *s)
{
    static const int64_t shapes[][2] = {{1, 1}, {3, 70}, {2, 4096}, {2, 10000}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
        int64_t sequences = shapes[i][0];
        int64_t t = shapes[i][1];
        array loss = array_random(sequences * t, 0, 1, 5.0f);
        for (int accumulate = 0; accumulate <= 1; ++accumulate) {
            array sum = array_output(1, 0);
            sum.exact[0] = 3.25f;
            array_store(&sum);
            for (int64_t q = 0; q < sequences; ++q) {
                float one = long_sum(loss.exact + q * t, t, 0);
                sum.exact[0] = q > 0 || accumulate ? sum.exact[0] + one : one;
            }
            strait_op_desc desc = {.op = STRAIT_OP_LOSS_SUM, .dims = {sequences * t, t, accumulate}};
            run_op(s, &desc, (void *[]){loss.stored, sum.stored}, 2);
            array_compare(&sum, s, "loss_sum");
            array_drop(&sum);
        }
        array_drop(&loss);
    }
}

static void test_add_with(const setup *s)
{
    enum { N = 40003 };
    array src = array_random(N, 0, 1, 1.0f);
    array dst = array_output(N, 0);
    for (int64_t i = 0; i < N; ++i) dst.exact[i] = (float)(i % 17) * 0.1f;
    array_store(&dst);
    for (int64_t i = 0; i < N; ++i) dst.exact[i] += src.exact[i];
    strait_op_desc desc = {.op = STRAIT_OP_ADD, .dims = {N}};
    run_op(s, &desc, (void *[]){src.stored, dst.stored}, 2);
    array_compare(&dst, s, "add");
    array_drop(&src);
    array_drop(&dst);
}

static void test_kv_store_with(const setup *s)
{
    enum { B = 2, TQ = 3, TK = 9, N = 10 };
    static const int32_t positions[B * TQ] = {4, 5, 6, 0, 1, 8};
    array x = array_random(B * TQ * N, s->bf16, 1, 1.0f);
    array cache = array_output(B * TK * N, s->bf16);
    for (int64_t i = 0; i < cache.count; ++i) cache.exact[i] = (float)(i % 100);
    array_store(&cache);
    for (int64_t i = 0; i < B * TQ * N; ++i) {
        cache.exact[(i / N / TQ * TK + positions[i / N]) * N + i % N] = x.exact[i];
    }
    strait_op_desc desc = {.op = STRAIT_OP_KV_STORE, .dims = {B, TQ, TK, N}};
    run_op(s, &desc, (void *[]){x.stored, (void *)(uintptr_t)positions, cache.stored}, 3);
    array_compare(&cache, s, "kv_store");
    array_drop(&x);
    array_drop(&cache);
}

/* Tensors of sizes around the blocks, one empty, not in the order of their places. */
enum { TENSORS = 6, TOTAL = 70000 };
static const int64_t tensors[TENSORS][3] = {{40000, 20001, 1}, {0, 4096, 0},   {5000, 1, 1},
                                            {6000, 0, 0},      {6016, 777, 1}, {8192, 30000, 0}};

static void norm_reference(const float *grads, float *sums, float *step)
{
    for (int p = 0; p < TENSORS; ++p) sums[p] = long_sum(grads + tensors[p][0], tensors[p][1], 1);
    float norm = sqrtf(long_sum(sums, TENSORS, 0));
    float raised = norm + 1e-6f;
    float clip = step[STRAIT_STEP_CLIP];
    step[STRAIT_STEP_NORM] = norm;
    step[STRAIT_STEP_CLIP_FACTOR] = clip > 0.0f && raised > clip ? clip / raised : 1.0f;
    step[STRAIT_STEP_APPLY] = isfinite(norm) ? 1.0f : 0.0f;
}

static void check_grad_norm(const setup *s, float clip, float poison)
{
    array grads = array_random(TOTAL, 0, 1, 0.01f);
    array sums = array_output(TENSORS, 0);
    array step = array_output(STRAIT_STEP_WORDS, 0);
    int64_t table[TENSORS][2];
    for (int p = 0; p < TENSORS; ++p) memcpy(table[p], tensors[p], sizeof table[p]);
    if (poison != 0.0f) grads.exact[45000] = poison;
    array_store(&grads);
    step.exact[STRAIT_STEP_CLIP] = clip;
    array_store(&step);
    norm_reference(grads.exact, sums.exact, step.exact);
    strait_op_desc desc = {.op = STRAIT_OP_GRAD_NORM, .dims = {TENSORS, TOTAL}};
    run_op(s, &desc, (void *[]){grads.stored, table, sums.stored, step.stored}, 4);
    array_compare(&sums, s, "grad_norm sums");
    array_compare(&step, s, "grad_norm step");
    array_drop(&grads);
    array_drop(&sums);
    array_drop(&step);
}

static void test_grad_norm_with(const setup *s)
{
    check_grad_norm(s, 0.0f, 0.0f);
    check_grad_norm(s, 1.0f, 0.0f);
    check_grad_norm(s, 100.0f, 0.0f);
    check_grad_norm(s, 1.0f, HUGE_VALF);
    check_grad_norm(s, 1.0f, NAN);
    /* A square that overflows: the norm is not finite although every gradient is. */
    check_grad_norm(s, 1.0f, 1e30f);
}

static void adamw_reference(const array *g, array *w, array *m, array *v, const float *k)
{
    for (int p = 0; p < TENSORS; ++p) {
        for (int64_t i = tensors[p][0]; i < tensors[p][0] + tensors[p][1]; ++i) {
            float x = g->exact[i] * k[STRAIT_STEP_CLIP_FACTOR];
            if (fabsf(x) < 0x1p-60f) x = 0.0f;
            m->exact[i] = fmaf(k[STRAIT_STEP_BETA1], m->exact[i], k[STRAIT_STEP_1_BETA1] * x);
            if (fabsf(m->exact[i]) < 0x1p-60f) m->exact[i] = 0.0f;
            v->exact[i] = fmaf(k[STRAIT_STEP_BETA2], v->exact[i], (k[STRAIT_STEP_1_BETA2] * x) * x);
            if (v->exact[i] < 0x1p-120f) v->exact[i] = 0.0f;
            float root = fmaf(sqrtf(v->exact[i]), k[STRAIT_STEP_B], k[STRAIT_STEP_EPS]);
            float kept = w->exact[i] * (tensors[p][2] ? k[STRAIT_STEP_W] : 1.0f);
            w->exact[i] = fmaf(-k[STRAIT_STEP_A], m->exact[i] / root, kept);
        }
    }
}

static void check_adamw(const setup *s, float apply)
{
    array g = array_random(TOTAL, 0, 1, 0.5f);
    array w = array_output(TOTAL, 0);
    array m = array_output(TOTAL, 0);
    array v = array_output(TOTAL, 0);
    array compute = array_output(TOTAL, 1);
    array step = array_random(STRAIT_STEP_WORDS, 0, 2, 1.0f);
    static const float words[] = {0.1f, 1e-3f, 1.5f, 0.9999f, 0.9f, 0.95f, 0.1f, 0.05f, 1e-8f, 1.0f, 2.0f, 0.5f};
    memcpy(step.exact, words, sizeof words);
    step.exact[STRAIT_STEP_APPLY] = apply;
    array_store(&step);
    for (int64_t i = 0; i < TOTAL; ++i) {
        w.exact[i] = sinf((float)i);
        m.exact[i] = i % 5 ? 0.01f * cosf((float)i) : 0.0f;
        v.exact[i] = i % 7 ? 1e-4f * (float)(i % 11) : 0.0f;
    }
    static const float few[] = {0x1p-61f, -0x1p-70f, 0x1p-59f, 0.0f, -0.0f, NAN, 1e20f, 0x1p-149f};
    for (int64_t i = 0; i < TOTAL; i += 3) g.exact[i] = few[i / 3 % 8];
    /* Just above and below each threshold, after beta and the clip factor: g shows where it lifts m over its own. */
    static const float near_m[] = {0x1.2p-60f, 0x1.18p-60f, -0x1.2p-60f, -0x1.18p-60f, 0x1.2p-60f, 0x1.18p-60f};
    static const float near_v[] = {0x1.1p-120f, 0x1.08p-120f, 0x1p-119f, 0x1.1p-120f, 0x1p-121f, 0x1.08p-120f};
    static const float near_g[] = {0.0f, 0x1p-60f, 0.0f, -0x1p-60f, 0x1.fp-60f, 0x1.1p-59f};
    for (int64_t i = 0; i < 600; ++i) {
        m.exact[i] = near_m[i % 6];
        v.exact[i] = near_v[i % 6];
        g.exact[i] = near_g[i % 6];
    }
    array_store(&g);
    array_store(&w);
    array_store(&m);
    array_store(&v);
    int64_t table[TENSORS][3];
    memcpy(table, tensors, sizeof table);
    if (apply != 0.0f) adamw_reference(&g, &w, &m, &v, step.exact);
    strait_op_desc desc = {.op = STRAIT_OP_ADAMW, .dims = {TENSORS, TOTAL}};
    void *buffers[] = {w.stored, m.stored, v.stored, g.stored, table, step.stored, s->bf16 ? compute.stored : NULL};
    run_op(s, &desc, buffers, ADAMW_BUFFERS);
    array_compare(&w, s, "adamw w");
    array_compare(&m, s, "adamw m");
    array_compare(&v, s, "adamw v");
    for (int p = 0; s->bf16 && apply != 0.0f && p < TENSORS; ++p) {
        for (int64_t i = tensors[p][0]; i < tensors[p][0] + tensors[p][1]; ++i) {
            assert_int_equal(((uint16_t *)compute.stored)[i], strait_bf16_from_f32(w.exact[i]));
        }
    }
    array *all[] = {&g, &w, &m, &v, &compute, &step};
    for (int i = 0; i < 6; ++i) array_drop(all[i]);
}

static void test_adamw_with(const setup *s)
{
    check_adamw(s, 1.0f);
    check_adamw(s, 0.0f);
}

static void test_sums(void **state)
{
    (void)state;
    for_each_setup(test_loss_sum_with);
    for_each_setup(test_add_with);
    for_each_setup(test_kv_store_with);
}

static void test_grad_norm(void **state)
{
    (void)state;
    for_each_setup(test_grad_norm_with);
}

static void test_adamw(void **state)
{
    (void)state;
    for_each_setup(test_adamw_with);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_grad_norm),
        cmocka_unit_test(test_adamw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
