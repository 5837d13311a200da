/* The best way to each position, from left to right; then back along it. */
#include "token/unigram.h"

#include <string.h>

#define NO_WAY UINT32_MAX

void strait__unigram_fini(strait__unigram *unigram)
{
    strait_free(unigram->scores);
    strait__trie_fini(&unigram->trie);
    *unigram = (strait__unigram){0};
}

void strait__unigram_scratch_fini(strait__unigram_scratch *scratch)
{
    strait_free(scratch->nodes);
    *scratch = (strait__unigram_scratch){0};
}

static size_t character_length(unsigned char first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static void offer(strait__unigram_node *node, double score, size_t begin, int32_t id, bool single)
{
    if (single) score = (double)(float)score;
    if (node->begin != NO_WAY && !(score > node->score)) return;
    node->score = score;
    node->begin = (uint32_t)begin;
    node->id = id;
}

static strait_status find_ways(const strait__unigram *unigram, strait__unigram_node *nodes, const char *text,
                               size_t length)
{
    const strait__trie_node *tree = unigram->trie.nodes;
    const bool single = unigram->single;
    for (size_t at = 0; at < length;) {
        double before = nodes[at].score;
        size_t step = character_length((unsigned char)text[at]);
        bool whole = false; /* one token is exactly this character */
        uint32_t node = 0;
        for (size_t end = at; end < length;) {
            uint32_t next = tree[node].base ^ (unsigned char)text[end];
            if (tree[next].parent != node) break;
            node = next;
            end++;
            int32_t id = tree[node].value;
            if (id < 0) continue;
            offer(&nodes[end], before + unigram->scores[id], at, id, single);
            whole |= end == at + step;
        }
        if (!whole) {
            if (unigram->unknown < 0) {
                return STRAIT_FAIL(
                    STRAIT_ERR_UNSUPPORTED,
                    "a character has no token, and the model no token for what is unknown (model.unk_id)");
            }
            offer(&nodes[at + step], before + unigram->unknown_score, at, unigram->unknown, single);
        }
        at += step;
    }
    return STRAIT_OK;
}

/* Ids of a part without token, from behind: its bytes, or the token for what is unknown. */
static int32_t *put_unknown(const strait__unigram *unigram, const char *part, size_t length, int32_t *at)
{
    int32_t id = unigram->fuse ? strait__vocab_find(unigram->vocab, part, length) : -1;
    if (id < 0 && unigram->byte_fallback) {
        while (length > 0) *--at = unigram->fallback_ids[(unsigned char)part[--length]];
        return at;
    }
    *--at = id >= 0 ? id : unigram->unknown;
    return at;
}

strait_status strait__unigram_encode(const strait__unigram *unigram, strait__unigram_scratch *scratch, const char *text,
                                     size_t length, int32_t *out_ids, size_t *out_count)
{
    if (length + 1 > scratch->capacity) {
        size_t capacity = length + length / 2 + 256;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *scratch->nodes, &scratch->nodes));
        scratch->capacity = capacity;
    }
    strait__unigram_node *nodes = scratch->nodes;
    for (size_t i = 0; i <= length; i++) nodes[i] = (strait__unigram_node){.begin = NO_WAY};
    STRAIT_TRY(find_ways(unigram, nodes, text, length));
    int32_t *at = out_ids + length;
    for (size_t end = length; end > 0;) {
        size_t begin = nodes[end].begin;
        if (nodes[end].id != unigram->unknown) {
            *--at = nodes[end].id;
        } else {
            while (unigram->fuse && begin > 0 && nodes[begin].id == unigram->unknown) begin = nodes[begin].begin;
            at = put_unknown(unigram, text + begin, end - begin, at);
        }
        end = begin;
    }
    *out_count = (size_t)(out_ids + length - at);
    memmove(out_ids, at, *out_count * sizeof *out_ids);
    return STRAIT_OK;
}
