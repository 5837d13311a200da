/*
 * From the pieces of a SentencePiece model to what encodes. Its BPE has no list of merges: two neighbours merge
 * wherever together they are a piece, the one of highest score first. So the merges are all ways to cut a piece in two.
 */
#include "token/sentencepiece.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_PENALTY 10.0f
#define USER_PENALTY 0.1f
/* Characters that stand in pieces without being one. Trained models have none. */
#define PARTS_MAX 4096

static size_t character_length(unsigned char first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Whether text can become this piece. */
static bool is_symbol(const strait__sentencepiece *model, int32_t id)
{
    return model->kinds[id] == STRAIT__PIECE_NORMAL || model->kinds[id] == STRAIT__PIECE_USER;
}

static strait_status build_trie(const strait__sentencepiece *model, const strait__vocab *vocab, bool users,
                                strait__trie *trie)
{
    strait__trie_key *keys = NULL;
    size_t count = 0;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)model->count, sizeof *keys, &keys));
    for (int32_t id = 0; id < model->count; id++) {
        if (users ? model->kinds[id] != STRAIT__PIECE_USER : !is_symbol(model, id)) continue;
        keys[count].bytes = strait__vocab_bytes(vocab, id, &keys[count].length);
        keys[count++].value = id;
    }
    strait_status status = strait__trie_build(trie, keys, count);
    strait_free(keys);
    return status;
}

static strait_status prepare_users(strait__sentencepiece *model, const strait__vocab *vocab)
{
    for (int32_t id = 0; id < model->count; id++) {
        size_t length = 0;
        if (model->kinds[id] != STRAIT__PIECE_USER) continue;
        model->user_begins[(unsigned char)*strait__vocab_bytes(vocab, id, &length)] = true;
        model->has_users = true;
    }
    return model->has_users ? build_trie(model, vocab, true, &model->users) : STRAIT_OK;
}

/* Scores in the order in which SentencePiece's own arithmetic meets them: see unigram.h. */
static strait_status prepare_unigram(strait__sentencepiece *model, const strait__vocab *vocab)
{
    strait__unigram *unigram = &model->unigram;
    float lowest = FLT_MAX;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)model->count, sizeof *unigram->scores, &unigram->scores));
    for (int32_t id = 0; id < model->count; id++) {
        if (model->kinds[id] == STRAIT__PIECE_NORMAL && model->scores[id] < lowest) lowest = model->scores[id];
    }
    for (int32_t id = 0; id < model->count; id++) {
        /* A user symbol's is 0.1 below the highest, which scores of a trained model make 0 for every length. */
        unigram->scores[id] =
            model->kinds[id] == STRAIT__PIECE_USER ? (double)-USER_PENALTY : (double)model->scores[id];
    }
    unigram->vocab = vocab;
    unigram->unknown = model->unknown;
    unigram->unknown_score = (double)(lowest - UNKNOWN_PENALTY);
    unigram->single = true;
    unigram->byte_fallback = model->byte_fallback;
    memcpy(unigram->fallback_ids, model->byte_ids, sizeof model->byte_ids);
    return build_trie(model, vocab, false, &unigram->trie);
}

static strait_status add_parts(strait__sentencepiece *model, const strait__vocab *vocab, const char *name)
{
    strait__vocab *symbols = &model->symbols;
    int32_t next = model->count;
    for (int32_t id = 0; id < model->count; id++) {
        size_t length = 0;
        const char *text = strait__vocab_bytes(vocab, id, &length);
        for (size_t at = 0; is_symbol(model, id) && at < length;) {
            size_t step = character_length((unsigned char)text[at]);
            if (strait__vocab_find(symbols, text + at, step) < 0) {
                if (next == model->count + PARTS_MAX) {
                    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                                       "%s: over %d characters stand in pieces but are no pieces themselves", name,
                                       PARTS_MAX);
                }
                STRAIT_TRY(strait__vocab_set(symbols, next++, text + at, step, STRAIT__TOKEN_MODEL));
            }
            at += step;
        }
    }
    symbols->count = next;
    return STRAIT_OK;
}

