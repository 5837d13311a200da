/* The language of rules, every scenario of tests/plan/scenarios.csv, and that a stricter rule never gives a milder
 * verdict. */
#define _POSIX_C_SOURCE 200809L
#include "folder.h"

#include <math.h>

#include "plan/rules.h"
#include "plan/scene_yaml.h"

static strait_facts *facts;
static strait_rulebook *book;

static int open_all(void **state)
{
    (void)state;
    strait_days today;
    if (!strait_days_parse("2026-11-23", &today)) return -1;
    strait_facts_options options = {.today = today.first};
    if (strait_facts_open(&options, &facts) != STRAIT_OK || strait_rulebook_create(facts, &book) != STRAIT_OK) {
        print_error("%s\n", strait_error_message());
        return -1;
    }
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    strait_rulebook_destroy(book);
    strait_facts_close(facts);
    return 0;
}

/* ---- The language ---- */

static void parse_refused(const char *text, const char *message)
{
    strait_test test;
    assert_int_equal(strait_test_parse(text, facts, &test), STRAIT_ERR_FORMAT);
    if (!strstr(strait_error_message(), message))
        fail_msg("'%s': \"%s\" lacks \"%s\"", text, strait_error_message(), message);
}

static void tests_are_parsed_strictly(void **state)
{
    (void)state;
    parse_refused("tpp > ", "character 7: no number");
    parse_refused("tpp >= 4800 tpp < 3", "character 13: 'and', 'or' or the end is missing before");
    parse_refused("tps >= 4800", "character 1: no field is called 'tps'; did you mean 'tpp'?");
    parse_refused("tpp = 4800", "'<', '<=', '>' or '>=' is missing");
    parse_refused("tpp >= 48x", "no number: '48x'");
    parse_refused("tpp >= 0x10", "no number: '0x10'");
    parse_refused("(tpp >= 4800", "')' is missing");
    parse_refused("tpp >= 4800)", "or the end is missing");
    parse_refused("chip in [h2o]", "no chip has the key 'h2o'; did you mean 'h20'?");
    parse_refused("to in [cm]", "no country or group has the key 'cm'");
    parse_refused("to in [D:9]", "no country or group has the key 'D:9'");
    parse_refused("to in []", "a word is missing");
    parse_refused("to in [cn", "']' or ',' is missing");
    parse_refused("to = cn", "'in' is missing");
    parse_refused("listed = maybe", "yes or no, not 'maybe'");
    parse_refused("data in [secret]", "not 'secret'");
    parse_refused("installed_on >= 2023-13-01", "no day: '2023-13-01'");
    parse_refused("installed_on >= 2023", "no day: '2023'");
    parse_refused("owner_is in [nobody]", "no entity has the key 'nobody'");
    parse_refused("not", "a field is missing");
    parse_refused("and", "no field is called 'and'");
    parse_refused("((((((((((((((((((any))))))))))))))))))", "nested too deeply");
    char text[4000] = "any";
    for (int i = 0; i < 80; i++) strcat(text, " or any");
    parse_refused(text, "the test is too long");
}

static strait_truth holds(const char *text, const strait_scene *scene, uint32_t *unknown)
{
    strait_test test;
    if (strait_test_parse(text, facts, &test) != STRAIT_OK) fail_msg("%s", strait_error_message());
    *unknown = 0;
    return strait_test_holds(&test, facts, scene, 20000, unknown);
}

