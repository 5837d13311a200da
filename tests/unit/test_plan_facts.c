/* The reader of CSV, the schemas, and the built-in tables: what is refused, where, and what stays unknown. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "plan/facts.h"

/* ---- CSV ---- */

static void parsed(const char *text, strait_csv *out)
{
    strait_status status = strait_csv_parse("t.csv", text, strlen(text), out);
    if (status != STRAIT_OK) fail_msg("%s", strait_error_message());
}

static void refused(const char *text, const char *message)
{
    strait_csv csv;
    assert_int_equal(strait_csv_parse("t.csv", text, strlen(text), &csv), STRAIT_ERR_FORMAT);
    if (!strstr(strait_error_message(), message)) fail_msg("\"%s\" lacks \"%s\"", strait_error_message(), message);
}

static void csv_reads_rfc4180(void **state)
{
    (void)state;
    strait_csv csv;
    parsed("a,b\r\n\"x, \"\"y\"\"\nz\",\r\n,last", &csv);
    assert_int_equal(csv.rows, 3);
    assert_int_equal(csv.columns, 2);
    assert_string_equal(strait_csv_at(&csv, 1, 0)->text, "x, \"y\"\nz");
    assert_string_equal(strait_csv_at(&csv, 1, 1)->text, "");
    assert_string_equal(strait_csv_at(&csv, 2, 1)->text, "last");
    assert_int_equal(strait_csv_at(&csv, 2, 0)->line, 4);
    assert_int_equal(strait_csv_at(&csv, 1, 1)->line, 3);
    assert_int_equal(strait_csv_at(&csv, 1, 1)->column, 4);
    strait_csv_fini(&csv);
    parsed("\xEF\xBB\xBF"
           "a\n\n\n",
           &csv);
    assert_int_equal(csv.rows, 1);
    assert_string_equal(strait_csv_at(&csv, 0, 0)->text, "a");
    strait_csv_fini(&csv);
}

static void csv_errors_name_the_place(void **state)
{
    (void)state;
    refused("", "t.csv:1:1: empty");
    refused("a,b\n1\n", "t.csv:2:1: 1 fields, the first line has 2");
    refused("a,b\n1,\"2\n", "t.csv:2:3: a quote that is never closed");
    refused("a,b\n1,\"2\"x\n", "t.csv:2:6: text behind the closing quote");
    refused("a,b\n1,2\"\n", "t.csv:2:4: a quote inside a field");
    refused("a,b\n1,2\r3\n", "t.csv:2:4: a carriage return");
    refused("a,b\n1,\xff\n", "t.csv:2:1: bytes that are not UTF-8");
    refused("a\n\xc3\xa9,\"x\n", "t.csv:2:3: a quote that is never closed"); /* columns are characters */
    strait_csv csv;
    assert_int_equal(strait_csv_parse("t.csv", "a\nb\0c", 5, &csv), STRAIT_ERR_FORMAT);
    assert_non_null(strstr(strait_error_message(), "t.csv:2:1: a zero byte"));
}

static void csv_is_bounded(void **state)
{
    (void)state;
    size_t length = (size_t)STRAIT_CSV_BYTES_MAX + 1;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, 'a', length);
    strait_csv csv;
    assert_int_equal(strait_csv_parse("t.csv", text, length, &csv), STRAIT_ERR_FORMAT);
    memset(text, ',', 200);
    assert_int_equal(strait_csv_parse("t.csv", text, 200, &csv), STRAIT_ERR_FORMAT);
    for (int i = 0; i < 10000; i++) memcpy(text + 2 * (size_t)i, "a\n", 2);
    assert_int_equal(strait_csv_parse("t.csv", text, 20000, &csv), STRAIT_ERR_FORMAT);
    free(text);
}

/* ---- Days ---- */

