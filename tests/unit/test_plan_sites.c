/* Sites files: what they state, and that everything wrong is named by line and key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plan/sites.h"

static strait_facts *facts;

static int open_facts(void **state)
{
    (void)state;
    strait_days today;
    if (!strait_days_parse("2026-11-23", &today)) return -1;
    strait_facts_options options = {.today = today.first};
    return strait_facts_open(&options, &facts) != STRAIT_OK;
}

static int close_facts(void **state)
{
    (void)state;
    strait_facts_close(facts);
    return 0;
}

#define PARTY "{headquarters: cn, parent: none, listed: no, source: register}"

static void sites_state_facts(void **state)
{
    (void)state;
    const char *text = "sites:\n"
                       "  - name: home\n    country: China\n    owner: " PARTY "\n    tenant: none\n"
                       "    transaction: use\n    state_funded: yes\n    construction_percent: 60\n    pue: 1.2\n"
                       "    currency: CNY\n    price_per_kwh: 0.6\n    wan_gbps:\n"
                       "    chips:\n"
                       "      - {chip: H800, count: 2048, per_node: 8, installed_on: 2023-06, link_gbs: 200}\n"
                       "      - {chip: H200, count: 1e3, transaction: buy, ship_from: us, price_per_chip: 27000}\n"
                       "  - {name: abroad, country: sg, transaction: rent, chips: [{chip: b200, count: 64}]}\n";
    strait_sites sites;
    if (strait_sites_parse("s.yaml", text, strlen(text), facts, &sites) != STRAIT_OK)
        fail_msg("%s", strait_error_message());
    assert_int_equal(sites.count, 2);
    const strait_site *home = &sites.sites[0];
    assert_string_equal(home->name, "home");
    assert_int_equal(home->line, 2);
    assert_true(home->pue == 1.2 && home->price_per_kwh == 0.6 && isnan(home->wan_gbps) && isnan(home->egress_per_gb));
    assert_int_equal(home->currency, 1);
    assert_int_equal(home->n_pools, 2);
    const strait_pool *h800 = &home->pools[0];
    assert_true(h800->count == 2048 && h800->per_node == 8 && h800->link_gbs == 200 && h800->link_domain == -1);
    assert_string_equal(h800->scene.chip->fact.key, "h800-sxm");
    assert_string_equal(h800->scene.to, "cn");
    assert_string_equal(h800->scene.owner.parent, "cn");
    assert_true(h800->scene.construction_percent == 60 && h800->scene.tenant.absent && h800->scene.from == NULL);
    const strait_pool *h200 = &home->pools[1];
    assert_int_equal(h200->scene.transaction, STRAIT_ACT_BUY);
    assert_int_equal(h200->count, 1000);
    assert_string_equal(h200->scene.from, "us");
    assert_true(h200->price_per_chip == 27000 && isnan(h200->price_per_chip_hour));
    assert_null(sites.sites[1].pools[0].scene.owner.headquarters);
    assert_int_equal(sites.sites[1].currency, -1);
    strait_sites_fini(&sites);
}

static void refused(const char *text, const char *message)
{
    strait_sites sites;
    assert_int_not_equal(strait_sites_parse("s.yaml", text, strlen(text), facts, &sites), STRAIT_OK);
    if (!strstr(strait_error_message(), message))
        fail_msg("'%s': \"%s\" lacks \"%s\"", text, strait_error_message(), message);
}

/* One site with one pool; `site` and `pool` are further members. */
static void site_refused(const char *site, const char *pool, const char *message)
{
    char text[600];
    snprintf(text, sizeof text, "sites: [{name: a, country: sg, transaction: use, %s chips: [{chip: h200, %s}]}]", site,
             pool);
    refused(text, message);
}

