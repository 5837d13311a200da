/* Which programs were recorded, and with which memory. */
#include "graph/replay.h"

#include "base/memory.h"

#include <stdio.h>

strait_status strait_replay_init(strait_replay *out, bool records, int32_t room)
{
    *out = (strait_replay){.room = room, .records = records};
    return strait_alloc(STRAIT_TAG_OTHER, (size_t)room, sizeof *out->items, &out->items);
}

void strait_replay_fini(strait_replay *replay)
{
    for (int32_t i = 0; i < replay->count; i++) strait_capture_destroy(replay->items[i].capture);
    strait_free(replay->items);
    *replay = (strait_replay){0};
}

static bool same_slice(const strait_slice *a, const strait_slice *b)
{
    return a->memory == b->memory && a->offset == b->offset;
}

static bool same_bindings(const strait_bindings *a, const strait_bindings *b)
{
    for (int i = 0; i < STRAIT_STORE_COUNT; i++) {
        if (!same_slice(&a->stores[i], &b->stores[i])) return false;
    }
    return same_slice(&a->workspace, &b->workspace);
}

static strait_recording *find(strait_replay *replay, const strait_program *program, const strait_bindings *bindings,
                              bool accumulate)
{
    for (int32_t i = 0; i < replay->count; i++) {
        strait_recording *item = &replay->items[i];
        bool same = item->program == program && item->accumulate == accumulate;
        if (same && same_bindings(&item->bindings, bindings)) return item;
    }
    return NULL;
}

/* An error within a recording ends it too: the queue can do nothing else before. Its words are the error's. */
static strait_status record(strait_recording *item, strait_queue *queue)
{
    const strait_program *program = item->program;
    STRAIT_TRY(strait_capture_begin(queue));
    strait_status status =
        strait_program_run(program, queue, &item->bindings, 0, program->graph.node_count, item->accumulate);
    if (status == STRAIT_OK) return strait_capture_end(queue, &item->capture);
    char words[512];
    snprintf(words, sizeof words, "%s", strait_error_message());
    strait_capture *spoiled = NULL;
    if (strait_capture_end(queue, &spoiled) == STRAIT_OK) strait_capture_destroy(spoiled);
    return STRAIT_FAIL(status, "while a step was recorded: %s", words);
}

strait_status strait_replay_run(strait_replay *replay, const strait_program *program, strait_queue *queue,
                                const strait_bindings *bindings, bool accumulate)
{
    int32_t nodes = program->graph.node_count;
    if (bindings->timer || !replay->records) {
        return strait_program_run(program, queue, bindings, 0, nodes, accumulate);
    }
    strait_recording *item = find(replay, program, bindings, accumulate);
    if (!item) {
        STRAIT_TRY(strait_program_run(program, queue, bindings, 0, nodes, accumulate));
        if (replay->count < replay->room) {
            replay->items[replay->count++] =
                (strait_recording){.program = program, .bindings = *bindings, .accumulate = accumulate};
        }
        return STRAIT_OK;
    }
    if (!item->capture) STRAIT_TRY(record(item, queue));
    return strait_capture_launch(queue, item->capture);
}
