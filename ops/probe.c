/*
 * The numerics probe. Expected bits were computed with exact rational arithmetic; the inputs of the division and square
 * root cases are the ones whose results lie closest to the middle between two numbers.
 */
#include "ops/probe.h"

#include "ops/op_def.h"

#include <string.h>

/* Every elementwise case stands this often in a row, so that a vector's body and its tail both meet it. */
enum { REPEAT = 67, MAX_CASES = 16, COLUMNS = 19 };

/* One op call on host arrays: from is copied in where not NULL, to is copied out. */
typedef struct probe_call {
    strait_op_desc desc;
    const void *from[STRAIT_OP_MAX_BUFFERS];
    void *to[STRAIT_OP_MAX_BUFFERS];
} probe_call;

static strait_status on_device(strait_queue *queue, const probe_call *call, const strait_op_buffer *buffers, int count,
                               const int64_t *offsets, strait_memory *memory, int64_t workspace)
{
    strait_slice slices[STRAIT_OP_MAX_BUFFERS] = {{0}};
    for (int i = 0; i < count; i++) {
        if (!call->from[i] && !call->to[i]) continue;
        slices[i] = (strait_slice){.memory = memory, .offset = offsets[i]};
        if (call->from[i]) STRAIT_TRY(strait_copy_to_device(queue, slices[i], call->from[i], buffers[i].bytes));
    }
    STRAIT_TRY(strait_op_run(queue, &call->desc, slices, count, (strait_slice){memory, workspace}));
    STRAIT_TRY(strait_queue_wait(queue, -1));
    for (int i = 0; i < count; i++) {
        if (call->to[i]) STRAIT_TRY(strait_copy_to_host(queue, call->to[i], slices[i], buffers[i].bytes));
    }
    return STRAIT_OK;
}

static strait_status run(strait_device *device, strait_queue *queue, probe_call *call)
{
    call->desc.struct_size = sizeof call->desc;
    strait_op_info info;
    STRAIT_TRY(strait_op_query(device, &call->desc, &info));
    if (!info.supported) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "numerics probe: %s has no %s: %s",
                           strait_device_get_props(device)->name, strait_op_name(call->desc.op),
                           info.reason ? info.reason : "no reason given");
    }
    strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    int count;
    STRAIT_TRY(strait_op_buffers(&call->desc, buffers, &count));
    int64_t alignment = strait_device_get_props(device)->alignment;
    int64_t offsets[STRAIT_OP_MAX_BUFFERS];
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        offsets[i] = total;
        total += (buffers[i].bytes + alignment - 1) / alignment * alignment;
    }
    strait_memory *memory;
    STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_OTHER, total + info.workspace_bytes + alignment, &memory));
    strait_status status = on_device(queue, call, buffers, count, offsets, memory, total);
    strait_memory_destroy(memory);
    return status;
}

static strait_status wrong(strait_device *device, const char *what, uint32_t a, uint32_t b, uint32_t got, uint32_t want)
{
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                       "numerics probe: %s does not keep the exact contract: %s of 0x%08x and 0x%08x gave 0x%08x, it "
                       "must be 0x%08x; use numerics: fast, or another device",
                       strait_device_get_props(device)->name, what, a, b, got, want);
}

/* ---- what the driver itself says of a device that takes programs ---- */

static strait_status probe_reported(strait_device *device)
{
    static const struct {
        int32_t feature;
        const char *name;
    } needed[] = {
        {STRAIT_FLOAT_SUBNORMALS, "subnormal numbers"},
        {STRAIT_FLOAT_INF_NAN, "infinities and NaN"},
        {STRAIT_FLOAT_NEAREST, "rounding to nearest"},
        {STRAIT_FLOAT_FMA, "fma"},
    };
    const strait_device_props *props = strait_device_get_props(device);
    if (props->dialect == STRAIT_DIALECT_NONE) return STRAIT_OK;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (props->float_features & needed[i].feature) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "numerics probe: the driver of %s does not report %s in binary32; use numerics: fast, or "
                           "another device",
                           props->name, needed[i].name);
    }
    return STRAIT_OK;
}

/* ---- addition: subnormals in and out, ties, signs of zero ---- */

