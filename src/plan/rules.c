/* Which rules an act meets. Knows no output. */
#include "plan/rules.h"

#include <stdlib.h>
#include <string.h>

typedef struct prepared_rule {
    const strait_rule *rule;
    unsigned transactions; /* bits */
    strait_test destination;
    strait_test party;
    strait_test chip;
} prepared_rule;

struct strait_rulebook {
    const strait_facts *facts;
    prepared_rule *rules; /* owned */
    size_t count;
    int32_t *days; /* owned; on which something begins or is over, ascending */
    size_t n_days;
};

enum { VERDICTS = STRAIT_VERDICT_PROHIBITED + 1 };

int strait_verdict_rank(strait_verdict verdict)
{
    static const int ranks[VERDICTS] = {0, 1, 2, 3, 3, 4};
    return ranks[verdict];
}

const char *strait_verdict_word(strait_verdict verdict)
{
    static const char *const words[VERDICTS] = {"none", "duties", "licence", "reported", "unknown", "prohibited"};
    return words[verdict];
}

/* ---- Preparing ---- */

static strait_status read_transactions(const strait_rule *rule, unsigned *out)
{
    const char *list = rule->transactions;
    const char *entry;
    size_t length;
    char hint[300];
    char word[64];
    *out = 0;
    while (strait_list_next(&list, &entry, &length)) {
        memcpy(word, entry, length < sizeof word ? length : sizeof word - 1);
        word[length < sizeof word ? length : sizeof word - 1] = '\0';
        int index = strait_choice_find(STRAIT_TRANSACTIONS, word);
        if (index < 0) {
            strait_choice_suggest(STRAIT_TRANSACTIONS, word, hint, sizeof hint);
            return strait_fact_fail(&rule->fact, "transactions", "'%s' is no transaction%s", word, hint);
        }
        *out |= 1U << index;
    }
    return STRAIT_OK;
}

static strait_status read_test(const strait_facts *facts, const strait_rule *rule, const char *column, const char *text,
                               strait_test *out)
{
    strait_status status = strait_test_parse(text, facts, out);
    if (status != STRAIT_ERR_FORMAT) return status;
    char message[400];
    strncpy(message, strait_error_message(), sizeof message - 1);
    message[sizeof message - 1] = '\0';
    return strait_fact_fail(&rule->fact, column, "%s", message);
}

static strait_status prepare(const strait_facts *facts, const strait_rule *rule, prepared_rule *out)
{
    out->rule = rule;
    STRAIT_TRY(read_transactions(rule, &out->transactions));
    STRAIT_TRY(read_test(facts, rule, "destination_test", rule->destination_test, &out->destination));
    STRAIT_TRY(read_test(facts, rule, "party_test", rule->party_test, &out->party));
    STRAIT_TRY(read_test(facts, rule, "chip_test", rule->chip_test, &out->chip));
    const char *list = rule->overrides;
    const char *entry;
    size_t length;
    while (strait_list_next(&list, &entry, &length)) {
        char key[64];
        memcpy(key, entry, length < sizeof key ? length : sizeof key - 1);
        key[length < sizeof key ? length : sizeof key - 1] = '\0';
        if (strait_facts_find(facts, STRAIT_TABLE_RULES, key) == NULL)
            return strait_fact_fail(&rule->fact, "overrides", "there is no rule '%s'", key);
    }
    return STRAIT_OK;
}

