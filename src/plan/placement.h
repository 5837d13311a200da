/*
 * Where a run may be trained: stations (one kind of chips in one site), placements made of them, and the search over
 * these. Private to src/plan. Days of the calendar are int32_t as in facts, times hours from the first day's start.
 *
 * A figure with three ends goes from the 10th to the 90th percentile: `low` is the short or cheap one. The search ranks
 * by `mid`.
 */
#ifndef STRAIT_PLAN_PLACEMENT_H
#define STRAIT_PLAN_PLACEMENT_H

#include "plan/reckoning.h"
#include "plan/rules.h"
#include "plan/sites.h"

#include <strait/place.h>

enum {
    STRAIT_LEGS_MAX = 4,      /* of a placement */
    STRAIT_LEG_COUNTS = 32,   /* counts of chips that are tried of one station */
    STRAIT_RULINGS = 64,      /* that a station keeps */
    STRAIT_INNER_STEPS = 100, /* between exchanges of low-communication training */
    STRAIT_PLACEMENT_WHY = 320
};

/* What the rules say of an act on some days. */
typedef struct strait_ruling {
    int32_t first;
    int32_t last;
    strait_verdict verdict;
    int review; /* strait_review, or -1 */
    bool licensed;
    bool ranks;
    bool verify;
    char rules[STRAIT_PLACEMENT_WHY]; /* those that the verdict rests on, by key; "" where there are none */
} strait_ruling;

typedef struct strait_station strait_station;

/* Some chips of a station on which a run fits. */
typedef struct strait_leg {
    const strait_station *station;
    int64_t chips;
    strait_split split;
    strait_step_time time;
    bool own;          /* planned by Strait's own planner */
    double need;       /* bytes of a chip */
    strait_range rate; /* tokens a second, of all its chips; `low` is of the low efficiency: the slow end */
    bool calibrated;
    double share;       /* of the run's tokens */
    int64_t sequences;  /* of a step, that it takes */
    double begins;      /* hours, mid */
    strait_range hours; /* that it is paid for */
    strait_range cost;  /* US dollars; NAN unknown */
    strait_ruling ruling;
} strait_leg;

struct strait_station {
    const strait_site *site;
    const strait_pool *pool;
    char currency[8];              /* of its prices; "" = US dollars */
    strait_reckon_options options; /* one chip of it, as `strait plan --chip` would be asked */
    strait_reckoning reckoning;    /* chip, reserve and terms; facts and calibration are borrowed */
    int64_t most;                  /* chips: of the pool, or what the site's power feeds */
    bool power_bounds;
    double room;      /* bytes of a chip; INFINITY where its memory is unknown */
    double egress;    /* US dollars a GB; NAN unknown */
    double best_rate; /* tokens a second of one chip without any split; NAN unknown */
    strait_leg *legs; /* owned; in growing count; those that fit */
    int n_legs;
    strait_ruling rulings[STRAIT_RULINGS]; /* the last ones that were asked for */
    int n_rulings;
    double least_need; /* bytes a chip, where nothing fits; INFINITY where no split divides the batch */
    int64_t least_need_chips;
};

typedef enum strait_place_kind {
    STRAIT_PLACE_SINGLE,
    STRAIT_PLACE_TOGETHER, /* data parallel over sites, one exchange a step */
    STRAIT_PLACE_APART,    /* an exchange every STRAIT_INNER_STEPS steps */
    STRAIT_PLACE_MOVED     /* one leg after the other */
} strait_place_kind;
const char *strait_place_kind_name(strait_place_kind kind);

/* In the order in which placements are listed. */
typedef enum strait_place_state {
    STRAIT_PLACE_RANKED,
    STRAIT_PLACE_LATE, /* would be ranked, if it met deadline and budget */
    STRAIT_PLACE_DEAR,
    STRAIT_PLACE_COSTLESS,  /* its cost is unknown, and there is a budget */
    STRAIT_PLACE_RULED_OUT, /* or not decided: its verdict is neither nothing nor duties */
    STRAIT_PLACE_TIMELESS,  /* its time is unknown */
    STRAIT_PLACE_TOO_LARGE  /* the run does not fit */
} strait_place_state;
const char *strait_place_state_name(strait_place_state state);

