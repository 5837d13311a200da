/*
 * Programs that are recorded once, where the device can, and launched as one piece of work from then on. What a launch
 * reads anew is in memory: the inputs, the state, the step buffer. Bits do not change by it.
 */
#ifndef STRAIT_GRAPH_REPLAY_H
#define STRAIT_GRAPH_REPLAY_H

#include "graph/program.h"

/* One program with the memory that it was recorded with. Private to replay.c. */
typedef struct strait_recording {
    const strait_program *program; /* borrowed */
    strait_bindings bindings;
    bool accumulate;
    strait_capture *capture; /* owned; NULL: it ran once, and is recorded the next time */
} strait_recording;

typedef struct strait_replay {
    strait_recording *items; /* owned */
    int32_t count;
    int32_t room;
    bool records;
} strait_replay;

/* `records`: whether the queue's device can (strait_device_no_capture); false makes every run a plain one. For up to
 * `room` pairs of a program and its memory; what comes beyond that is never recorded. */
strait_status strait_replay_init(strait_replay *out, bool records, int32_t room) STRAIT_MUST_USE;
/* Before the device, the queue and the programs end; nothing is in flight. A zeroed one is legal. */
void strait_replay_fini(strait_replay *replay);

/*
 * strait_program_run of all nodes. The first time of a program with these bindings runs as it always does (and builds
 * the kernels), the second is recorded, and from then on the recording is launched. With a timer nothing is recorded.
 */
strait_status strait_replay_run(strait_replay *replay, const strait_program *program, strait_queue *queue,
                                const strait_bindings *bindings, bool accumulate) STRAIT_MUST_USE;

#endif
