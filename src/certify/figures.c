/* Figures and their rules: recorded, judged, and judged again when a certificate is read. */
#include "base/clock.h"
#include "certify/certificate.h"

#include <math.h>
#include <string.h>

typedef enum relation { NOTE, EQUAL, AT_MOST, AT_LEAST, HASH } relation;
typedef enum scope { ONE, OP, ANY } scope;

static const struct {
    int level;
    const char *name;
    relation relation;
    double limit;
    scope scope;
} rules[] = {
#define RULE(LEVEL, NAME, name, RELATION, limit, SCOPE) {LEVEL, #name, RELATION, limit, SCOPE},
#include "certify/rules.def"
#undef RULE
};

static const char *const relations[] = {"note", "equal", "at most", "at least", "hash"};

const char *strait__level_title(int level)
{
    static const char *const titles[STRAIT_CERTIFY_LEVELS] = {"memory", "queues",     "numbers",
                                                              "ops",    "repetition", "model step"};
    return titles[level];
}

void strait__item_name(strait_op op, strait_dtype dtype, char out[64])
{
    snprintf(out, 64, "%s %s", strait_op_name(op), strait_dtype_name(dtype));
}

bool strait__item_read(const char *item, strait_op *out_op, strait_dtype *out_dtype)
{
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        for (int i = 0; i < 2; i++) {
            char name[64];
            *out_op = (strait_op)op;
            *out_dtype = i == 0 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16;
            strait__item_name(*out_op, *out_dtype, name);
            if (strcmp(name, item) == 0) return true;
        }
    }
    return false;
}

/* NaN holds nothing but a note. */
static bool value_holds(int rule, double value)
{
    switch (rules[rule].relation) {
    case NOTE: return true;
    case EQUAL: return value == rules[rule].limit;
    case AT_MOST: return value <= rules[rule].limit;
    case AT_LEAST: return value >= rules[rule].limit;
    default: return false;
    }
}

static void explain(char *out, int rule, const char *item, double value, const char *why)
{
    snprintf(out, 512, "%s%s%s is %.6g, %s %.6g is right%s%s", rules[rule].name, item ? " of " : "", item ? item : "",
             value, relations[rules[rule].relation], rules[rule].limit, why ? ": " : "", why ? why : "");
}

static strait_status add(strait_certification *c, json_t *figure, bool holds)
{
    if (!figure || json_object_set_new(figure, "holds", json_boolean(holds)) != 0 ||
        json_array_append_new(c->figures, figure) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for a figure of the certificate");
    }
    if (!holds) c->failed = true;
    return STRAIT_OK;
}

strait_status strait__figure(strait_certification *c, strait_rule rule, const char *item, double value, const char *why)
{
    bool holds = value_holds((int)rule, value);
    if (!holds && !c->failed) explain(c->why, (int)rule, item, value, why);
    /* JSON has no infinity; the largest number holds as little. */
    json_t *figure = json_pack("{s:s, s:s?, s:f, s:s, s:f}", "rule", rules[rule].name, "item", item, "value",
                               isfinite(value) ? value : 1.7e308, "relation", relations[rules[rule].relation], "limit",
                               rules[rule].limit);
    if (figure && !holds && why && json_object_set_new(figure, "why", json_string(why)) != 0) {
        /* What a device says may be no UTF-8; the figure stands without it. */
        (void)json_object_del(figure, "why");
    }
    return add(c, figure, holds);
}

strait_status strait__figure_hash(strait_certification *c, strait_rule rule, const char *item, const char *hash,
                                  const char *reference)
{
    bool holds = strcmp(hash, reference) == 0;
    c->hashes++;
    if (!holds && !c->failed) {
        snprintf(c->why, sizeof c->why, "%s of %s is %.12s..., the CPU reference has %.12s...", rules[rule].name, item,
                 hash, reference);
    }
    json_t *figure = json_pack("{s:s, s:s, s:s, s:s, s:s}", "rule", rules[rule].name, "item", item, "hash", hash,
                               "reference", reference, "relation", "hash");
    return add(c, figure, holds);
}

strait_status strait__certify_progress(strait_certification *c, const char *what, int64_t done, int64_t total)
{
    const strait_events *events = c->options->events;
    if (!events) return STRAIT_OK;
    if (events->progress) {
        char line[96];
        snprintf(line, sizeof line, "A%d %s", c->level, what);
        double seconds = strait_clock() - c->begun;
        strait_progress progress = {
            .what = line, .done = done, .total = total, .unit = "", .seconds = seconds, .seconds_left = -1.0};
        events->progress(events->user, &progress);
    }
    if (events->stop_requested && events->stop_requested(events->user)) {
        return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped in level A%d; no certificate was written", c->level);
    }
    return STRAIT_OK;
}

