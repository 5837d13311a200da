/*
 * The row-wise kernels of every instruction set present against the contract written out with fmaf: widths that fill
 * no vector, sequences that fill no block, absent buffers, accumulation, special values. All bits must agree.
 */
#include "cpu_ops.h"

#include "kernels/formula/scalar.h"

static void test_embedding_with(const setup *s)
{
    enum { M = 37, V = 11, R = 9 };
    static const int64_t widths[] = {1, 7, 64, 131};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; ++w) {
        int64_t h = widths[w];
        int32_t ids[M];
        int32_t slots[M];
        for (int i = 0; i < M; ++i) ids[i] = (i * 7 + 3) % V;
        for (int i = 0; i < M; ++i) slots[i] = (i * i) % R;
        array table = array_random(V * h, s->bf16, 1, 1.0f);
        array y = array_output(M * h, s->bf16);
        array grad = array_output(R * h, 0);
        array total = array_output(V * h, 0);
        for (int64_t i = 0; i < M * h; ++i) y.exact[i] = table.exact[ids[i / h] * h + i % h];
        strait_op_desc desc = {.op = STRAIT_OP_EMBEDDING, .dims = {M, V, h}};
        run_op(s, &desc, (void *[]){ids, table.stored, y.stored}, 3);
        array_compare(&y, s, "embedding");

        array_store(&grad);
        for (int64_t i = 0; i < M * h; ++i) grad.exact[slots[i / h] * h + i % h] += y.exact[i];
        desc = (strait_op_desc){.op = STRAIT_OP_EMBEDDING_BWD, .dims = {M, R, h}};
        run_op(s, &desc, (void *[]){slots, y.stored, grad.stored}, 3);
        array_compare(&grad, s, "embedding_bwd");

        int32_t rows[R] = {4, -1, 0, 10, -1, 7, 1, 2, 3};
        for (int64_t i = 0; i < V * h; ++i) total.exact[i] = (float)i * 0.37f;
        array_store(&total);
        for (int64_t i = 0; i < R * h; ++i) {
            if (rows[i / h] >= 0) total.exact[rows[i / h] * h + i % h] += grad.exact[i];
        }
        desc = (strait_op_desc){.op = STRAIT_OP_EMBEDDING_FOLD, .dims = {R, V, h}};
        run_op(s, &desc, (void *[]){rows, grad.stored, total.stored}, 3);
        array_compare(&total, s, "embedding_fold");
        array *all[] = {&table, &y, &grad, &total};
        for (int i = 0; i < 4; ++i) array_drop(all[i]);
    }
}

/* Infinities, NaN, zeros, subnormals and values at exp's ends, every `step` elements. */
static void sprinkle(array *a, int64_t step)
{
    static const float values[] = {HUGE_VALF, -HUGE_VALF, NAN,    0.0f,   -0.0f,   0x1p-140f, -0x1p-130f, 87.4f,
                                   -87.4f,    88.8f,      -88.8f, 104.0f, -104.0f, 1e30f,     -1e30f,     3.4e38f};
    for (int64_t i = 0; i < a->count; i += step) a->exact[i] = narrowed(values[i / step % 16], a->bf16);
    array_store(a);
}

static void test_swiglu_with(const setup *s)
{
    static const int64_t sizes[] = {1, 3, 1000, 33333};
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; ++n) {
        int64_t count = sizes[n];
        array g = array_random(count, s->bf16, 1, 12.0f);
        array u = array_random(count, s->bf16, 2, 2.0f);
        array dh = array_random(count, s->bf16, 3, 1.0f);
        array h = array_output(count, s->bf16);
        array dg = array_output(count, s->bf16);
        array du = array_output(count, s->bf16);
        if (count > 100) sprinkle(&g, 13);
        for (int64_t i = 0; i < count; ++i) {
            float sigma = 1.0f / (1.0f + strait_f_exp(-g.exact[i]));
            float a = g.exact[i] * sigma;
            h.exact[i] = a * u.exact[i];
            du.exact[i] = dh.exact[i] * a;
            dg.exact[i] = (dh.exact[i] * u.exact[i]) * (sigma * fmaf(g.exact[i], 1.0f - sigma, 1.0f));
        }
        strait_op_desc desc = {.op = STRAIT_OP_SWIGLU, .dims = {count}};
        run_op(s, &desc, (void *[]){g.stored, u.stored, h.stored}, 3);
        array_compare(&h, s, "swiglu");
        desc.op = STRAIT_OP_SWIGLU_BWD;
        run_op(s, &desc, (void *[]){g.stored, u.stored, dh.stored, dg.stored, du.stored}, 5);
        array_compare(&dg, s, "swiglu_bwd dg");
        array_compare(&du, s, "swiglu_bwd du");
        array *all[] = {&g, &u, &dh, &h, &dg, &du};
        for (int i = 0; i < 6; ++i) array_drop(all[i]);
    }
}

/*
 * Columns over tokens: rows [sequences, rows, width] of products are given as two factors; the sums go to `grad`,
 * which keeps what it has where `accumulate`.
 */
