/*
 * Placements over sites: limits only ever cost, memory only ever helps, the bound is below, and what the search gives
 * is no worse than trying every count and every share of tokens.
 */
#define _POSIX_C_SOURCE 200809L
#include "folder.h"

#include "plan/placement.h"

#include <math.h>
#include <sys/stat.h>

#define CONFIG                                                                                          \
    "{\"model_type\":\"qwen3\",\"vocab_size\":151936,\"hidden_size\":4096,\"intermediate_size\":12288," \
    "\"num_hidden_layers\":36,\"num_attention_heads\":32,\"num_key_value_heads\":8,\"head_dim\":128,"   \
    "\"tie_word_embeddings\":false}"
#define PARTY "{headquarters: no, parent: none, listed: no, source: contract}"

static uint64_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* A site file of `count` sites with drawn chips, counts and prices; no rule names any of it. */
static void draw_sites(uint64_t seed, int count, double usable_gib)
{
    static const char *const chips[] = {"h100-sxm", "h200", "mi300x", "a100-80gb"};
    char text[8192];
    size_t used = (size_t)snprintf(text, sizeof text, "sites:\n");
    for (int i = 0; i < count; i++) {
        const char *chip = chips[next(&seed) % 4];
        int chip_count = 8 << next(&seed) % 6;
        double price = 1 + (double)(next(&seed) % 100) / 20;
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "  - {name: s%d, country: no, transaction: rent, owner: " PARTY ", tenant: " PARTY
                                 ", us_persons: no, military: no, data: none, currency: USD, egress_per_gb: 0.01, "
                                 "wan_gbps: %d, chips: [{chip: %s, count: %d, per_node: 8, price_per_chip_hour: %.2f",
                                 i, 10 + (int)(next(&seed) % 90), chip, chip_count, price);
        if (usable_gib > 0)
            used += (size_t)snprintf(text + used, sizeof text - used, ", usable_memory_gib: %g", usable_gib);
        used += (size_t)snprintf(text + used, sizeof text - used, "}]}\n");
    }
    write_text("config.json", CONFIG);
    write_file("sites.yaml", text, used);
}

static const char *own_facts; /* a folder with tables of the user's */

static void search_for(double deadline, double budget, strait_search *out)
{
    static strait_place_options o;
    o = (strait_place_options){.struct_size = sizeof o,
                               .config = "config.json",
                               .sites = "sites.yaml",
                               .facts = own_facts,
                               .tokens = 2e10,
                               .deadline_days = deadline,
                               .budget = budget};
    if (strait_search_init(&o, out) != STRAIT_OK) fail_msg("%s", strait_error_message());
}

static double best_cost(double deadline)
{
    strait_search found;
    search_for(deadline, 0, &found);
    double cost = found.ranked > 0 ? found.placements[0].cost.mid : INFINITY;
    if (found.ranked > 0) {
        assert_true(found.placements[0].days.mid <= deadline * (1 + 1e-6));
        assert_true(found.bound <= cost * (1 + 1e-9) && found.gap >= -1e-9);
    }
    strait_search_fini(&found);
    return cost;
}

static void a_later_deadline_never_costs_more(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        draw_sites(seed, 4, 0);
        double before = INFINITY;
        for (double deadline = 0.25; deadline < 100; deadline *= 1.5) {
            double cost = best_cost(deadline);
            assert_true(cost <= before * (1 + 1e-9));
            before = cost;
        }
        assert_true(isfinite(before));
    }
}

static void a_larger_budget_never_takes_longer(void **state)
{
    (void)state;
    draw_sites(5, 4, 0);
    double before = INFINITY;
    for (double budget = 500; budget < 1e6; budget *= 1.4) {
        strait_search found;
        search_for(0, budget, &found);
        double days = found.ranked > 0 ? found.placements[0].days.mid : INFINITY;
        if (found.ranked > 0) assert_true(found.placements[0].cost.mid <= budget);
        strait_search_fini(&found);
        assert_true(days <= before * (1 + 1e-9));
        before = days;
    }
    assert_true(isfinite(before));
}

static void more_memory_never_makes_a_fit_infeasible(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        int fitting = 0;
        for (double gib = 5; gib < 75; gib *= 1.6) {
            draw_sites(seed, 3, gib);
            strait_search found;
            int legs = 0;
            search_for(0, 0, &found);
            for (int i = 0; i < found.n_stations; i++) legs += found.stations[i].n_legs;
            strait_search_fini(&found);
            assert_true(legs >= fitting);
            fitting = legs;
        }
        assert_true(fitting > 0);
    }
}

