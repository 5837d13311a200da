/*
 * Attention and its gradient on every instruction set present against the contract written out with fmaf: head sizes,
 * lengths and groups that fill no tile, windows, documents, caches, special values. All bits must agree.
 */
#include "cpu_ops.h"

#include "kernels/formula/scalar.h"

typedef struct shape {
    int64_t b, tq, tk, hq, hkv, d, window;
    int documents; /* 0: none; else the length of most documents */
    int lengths;   /* keys fewer than tk in sequence 0 */
    int special;
} shape;

static const shape shapes[] = {
    {1, 1, 1, 1, 1, 16, 0, 0, 0, 0},      {2, 7, 7, 2, 1, 24, 0, 0, 0, 0},      {1, 65, 65, 4, 4, 64, 0, 0, 0, 0},
    {1, 130, 130, 4, 1, 80, 0, 0, 0, 0},  {1, 70, 70, 5, 1, 128, 0, 0, 0, 0},   {2, 130, 130, 2, 1, 16, 20, 0, 0, 0},
    {2, 140, 140, 2, 2, 24, 0, 37, 0, 0}, {1, 200, 200, 2, 1, 6, 70, 90, 0, 0}, {2, 1, 90, 4, 2, 64, 0, 0, 21, 0},
    {2, 5, 150, 2, 1, 16, 0, 0, 70, 0},   {2, 9, 80, 2, 1, 2, 30, 25, 11, 0},   {1, 66, 66, 2, 1, 16, 0, 0, 0, 1},
    {1, 300, 300, 1, 1, 8, 0, 0, 0, 0},   {1, 1, 200, 1, 1, 72, 0, 0, 0, 0},    {1, 1, 200, 6, 2, 72, 0, 0, 7, 0},
    {1, 80, 80, 1, 1, 64, 0, 0, 0, 1},
};

typedef struct problem {
    const shape *h;
    array q, k, v, o, m, r, d_o, dq, dk, dv;
    int32_t *documents, *lengths;
    float *p; /* P of one row */
    float *s; /* scores, dS */
} problem;

static int64_t length_of(const problem *x, int64_t b)
{
    return x->lengths ? x->lengths[b] : x->h->tk;
}

static int visible(const problem *x, int64_t b, int64_t p, int64_t j)
{
    if (j > p || (x->h->window > 0 && p - j >= x->h->window)) return 0;
    return !x->documents || x->documents[b * x->h->tk + j] == x->documents[b * x->h->tk + p];
}

static float dot(const float *a, const float *b, int64_t n)
{
    float acc = 0.0f;
    for (int64_t i = 0; i < n; ++i) acc = fmaf(a[i], b[i], acc);
    return acc;
}

static float probability(float s, float m, float scale)
{
    float t = (s - m) * scale;
    return t < -64.0f ? 0.0f : strait_f_exp(t);
}

static void reference_forward(problem *x, float scale)
{
    const shape *h = x->h;
    for (int64_t row = 0; row < h->b * h->tq * h->hq; ++row) {
        int64_t head = row % h->hq;
        int64_t b = row / h->hq / h->tq;
        int64_t p = length_of(x, b) - h->tq + row / h->hq % h->tq;
        int64_t kv = head / (h->hq / h->hkv);
        float m = -HUGE_VALF;
        for (int64_t j = 0; j <= p; ++j) {
            if (!visible(x, b, p, j)) continue;
            x->s[j] = dot(&x->q.exact[row * h->d], &x->k.exact[((b * h->tk + j) * h->hkv + kv) * h->d], h->d);
            m = x->s[j] > m ? x->s[j] : m;
        }
        m = m + 0.0f;
        float lanes[64] = {0};
        for (int64_t j = 0; j <= p; ++j) {
            if (!visible(x, b, p, j)) continue;
            x->p[j] = probability(x->s[j], m, scale);
            lanes[j % 64] += x->p[j];
        }
        float r = 1.0f / fold(lanes);
        for (int64_t c = 0; c < h->d; ++c) {
            float acc = 0.0f;
            for (int64_t j = 0; j <= p; ++j) {
                if (!visible(x, b, p, j)) continue;
                acc = fmaf(x->p[j], x->v.exact[((b * h->tk + j) * h->hkv + kv) * h->d + c], acc);
            }
            x->o.exact[row * h->d + c] = acc * r;
        }
        x->m.exact[row] = m;
        x->r.exact[row] = r;
    }
}