static void three_values(void **state)
{
    (void)state;
    strait_scene s;
    uint32_t unknown;
    strait_scene_init(&s);
    assert_int_equal(holds("", &s, &unknown), STRAIT_TRUTH_YES);
    assert_int_equal(holds("listed = yes or any", &s, &unknown), STRAIT_TRUTH_UNKNOWN + STRAIT_TRUTH_YES);
    assert_int_equal(unknown, 0);
    assert_int_equal(holds("listed = yes and any", &s, &unknown), STRAIT_TRUTH_UNKNOWN);
    assert_true(unknown != 0);
    assert_int_equal(holds("listed = yes and not any", &s, &unknown), STRAIT_TRUTH_NO);
    assert_int_equal(holds("not listed = yes", &s, &unknown), STRAIT_TRUTH_UNKNOWN);
    /* and binds closer than or */
    assert_int_equal(holds("any or any and not any", &s, &unknown), STRAIT_TRUTH_YES);
    assert_int_equal(holds("(any or any) and not any", &s, &unknown), STRAIT_TRUTH_NO);
    s.owner.listed = STRAIT_TRUTH_NO;
    assert_int_equal(holds("listed = yes", &s, &unknown), STRAIT_TRUTH_UNKNOWN); /* the tenant is not stated */
    s.tenant.absent = true;
    assert_int_equal(holds("listed = yes", &s, &unknown), STRAIT_TRUTH_NO);
    assert_int_equal(holds("tenant in [cn]", &s, &unknown), STRAIT_TRUTH_NO);
    s.construction_percent = 30;
    assert_int_equal(holds("construction < 30", &s, &unknown), STRAIT_TRUTH_NO);
    assert_int_equal(holds("construction >= 30", &s, &unknown), STRAIT_TRUTH_YES);
    assert_true(strait_days_parse("2023-11", &s.installed_on));
    assert_int_equal(holds("installed_on >= 2023-11-17", &s, &unknown), STRAIT_TRUTH_UNKNOWN);
    assert_int_equal(holds("installed_on >= 2023-11-01", &s, &unknown), STRAIT_TRUTH_YES);
    assert_int_equal(holds("installed_on >= 2023-12-01", &s, &unknown), STRAIT_TRUTH_NO);
}

/* A lower bound decides at or over a threshold, never below it. */
static void lower_bounds(void **state)
{
    (void)state;
    strait_scene s;
    uint32_t unknown;
    strait_scene_init(&s);
    assert_int_equal(strait_facts_chip(facts, "ascend-910c", NULL, &s.chip), STRAIT_OK); /* at least 12032 */
    assert_int_equal(holds("tpp >= 4800", &s, &unknown), STRAIT_TRUTH_YES);
    assert_int_equal(holds("tpp < 4800", &s, &unknown), STRAIT_TRUTH_NO);
    assert_int_equal(holds("tpp >= 21000", &s, &unknown), STRAIT_TRUTH_UNKNOWN);
    assert_int_equal(holds("tpp < 21000", &s, &unknown), STRAIT_TRUTH_UNKNOWN);
    assert_int_equal(holds("density >= 5.92", &s, &unknown), STRAIT_TRUTH_UNKNOWN);
    assert_int_equal(strait_facts_chip(facts, "h20", NULL, &s.chip), STRAIT_OK); /* exactly 2368 */
    assert_int_equal(holds("tpp >= 2368", &s, &unknown), STRAIT_TRUTH_YES);
    assert_int_equal(holds("tpp > 2368", &s, &unknown), STRAIT_TRUTH_NO);
    assert_int_equal(holds("tpp >= 2369", &s, &unknown), STRAIT_TRUTH_NO);
    assert_int_equal(strait_facts_chip(facts, "bi-v150", NULL, &s.chip), STRAIT_OK); /* 196.5 TFLOPS measured */
    assert_int_equal(holds("tpp >= 3000", &s, &unknown), STRAIT_TRUTH_UNKNOWN);
}

/* A row says something of its own days only; a country without a row is what `other` says, or unknown. */
static void groups_have_days(void **state)
{
    (void)state;
    strait_group *row = (strait_group *)(uintptr_t)strait_facts_find(facts, STRAIT_TABLE_GROUPS, "d5-cn");
    strait_days was = row->to;
    assert_int_equal(strait_facts_in_group(facts, "D:5", "cn", 20500), STRAIT_TRUTH_YES);
    assert_int_equal(strait_facts_in_group(facts, "D:5", "cn", 10000), STRAIT_TRUTH_UNKNOWN);
    row->to = (strait_days){20499, 20499};
    assert_int_equal(strait_facts_in_group(facts, "D:5", "cn", 20500), STRAIT_TRUTH_UNKNOWN);
    row->to = was;
    assert_int_equal(strait_facts_in_group(facts, "D:5", "in", 20500), STRAIT_TRUTH_NO);
    assert_int_equal(strait_facts_in_group(facts, "D:1", "in", 20500), STRAIT_TRUTH_UNKNOWN);
    assert_int_equal(strait_facts_in_group(facts, "D:5", "kh", 20486), STRAIT_TRUTH_YES); /* 2026-02-02 */
    assert_int_equal(strait_facts_in_group(facts, "D:5", "kh", 20487), STRAIT_TRUTH_NO);
}

