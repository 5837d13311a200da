/* Merging: short words, long words and the cache against the definition, on random tables of merges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token/bpe.h"

enum { LETTERS = 3, TOKENS_MAX = 256, MERGES_MAX = 400, WORD = 700 };

typedef struct table {
    strait__vocab vocab;
    strait__bpe bpe;
    int32_t left[MERGES_MAX];
    int32_t right[MERGES_MAX];
    int32_t joined[MERGES_MAX];
    uint32_t count;
} table;

static uint32_t seed = 2463534242u;
static uint32_t random_below(uint32_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % bound;
}

/* Letters a, b, c and tokens joined from earlier ones. With `shuffle` ranks are in no order, as in odd foreign files.
 */
static void make_table(table *t, bool shuffle)
{
    memset(t, 0, sizeof *t);
    assert_int_equal(strait__vocab_init(&t->vocab, TOKENS_MAX), STRAIT_OK);
    int32_t tokens = 0;
    for (; tokens < LETTERS; tokens++) {
        char letter = (char)('a' + tokens);
        assert_int_equal(strait__vocab_set(&t->vocab, tokens, &letter, 1, STRAIT__TOKEN_MODEL), STRAIT_OK);
    }
    while (tokens < 60) {
        size_t length[2];
        int32_t left = (int32_t)random_below((uint32_t)tokens);
        int32_t right = (int32_t)random_below((uint32_t)tokens);
        const char *a = strait__vocab_bytes(&t->vocab, left, &length[0]);
        char text[64];
        if (length[0] > 16) continue;
        memcpy(text, a, length[0]);
        const char *b = strait__vocab_bytes(&t->vocab, right, &length[1]);
        if (length[1] > 16) continue;
        memcpy(text + length[0], b, length[1]);
        int32_t id = strait__vocab_find(&t->vocab, text, length[0] + length[1]);
        if (id < 0) {
            id = tokens++;
            assert_int_equal(strait__vocab_set(&t->vocab, id, text, length[0] + length[1], STRAIT__TOKEN_MODEL),
                             STRAIT_OK);
        }
        bool known = false;
        for (uint32_t i = 0; i < t->count; i++) known |= t->left[i] == left && t->right[i] == right;
        if (known || t->count == MERGES_MAX) continue;
        t->left[t->count] = left;
        t->right[t->count] = right;
        t->joined[t->count++] = id;
    }
    for (uint32_t i = t->count; shuffle && i > 1; i--) {
        uint32_t j = random_below(i);
        int32_t kept[3] = {t->left[i - 1], t->right[i - 1], t->joined[i - 1]};
        t->left[i - 1] = t->left[j];
        t->right[i - 1] = t->right[j];
        t->joined[i - 1] = t->joined[j];
        t->left[j] = kept[0];
        t->right[j] = kept[1];
        t->joined[j] = kept[2];
    }
    assert_int_equal(strait__bpe_init(&t->bpe, &t->vocab, t->count), STRAIT_OK);
    for (uint32_t i = 0; i < t->count; i++) strait__bpe_set(&t->bpe, i, t->left[i], t->right[i], t->joined[i]);
}

/* The definition: the lowest rank present, its leftmost place, again and again. */
static size_t by_definition(const table *t, const char *word, size_t length, int32_t *ids)
{
    for (size_t i = 0; i < length; i++) ids[i] = word[i] - 'a';
    for (uint32_t rank = 0; rank < t->count; rank++) {
        for (size_t i = 0; i + 1 < length; i++) {
            if (ids[i] != t->left[rank] || ids[i + 1] != t->right[rank]) continue;
            ids[i] = t->joined[rank];
            memmove(ids + i + 1, ids + i + 2, (length - i - 2) * sizeof *ids);
            length--;
            rank = UINT32_MAX; /* begin again with the lowest rank */
            break;
        }
    }
    return length;
}

static void merges_by_definition(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        table *t = malloc(sizeof *t);
        assert_non_null(t);
        make_table(t, round % 2 == 1);
        strait__bpe_scratch scratch = {0};
        for (int trial = 0; trial < 40; trial++) {
            char word[WORD];
            size_t length = 1 + random_below(trial % 4 == 0 ? WORD : 40);
            uint32_t letters = trial % 5 == 0 ? 1 : LETTERS;
            for (size_t i = 0; i < length; i++) word[i] = (char)('a' + random_below(letters));
            int32_t expected[WORD];
            int32_t ids[WORD];
            size_t count = by_definition(t, word, length, expected);
            size_t dropped = 0;
            for (int again = 0; again < 2; again++) { /* the second time from the cache */
                size_t got = 0;
                assert_int_equal(strait__bpe_encode(&t->bpe, &scratch, word, length, ids, &got, &dropped), STRAIT_OK);
                assert_int_equal(got, count);
                assert_memory_equal(ids, expected, count * sizeof *ids);
            }
            assert_int_equal(dropped, 0);
        }
        strait__bpe_scratch_fini(&scratch);
        strait__bpe_fini(&t->bpe);
        strait__vocab_fini(&t->vocab);
        free(t);
    }
}

static void bytes_without_token_are_counted(void **state)
{
    (void)state;
    table *t = malloc(sizeof *t);
    assert_non_null(t);
    make_table(t, false);
    strait__bpe_scratch scratch = {0};
    int32_t ids[8];
    size_t count = 9;
    size_t dropped = 0;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(strait__bpe_encode(&t->bpe, &scratch, "xyz", 3, ids, &count, &dropped), STRAIT_OK);
        assert_int_equal(count, 0);
    }
    assert_int_equal(dropped, 6);
    strait__bpe_scratch_fini(&scratch);
    strait__bpe_fini(&t->bpe);
    strait__vocab_fini(&t->vocab);
    free(t);
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void queue_sorts(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint64_t keys[COUNT];
    strait__merge_queue queue = {0};
    assert_int_equal(strait__merge_queue_begin(&queue, 50), STRAIT_OK);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t rank = random_below(50);
            uint32_t position = round == 0 ? i : random_below(100000);
            keys[i] = (uint64_t)rank << 32 | position;
            assert_int_equal(strait__merge_queue_push(&queue, rank, position), STRAIT_OK);
        }
        qsort(keys, COUNT, sizeof keys[0], compare_keys);
        uint32_t rank;
        uint32_t position;
        for (int i = 0; i < COUNT; i++) {
            assert_true(strait__merge_queue_pop(&queue, &rank, &position));
            assert_true(((uint64_t)rank << 32 | position) == keys[i]);
        }
        assert_false(strait__merge_queue_pop(&queue, &rank, &position));
    }
    strait__merge_queue_fini(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_by_definition),
        cmocka_unit_test(bytes_without_token_are_counted),
        cmocka_unit_test(queue_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