static strait_status read_figure(const json_t *figure, size_t index, int level, const char *name, int *out_rule,
                                 bool *out_hold, char *why)
{
    const char *rule_name = json_string_value(json_object_get(figure, "rule"));
    const char *item = json_string_value(json_object_get(figure, "item"));
    *out_rule = -1;
    for (int i = 0; rule_name && i < STRAIT_RULE_COUNT; i++) {
        if (rules[i].level == level && strcmp(rules[i].name, rule_name) == 0) *out_rule = i;
    }
    if (*out_rule < 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: levels[%d].figures[%zu].rule: '%s' is no rule of level A%d", name,
                           level, index, rule_name ? rule_name : "(absent)", level);
    }
    if (rules[*out_rule].relation == HASH) {
        const char *hash = json_string_value(json_object_get(figure, "hash"));
        const char *reference = json_string_value(json_object_get(figure, "reference"));
        if (!item || !hash || !reference || strlen(hash) != 64 || strlen(reference) != 64) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                               "%s: levels[%d].figures[%zu]: 'item', 'hash' and 'reference' must be "
                               "texts, the latter two of 64 digits",
                               name, level, index);
        }
        *out_hold = strcmp(hash, reference) == 0;
        if (!*out_hold) snprintf(why, 512, "%s of %s is not the reference's", rule_name, item);
        return STRAIT_OK;
    }
    const json_t *value = json_object_get(figure, "value");
    if (!json_is_number(value)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: levels[%d].figures[%zu].value: must be a number", name, level,
                           index);
    }
    const char *written = json_string_value(json_object_get(figure, "relation"));
    const json_t *holds = json_object_get(figure, "holds");
    *out_hold = value_holds(*out_rule, json_number_value(value));
    if (!written || strcmp(written, relations[rules[*out_rule].relation]) != 0 ||
        json_number_value(json_object_get(figure, "limit")) != rules[*out_rule].limit ||
        (holds && json_is_true(holds) != *out_hold)) {
        return STRAIT_FAIL(
            STRAIT_ERR_CORRUPT,
            "%s: levels[%d].figures[%zu]: relation, limit and holds of %s are not what the suite's rules "
            "make them: the certificate was changed, or is of another version of the suite",
            name, level, index, rule_name);
    }
    if (!*out_hold) explain(why, *out_rule, item, json_number_value(value), NULL);
    return STRAIT_OK;
}

/* The next figure of a rule from *inout_at on, which goes past it; NULL: there is none. */
static const json_t *next_figure(const json_t *figures, int rule, size_t *inout_at)
{
    while (*inout_at < json_array_size(figures)) {
        const json_t *figure = json_array_get(figures, (*inout_at)++);
        const char *name = json_string_value(json_object_get(figure, "rule"));
        if (name && strcmp(name, rules[rule].name) == 0) return figure;
    }
    return NULL;
}

static bool has_item(const json_t *figures, int rule, const char *item)
{
    size_t at = 0;
    const json_t *figure;
    while ((figure = next_figure(figures, rule, &at))) {
        const char *name = json_string_value(json_object_get(figure, "item"));
        if (!item || (name && strcmp(name, item) == 0)) return true;
    }
    return false;
}

/* What rules of scope ANY are about, at least. */
static const struct {
    strait_rule rule;
    bool bf16; /* only of a chip that keeps bf16 */
    const char *item;
} wanted[] = {
    {STRAIT_RULE_PRODUCER, false, "first queue produces"},
    {STRAIT_RULE_PRODUCER, false, "second queue produces"},
    {STRAIT_RULE_ORDER_WRONG, false, "first queue produces"},
    {STRAIT_RULE_ORDER_WRONG, false, "second queue produces"},
    {STRAIT_RULE_CLOCK, false, "first queue produces"},
    {STRAIT_RULE_CLOCK, false, "second queue produces"},
    {STRAIT_RULE_NARROWING_WRONG, true, "every bf16 pattern"},
    {STRAIT_RULE_NARROWING_WRONG, true, "products"},
    {STRAIT_RULE_FUNCTIONS_WRONG, false, "swiglu f32"},
    {STRAIT_RULE_FUNCTIONS_WRONG, false, "rmsnorm f32"},
#define PRODUCT(dtype, is_bf16)                                                 \
    {STRAIT_RULE_CANCELLATION_WRONG, is_bf16, "linear " dtype " exact"},        \
        {STRAIT_RULE_CANCELLATION_WRONG, is_bf16, "linear_dx " dtype " exact"}, \
        {STRAIT_RULE_CANCELLATION_WRONG, is_bf16, "linear_dw " dtype " exact"}, \
        {STRAIT_RULE_SAMPLES_ERROR, is_bf16, "linear " dtype " exact"},         \
        {STRAIT_RULE_SAMPLES_ERROR, is_bf16, "linear_dx " dtype " exact"},      \
        {STRAIT_RULE_SAMPLES_ERROR, is_bf16, "linear_dw " dtype " exact"},      \
        {STRAIT_RULE_VECTOR_ERROR, is_bf16, "linear " dtype " exact"},          \
        {STRAIT_RULE_VECTOR_ERROR, is_bf16, "linear_dx " dtype " exact"},       \
        {STRAIT_RULE_VECTOR_ERROR, is_bf16, "linear_dw " dtype " exact"},       \
        {STRAIT_RULE_STEP_HASH, is_bf16, dtype " exact"},                       \
        {STRAIT_RULE_LAYER_OF_BAND, is_bf16, dtype " exact embedding"},         \
        {STRAIT_RULE_LAYER_OF_BAND, is_bf16, dtype " exact head"},              \
    {                                                                           \
        STRAIT_RULE_LAYER_COSINE, is_bf16, dtype " exact head"                  \
    }
    PRODUCT("f32", false),
    PRODUCT("bf16", true),
#undef PRODUCT
};

