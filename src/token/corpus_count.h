/* Reading a corpus for training: normalise, split and count words on several threads. */
#ifndef STRAIT_TOKEN_CORPUS_COUNT_H
#define STRAIT_TOKEN_CORPUS_COUNT_H

#include "base/pool.h"
#include "token/tokenizer_parts.h"
#include "token/word_count.h"

/* Seconds of a clock that only goes forward. */
double strait__seconds(void);

/* Counts all words of the corpus; fills the report's counts but for distinct words. `begin` is when training began. */
strait_status strait__corpus_count(const strait_tokenizer_training *training, strait_pool *pool, double begin,
                                   strait__word_counts *out_counts,
                                   strait_tokenizer_training_report *report) STRAIT_MUST_USE;

#endif
