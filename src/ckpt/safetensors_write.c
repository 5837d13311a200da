/* Writing safetensors: the header first, then the tensors one after the other through one staging buffer. */
#include "ckpt/safetensors.h"

#include "base/json.h"
#include "base/utf8.h"
#include "ckpt/file_writer.h"

#include <stdlib.h>
#include <string.h>

#define STAGING_BYTES ((size_t)1 << 20)

/* A tensor in the order in which it goes into the file. */
typedef struct placed {
    const strait_tensor_spec *spec;
    int64_t size;
} placed;

/* Larger elements first, so that a tensor is aligned to its element whatever the counts; then by name. */
static int compare_placed(const void *a, const void *b)
{
    const strait_tensor_spec *x = ((const placed *)a)->spec;
    const strait_tensor_spec *y = ((const placed *)b)->spec;
    size_t x_size = strait_dtype_size(x->dtype);
    size_t y_size = strait_dtype_size(y->dtype);
    if (x_size != y_size) return x_size > y_size ? -1 : 1;
    return strcmp(x->name, y->name);
}

static strait_status place(const char *path, const strait_tensor_spec *specs, size_t count, bool as_given, placed *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i].spec = &specs[i];
        STRAIT_TRY_CTX(strait_shape_bytes(&specs[i].shape, specs[i].dtype, &out[i].size), "%s: tensor \"%s\"", path,
                       specs[i].name);
        if (strait_dtype_size(specs[i].dtype) == 0 || strcmp(specs[i].name, "__metadata__") == 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: tensor \"%s\" has a reserved name or no dtype", path,
                               specs[i].name);
        }
        if (out[i].size > 0 && !specs[i].bytes == !specs[i].read) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: tensor \"%s\" needs either bytes or a callback", path,
                               specs[i].name);
        }
    }
    if (!as_given && count > 1) qsort(out, count, sizeof *out, compare_placed);
    return STRAIT_OK;
}

/* A tensor's entry of the header; NULL where memory ran out. */
static json_t *describe(const placed *tensor, int64_t begin)
{
    const strait_tensor_spec *spec = tensor->spec;
    json_t *shape = json_array();
    int failed = shape ? 0 : -1;
    for (int i = 0; i < spec->shape.rank; i++)
        failed |= json_array_append_new(shape, json_integer(spec->shape.dims[i]));
    if (failed) {
        json_decref(shape);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", strait_dtype_safetensors_name(spec->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + tensor->size));
}

static strait_status describe_all(const char *path, const placed *tensors, size_t count, json_t *header)
{
    int64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = tensors[i].spec->name;
        if (json_object_get(header, name)) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: tensor \"%s\" is given twice", path, name);
        }
        size_t length = strlen(name);
        if (strait_utf8_valid_prefix(name, length) != length) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: the name of tensor %zu is not UTF-8", path, i);
        }
        if (json_object_set_new(header, name, describe(&tensors[i], offset)) != 0) {
            return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory for tensor \"%s\"", path, name);
        }
        if (!strait_add_i64(offset, tensors[i].size, &offset)) {
            return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: more bytes than 63 bits can count", path);
        }
    }
    return STRAIT_OK;
}

/* The eight length bytes and the JSON text, padded with spaces so that the data begins at a multiple of 8. */
static strait_status format_header(const char *path, const placed *tensors, size_t count, const json_t *metadata,
                                   strait_buffer *out)
{
    json_t *header = json_object();
    json_t *meta = metadata ? json_deep_copy(metadata) : json_pack("{s:s}", "format", "pt");
    strait_status status = STRAIT_OK;
    if (json_object_set_new(header, "__metadata__", meta) != 0) {
        status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory for the header", path);
    }
    if (status == STRAIT_OK) status = describe_all(path, tensors, count, header);
    if (status == STRAIT_OK) status = strait_buffer_append(out, "\0\0\0\0\0\0\0", 8);
    if (status == STRAIT_OK) status = strait_json_format(header, 0, out);
    while (status == STRAIT_OK && out->length % 8 != 0) status = strait_buffer_append(out, " ", 1);
    json_decref(header);
    STRAIT_TRY(status);
    uint64_t length = out->length - 8;
    if (length > STRAIT_SAFETENSORS_HEADER_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: %zu tensors need a header of more than %u bytes", path, count,
                           STRAIT_SAFETENSORS_HEADER_MAX);
    }
    for (int i = 0; i < 8; i++) out->bytes[i] = (char)(unsigned char)(length >> (8 * i));
    return STRAIT_OK;
}

static strait_status write_tensor(strait_file_writer *writer, const placed *tensor, void *staging)
{
    const strait_tensor_spec *spec = tensor->spec;
    if (spec->bytes) return strait_file_writer_append(writer, spec->bytes, (size_t)tensor->size);
    for (int64_t offset = 0; offset < tensor->size;) {
        int64_t left = tensor->size - offset;
        size_t length = left < (int64_t)STAGING_BYTES ? (size_t)left : STAGING_BYTES;
        STRAIT_TRY_CTX(spec->read(spec->context, offset, length, staging), "writing tensor \"%s\"", spec->name);
        STRAIT_TRY(strait_file_writer_append(writer, staging, length));
        offset += (int64_t)length;
    }
    return STRAIT_OK;
}

static strait_status write_file(const char *path, const strait_buffer *header, const placed *tensors, size_t count,
                                void *staging, strait_file_digest *out_digest)
{
    strait_file_writer writer;
    STRAIT_TRY(strait_file_writer_open(&writer, path));
    strait_status status = strait_file_writer_append(&writer, header->bytes, header->length);
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) status = write_tensor(&writer, &tensors[i], staging);
    if (status != STRAIT_OK) {
        strait_file_writer_abandon(&writer);
        return status;
    }
    return strait_file_writer_commit(&writer, out_digest);
}

strait_status strait_safetensors_write(const char *path, const strait_tensor_spec *specs, size_t count,
                                       const strait_safetensors_options *options, strait_file_digest *out_digest)
{
    placed *tensors = NULL;
    void *staging = NULL;
    strait_buffer header = {0};
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *tensors, &tensors);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, STAGING_BYTES, 1, &staging);
    if (status == STRAIT_OK) status = place(path, specs, count, options && options->as_given, tensors);
    if (status == STRAIT_OK) {
        status = format_header(path, tensors, count, options ? options->metadata : NULL, &header);
    }
    if (status == STRAIT_OK) status = write_file(path, &header, tensors, count, staging, out_digest);
    strait_buffer_fini(&header);
    strait_free(staging);
    strait_free(tensors);
    return status;
}
