/* A batch of documents encoded by a pool of threads, taken out in the order they were put in. */
#ifndef STRAIT_DATA_ENCODE_BATCH_H
#define STRAIT_DATA_ENCODE_BATCH_H

#include "base/buffer.h"
#include "base/pool.h"
#include "data/encoder.h"

#include <strait/data.h>

enum { STRAIT__BATCH_DOCUMENTS = 1024 };

typedef struct strait__batch_document {
    size_t offset; /* into the text of the batch */
    size_t length;
    int64_t file;
    int64_t line;
    strait_encoding encoding;
    strait_status status;
    char *message; /* owned; of a status that is not OK */
} strait__batch_document;

typedef struct strait__encode_batch {
    const strait__encoder *encoder; /* borrowed */
    strait_pool *pool;              /* borrowed; NULL = the caller's thread */
    strait_buffer text;
    strait__batch_document documents[STRAIT__BATCH_DOCUMENTS];
    int64_t count;
} strait__encode_batch;

/* Copies a document in. Not when full. */
strait_status strait__encode_batch_add(strait__encode_batch *batch, const strait_document *document) STRAIT_MUST_USE;
bool strait__encode_batch_is_full(const strait__encode_batch *batch);
/* Encodes all; each document has its ids, or its status and message. */
void strait__encode_batch_run(strait__encode_batch *batch);
void strait__encode_batch_clear(strait__encode_batch *batch);
void strait__encode_batch_fini(strait__encode_batch *batch);

#endif
