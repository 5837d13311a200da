/* A plan for people: a page, and with --explain every line it was reckoned from. */
#include "plan/reckoning.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define GIB 1073741824.0

static strait_status head(const strait_reckoning *r, strait_buffer *out)
{
    if (r->options->as_of && r->facts->today < strait_today()) {
        STRAIT_TRY(strait_buffer_printf(out, "historical: ages are counted to %s\n", r->options->as_of));
    }
    char split[256];
    strait_split_format(&r->split, split, sizeof split);
    STRAIT_TRY(strait_buffer_printf(out, "model     %s: %s, %.3f billion parameters", r->options->config,
                                    r->shape.family, (double)r->params.total / 1e9));
    if (r->params.active != r->params.total) {
        STRAIT_TRY(strait_buffer_printf(out, ", %.3f billion of them for each token", (double)r->params.active / 1e9));
    }
    STRAIT_TRY(strait_buffer_printf(out, "\nbatch     %" PRId64 " sequences of %" PRId64 " tokens a step%s\n",
                                    r->work.sequences, r->work.length, r->work.fp8 ? ", layers in fp8" : ""));
    if (r->fact) {
        STRAIT_TRY(strait_buffer_printf(out, "chips     %" PRId64 " x %s\n", r->chips, r->fact->name));
    } else {
        STRAIT_TRY(strait_buffer_printf(out, "chips     1 x %s, a device of this machine\n", r->own_plan.device));
    }
    if (r->own) return STRAIT_OK;
    return strait_buffer_printf(out, "split     %s%s\n", split,
                                r->split_chosen ? " (chosen: the smallest that fits)" : "");
}

static strait_status line(strait_buffer *out, const char *name, double bytes, const char *help)
{
    return strait_buffer_printf(out, "  %-14s %10.3f GiB%s%s\n", name, bytes / GIB, help[0] ? "  " : "", help);
}

static strait_status own_memory(const strait_reckoning *r, strait_buffer *out)
{
    const char *whose = r->fact ? "by Strait's own planner, workspace as on this machine's CPU"
                                : "by Strait's own planner: what `strait train --plan-only` prints";
    STRAIT_TRY(strait_buffer_printf(out, "\nmemory of the chip, %s (recompute %s, micro-batches of %" PRId64 ")\n",
                                    whose, strait_plan_recompute_names[r->own_plan.recompute],
                                    r->own_plan.micro_batch));
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) {
        if (r->own_plan.bytes[tag] == 0) continue;
        STRAIT_TRY(line(out, strait_tag_name((strait_tag)tag), (double)r->own_plan.bytes[tag], ""));
    }
    if (r->own_plan.counted) {
        STRAIT_TRY(strait_buffer_printf(out, "  moe.aux_scope is wider than a micro-batch: a forward pass that counts "
                                             "choices of experts comes first, and is part of the time\n"));
    }
    return STRAIT_OK;
}

static strait_status estimated_memory(const strait_reckoning *r, strait_buffer *out)
{
    STRAIT_TRY(
        strait_buffer_printf(out,
                             "\nmemory of a chip, an estimate (docs/plan.md says how far off): pipeline stage %" PRId64
                             ", %.2f micro-batches in flight\n",
                             r->need.stage, r->need.in_flight));
    for (int tag = 0; tag < STRAIT_PLAN_TAG_COUNT; tag++) {
        if (!(r->need.bytes[tag] > 0)) continue;
        STRAIT_TRY(line(out, strait_plan_tag_name((strait_plan_tag)tag), r->need.bytes[tag],
                        r->options->explain ? strait_plan_tag_help((strait_plan_tag)tag) : ""));
    }
    return STRAIT_OK;
}

