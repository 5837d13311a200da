/* Capture: what is put on a stream becomes a graph, whose addresses are looked at anew whenever it is launched. */
#include "tests/double/double_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RELAXED = 2, THREAD_LOCAL = 1, MOST_PLACES = 256 };

/* Where the host wrote, and what it wrote first. Only one thread copies in runs that freeze. */
typedef struct place {
    double_work first;
    int writes;
} place;

static place places[MOST_PLACES];
static int place_count;

/* The one of this copy, or a new one; that of memory which was given back is used again. NULL: there are too many. */
static place *find_place(const double_work *copy)
{
    place *room = place_count < MOST_PLACES ? &places[place_count] : NULL;
    for (int i = 0; i < place_count; i++) {
        if (places[i].first.to == copy->to && places[i].first.bytes == copy->bytes) return &places[i];
        if (!double_memory_is_there(places[i].first.to_memory)) room = &places[i];
    }
    if (!room) return NULL;
    place_count += room == &places[place_count];
    free(room->first.kept);
    *room = (place){.first = *copy};
    room->first.kept = malloc(copy->bytes);
    if (room->first.kept) memcpy(room->first.kept, copy->kept ? copy->kept : copy->host, copy->bytes);
    return room;
}

void double_freeze_note(const double_work *copy)
{
    if (double_setting("STRAIT_DOUBLE_FREEZE", 0) == 0) return;
    place *known = find_place(copy);
    if (known) known->writes++;
}

/* The first nodes of a graph that freezes. */
static void freeze(double_graph *graph)
{
    for (int i = 0; i < place_count; i++) {
        bool again = places[i].writes > 1 && double_memory_is_there(places[i].first.to_memory);
        double_work *copy = again ? double_work_copy(&places[i].first) : NULL;
        if (copy) double_work_append(&graph->first, &graph->last, copy);
    }
}

int double_capture_begin(double_stream *stream, unsigned int mode)
{
    if (!double_object_is(stream, DOUBLE_IS_STREAM)) return DOUBLE_INVALID_HANDLE;
    if (stream->capture != DOUBLE_CAPTURES_NOT) {
        double_complain("a capture is begun on a stream that captures");
        return DOUBLE_CAPTURE_UNMATCHED;
    }
    double_graph *graph = double_object_make(DOUBLE_IS_GRAPH, sizeof *graph);
    if (!graph) return DOUBLE_OUT_OF_MEMORY;
    freeze(graph);
    pthread_mutex_lock(&double_turn);
    stream->graph = graph;
    stream->capture = DOUBLE_CAPTURES;
    stream->capture_mode = mode;
    stream->capture_thread = pthread_self();
    pthread_mutex_unlock(&double_turn);
    return 0;
}

int double_capture_end(double_stream *stream, int failure, double_graph **out)
{
    if (!double_object_is(stream, DOUBLE_IS_STREAM)) return DOUBLE_INVALID_HANDLE;
    if (stream->capture == DOUBLE_CAPTURES_NOT) {
        double_complain("a capture is ended that was not begun");
        return DOUBLE_CAPTURE_UNMATCHED;
    }
    bool here = stream->capture_mode == RELAXED || pthread_equal(stream->capture_thread, pthread_self());
    if (!here) {
        double_complain("a capture is ended by another thread than it was begun by");
        return DOUBLE_CAPTURE_WRONG_THREAD;
    }
    pthread_mutex_lock(&double_turn);
    bool spoilt = stream->capture == DOUBLE_CAPTURE_SPOILT;
    double_graph *graph = stream->graph;
    stream->capture = DOUBLE_CAPTURES_NOT;
    stream->graph = NULL;
    pthread_mutex_unlock(&double_turn);
    if (spoilt || failure != 0) {
        double_object_end(graph);
        return failure != 0 ? failure : DOUBLE_CAPTURE_INVALIDATED;
    }
    *out = graph;
    return 0;
}

/* Spoils it too. */
static bool forbids(void *object)
{
    double_stream *stream = object;
    bool forbidden = false;
    pthread_mutex_lock(&double_turn);
    if (stream->capture != DOUBLE_CAPTURES_NOT && stream->capture_mode != RELAXED) {
        forbidden = stream->capture_mode != THREAD_LOCAL || pthread_equal(stream->capture_thread, pthread_self());
        if (forbidden) stream->capture = DOUBLE_CAPTURE_SPOILT;
    }
    pthread_mutex_unlock(&double_turn);
    return forbidden;
}

bool double_capture_forbids(void)
{
    return double_object_any(DOUBLE_IS_STREAM, forbids);
}

int double_graph_instantiate(double_graph **out, double_graph *graph)
{
    if (!double_object_is(graph, DOUBLE_IS_GRAPH)) return DOUBLE_INVALID_HANDLE;
    double_graph *exec = double_object_make(DOUBLE_IS_EXEC, sizeof *exec);
    if (!exec) return DOUBLE_OUT_OF_MEMORY;
    for (const double_work *it = graph->first; it; it = it->next) {
        double_work *copy = double_work_copy(it);
        if (!copy) return DOUBLE_OUT_OF_MEMORY;
        double_work_append(&exec->first, &exec->last, copy);
    }
    *out = exec;
    return 0;
}

/* Whether everything that a node touches is there still. */
static bool still_there(double_work *work)
{
    if (work->to_memory && !double_memory_at(work->to, work->bytes, "a graph's target")) return false;
    if (work->from_memory && !double_memory_at(work->from, work->bytes, "a graph's source")) return false;
    if (work->kind != DOUBLE_KERNEL && work->kind != DOUBLE_CALL) return true;
    for (int i = 0; i < DOUBLE_MOST_PARAMETERS; i++) {
        const double_argument *argument = &work->arguments[i];
        if (argument->memory && !double_memory_at(argument->value, 1, "an argument of a graph's kernel")) return false;
    }
    return work->kind == DOUBLE_CALL || double_object_is(work->function, DOUBLE_IS_FUNCTION);
}

int double_graph_launch(double_graph *exec, double_stream *stream)
{
    if (!double_object_is(exec, DOUBLE_IS_EXEC)) return DOUBLE_INVALID_HANDLE;
    for (double_work *it = exec->first; it; it = it->next) {
        if (!still_there(it)) {
            double_lose(DOUBLE_ILLEGAL_ADDRESS);
            return double_lost();
        }
        int answer = double_submit(stream, it);
        if (answer != 0) return answer;
    }
    return 0;
}

int double_graph_destroy(double_graph *graph, bool exec)
{
    if (!double_object_is(graph, exec ? DOUBLE_IS_EXEC : DOUBLE_IS_GRAPH)) return DOUBLE_INVALID_HANDLE;
    double_object_end(graph);
    while (graph->first) {
        double_work *work = graph->first;
        graph->first = work->next;
        double_work_free(work);
    }
    graph->last = NULL;
    return 0;
}
