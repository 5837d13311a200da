/*
 * Which rules an act meets, on every day of it. All that match are found; one yields only to a rule that names it.
 *
 * Nothing here asks what would have to be different: a scene is checked as it stands.
 */
#ifndef STRAIT_PLAN_RULES_H
#define STRAIT_PLAN_RULES_H

#include "plan/test.h"

/* In order of strictness; REPORTED and UNKNOWN are of one rank (strait_verdict_rank). */
typedef enum strait_verdict {
    STRAIT_VERDICT_NONE,
    STRAIT_VERDICT_DUTIES,
    STRAIT_VERDICT_LICENCE,
    STRAIT_VERDICT_REPORTED,
    STRAIT_VERDICT_UNKNOWN,
    STRAIT_VERDICT_PROHIBITED
} strait_verdict;
int strait_verdict_rank(strait_verdict verdict);
/* "none", "duties", ...: one word, for tools. */
const char *strait_verdict_word(strait_verdict verdict);

/* How an application is looked at, in order of strictness. The column's choices plus one. */
typedef enum strait_review {
    STRAIT_REVIEW_APPROVAL,
    STRAIT_REVIEW_NOT_STATED,
    STRAIT_REVIEW_CASE_BY_CASE,
    STRAIT_REVIEW_DENIAL
} strait_review;

/* Why a rule that matches counts for nothing. */
typedef enum strait_silence {
    STRAIT_COUNTS,
    STRAIT_YIELDS,       /* to the rule `to` */
    STRAIT_PENDING,      /* a bill */
    STRAIT_NOT_YET,      /* in force, and to be complied with later */
    STRAIT_NOT_ENFORCED, /* its authority says so */
    STRAIT_NO_DUTY       /* it says nothing that has to be done */
} strait_silence;

typedef struct strait_finding {
    const strait_rule *rule;
    strait_verdict verdict; /* the worst over the days; NONE where it counts for nothing */
    strait_silence silence;
    const strait_rule *to;         /* it yields to this one */
    uint32_t unknown;              /* bits of fields that are missing to decide (strait_test_field_name) */
    bool unknown_day;              /* it is not known whether it was in force */
    const strait_licence *licence; /* one that is held for it, over all days; or NULL */
} strait_finding;

typedef struct strait_rulebook strait_rulebook; /* the rules of some facts with their tests parsed */

/* STRAIT_ERR_FORMAT: a test or transaction of a rule, with file, line and column. Borrows the facts. */
strait_status strait_rulebook_create(const strait_facts *facts, strait_rulebook **out) STRAIT_MUST_USE;
void strait_rulebook_destroy(strait_rulebook *book);

typedef struct strait_judgement {
    strait_verdict verdict;   /* the strictest of the findings */
    int review;               /* strait_review, the strictest of the licences needed; -1: none */
    bool licensed;            /* every licence needed is held, and nothing stricter was found */
    bool historical;          /* the days are past */
    bool verify;              /* a rule that was looked at is older than its table allows, or the act ends after that */
    strait_finding *findings; /* owned; in the order of the table */
    size_t n_findings;
    size_t n_checked; /* rules looked at */
} strait_judgement;

/*
 * Judges a checked scene (strait_scene_check). Where chip or party are a user's and built in too, both are judged and
 * the stricter counts. The caller owns *out (strait_judgement_fini).
 */
strait_status strait_rulebook_judge(const strait_rulebook *book, const strait_scene *scene,
                                    strait_judgement *out) STRAIT_MUST_USE;
void strait_judgement_fini(strait_judgement *judgement);

/* Whether the act may be ranked: nothing or duties only, or a licence held; and no look back. */
bool strait_judgement_ranks(const strait_judgement *judgement);

#endif
