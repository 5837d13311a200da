/* DROPOUT: elements are kept or not by words of their own (philox.h). */
#include "backends/cpu/kernels/dropout.h"

typedef struct dropout {
    const void *x;
    const int32_t *sequences;
    void *y;
    int64_t span, pieces;
    cpu_dropout how;
    strait_dtype dtype;
} dropout;

/* A piece of one sequence; words come in runs that begin at multiples of their length. */
static void dropout_piece(void *context, int64_t task, int worker)
{
    (void)worker;
    const dropout *s = context;
    int64_t sequence = task / s->pieces;
    int64_t begin = task % s->pieces * TASK_ELEMENTS;
    int64_t end = min_i64(s->span, begin + TASK_ELEMENTS);
    uint64_t number = (uint64_t)s->sequences[sequence] * (uint64_t)s->span;
    vf scale = vf_set1(s->how.scale);
    for (int64_t at = begin; at < end;) {
        uint32_t words[PHILOX_WORDS + VW];
        int64_t skip = (int64_t)((number + (uint64_t)at) % PHILOX_WORDS);
        int64_t stop = min_i64(end, at + PHILOX_WORDS - skip);
        philox_words(&s->how.random, number + (uint64_t)(at - skip), words);
        for (int64_t i = at; i < stop; i += VW) {
            void *to = s_at(s->y, sequence * s->span, s->dtype);
            vf x = s_load_to(s_at(s->x, sequence * s->span, s->dtype), i, stop, s->dtype);
            vm kept = dropout_keeps(&s->how, words + skip + (i - at));
            s_store_to(to, i, stop, vf_select(kept, vf_mul(x, scale), vf_zero()), s->dtype);
        }
        at = stop;
    }
}

strait_status STRAIT_CPU_RUN(dropout)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    dropout s = {.x = call->buffers[DROPOUT_X],
                 .sequences = call->buffers[DROPOUT_SEQUENCES],
                 .y = call->buffers[DROPOUT_Y],
                 .span = d[DROPOUT_DIM_T] * d[DROPOUT_DIM_H],
                 .how = dropout_of(call->buffers[DROPOUT_STEP], (uint32_t)d[DROPOUT_DIM_STREAM],
                                   call->desc->scalars[DROPOUT_SCALAR_P], call->desc->scalars[DROPOUT_SCALAR_SCALE]),
                 .dtype = call->desc->dtype};
    s.pieces = div_up(s.span, TASK_ELEMENTS);
    strait_pool_run(call->pool, d[DROPOUT_DIM_M] / d[DROPOUT_DIM_T] * s.pieces, dropout_piece, &s);
    return STRAIT_OK;
}
