/*
 * LINEAR_XENT: the output layer and cross-entropy over one chunk of tokens after another, so that logits exist for a
 * chunk only. A chunk is one block of 512 of a sequence's tokens, or as many whole shorter sequences as fit into 512:
 * then the head's gradient, summed over chunks, is the product over all tokens by the rule.
 *
 * Over a matrix unit (STRAIT_FAST, bf16 storage only) both products of the gradient take bf16: each row of it is
 * narrowed where it stands, into the first half of its place, and chunks need not respect sequences.
 */
#include "backends/cpu/kernels/matmul.h"
#include "backends/cpu/kernels/softmax.h"

/*
 * Without a backward part any chunk gives the same bits, and a smaller one takes less memory. 256 tokens were as fast
 * as 512 (hidden 512, vocabulary 16384), 128 slower by 3 to 6 %, 64 by 22 %.
 */
enum { CHUNK_TOKENS = PRODUCT_BLOCK, FORWARD_TOKENS = 256, ROWS_PER_TASK = 4, LINE = 16 };

typedef struct xent {
    int64_t m, h, v, t;
    int64_t ld;   /* of logits: v in whole cache lines, an odd number of them */
    int64_t most; /* tokens of the largest chunk */
    int bf16;
    int backward;  /* may be there, before buffers are known */
    const char *y; /* S [m, h] */
    const void *w; /* S [v, h] */
    const int32_t *targets;
    float scale;
    float *loss;
    char *dy;    /* S [m, h] */
    float *grad; /* [v, h] */
    int accumulate;
    float *logits; /* [most, ld], then their gradient; as bf16 (STRAIT_FAST) [most, 2 ld] */
    float *sums;   /* [most, h]: dy before it is rounded, where S is bf16 */
} xent;

/* Tokens first .. first + repeats * k: `repeats` sequences of k tokens, or one part of one. */
typedef struct chunk {
    int64_t first, repeats, k, tokens;
} chunk;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static chunk chunk_at(const xent *x, int64_t first)
{
    chunk c = {.first = first, .repeats = 1};
    if (STRAIT_FAST || !x->backward) {
        c.k = least(x->backward ? CHUNK_TOKENS : FORWARD_TOKENS, x->m - first);
    } else if (x->t >= CHUNK_TOKENS) {
        c.k = least(CHUNK_TOKENS, x->t - first % x->t);
    } else {
        c.k = x->t;
        c.repeats = least(CHUNK_TOKENS / x->t, (x->m - first) / x->t);
    }
    c.tokens = c.repeats * c.k;
    return c;
}

static char *at_row(const xent *x, const void *base, int64_t row)
{
    return (char *)(uintptr_t)base + (size_t)(row * x->h) * (x->bf16 ? 2 : 4);
}

/* ---- the three products of a chunk ------------------------------------------------------------------------------ */

static cpu_product logits_product(const xent *x, const chunk *c)
{
    cpu_product p = {.rows = c->tokens, .cols = x->v, .segments = 1, .c = x->logits, .ldc = x->ld};
    p.segment[0].a = (cpu_operand){.data = x->y ? at_row(x, x->y, c->first) : NULL, .ld = x->h, .bf16 = x->bf16};
    p.segment[0].b = (cpu_operand){.data = x->w, .ld = x->h, .bf16 = x->bf16};
    p.segment[0].k = x->h;
    return p;
}

static cpu_operand dlogits_operand(const xent *x, int across)
{
    return (cpu_operand){
        .data = x->logits, .ld = STRAIT_FAST ? 2 * x->ld : x->ld, .across = across, .bf16 = STRAIT_FAST};
}

/* Summed in f32 whatever S is, so that k, which is the vocabulary, can be cut. */
static cpu_product dy_product(const xent *x, const chunk *c)
{
    cpu_product p = {.rows = c->tokens, .cols = x->h, .segments = 1, .ldc = x->h};
    p.c = x->bf16 || !x->dy ? (void *)x->sums : (void *)at_row(x, x->dy, c->first);
    p.segment[0].a = dlogits_operand(x, 0);
    p.segment[0].b = (cpu_operand){.data = x->w, .ld = x->h, .across = 1, .bf16 = x->bf16};
    p.segment[0].k = x->v;
    return p;
}

