/*
 * The tests in which rules are written, over three values: yes, no and unknown.
 *
 *     test    = term { "or" term }
 *     term    = factor { "and" factor }
 *     factor  = "not" factor | "(" test ")" | "any" | field rest
 *     rest    = ("<" | "<=" | ">" | ">=") number-or-day | "=" word | "in" "[" word { "," word } "]"
 *
 * as in `tpp >= 4800 or (tpp >= 1600 and density >= 5.92)`, `parent in [D:5, mo]`, `listed = yes`. The fields stand in
 * test.c. Words are checked against the facts: a country, a group, a chip that nobody knows is an error.
 */
#ifndef STRAIT_PLAN_TEST_H
#define STRAIT_PLAN_TEST_H

#include "plan/scene.h"

enum {
    STRAIT_TEST_NODES_MAX = 64,
    STRAIT_TEST_WORDS_MAX = 96,
    STRAIT_TEST_DEPTH_MAX = 16,
    STRAIT_TEST_WORD_BYTES = 48
};

typedef enum strait_test_op {
    STRAIT_TEST_ANY,
    STRAIT_TEST_NOT,
    STRAIT_TEST_AND,
    STRAIT_TEST_OR,
    STRAIT_TEST_FIELD
} strait_test_op;
typedef enum strait_test_compare {
    STRAIT_COMPARE_LT,
    STRAIT_COMPARE_LE,
    STRAIT_COMPARE_GT,
    STRAIT_COMPARE_GE,
    STRAIT_COMPARE_IN
} strait_test_compare;

typedef struct strait_test_node {
    strait_test_op op;
    int left; /* NOT, AND, OR */
    int right;
    int field;
    strait_test_compare compare;
    double number; /* or a day */
    int word;      /* first of its words */
    int n_words;
} strait_test_node;

typedef struct strait_test {
    strait_test_node nodes[STRAIT_TEST_NODES_MAX]; /* node `root` is the whole */
    int n_nodes;
    int root;
    char words[STRAIT_TEST_WORDS_MAX][STRAIT_TEST_WORD_BYTES];
    bool is_group[STRAIT_TEST_WORDS_MAX]; /* the word is a group of countries */
    int n_words;
} strait_test;

/*
 * NULL or "" is "any". `facts` may be NULL: then words are not looked up. STRAIT_ERR_FORMAT with the character at
 * which it goes wrong and the nearest field or word; the message begins with that, for the caller to put a place in
 * front.
 */
strait_status strait_test_parse(const char *text, const strait_facts *facts, strait_test *out) STRAIT_MUST_USE;

/*
 * Whether it holds on a day. *unknown gathers the fields that were asked for and are unknown, as bits of their
 * indices; strait_test_field_name names them.
 */
strait_truth strait_test_holds(const strait_test *test, const strait_facts *facts, const strait_scene *scene,
                               int32_t day, uint32_t *unknown);
const char *strait_test_field_name(int field); /* what to say is unknown; NULL past the last */

static inline strait_truth strait_truth_not(strait_truth a)
{
    return a == STRAIT_TRUTH_UNKNOWN ? a : a == STRAIT_TRUTH_YES ? STRAIT_TRUTH_NO : STRAIT_TRUTH_YES;
}
static inline strait_truth strait_truth_and(strait_truth a, strait_truth b)
{
    if (a == STRAIT_TRUTH_NO || b == STRAIT_TRUTH_NO) return STRAIT_TRUTH_NO;
    return a == STRAIT_TRUTH_YES && b == STRAIT_TRUTH_YES ? STRAIT_TRUTH_YES : STRAIT_TRUTH_UNKNOWN;
}
static inline strait_truth strait_truth_or(strait_truth a, strait_truth b)
{
    return strait_truth_not(strait_truth_and(strait_truth_not(a), strait_truth_not(b)));
}

#endif