/* ---- Scenarios ---- */

static int column_of(const strait_csv *csv, const char *name)
{
    for (int i = 0; i < csv->columns; i++)
        if (strcmp(strait_csv_at(csv, 0, i)->text, name) == 0) return i;
    fail_msg("scenarios.csv has no column %s", name);
    return -1;
}

static const char *cell_of(const strait_csv *csv, int row, const char *name)
{
    return strait_csv_at(csv, row, column_of(csv, name))->text;
}

static void scene_of(const strait_csv *csv, int row, strait_scene *scene)
{
    char where[64];
    strait_scene_init(scene);
    snprintf(where, sizeof where, "scenarios.csv:%d", strait_csv_at(csv, row, 0)->line);
    for (int i = 0; i < csv->columns; i++) {
        const char *key = strait_csv_at(csv, 0, i)->text;
        const char *value = strait_csv_at(csv, row, i)->text;
        if (!strait_scene_has(key) || value[0] == '\0') continue;
        if (strait_scene_set(scene, facts, where, key, value) != STRAIT_OK) fail_msg("%s", strait_error_message());
    }
    if (scene->last == INT32_MIN) scene->last = scene->first;
    if (strait_scene_check(scene, where) != STRAIT_OK) fail_msg("%s", strait_error_message());
}

/* What counts is exactly the list; what is listed as silent is among those that do not count. */
static bool findings_fit(const strait_judgement *j, const char *counts, const char *silent, char *out, size_t capacity)
{
    size_t wanted = 0;
    bool fits = true;
    const char *list = counts;
    const char *entry;
    size_t length;
    out[0] = '\0';
    while (strait_list_next(&list, &entry, &length)) wanted++;
    size_t found = 0;
    for (size_t i = 0; i < j->n_findings; i++) {
        const strait_finding *f = &j->findings[i];
        size_t used = strlen(out);
        snprintf(out + used, capacity - used, "%s%s%s", used > 0 ? "; " : "", f->silence == STRAIT_COUNTS ? "" : "~",
                 f->rule->fact.key);
        if (f->silence != STRAIT_COUNTS) continue;
        found++;
        fits = fits && strait_list_has(counts, f->rule->fact.key);
    }
    list = silent;
    while (strait_list_next(&list, &entry, &length)) {
        bool listed = false;
        for (size_t i = 0; i < j->n_findings; i++) {
            const char *key = j->findings[i].rule->fact.key;
            listed = listed || (strlen(key) == length && strncmp(key, entry, length) == 0 &&
                                j->findings[i].silence != STRAIT_COUNTS);
        }
        fits = fits && listed;
    }
    return fits && found == wanted;
}

static void read_table(const char *path, strait_csv *csv)
{
    strait_buffer text = {0};
    if (strait_file_read(path, 0, &text) != STRAIT_OK ||
        strait_csv_parse(path, text.bytes, text.length, csv) != STRAIT_OK)
        fail_msg("%s", strait_error_message());
    strait_buffer_fini(&text);
}

static void read_scenarios(strait_csv *csv)
{
    read_table(STRAIT_TEST_DATA "/plan/scenarios.csv", csv);
    assert_true(csv->rows > 50);
}

