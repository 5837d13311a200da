/* The small language of rules: parsing, and evaluation over yes, no and unknown. Knows no rule. */
#include "plan/test.h"

#include <strait/strait.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Fields ---- */

typedef enum field_kind {
    FIELD_NUMBER,
    FIELD_DAY,
    FIELD_TRUTH,
    FIELD_PLACE,
    FIELD_CHIP,
    FIELD_ENTITY,
    FIELD_DATA
} field_kind;
typedef enum field_id {
    F_CHIP,
    F_TPP,
    F_DENSITY,
    F_BANDWIDTH,
    F_LINK,
    F_DATACENTER,
    F_US_ORIGIN,
    F_DESIGNER,
    F_FROM,
    F_TO,
    F_OWNER,
    F_OWNER_IS,
    F_PARENT,
    F_TENANT,
    F_TENANT_PARENT,
    F_LISTED,
    F_LISTED_SHARE,
    F_STATE_FUNDED,
    F_CONSTRUCTION,
    F_MILITARY,
    F_US_PERSONS,
    F_INSTALLED_ON,
    F_DATA,
    F_COUNT
} field_id;

static const struct {
    const char *name;
    field_kind kind;
    const char *says; /* where it is unknown */
} fields[F_COUNT] = {
    [F_CHIP] = {"chip", FIELD_CHIP, "the chip"},
    [F_TPP] = {"tpp", FIELD_NUMBER, "the chip's total processing performance"},
    [F_DENSITY] = {"density", FIELD_NUMBER, "the chip's performance density"},
    [F_BANDWIDTH] = {"memory_bandwidth_gbs", FIELD_NUMBER, "the chip's memory bandwidth"},
    [F_LINK] = {"link_both_ways_gbs", FIELD_NUMBER, "the chip's link"},
    [F_DATACENTER] = {"datacenter", FIELD_TRUTH, "whether the chip is marketed for data centres"},
    [F_US_ORIGIN] = {"us_origin", FIELD_TRUTH, "whether the chip is of US origin"},
    [F_DESIGNER] = {"designer", FIELD_PLACE, "where the chip's designer has its headquarters"},
    [F_FROM] = {"from", FIELD_PLACE, "where it comes from"},
    [F_TO] = {"to", FIELD_PLACE, "where it goes, or that country's groups"},
    [F_OWNER] = {"owner", FIELD_PLACE, "where the owner has its headquarters"},
    [F_OWNER_IS] = {"owner_is", FIELD_ENTITY, "who the owner is"},
    [F_PARENT] = {"parent", FIELD_PLACE, "where the owner's ultimate parent has its headquarters"},
    [F_TENANT] = {"tenant", FIELD_PLACE, "where the tenant has its headquarters"},
    [F_TENANT_PARENT] = {"tenant_parent", FIELD_PLACE, "where the tenant's ultimate parent has its headquarters"},
    [F_LISTED] = {"listed", FIELD_TRUTH, "whether owner or tenant is on a list of restricted parties"},
    [F_LISTED_SHARE] = {"listed_share", FIELD_NUMBER, "how much of owner or tenant listed parties own"},
    [F_STATE_FUNDED] = {"state_funded", FIELD_TRUTH, "whether the site has state funds"},
    [F_CONSTRUCTION] = {"construction", FIELD_NUMBER, "how far construction is"},
    [F_MILITARY] = {"military", FIELD_TRUTH, "whether end use or user is military"},
    [F_US_PERSONS] = {"us_persons", FIELD_TRUTH, "whether US persons are involved"},
    [F_INSTALLED_ON] = {"installed_on", FIELD_DAY, "when the chips were installed"},
    [F_DATA] = {"data", FIELD_DATA, "what kind of data it is"},
};

const char *strait_test_field_name(int field)
{
    return field >= 0 && field < F_COUNT ? fields[field].says : NULL;
}

/* ---- Parsing ---- */

typedef struct parser {
    const char *text;
    const char *at;
    const strait_facts *facts;
    strait_test *test;
    int depth;
} parser;