/* What takes more than --quick has. */
static const struct {
    strait_rule rule;
    double least;
} full[] = {{STRAIT_RULE_MEMORY_COVERED, 67108865}, {STRAIT_RULE_LAUNCHES, 100000}};
enum { FULL_REPEATS = 4600 }; /* of each op */

static double number_of(const json_t *figures, strait_rule rule)
{
    size_t at = 0;
    return json_number_value(json_object_get(next_figure(figures, (int)rule, &at), "value"));
}

static size_t count_of(const json_t *figures, strait_rule rule)
{
    size_t at = 0;
    size_t count = 0;
    while (next_figure(figures, (int)rule, &at)) count++;
    return count;
}

/* Whether as much was done as a certificate that is not quick says. */
static bool is_full(const json_t *figures, int level, char *why)
{
    for (size_t i = 0; i < sizeof full / sizeof full[0]; i++) {
        if (rules[full[i].rule].level != level || number_of(figures, full[i].rule) >= full[i].least) continue;
        snprintf(why, 512, "%s is %.6g, and without --quick at least %.6g", rules[full[i].rule].name,
                 number_of(figures, full[i].rule), full[i].least);
        return false;
    }
    double least = (double)FULL_REPEATS * (double)count_of(figures, STRAIT_RULE_REPEATS_WRONG);
    if (rules[STRAIT_RULE_REPEATS].level != level || number_of(figures, STRAIT_RULE_REPEATS) >= least) return true;
    snprintf(why, 512, "%s is %.6g, and without --quick at least %.6g", rules[STRAIT_RULE_REPEATS].name,
             number_of(figures, STRAIT_RULE_REPEATS), least);
    return false;
}

static bool has_wanted(const json_t *figures, int level, bool bf16, char *why)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (rules[wanted[i].rule].level != level || (wanted[i].bf16 && !bf16)) continue;
        if (has_item(figures, (int)wanted[i].rule, wanted[i].item)) continue;
        snprintf(why, 512, "%s of %s was not measured", rules[wanted[i].rule].name, wanted[i].item);
        return false;
    }
    return true;
}

/* Is each rule there, for each op where it is one of ops? */
static bool complete(const json_t *figures, int level, bool bf16, char *why)
{
    for (int i = 0; i < STRAIT_RULE_COUNT; i++) {
        if (rules[i].level != level) continue;
        bool good = rules[i].scope == OP || has_item(figures, i, NULL);
        if (!good) snprintf(why, 512, "%s was not measured", rules[i].name);
        for (int op = 0; good && rules[i].scope == OP && op < 2 * STRAIT_OP_COUNT; op++) {
            char item[64];
            if (op % 2 == 1 && !bf16) continue;
            strait__item_name((strait_op)(op / 2), op % 2 == 0 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16, item);
            good = has_item(figures, i, item);
            if (!good) snprintf(why, 512, "%s of %s was not measured", rules[i].name, item);
        }
        if (!good) return false;
    }
    return true;
}

strait_status strait__figures_judge(const json_t *figures, int level, bool bf16, bool quick, const char *name,
                                    bool *out_hold, char *why)
{
    bool all = true;
    if (!json_is_array(figures)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: levels[%d].figures: must be an array", name, level);
    }
    for (size_t i = 0; i < json_array_size(figures); i++) {
        int rule;
        bool holds = false;
        char reason[512] = "";
        STRAIT_TRY(read_figure(json_array_get(figures, i), i, level, name, &rule, &holds, reason));
        if (!holds && all) memcpy(why, reason, sizeof reason);
        all = all && holds;
    }
    *out_hold = all && complete(figures, level, bf16, why) && has_wanted(figures, level, bf16, why) &&
                (quick || is_full(figures, level, why));
    return STRAIT_OK;
}