static void column_reference(float *grad, const float *a, const float *b, int64_t sequences, int64_t rows,
                             int64_t width, int accumulate)
{
    int64_t blocks = (rows + 63) / 64;
    float *results = calloc((size_t)blocks, sizeof(float));
    for (int64_t c = 0; c < width; ++c) {
        for (int64_t q = 0; q < sequences; ++q) {
            for (int64_t k = 0; k < blocks; ++k) {
                float acc = 0.0f;
                for (int64_t i = k * 64; i < rows && i < k * 64 + 64; ++i) {
                    int64_t at = (q * rows + i) * width + c;
                    acc = fmaf(a[at], b[at], acc);
                }
                results[k] = acc;
            }
            for (int64_t left = blocks; left > 1; left = (left + 1) / 2) {
                for (int64_t i = 0; i < left / 2; ++i) results[i] = results[2 * i] + results[2 * i + 1];
                if (left % 2) results[left / 2] = results[left - 1];
            }
            grad[c] = q > 0 || accumulate ? grad[c] + results[0] : results[0];
        }
    }
    free(results);
}

/* dx of one row of a norm; hat gets x r. */
static void norm_back_reference(float *dx, float *hat, const float *dy, const float *x, const float *w, float r,
                                int64_t n)
{
    float g[512];
    for (int64_t i = 0; i < n; ++i) {
        hat[i] = x[i] * r;
        g[i] = dy[i] * w[i];
    }
    float c = lane_sum(g, hat, n) / (float)n;
    for (int64_t i = 0; i < n; ++i) dx[i] = r * fmaf(-c, hat[i], g[i]);
}

static void check_rmsnorm(const setup *s, int64_t sequences, int64_t t, int64_t h, int residual)
{
    int64_t m = sequences * t;
    float eps = 1e-6f;
    array x = array_random(m * h, s->bf16, 1, 2.0f);
    array d = array_random(m * h, s->bf16, 2, 2.0f);
    array w = array_random(h, s->bf16, 3, 1.5f);
    array dy = array_random(m * h, s->bf16, 4, 1.0f);
    array dres = array_random(m * h, s->bf16, 5, 1.0f);
    array sum = array_output(m * h, s->bf16);
    array y = array_output(m * h, s->bf16);
    array r = array_output(m, 0);
    array dx = array_output(m * h, s->bf16);
    array dw = array_output(h, 0);
    float *hat = calloc((size_t)(m * h), sizeof(float));
    for (int64_t i = 0; i < m * h; ++i) {
        sum.exact[i] = residual ? narrowed(x.exact[i] + d.exact[i], s->bf16) : x.exact[i];
    }
    for (int64_t i = 0; i < m; ++i) {
        const float *row = sum.exact + i * h;
        r.exact[i] = 1.0f / sqrtf(lane_sum(row, row, h) / (float)h + eps);
        for (int64_t c = 0; c < h; ++c) y.exact[i * h + c] = (row[c] * r.exact[i]) * w.exact[c];
    }
    strait_op_desc desc = {.op = STRAIT_OP_RMSNORM, .dims = {m, h}, .scalars = {eps}};
    run_op(s, &desc,
           (void *[]){x.stored, residual ? d.stored : NULL, w.stored, residual ? sum.stored : NULL, y.stored, r.stored},
           RMSNORM_BUFFERS);
    array_compare(&y, s, "rmsnorm y");
    array_compare(&r, s, "rmsnorm r");
    if (residual) array_compare(&sum, s, "rmsnorm xsum");

    for (int accumulate = 0; accumulate <= 1; ++accumulate) {
        for (int64_t i = 0; i < h; ++i) dw.exact[i] = 0.25f * (float)i;
        array_store(&dw);
        for (int64_t i = 0; i < m; ++i) {
            norm_back_reference(dx.exact + i * h, hat + i * h, dy.exact + i * h, sum.exact + i * h, w.exact, r.exact[i],
                                h);
        }
        for (int64_t i = 0; residual && i < m * h; ++i) dx.exact[i] += dres.exact[i];
        column_reference(dw.exact, dy.exact, hat, sequences, t, h, accumulate);
        desc = (strait_op_desc){.op = STRAIT_OP_RMSNORM_BWD, .dims = {m, h, t, accumulate}};
        run_op(s, &desc,
               (void *[]){dy.stored, residual ? dres.stored : NULL, residual ? sum.stored : x.stored, w.stored,
                          r.stored, dx.stored, dw.stored},
               RMSNORM_BWD_BUFFERS);
        array_compare(&dx, s, "rmsnorm_bwd dx");
        array_compare(&dw, s, "rmsnorm_bwd dw");
    }
    free(hat);
    array *all[] = {&x, &d, &w, &dy, &dres, &sum, &y, &r, &dx, &dw};
    for (int i = 0; i < 10; ++i) array_drop(all[i]);
}

static void test_rmsnorm_with(const setup *s)
{
    check_rmsnorm(s, 1, 1, 1, 0);
    check_rmsnorm(s, 2, 65, 50, 1);
    check_rmsnorm(s, 3, 200, 64, 0);
    check_rmsnorm(s, 1, 330, 300, 1);
    check_rmsnorm(s, 5, 7, 130, 1);
}