static void days_are_checked(void **state)
{
    (void)state;
    strait_days days;
    char text[16];
    assert_true(strait_days_parse("1970-01-01", &days));
    assert_int_equal(days.first, 0);
    assert_true(strait_days_parse("2000-02-29", &days));
    assert_int_equal(days.first, 11016);
    assert_true(strait_days_parse("2026-02", &days));
    assert_int_equal(days.last - days.first, 27);
    assert_true(strait_days_parse("2024", &days));
    assert_int_equal(days.last - days.first, 365);
    const char *wrong[] = {"", "2025-02-29", "2026-13", "2026-00-01", "2026-1-1", "26-01-01", "2026-01-01 ", "1899"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_false(strait_days_parse(wrong[i], &days));
    for (int32_t day = -20000; day < 80000; day += 37) {
        strait_day_format(day, text);
        assert_true(strait_days_parse(text, &days));
        assert_int_equal(days.first, day);
    }
}

/* ---- A user's tables ---- */

static char folder[] = "/tmp/strait-facts-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return strait_directory_remove(folder) != STRAIT_OK;
}

static void put(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(strait_file_replace(path, text, strlen(text)), STRAIT_OK);
}

static void take_away(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

/* Opens the facts with a user's table that must be refused. */
static void table_refused(const char *name, const char *text, const char *message)
{
    put(name, text);
    strait_facts *facts = NULL;
    strait_facts_options options = {.directory = folder};
    assert_int_equal(strait_facts_open(&options, &facts), STRAIT_ERR_FORMAT);
    if (!strstr(strait_error_message(), message)) fail_msg("\"%s\" lacks \"%s\"", strait_error_message(), message);
    assert_non_null(strstr(strait_error_message(), name));
    take_away(name);
}

#define PROVENANCE ",source,checked_on,confidence,basis"
#define FROM ",a page,2026-11-01,high,vendor"

static void bad_rows_are_named(void **state)
{
    (void)state;
    const char *chips = "chips.csv";
    table_refused(chips, "key,name,designer,memory_gbs" PROVENANCE "\n",
                  "chips.csv:1:19: the table chips has no column "
                  "'memory_gbs'; did you mean 'memory_gb'?");
    table_refused(chips, "key,name" PROVENANCE "\n", "the column 'designer' is missing");
    table_refused(chips, "key,key" PROVENANCE "\n", "stands here twice");
#define HEAD "key,name,designer,memory_gb,us_origin,designer_hq,source_date" PROVENANCE "\n"
    table_refused(chips, HEAD "x,X,Y,80-96,,,\n", "7 fields, the first line has 11");
    table_refused(chips, HEAD "x,X,Y,80-96,,," FROM "\n", "chips.csv:2:7: memory_gb: '80-96' is no number");
    table_refused(chips, HEAD "x,X,Y,about 80,,," FROM "\n", "is no number");
    table_refused(chips, HEAD "x,X,Y,0x50,,," FROM "\n", "is no number");
    table_refused(chips, HEAD "x,X,Y,-1,,," FROM "\n", "is no number");
    table_refused(chips, HEAD "x,X,Y,nan,,," FROM "\n", "is no number");
    table_refused(chips, HEAD "x,X,Y,1e9,,," FROM "\n", "1e9 is outside 0 to 100000");
    table_refused(chips, HEAD "x,X,Y,0,,," FROM "\n", "must be above 0");
    table_refused(chips, HEAD "x,X,Y,80,maybe,," FROM "\n", "us_origin: 'maybe': yes or no");
    table_refused(chips, HEAD "x,X,Y,80,,us,yesterday" FROM "\n", "'yesterday' is no date");
    table_refused(chips, HEAD "x,X,Y,80,,uss," FROM "\n",
                  "designer_hq: the table countries has no 'uss'; did you mean "
                  "'us'?");
    table_refused(chips, HEAD "X 1,X,Y,80,,," FROM "\n", "key: 'X 1': lower-case");
    table_refused(chips, HEAD "x,,Y,80,,," FROM "\n", "name: is empty");
    table_refused(chips, HEAD "x,X,Y,80,,," FROM "\nx,X,Y,80,,," FROM "\n", "'x' stands in line 2 already");
    table_refused(chips, HEAD "x,X,Y,80,,,,a page,2026-11-01,sure,vendor\n", "confidence: 'sure' is not allowed");
    table_refused(chips, HEAD "x,X,Y,80,,,,a page,2026-11-01,high,vender\n", "did you mean 'vendor'?");
    table_refused("chip.csv", "key\n", "there is no table 'chip'; did you mean 'chips'?");
    table_refused("groups.csv", "key,group,country,member,from" PROVENANCE "\nx,D:5,cn,no,2020" FROM "\n",
                  "not the user's to change");
#define RULE "key,name,jurisdiction,authority,kind,enforced,binds,consequence,overrides" PROVENANCE "\n"
    table_refused("rules.csv", RULE "us-x,X,us,A,regulation,yes,all,none," FROM "\n", "begin with 'user-'");
    table_refused("rules.csv", RULE "user-x,X,us,A,regulation,yes,all,none,us-y" FROM "\n", "override none");
}

static void user_rows_stand_in_front(void **state)
{
    (void)state;
    put("chips.csv", HEAD "h100-sxm,Mine,NVIDIA,79,,," FROM "\nmine,My chip,Me,10,no,cn," FROM "\n");
    strait_facts *facts = NULL;
    strait_facts_options options = {.directory = folder};
    assert_int_equal(strait_facts_open(&options, &facts), STRAIT_OK);
    const strait_chip *chip = NULL;
    assert_int_equal(strait_facts_chip(facts, "h100-sxm", NULL, &chip), STRAIT_OK);
    assert_true(chip->fact.user);
    assert_string_equal(chip->name, "Mine");
    assert_true(chip->memory_gb == 79);
    assert_true(chip->fp8_tflops == 1979); /* the built-in one's, which the user left open */
    const strait_chip *builtin = (const strait_chip *)chip->fact.builtin;
    assert_non_null(builtin);
    assert_true(builtin->memory_gb == 80 && !builtin->fact.user);
    assert_int_equal(strait_facts_chip(facts, "MY CHIP", NULL, &chip), STRAIT_OK);
    assert_true(isnan(chip->bf16_tflops));
    strait_facts_close(facts);
    take_away("chips.csv");
}

/* ---- The built-in tables ---- */

static strait_facts *opened(const char *accepted)
{
    strait_facts *facts = NULL;
    const char *names[1] = {accepted};
    strait_facts_options options = {.accepted = {names, accepted != NULL}};
    if (strait_facts_open(&options, &facts) != STRAIT_OK) fail_msg("%s", strait_error_message());
    return facts;
}

static const strait_chip *chip_of(const strait_facts *facts, const char *name)
{
    const strait_chip *chip = NULL;
    if (strait_facts_chip(facts, name, NULL, &chip) != STRAIT_OK) fail_msg("%s", strait_error_message());
    return chip;
}

static void builtin_tables_are_whole(void **state)
{
    (void)state;
    strait_facts *facts = opened(NULL);
    assert_true(facts->tables[STRAIT_TABLE_CHIPS].count >= 48);
    assert_true(facts->tables[STRAIT_TABLE_RUNS].count >= 53);
    assert_true(facts->tables[STRAIT_TABLE_PRICES].count >= 30);
    assert_string_equal(chip_of(facts, "H100")->fact.key, "h100-sxm");
    assert_string_equal(chip_of(facts, "ppu")->fact.key, "zhenwu-810e");
    const strait_chip *none = NULL;
    assert_int_equal(strait_facts_chip(facts, "H10O", "sites.yaml:3", &none), STRAIT_ERR_NOT_FOUND);
    assert_non_null(strstr(strait_error_message(), "sites.yaml:3: no chip is called 'H10O'; did you mean"));
    size_t count;
    const strait_price *prices = strait_facts_prices(facts, &count);
    for (size_t i = 0; i < count; i++) {
        if (isnan(prices[i].low) && isnan(prices[i].mid) && isnan(prices[i].high)) fail_msg("%s", prices[i].fact.key);
        if (prices[i].low > prices[i].high || prices[i].mid > prices[i].high || prices[i].low > prices[i].mid)
            fail_msg("%s: low, mid, high are not in order", prices[i].fact.key);
        bool server = prices[i].unit == STRAIT_UNIT_SERVER_HOUR || prices[i].unit == STRAIT_UNIT_SERVER_MONTH ||
                      prices[i].unit == STRAIT_UNIT_SERVER;
        if (server != (prices[i].chips_per_server > 0)) fail_msg("%s: chips_per_server", prices[i].fact.key);
    }
    strait_facts_close(facts);
}

/* Figures of the rule texts: 2368 and 2.9 for the H20, 20,919 for the MI300X, 36,000 for the B200. */
static void screens_are_computed(void **state)
{
    (void)state;
    strait_facts *facts = opened(NULL);
    strait_screen screen = strait_chip_screen(chip_of(facts, "h20"));
    assert_true(screen.exact && screen.tpp == 2368 && fabs(screen.density - 2.91) < 0.005);
    screen = strait_chip_screen(chip_of(facts, "mi300x"));
    assert_true(screen.exact && fabs(screen.tpp - 20919) < 0.5);
    screen = strait_chip_screen(chip_of(facts, "b200"));
    assert_true(screen.exact && screen.tpp == 36000 && isnan(screen.density));
    screen = strait_chip_screen(chip_of(facts, "a800"));
    assert_true(screen.tpp == 4992 && fabs(screen.density - 6.04) < 0.005);
    screen = strait_chip_screen(chip_of(facts, "4090"));
    assert_true(screen.tpp > 5280 && screen.tpp < 5290);
    screen = strait_chip_screen(chip_of(facts, "4090d"));
    assert_true(screen.exact && screen.tpp > 4700 && screen.tpp < 4800);
    /* A missing precision makes it a lower bound; measured rates do not count; nothing known is nothing. */
    screen = strait_chip_screen(chip_of(facts, "910c"));
    assert_true(!screen.exact && screen.tpp == 12032 && isnan(screen.density));
    screen = strait_chip_screen(chip_of(facts, "bi-v150"));
    assert_true(!screen.exact && fabs(screen.tpp - 38.7 * 32) < 0.01); /* 196.5 TFLOPS of bf16 were measured */
    screen = strait_chip_screen(chip_of(facts, "p800"));
    assert_null(screen.precision);
    strait_facts_close(facts);
}

static void memories_are_unknown_until_accepted(void **state)
{
    (void)state;
    strait_facts *facts = opened(NULL);
    assert_true(isnan(chip_of(facts, "mi300x")->link_published_gbs));
    assert_true(isnan(chip_of(facts, "p800")->fp16_tflops));
    strait_facts_close(facts);
    facts = opened("mi300x.link_published_gbs");
    assert_true(chip_of(facts, "mi300x")->link_published_gbs == 896);
    assert_true(isnan(chip_of(facts, "p800")->fp16_tflops));
    strait_facts_close(facts);
    facts = opened("kunlun-p800");
    assert_true(chip_of(facts, "p800")->fp16_tflops == 345);
    strait_facts_close(facts);
    const char *wrong = "h800-sxm.link_gb";
    strait_facts_options options = {.accepted = {&wrong, 1}};
    assert_int_equal(strait_facts_open(&options, &facts), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), wrong));
}

