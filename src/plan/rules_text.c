/* A judgement for people and for tools. */
#include "plan/rules_text.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

static const char *const verdict_texts[] = {"no restriction found",         "duties",  "licence needed",
                                            "reported restriction, verify", "unknown", "prohibited by law"};
static const char *const review_texts[] = {"presumption of approval", "review policy not stated", "case by case",
                                           "presumption of denial"};

/* "regulation", "press report", ...; what the press says is never called a rule. */
static const char *kind_text(const strait_rule *rule)
{
    static const char *const texts[] = {
        "statute", "regulation", "guidance", "letter", "press report, not law", "bill, not enacted", "not evaluated"};
    return texts[rule->kind];
}

/* A prohibition that only the user's own rules know is not called law. */
static const char *verdict_text(strait_verdict verdict, bool law)
{
    return verdict == STRAIT_VERDICT_PROHIBITED && !law ? "prohibited by a rule of the user's" : verdict_texts[verdict];
}

static bool prohibited_by_law(const strait_judgement *j)
{
    for (size_t i = 0; i < j->n_findings; i++) {
        if (j->findings[i].verdict == STRAIT_VERDICT_PROHIBITED && !j->findings[i].rule->fact.user) return true;
    }
    return false;
}

static strait_status write_missing(const strait_finding *finding, strait_buffer *out)
{
    const char *name = NULL;
    const char *between = "";
    STRAIT_TRY(strait_buffer_printf(out, "    not known: "));
    if (finding->unknown_day) {
        STRAIT_TRY(strait_buffer_printf(out, "whether it is in force on these days"));
        between = "; ";
    }
    for (int i = 0; (name = strait_test_field_name(i)) != NULL; i++) {
        if ((finding->unknown & (uint32_t)1 << i) == 0) continue;
        STRAIT_TRY(strait_buffer_printf(out, "%s%s", between, name));
        between = "; ";
    }
    return strait_buffer_printf(out, "\n");
}

static const char *silence_text(const strait_finding *finding)
{
    switch (finding->silence) {
    case STRAIT_YIELDS: return "yields to";
    case STRAIT_PENDING: return "pending, no law";
    case STRAIT_NOT_YET: return "no duty yet: to be complied with later";
    case STRAIT_NOT_ENFORCED: return "no duty: not enforced";
    case STRAIT_NO_DUTY: return "no duty";
    case STRAIT_COUNTS: break;
    }
    return "";
}

static strait_status write_finding(const strait_finding *finding, strait_buffer *out)
{
    const strait_rule *rule = finding->rule;
    bool counts = finding->silence == STRAIT_COUNTS;
    const char *is = rule->kind == STRAIT_RULE_GAP ? "not evaluated"
                     : counts                      ? verdict_text(finding->verdict, !rule->fact.user)
                                                   : silence_text(finding);
    STRAIT_TRY(strait_buffer_printf(out, "  %s: %s%s%s", rule->fact.key, is, finding->to != NULL ? " " : "",
                                    finding->to != NULL ? finding->to->fact.key : ""));
    if (finding->verdict == STRAIT_VERDICT_LICENCE) {
        STRAIT_TRY(strait_buffer_printf(out, " (%s; %s)", rule->authority,
                                        review_texts[rule->review >= 0 ? rule->review : STRAIT_REVIEW_NOT_STATED]));
    }
    STRAIT_TRY(strait_buffer_printf(out, "\n    %s (%s, %s; %s%s%s)\n", rule->name, rule->jurisdiction, rule->authority,
                                    kind_text(rule), rule->citation != NULL ? ": " : "",
                                    rule->citation != NULL ? rule->citation : ""));
    if (strcmp(rule->binds, "-") != 0) STRAIT_TRY(strait_buffer_printf(out, "    binds %s\n", rule->binds));
    if (rule->duty != NULL) STRAIT_TRY(strait_buffer_printf(out, "    %s\n", rule->duty));
    if (finding->verdict == STRAIT_VERDICT_UNKNOWN && (finding->unknown != 0 || finding->unknown_day))
        STRAIT_TRY(write_missing(finding, out));
    if (finding->licence != NULL) {
        char day[16];
        strait_day_format(finding->licence->expires, day);
        STRAIT_TRY(strait_buffer_printf(out, "    licence held: %s, until %s\n", finding->licence->number, day));
    }
    char day[16] = "no date";
    if (strait_days_known(rule->fact.checked_on)) strait_day_format(rule->fact.checked_on.last, day);
    return strait_buffer_printf(out, "    source: %s (checked %s)\n", rule->fact.source, day);
}

static strait_status write_checklist(const strait_judgement *judgement, strait_buffer *out)
{
    bool any = false;
    for (size_t i = 0; i < judgement->n_findings; i++) {
        const strait_finding *finding = &judgement->findings[i];
        if (finding->silence != STRAIT_COUNTS || finding->rule->checklist == NULL) continue;
        const char *list = finding->rule->checklist;
        const char *item;
        size_t length;
        if (!any) STRAIT_TRY(strait_buffer_printf(out, "\nto be gone through\n"));
        any = true;
        while (strait_list_next(&list, &item, &length))
            STRAIT_TRY(strait_buffer_printf(out, "  [ ] %.*s (%s)\n", (int)length, item, finding->rule->fact.key));
    }
    return STRAIT_OK;
}

