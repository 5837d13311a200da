/* What packing needs of a corpus beyond the public header. */
#ifndef STRAIT_DATA_CORPUS_H
#define STRAIT_DATA_CORPUS_H

#include <strait/data.h>

/* Takes over the counts and hash of file `file` from an earlier reading. */
void strait__corpus_restore(strait_corpus *corpus, int64_t file, const strait_corpus_file *counts);

#endif
