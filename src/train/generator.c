/* Text generation through a KV cache. */
#include "train/generator.h"

#include "train/events.h"

#include <string.h>

/*
 * Tokens read at once: a program each, the longest first. A piece of a prompt is padded to a program's length, and
 * never to more than twice its own, since weights cost their reading anyway and arithmetic only from some tens of
 * tokens on.
 */
enum { CHUNK = 256, LENGTHS = 5 };
static const int64_t program_lengths[LENGTHS] = {CHUNK, 64, 16, 4, 1};

struct strait_generator {
    strait_forward forward;
    const strait_events *events; /* borrowed, or NULL */
    bool borrowed_weights;
    int64_t capacity;
    int64_t position;
    int programs[LENGTHS];
    int head_program;
    bool show_special;
    int32_t *ids;  /* owned: [capacity], those read */
    float *logits; /* owned: [vocabulary] */
    bool logits_fresh;
};

static strait_status add_programs(strait_generator *g)
{
    const char *outputs[] = {"hidden"};
    /* A chunk is padded to its full size, so the caches have room for one chunk more than the text. */
    int64_t rows = g->capacity + CHUNK;
    strait_build build = {.mode = STRAIT_BUILD_GENERATE, .batch = 1, .capacity = rows, .table_rows = rows};
    for (int i = 0; i < LENGTHS; i++) {
        build.length = program_lengths[i];
        STRAIT_TRY(strait_forward_add(&g->forward, &build, outputs, 1, &g->programs[i]));
    }
    build.mode = STRAIT_BUILD_HEAD;
    return strait_forward_add(&g->forward, &build, NULL, 0, &g->head_program);
}

strait_status strait_generator_create(strait_device *device, const strait_generator_options *options,
                                      strait_generator **out)
{
    strait_generator *g;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *g, &g));
    const strait_model_config *config = options->config;
    g->capacity = options->capacity;
    g->events = options->events;
    g->show_special = options->show_special;
    if (g->capacity <= 0 || g->capacity > config->max_position_embeddings)
        g->capacity = config->max_position_embeddings;
    strait_status status = strait_forward_init(&g->forward, device, config, options->dtype, options->numerics);
    g->forward.lora = options->lora;
    if (status == STRAIT_OK) status = add_programs(g);
    if (status == STRAIT_OK && options->weights) {
        g->forward.weights = options->weights;
        g->forward.frozen = options->frozen;
        g->borrowed_weights = true;
    }
    if (status == STRAIT_OK) status = strait_forward_allocate(&g->forward, g->capacity + CHUNK);
    if (status == STRAIT_OK) {
        status = strait_alloc(STRAIT_TAG_OTHER, (size_t)config->vocab_size, sizeof *g->logits, &g->logits);
    }
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, (size_t)g->capacity, sizeof *g->ids, &g->ids);
    if (status != STRAIT_OK) {
        strait_generator_destroy(g);
        return status;
    }
    *out = g;
    return STRAIT_OK;
}

void strait_generator_destroy(strait_generator *g)
{
    if (!g) return;
    if (g->borrowed_weights) g->forward.weights = g->forward.frozen = NULL;
    strait_forward_fini(&g->forward);
    strait_free(g->logits);
    strait_free(g->ids);
    strait_free(g);
}

strait_status strait_generator_load(strait_generator *g, const strait_model_dir *model, const strait_adapter *adapter)
{
    return strait_forward_load(&g->forward, model, adapter);
}

strait_status strait_generator_initialise(strait_generator *g, uint32_t seed)
{
    return strait_forward_initialise(&g->forward, seed);
}

int64_t strait_generator_parameters(const strait_generator *g)
{
    return g->forward.params.elements;
}

int64_t strait_generator_capacity(const strait_generator *g)
{
    return g->capacity;
}

void strait_generator_reset(strait_generator *g)
{
    g->position = 0;
    g->logits_fresh = false;
}

int64_t strait_generator_position(const strait_generator *g)
{
    return g->position;
}

int64_t strait_generator_keep(strait_generator *g, const int32_t *ids, int64_t count)
{
    int64_t same = 0;
    while (same < g->position && same < count - 1 && g->ids[same] == ids[same]) same++;
    g->position = same;
    g->logits_fresh = false;
    return same;
}

/* Runs one program over `count` real tokens, padded to its length; what padding leaves in the caches is overwritten
 * before it can be seen. */
static strait_status run_piece(strait_generator *g, int program, int64_t length, const int32_t *ids, int64_t count)
{
    int32_t padded[CHUNK];
    int32_t positions[CHUNK];
    for (int64_t i = 0; i < length; i++) {
        padded[i] = i < count ? ids[i] : 0;
        positions[i] = (int32_t)(g->position + i);
    }
    int32_t visible = (int32_t)(g->position + length);
    STRAIT_TRY(strait_forward_put(&g->forward, program, "ids", padded, length));
    STRAIT_TRY(strait_forward_put(&g->forward, program, "positions", positions, length));
    STRAIT_TRY(strait_forward_put(&g->forward, program, "lengths", &visible, 1));
    STRAIT_TRY(strait_forward_run(&g->forward, program));
    STRAIT_TRY(strait_forward_copy_row(&g->forward, program, "hidden", count - 1, g->head_program, "hidden.last"));
    memcpy(g->ids + g->position, ids, (size_t)count * sizeof *ids);
    g->position += count;
    g->logits_fresh = false;
    return STRAIT_OK;
}