/* Rows in the order heads of the group ascending, queries ascending; outputs are accumulated in place. */
static void reference_backward_row(problem *x, float scale, int64_t b, int64_t head, int64_t i)
{
    const shape *h = x->h;
    int64_t row = (b * h->tq + i) * h->hq + head;
    int64_t kv = head / (h->hq / h->hkv);
    const float *q = &x->q.exact[row * h->d];
    const float *d_o = &x->d_o.exact[row * h->d];
    float delta = lane_sum(d_o, &x->o.exact[row * h->d], h->d);
    float *dq = &x->dq.exact[row * h->d];
    for (int64_t j = 0; j <= i; ++j) {
        if (!visible(x, b, i, j)) continue;
        int64_t at = ((b * h->tk + j) * h->hkv + kv) * h->d;
        const float *k = &x->k.exact[at];
        float p = probability(dot(q, k, h->d), x->m.exact[row], scale) * x->r.exact[row];
        float ds = p * (dot(d_o, &x->v.exact[at], h->d) - delta);
        for (int64_t c = 0; c < h->d; ++c) {
            dq[c] = fmaf(ds, k[c], dq[c]);
            x->dv.exact[at + c] = fmaf(p, d_o[c], x->dv.exact[at + c]);
            x->dk.exact[at + c] = fmaf(ds, q[c], x->dk.exact[at + c]);
        }
    }
    for (int64_t c = 0; c < h->d; ++c) dq[c] *= scale;
}

static void reference_backward(problem *x, float scale)
{
    const shape *h = x->h;
    for (int64_t b = 0; b < h->b; ++b) {
        for (int64_t head = 0; head < h->hq; ++head) {
            for (int64_t i = 0; i < h->tq; ++i) reference_backward_row(x, scale, b, head, i);
        }
    }
    for (int64_t i = 0; i < x->dk.count; ++i) x->dk.exact[i] *= scale;
}

/* Values that overflow, vanish or are not numbers, spread over the inputs. */
static void make_special(array *a)
{
    static const float values[] = {HUGE_VALF, -HUGE_VALF, NAN, 0x1p-140f, -0.0f, 3e38f, 1e30f, -1e30f};
    for (int64_t i = 0; i < a->count; i += 97) a->exact[i] = narrowed(values[i / 97 % 8], a->bf16);
    array_store(a);
}

static problem problem_make(const shape *h, int bf16)
{
    int64_t queries = h->b * h->tq * h->hq;
    int64_t keys = h->b * h->tk * h->hkv * h->d;
    problem x = {.h = h,
                 .q = array_random(queries * h->d, bf16, 1, 3.0f),
                 .k = array_random(keys, bf16, 2, 3.0f),
                 .v = array_random(keys, bf16, 3, 1.0f),
                 .o = array_output(queries * h->d, bf16),
                 .m = array_output(queries, 0),
                 .r = array_output(queries, 0),
                 .d_o = array_random(queries * h->d, bf16, 4, 1.0f),
                 .dq = array_output(queries * h->d, bf16),
                 .dk = array_output(keys, bf16),
                 .dv = array_output(keys, bf16),
                 .p = calloc((size_t)h->tk, sizeof(float)),
                 .s = calloc((size_t)h->tk, sizeof(float))};
    if (h->special) {
        make_special(&x.q);
        make_special(&x.v);
    }
    if (h->documents) {
        x.documents = calloc((size_t)(h->b * h->tk), sizeof(int32_t));
        for (int64_t i = 0; i < h->b * h->tk; ++i) {
            x.documents[i] = (int32_t)((i % h->tk + 5 * (i / h->tk)) / h->documents * 3);
        }
    }
    if (h->lengths) {
        x.lengths = calloc((size_t)h->b, sizeof(int32_t));
        for (int64_t b = 0; b < h->b; ++b) x.lengths[b] = (int32_t)(h->tk - (b == 0 ? h->lengths : 0));
    }
    return x;
}

static void problem_drop(problem *x)
{
    array *all[] = {&x->q, &x->k, &x->v, &x->o, &x->m, &x->r, &x->d_o, &x->dq, &x->dk, &x->dv};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) array_drop(all[i]);
    free(x->documents);
    free(x->lengths);
    free(x->p);
    free(x->s);
}

