/* The smallest split that fits, for a run whose split nobody published or gave; and the quickest. Pure; deterministic.
 */
#ifndef STRAIT_PLAN_SPLIT_CHOOSE_H
#define STRAIT_PLAN_SPLIT_CHOOSE_H

#include "plan/footprint.h"
#include "plan/step_time.h"

/*
 * Fills what `wish` leaves 0. Weights are sharded over all chips where that fits with at least as many sequences as
 * data ranks; else tensor ranks inside a node, then pipeline stages, are doubled until it fits, with the optimizer
 * sharded. Experts go over as many ranks as divide them, at most 64. Among splits of the same kind the one with the
 * least recomputation counts, and the largest micro-batch that still fits. *out_fits is false where none does; *out is
 * then the last one tried. STRAIT_ERR_USAGE where not even one split divides batch and chips.
 */
strait_status strait_split_choose(const strait_model_shape *shape, const strait_workload *work,
                                  const strait_plan_chip *chip, int64_t chips, const strait_split *wish, double reserve,
                                  strait_split *out, strait_footprint *out_footprint, bool *out_fits) STRAIT_MUST_USE;

/*
 * The quickest split, by the roofline, of those whose dimensions are powers of two (tensor ranks within a node) and
 * that fit `room` bytes; experts as above, sequences over context ranks only where nothing fits otherwise. False where
 * none fits: *out_need is then the least that was needed, INFINITY where no split divides the batch. chip->matrix is
 * known.
 */
bool strait_split_quickest(const strait_model_shape *shape, const strait_workload *work, const strait_plan_chip *chip,
                           int64_t chips, double room, strait_split *out, strait_step_time *out_time, double *out_need);

#endif
