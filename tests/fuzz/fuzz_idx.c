/* Megatron .idx: any bytes are refused or give an index whose every answer lies inside the .bin. */
#include "data/token_index.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The size of the .bin comes first, so that the fuzzer can make it fit. */
    if (size < 4) return 0;
    int64_t bin_bytes = strait__read_le32(data);
    strait__index index;
    if (strait__index_parse("fuzz.idx", data + 4, size - 4, bin_bytes, &index) != STRAIT_OK) return 0;
    if (index.tokens * strait__id_type_size(index.type) != bin_bytes) abort();
    if (strait__index_document_start(&index, index.documents) != index.tokens) abort();
    int64_t step = index.tokens / 64 + 1;
    for (int64_t at = 0; at < index.tokens; at += step) {
        int64_t document = strait__index_document_at(&index, at);
        if (document < 0 || document >= index.documents) abort();
        if (strait__index_document_start(&index, document) > at) abort();
        if (strait__index_document_start(&index, document + 1) <= at) abort();
    }
    return 0;
}