static const char *or_unknown(const char *text)
{
    return text != NULL ? text : "unknown";
}

static const char *truth_text(strait_truth truth)
{
    return truth == STRAIT_TRUTH_YES ? "yes" : truth == STRAIT_TRUTH_NO ? "no" : "unknown";
}

/* What is stated, and beside it what the facts say of a company that they know: both are judged. */
static strait_status write_party(const char *role, const strait_party *party, strait_buffer *out)
{
    if (party->absent) return strait_buffer_printf(out, "%s none\n", role);
    STRAIT_TRY(strait_buffer_printf(out, "%s %s, headquarters %s, ultimate parent in %s, listed %s (%s)\n", role,
                                    party->name != NULL ? party->name : "not named", or_unknown(party->headquarters),
                                    or_unknown(party->parent), truth_text(party->listed),
                                    party->source != NULL ? party->source : "as stated by the user"));
    const strait_entity *entity = party->entity;
    if (entity == NULL) return STRAIT_OK;
    if (entity->fact.builtin != NULL) entity = (const strait_entity *)entity->fact.builtin;
    return strait_buffer_printf(out, "  the facts on %s: headquarters %s, parent %s, listed %s (%s)\n", entity->name,
                                or_unknown(entity->headquarters), or_unknown(entity->parent),
                                truth_text(entity->listed), entity->fact.source);
}

static strait_status write_scene(const strait_scene *scene, strait_buffer *out)
{
    char first[16];
    char last[16];
    char act[32];
    strait_day_format(scene->first, first);
    strait_day_format(scene->last, last);
    strait_choice_name(STRAIT_TRANSACTIONS, scene->transaction, act, sizeof act);
    STRAIT_TRY(strait_buffer_printf(out, "%s %s%s%s in or to %s, %s%s%s\n", act,
                                    scene->chip != NULL ? scene->chip->name : "", scene->from != NULL ? " from " : "",
                                    scene->from != NULL ? scene->from : "", scene->to, first,
                                    scene->last > scene->first ? " to " : "", scene->last > scene->first ? last : ""));
    STRAIT_TRY(write_party("owner", &scene->owner, out));
    return write_party("tenant", &scene->tenant, out);
}

/* The user's chip beside the built-in one, where both were judged. */
static strait_status write_beside(const strait_scene *scene, strait_buffer *out)
{
    if (scene->chip == NULL || scene->chip->fact.builtin == NULL) return STRAIT_OK;
    const strait_screen own = strait_chip_screen(scene->chip);
    const strait_screen builtin = strait_chip_screen((const strait_chip *)scene->chip->fact.builtin);
    return strait_buffer_printf(out,
                                "the chip is a user's row, total processing performance %.10g, and built in, %.10g: "
                                "the stricter verdict counts\n",
                                own.tpp, builtin.tpp);
}

strait_status strait_judgement_text(const strait_scene *scene, const strait_judgement *j, strait_buffer *out)
{
    char last[16];
    strait_day_format(scene->last, last);
    STRAIT_TRY(write_scene(scene, out));
    STRAIT_TRY(write_beside(scene, out));
    STRAIT_TRY(strait_buffer_printf(out, "\nverdict: %s", verdict_text(j->verdict, prohibited_by_law(j))));
    if (j->review >= 0) STRAIT_TRY(strait_buffer_printf(out, " (licence: %s)", review_texts[j->review]));
    STRAIT_TRY(strait_buffer_printf(out, ": %zu rules checked, as of %s\n", j->n_checked, last));
    if (j->licensed) STRAIT_TRY(strait_buffer_printf(out, "a licence is held for all that need one\n"));
    if (j->historical) STRAIT_TRY(strait_buffer_printf(out, "historical: this looks back, and ranks nothing\n"));
    if (j->verify)
        STRAIT_TRY(
            strait_buffer_printf(out, "verify: rules change, and some rows here are older than 30 days by then\n"));
    if (j->n_findings > 0) STRAIT_TRY(strait_buffer_printf(out, "\n"));
    for (size_t i = 0; i < j->n_findings; i++) STRAIT_TRY(write_finding(&j->findings[i], out));
    return write_checklist(j, out);
}

/* ---- JSON ---- */

static strait_status json_text(const char *before, const char *name, const char *text, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out, "%s\"%s\": ", before, name));
    if (text == NULL) return strait_buffer_printf(out, "null");
    return strait_json_format_string(text, strlen(text), out);
}

static strait_status json_party(const char *role, const strait_party *party, strait_buffer *out)
{
    if (party->absent) return json_text(", ", role, "none", out);
    STRAIT_TRY(strait_buffer_printf(out, ", \"%s\": ", role));
    STRAIT_TRY(json_text("{", "name", party->name, out));
    STRAIT_TRY(json_text(", ", "headquarters", party->headquarters, out));
    STRAIT_TRY(json_text(", ", "parent", party->parent, out));
    STRAIT_TRY(json_text(", ", "listed", truth_text(party->listed), out));
    STRAIT_TRY(json_text(", ", "source", party->source, out));
    STRAIT_TRY(json_text(", ", "known_as", party->entity != NULL ? party->entity->fact.key : NULL, out));
    return strait_buffer_printf(out, "}");
}