/* Which program reads next where so many tokens are left. */
static int program_for(int64_t left)
{
    int i = LENGTHS - 1;
    while (i > 0 && program_lengths[i] < left) i--;
    return program_lengths[i] > 2 * left ? i + 1 : i;
}

strait_status strait_generator_read(strait_generator *g, const int32_t *ids, int64_t count)
{
    if (count > g->capacity - g->position) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%lld tokens after %lld are more than the %lld that fit", (long long)count,
                           (long long)g->position, (long long)g->capacity);
    }
    for (int64_t i = 0; i < count; i++) {
        if (ids[i] >= 0 && ids[i] < g->forward.config.vocab_size) continue;
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "token %lld: id %d is outside the model's vocabulary of %lld",
                           (long long)i, ids[i], (long long)g->forward.config.vocab_size);
    }
    while (count > 0) {
        /* A single token is the caller's own loop, which asks by itself. */
        if (count > 1 && strait_events_stop(g->events)) return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped");
        int program = program_for(count);
        int64_t piece = count < program_lengths[program] ? count : program_lengths[program];
        STRAIT_TRY(run_piece(g, g->programs[program], program_lengths[program], ids, piece));
        ids += piece;
        count -= piece;
    }
    return STRAIT_OK;
}

strait_status strait_generator_logits(strait_generator *g, const float **out_logits)
{
    if (g->position == 0)
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "nothing was read yet: a text begins with at least one token");
    if (!g->logits_fresh) {
        STRAIT_TRY(strait_forward_run(&g->forward, g->head_program));
        STRAIT_TRY(strait_forward_read(&g->forward, g->head_program, "logits.last", 0, g->forward.config.vocab_size,
                                       g->logits));
        g->logits_fresh = true;
    }
    *out_logits = g->logits;
    return STRAIT_OK;
}

static bool is_stop(int32_t id, const int32_t *stops, int count)
{
    for (int i = 0; i < count; i++) {
        if (stops[i] == id) return true;
    }
    return false;
}

strait_status strait_generator_answer(strait_generator *g, strait_sampler *sampler, const strait_tokenizer *tokenizer,
                                      int64_t max_tokens, const int32_t *stops, int stop_count,
                                      strait_generator_text_fn text, void *user, int64_t *out_count,
                                      strait_generator_end *out_end)
{
    strait_decode_options decode = {.skip_special = !g->show_special, .replace_invalid = true};
    strait_text_stream *stream;
    STRAIT_TRY(strait_text_stream_create(tokenizer, &decode, &stream));
    strait_status status = STRAIT_OK;
    strait_generator_end end = STRAIT_END_LENGTH;
    const char *piece;
    size_t length;
    int64_t count = 0;
    int64_t unnamed = 0;
    while (count < max_tokens) {
        const float *logits;
        int32_t id;
        status = strait_generator_logits(g, &logits);
        if (status == STRAIT_OK) status = strait_sampler_pick(sampler, logits, (uint64_t)g->position, &id);
        if (status != STRAIT_OK) break;
        if (is_stop(id, stops, stop_count)) {
            end = STRAIT_END_STOP_TOKEN;
            break;
        }
        count++;
        strait_sampler_saw(sampler, id);
        /* A model's vocabulary is often padded beyond its tokenizer's: such an id has no text. */
        if (id < strait_tokenizer_vocab_size(tokenizer)) {
            status = strait_text_stream_push(stream, id, &piece, &length);
            if (status != STRAIT_OK) break;
            if (length > 0 && text(user, piece, length)) {
                end = STRAIT_END_CALLER;
                break;
            }
        } else {
            unnamed++;
        }
        if (count < max_tokens && g->position >= g->capacity) {
            end = STRAIT_END_CAPACITY;
            break;
        }
        if (count < max_tokens) status = strait_generator_read(g, &id, 1);
        if (status != STRAIT_OK) break;
    }
    if (status == STRAIT_OK) status = strait_text_stream_finish(stream, &piece, &length);
    if (status == STRAIT_OK && length > 0) (void)text(user, piece, length);
    strait_text_stream_destroy(stream);
    if (unnamed > 0) {
        strait_events_log(g->events, STRAIT_LOG_WARN,
                          "%lld of %lld sampled ids have no token: the model knows %lld ids, its tokenizer %d",
                          (long long)unnamed, (long long)count, (long long)g->forward.config.vocab_size,
                          strait_tokenizer_vocab_size(tokenizer));
    }
    *out_count = count;
    *out_end = end;
    return status;
}