static const uint32_t additions[][3] = {
    {0x00000001, 0x00000001, 0x00000002}, {0x007FFFFF, 0x00000001, 0x00800000}, {0x00800000, 0x80000001, 0x007FFFFF},
    {0x00800001, 0x80800000, 0x00000001}, {0x3F800000, 0x33800000, 0x3F800000}, {0x3F800001, 0x33800000, 0x3F800002},
    {0x3F800000, 0x33800001, 0x3F800001}, {0x4B800000, 0xBF000000, 0x4B800000}, {0x80000001, 0x00000001, 0x00000000},
    {0x80000000, 0x80000000, 0x80000000}, {0x00000000, 0x80000000, 0x00000000}, {0x7F7FFFFF, 0x7F7FFFFF, 0x7F800000},
};

static strait_status probe_addition(strait_device *device, strait_queue *queue)
{
    enum { CASES = sizeof additions / sizeof additions[0], N = CASES * REPEAT };
    uint32_t src[N];
    uint32_t dst[N];
    for (int i = 0; i < N; i++) {
        src[i] = additions[i % CASES][0];
        dst[i] = additions[i % CASES][1];
    }
    probe_call call = {.desc = {.op = STRAIT_OP_ADD, .dims = {N}}, .from = {src, dst}, .to = {[ADD_DST] = dst}};
    STRAIT_TRY(run(device, queue, &call));
    for (int i = 0; i < N; i++) {
        const uint32_t *one = additions[i % CASES];
        if (dst[i] != one[2]) return wrong(device, "the sum", one[0], one[1], dst[i], one[2]);
    }
    return STRAIT_OK;
}

/* ---- fma: b[0] * 1 first, then + a * b[1]; rounded once, into and out of subnormals ---- */

/* c, a, b, fma(a, b, c) */
static const uint32_t fmas[][4] = {
    {0xBF800000, 0x3F800800, 0x3F800800, 0x3A000400}, /* rounds twice where the product is rounded first */
    {0x3FADE47D, 0x3980002D, 0x397FFFA6, 0x3FADE47D}, /* rounds twice where binary64 stands in between */
    {0x3F81ADB9, 0x3980002F, 0x397FFFA2, 0x3F81ADB9},
    {0x3FE608E9, 0x39800005, 0x397FFFF6, 0x3FE608E9},
    {0x00000000, 0x1A400000, 0x1A800000, 0x00000002},
    {0x00000000, 0x1C800000, 0x1C800000, 0x00000200},
    {0x00000000, 0x1A000000, 0x1A400000, 0x00000001},
    {0x00000000, 0x3F7FFFFF, 0x00800000, 0x00800000},
    {0x00000000, 0x00000003, 0x3F800000, 0x00000003},
    {0x00000000, 0x80000000, 0x3F800000, 0x00000000},
    /* a subnormal addend: 5 - 2, 2^23 - 1, 3 + 1/2 to even, 3 - 3, and what is left of the smallest normal numbers */
    {0x00000005, 0x80000002, 0x3F800000, 0x00000003},
    {0x00800000, 0x80000001, 0x3F800000, 0x007FFFFF},
    {0x00000003, 0x3F000000, 0x00000001, 0x00000004},
    {0x80000003, 0x00000003, 0x3F800000, 0x00000000},
    {0x00000001, 0x1A400000, 0x1A800000, 0x00000002},
};

static strait_status probe_fma(strait_device *device, strait_queue *queue)
{
    enum { CASES = sizeof fmas / sizeof fmas[0] };
    uint32_t x[CASES * 2];
    uint32_t w[COLUMNS * 2];
    uint32_t y[CASES * COLUMNS];
    for (int b = 0; b < CASES; b++) {
        /* Each row of x is one case; all rows of w belong to case b. */
        for (int i = 0; i < CASES; i++) {
            x[2 * i] = fmas[b][0];
            x[2 * i + 1] = fmas[b][1];
        }
        for (int n = 0; n < COLUMNS; n++) {
            w[2 * n] = 0x3F800000;
            w[2 * n + 1] = fmas[b][2];
        }
        probe_call call = {.desc = {.op = STRAIT_OP_LINEAR}, .from = {x, w}, .to = {[LINEAR_Y] = y}};
        call.desc.dims[LINEAR_DIM_M] = CASES;
        call.desc.dims[LINEAR_DIM_K] = 2;
        call.desc.dims[LINEAR_DIM_SEGMENTS] = 1;
        call.desc.dims[LINEAR_DIM_N] = COLUMNS;
        STRAIT_TRY(run(device, queue, &call));
        for (int i = 0; i < CASES * COLUMNS; i++) {
            if (y[i] != fmas[b][3]) return wrong(device, "fma", fmas[b][1], fmas[b][2], y[i], fmas[b][3]);
        }
    }
    return STRAIT_OK;
}

