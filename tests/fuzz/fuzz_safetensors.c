/* Any bytes as a safetensors file: opens or is refused; what opens may be read in full. */
#include "base/hash.h"
#include "ckpt/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    strait_safetensors *file;
    if (strait_safetensors_open_memory("fuzz", bytes, length, &file) != STRAIT_OK) return 0;
    strait_sha256 hash;
    strait_sha256_init(&hash);
    for (size_t i = 0; i < strait_safetensors_count(file); i++) {
        const strait_tensor_view *tensor = strait_safetensors_get(file, i);
        if (strait_safetensors_find(file, tensor->name) != tensor) abort();
        strait_sha256_update(&hash, tensor->bytes, (size_t)tensor->size);
    }
    strait_safetensors_close(file);
    return 0;
}
