/*
 * The unigram model: of all ways to put a text together from tokens the one with the highest sum of scores, as the
 * `tokenizers` package (sums in binary64) and SentencePiece (in binary32) find it. Among equals the sums' rounding
 * decides, so additions are made in the same order and precision.
 */
#ifndef STRAIT_TOKEN_UNIGRAM_H
#define STRAIT_TOKEN_UNIGRAM_H

#include "token/trie.h"
#include "token/vocab.h"

/* Zero-initialise; fini frees. */
typedef struct strait__unigram {
    const strait__vocab *vocab; /* borrowed */
    double *scores;             /* [count], owned */
    int32_t count;
    strait__trie trie; /* tokens that can be chosen */
    double unknown_score;
    int32_t unknown;           /* -1 = none: a character without token is an error */
    bool single;               /* sums are rounded to binary32 */
    bool fuse;                 /* what has no token is looked up as a whole for each run, else by characters */
    bool byte_fallback;        /* all 256 are there */
    int32_t fallback_ids[256]; /* of <0x00> to <0xFF> */
} strait__unigram;

void strait__unigram_fini(strait__unigram *unigram);

typedef struct strait__unigram_node {
    double score;   /* of the best way to here */
    uint32_t begin; /* of its last token; UINT32_MAX = no way yet */
    int32_t id;
} strait__unigram_node;

/* Zero-initialise; fini frees. */
typedef struct strait__unigram_scratch {
    strait__unigram_node *nodes; /* by the position where they end */
    size_t capacity;
} strait__unigram_scratch;
void strait__unigram_scratch_fini(strait__unigram_scratch *scratch);

/* Ids of well-formed UTF-8 of 1 to 2^31 - 2 bytes; out_ids has room for `length`. */
strait_status strait__unigram_encode(const strait__unigram *unigram, strait__unigram_scratch *scratch, const char *text,
                                     size_t length, int32_t *out_ids, size_t *out_count) STRAIT_MUST_USE;

#endif
