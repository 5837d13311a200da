/* SPLIT_HEADS and JOIN_HEADS: copies of a head's pieces, a token at a time, and one sum over heads. */
#include "backends/cpu/kernels/storage.h"

typedef struct heads {
    char *whole, *a, *b;
    int64_t m, count, width, first, second, wide, rows;
    size_t element;
    bool shared, joins;
    strait_dtype dtype;
} heads;

static void copy_or_clear(const heads *s, char *to, const char *from, int64_t elements)
{
    if (from) {
        memcpy(to, from, (size_t)elements * s->element);
    } else {
        memset(to, 0, (size_t)elements * s->element);
    }
}

static void sum_heads(const heads *s, const char *from, char *to)
{
    for (int64_t c = 0; c < s->second; c += VW) {
        vf sum = s_load_to(from, c, s->second, s->dtype);
        for (int64_t h = 1; h < s->count; ++h) {
            const char *next = from + (size_t)(h * s->width) * s->element;
            sum = vf_add(sum, s_load_to(next, c, s->second, s->dtype));
        }
        s_store_to(to, c, s->second, sum, s->dtype);
    }
}

static void split_token(const heads *s, int64_t token)
{
    const size_t e = s->element;
    for (int64_t h = 0; h < s->count; ++h) {
        const int64_t at = token * s->count + h;
        const char *head = s->whole + (size_t)(at * s->width) * e;
        const char *second = head + (size_t)s->first * e;
        memcpy(s->a + (size_t)(at * s->first) * e, head, (size_t)s->first * e);
        if (!s->b || (s->shared && h > 0)) continue;
        char *to = s->b + (size_t)((s->shared ? token : at) * s->wide) * e;
        if (s->shared) {
            sum_heads(s, second, to);
        } else {
            memcpy(to, second, (size_t)s->second * e);
        }
        copy_or_clear(s, to + (size_t)s->second * e, NULL, s->wide - s->second);
    }
}

static void join_token(const heads *s, int64_t token)
{
    const size_t e = s->element;
    const int64_t rest = s->width - s->first - s->second;
    for (int64_t h = 0; h < s->count; ++h) {
        const int64_t at = token * s->count + h;
        char *head = s->whole + (size_t)(at * s->width) * e;
        char *second = head + (size_t)s->first * e;
        const char *from = s->b ? s->b + (size_t)((s->shared ? token : at) * s->wide) * e : NULL;
        memcpy(head, s->a + (size_t)(at * s->first) * e, (size_t)s->first * e);
        copy_or_clear(s, second, from, s->second);
        copy_or_clear(s, second + (size_t)s->second * e, NULL, rest);
    }
}

static void heads_rows(void *context, int64_t task, int worker)
{
    (void)worker;
    const heads *s = context;
    int64_t end = min_i64(s->m, (task + 1) * s->rows);
    for (int64_t token = task * s->rows; token < end; ++token) {
        if (s->joins) {
            join_token(s, token);
        } else {
            split_token(s, token);
        }
    }
}

static strait_status run_heads(const strait_cpu_call *call, heads s)
{
    const int64_t *d = call->desc->dims;
    s.m = d[HEADS_DIM_M];
    s.count = d[HEADS_DIM_HEADS];
    s.width = d[HEADS_DIM_WIDTH];
    s.first = d[HEADS_DIM_FIRST];
    s.second = d[HEADS_DIM_SECOND];
    s.wide = d[HEADS_DIM_SECOND_WIDTH];
    s.rows = rows_per_task(s.count * s.width);
    s.shared = d[HEADS_DIM_SHARED] != 0;
    s.dtype = call->desc->dtype;
    s.element = strait_dtype_size(s.dtype);
    strait_pool_run(call->pool, div_up(s.m, s.rows), heads_rows, &s);
    return STRAIT_OK;
}

strait_status STRAIT_CPU_RUN(split_heads)(const strait_cpu_call *call)
{
    return run_heads(call, (heads){.whole = call->buffers[SPLIT_HEADS_X],
                                   .a = call->buffers[SPLIT_HEADS_A],
                                   .b = call->buffers[SPLIT_HEADS_B]});
}

strait_status STRAIT_CPU_RUN(join_heads)(const strait_cpu_call *call)
{
    return run_heads(call, (heads){.whole = call->buffers[JOIN_HEADS_Y],
                                   .a = call->buffers[JOIN_HEADS_A],
                                   .b = call->buffers[JOIN_HEADS_B],
                                   .joins = true});
}
