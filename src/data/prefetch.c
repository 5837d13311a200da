/* Reading one step ahead. */
#define _POSIX_C_SOURCE 200809L
#include "data/prefetch.h"

#include "base/memory.h"
#include "base/status.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef enum slot_state { SLOT_EMPTY, SLOT_FULL } slot_state;

typedef struct slot {
    slot_state state;
    strait_status status;
    char message[1024]; /* of a status that is not OK */
    int64_t first;
    int64_t target_count;
    int32_t *tokens; /* owned, as are the others */
    int32_t *targets;
    int32_t *documents;
} slot;

struct strait_prefetch {
    const strait_dataset *dataset;
    int64_t count;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stop;
    int64_t next_first; /* of the batch to be read next; the thread's alone */
    int current;        /* slot handed out last, or -1; the caller's alone */
    slot slots[2];
};

/* No lock is held: a slot that is empty belongs to the thread. */
static void fill_slot(strait_prefetch *prefetch, slot *s)
{
    s->first = prefetch->next_first;
    s->status = strait_dataset_fill(prefetch->dataset, s->first, prefetch->count, s->tokens, s->targets, s->documents);
    if (s->status != STRAIT_OK) {
        snprintf(s->message, sizeof s->message, "%s", strait_error_message());
        return;
    }
    int64_t total = prefetch->count * strait_dataset_sequence_length(prefetch->dataset);
    s->target_count = 0;
    for (int64_t i = 0; i < total; i++) s->target_count += s->targets[i] >= 0;
    prefetch->next_first += prefetch->count;
}

static void *read_ahead(void *context)
{
    strait_prefetch *prefetch = context;
    int at = 0;
    pthread_mutex_lock(&prefetch->mutex);
    for (;;) {
        slot *s = &prefetch->slots[at];
        while (s->state == SLOT_FULL && !prefetch->stop) pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
        if (prefetch->stop) break;
        pthread_mutex_unlock(&prefetch->mutex);
        fill_slot(prefetch, s);
        pthread_mutex_lock(&prefetch->mutex);
        s->state = SLOT_FULL;
        pthread_cond_broadcast(&prefetch->changed);
        /* After an error there is nothing to go on with: the slot stays full and its error is given again. */
        if (s->status != STRAIT_OK) break;
        at = 1 - at;
    }
    pthread_mutex_unlock(&prefetch->mutex);
    return NULL;
}

static strait_status allocate(strait_prefetch *prefetch, bool documents)
{
    int64_t length = strait_dataset_sequence_length(prefetch->dataset);
    int64_t total;
    if (prefetch->count < 1 || !strait_mul_i64(prefetch->count, length, &total)) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "a batch of %lld sequences of %lld tokens", (long long)prefetch->count,
                           (long long)length);
    }
    for (int i = 0; i < 2; i++) {
        slot *s = &prefetch->slots[i];
        STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)total, sizeof *s->tokens, &s->tokens));
        STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)total, sizeof *s->targets, &s->targets));
        if (!documents) continue;
        STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)total, sizeof *s->documents, &s->documents));
    }
    return STRAIT_OK;
}

strait_status strait_prefetch_create(const strait_dataset *dataset, int64_t first, int64_t count, bool documents,
                                     strait_prefetch **out_prefetch)
{
    strait_prefetch *prefetch;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, 1, sizeof *prefetch, &prefetch));
    prefetch->dataset = dataset;
    prefetch->count = count;
    prefetch->next_first = first;
    prefetch->current = -1;
    pthread_mutex_init(&prefetch->mutex, NULL);
    pthread_cond_init(&prefetch->changed, NULL);
    strait_status status = allocate(prefetch, documents);
    if (status == STRAIT_OK) {
        int error = pthread_create(&prefetch->thread, NULL, read_ahead, prefetch);
        prefetch->running = error == 0;
        if (error != 0) {
            status = STRAIT_FAIL(strait__status_from_errno(error),
                                 "cannot start the thread that reads data ahead: %s (a limit on processes: ulimit -u?)",
                                 strerror(error));
        }
    }
    if (status != STRAIT_OK) {
        strait_prefetch_destroy(prefetch);
        return status;
    }
    *out_prefetch = prefetch;
    return STRAIT_OK;
}

void strait_prefetch_destroy(strait_prefetch *prefetch)
{
    if (!prefetch) return;
    if (prefetch->running) {
        pthread_mutex_lock(&prefetch->mutex);
        prefetch->stop = true;
        pthread_cond_broadcast(&prefetch->changed);
        pthread_mutex_unlock(&prefetch->mutex);
        pthread_join(prefetch->thread, NULL);
    }
    pthread_cond_destroy(&prefetch->changed);
    pthread_mutex_destroy(&prefetch->mutex);
    for (int i = 0; i < 2; i++) {
        strait_free(prefetch->slots[i].tokens);
        strait_free(prefetch->slots[i].targets);
        strait_free(prefetch->slots[i].documents);
    }
    strait_free(prefetch);
}

strait_status strait_prefetch_next(strait_prefetch *prefetch, strait_batch *out_batch)
{
    pthread_mutex_lock(&prefetch->mutex);
    int next = prefetch->current < 0 ? 0 : 1 - prefetch->current;
    bool failed_before = prefetch->current >= 0 && prefetch->slots[prefetch->current].status != STRAIT_OK;
    if (failed_before) {
        next = prefetch->current;
    } else if (prefetch->current >= 0) {
        prefetch->slots[prefetch->current].state = SLOT_EMPTY;
        pthread_cond_broadcast(&prefetch->changed);
    }
    slot *s = &prefetch->slots[next];
    while (s->state != SLOT_FULL) pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
    prefetch->current = next;
    pthread_mutex_unlock(&prefetch->mutex);
    if (s->status != STRAIT_OK) return STRAIT_FAIL(s->status, "%s", s->message);
    *out_batch = (strait_batch){.first = s->first,
                                .count = prefetch->count,
                                .tokens = s->tokens,
                                .targets = s->targets,
                                .documents = s->documents,
                                .target_count = s->target_count};
    return STRAIT_OK;
}