static strait_status memory(const strait_reckoning *r, strait_buffer *out)
{
    STRAIT_TRY(r->own ? own_memory(r, out) : estimated_memory(r, out));
    STRAIT_TRY(line(out, "total", r->need_bytes, ""));
    if (!r->capacity_known) {
        return strait_buffer_printf(out, "fits: unknown: the facts do not say how much memory the chip has\n");
    }
    STRAIT_TRY(strait_buffer_printf(out, "%s: %.1f GiB usable less %.1f GiB in reserve",
                                    r->fits ? "fits" : "DOES NOT FIT", r->chip.capacity / GIB, r->reserve / GIB));
    if (r->fits) return strait_buffer_printf(out, "\n");
    double over = r->need_bytes - (r->chip.capacity - r->reserve);
    return strait_buffer_printf(out,
                                ": %.1f GiB too much. More chips, more tensor or pipeline ranks, sharding=3, a smaller "
                                "micro-batch or shorter sequences take less\n",
                                over / GIB);
}

static strait_status duration(strait_buffer *out, double hours)
{
    if (hours >= 48) return strait_buffer_printf(out, "%.1f days", hours / 24);
    if (hours >= 1) return strait_buffer_printf(out, "%.1f hours", hours);
    return strait_buffer_printf(out, "%.1f minutes", hours * 60);
}

static strait_status basis(const strait_reckoning *r, strait_buffer *out)
{
    const strait_calibration *c = &r->calibration;
    if (r->measured) {
        return strait_buffer_printf(
            out, "  basis: measured steps (%s: %.4g tokens/s)%s, times 1.00 to 1.21 for a whole run\n",
            r->options->measured, r->measured_tokens,
            r->measured_same ? "" : " of another shape or count of chips, carried over with 30 % of doubt");
    }
    STRAIT_TRY(strait_buffer_printf(out,
                                    "  basis: %" PRId64 " published runs of %" PRId64
                                    " sources (strait plan --calibrate); 80 %% of such runs lie inside\n",
                                    c->fit.rows, c->fit.sources));
    if (!r->efficiency.calibrated) {
        STRAIT_TRY(strait_buffer_printf(out, "  UNCALIBRATED: no published run on this chip; the range is widened\n"));
    }
    if (r->time.link_unknown) {
        STRAIT_TRY(
            strait_buffer_printf(out, "  the chip's link is unknown: communication inside a node is not counted\n"));
    }
    if (r->time.memory_unknown) {
        STRAIT_TRY(
            strait_buffer_printf(out, "  the chip's memory rate is unknown: reading and writing is not counted\n"));
    }
    return STRAIT_OK;
}

static strait_status time_lines(const strait_reckoning *r, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out, "\ntime"));
    if (!r->time_known) return strait_buffer_printf(out, "      unknown: %s\n", r->time_unknown);
    double n = (double)r->chips;
    STRAIT_TRY(strait_buffer_printf(out, "      "));
    STRAIT_TRY(duration(out, r->hours.low / n));
    STRAIT_TRY(strait_buffer_printf(out, " to "));
    STRAIT_TRY(duration(out, r->hours.high / n));
    STRAIT_TRY(strait_buffer_printf(out, ", most likely "));
    STRAIT_TRY(duration(out, r->hours.mid / n));
    STRAIT_TRY(strait_buffer_printf(
        out, " (10th to 90th percentile) for %.4g tokens%s\n  %.4g to %.4g chip-hours, most likely %.4g\n", r->tokens,
        r->tokens_known ? "" : " (how many the run takes is not said: --tokens)", r->hours.low, r->hours.high,
        r->hours.mid));
    if (!isnan(r->efficiency.mid)) {
        double palm = strait_flops_palm(&r->flops) / strait_flops_6n(&r->shape);
        double causal = strait_flops_causal(&r->flops) / strait_flops_6n(&r->shape);
        STRAIT_TRY(
            strait_buffer_printf(out,
                                 "  utilization of the 16-bit rate: %.1f to %.1f %% by 6ND; most likely %.1f %%, "
                                 "causal-exact %.1f %%, PaLM %.1f %%\n",
                                 100 * r->efficiency.low, 100 * r->efficiency.high, 100 * r->efficiency.mid,
                                 100 * causal * r->efficiency.mid, 100 * palm * r->efficiency.mid));
    }
    return basis(r, out);
}