static void every_scenario(void **state)
{
    (void)state;
    static const char *const reviews[] = {"approval", "not-stated", "case-by-case", "denial"};
    strait_csv csv;
    int failures = 0;
    read_scenarios(&csv);
    for (int row = 1; row < csv.rows; row++) {
        strait_scene scene;
        strait_judgement j;
        char found[2000];
        scene_of(&csv, row, &scene);
        assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
        const char *verdict = cell_of(&csv, row, "verdict");
        const char *review = cell_of(&csv, row, "review");
        const char *reviewed = j.review >= 0 ? reviews[j.review] : "";
        bool fits = findings_fit(&j, cell_of(&csv, row, "counts"), cell_of(&csv, row, "silent"), found, sizeof found);
        if (!fits || strcmp(verdict, strait_verdict_word(j.verdict)) != 0 || strcmp(review, reviewed) != 0) {
            failures++;
            print_error("%s: %s/%s by {%s}, expected %s/%s by {%s} and ~{%s}: %s\n", cell_of(&csv, row, "name"),
                        strait_verdict_word(j.verdict), reviewed, found, verdict, review, cell_of(&csv, row, "counts"),
                        cell_of(&csv, row, "silent"), cell_of(&csv, row, "why"));
        }
        assert_true(cell_of(&csv, row, "why")[0] != '\0');
        strait_judgement_fini(&j);
    }
    strait_csv_fini(&csv);
    if (failures > 0) fail_msg("%d scenarios", failures);
}

/* Whether a rule counts for the scenario on one day. */
static bool counts_on(const strait_csv *csv, int row, const char *rule, int32_t day)
{
    strait_scene scene;
    strait_judgement j;
    bool counts = false;
    scene_of(csv, row, &scene);
    scene.first = scene.last = day;
    assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
    for (size_t i = 0; i < j.n_findings; i++) {
        const strait_finding *f = &j.findings[i];
        counts = counts || (f->silence == STRAIT_COUNTS && strcmp(f->rule->fact.key, rule) == 0);
    }
    strait_judgement_fini(&j);
    return counts;
}

/* The first and the last day of rules, as the sources have them: a rule counts on them, and neither before nor after.
 */
static void rules_begin_and_end(void **state)
{
    (void)state;
    strait_csv csv;
    strait_csv edges;
    read_scenarios(&csv);
    read_table(STRAIT_TEST_DATA "/plan/edges.csv", &edges);
    assert_true(edges.rows > 30);
    for (int i = 1; i < edges.rows; i++) {
        const char *rule = cell_of(&edges, i, "rule");
        int row = 1;
        while (row < csv.rows && strcmp(cell_of(&csv, row, "name"), cell_of(&edges, i, "scenario")) != 0) row++;
        assert_true(row < csv.rows);
        for (int end = 0; end < 2; end++) {
            const char *text = cell_of(&edges, i, end ? "last_day" : "first_day");
            strait_days day;
            if (text[0] == '\0') continue;
            assert_true(strait_days_parse(text, &day));
            if (!counts_on(&csv, row, rule, day.first)) fail_msg("%s does not count on %s", rule, text);
            if (counts_on(&csv, row, rule, day.first + (end ? 1 : -1)))
                fail_msg("%s counts on the day %s %s", rule, end ? "after" : "before", text);
        }
    }
    strait_csv_fini(&edges);
    strait_csv_fini(&csv);
}

/* ---- Properties ---- */

/* Every rule in turn is given each stricter consequence, on a third of the scenarios, which differs from rule to rule;
 * none may come out milder. */
static void stricter_rules_are_not_milder(void **state)
{
    (void)state;
    strait_csv csv;
    size_t count;
    read_scenarios(&csv);
    strait_rule *rules = (strait_rule *)(uintptr_t)strait_facts_rules(facts, &count);
    enum { NONE, DUTIES, LICENCE, UNKNOWN, PROHIBITED };
    for (int row = 1; row < csv.rows; row++) {
        strait_scene scene;
        strait_judgement before;
        scene_of(&csv, row, &scene);
        assert_int_equal(strait_rulebook_judge(book, &scene, &before), STRAIT_OK);
        for (size_t i = 0; i < count; i++) {
            int was = rules[i].consequence;
            if (((size_t)row + i) % 3 != 0) continue;
            for (int stricter = was + 1; stricter <= PROHIBITED; stricter++) {
                strait_judgement after;
                rules[i].consequence = stricter;
                assert_int_equal(strait_rulebook_judge(book, &scene, &after), STRAIT_OK);
                rules[i].consequence = was;
                if (strait_verdict_rank(after.verdict) < strait_verdict_rank(before.verdict))
                    fail_msg("%s: %s is milder", cell_of(&csv, row, "name"), rules[i].fact.key);
                strait_judgement_fini(&after);
            }
        }
        strait_judgement_fini(&before);
    }
    strait_csv_fini(&csv);
}