static void check_shape(const setup *s, const shape *h)
{
    problem x = problem_make(h, s->bf16);
    float scale = 1.0f / sqrtf((float)h->d);
    reference_forward(&x, scale);
    strait_op_desc desc = {
        .op = STRAIT_OP_ATTENTION, .dims = {h->b, h->tq, h->tk, h->hq, h->hkv, h->d, h->window}, .scalars = {scale}};
    void *forward[ATTENTION_BUFFERS] = {x.q.stored, x.k.stored, x.v.stored, x.documents,
                                        x.lengths,  x.o.stored, x.m.stored, x.r.stored};
    run_op(s, &desc, forward, ATTENTION_BUFFERS);
    char what[96];
    snprintf(what, sizeof what, "attention %lld of %lld x %lld/%lld x %lld", (long long)h->tq, (long long)h->tk,
             (long long)h->hq, (long long)h->hkv, (long long)h->d);
    array_compare(&x.m, s, what);
    array_compare(&x.r, s, what);
    array_compare(&x.o, s, what);
    if (h->tq == h->tk) {
        for (int64_t i = 0; i < x.o.count; ++i) x.o.exact[i] = array_at(&x.o, i);
        reference_backward(&x, scale);
        void *backward[ATTENTION_BWD_BUFFERS] = {x.q.stored,  x.k.stored,  x.v.stored,   x.o.stored,
                                                 x.m.stored,  x.r.stored,  x.d_o.stored, x.documents,
                                                 x.dq.stored, x.dk.stored, x.dv.stored};
        desc.op = STRAIT_OP_ATTENTION_BWD;
        run_op(s, &desc, backward, ATTENTION_BWD_BUFFERS);
        array_compare(&x.dv, s, what);
        array_compare(&x.dk, s, what);
        array_compare(&x.dq, s, what);
    }
    problem_drop(&x);
}

static void check_all(const setup *s)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) check_shape(s, &shapes[i]);
}

static void test_attention(void **state)
{
    (void)state;
    for_each_setup(check_all);
}

/* Bytes for T tokens of 16 heads over 8 of keys, of 128: forward, or its gradient. */
static int64_t workspace_of(const strait_cpu_kernel *kernels, strait_op op, int64_t t, int threads)
{
    strait_op_desc desc = {.struct_size = sizeof desc, .op = op, .dims = {1, t, t, 16, 8, 128, 0}, .scalars = {0.1f}};
    return kernels[op].workspace(&desc, threads);
}

/*
 * Nothing grows with T x T. Twice the tokens take at most twice the memory, and 32,768 of them no more than: forward,
 * keys and values in f32 and 64 rows of scores for each worker; backward, of each worker's pair of heads q, dO and dQ
 * in f32, rows padded by an eighth at most. A megabyte a worker is for tiles.
 */
static void test_workspace(void **state)
{
    (void)state;
    int count;
    const strait_cpu_isa *isas = strait__cpu_isas(&count);
    for (int i = 0; i < 2 * count; ++i) {
        const strait_cpu_isa *isa = &isas[i / 2];
        const strait_cpu_kernel *kernels = isa->kernels(i % 2 == 0 ? STRAIT_NUMERICS_EXACT : STRAIT_NUMERICS_FAST);
        if (isa->absent() || !kernels[STRAIT_OP_ATTENTION].run) continue;
        for (int threads = 1; threads <= 64; threads *= 4) {
            const int64_t t = 32768;
            const int64_t room = threads * (INT64_C(1) << 20);
            assert_in_range(workspace_of(kernels, STRAIT_OP_ATTENTION, t, threads), 1,
                            (2 * 8 * t * 128 + threads * 64 * t) * 4 + room);
            assert_in_range(workspace_of(kernels, STRAIT_OP_ATTENTION_BWD, t, threads), 1,
                            (threads * 3 * 2 * t * (128 + 16) + 18 * t) * 4 + room);
            for (int64_t half = 1024; half < t; half *= 2) {
                for (int op = STRAIT_OP_ATTENTION; op <= STRAIT_OP_ATTENTION_BWD; ++op) {
                    int64_t least = workspace_of(kernels, (strait_op)op, half, threads);
                    assert_in_range(workspace_of(kernels, (strait_op)op, 2 * half, threads), 1, 2 * least + room);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention), cmocka_unit_test(test_workspace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
