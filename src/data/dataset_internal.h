/* A dataset over a shard that is already open. */
#ifndef STRAIT_DATA_DATASET_INTERNAL_H
#define STRAIT_DATA_DATASET_INTERNAL_H

#include "data/dataset.h"
#include "data/shard.h"

/* Takes the shard over, also on failure. */
strait_status strait__dataset_from_shard(strait__shard *shard, const strait_dataset_params *params,
                                         strait_dataset **out_dataset) STRAIT_MUST_USE;

#endif