/* A longer act meets what each of its days meets. */
static void longer_acts_are_not_milder(void **state)
{
    (void)state;
    strait_csv csv;
    read_scenarios(&csv);
    for (int row = 1; row < csv.rows; row++) {
        strait_scene scene;
        strait_judgement day;
        strait_judgement days;
        scene_of(&csv, row, &scene);
        assert_int_equal(strait_rulebook_judge(book, &scene, &day), STRAIT_OK);
        scene.first -= 200;
        scene.last += 200;
        assert_int_equal(strait_rulebook_judge(book, &scene, &days), STRAIT_OK);
        if (strait_verdict_rank(days.verdict) < strait_verdict_rank(day.verdict) || days.review < day.review)
            fail_msg("%s: milder over 400 days more", cell_of(&csv, row, "name"));
        strait_judgement_fini(&day);
        strait_judgement_fini(&days);
    }
    strait_csv_fini(&csv);
}

/* ---- Licences, the user's own rows, what is ranked ---- */

static void state_fact(strait_scene *scene, const char *key, const char *value)
{
    if (strait_scene_set(scene, facts, "test", key, value) != STRAIT_OK) fail_msg("%s", strait_error_message());
}

static void h20_to_china(strait_scene *scene, const char *day)
{
    static const char *const said[][2] = {
        {"transaction", "buy"}, {"chip", "h20"},          {"from", "us"},         {"to", "hk"},
        {"owner", "hk"},        {"owner.parent", "none"}, {"owner.listed", "no"}, {"owner.listed_share_percent", "0"},
        {"tenant", "none"},     {"state_funded", "no"}};
    strait_scene_init(scene);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) state_fact(scene, said[i][0], said[i][1]);
    state_fact(scene, "first_day", day);
    state_fact(scene, "last_day", day);
}

static void licences_are_for_their_days(void **state)
{
    (void)state;
    strait_scene scene;
    strait_judgement j;
    h20_to_china(&scene, "2026-12-01");
    assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
    assert_int_equal(j.verdict, STRAIT_VERDICT_LICENCE);
    assert_false(j.licensed || strait_judgement_ranks(&j));
    strait_judgement_fini(&j);
    state_fact(&scene, "licence.authority", "us");
    state_fact(&scene, "licence.number", "D123");
    state_fact(&scene, "licence.expires", "2026-12-31");
    assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
    assert_int_equal(j.verdict, STRAIT_VERDICT_LICENCE);
    assert_true(j.licensed && strait_judgement_ranks(&j));
    strait_judgement_fini(&j);
    state_fact(&scene, "last_day", "2027-01-01"); /* a day longer than the licence */
    assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
    assert_false(j.licensed || strait_judgement_ranks(&j));
    strait_judgement_fini(&j);
    state_fact(&scene, "last_day", "2026-12-01");
    state_fact(&scene, "licence.authority", "cn"); /* another's licence is no help, nor harm */
    state_fact(&scene, "licence.number", "X");
    state_fact(&scene, "licence.expires", "2030-01-01");
    assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
    assert_true(j.licensed);
    strait_judgement_fini(&j);
}

static void looking_back_ranks_nothing(void **state)
{
    (void)state;
    strait_scene scene;
    strait_judgement j;
    h20_to_china(&scene, "2025-04-08");
    assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
    assert_int_equal(j.verdict, STRAIT_VERDICT_NONE);
    assert_true(j.historical && !strait_judgement_ranks(&j));
    strait_judgement_fini(&j);
    h20_to_china(&scene, "2027-06-01"); /* later than rules checked in November 2026 can be believed */
    assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
    assert_true(j.verify && !j.historical);
    strait_judgement_fini(&j);
}

