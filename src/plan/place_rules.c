/* The rules on the legs of a placement and on what moves between its sites, each over all of its days. */
#include "plan/placement.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int32_t day_of(const strait_search *s, double hours)
{
    double days = floor(hours / 24);
    /* Beyond what a calendar has is as good as its end. */
    return s->base.facts->today + (days < 1e6 ? (int32_t)days : 1000000);
}

/* The rules that the verdict rests on. */
static void name_rules(const strait_judgement *j, char out[STRAIT_PLACEMENT_WHY])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < j->n_findings && used + 1 < STRAIT_PLACEMENT_WHY; i++) {
        const strait_finding *f = &j->findings[i];
        if (f->silence != STRAIT_COUNTS || strait_verdict_rank(f->verdict) < strait_verdict_rank(j->verdict)) continue;
        if (j->verdict == STRAIT_VERDICT_NONE) continue;
        int more = snprintf(out + used, STRAIT_PLACEMENT_WHY - used, "%s%s", used > 0 ? ", " : "", f->rule->fact.key);
        used += more > 0 ? (size_t)more : 0;
    }
}

static strait_status judge(const strait_search *s, const strait_scene *scene, strait_ruling *out)
{
    strait_judgement j;
    STRAIT_TRY(strait_rulebook_judge(s->book, scene, &j));
    *out = (strait_ruling){.first = scene->first,
                           .last = scene->last,
                           .verdict = j.verdict,
                           .review = j.review,
                           .licensed = j.licensed,
                           .ranks = strait_judgement_ranks(&j),
                           .verify = j.verify};
    name_rules(&j, out->rules);
    strait_judgement_fini(&j);
    return STRAIT_OK;
}

strait_status strait__rule_leg(strait_search *search, const strait_station *station, double begin, double end,
                               strait_ruling *out)
{
    char where[300];
    strait_scene scene = station->pool->scene;
    strait_station *own = &search->stations[station - search->stations];
    scene.first = day_of(search, begin);
    scene.last = day_of(search, isnan(end) ? begin : end);
    for (int i = 0; i < own->n_rulings && i < STRAIT_RULINGS; i++) {
        *out = own->rulings[i];
        if (out->first == scene.first && out->last == scene.last) return STRAIT_OK;
    }
    snprintf(where, sizeof where, "%s:%d", search->sites.name, station->pool->line);
    STRAIT_TRY(strait_scene_check(&scene, where));
    STRAIT_TRY(judge(search, &scene, out));
    own->rulings[own->n_rulings++ % STRAIT_RULINGS] = *out;
    return STRAIT_OK;
}

/* The act of moving, with the parties of one of its ends. */
static strait_status judge_move(const strait_search *s, const strait_scene *parties, const strait_scene *source,
                                const strait_scene *target, strait_ruling *inout)
{
    strait_scene scene = *target;
    strait_ruling ruling;
    scene.owner = parties->owner;
    scene.tenant = parties->tenant;
    STRAIT_TRY(strait_scene_check(&scene, s->sites.name));
    scene.from = source->to;
    STRAIT_TRY(judge(s, &scene, &ruling));
    bool stricter =
        strait_verdict_rank(ruling.verdict) > strait_verdict_rank(inout->verdict) || (inout->ranks && !ruling.ranks);
    bool verify = inout->verify || ruling.verify;
    if (inout->last == 0 || stricter) *inout = ruling;
    inout->verify = verify;
    return STRAIT_OK;
}

strait_status strait__rule_move(const strait_search *search, const strait_station *from, const strait_station *to,
                                strait_transaction what, double begin, double end, strait_ruling *inout)
{
    const strait_scene *source = &from->pool->scene;
    strait_scene scene = to->pool->scene;
    scene.transaction = (int)what;
    scene.chip = NULL;
    scene.data = source->data;
    scene.us_persons = strait_truth_or(source->us_persons, scene.us_persons);
    scene.military = strait_truth_or(source->military, scene.military);
    scene.installed_on = STRAIT_DAYS_UNKNOWN;
    scene.first = day_of(search, begin);
    scene.last = day_of(search, end);
    /* A rule may bind who sends or who receives. */
    STRAIT_TRY(judge_move(search, source, source, &scene, inout));
    return judge_move(search, &to->pool->scene, source, &scene, inout);
}