static void age_is_counted(void **state)
{
    (void)state;
    strait_facts *facts = NULL;
    strait_days day;
    assert_true(strait_days_parse("2026-11-23", &day));
    strait_facts_options options = {.today = day.first};
    assert_int_equal(strait_facts_open(&options, &facts), STRAIT_OK);
    const strait_fact *price = strait_facts_find(facts, STRAIT_TABLE_PRICES, "rent-h100-median");
    assert_int_equal(strait_fact_age(&strait_schemas[STRAIT_TABLE_PRICES], price, facts->today), 187);
    assert_true(strait_fact_stale(&strait_schemas[STRAIT_TABLE_PRICES], price, facts->today));
    const strait_fact *chip = strait_facts_find(facts, STRAIT_TABLE_CHIPS, "h100-sxm");
    assert_false(strait_fact_stale(&strait_schemas[STRAIT_TABLE_CHIPS], chip, facts->today));
    assert_true(strait_fact_stale(&strait_schemas[STRAIT_TABLE_CHIPS], chip, facts->today + 400));
    strait_facts_close(facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_reads_rfc4180),
        cmocka_unit_test(csv_errors_name_the_place),
        cmocka_unit_test(csv_is_bounded),
        cmocka_unit_test(days_are_checked),
        cmocka_unit_test_setup_teardown(bad_rows_are_named, make_folder, NULL),
        cmocka_unit_test_setup_teardown(user_rows_stand_in_front, NULL, remove_folder),
        cmocka_unit_test(builtin_tables_are_whole),
        cmocka_unit_test(screens_are_computed),
        cmocka_unit_test(memories_are_unknown_until_accepted),
        cmocka_unit_test(age_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