/* A user's row that would lift a chip out of a rule: the built-in one counts beside it. */
static void user_rows_do_not_loosen(void **state)
{
    (void)state;
    const char *path = ((test_folder *)*state)->path;
    char file[200];
    const char *chips =
        "key,name,designer,int8_tops,fp8_tflops,datacenter,us_origin,source,checked_on,confidence,basis\n"
        "h200,Mine,Me,1,1,no,no,mine,2026-11-01,high,vendor\n";
    const char *rules =
        "key,name,jurisdiction,authority,kind,in_force_from,enforced,binds,transactions,chip_test,consequence,source,"
        "checked_on,confidence,basis\n"
        "user-ours,Our policy,us,Us,regulation,2020,yes,us,rent,chip in [h20],prohibited,us,2026-11-01,high,official\n";
    snprintf(file, sizeof file, "%s/chips.csv", path);
    assert_int_equal(strait_file_replace(file, chips, strlen(chips)), STRAIT_OK);
    snprintf(file, sizeof file, "%s/rules.csv", path);
    assert_int_equal(strait_file_replace(file, rules, strlen(rules)), STRAIT_OK);
    strait_facts *mine = NULL;
    strait_rulebook *my_book = NULL;
    strait_facts_options options = {.directory = path, .today = facts->today};
    if (strait_facts_open(&options, &mine) != STRAIT_OK) fail_msg("%s", strait_error_message());
    if (strait_rulebook_create(mine, &my_book) != STRAIT_OK) fail_msg("%s", strait_error_message());
    strait_scene scene;
    strait_judgement j;
    h20_to_china(&scene, "2026-12-01");
    assert_int_equal(strait_facts_chip(mine, "h200", NULL, &scene.chip), STRAIT_OK);
    assert_int_equal(scene.chip->us_origin, STRAIT_TRUTH_NO);
    assert_int_equal(strait_rulebook_judge(my_book, &scene, &j), STRAIT_OK);
    assert_int_equal(j.verdict, STRAIT_VERDICT_LICENCE);
    strait_judgement_fini(&j);
    scene.transaction = STRAIT_ACT_RENT;
    assert_int_equal(strait_facts_chip(mine, "h20", NULL, &scene.chip), STRAIT_OK);
    assert_int_equal(strait_rulebook_judge(my_book, &scene, &j), STRAIT_OK);
    assert_int_equal(j.verdict, STRAIT_VERDICT_PROHIBITED);
    assert_false(strait_judgement_ranks(&j));
    strait_judgement_fini(&j);
    /* What the scene says of a known company does not hide what its row says. */
    h20_to_china(&scene, "2026-10-01");
    state_fact(&scene, "to", "jp");
    state_fact(&scene, "chip", "h200");
    state_fact(&scene, "owner", "huawei");
    state_fact(&scene, "owner.headquarters", "jp");
    state_fact(&scene, "owner.parent", "none");
    state_fact(&scene, "owner.listed", "no");
    assert_int_equal(strait_rulebook_judge(book, &scene, &j), STRAIT_OK);
    assert_int_equal(j.verdict, STRAIT_VERDICT_LICENCE);
    strait_judgement_fini(&j);
    strait_rulebook_destroy(my_book);
    strait_facts_close(mine);
}

static int make_folder(void **state)
{
    return folder_make("/tmp", state);
}

static int remove_folder(void **state)
{
    test_folder *folder = *state;
    strait_status status = strait_directory_remove(folder->path);
    free(folder);
    return status != STRAIT_OK;
}

/* ---- YAML ---- */

static void yaml_refused(const char *text, const char *message)
{
    strait_yaml yaml;
    strait_scene scene;
    strait_scene_init(&scene);
    if (strait_yaml_parse("s.yaml", text, strlen(text), &yaml) != STRAIT_OK) fail_msg("%s", strait_error_message());
    strait_status status = strait_scene_read(&scene, facts, "s.yaml", &yaml, 0, NULL, NULL);
    if (status == STRAIT_OK) status = strait_scene_check(&scene, "s.yaml");
    assert_int_not_equal(status, STRAIT_OK);
    if (!strstr(strait_error_message(), message)) fail_msg("\"%s\" lacks \"%s\"", strait_error_message(), message);
    strait_yaml_fini(&yaml);
}