static void check_norm_rope(const setup *s, int64_t sequences, int64_t t, int64_t heads, int64_t d, int normed)
{
    int64_t m = sequences * t;
    int64_t half = d / 2;
    float eps = 1e-6f;
    array x = array_random(m * heads * d, s->bf16, 1, 2.0f);
    array w = array_random(d, s->bf16, 2, 1.5f);
    array table = array_random((t + 3) * d, 0, 3, 1.0f);
    array dy = array_random(m * heads * d, s->bf16, 4, 1.0f);
    array y = array_output(m * heads * d, s->bf16);
    array r = array_output(m * heads, 0);
    array dx = array_output(m * heads * d, s->bf16);
    array dw = array_output(d, 0);
    float *turned = calloc((size_t)(m * heads * d), sizeof(float));
    float *hat = calloc((size_t)(m * heads * d), sizeof(float));
    int32_t *positions = calloc((size_t)m, sizeof(int32_t));
    for (int64_t i = 0; i < m; ++i) positions[i] = (int32_t)((i * 5 + 1) % (t + 3));
    for (int64_t row = 0; row < m * heads; ++row) {
        const float *cosine = table.exact + positions[row / heads] * d;
        const float *sine = cosine + half;
        const float *in = x.exact + row * d;
        r.exact[row] = 1.0f / sqrtf(lane_sum(in, in, d) / (float)d + eps);
        for (int64_t i = 0; i < half; ++i) {
            float x1 = normed ? (in[i] * r.exact[row]) * w.exact[i] : in[i];
            float x2 = normed ? (in[half + i] * r.exact[row]) * w.exact[half + i] : in[half + i];
            y.exact[row * d + i] = fmaf(x1, cosine[i], -(x2 * sine[i]));
            y.exact[row * d + half + i] = fmaf(x2, cosine[i], x1 * sine[i]);
            float d1 = dy.exact[row * d + i];
            float d2 = dy.exact[row * d + half + i];
            turned[row * d + i] = fmaf(d1, cosine[i], d2 * sine[i]);
            turned[row * d + half + i] = fmaf(d2, cosine[i], -(d1 * sine[i]));
        }
        if (normed) {
            norm_back_reference(dx.exact + row * d, hat + row * d, turned + row * d, in, w.exact, r.exact[row], d);
        } else {
            memcpy(dx.exact + row * d, turned + row * d, (size_t)d * sizeof(float));
        }
    }
    strait_op_desc desc = {.op = STRAIT_OP_NORM_ROPE, .dims = {m, heads, d, t + 3}, .scalars = {eps}};
    run_op(s, &desc,
           (void *[]){x.stored, normed ? w.stored : NULL, table.stored, positions, y.stored, normed ? r.stored : NULL},
           NORM_ROPE_BUFFERS);
    array_compare(&y, s, "norm_rope y");
    if (normed) array_compare(&r, s, "norm_rope r");

    column_reference(dw.exact, turned, hat, sequences, t * heads, d, 0);
    desc = (strait_op_desc){.op = STRAIT_OP_NORM_ROPE_BWD, .dims = {m, heads, d, t + 3, t, 0}};
    /* In place: DX may be DY. */
    memcpy(dx.stored, dy.stored, dx.bytes);
    run_op(s, &desc,
           (void *[]){dx.stored, x.stored, normed ? w.stored : NULL, table.stored, positions, normed ? r.stored : NULL,
                      dx.stored, normed ? dw.stored : NULL},
           NORM_ROPE_BWD_BUFFERS);
    array_compare(&dx, s, "norm_rope_bwd dx");
    if (normed) array_compare(&dw, s, "norm_rope_bwd dw");
    free(turned);
    free(hat);
    free(positions);
    array *all[] = {&x, &w, &table, &dy, &y, &r, &dx, &dw};
    for (int i = 0; i < 8; ++i) array_drop(all[i]);
}

static void test_norm_rope_with(const setup *s)
{
    check_norm_rope(s, 1, 1, 1, 2, 1);
    check_norm_rope(s, 2, 33, 3, 64, 1);
    check_norm_rope(s, 3, 70, 2, 24, 1);
    check_norm_rope(s, 1, 50, 5, 80, 1);
    check_norm_rope(s, 2, 9, 4, 128, 1);
    check_norm_rope(s, 2, 20, 2, 16, 0);
}

static void test_embedding(void **state)
{
    (void)state;
    for_each_setup(test_embedding_with);
}

static void test_swiglu(void **state)
{
    (void)state;
    for_each_setup(test_swiglu_with);
}

static void test_rmsnorm(void **state)
{
    (void)state;
    for_each_setup(test_rmsnorm_with);
}

static void test_norm_rope(void **state)
{
    (void)state;
    for_each_setup(test_norm_rope_with);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_swiglu),
        cmocka_unit_test(test_rmsnorm),
        cmocka_unit_test(test_norm_rope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