/* ---- contraction: r g rounded, then + dres; one rounding less gives 0x3A000400 ---- */

static strait_status probe_contraction(strait_device *device, strait_queue *queue)
{
    uint32_t dy[REPEAT];
    uint32_t dres[REPEAT];
    uint32_t dx[REPEAT];
    uint32_t x[REPEAT] = {0};
    uint32_t r[REPEAT];
    const uint32_t w = 0x3F800000;
    uint32_t dw = 0;
    for (int i = 0; i < REPEAT; i++) {
        dy[i] = r[i] = 0x3F800800;
        dres[i] = 0xBF800000;
    }
    probe_call call = {
        .desc = {.op = STRAIT_OP_RMSNORM_BWD, .dims = {REPEAT, 1, REPEAT, 0}},
        .from = {dy, dres, x, &w, r},
        .to = {[RMSNORM_BWD_DX] = dx, [RMSNORM_BWD_DW] = &dw},
    };
    STRAIT_TRY(run(device, queue, &call));
    for (int i = 0; i < REPEAT; i++) {
        if (dx[i] != 0x3A000000) return wrong(device, "a product added to -1", r[i], dy[i], dx[i], 0x3A000000);
    }
    return STRAIT_OK;
}

/* ---- AdamW as a calculator: w = -A (m / (sqrt(v) B + eps)) + w W, and the bf16 copy of w ---- */

typedef struct calculator {
    uint32_t w[MAX_CASES * REPEAT];
    uint32_t m[MAX_CASES * REPEAT];
    uint32_t v[MAX_CASES * REPEAT];
    uint32_t g[MAX_CASES * REPEAT];
    uint16_t compute[MAX_CASES * REPEAT];
} calculator;

/* The constants of a step; with eps = 0 the divisor is sqrt(v), with b = 0 it is eps. A rate of +0 leaves w W as it is.
 */
typedef struct factors {
    float rate; /* A */
    float b;
    float eps;
    float weight; /* W */
} factors;

static strait_status calculate(strait_device *device, strait_queue *queue, calculator *c, int64_t n, strait_dtype dtype,
                               factors f)
{
    const int64_t table[3] = {0, n, 1};
    float step[STRAIT_STEP_WORDS] = {0};
    step[STRAIT_STEP_A] = f.rate;
    step[STRAIT_STEP_B] = f.b;
    step[STRAIT_STEP_EPS] = f.eps;
    step[STRAIT_STEP_W] = f.weight;
    step[STRAIT_STEP_BETA1] = 1.0F;
    step[STRAIT_STEP_BETA2] = 1.0F;
    step[STRAIT_STEP_CLIP_FACTOR] = 1.0F;
    step[STRAIT_STEP_APPLY] = 1.0F;
    probe_call call = {
        .desc = {.op = STRAIT_OP_ADAMW, .dtype = dtype, .dims = {1, n}},
        .from = {c->w, c->m, c->v, c->g, table, step},
        .to = {[ADAMW_W] = c->w},
    };
    if (dtype == STRAIT_DTYPE_BF16) call.to[ADAMW_COMPUTE] = c->compute;
    return run(device, queue, &call);
}