#define FAIL_HERE(p_, ...) fail_here((p_), (p_)->at, __VA_ARGS__)
static strait_status fail_here(const parser *p, const char *at, const char *what, const char *word, const char *near)
{
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "character %d: %s%s%.60s%s%s%s%s", (int)(at - p->text) + 1, what,
                       word[0] != '\0' ? " '" : "", word, word[0] != '\0' ? "'" : "",
                       near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

static void skip_blanks(parser *p)
{
    while (*p->at == ' ') p->at++;
}

/* The word at the current place into `out`, which moves behind it; "" where there is none. */
static void read_word(parser *p, char out[STRAIT_TEST_WORD_BYTES])
{
    skip_blanks(p);
    size_t length = strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.-");
    if (length >= STRAIT_TEST_WORD_BYTES) length = 0;
    memcpy(out, p->at, length);
    out[length] = '\0';
    p->at += length;
}

static bool take(parser *p, const char *symbol)
{
    skip_blanks(p);
    size_t length = strlen(symbol);
    if (strncmp(p->at, symbol, length) != 0) return false;
    p->at += length;
    return true;
}

/* Takes a word of the language if it stands there. */
static bool take_word(parser *p, const char *word)
{
    const char *begin = p->at;
    char found[STRAIT_TEST_WORD_BYTES];
    read_word(p, found);
    if (strcmp(found, word) == 0) return true;
    p->at = begin;
    return false;
}

static strait_status add_node(parser *p, strait_test_node node, int *out)
{
    if (p->test->n_nodes == STRAIT_TEST_NODES_MAX) return FAIL_HERE(p, "the test is too long", "", NULL);
    *out = p->test->n_nodes++;
    p->test->nodes[*out] = node;
    return STRAIT_OK;
}

static strait_status check_word(const parser *p, const char *at, field_kind kind, const char *word)
{
    const strait_facts *facts = p->facts;
    if (kind == FIELD_TRUTH && strcmp(word, "yes") != 0 && strcmp(word, "no") != 0)
        return fail_here(p, at, "yes or no, not", word, NULL);
    if (kind == FIELD_DATA && strait_choice_find(STRAIT_DATA_KINDS, word) < 0)
        return fail_here(p, at, STRAIT_DATA_KINDS ", not", word, NULL);
    if (facts == NULL) return STRAIT_OK;
    if (kind == FIELD_CHIP && strait_facts_find(facts, STRAIT_TABLE_CHIPS, word) == NULL)
        return fail_here(p, at, "no chip has the key", word, strait_facts_nearest(facts, STRAIT_TABLE_CHIPS, word));
    if (kind == FIELD_ENTITY && strait_facts_find(facts, STRAIT_TABLE_ENTITIES, word) == NULL)
        return fail_here(p, at, "no entity has the key", word,
                         strait_facts_nearest(facts, STRAIT_TABLE_ENTITIES, word));
    if (kind == FIELD_PLACE && !strait_facts_is_group(facts, word) &&
        strait_facts_find(facts, STRAIT_TABLE_COUNTRIES, word) == NULL)
        return fail_here(p, at, "no country or group has the key", word,
                         strait_facts_nearest(facts, STRAIT_TABLE_COUNTRIES, word));
    return STRAIT_OK;
}

static strait_status add_word(parser *p, field_kind kind, strait_test_node *node)
{
    char word[STRAIT_TEST_WORD_BYTES];
    skip_blanks(p);
    const char *at = p->at;
    read_word(p, word);
    if (word[0] == '\0') return FAIL_HERE(p, "a word is missing", "", NULL);
    STRAIT_TRY(check_word(p, at, kind, word));
    if (p->test->n_words == STRAIT_TEST_WORDS_MAX) return FAIL_HERE(p, "too many words", "", NULL);
    p->test->is_group[p->test->n_words] =
        kind == FIELD_PLACE && p->facts != NULL && strait_facts_is_group(p->facts, word);
    memcpy(p->test->words[p->test->n_words++], word, sizeof word);
    node->n_words++;
    return STRAIT_OK;
}

static strait_status read_list(parser *p, field_kind kind, strait_test_node *node)
{
    node->compare = STRAIT_COMPARE_IN;
    node->word = p->test->n_words;
    if (!take(p, "[")) return FAIL_HERE(p, "'[' is missing", "", NULL);
    do STRAIT_TRY(add_word(p, kind, node));
    while (take(p, ","));
    return take(p, "]") ? STRAIT_OK : FAIL_HERE(p, "']' or ',' is missing", "", NULL);
}

static strait_status read_compare(parser *p, strait_test_node *node)
{
    if (take(p, "<="))
        node->compare = STRAIT_COMPARE_LE;
    else if (take(p, "<"))
        node->compare = STRAIT_COMPARE_LT;
    else if (take(p, ">="))
        node->compare = STRAIT_COMPARE_GE;
    else if (take(p, ">"))
        node->compare = STRAIT_COMPARE_GT;
    else
        return FAIL_HERE(p, "'<', '<=', '>' or '>=' is missing", "", NULL);
    return STRAIT_OK;
}

static strait_status read_rest(parser *p, strait_test_node *node)
{
    field_kind kind = fields[node->field].kind;
    char word[STRAIT_TEST_WORD_BYTES];
    char *end;
    strait_days days;
    if (kind == FIELD_TRUTH) {
        node->compare = STRAIT_COMPARE_IN;
        node->word = p->test->n_words;
        return take(p, "=") ? add_word(p, kind, node) : FAIL_HERE(p, "'=' is missing", "", NULL);
    }
    if (kind == FIELD_PLACE || kind == FIELD_CHIP || kind == FIELD_ENTITY || kind == FIELD_DATA) {
        if (!take_word(p, "in")) return FAIL_HERE(p, "'in' is missing", "", NULL);
        return read_list(p, kind, node);
    }
    STRAIT_TRY(read_compare(p, node));
    skip_blanks(p);
    const char *at = p->at;
    read_word(p, word);
    if (kind == FIELD_DAY) {
        if (!strait_days_parse(word, &days) || days.first != days.last) return fail_here(p, at, "no day:", word, NULL);
        node->number = days.first;
        return STRAIT_OK;
    }
    if (word[0] < '0' || word[0] > '9' || word[strspn(word, "0123456789.")] != '\0')
        return fail_here(p, at, "no number:", word, NULL);
    node->number = strtod(word, &end);
    return *end == '\0' ? STRAIT_OK : fail_here(p, at, "no number:", word, NULL);
}

static strait_status read_or(parser *p, int *out);

static strait_status read_field(parser *p, int *out)
{
    char word[STRAIT_TEST_WORD_BYTES];
    const char *names[F_COUNT];
    skip_blanks(p);
    const char *at = p->at;
    read_word(p, word);
    if (word[0] == '\0') return FAIL_HERE(p, "a field is missing", "", NULL);
    strait_test_node node = {.op = STRAIT_TEST_FIELD, .field = -1};
    for (int i = 0; i < F_COUNT; i++) {
        names[i] = fields[i].name;
        if (strcmp(word, names[i]) == 0) node.field = i;
    }
    if (node.field < 0) return fail_here(p, at, "no field is called", word, strait_nearest(word, names, F_COUNT));
    STRAIT_TRY(read_rest(p, &node));
    return add_node(p, node, out);
}

static strait_status read_factor(parser *p, int *out)
{
    if (p->depth == STRAIT_TEST_DEPTH_MAX) return FAIL_HERE(p, "nested too deeply", "", NULL);
    p->depth++;
    strait_status status = STRAIT_OK;
    int inner = 0;
    if (take_word(p, "not")) {
        status = read_factor(p, &inner);
        if (status == STRAIT_OK) status = add_node(p, (strait_test_node){.op = STRAIT_TEST_NOT, .left = inner}, out);
    } else if (take_word(p, "any")) {
        status = add_node(p, (strait_test_node){.op = STRAIT_TEST_ANY}, out);
    } else if (take(p, "(")) {
        status = read_or(p, out);
        if (status == STRAIT_OK && !take(p, ")")) status = FAIL_HERE(p, "')' is missing", "", NULL);
    } else {
        status = read_field(p, out);
    }
    p->depth--;
    return status;
}

static strait_status read_and(parser *p, int *out)
{
    STRAIT_TRY(read_factor(p, out));
    while (take_word(p, "and")) {
        strait_test_node node = {.op = STRAIT_TEST_AND, .left = *out};
        STRAIT_TRY(read_factor(p, &node.right));
        STRAIT_TRY(add_node(p, node, out));
    }
    return STRAIT_OK;
}

static strait_status read_or(parser *p, int *out)
{
    STRAIT_TRY(read_and(p, out));
    while (take_word(p, "or")) {
        strait_test_node node = {.op = STRAIT_TEST_OR, .left = *out};
        STRAIT_TRY(read_and(p, &node.right));
        STRAIT_TRY(add_node(p, node, out));
    }
    return STRAIT_OK;
}

strait_status strait_test_parse(const char *text, const strait_facts *facts, strait_test *out)
{
    memset(out, 0, sizeof *out);
    parser p = {.text = text != NULL && text[0] != '\0' ? text : "any", .facts = facts, .test = out};
    p.at = p.text;
    STRAIT_TRY(read_or(&p, &out->root));
    skip_blanks(&p);
    return *p.at == '\0' ? STRAIT_OK : FAIL_HERE(&p, "'and', 'or' or the end is missing before", p.at, NULL);
}

/* ---- Evaluation ---- */

static strait_truth truth_of(bool yes)
{
    return yes ? STRAIT_TRUTH_YES : STRAIT_TRUTH_NO;
}

/* A value between `low` and `high` (equal: exactly known; NAN: unknown) against the node's number. */
static strait_truth compare_range(const strait_test_node *node, double low, double high)
{
    if (isnan(low) || isnan(high)) return STRAIT_TRUTH_UNKNOWN;
    double n = node->number;
    switch (node->compare) {
    case STRAIT_COMPARE_LT: return high < n ? STRAIT_TRUTH_YES : low >= n ? STRAIT_TRUTH_NO : STRAIT_TRUTH_UNKNOWN;
    case STRAIT_COMPARE_LE: return high <= n ? STRAIT_TRUTH_YES : low > n ? STRAIT_TRUTH_NO : STRAIT_TRUTH_UNKNOWN;
    case STRAIT_COMPARE_GT: return low > n ? STRAIT_TRUTH_YES : high <= n ? STRAIT_TRUTH_NO : STRAIT_TRUTH_UNKNOWN;
    case STRAIT_COMPARE_GE: return low >= n ? STRAIT_TRUTH_YES : high < n ? STRAIT_TRUTH_NO : STRAIT_TRUTH_UNKNOWN;
    case STRAIT_COMPARE_IN: break;
    }
    return STRAIT_TRUTH_UNKNOWN;
}

static strait_truth place_in(const strait_test *test, const strait_test_node *node, const strait_facts *facts,
                             const char *place, int32_t day)
{
    if (place == NULL) return STRAIT_TRUTH_UNKNOWN;
    strait_truth found = STRAIT_TRUTH_NO;
    for (int i = 0; i < node->n_words; i++) {
        const char *word = test->words[node->word + i];
        if (test->is_group[node->word + i]) {
            found = strait_truth_or(found, strait_facts_in_group(facts, word, place, day));
        } else {
            found = strait_truth_or(found, truth_of(strcmp(word, place) == 0));
        }
    }
    return found;
}

/* Owner or tenant: it is enough that one of them is meant. */
static strait_truth either(const strait_party *a, strait_truth of_a, const strait_party *b, strait_truth of_b)
{
    return strait_truth_or(a->absent ? STRAIT_TRUTH_NO : of_a, b->absent ? STRAIT_TRUTH_NO : of_b);
}

static strait_truth of_truth(const strait_test *test, const strait_test_node *node, strait_truth value)
{
    return strcmp(test->words[node->word], "yes") == 0 ? value : strait_truth_not(value);
}

static bool has_word(const strait_test *test, const strait_test_node *node, const char *word)
{
    for (int i = 0; i < node->n_words; i++)
        if (strcmp(test->words[node->word + i], word) == 0) return true;
    return false;
}

static strait_truth chip_holds(const strait_test *test, const strait_test_node *node, const strait_facts *facts,
                               const strait_chip *chip, int32_t day)
{
    if (chip == NULL) return STRAIT_TRUTH_UNKNOWN;
    strait_screen screen = strait_chip_screen(chip);
    double high = screen.exact ? screen.tpp : (double)INFINITY;
    switch (node->field) {
    case F_CHIP: return truth_of(has_word(test, node, chip->fact.key));
    case F_TPP: return compare_range(node, screen.tpp, high);
    case F_DENSITY: return compare_range(node, screen.density, high / chip->die_area_mm2);
    case F_BANDWIDTH: return compare_range(node, chip->memory_bandwidth_gbs, chip->memory_bandwidth_gbs);
    case F_LINK: return compare_range(node, 2 * chip->link_gbs, 2 * chip->link_gbs);
    case F_DATACENTER: return of_truth(test, node, chip->datacenter);
    case F_US_ORIGIN: return of_truth(test, node, chip->us_origin);
    default: return place_in(test, node, facts, chip->designer_hq, day);
    }
}

/* Who the party is: an entity of the facts or what that entity's row names as its parent; whoever is named and has no
 * row is none of them. */
static strait_truth is_one_of(const strait_test *test, const strait_test_node *node, const strait_party *party)
{
    if (party->absent) return STRAIT_TRUTH_NO;
    const strait_entity *entity = party->entity;
    if (entity == NULL) return party->name != NULL ? STRAIT_TRUTH_NO : STRAIT_TRUTH_UNKNOWN;
    if (has_word(test, node, entity->fact.key)) return STRAIT_TRUTH_YES;
    return truth_of(entity->parent != NULL && has_word(test, node, entity->parent));
}

/* Whether a party is listed on a day: what the user states counts always, an entity's row from its day on. */
static strait_truth listed_on(const strait_party *party, int32_t day)
{
    const strait_entity *entity = party->entity;
    if (entity == NULL || party->listed != STRAIT_TRUTH_YES || entity->listed != STRAIT_TRUTH_YES) return party->listed;
    strait_days from = entity->listed_from;
    strait_days to = entity->listed_to;
    if (!strait_days_known(from)) return STRAIT_TRUTH_UNKNOWN;
    if (day < from.first || (strait_days_known(to) && day > to.last)) return STRAIT_TRUTH_NO;
    bool sure = day >= from.last && !(strait_days_known(to) && day > to.first);
    return sure ? STRAIT_TRUTH_YES : STRAIT_TRUTH_UNKNOWN;
}

static strait_truth field_holds(const strait_test *test, const strait_test_node *node, const strait_facts *facts,
                                const strait_scene *s, int32_t day)
{
    const strait_party *o = &s->owner;
    const strait_party *t = &s->tenant;
    switch ((field_id)node->field) {
    case F_FROM: return place_in(test, node, facts, s->from, day);
    case F_TO: return place_in(test, node, facts, s->to, day);
    case F_OWNER: return o->absent ? STRAIT_TRUTH_NO : place_in(test, node, facts, o->headquarters, day);
    case F_OWNER_IS: return is_one_of(test, node, o);
    case F_PARENT: return o->absent ? STRAIT_TRUTH_NO : place_in(test, node, facts, o->parent, day);
    case F_TENANT: return t->absent ? STRAIT_TRUTH_NO : place_in(test, node, facts, t->headquarters, day);
    case F_TENANT_PARENT: return t->absent ? STRAIT_TRUTH_NO : place_in(test, node, facts, t->parent, day);
    case F_LISTED:
        return either(o, of_truth(test, node, listed_on(o, day)), t, of_truth(test, node, listed_on(t, day)));
    case F_LISTED_SHARE:
        return either(o, compare_range(node, o->listed_share_percent, o->listed_share_percent), t,
                      compare_range(node, t->listed_share_percent, t->listed_share_percent));
    case F_STATE_FUNDED: return of_truth(test, node, s->state_funded);
    case F_CONSTRUCTION: return compare_range(node, s->construction_percent, s->construction_percent);
    case F_MILITARY: return of_truth(test, node, s->military);
    case F_US_PERSONS: return of_truth(test, node, s->us_persons);
    case F_INSTALLED_ON:
        if (!strait_days_known(s->installed_on)) return STRAIT_TRUTH_UNKNOWN;
        return compare_range(node, s->installed_on.first, s->installed_on.last);
    case F_DATA: {
        char kind[STRAIT_TEST_WORD_BYTES];
        if (!strait_choice_name(STRAIT_DATA_KINDS, s->data, kind, sizeof kind)) return STRAIT_TRUTH_UNKNOWN;
        return truth_of(has_word(test, node, kind));
    }
    default: return chip_holds(test, node, facts, s->chip, day);
    }
}

/* Nodes stand behind those they are made of, so that one pass computes all. */
strait_truth strait_test_holds(const strait_test *test, const strait_facts *facts, const strait_scene *scene,
                               int32_t day, uint32_t *unknown)
{
    strait_truth values[STRAIT_TEST_NODES_MAX];
    uint32_t asked = 0;
    for (int i = 0; i < test->n_nodes; i++) {
        const strait_test_node *node = &test->nodes[i];
        switch (node->op) {
        case STRAIT_TEST_ANY: values[i] = STRAIT_TRUTH_YES; break;
        case STRAIT_TEST_NOT: values[i] = strait_truth_not(values[node->left]); break;
        case STRAIT_TEST_AND: values[i] = strait_truth_and(values[node->left], values[node->right]); break;
        case STRAIT_TEST_OR: values[i] = strait_truth_or(values[node->left], values[node->right]); break;
        case STRAIT_TEST_FIELD:
            values[i] = field_holds(test, node, facts, scene, day);
            if (values[i] == STRAIT_TRUTH_UNKNOWN) asked |= (uint32_t)1 << node->field;
            break;
        }
    }
    if (values[test->root] == STRAIT_TRUTH_UNKNOWN) *unknown |= asked;
    return values[test->root];
}
