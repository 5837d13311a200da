/* The flat list of a model's parameters. Knows no model. */
#include "model/params.h"

#include "base/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 128 elements are 256 bytes in bf16 and 512 in f32: every tensor is aligned in both. */
#define ALIGN_ELEMENTS 128

strait_status strait_params_add(strait_params *params, int64_t rows, int64_t columns, strait_start start,
                                const char *name_format, ...)
{
    strait_param param = {.rank = columns > 0 ? 2 : 1, .shape = {rows, columns}, .start = start};
    param.rows = columns > 0 ? rows : 1;
    param.columns = columns > 0 ? columns : rows;
    va_list args;
    va_start(args, name_format);
    vsnprintf(param.name, sizeof param.name, name_format, args);
    va_end(args);
    if (rows <= 0 || columns < 0 || !strait_mul_i64(param.rows, param.columns, &param.elements) ||
        param.elements > INT64_MAX / 64 - params->elements) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: shape [%lld, %lld]", param.name, (long long)rows,
                           (long long)columns);
    }
    /* Doubled: a model of many experts has tens of thousands. */
    size_t count = (size_t)params->count;
    if (count == 0 || (count >= 64 && (count & (count - 1)) == 0)) {
        STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, count ? 2 * count : 64, sizeof *params->items, &params->items));
    }
    params->items[params->count++] = param;
    params->elements += param.elements;
    return STRAIT_OK;
}

void strait_params_mark_last(strait_params *params, bool buffer)
{
    params->items[params->count - 1].wide = true;
    params->items[params->count - 1].buffer = buffer;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const strait_param *)a)->name, ((const strait_param *)b)->name);
}

/* The number after ".experts." in a name, and what stands before (its length) and after it; false where there is none.
 */
static bool split_expert(const char *name, size_t *out_before, int64_t *out_number, const char **out_after)
{
    const char *word = strstr(name, ".experts.");
    if (!word) return false;
    const char *digit = word + strlen(".experts.");
    *out_before = (size_t)(digit - name);
    int64_t number = 0;
    const char *at = digit;
    for (; *at >= '0' && *at <= '9'; at++) number = number * 10 + (*at - '0');
    *out_number = number;
    *out_after = at;
    return at > digit && at - digit < 10;
}

/* By name, but the same matrix of all experts of a layer together, in order of expert: one op multiplies them all. */
static int by_place(const void *a, const void *b)
{
    const strait_param *left = *(strait_param *const *)a;
    const strait_param *right = *(strait_param *const *)b;
    size_t before[2];
    int64_t number[2];
    const char *after[2];
    bool experts = split_expert(left->name, &before[0], &number[0], &after[0]) &&
                   split_expert(right->name, &before[1], &number[1], &after[1]);
    if (!experts || before[0] != before[1] || strncmp(left->name, right->name, before[0]) != 0) {
        return strcmp(left->name, right->name);
    }
    int order = strcmp(after[0], after[1]);
    return order ? order : (number[0] > number[1]) - (number[0] < number[1]);
}

static strait_status place(strait_params *params)
{
    strait_param **order;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)params->count, sizeof(strait_param *), &order));
    for (int32_t i = 0; i < params->count; i++) order[i] = &params->items[i];
    if (params->count > 1) qsort(order, (size_t)params->count, sizeof(strait_param *), by_place);
    int64_t offset = 0;
    for (int32_t i = 0; i < params->count; i++) {
        order[i]->offset = offset;
        int64_t room = order[i]->buffer ? 2 * order[i]->elements : order[i]->elements;
        offset += (room + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
    }
    params->padded = offset;
    strait_free(order);
    return STRAIT_OK;
}

strait_status strait_params_finish(strait_params *params)
{
    if (params->count > 1) qsort(params->items, (size_t)params->count, sizeof *params->items, by_name);
    for (int32_t i = 1; i < params->count; i++) {
        if (strcmp(params->items[i].name, params->items[i - 1].name) == 0) {
            return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "two parameters are called %s", params->items[i].name);
        }
    }
    for (int32_t i = 0; i < params->count; i++) params->buffer_count += params->items[i].buffer;
    if (params->buffer_count > 0) {
        STRAIT_TRY(
            strait_alloc(STRAIT_TAG_OTHER, (size_t)params->buffer_count, sizeof *params->buffers, &params->buffers));
    }
    for (int32_t i = 0, b = 0; i < params->count; i++) {
        if (params->items[i].buffer) params->buffers[b++] = i;
    }
    return place(params);
}

const strait_param *strait_params_find(const strait_params *params, const char *name)
{
    if (params->count == 0) return NULL;
    strait_param key;
    snprintf(key.name, sizeof key.name, "%s", name);
    return bsearch(&key, params->items, (size_t)params->count, sizeof *params->items, by_name);
}

void strait_params_fini(strait_params *params)
{
    strait_free(params->items);
    strait_free(params->buffers);
    *params = (strait_params){0};
}

enum { INIT_ELEMENTS = 1 << 14 }; /* of one task */

/* One tensor's initial values, cut into tasks. */
typedef struct initialiser {
    uint32_t seed;
    uint64_t place; /* in name order */
    double range;
    bool uniform; /* within +- range */
    int64_t first;
    int64_t end;
    float *to; /* element `first` */
} initialiser;

static void initialise_piece(void *context, int64_t task, int worker)
{
    (void)worker;
    const initialiser *init = context;
    int64_t begin = init->first + task * INIT_ELEMENTS;
    int64_t end = begin + INIT_ELEMENTS < init->end ? begin + INIT_ELEMENTS : init->end;
    for (int64_t i = begin; i < end; i += 4) {
        double value[4];
        uint32_t words[4];
        if (init->uniform) {
            strait_philox(init->seed, STRAIT_STREAM_INIT, (uint64_t)i / 4, init->place, words);
            for (int j = 0; j < 4; j++) value[j] = 2.0 * ((double)(words[j] >> 8) * 0x1p-24) - 1.0;
        } else {
            strait_rng_normal4(init->seed, STRAIT_STREAM_INIT, (uint64_t)i / 4, init->place, value);
        }
        for (int64_t j = 0; j < 4 && i + j < end; j++) init->to[i - init->first + j] = (float)(init->range * value[j]);
    }
}

void strait_param_initialise(const strait_param *param, int32_t place, uint32_t seed, double range, int64_t first,
                             int64_t count, strait_pool *pool, float *out)
{
    initialiser init = {
        .seed = seed, .place = (uint64_t)place, .range = range, .first = first, .end = first + count, .to = out};
    init.uniform = param->start == STRAIT_START_UNIFORM;
    if (init.uniform) init.range = 1.0 / sqrt((double)param->columns);
    if (param->start == STRAIT_START_ONES || param->start == STRAIT_START_ZEROS) {
        for (int64_t i = 0; i < count; i++) out[i] = param->start == STRAIT_START_ONES ? 1.0f : 0.0f;
    } else {
        strait_pool_run(pool, (count + INIT_ELEMENTS - 1) / INIT_ELEMENTS, initialise_piece, &init);
    }
}
