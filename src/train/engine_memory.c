/*
 * Whether an engine's plan fits its device: the table of what needs how much, the choice of recomputation and
 * micro-batch that makes it fit, and the refusal that says what would.
 */
#include "train/engine.h"

#include "train/engine_internal.h"

#include <stdio.h>
#include <string.h>

/*
 * With fewer tokens a micro-batch costs more time than computing cheap activations again: the gradients of all weights
 * are read and written once for each.
 */
enum { MICRO_TOKENS_MIN = 256 };

static const char *const recompute_names[] = {"none", "light", "full"};

int64_t strait_engine_bytes(const strait_engine *engine, strait_tag tag)
{
    return engine->bytes[tag];
}

static int64_t total_bytes(const strait_engine *engine)
{
    int64_t total = 0;
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) total += engine->bytes[tag];
    return total;
}

static double mib(int64_t bytes)
{
    return (double)bytes / 1048576.0;
}

/* Bytes that are free; INT64_MAX where the device does not know. */
static strait_status free_bytes(strait_device *device, int64_t *out)
{
    int64_t available = 0;
    int64_t total = 0;
    STRAIT_TRY(strait_device_memory(device, &available, &total));
    *out = total == 0 ? INT64_MAX : available;
    return STRAIT_OK;
}

/* ---- what is not planned ---- */

/* From this size on the CPU's memory comes in whole huge pages. */
#define HUGE_PAGE_BYTES (INT64_C(2) << 20)
/*
 * The program itself, as the system counts it: 4 MiB of its file and of libraries, the rest what it allocates besides.
 * 5.1 to 5.3 MiB in `bench step` (4 and 12 layers, f32 and bf16, one and two threads); a run with its tokenizer and its
 * files, 24 layers, 1.2 more. Pages of files that are mapped to be read, data and checkpoints, are the system's to drop
 * and no part of it.
 */
#define PROCESS_BYTES (INT64_C(6) << 20)
/* Of a device whose driver's memory nobody counted. */
#define OTHER_DEVICE_BYTES (INT64_C(32) << 20)

static int64_t rounding(int64_t bytes)
{
    return bytes >= HUGE_PAGE_BYTES ? (HUGE_PAGE_BYTES - bytes % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES : 0;
}

int64_t engine__unplanned_bytes(const strait_engine *engine)
{
    const strait_engine_options *o = &engine->options;
    if (strcmp(strait_device_get_props(engine->device)->backend, "cpu") != 0) return OTHER_DEVICE_BYTES;
    const int64_t flat = engine->params.padded * (int64_t)sizeof(float);
    const bool bf16 = o->dtype == STRAIT_DTYPE_BF16;
    const bool masters = bf16 && !o->forward_only && !o->bf16_weights;
    int64_t sum = PROCESS_BYTES + rounding(engine->arena_bytes) + rounding(engine->input_bytes) +
                  rounding(engine->state.bytes) + rounding(engine->workspace_bytes) + rounding(bf16 ? flat / 2 : flat) +
                  rounding(engine->frozen.padded * (int64_t)strait_dtype_size(o->dtype));
    if (masters) sum += rounding(flat);
    if (o->forward_only) return sum;
    sum += rounding(o->bf16_moment ? flat / 2 : flat) + (1 + engine->grad_buffers) * rounding(flat) +
           rounding(engine__muon_bytes(engine));
    /* The rate is measured before any of the buffers exist; in the smallest runs that is the peak. */
    int64_t planned = 0;
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) planned += tag == STRAIT_TAG_OTHER ? 0 : engine->bytes[tag];
    int64_t measuring = PROCESS_BYTES + engine__rate_bytes(engine) - planned;
    return sum > measuring ? sum : measuring;
}

/* ---- the table ---- */

