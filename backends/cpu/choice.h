/*
 * Whether an op of the fast contract runs a matrix unit's kernel or the exact one. Time decides, not feature bits:
 * there are processors whose bf16 instructions are slower than their f32 fma. The times are kept in a file per machine
 * and build, because fast promises the same bits from run to run, and two kernels of about the same speed would
 * otherwise be drawn by lot. How times are taken is not known here (choice_time.h).
 */
#ifndef STRAIT_BACKENDS_CPU_CHOICE_H
#define STRAIT_BACKENDS_CPU_CHOICE_H

#include "backends/cpu/cpu.h"

/* Classes of shapes, by rows (tokens). FEW is bound by reading weights, or keys: always exact, never timed. */
typedef enum strait_cpu_size { STRAIT_CPU_FEW, STRAIT_CPU_SMALL, STRAIT_CPU_LARGE, STRAIT_CPU_SIZES } strait_cpu_size;

/* Of attention by the queries of a sequence, of all other ops by their first dimension, M. Of the shape only. */
strait_cpu_size strait__cpu_size_of(const strait_op_desc *desc);

/* Nanoseconds of the exact and of the fast kernel on a shape of the class; above 0. */
typedef strait_status (*strait_cpu_time_fn)(void *context, strait_op op, strait_cpu_size size, int64_t out_times[2]);

typedef struct strait_cpu_choice_request {
    const char *folder;            /* where the file is kept; "" = nowhere */
    const char *identity;          /* one line: what the times hold for (processor, build, instruction sets) */
    const strait_cpu_kernel *fast; /* by op; those without a kernel are left out */
    strait_cpu_time_fn time;
    void *context;
} strait_cpu_choice_request;

enum { STRAIT_CPU_CHOICE_SOURCE = 320 };

typedef struct strait_cpu_choice {
    int64_t times[STRAIT_OP_COUNT][STRAIT_CPU_SIZES][2]; /* exact, fast; 0 where there is nothing to choose */
    char source[STRAIT_CPU_CHOICE_SOURCE];               /* "from FILE", or "measured now" and what became of it */
} strait_cpu_choice;

/*
 * Reads the choice from its file; where that is missing, foreign or damaged, measures and writes it, whole or not at
 * all. Of processes that do so at once, all but the first take the first one's times. A file that cannot be written is
 * no error (`source` says so); a measurement that fails is.
 */
strait_status strait__cpu_choice_make(const strait_cpu_choice_request *request, strait_cpu_choice *out) STRAIT_MUST_USE;
int strait__cpu_choice_is_fast(const strait_cpu_choice *choice, strait_op op, strait_cpu_size size);

/* $XDG_CACHE_HOME/strait or ~/.cache/strait; "" where neither is set or they are too long. */
void strait__cpu_choice_folder(char *out, size_t size);
/* "PROCESSOR; build ID; DETAIL": the build is that of the program that runs. */
void strait__cpu_choice_identity(const char *detail, char *out, size_t size);

#endif