static cpu_product grad_product(const xent *x, const chunk *c)
{
    cpu_product p = {.rows = x->v, .cols = x->h, .segments = 1, .repeats = c->repeats, .c = x->grad, .ldc = x->h};
    p.accumulate = x->accumulate || c->first > 0;
    p.segment[0].a = dlogits_operand(x, 1);
    p.segment[0].b =
        (cpu_operand){.data = x->y ? at_row(x, x->y, c->first) : NULL, .ld = x->h, .across = 1, .bf16 = x->bf16};
    p.segment[0].k = c->k;
    return p;
}

/* ---- one row of logits ------------------------------------------------------------------------------------------ */

/* (p r) c, and the target's fma(p, r, -1) c. */
static void row_gradient(float *row, int64_t n, float r, float c, int32_t target)
{
    float at_target = row[target];
    vf vr = vf_set1(r);
    vf vc = vf_set1(c);
    int64_t j = 0;
    for (; j + VW <= n; j += VW) vf_store(row + j, vf_mul(vf_mul(vf_load(row + j), vr), vc));
    if (j < n) {
        int have = (int)(n - j);
        vf_store_n(row + j, vf_mul(vf_mul(vf_load_n(row + j, have), vr), vc), have);
    }
    vf g = vf_mul(vf_fma(vf_set1(at_target), vr, vf_set1(-1.0f)), vc);
    row[target] = vf_lane(g, 0);
}

/* Writes stay behind reads: half a vector's bytes for every vector. */
static void row_narrow(float *row, int64_t n)
{
    uint16_t *out = (uint16_t *)(void *)row;
    int64_t j = 0;
    for (; j + VW <= n; j += VW) vf_store_bf16(out + j, vf_load(row + j));
    if (j < n) vf_store_bf16_n(out + j, vf_load_n(row + j, (int)(n - j)), (int)(n - j));
}

static void row_loss(const xent *x, float *row, int64_t token)
{
    int32_t target = x->targets[token];
    if (target < 0) {
        x->loss[token] = 0.0f;
        if (x->dy) memset(row, 0, (size_t)x->v * sizeof *row);
        return;
    }
    float m = row_max(row, x->v);
    float at_target = row[target];
    float l = row_exp(row, x->v, m);
    x->loss[token] = vf_lane(vf_log(vf_set1(l)), 0) + (m - at_target);
    if (!x->dy) return;
    row_gradient(row, x->v, 1.0f / l, x->scale, target);
    if (STRAIT_FAST) row_narrow(row, x->v);
}

/* ---- the loops -------------------------------------------------------------------------------------------------- */

typedef struct rows_call {
    const xent *x;
    chunk c;
} rows_call;

static void loss_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const rows_call *call = context;
    int64_t end = least((task + 1) * ROWS_PER_TASK, call->c.tokens);
    for (int64_t i = task * ROWS_PER_TASK; i < end; ++i) {
        row_loss(call->x, call->x->logits + i * call->x->ld, call->c.first + i);
    }
}

static void round_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const rows_call *call = context;
    const xent *x = call->x;
    int64_t end = least((task + 1) * ROWS_PER_TASK, call->c.tokens);
    for (int64_t i = task * ROWS_PER_TASK; i < end; ++i) {
        uint16_t *out = (uint16_t *)(void *)at_row(x, x->dy, call->c.first + i);
        const float *in = x->sums + i * x->h;
        int64_t j = 0;
        for (; j + VW <= x->h; j += VW) vf_store_bf16(out + j, vf_load(in + j));
        if (j < x->h) vf_store_bf16_n(out + j, vf_load_n(in + j, (int)(x->h - j)), (int)(x->h - j));
    }
}