static float real(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void fill(calculator *c, uint32_t w, uint32_t m, uint32_t v)
{
    for (int i = 0; i < MAX_CASES * REPEAT; i++) {
        c->w[i] = w;
        c->m[i] = m;
        c->v[i] = v;
        c->g[i] = 0;
    }
}

/* x, y, x y: rounding, then into and out of subnormals, ties there, signs of zero, overflow */
static const uint32_t products[][3] = {
    {0x3F800800, 0x3F800800, 0x3F801000}, {0x3FFFFFFF, 0x3FFFFFFF, 0x407FFFFE}, {0x00000005, 0x4B000000, 0x01A00000},
    {0x007FFFFF, 0x7E800001, 0x3F800000}, {0x00400000, 0x40000000, 0x00800000}, {0x00000003, 0x3F000000, 0x00000002},
    {0x00000001, 0x3F000000, 0x00000000}, {0x007FFFFF, 0x3F800001, 0x00800000}, {0x00800001, 0x3F000000, 0x00400000},
    {0x1A400000, 0x1A800000, 0x00000002}, {0x80800000, 0x3EC00000, 0x80300000}, {0x80000001, 0x3F000000, 0x80000000},
    {0x80000000, 0x3F800000, 0x80000000}, {0x00000000, 0xBF800000, 0x80000000}, {0x7F000000, 0x40000000, 0x7F800000},
};

/* x, y, x / y: nearest to a tie; then with subnormal results, and subnormal divisors */
static const uint32_t divisions[][3] = {
    {0x3FCF0D04, 0x3FBB43D3, 0x3F8D862D}, {0x3FE41640, 0x3FCE7DD7, 0x3F8D62F3}, {0x3FFC4EC4, 0x3FAFC8AF, 0x3FB7B8D9},
    {0x3FBA7BD5, 0x3FA23175, 0x3F932B6E}, {0x3FB118FB, 0x3F91BBA9, 0x3F9B8C4C}, {0x3FBEDC13, 0x3F97D399, 0x3FA0E854},
    {0x21994F6B, 0x67E3A3C2, 0x00000159}, {0x21B6319F, 0x67954D6E, 0x00000271}, {0x219EF86D, 0x678E1A5B, 0x0000023D},
    {0x3F800000, 0x00400000, 0x7F000000}, {0x21800000, 0x00000003, 0x6B2AAAAB}, {0x3F800003, 0x007FFFFF, 0x7E800004},
};

/* v, sqrt(v) */
static const uint32_t roots[][2] = {
    {0x3FF2F07A, 0x3FB0575C}, {0x40105F4F, 0x3FC03F7F}, {0x3FD3059D, 0x3FA45983}, {0x40049347, 0x3FB839E5},
    {0x3F97FC13, 0x3F8B7A4C}, {0x3F800001, 0x3F800000}, {0x407FFFFF, 0x3FFFFFFF}, {0x3F7FFFFF, 0x3F7FFFFF},
    {0x04EEEB7F, 0x222EE05A}, {0x71D69C41, 0x58A5BDBC},
};

/* f32, its bf16: ties to even, carries, overflow, subnormals, zeros, NaN */
static const uint32_t narrowings[][2] = {
    {0x3F808000, 0x3F80}, {0x3F818000, 0x3F82}, {0x3F808001, 0x3F81}, {0x3F807FFF, 0x3F80},
    {0x3FFF8000, 0x4000}, {0x7F7FFFFF, 0x7F80}, {0xFF7F7FFF, 0xFF7F}, {0x00008000, 0x0000},
    {0x00008001, 0x0001}, {0x00018000, 0x0002}, {0x807F8000, 0x8080}, {0x80000001, 0x8000},
    {0x80000000, 0x8000}, {0x7FC12345, 0x7FC0}, {0xFF800000, 0xFF80}, {0x00400000, 0x0040},
};

/* A weight W and a rate of +0: w is the product plus -0. */
static strait_status probe_product(strait_device *device, strait_queue *queue, calculator *c)
{
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        const uint32_t *one = products[i];
        fill(c, one[0], 0x3F800000, 0x3F800000);
        factors f = {.rate = 0.0F, .b = 1.0F, .eps = 0.0F, .weight = real(one[1])};
        STRAIT_TRY(calculate(device, queue, c, REPEAT, STRAIT_DTYPE_F32, f));
        for (int k = 0; k < REPEAT; k++) {
            if (c->w[k] != one[2]) return wrong(device, "the product", one[0], one[1], c->w[k], one[2]);
        }
    }
    return STRAIT_OK;
}

static strait_status probe_division(strait_device *device, strait_queue *queue, calculator *c)
{
    for (size_t i = 0; i < sizeof divisions / sizeof divisions[0]; i++) {
        const uint32_t *one = divisions[i];
        fill(c, 0x80000000, one[0], 0x3F800000);
        factors f = {.rate = -1.0F, .b = 0.0F, .eps = real(one[1]), .weight = 1.0F};
        STRAIT_TRY(calculate(device, queue, c, REPEAT, STRAIT_DTYPE_F32, f));
        for (int k = 0; k < REPEAT; k++) {
            if (c->w[k] != one[2]) return wrong(device, "the quotient", one[0], one[1], c->w[k], one[2]);
        }
    }
    return STRAIT_OK;
}

