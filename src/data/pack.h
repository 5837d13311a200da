/* Packing with any encoder; strait_data_pack is this with a tokenizer. */
#ifndef STRAIT_DATA_PACK_H
#define STRAIT_DATA_PACK_H

#include "data/encoder.h"

#include <strait/data.h>

/* As strait_data_pack; options->tokenizer is not looked at. */
strait_status strait__pack(const strait_pack_options *options, const strait__encoder *encoder,
                           const strait_events *events, strait_pack_result *out_result) STRAIT_MUST_USE;

#endif