static void run_chunk(strait_pool *pool, const xent *x, const chunk *c, void *workspace)
{
    rows_call call = {x, *c};
    int64_t row_tasks = (c->tokens + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
    cpu_product p = logits_product(x, c);
    STRAIT_CPU_SYMBOL(matmul)(pool, &p, 1, 0, workspace);
    strait_pool_run(pool, row_tasks, loss_task, &call);
    if (!x->dy) return;
    p = dy_product(x, c);
    STRAIT_CPU_SYMBOL(matmul)(pool, &p, 1, 0, workspace);
    if (x->bf16) strait_pool_run(pool, row_tasks, round_task, &call);
    if (!x->grad) return;
    p = grad_product(x, c);
    STRAIT_CPU_SYMBOL(matmul)(pool, &p, 1, 0, workspace);
}

static xent shape_of(const strait_op_desc *desc)
{
    xent x = {.m = desc->dims[LINEAR_XENT_DIM_M],
              .h = desc->dims[LINEAR_XENT_DIM_H],
              .v = desc->dims[LINEAR_XENT_DIM_V],
              .t = desc->dims[LINEAR_XENT_DIM_T],
              .bf16 = desc->dtype == STRAIT_DTYPE_BF16,
              .backward = desc->dims[LINEAR_XENT_DIM_FORWARD_ONLY] == 0,
              .accumulate = desc->dims[LINEAR_XENT_DIM_ACCUMULATE] != 0};
    /* An odd number of lines: rows a power of two apart would share a few places of the first-level cache. */
    x.ld = ((x.v + LINE - 1) / LINE | 1) * LINE;
    x.most = x.m > 0 ? chunk_at(&x, 0).tokens : 0;
    return x;
}

static int64_t logits_bytes(const xent *x)
{
    return x->most * x->ld * (int64_t)sizeof(float);
}

static int64_t sums_bytes(const xent *x)
{
    int64_t floats = x->bf16 && x->backward ? (x->most * x->h + LINE - 1) / LINE * LINE : 0;
    return floats * (int64_t)sizeof(float);
}

int64_t STRAIT_CPU_WORKSPACE(linear_xent)(const strait_op_desc *desc, int threads)
{
    xent x = shape_of(desc);
    if (x.m == 0) return 0;
    chunk c = chunk_at(&x, 0);
    cpu_product products[] = {logits_product(&x, &c), dy_product(&x, &c), grad_product(&x, &c)};
    int64_t most = 0;
    for (int i = 0; i < (x.backward ? 3 : 1); ++i) {
        int64_t bytes = STRAIT_CPU_SYMBOL(matmul_workspace)(&products[i], 1, 0, threads);
        if (bytes > most) most = bytes;
    }
    return logits_bytes(&x) + sums_bytes(&x) + most;
}

strait_status STRAIT_CPU_RUN(linear_xent)(const strait_cpu_call *call)
{
    xent x = shape_of(call->desc);
    x.y = call->buffers[LINEAR_XENT_Y];
    x.w = call->buffers[LINEAR_XENT_W];
    x.targets = call->buffers[LINEAR_XENT_TARGETS];
    x.loss = call->buffers[LINEAR_XENT_LOSS];
    x.dy = x.backward ? call->buffers[LINEAR_XENT_DY] : NULL;
    x.grad = call->buffers[LINEAR_XENT_GRAD];
    if (x.dy) x.scale = ((const float *)call->buffers[LINEAR_XENT_STEP])[STRAIT_STEP_LOSS_SCALE];
    char *room = call->workspace;
    x.logits = (float *)(void *)room;
    x.sums = (float *)(void *)(room + logits_bytes(&x));
    room += logits_bytes(&x) + sums_bytes(&x);
    for (int64_t first = 0; first < x.m;) {
        chunk c = chunk_at(&x, first);
        run_chunk(call->pool, &x, &c, room);
        first += c.tokens;
    }
    return STRAIT_OK;
}