static strait_status stops(const strait_reckoning *r, strait_buffer *out)
{
    const strait_interruptions *s = &r->stops;
    if (isnan(s->share)) {
        return strait_buffer_printf(
            out, "\nfailures  unknown: the facts have no hours between interruptions of this chip\n");
    }
    return strait_buffer_printf(
        out,
        "\nfailures  an interruption every %.1f hours; a checkpoint every %.0f minutes loses least "
        "(Young and Daly): %.1f %% of the time (%.1f writing, %.1f done again, %.1f restarting)\n"
        "  published hours contain their own interruptions: this is part of the time above, not "
        "beside it\n",
        s->hours_between, s->interval / 60, 100 * s->share, 100 * s->share_writing, 100 * s->share_redone,
        100 * s->share_restarting);
}

static strait_status price_lines(const strait_price_range *p, const char *what, strait_buffer *out)
{
    for (int64_t i = 0; i < p->count && i < STRAIT_PRICE_ROWS; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "  %s: %s (%s, %s): %s\n", what, p->rows[i]->fact.key, p->rows[i]->item,
                                        strait_fact_cell(&p->rows[i]->fact, "source_date"), p->rows[i]->fact.source));
    }
    return STRAIT_OK;
}

static strait_status cost(const strait_reckoning *r, strait_buffer *out)
{
    const char *how = r->options->how ? r->options->how : "rent";
    const strait_expense *c = &r->cost;
    STRAIT_TRY(strait_buffer_printf(out, "\ncost      "));
    if (c->unknown) {
        STRAIT_TRY(strait_buffer_printf(out, "unknown: %s\n", c->unknown));
    } else {
        STRAIT_TRY(strait_buffer_printf(out, "%.4g to %.4g %s, most likely %.4g (%s; time and price at their ends)\n",
                                        c->total.low, c->total.high, r->currency, c->total.mid, how));
    }
    if (!isnan(r->price.usd.mid)) {
        STRAIT_TRY(strait_buffer_printf(
            out, "  %.4g to %.4g %s a chip%s, median %.4g, of %" PRId64 " offers%s%s\n", r->price.usd.low,
            r->price.usd.high, r->currency, strcmp(how, "buy") == 0 ? "" : "-hour", r->price.usd.mid, r->price.count,
            r->price.count == 0 ? " (yours)" : "", r->price.stale ? "; older than 90 days: VERIFY" : ""));
    }
    if (!c->unknown && strcmp(how, "buy") == 0) {
        STRAIT_TRY(strait_buffer_printf(out, "  energy: %.4g %s of it; the rest is the share of the chips' life\n",
                                        c->energy.mid, r->currency));
    }
    if (!r->options->explain) return STRAIT_OK;
    STRAIT_TRY(price_lines(&r->price, "price", out));
    STRAIT_TRY(price_lines(&r->energy, "energy", out));
    STRAIT_TRY(price_lines(&r->transfer, "transfer", out));
    size_t count;
    const strait_exchange_rate *rates = strait_facts_rates(r->facts, &count);
    for (size_t i = 0; i < count; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "  exchange: %s, %s to a dollar (%s)\n", rates[i].fact.key,
                                        strait_fact_cell(&rates[i].fact, "per_usd"),
                                        strait_fact_cell(&rates[i].fact, "day")));
    }
    return STRAIT_OK;
}

/* ---- --explain ---- */