static int compare_days(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a;
    int32_t y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void add_days(strait_rulebook *book, strait_days from, strait_days to)
{
    if (strait_days_known(from)) {
        book->days[book->n_days++] = from.first;
        book->days[book->n_days++] = from.last;
    }
    if (strait_days_known(to)) {
        book->days[book->n_days++] = to.first + 1;
        book->days[book->n_days++] = to.last + 1;
    }
}

/* Between two of these days nothing changes, so that one day of each stretch stands for all. */
static strait_status collect_days(strait_rulebook *book)
{
    size_t n_groups;
    size_t n_entities;
    const strait_group *groups = strait_facts_groups(book->facts, &n_groups);
    const strait_entity *entities = strait_facts_entities(book->facts, &n_entities);
    STRAIT_TRY(
        strait_alloc(STRAIT_TAG_OTHER, 8 * book->count + 4 * (n_groups + n_entities), sizeof *book->days, &book->days));
    for (size_t i = 0; i < book->count; i++) {
        const strait_rule *rule = book->rules[i].rule;
        add_days(book, rule->in_force_from, rule->in_force_to);
        add_days(book, rule->compliance_from, rule->enforced_to);
    }
    for (size_t i = 0; i < n_groups; i++) add_days(book, groups[i].from, groups[i].to);
    for (size_t i = 0; i < n_entities; i++) add_days(book, entities[i].listed_from, entities[i].listed_to);
    qsort(book->days, book->n_days, sizeof *book->days, compare_days);
    return STRAIT_OK;
}

strait_status strait_rulebook_create(const strait_facts *facts, strait_rulebook **out)
{
    strait_rulebook *book = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *book, &book));
    book->facts = facts;
    const strait_rule *rules = strait_facts_rules(facts, &book->count);
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, book->count, sizeof *book->rules, &book->rules);
    for (size_t i = 0; i < book->count && status == STRAIT_OK; i++) status = prepare(facts, &rules[i], &book->rules[i]);
    if (status == STRAIT_OK) status = collect_days(book);
    if (status != STRAIT_OK) {
        strait_rulebook_destroy(book);
        return status;
    }
    *out = book;
    return STRAIT_OK;
}

void strait_rulebook_destroy(strait_rulebook *book)
{
    if (book == NULL) return;
    strait_free(book->rules);
    strait_free(book->days);
    strait_free(book);
}

/* ---- One rule on one day ---- */

/* Whether a day lies between two dates that may be known to the month only. */
static strait_truth between(int32_t day, strait_days from, strait_days to)
{
    strait_truth begun = STRAIT_TRUTH_UNKNOWN;
    strait_truth over = STRAIT_TRUTH_NO;
    if (strait_days_known(from))
        begun = day >= from.last ? STRAIT_TRUTH_YES : day < from.first ? STRAIT_TRUTH_NO : STRAIT_TRUTH_UNKNOWN;
    if (strait_days_known(to))
        over = day > to.last ? STRAIT_TRUTH_YES : day <= to.first ? STRAIT_TRUTH_NO : STRAIT_TRUTH_UNKNOWN;
    return strait_truth_and(begun, strait_truth_not(over));
}

/* Where the rule was found to apply on a day, and how. */
typedef struct match {
    strait_truth holds; /* its tests, while it is in force */
    strait_silence silence;
    uint32_t unknown;
    bool unknown_day;
} match;

static match match_rule(const strait_rulebook *book, const prepared_rule *p, const strait_scene *scene, int32_t day)
{
    const strait_rule *rule = p->rule;
    match m = {.holds = STRAIT_TRUTH_NO};
    if ((p->transactions & (1U << scene->transaction)) == 0) return m;
    strait_truth in_force = rule->kind == STRAIT_RULE_BILL ? between(day, rule->published, STRAIT_DAYS_UNKNOWN)
                                                           : between(day, rule->in_force_from, rule->in_force_to);
    /* A gap has no day on which it begins: what it stands for is not in the data. */
    if (rule->kind == STRAIT_RULE_GAP && !strait_days_known(rule->in_force_from)) in_force = STRAIT_TRUTH_YES;
    if (in_force == STRAIT_TRUTH_NO) return m;
    strait_truth tests = strait_test_holds(&p->destination, book->facts, scene, day, &m.unknown);
    tests = strait_truth_and(tests, strait_test_holds(&p->party, book->facts, scene, day, &m.unknown));
    tests = strait_truth_and(tests, strait_test_holds(&p->chip, book->facts, scene, day, &m.unknown));
    m.holds = strait_truth_and(in_force, tests);
    m.unknown_day = in_force == STRAIT_TRUTH_UNKNOWN;
    if (rule->kind == STRAIT_RULE_BILL)
        m.silence = STRAIT_PENDING;
    else if (rule->enforced == STRAIT_TRUTH_NO)
        m.silence = STRAIT_NOT_ENFORCED;
    else if (strait_days_known(rule->enforced_to) && day > rule->enforced_to.last)
        m.silence = STRAIT_NOT_ENFORCED;
    else if (strait_days_known(rule->compliance_from) && day < rule->compliance_from.first)
        m.silence = STRAIT_NOT_YET;
    else if (rule->consequence == 0)
        m.silence = STRAIT_NO_DUTY;
    return m;
}

