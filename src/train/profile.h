/* Where the time of a step goes: one row for each op and shape, with its work from the op's definition. */
#ifndef STRAIT_TRAIN_PROFILE_H
#define STRAIT_TRAIN_PROFILE_H

#include "base/buffer.h"
#include "graph/program.h"
#include "ops/op_def.h"

typedef struct strait_profile_row {
    strait_op_desc desc;
    int64_t calls;
    double seconds;
    strait_op_cost cost; /* of one call */
} strait_profile_row;

typedef struct strait_profile {
    strait_program_timer
        timer;                /* give it to strait_engine_set_timer; points back to this struct, which must not move */
    strait_profile_row *rows; /* owned */
    int64_t count;
    int64_t capacity;
    strait_status status; /* of collecting: out of memory */
} strait_profile;

void strait_profile_init(strait_profile *profile);
/* Forgets what was collected. */
void strait_profile_clear(strait_profile *profile);
void strait_profile_fini(strait_profile *profile);
/* Longest first. */
void strait_profile_sort(strait_profile *profile);
/* "M 2048, K 256, ..." as plain numbers, trailing zeros left out. */
void strait_profile_dims(const strait_op_desc *desc, char *text, size_t size);
/* Appends a CSV with a header line: op,dims,calls,seconds,gflops,gbytes_per_second. */
strait_status strait_profile_csv(const strait_profile *profile, strait_buffer *out) STRAIT_MUST_USE;

#endif