static void yaml_errors_name_the_key(void **state)
{
    (void)state;
    yaml_refused("transacton: buy", "s.yaml:1:1: 'transacton' is no key; did you mean 'transaction'?");
    yaml_refused("transaction: buyy", "s.yaml:1:14: transaction: 'buyy' is not allowed; did you mean 'buy'?");
    yaml_refused("chip: h2o", "s.yaml:1:7: chip: no chip is called 'h2o'; did you mean 'h20'?");
    yaml_refused("to: Chnia", "to: no country is called 'Chnia'; did you mean 'cn'?");
    yaml_refused("owner: Nobody Inc", "owner: no entity, and");
    yaml_refused("owner: {headquarters: cn}", "s.yaml:1:8: owner: source is missing");
    yaml_refused("owner: {name: huawei, listed: no}", "owner: source is missing");
    yaml_refused("owner: {seat: cn, source: x}", "'owner.seat' is no key");
    yaml_refused("owner: [cn]", "a name, `none` or a map is wanted here");
    yaml_refused("construction_percent: 120", "'120' is not what it takes: a number from 0 to 100");
    yaml_refused("construction_percent: -1", "a number from 0 to 100");
    yaml_refused("first_day: 2026", "a day, as in 2026-11-23");
    yaml_refused("us_persons: maybe", "yes, no or unknown");
    yaml_refused("chip: [h20]", "one value is wanted here");
    yaml_refused("chip: h20\nchip: h20", "s.yaml:2:1: chip: stands here twice");
    yaml_refused("licences: [{number: x}]", "licence.authority first");
    yaml_refused("licences: [{authority: us}]\ntransaction: buy\nto: cn\nchip: h20", "a licence has a number");
    yaml_refused("chip: h20\nto: cn", "transaction is missing");
    yaml_refused("transaction: buy\nto: cn", "chip is missing");
    yaml_refused("transaction: move-data\nto: cn\nchip: h20", "no chip moves with data");
    yaml_refused("- chip", "a map of keys is wanted here");
}

static void yaml_states_facts(void **state)
{
    (void)state;
    const char *text = "licences:\n  - {number: D1, authority: us, expires: 2027-01-01}\n"
                       "owner: {source: register, parent: none, headquarters: Singapore, listed: no}\n"
                       "tenant: none\nchip: H200\ntransaction: use\nto: SG\nmilitary: false\nfrom:\n";
    strait_yaml yaml;
    strait_scene scene;
    strait_scene_init(&scene);
    assert_int_equal(strait_yaml_parse("s.yaml", text, strlen(text), &yaml), STRAIT_OK);
    if (strait_scene_read(&scene, facts, "s.yaml", &yaml, 0, NULL, NULL) != STRAIT_OK)
        fail_msg("%s", strait_error_message());
    assert_string_equal(scene.owner.headquarters, "sg");
    assert_string_equal(scene.owner.parent, "sg");
    assert_string_equal(scene.chip->fact.key, "h200");
    assert_true(scene.tenant.absent && scene.n_licences == 1 && scene.from == NULL);
    assert_int_equal(scene.military, STRAIT_TRUTH_NO);
    assert_int_equal(scene.us_persons, STRAIT_TRUTH_UNKNOWN);
    strait_yaml_fini(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tests_are_parsed_strictly),
        cmocka_unit_test(three_values),
        cmocka_unit_test(lower_bounds),
        cmocka_unit_test(groups_have_days),
        cmocka_unit_test(every_scenario),
        cmocka_unit_test(rules_begin_and_end),
        cmocka_unit_test(stricter_rules_are_not_milder),
        cmocka_unit_test(longer_acts_are_not_milder),
        cmocka_unit_test(licences_are_for_their_days),
        cmocka_unit_test(looking_back_ranks_nothing),
        cmocka_unit_test_setup_teardown(user_rows_do_not_loosen, make_folder, remove_folder),
        cmocka_unit_test(yaml_errors_name_the_key),
        cmocka_unit_test(yaml_states_facts),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