static strait_verdict verdict_of(const strait_rule *rule, const match *m)
{
    static const strait_verdict consequences[] = {STRAIT_VERDICT_NONE, STRAIT_VERDICT_DUTIES, STRAIT_VERDICT_LICENCE,
                                                  STRAIT_VERDICT_UNKNOWN, STRAIT_VERDICT_PROHIBITED};
    if (m->silence != STRAIT_COUNTS) return STRAIT_VERDICT_NONE;
    if (m->holds == STRAIT_TRUTH_UNKNOWN) return STRAIT_VERDICT_UNKNOWN;
    /* What the press says is no law, whatever it says. */
    return rule->kind == STRAIT_RULE_PRESS ? STRAIT_VERDICT_REPORTED : consequences[rule->consequence];
}

/* ---- All rules, on all days ---- */

static bool overrides(const match *matches, const prepared_rule *rules, size_t i, const char *key)
{
    return matches[i].holds == STRAIT_TRUTH_YES && matches[i].silence == STRAIT_COUNTS &&
           rules[i].rule->overrides != NULL && strait_list_has(rules[i].rule->overrides, key);
}

static void keep(strait_finding *finding, const prepared_rule *p, const match *m, const strait_rule *to)
{
    strait_verdict verdict = to != NULL ? STRAIT_VERDICT_NONE : verdict_of(p->rule, m);
    bool first = finding->rule == NULL;
    finding->unknown |= verdict == STRAIT_VERDICT_UNKNOWN ? m->unknown : 0;
    finding->unknown_day = finding->unknown_day || (verdict == STRAIT_VERDICT_UNKNOWN && m->unknown_day);
    if (!first && strait_verdict_rank(verdict) <= strait_verdict_rank(finding->verdict)) return;
    finding->rule = p->rule;
    finding->verdict = verdict;
    finding->silence = to != NULL ? STRAIT_YIELDS : m->silence;
    finding->to = to;
}

static void judge_day(const strait_rulebook *book, const strait_scene *scene, int32_t day, match *matches,
                      strait_finding *findings)
{
    for (size_t i = 0; i < book->count; i++) matches[i] = match_rule(book, &book->rules[i], scene, day);
    for (size_t i = 0; i < book->count; i++) {
        if (matches[i].holds == STRAIT_TRUTH_NO) continue;
        /* Not known to apply, and nothing would follow. */
        if (matches[i].holds == STRAIT_TRUTH_UNKNOWN && matches[i].silence != STRAIT_COUNTS) continue;
        const strait_rule *to = NULL;
        for (size_t k = 0; k < book->count && to == NULL; k++)
            if (k != i && overrides(matches, book->rules, k, book->rules[i].rule->fact.key)) to = book->rules[k].rule;
        keep(&findings[i], &book->rules[i], &matches[i], to);
    }
}

static void judge_days(const strait_rulebook *book, const strait_scene *scene, match *matches, strait_finding *findings)
{
    judge_day(book, scene, scene->first, matches, findings);
    for (size_t i = 0; i < book->n_days; i++) {
        if (book->days[i] <= scene->first || book->days[i] > scene->last) continue;
        if (i > 0 && book->days[i] == book->days[i - 1]) continue;
        judge_day(book, scene, book->days[i], matches, findings);
    }
}

/* The built-in row of a user's party, in its place. False where there is none. */
static bool builtin_party(const strait_facts *facts, strait_party *party)
{
    if (party->entity == NULL) return false;
    const strait_entity *entity = party->entity;
    const strait_entity *builtin = (const strait_entity *)entity->fact.builtin;
    const strait_entity *own = builtin != NULL ? builtin : entity;
    /* What the scene states otherwise than the row is the user's as well. */
    strait_party other = *party;
    other.entity = own;
    if (own->headquarters != NULL) other.headquarters = own->headquarters;
    const strait_entity *parent =
        own->parent != NULL ? (const strait_entity *)strait_facts_find(facts, STRAIT_TABLE_ENTITIES, own->parent)
                            : NULL;
    if (parent != NULL && parent->headquarters != NULL) other.parent = parent->headquarters;
    if (own->listed != STRAIT_TRUTH_UNKNOWN) other.listed = own->listed;
    bool same = builtin == NULL && other.headquarters == party->headquarters && other.parent == party->parent &&
                other.listed == party->listed;
    *party = other;
    return !same;
}

