/* Learning-rate schedules. */
#include "optim/schedule.h"

#include "base/math64.h"

double strait_schedule_lr(const strait_schedule *s, int64_t step)
{
    if (step <= s->warmup) return s->lr * ((double)step / (double)s->warmup);
    if (s->kind == STRAIT_SCHEDULE_CONSTANT || s->steps == 0) return s->lr;

    int64_t decay = s->decay;
    if (decay == 0) decay = s->kind == STRAIT_SCHEDULE_WSD ? s->steps / 5 : s->steps - s->warmup;
    int64_t begin = s->steps - decay;
    if (begin < s->warmup) begin = s->warmup;
    if (step <= begin) return s->lr;
    if (step >= s->steps) return s->final_lr;
    double done = (double)(step - begin) / (double)(s->steps - begin);
    if (s->kind == STRAIT_SCHEDULE_COSINE) {
        return s->final_lr + (s->lr - s->final_lr) * (0.5 * (1.0 + strait_math_cos(STRAIT_MATH_PI * done)));
    }
    return s->lr + (s->final_lr - s->lr) * done;
}