static void errors_name_line_and_key(void **state)
{
    (void)state;
    refused("places: []", "s.yaml:1:1: sites: is the only key");
    refused("sites: []", "sites: a list of sites is wanted here");
    refused("sites: {a: b}", "sites: a list of sites is wanted here");
    refused("sites:\n  - chips: [{chip: h20, count: 8}]\n", "s.yaml:2:5: name: is missing");
    refused("sites:\n  - name: a\n", "chips: are missing");
    refused("sites:\n  - name: a\n    chips: []\n", "s.yaml:3:12: chips: a list of maps");
    refused("sites:\n  - name: a\n    contry: sg\n", "s.yaml:3:5: 'contry' is no key here; did you mean 'country'?");
    refused("sites:\n  - name: a\n    country: Sngapore\n",
            "s.yaml:3:14: country: to: no country is called 'Sngapore'");
    refused("sites:\n  - name: a\n    to: sg\n", "'to' is no key here");
    refused("sites:\n  - name: a\n    owner.parent: sg\n", "'owner.parent' is no key here");
    refused("sites:\n  - name: a\n    currency: YEN\n    chips: [{}]", "s.yaml:3:15: currency: 'YEN' is not known");
    site_refused("", "count: 8, chpi: 1", "'chpi' is no key here; did you mean 'chip'?");
    site_refused("", "per_node: 8", "count: is missing");
    site_refused("", "count: 0", "count: '0' is impossible");
    site_refused("", "count: -8", "count: '-8' is impossible");
    site_refused("", "count: 8.5", "count: '8.5' is impossible");
    site_refused("", "count: 1e12", "count: '1e12' is impossible");
    site_refused("", "count: many", "count: 'many' is no number");
    site_refused("", "count: '8'", "count: '8' is no number");
    site_refused("", "count: 12, per_node: 8", "per_node: count is no multiple of it");
    site_refused("", "count: 8, link_domain: 72", "link_domain: is more than there are chips");
    site_refused("", "count: 8, usable_memory_gib: 142", "usable_memory_gib: is more than the chip has");
    site_refused("", "count: 8, price_per_chip_hour: -1", "price_per_chip_hour: '-1' is impossible");
    site_refused("", "count: 8, transaction: buy, installed_on: 2025",
                 "chips that are installed already are not bought");
    site_refused("", "count: 8, installed_on: 2027", "installed_on: is still to come");
    site_refused("", "count: 8, count: 8", "count: stands here twice");
    site_refused("pue: 0.9,", "count: 8", "pue: '0.9' is impossible");
    site_refused("power_kw: 0,", "count: 8", "power_kw: '0' is impossible");
    site_refused("owner: {headquarters: cn},", "count: 8", "owner: source is missing");
    site_refused("transaction: use,", "count: 8", "transaction: stands here twice");
    refused("sites: [{name: a, country: sg, chips: [{chip: h200, count: 8}]}]", "transaction is missing");
    refused("sites: [{name: a, country: sg, transaction: use, chips: [{count: 8}]}]", "chip is missing");
    refused("sites: [{name: a, transaction: use, chips: [{chip: h20, count: 8}]}]", "to is missing");
    refused("sites:\n  - &a {name: a, country: sg, transaction: use, chips: [{chip: h200, count: 8}]}\n  - *a\n",
            "name: another site has this name");
}

static void lists_are_bounded(void **state)
{
    (void)state;
    char text[8000] = "sites:\n";
    for (int i = 0; i < STRAIT_SITES_MAX + 1; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used,
                 "  - {name: s%d, country: sg, transaction: use, chips: [{chip: h200, count: 8}]}\n", i);
    }
    refused(text, "at most 64 sites");
    strcpy(text, "sites: [{name: a, country: sg, transaction: use, chips: [");
    for (int i = 0; i < STRAIT_POOLS_MAX + 1; i++) strcat(text, "{chip: h200, count: 8},");
    strcat(text, "]}]");
    refused(text, "at most 16 kinds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites_state_facts),
        cmocka_unit_test(errors_name_line_and_key),
        cmocka_unit_test(lists_are_bounded),
    };
    return cmocka_run_group_tests(tests, open_facts, close_facts);
}
