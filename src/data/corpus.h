/* What packing needs of a corpus beyond the public header. */
#ifndef STRAIT_DATA_CORPUS_H
#define STRAIT_DATA_CORPUS_H

#include <strait/data.h>

#include <stdbool.h>

/* From now on each line of JSON lines that is not blank is a document as it stands, for whoever parses it himself. */
void strait__corpus_raw_lines(strait_corpus *corpus);

/* Takes over the counts and hash of file `file` from an earlier reading. */
void strait__corpus_restore(strait_corpus *corpus, int64_t file, const strait_corpus_file *counts);

#endif