typedef struct strait_placement {
    char name[200]; /* "home/h800x2048", joined by " + " at once, " > " one after the other */
    strait_place_kind kind;
    strait_place_state state;
    strait_leg legs[STRAIT_LEGS_MAX];
    int n_legs;
    strait_range days;
    strait_range cost; /* US dollars */
    const char *cost_unknown;
    double exchange_share; /* of the time, spent between sites */
    double moved_gb;       /* between sites, in all */
    double moving_hours;   /* of it, in which nothing is trained */
    strait_range moving_cost;
    strait_ruling moves[2]; /* of weights and of data between the sites; all directions together */
    int n_moves;
    bool licensed;
    bool verify;
    strait_verdict verdict; /* the strictest of legs and moves */
    char why[STRAIT_PLACEMENT_WHY];
} strait_placement;

typedef struct strait_search {
    const strait_place_options *options; /* borrowed */
    strait_reckon_options asked;         /* what `base` was made from */
    strait_reckoning base;               /* owned: facts, calibration, shape, work */
    strait_rulebook *book;               /* owned */
    strait_sites sites;                  /* owned */
    strait_station *stations;            /* owned */
    int n_stations;
    double deadline;              /* hours; INFINITY = none */
    double budget;                /* US dollars; INFINITY = none */
    bool historical;              /* the first day is past: nothing is ranked */
    strait_placement *placements; /* owned; sorted */
    int count;
    int ranked;    /* the first so many */
    int64_t tried; /* placements reckoned in all */
    int ruled_out; /* pairs that the rules keep apart, on the chips or on weights and data between them */
    double bound;  /* no placement can be cheaper (hours where there is only a budget: sooner); NAN unknown */
    double gap;    /* of the best over it; NAN unknown */
} strait_search;

/* fini is legal after a failure. */
strait_status strait_search_init(const strait_place_options *options, strait_search *out) STRAIT_MUST_USE;
void strait_search_fini(strait_search *search);
/* Cheapest is wanted, or with a budget alone soonest. */
bool strait_search_by_cost(const strait_search *search);

/* station.c: every station of the sites with the legs on which the run fits. */
strait_status strait__stations_init(strait_search *search) STRAIT_MUST_USE;
/* Sets the rate from the time by the roofline; unknown where the chip's is. */
void strait__leg_rate(const strait_search *search, strait_leg *leg);
/* Sets share, hours and cost of a leg that trains `tokens` and is paid for so many hours. */
void strait__leg_reckon(const strait_search *search, strait_leg *leg, double tokens, strait_range hours);
/* Hours in which the leg trains so many tokens. */
strait_range strait__leg_hours(const strait_leg *leg, double tokens);

/* place_rules.c. Hours are counted from the first day. */
strait_status strait__rule_leg(strait_search *search, const strait_station *station, double begin, double end,
                               strait_ruling *out) STRAIT_MUST_USE;
strait_status strait__rule_move(const strait_search *search, const strait_station *from, const strait_station *to,
                                strait_transaction what, double begin, double end,
                                strait_ruling *inout) STRAIT_MUST_USE;

/*
 * place_judge.c. Days and dollars alone: what the search chooses counts of chips and shares of tokens by. Rules have no
 * part in that: else it would pick the count whose days end before a rule begins.
 */
void strait__place_limit(const strait_search *search, strait_placement *inout);
/* Rules, then limits: sets state, verdict, why, and the rulings of legs and moves. Asked of what was chosen, once. */
strait_status strait__place_judge(strait_search *search, strait_placement *inout) STRAIT_MUST_USE;

/* place_join.c: placements of several legs; false where there is none. */
strait_status strait__place_joint(const strait_search *search, const strait_leg *const *legs, int count,
                                  strait_placement *out, bool *out_possible) STRAIT_MUST_USE;
strait_status strait__place_moved(const strait_search *search, const strait_leg *first, const strait_leg *second,
                                  strait_placement *out, bool *out_possible) STRAIT_MUST_USE;

/* place_bound.c */
void strait__place_bound(strait_search *search);

/* placement_text.c, placement_json.c, placement_html.c */
strait_status strait__placements_text(const strait_search *search, strait_buffer *out) STRAIT_MUST_USE;
strait_status strait__placement_explain(const strait_search *search, const strait_placement *placement,
                                        strait_buffer *out) STRAIT_MUST_USE;
strait_status strait__placements_json(const strait_search *search, strait_buffer *out) STRAIT_MUST_USE;
strait_status strait__placements_csv(const strait_search *search, strait_buffer *out) STRAIT_MUST_USE;
strait_status strait__placements_html(const strait_search *search, strait_buffer *out) STRAIT_MUST_USE;

#endif