strait_status strait_engine_memory_table(const strait_engine *engine, strait_buffer *out)
{
    const strait_engine_options *o = &engine->options;
    char limit[256];
    int64_t available;
    STRAIT_TRY(free_bytes(engine->device, &available));
    STRAIT_TRY(strait_device_memory_limit(engine->device, limit, sizeof limit));
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) {
        if (engine->bytes[tag] == 0) continue;
        STRAIT_TRY(
            strait_buffer_printf(out, "%-12s %12.1f MiB\n", strait_tag_name((strait_tag)tag), mib(engine->bytes[tag])));
    }
    STRAIT_TRY(strait_buffer_printf(out, "%-12s %12.1f MiB", "total", mib(total_bytes(engine))));
    if (available != INT64_MAX) STRAIT_TRY(strait_buffer_printf(out, " of %.1f MiB free", mib(available)));
    if (limit[0]) STRAIT_TRY(strait_buffer_printf(out, " (%s)", limit));
    STRAIT_TRY(strait_buffer_printf(out, "\n(%lld parameters", (long long)engine->params.elements));
    if (o->lora) {
        STRAIT_TRY(strait_buffer_printf(out, " in adapters, %lld frozen", (long long)engine->frozen.elements));
    }
    STRAIT_TRY(strait_buffer_printf(out, ", micro-batches of %lld x %lld tokens, recompute %s)\n",
                                    (long long)o->micro_batch, (long long)o->length, recompute_names[o->recompute]));
    if (engine->counted) {
        STRAIT_TRY(strait_buffer_printf(out,
                                        "(moe.aux_scope: %s is more than a micro-batch: a forward pass that counts "
                                        "choices of experts precedes each %s)\n",
                                        o->balance.scope == STRAIT_AUX_STEP ? "step" : "shard",
                                        o->balance.scope == STRAIT_AUX_STEP ? "step" : "shard"));
    }
    return engine->choice[0] ? strait_buffer_printf(out, "%s\n", engine->choice) : STRAIT_OK;
}

/* ---- what fits ---- */

/* What may be changed on the way from the fastest plan to the smallest. */
typedef struct search {
    bool recompute;
    bool micro_batch;
    int64_t largest; /* micro-batch to begin with */
} search;

/*
 * The next slower and smaller one; false after the smallest. Smaller micro-batches come before recomputing where they
 * cost less time; in fast last of all, because there the bits depend on them and free memory should not decide those.
 */
static bool next_smaller(const search *s, strait_engine_options *inout)
{
    int64_t half = inout->micro_batch / 2;
    bool last_kind = !s->recompute || inout->recompute == STRAIT_RECOMPUTE_FULL;
    bool cheap = inout->numerics == STRAIT_NUMERICS_EXACT && half * inout->length >= MICRO_TOKENS_MIN;
    if (s->micro_batch && half >= 1 && (last_kind || cheap)) {
        inout->micro_batch = half;
        return true;
    }
    if (last_kind) return false;
    inout->recompute = (strait_recompute)(inout->recompute + 1);
    inout->micro_batch = s->largest;
    return true;
}

/* Goes on from *engine until one fits `available`; the smallest where none does. On failure *engine is as it was. */
static strait_status shrink(strait_engine **engine, const search *s, int64_t available)
{
    strait_engine_options options = (*engine)->options;
    while (total_bytes(*engine) > available && next_smaller(s, &options)) {
        strait_engine *smaller;
        STRAIT_TRY(engine__plan((*engine)->device, &options, &smaller));
        strait_engine_destroy(*engine);
        *engine = smaller;
    }
    return STRAIT_OK;
}

static void explain(strait_engine *engine, const strait_engine_options *first, int64_t first_bytes)
{
    const strait_engine_options *o = &engine->options;
    if (o->recompute == first->recompute && o->micro_batch == first->micro_batch) {
        if (!first->recompute_auto) return;
        snprintf(engine->choice, sizeof engine->choice, "(memory.recompute: auto: it fits with nothing recomputed)");
        return;
    }
    snprintf(engine->choice, sizeof engine->choice,
             "(chosen to fit: recompute %s, micro-batches of %lld; recompute %s with micro-batches of %lld needs %.1f "
             "MiB)",
             recompute_names[o->recompute], (long long)o->micro_batch, recompute_names[first->recompute],
             (long long)first->micro_batch, mib(first_bytes));
}