static strait_status explain_model(const strait_reckoning *r, strait_buffer *out)
{
    const strait_shape_params *p = &r->params;
    const strait_flops *f = &r->flops;
    STRAIT_TRY(strait_buffer_printf(out,
                                    "\nreckoning, line by line\n  parameters: embedding %" PRId64 ", head %" PRId64
                                    ", attention and norms %" PRId64 " a layer, feed-forward %" PRId64
                                    " a dense layer\n",
                                    p->embedding, p->head, p->attention, p->dense));
    if (r->shape.experts > 0) {
        STRAIT_TRY(
            strait_buffer_printf(out,
                                 "  experts: %" PRId64 " of %" PRId64 " parameters in %" PRId64 " layers, %" PRId64
                                 " for a token; router and shared ones %" PRId64 " a layer\n",
                                 r->shape.experts, p->expert, p->moe_layers, r->shape.experts_per_token, p->shared));
    }
    return strait_buffer_printf(out,
                                "  operations a token, forward (a multiply-add is two): layers %.5g, head %.5g, "
                                "attention %.5g causal-exact, %.5g in full\n"
                                "  training a token: causal-exact %.5g, PaLM %.5g, 6N %.5g\n",
                                f->layers, f->head, f->attention, f->full_attention, strait_flops_causal(f),
                                strait_flops_palm(f), strait_flops_6n(&r->shape));
}

static strait_status explain_chip(const strait_reckoning *r, strait_buffer *out)
{
    const strait_plan_chip *c = &r->chip;
    if (!r->fact) return STRAIT_OK;
    STRAIT_TRY(
        strait_buffer_printf(out,
                             "  chip %s: %.4g operations/s in 16 bits, memory %.4g B/s, link %.4g B/s between %" PRId64
                             " chips%s, network %.4g B/s%s (nan: unknown)\n  source: %s (%s; facts show %s)\n",
                             r->fact->fact.key, c->matrix, c->memory, c->link, c->node,
                             c->node_assumed ? " (assumed)" : "", c->network, c->network_assumed ? " (assumed)" : "",
                             r->fact->fact.source, strait_fact_cell(&r->fact->fact, "source_date"), r->fact->fact.key));
    return STRAIT_OK;
}

static strait_status explain_time(const strait_reckoning *r, strait_buffer *out)
{
    if (isnan(r->chip.matrix)) return STRAIT_OK;
    STRAIT_TRY(strait_buffer_printf(out, "  roofline, chip-microseconds a token (constants: src/plan/step_time.c)\n"));
    for (int i = 0; i < STRAIT_TIME_PART_COUNT; i++) {
        if (!(r->time.parts[i] > 0)) continue;
        STRAIT_TRY(strait_buffer_printf(
            out, "    %-12s %10.4f  %4.1f %%  %s\n", strait_time_part_name((strait_time_part)i), r->time.parts[i] * 1e6,
            100 * r->time.parts[i] / r->time.total, strait_time_part_help((strait_time_part)i)));
    }
    STRAIT_TRY(strait_buffer_printf(out, "    %-12s %10.4f          %.1f %% of the 16-bit rate by 6ND\n", "total",
                                    r->time.total * 1e6, 100 * r->time.efficiency));
    if (r->measured) return STRAIT_OK;
    const strait_calibration *c = &r->calibration;
    double spread = r->efficiency.calibrated ? c->spread : c->spread_new_chip;
    return strait_buffer_printf(out, "  reached: %.3f x %.4f ^ %.3f = %.4f, within x / %.2f\n", exp(c->fit.intercept),
                                r->time.efficiency, c->fit.slope, r->efficiency.mid, exp(spread));
}

strait_status strait__reckoning_text(const strait_reckoning *r, strait_buffer *out)
{
    STRAIT_TRY(head(r, out));
    STRAIT_TRY(memory(r, out));
    STRAIT_TRY(time_lines(r, out));
    STRAIT_TRY(stops(r, out));
    STRAIT_TRY(cost(r, out));
    if (!r->options->explain) return STRAIT_OK;
    STRAIT_TRY(explain_model(r, out));
    STRAIT_TRY(explain_chip(r, out));
    return explain_time(r, out);
}
