/*
 * A hash table of pairs and a heap of candidates whose counts may be out of date: a count is compared with the truth
 * when its candidate comes to the top, and the candidate goes back where it has changed.
 */
#include "token/pair_table.h"

#include "base/status.h"

void strait__pair_table_fini(strait__pair_table *table)
{
    strait_free(table->pairs);
    strait_free(table->slots);
    strait_free(table->queue);
    strait_free(table->places);
    strait_free(table->touched);
    strait_free(table->words);
    *table = (strait__pair_table){0};
}

/* Room for one more element. */
static strait_status grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return STRAIT_OK;
    size_t grown = *capacity ? *capacity * 2 : 1024;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, grown, size, array));
    *capacity = grown;
    return STRAIT_OK;
}

static size_t place_of(const strait__pair_table *table, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t at = (size_t)((pair * 0x9e3779b97f4a7c15u) >> 24) & (table->slot_count - 1);
    for (; table->slots[at] != 0; at = (at + 1) & (table->slot_count - 1)) {
        const strait__pair *have = &table->pairs[table->slots[at] - 1];
        if (have->left == left && have->right == right) break;
    }
    return at;
}

static strait_status grow_slots(strait__pair_table *table)
{
    if (table->pair_count < table->slot_count / 2) return STRAIT_OK;
    size_t count = table->slot_count ? table->slot_count * 2 : 4096;
    uint32_t *slots;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, count, sizeof *slots, &slots));
    strait_free(table->slots);
    table->slots = slots;
    table->slot_count = count;
    for (size_t i = 0; i < table->pair_count; i++) {
        slots[place_of(table, table->pairs[i].left, table->pairs[i].right)] = (uint32_t)i + 1;
    }
    return STRAIT_OK;
}

static strait_status find_or_add(strait__pair_table *table, int32_t left, int32_t right, uint32_t *out_pair)
{
    STRAIT_TRY(grow_slots(table));
    size_t at = place_of(table, left, right);
    if (table->slots[at] == 0) {
        if (table->pair_count >= UINT32_MAX - 1) return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "more than 2^32 token pairs");
        STRAIT_TRY(grow(&table->pairs, table->pair_count, &table->pair_capacity, sizeof *table->pairs));
        table->pairs[table->pair_count++] = (strait__pair){.left = left, .right = right};
        table->slots[at] = (uint32_t)table->pair_count;
    }
    *out_pair = table->slots[at] - 1;
    return STRAIT_OK;
}

strait_status strait__pair_change(strait__pair_table *table, int32_t left, int32_t right, int64_t change, uint32_t word)
{
    uint32_t index = 0;
    STRAIT_TRY(find_or_add(table, left, right, &index));
    strait__pair *pair = &table->pairs[index];
    pair->count += change;
    if (change <= 0 || (pair->pending > 0 && pair->last == word)) return STRAIT_OK;
    if (pair->pending == 0) {
        STRAIT_TRY(grow(&table->touched, table->touched_count, &table->touched_capacity, sizeof *table->touched));
        table->touched[table->touched_count++] = index;
    }
    STRAIT_TRY(grow(&table->places, table->place_count, &table->place_capacity, sizeof *table->places));
    table->places[table->place_count++] = (strait__place){.pair = index, .word = word};
    pair->pending++;
    pair->last = word;
    return STRAIT_OK;
}

static bool before(const strait__pair_table *table, const strait__candidate *a, const strait__candidate *b)
{
    if (a->count != b->count) return a->count > b->count;
    const strait__pair *x = &table->pairs[a->pair];
    const strait__pair *y = &table->pairs[b->pair];
    if (x->left != y->left) return x->left < y->left;
    if (x->right != y->right) return x->right < y->right;
    return a->order < b->order;
}

static strait_status push(strait__pair_table *table, const strait__candidate *candidate)
{
    STRAIT_TRY(grow(&table->queue, table->queue_count, &table->queue_capacity, sizeof *table->queue));
    size_t at = table->queue_count++;
    while (at > 0 && before(table, candidate, &table->queue[(at - 1) / 2])) {
        table->queue[at] = table->queue[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    table->queue[at] = *candidate;
    return STRAIT_OK;
}

/* Moves the candidate at the top down to where it belongs. */
static void sink(strait__pair_table *table)
{
    strait__candidate moved = table->queue[0];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= table->queue_count) break;
        if (child + 1 < table->queue_count && before(table, &table->queue[child + 1], &table->queue[child])) child++;
        if (!before(table, &table->queue[child], &moved)) break;
        table->queue[at] = table->queue[child];
        at = child;
    }
    table->queue[at] = moved;
}

strait_status strait__pair_publish(strait__pair_table *table)
{
    size_t need = table->word_count + table->place_count;
    if (need > table->word_capacity) {
        size_t capacity = table->word_capacity * 2 > need ? table->word_capacity * 2 : need;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *table->words, &table->words));
        table->word_capacity = capacity;
    }
    /* `last` is used as the place where the next word of a pair goes. */
    size_t base = table->word_count;
    uint32_t offset = 0;
    for (size_t i = 0; i < table->touched_count; i++) {
        strait__pair *pair = &table->pairs[table->touched[i]];
        if (pair->count > 0) {
            const strait__candidate candidate = {.count = pair->count,
                                                 .pair = table->touched[i],
                                                 .word_count = pair->pending,
                                                 .words = base + offset,
                                                 .order = table->entered++};
            STRAIT_TRY(push(table, &candidate));
        }
        pair->last = offset;
        offset += pair->pending;
        pair->pending = 0;
    }
    for (size_t i = 0; i < table->place_count; i++) {
        strait__pair *pair = &table->pairs[table->places[i].pair];
        table->words[base + pair->last++] = table->places[i].word;
    }
    table->word_count = need;
    table->touched_count = 0;
    table->place_count = 0;
    return STRAIT_OK;
}

bool strait__pair_next(strait__pair_table *table, strait__candidate *out_candidate)
{
    while (table->queue_count > 0) {
        strait__candidate *top = &table->queue[0];
        int64_t count = table->pairs[top->pair].count;
        if (top->count == count) {
            *out_candidate = *top;
            table->queue[0] = table->queue[--table->queue_count];
            if (table->queue_count > 0) sink(table);
            return true;
        }
        top->count = count;
        sink(table);
    }
    return false;
}
