/* strait_data_pack: packing with a tokenizer. */
#include "base/status.h"
#include "data/pack.h"

strait_status strait_data_pack(const strait_pack_options *options, const strait_events *events,
                               strait_pack_result *out_result)
{
    if (!options->tokenizer) return STRAIT_FAIL(STRAIT_ERR_USAGE, "packing needs a tokenizer");
    strait__encoder encoder;
    STRAIT_TRY(strait__encoder_init(&encoder, options->tokenizer, options->plain_text));
    return strait__pack(options, &encoder, events, out_result);
}
