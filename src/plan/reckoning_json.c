/* A plan as one JSON object. Bytes are whole numbers, times are in hours, what is unknown is null. */
#include "plan/reckoning.h"

#include <inttypes.h>
#include <math.h>

/* NULL where memory ran out; a number that is not finite becomes null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *range(const strait_range *r)
{
    return json_pack("{s:o, s:o, s:o}", "low", number(r->low), "mid", number(r->mid), "high", number(r->high));
}

static json_t *memory(const strait_reckoning *r)
{
    json_t *tags = json_object();
    int failed = tags ? 0 : -1;
    if (r->own) {
        for (int i = 0; i < STRAIT_TAG_COUNT && !failed; i++) {
            failed = json_object_set_new(tags, strait_tag_name((strait_tag)i), json_integer(r->own_plan.bytes[i]));
        }
    } else {
        for (int i = 0; i < STRAIT_PLAN_TAG_COUNT && !failed; i++) {
            failed = json_object_set_new(tags, strait_plan_tag_name((strait_plan_tag)i),
                                         json_integer((json_int_t)llround(r->need.bytes[i])));
        }
    }
    if (failed) {
        json_decref(tags);
        return NULL;
    }
    return json_pack("{s:s, s:b, s:o, s:I, s:o, s:o, s:o}", "basis", r->own ? "strait" : "estimate", "counted",
                     r->work.counted, "tags", tags, "total", (json_int_t)llround(r->need_bytes), "usable",
                     number(r->chip.capacity), "reserve", number(r->reserve), "fits",
                     r->capacity_known ? json_boolean(r->fits) : json_null());
}

static json_t *time_object(const strait_reckoning *r)
{
    double n = (double)r->chips * 24;
    strait_range days = {r->hours.low / n, r->hours.mid / n, r->hours.high / n};
    const char *basis = !r->time_known             ? "unknown"
                        : r->measured              ? "measured"
                        : r->efficiency.calibrated ? "calibrated"
                                                   : "uncalibrated";
    json_t *parts = json_object();
    int failed = parts ? 0 : -1;
    for (int i = 0; i < STRAIT_TIME_PART_COUNT && !failed; i++) {
        failed = json_object_set_new(parts, strait_time_part_name((strait_time_part)i), number(r->time.parts[i]));
    }
    if (failed) {
        json_decref(parts);
        return NULL;
    }
    return json_pack("{s:s, s:s?, s:f, s:b, s:o, s:o, s:o, s:o, s:b, s:b}", "basis", basis, "unknown", r->time_unknown,
                     "tokens", r->tokens, "tokens_known", r->tokens_known, "chip_hours", range(&r->hours), "days",
                     range(&days), "efficiency_6nd", number(r->efficiency.mid), "chip_seconds_per_token", parts,
                     "link_unknown", r->time.link_unknown, "memory_rate_unknown", r->time.memory_unknown);
}

static json_t *cost(const strait_reckoning *r)
{
    return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:b}", "how", r->options->how ? r->options->how : "rent",
                     "currency", r->currency, "unknown", r->cost.unknown, "total", range(&r->cost.total), "price",
                     range(&r->price.usd), "energy", range(&r->cost.energy), "transfer", number(r->cost.transfer),
                     "verify", r->price.stale);
}

static json_t *stops(const strait_reckoning *r)
{
    return json_pack("{s:o, s:o, s:o}", "hours_between", number(r->stops.hours_between), "checkpoint_seconds",
                     number(r->stops.interval), "share_lost", number(r->stops.share));
}

strait_status strait__reckoning_json(const strait_reckoning *r, strait_buffer *out)
{
    char split[256];
    strait_split_format(&r->split, split, sizeof split);
    json_t *model =
        json_pack("{s:s, s:s, s:I, s:I, s:f, s:f, s:f}", "config", r->options->config, "family", r->shape.family,
                  "parameters", (json_int_t)r->params.total, "active", (json_int_t)r->params.active,
                  "flops_per_token_causal", strait_flops_causal(&r->flops), "flops_per_token_palm",
                  strait_flops_palm(&r->flops), "flops_per_token_6n", strait_flops_6n(&r->shape));
    json_t *object = json_pack("{s:o, s:s, s:I, s:s, s:b, s:I, s:I, s:o, s:o, s:o, s:o}", "model", model, "chip",
                               r->fact ? r->fact->fact.key : r->options->chip, "chips", (json_int_t)r->chips, "split",
                               split, "split_chosen", r->split_chosen, "sequences", (json_int_t)r->work.sequences,
                               "length", (json_int_t)r->work.length, "memory", memory(r), "time", time_object(r),
                               "failures", stops(r), "cost", cost(r));
    strait_status status =
        object ? strait_json_format(object, 2, out) : STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for the plan");
    json_decref(object);
    return status == STRAIT_OK ? strait_buffer_append(out, "\n", 1) : status;
}