static strait_status prepare_symbols(strait__sentencepiece *model, const strait__vocab *vocab, const char *name)
{
    STRAIT_TRY(strait__vocab_init(&model->symbols, model->count + PARTS_MAX));
    for (int32_t id = 0; id < model->count; id++) {
        size_t length = 0;
        const char *text = strait__vocab_bytes(vocab, id, &length);
        if (is_symbol(model, id)) {
            STRAIT_TRY(strait__vocab_set(&model->symbols, id, text, length, STRAIT__TOKEN_MODEL));
        } else if (character_length((unsigned char)text[0]) == length) {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: piece %d, \"%s\", is one character but not for text", name,
                               id, text);
        }
    }
    return add_parts(model, vocab, name);
}

/* Goes through all ways to cut pieces in two. With `ranks` enters them, else only counts. */
static size_t cut_pieces(strait__sentencepiece *model, const uint32_t *ranks)
{
    const strait__vocab *symbols = &model->symbols;
    size_t count = 0;
    for (int32_t id = 0; id < model->count; id++) {
        size_t length = 0;
        const char *text = strait__vocab_bytes(symbols, id, &length);
        if (!is_symbol(model, id)) continue;
        for (size_t at = character_length((unsigned char)text[0]); at < length;) {
            int32_t left = strait__vocab_find(symbols, text, at);
            int32_t right = left < 0 ? -1 : strait__vocab_find(symbols, text + at, length - at);
            if (right >= 0) {
                count++;
                if (ranks) strait__bpe_set(&model->bpe, ranks[id], left, right, id);
            }
            at += character_length((unsigned char)text[at]);
        }
    }
    return count;
}

typedef struct scored {
    float score;
    int32_t id;
} scored;

static int by_score(const void *a, const void *b)
{
    const scored *x = a;
    const scored *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Equal scores have equal ranks, and the leftmost pair is merged first. */
static strait_status rank_pieces(const strait__sentencepiece *model, uint32_t *ranks, uint32_t *out_count)
{
    scored *order = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)model->count, sizeof *order, &order));
    for (int32_t id = 0; id < model->count; id++) order[id] = (scored){model->scores[id], id};
    qsort(order, (size_t)model->count, sizeof *order, by_score);
    uint32_t rank = 0;
    for (int32_t i = 0; i < model->count; i++) {
        if (i > 0 && order[i].score != order[i - 1].score) rank++;
        ranks[order[i].id] = rank;
    }
    strait_free(order);
    *out_count = rank + 1;
    return STRAIT_OK;
}

static strait_status prepare_merges(strait__sentencepiece *model)
{
    uint32_t *ranks = NULL;
    uint32_t rank_count = 0;
    size_t merges = cut_pieces(model, NULL);
    if (merges > UINT32_MAX / 4) return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "a model with %zu merges", merges);
    STRAIT_TRY(strait__bpe_init(&model->bpe, &model->symbols, (uint32_t)merges));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)model->count, sizeof *ranks, &ranks));
    strait_status status = rank_pieces(model, ranks, &rank_count);
    if (status == STRAIT_OK) {
        (void)cut_pieces(model, ranks);
        model->bpe.merge_count = rank_count;
        model->bpe.characters = true;
        model->bpe.unknown = model->unknown;
        model->bpe.byte_fallback = model->byte_fallback;
        memcpy(model->bpe.fallback_ids, model->byte_ids, sizeof model->byte_ids);
        status = strait__bpe_note_joined(&model->bpe);
    }
    strait_free(ranks);
    return status;
}

strait_status strait__sentencepiece_prepare(strait__sentencepiece *model, const strait__vocab *vocab, const char *name)
{
    STRAIT_TRY(prepare_users(model, vocab));
    if (model->is_unigram) return prepare_unigram(model, vocab);
    STRAIT_TRY(prepare_symbols(model, vocab, name));
    return prepare_merges(model);
}
