/* Streams as double_stream.c and double_graph.c share them. One lock and one signal serve all. */
#ifndef STRAIT_TESTS_DOUBLE_DOUBLE_STREAM_H
#define STRAIT_TESTS_DOUBLE_DOUBLE_STREAM_H

#include "tests/double/double.h"

#include <pthread.h>

typedef enum double_capture { DOUBLE_CAPTURES_NOT, DOUBLE_CAPTURES, DOUBLE_CAPTURE_SPOILT } double_capture;

struct double_stream {
    double_object object;
    pthread_t thread;
    double_work *first; /* not begun */
    double_work *last;
    bool busy;
    bool ending;
    uint64_t number;  /* of this stream, for the delays */
    uint64_t counter; /* of its pieces of work */
    double_capture capture;
    unsigned int capture_mode;
    pthread_t capture_thread;
    double_graph *graph; /* that is recorded */
};

struct double_event {
    double_object object;
    uint64_t ticket;         /* of the last record that was asked for */
    uint64_t done;           /* of the last one that was reached */
    double_stream *captured; /* recorded into this one's graph last */
    int64_t at_ns;
};

struct double_graph {
    double_object object;
    double_work *first;
    double_work *last;
};

extern pthread_mutex_t double_turn;
extern pthread_cond_t double_signal;

/* A copy of the work with what it points to; NULL where there is no memory. */
double_work *double_work_copy(const double_work *work);
void double_work_free(double_work *work);
/* Under double_turn. */
void double_work_append(double_work **first, double_work **last, double_work *work);

#endif