/* The root divides its own right value: anything but 1 is a wrong root. */
static strait_status probe_root(strait_device *device, strait_queue *queue, calculator *c)
{
    enum { CASES = sizeof roots / sizeof roots[0] };
    fill(c, 0x80000000, 0, 0);
    for (int i = 0; i < CASES * REPEAT; i++) {
        c->v[i] = roots[i % CASES][0];
        c->m[i] = roots[i % CASES][1];
    }
    factors f = {.rate = -1.0F, .b = 1.0F, .eps = 0.0F, .weight = 1.0F};
    STRAIT_TRY(calculate(device, queue, c, CASES * REPEAT, STRAIT_DTYPE_F32, f));
    for (int i = 0; i < CASES * REPEAT; i++) {
        const uint32_t *one = roots[i % CASES];
        if (c->w[i] != 0x3F800000)
            return wrong(device, "the root's right value by the root", one[1], one[0], c->w[i], 0x3F800000);
    }
    return STRAIT_OK;
}

static strait_status probe_narrowing(strait_device *device, strait_queue *queue, calculator *c)
{
    enum { CASES = sizeof narrowings / sizeof narrowings[0] };
    fill(c, 0, 0x3F800000, 0x3F800000);
    for (int i = 0; i < CASES * REPEAT; i++) c->w[i] = narrowings[i % CASES][0];
    factors f = {.rate = 0.0F, .b = 1.0F, .eps = 0.0F, .weight = 1.0F};
    STRAIT_TRY(calculate(device, queue, c, CASES * REPEAT, STRAIT_DTYPE_BF16, f));
    for (int i = 0; i < CASES * REPEAT; i++) {
        const uint32_t *one = narrowings[i % CASES];
        if (c->compute[i] != one[1]) return wrong(device, "bf16 narrowing", one[0], 0, c->compute[i], one[1]);
    }
    return STRAIT_OK;
}

/* ---- narrowing at the end of a matrix product: x[0] + x[1] / 2, everything in bf16 ---- */

static const uint16_t narrow_sums[][3] = {
    {0x3F80, 0x3C00, 0x3F80}, {0x3F81, 0x3C00, 0x3F82}, {0x3F80, 0x3C01, 0x3F81}, {0xBF81, 0xBC00, 0xBF82},
    {0x0001, 0x0000, 0x0001}, {0x0002, 0x0001, 0x0002}, {0x0003, 0x0001, 0x0004}, {0x7F7F, 0x7B80, 0x7F80},
    {0x7FFF, 0x0000, 0x7FC0}, {0xFF80, 0x3F80, 0xFF80},
};

static strait_status probe_narrow_sum(strait_device *device, strait_queue *queue)
{
    enum { CASES = sizeof narrow_sums / sizeof narrow_sums[0] };
    uint16_t x[CASES * 2];
    uint16_t w[COLUMNS * 2];
    uint16_t y[CASES * COLUMNS];
    for (int i = 0; i < CASES * 2; i++) x[i] = narrow_sums[i / 2][i % 2];
    for (int n = 0; n < COLUMNS * 2; n++) w[n] = n % 2 == 0 ? 0x3F80 : 0x3F00;
    probe_call call = {
        .desc = {.op = STRAIT_OP_LINEAR, .dtype = STRAIT_DTYPE_BF16},
        .from = {x, w},
        .to = {[LINEAR_Y] = y},
    };
    call.desc.dims[LINEAR_DIM_M] = CASES;
    call.desc.dims[LINEAR_DIM_K] = 2;
    call.desc.dims[LINEAR_DIM_SEGMENTS] = 1;
    call.desc.dims[LINEAR_DIM_N] = COLUMNS;
    STRAIT_TRY(run(device, queue, &call));
    for (int i = 0; i < CASES * COLUMNS; i++) {
        const uint16_t *one = narrow_sums[i / COLUMNS];
        if (y[i] != one[2]) return wrong(device, "bf16 narrowing of a matrix product", one[0], one[1], y[i], one[2]);
    }
    return STRAIT_OK;
}

/* ---- the mean of the norm's gradient: a third of a subnormal; dx[1] is its opposite ---- */

static const uint32_t thirds[][2] = {
    {0x00000200, 0x000000AB}, {0x00000005, 0x00000002}, {0x00000007, 0x00000002},
    {0x007FFFFF, 0x002AAAAA}, {0x00800001, 0x002AAAAB},
};

