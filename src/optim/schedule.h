/* Learning-rate schedules: a function of the step and of nothing else, in binary64. */
#ifndef STRAIT_OPTIM_SCHEDULE_H
#define STRAIT_OPTIM_SCHEDULE_H

#include <stdint.h>

typedef enum strait_schedule_kind {
    STRAIT_SCHEDULE_CONSTANT = 0,
    STRAIT_SCHEDULE_LINEAR = 1,
    STRAIT_SCHEDULE_COSINE = 2,
    STRAIT_SCHEDULE_WSD = 3 /* warm-up, stable, then linear decay over the last `decay` steps */
} strait_schedule_kind;

typedef struct strait_schedule {
    strait_schedule_kind kind;
    double lr;       /* the highest */
    double final_lr; /* at the last step */
    int64_t warmup;  /* steps of linear rise from lr / warmup */
    int64_t decay;   /* steps; 0 = linear and cosine: all after the warm-up; wsd: the last fifth */
    int64_t steps;   /* of the whole run; 0 = not known yet, no decay */
} strait_schedule;

/* The learning rate of step t = 1, 2, ...; after the last step it stays at the final value. */
double strait_schedule_lr(const strait_schedule *schedule, int64_t step);

#endif
