/* One SHA-256 over named tensors. */
#include "ckpt/params_hash.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define STAGING_BYTES ((size_t)1 << 20)

static int compare_specs(const void *a, const void *b)
{
    return strcmp((*(const strait_tensor_spec *const *)a)->name, (*(const strait_tensor_spec *const *)b)->name);
}

static strait_status hash_tensor(strait_sha256 *hash, const strait_tensor_spec *spec, void *staging)
{
    char shape[STRAIT_SHAPE_TEXT];
    const char *dtype = strait_dtype_safetensors_name(spec->dtype);
    int64_t size = 0;
    STRAIT_TRY(strait_shape_bytes(&spec->shape, spec->dtype, &size));
    strait_shape_format(&spec->shape, shape);
    strait_sha256_update(hash, spec->name, strlen(spec->name) + 1);
    strait_sha256_update(hash, dtype, strlen(dtype) + 1);
    strait_sha256_update(hash, shape, strlen(shape) + 1);
    if (spec->bytes) {
        strait_sha256_update(hash, spec->bytes, (size_t)size);
        return STRAIT_OK;
    }
    for (int64_t offset = 0; offset < size;) {
        size_t length = size - offset < (int64_t)STAGING_BYTES ? (size_t)(size - offset) : STAGING_BYTES;
        STRAIT_TRY_CTX(spec->read(spec->context, offset, length, staging), "hashing tensor \"%s\"", spec->name);
        strait_sha256_update(hash, staging, length);
        offset += (int64_t)length;
    }
    return STRAIT_OK;
}

strait_status strait_params_hash(const strait_tensor_spec *tensors, size_t count, char out_hex[STRAIT_SHA256_HEX])
{
    const strait_tensor_spec **order = NULL;
    void *staging = NULL;
    strait_sha256 hash;
    strait_sha256_init(&hash);
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *order, &order);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, STAGING_BYTES, 1, &staging);
    if (status == STRAIT_OK) {
        for (size_t i = 0; i < count; i++) order[i] = &tensors[i];
        if (count > 1) qsort(order, count, sizeof *order, compare_specs);
    }
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) status = hash_tensor(&hash, order[i], staging);
    if (status == STRAIT_OK) strait_sha256_final(&hash, out_hex);
    strait_free(staging);
    strait_free(order);
    return status;
}

strait_tensor_spec strait_tensor_spec_from_view(const strait_tensor_view *view)
{
    return (strait_tensor_spec){.name = view->name, .dtype = view->dtype, .shape = view->shape, .bytes = view->bytes};
}

void strait_safetensors_specs(const strait_safetensors *file, strait_tensor_spec *out)
{
    for (size_t i = 0; i < strait_safetensors_count(file); i++) {
        out[i] = strait_tensor_spec_from_view(strait_safetensors_get(file, i));
    }
}