/* Every leg alone, and every two of them with the tokens cut at each of 400 places. */
static double try_everything(const strait_search *s, double deadline_hours)
{
    double best = INFINITY;
    for (int a = 0; a < s->n_stations; a++) {
        for (int i = 0; i < s->stations[a].n_legs; i++) {
            const strait_leg *x = &s->stations[a].legs[i];
            if (x->hours.mid <= deadline_hours && x->cost.mid < best) best = x->cost.mid;
            for (int b = 0; b < s->n_stations; b++) {
                for (int k = 0; k < s->stations[b].n_legs && b != a; k++) {
                    const strait_leg *y = &s->stations[b].legs[k];
                    for (int cut = 1; cut < 400; cut++) {
                        double share = cut / 400.0;
                        double hours = share * x->hours.mid + (1 - share) * y->hours.mid;
                        double cost = share * x->cost.mid + (1 - share) * y->cost.mid;
                        /* A checkpoint and the tokens at 10 Gb/s and 0.01 dollars a GB at least. */
                        double gb = (14.0 * (double)s->base.params.total + 4 * s->base.tokens) / 1e9;
                        hours += 600.0 / 3600 + gb / 1.25 / 3600;
                        cost += 0.01 * gb;
                        if (hours <= deadline_hours && cost < best) best = cost;
                    }
                }
            }
        }
    }
    return best;
}

static void nothing_that_was_not_tried_is_better(void **state)
{
    (void)state;
    int moved = 0;
    for (uint64_t seed = 11; seed <= 16; seed++) {
        draw_sites(seed, 3, 0);
        for (double deadline = 1; deadline < 20; deadline *= 2.2) {
            strait_search found;
            search_for(deadline, 0, &found);
            double best = try_everything(&found, deadline * 24);
            double cost = found.ranked > 0 ? found.placements[0].cost.mid : INFINITY;
            if (found.ranked > 0 && found.placements[0].kind == STRAIT_PLACE_MOVED) moved++;
            strait_search_fini(&found);
            if (isfinite(best)) assert_true(cost <= best * (1 + 1e-9));
        }
    }
    assert_true(moved > 0);
}

/*
 * A rule that begins in five days: the cheapest count of chips takes longer, more of them would not. The count is
 * chosen without the rule, so that nothing is ranked; a search that asked rules first would end the run a day before.
 */
static void no_count_is_chosen_by_a_rule(void **state)
{
    (void)state;
    char from[16];
    char text[1024];
    strait_search found;
    draw_sites(31, 1, 0);
    search_for(0, 0, &found);
    const strait_station *st = &found.stations[0];
    assert_int_equal(found.ranked, 1);
    assert_true(found.placements[0].days.mid > 5);
    assert_true(st->legs[st->n_legs - 1].hours.high / 24 < 4);
    strait_search_fini(&found);
    strait_day_format(strait_today() + 5, from);
    assert_int_equal(mkdir("own", 0700), 0);
    snprintf(text, sizeof text,
             "key,name,jurisdiction,authority,kind,in_force_from,enforced,binds,transactions,consequence,source,"
             "checked_on,confidence,basis\n"
             "user-soon,A rule of our own,no,Us,regulation,%s,yes,everybody,rent,prohibited,contract,2026-11-01,"
             "high,official\n",
             from);
    write_text("own/rules.csv", text);
    own_facts = "own";
    search_for(0, 0, &found);
    assert_int_equal(found.ranked, 0);
    assert_int_equal(found.placements[0].state, STRAIT_PLACE_RULED_OUT);
    assert_non_null(strstr(found.placements[0].why, "user-soon"));
    strait_search_fini(&found);
    own_facts = NULL;
}

static void the_same_question_has_the_same_answer(void **state)
{
    (void)state;
    draw_sites(21, 5, 0);
    strait_buffer text[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        strait_search found;
        search_for(3, 0, &found);
        assert_int_equal(strait__placements_json(&found, &text[i]), STRAIT_OK);
        strait_search_fini(&found);
    }
    assert_string_equal(text[0].bytes, text[1].bytes);
    for (int i = 0; i < 2; i++) strait_buffer_fini(&text[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_deadline_never_costs_more),
        cmocka_unit_test(a_larger_budget_never_takes_longer),
        cmocka_unit_test(more_memory_never_makes_a_fit_infeasible),
        cmocka_unit_test(nothing_that_was_not_tried_is_better),
        cmocka_unit_test(no_count_is_chosen_by_a_rule),
        cmocka_unit_test(the_same_question_has_the_same_answer),
    };
    return cmocka_run_group_tests(tests, folder_enter, folder_leave);
}