static strait_status probe_third(strait_device *device, strait_queue *queue)
{
    enum { CASES = sizeof thirds / sizeof thirds[0], WIDTH = 3 };
    uint32_t dy[CASES * WIDTH] = {0};
    uint32_t x[CASES * WIDTH] = {0};
    uint32_t dx[CASES * WIDTH];
    uint32_t r[CASES];
    const uint32_t w[WIDTH] = {0x3F800000, 0x3F800000, 0x3F800000};
    uint32_t dw[WIDTH];
    for (int i = 0; i < CASES; i++) {
        dy[WIDTH * i] = thirds[i][0];
        x[WIDTH * i] = x[WIDTH * i + 1] = r[i] = 0x3F800000;
    }
    probe_call call = {
        .desc = {.op = STRAIT_OP_RMSNORM_BWD, .dims = {CASES, WIDTH, CASES, 0}},
        .from = {dy, NULL, x, w, r},
        .to = {[RMSNORM_BWD_DX] = dx, [RMSNORM_BWD_DW] = dw},
    };
    STRAIT_TRY(run(device, queue, &call));
    for (int i = 0; i < CASES; i++) {
        uint32_t want = thirds[i][1] | 0x80000000;
        uint32_t got = dx[WIDTH * i + 1];
        if (got != want) return wrong(device, "the opposite of the quotient", thirds[i][0], 0x40400000, got, want);
    }
    return STRAIT_OK;
}

/* ---- 1 / sqrt of a subnormal: of a mean of squares, and of eps where all squares are zero ---- */

static strait_status probe_subnormal_square(strait_device *device, strait_queue *queue)
{
    uint32_t x[REPEAT];
    uint32_t y[REPEAT];
    uint32_t r[REPEAT];
    const uint32_t w = 0xBF800000;
    for (int i = 0; i < REPEAT; i++) x[i] = 0x1C800000; /* 2^-70, whose square is 2^-140 */
    probe_call call = {
        .desc = {.op = STRAIT_OP_RMSNORM, .dims = {REPEAT, 1}},
        .from = {[RMSNORM_X] = x, [RMSNORM_W] = &w},
        .to = {[RMSNORM_Y] = y, [RMSNORM_R] = r},
    };
    STRAIT_TRY(run(device, queue, &call));
    for (int i = 0; i < REPEAT; i++) {
        if (r[i] != 0x62800000) return wrong(device, "1 / sqrt of the square", x[i], x[i], r[i], 0x62800000);
        if (y[i] != 0xBF800000) return wrong(device, "the normalised value", x[i], w, y[i], 0xBF800000);
    }
    return STRAIT_OK;
}

/* eps, 1 / sqrt(eps), both rounded */
static const uint32_t inverse_roots[][2] = {
    {0x00000001, 0x64B504F3}, {0x00000200, 0x62800000}, {0x00000007, 0x6408D677},
    {0x00123456, 0x5FA9B4A6}, {0x00400000, 0x5F3504F3}, {0x007FFFFF, 0x5F000001},
};

static strait_status probe_subnormal_root(strait_device *device, strait_queue *queue)
{
    enum { ROWS = 3 };
    const uint32_t x[ROWS] = {0};
    const uint32_t w = 0x3F800000;
    uint32_t y[ROWS];
    uint32_t r[ROWS];
    for (size_t i = 0; i < sizeof inverse_roots / sizeof inverse_roots[0]; i++) {
        const uint32_t *one = inverse_roots[i];
        probe_call call = {
            .desc = {.op = STRAIT_OP_RMSNORM, .dims = {ROWS, 1}, .scalars = {real(one[0])}},
            .from = {[RMSNORM_X] = x, [RMSNORM_W] = &w},
            .to = {[RMSNORM_Y] = y, [RMSNORM_R] = r},
        };
        STRAIT_TRY(run(device, queue, &call));
        for (int k = 0; k < ROWS; k++) {
            if (r[k] != one[1]) return wrong(device, "1 / the root of the sum", 0, one[0], r[k], one[1]);
        }
    }
    return STRAIT_OK;
}

strait_status strait_numerics_probe(strait_device *device, strait_queue *queue)
{
    STRAIT_TRY(probe_reported(device));
    STRAIT_TRY(probe_addition(device, queue));
    STRAIT_TRY(probe_fma(device, queue));
    STRAIT_TRY(probe_narrow_sum(device, queue));
    calculator *c;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *c, &c));
    strait_status status = probe_product(device, queue, c);
    if (status == STRAIT_OK) status = probe_contraction(device, queue);
    if (status == STRAIT_OK) status = probe_division(device, queue, c);
    if (status == STRAIT_OK) status = probe_third(device, queue);
    if (status == STRAIT_OK) status = probe_root(device, queue, c);
    if (status == STRAIT_OK) status = probe_subnormal_root(device, queue);
    if (status == STRAIT_OK) status = probe_subnormal_square(device, queue);
    if (status == STRAIT_OK) status = probe_narrowing(device, queue, c);
    strait_free(c);
    return status;
}