strait_status engine__plan_to_fit(strait_device *device, const strait_engine_options *options, strait_engine **out)
{
    strait_engine *engine;
    int64_t available;
    STRAIT_TRY(free_bytes(device, &available));
    STRAIT_TRY(engine__plan(device, options, &engine));
    if (!options->forward_only) {
        strait_engine_options first = engine->options;
        int64_t first_bytes = total_bytes(engine);
        search s = {options->recompute_auto, options->micro_batch == 0, first.micro_batch};
        strait_status status = shrink(&engine, &s, available);
        if (status != STRAIT_OK) {
            strait_engine_destroy(engine);
            return status;
        }
        explain(engine, &first, first_bytes);
    }
    *out = engine;
    return STRAIT_OK;
}

/* ---- the refusal ---- */

/* Nothing to recompute and no micro-batch to choose: only what is asked of the model can be less. */
static strait_status refuse_forward(const strait_engine *engine, const char *table)
{
    const strait_engine_options *o = &engine->options;
    return STRAIT_FAIL(
        STRAIT_ERR_NO_MEMORY,
        "the model does not fit in memory:\n%sTake shorter sequences (--length; %lld tokens now)%s, or a "
        "larger machine.",
        table, (long long)o->length, o->dtype == STRAIT_DTYPE_BF16 ? "" : ", --dtype bf16");
}

/* The fastest that would fit with everything allowed that does not change what is trained, else the smallest. */
static strait_status find_remedy(const strait_engine *engine, strait_dtype dtype, int64_t available,
                                 strait_engine **out)
{
    strait_engine_options options = engine->options;
    strait_engine *remedy;
    options.dtype = dtype;
    STRAIT_TRY(engine__plan(engine->device, &options, &remedy));
    search s = {true, true, options.micro_batch};
    strait_status status = shrink(&remedy, &s, available);
    if (status != STRAIT_OK) {
        strait_engine_destroy(remedy);
        return status;
    }
    *out = remedy;
    return STRAIT_OK;
}

static strait_status refuse(const strait_engine *engine, const char *table, int64_t available)
{
    strait_engine *same = NULL;
    strait_engine *narrow = NULL;
    char limit[256];
    STRAIT_TRY(strait_device_memory_limit(engine->device, limit, sizeof limit));
    strait_status status = find_remedy(engine, engine->options.dtype, available, &same);
    if (status == STRAIT_OK && engine->options.dtype == STRAIT_DTYPE_F32) {
        status = find_remedy(engine, STRAIT_DTYPE_BF16, available, &narrow);
    }
    if (status == STRAIT_OK) {
        const strait_engine *fits = total_bytes(same) <= available               ? same
                                    : narrow && total_bytes(narrow) <= available ? narrow
                                                                                 : NULL;
        const strait_engine *shown = fits ? fits : same;
        const char *raise = limit[0] ? ", a larger machine or a higher limit" : " or a larger machine";
        status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY,
                             "the run does not fit in memory:\n%s%s with %smemory.recompute: %s and "
                             "batch.micro_batch: %lld%s%.1f MiB%s%s.",
                             table, fits ? "It would fit" : "Even", fits && fits == narrow ? "dtype: bf16, " : "",
                             recompute_names[shown->options.recompute], (long long)shown->options.micro_batch,
                             fits ? " (" : " it needs ", mib(total_bytes(shown)),
                             fits ? ")" : ": take a smaller model, a shorter sequence", fits ? "" : raise);
    }
    strait_engine_destroy(same);
    strait_engine_destroy(narrow);
    return status;
}

strait_status strait_engine_check_memory(const strait_engine *engine)
{
    int64_t available;
    STRAIT_TRY(free_bytes(engine->device, &available));
    if (total_bytes(engine) <= available) return STRAIT_OK;
    strait_buffer table = {0};
    strait_status status = strait_engine_memory_table(engine, &table);
    if (status == STRAIT_OK) {
        status =
            engine->options.forward_only ? refuse_forward(engine, table.bytes) : refuse(engine, table.bytes, available);
    }
    strait_buffer_fini(&table);
    return status;
}