static strait_status json_list(const char *name, const char *list, strait_buffer *out)
{
    const char *item;
    size_t length;
    const char *between = "";
    STRAIT_TRY(strait_buffer_printf(out, ", \"%s\": [", name));
    while (strait_list_next(&list, &item, &length)) {
        STRAIT_TRY(strait_buffer_printf(out, "%s", between));
        STRAIT_TRY(strait_json_format_string(item, length, out));
        between = ", ";
    }
    return strait_buffer_printf(out, "]");
}

static strait_status json_unknown(const strait_finding *finding, strait_buffer *out)
{
    const char *name = NULL;
    const char *between = "";
    STRAIT_TRY(strait_buffer_printf(out, ", \"unknown\": ["));
    for (int i = 0; (name = strait_test_field_name(i)) != NULL; i++) {
        if ((finding->unknown & (uint32_t)1 << i) == 0) continue;
        STRAIT_TRY(strait_buffer_printf(out, "%s", between));
        STRAIT_TRY(strait_json_format_string(name, strlen(name), out));
        between = ", ";
    }
    return strait_buffer_printf(out, "]");
}

static strait_status json_finding(const strait_finding *finding, strait_buffer *out)
{
    static const char *const silences[] = {"counts", "yields", "pending", "not yet", "not enforced", "no duty"};
    static const char *const kinds[] = {"statute", "regulation", "guidance", "letter", "press", "bill", "gap"};
    const strait_rule *rule = finding->rule;
    STRAIT_TRY(json_text("{", "rule", rule->fact.key, out));
    STRAIT_TRY(json_text(", ", "name", rule->name, out));
    STRAIT_TRY(json_text(", ", "jurisdiction", rule->jurisdiction, out));
    STRAIT_TRY(json_text(", ", "authority", rule->authority, out));
    STRAIT_TRY(json_text(", ", "kind", kinds[rule->kind], out));
    STRAIT_TRY(json_text(", ", "citation", rule->citation, out));
    STRAIT_TRY(json_text(", ", "verdict", strait_verdict_word(finding->verdict), out));
    STRAIT_TRY(json_text(", ", "counts", silences[finding->silence], out));
    STRAIT_TRY(json_text(", ", "yields_to", finding->to != NULL ? finding->to->fact.key : NULL, out));
    STRAIT_TRY(json_text(", ", "review",
                         finding->verdict == STRAIT_VERDICT_LICENCE
                             ? review_texts[rule->review >= 0 ? rule->review : STRAIT_REVIEW_NOT_STATED]
                             : NULL,
                         out));
    STRAIT_TRY(json_text(", ", "duty", rule->duty, out));
    STRAIT_TRY(json_text(", ", "licence", finding->licence != NULL ? finding->licence->number : NULL, out));
    STRAIT_TRY(json_list("binds", rule->binds, out));
    STRAIT_TRY(json_list("checklist", finding->silence == STRAIT_COUNTS ? rule->checklist : NULL, out));
    STRAIT_TRY(json_unknown(finding, out));
    STRAIT_TRY(json_text(", ", "source", rule->fact.source, out));
    return strait_buffer_printf(out, "}");
}

strait_status strait_judgement_json(const strait_scene *scene, const strait_judgement *j, strait_buffer *out)
{
    char first[16];
    char last[16];
    strait_day_format(scene->first, first);
    strait_day_format(scene->last, last);
    STRAIT_TRY(json_text("", "verdict", strait_verdict_word(j->verdict), out));
    STRAIT_TRY(json_text(", ", "text", verdict_text(j->verdict, prohibited_by_law(j)), out));
    STRAIT_TRY(json_text(", ", "review", j->review >= 0 ? review_texts[j->review] : NULL, out));
    STRAIT_TRY(json_party("owner", &scene->owner, out));
    STRAIT_TRY(json_party("tenant", &scene->tenant, out));
    STRAIT_TRY(json_text(", ", "first_day", first, out));
    STRAIT_TRY(json_text(", ", "last_day", last, out));
    STRAIT_TRY(strait_buffer_printf(out,
                                    ", \"rules_checked\": %zu, \"licensed\": %s, \"historical\": %s, \"ranks\": %s, "
                                    "\"verify\": %s, \"findings\": [",
                                    j->n_checked, j->licensed ? "true" : "false", j->historical ? "true" : "false",
                                    strait_judgement_ranks(j) ? "true" : "false", j->verify ? "true" : "false"));
    for (size_t i = 0; i < j->n_findings; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "%s\n  ", i > 0 ? "," : ""));
        STRAIT_TRY(json_finding(&j->findings[i], out));
    }
    return strait_buffer_printf(out, "%s]", j->n_findings > 0 ? "\n" : "");
}
