/* `strait plan` from its options to its text. */
#include "plan/reckoning.h"

#include "base/options.h"

static strait_status open_facts(const strait_reckon_options *o, strait_facts **out)
{
    strait_facts_options options = {.directory = o->facts, .accepted = {o->accepted, o->n_accepted}};
    if (o->as_of) {
        strait_days days;
        if (!strait_days_parse(o->as_of, &days) || days.first != days.last) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "--as-of %s: must be a day, as in 2026-11-23", o->as_of);
        }
        options.today = days.first;
    }
    return strait_facts_open(&options, out);
}

strait_status strait__reckoning_open(const strait_reckon_options *options, strait_reckoning *out)
{
    *out = (strait_reckoning){.options = options};
    STRAIT_TRY(open_facts(options, &out->facts));
    return strait_calibration_init(out->facts, &out->calibration);
}

strait_status strait_reckoning_init(const strait_reckon_options *options, strait_reckoning *out)
{
    STRAIT_TRY(strait__reckoning_open(options, out));
    STRAIT_TRY(strait__reckoning_model(out));
    STRAIT_TRY(strait__reckoning_memory(out));
    return strait__reckoning_time(out);
}

void strait_reckoning_fini(strait_reckoning *reckoning)
{
    strait_calibration_fini(&reckoning->calibration);
    strait_facts_close(reckoning->facts);
    reckoning->facts = NULL;
}

strait_status strait_reckon(const strait_reckon_options *options, strait_text_fn write, void *user)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_reckon_options"));
    if (!options->config) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no config given");
    if (!options->chip) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--chip is missing: `strait plan --facts list chips` shows them");
    }
    strait_reckoning reckoning;
    strait_buffer text = {0};
    strait_status status = strait_reckoning_init(options, &reckoning);
    if (status == STRAIT_OK) {
        status = options->json ? strait__reckoning_json(&reckoning, &text) : strait__reckoning_text(&reckoning, &text);
    }
    if (status == STRAIT_OK) write(user, text.bytes, text.length);
    strait_buffer_fini(&text);
    strait_reckoning_fini(&reckoning);
    return status;
}

strait_status strait_reckon_calibrate(const strait_reckon_options *options, strait_text_fn write, void *user)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_reckon_options"));
    strait_facts *facts;
    strait_calibration calibration = {.count = 0};
    strait_buffer text = {0};
    STRAIT_TRY(open_facts(options, &facts));
    strait_status status = strait_calibration_init(facts, &calibration);
    if (status == STRAIT_OK) status = strait_calibration_report(&calibration, facts, options->json != 0, &text);
    if (status == STRAIT_OK) write(user, text.bytes, text.length);
    strait_buffer_fini(&text);
    strait_calibration_fini(&calibration);
    strait_facts_close(facts);
    return status;
}
