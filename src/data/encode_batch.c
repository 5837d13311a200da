/* Batches of documents for the threads that encode. */
#include "data/encode_batch.h"

#include "base/status.h"

/* Enough text to keep the threads busy between two hand-overs. */
#define BATCH_BYTES ((size_t)4 << 20)
/* Memory that one huge document left behind is given back. */
#define KEPT_IDS ((size_t)1 << 16)

strait_status strait__encode_batch_add(strait__encode_batch *batch, const strait_document *document)
{
    size_t offset = batch->text.length;
    STRAIT_TRY(strait_buffer_append(&batch->text, document->text, document->length));
    strait__batch_document *slot = &batch->documents[batch->count];
    slot->offset = offset;
    slot->length = document->length;
    slot->file = document->file;
    slot->line = document->line;
    batch->count++;
    return STRAIT_OK;
}

bool strait__encode_batch_is_full(const strait__encode_batch *batch)
{
    return batch->count == STRAIT__BATCH_DOCUMENTS || batch->text.length >= BATCH_BYTES;
}

static void encode_one(void *context, int64_t task, int worker)
{
    (void)worker;
    strait__encode_batch *batch = context;
    strait__batch_document *slot = &batch->documents[task];
    const strait__encoder *encoder = batch->encoder;
    slot->status = encoder->encode(encoder->context, batch->text.bytes + slot->offset, slot->length, &slot->encoding);
    if (slot->status == STRAIT_OK) return;
    /* Messages belong to their thread; this one has to outlive it. */
    if (strait_strdup(STRAIT_TAG_DATA, strait_error_message(), &slot->message) != STRAIT_OK) slot->message = NULL;
}

void strait__encode_batch_run(strait__encode_batch *batch)
{
    strait_pool_run(batch->pool, batch->count, encode_one, batch);
}

void strait__encode_batch_clear(strait__encode_batch *batch)
{
    for (int64_t i = 0; i < batch->count; i++) {
        strait__batch_document *slot = &batch->documents[i];
        strait_free(slot->message);
        slot->message = NULL;
        slot->status = STRAIT_OK;
        if (slot->encoding.capacity > KEPT_IDS) strait_encoding_fini(&slot->encoding);
    }
    batch->count = 0;
    if (batch->text.capacity > 4 * BATCH_BYTES) strait_buffer_fini(&batch->text);
    strait_buffer_clear(&batch->text);
}

void strait__encode_batch_fini(strait__encode_batch *batch)
{
    strait__encode_batch_clear(batch);
    for (int i = 0; i < STRAIT__BATCH_DOCUMENTS; i++) strait_encoding_fini(&batch->documents[i].encoding);
    strait_buffer_fini(&batch->text);
}