static void judge_variants(const strait_rulebook *book, const strait_scene *scene, match *matches,
                           strait_finding *findings)
{
    for (int variant = 0; variant < 8; variant++) {
        strait_scene s = *scene;
        bool exists = true;
        if ((variant & 1) != 0) {
            exists = s.chip != NULL && s.chip->fact.builtin != NULL;
            if (exists) s.chip = (const strait_chip *)s.chip->fact.builtin;
        }
        if (exists && (variant & 2) != 0) exists = builtin_party(book->facts, &s.owner);
        if (exists && (variant & 4) != 0) exists = builtin_party(book->facts, &s.tenant);
        if (exists) judge_days(book, &s, matches, findings);
    }
}

/* ---- The whole ---- */

static const strait_licence *licence_for(const strait_scene *scene, const strait_rule *rule)
{
    for (int i = 0; i < scene->n_licences; i++) {
        const strait_licence *licence = &scene->licences[i];
        if (licence->authority != NULL && strcmp(licence->authority, rule->jurisdiction) == 0 &&
            licence->expires >= scene->last)
            return licence;
    }
    return NULL;
}

static void conclude(const strait_rulebook *book, const strait_scene *scene, strait_judgement *out)
{
    const strait_schema *schema = &strait_schemas[STRAIT_TABLE_RULES];
    out->review = -1;
    out->licensed = true;
    out->historical = scene->last < book->facts->today;
    out->n_checked = book->count;
    for (size_t i = 0; i < book->count; i++) {
        int32_t day = scene->last > book->facts->today ? scene->last : book->facts->today;
        out->verify = out->verify || strait_fact_stale(schema, &book->rules[i].rule->fact, day);
    }
    size_t kept = 0;
    for (size_t i = 0; i < book->count; i++) {
        strait_finding *finding = &out->findings[i];
        if (finding->rule == NULL) continue;
        if (finding->verdict == STRAIT_VERDICT_LICENCE) {
            finding->licence = licence_for(scene, finding->rule);
            int review = finding->rule->review >= 0 ? finding->rule->review : STRAIT_REVIEW_NOT_STATED;
            if (review > out->review) out->review = review;
            if (finding->licence == NULL) out->licensed = false;
        }
        if (strait_verdict_rank(finding->verdict) > strait_verdict_rank(STRAIT_VERDICT_LICENCE)) out->licensed = false;
        if (strait_verdict_rank(finding->verdict) > strait_verdict_rank(out->verdict) ||
            (out->verdict == STRAIT_VERDICT_REPORTED && finding->verdict == STRAIT_VERDICT_UNKNOWN))
            out->verdict = finding->verdict;
        out->findings[kept++] = *finding;
    }
    out->n_findings = kept;
    if (out->review < 0) out->licensed = false;
}

strait_status strait_rulebook_judge(const strait_rulebook *book, const strait_scene *scene, strait_judgement *out)
{
    strait_judgement judgement = {0};
    match *matches = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, book->count, sizeof *judgement.findings, &judgement.findings));
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, book->count, sizeof *matches, &matches);
    if (status != STRAIT_OK) {
        strait_free(judgement.findings);
        return status;
    }
    judge_variants(book, scene, matches, judgement.findings);
    strait_free(matches);
    conclude(book, scene, &judgement);
    *out = judgement;
    return STRAIT_OK;
}

void strait_judgement_fini(strait_judgement *judgement)
{
    strait_free(judgement->findings);
    *judgement = (strait_judgement){0};
}

bool strait_judgement_ranks(const strait_judgement *judgement)
{
    if (judgement->historical) return false;
    return judgement->licensed || strait_verdict_rank(judgement->verdict) <= strait_verdict_rank(STRAIT_VERDICT_DUTIES);
}
