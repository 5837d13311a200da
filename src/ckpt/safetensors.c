/* Reading safetensors. Trusts nothing: every length, shape and offset is checked against the mapped file. */
#include "ckpt/safetensors.h"

#include "base/file.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct strait_safetensors {
    char *path;
    strait_map map; /* empty where the bytes are the caller's */
    json_t *header; /* owns the names */
    strait_tensor_view *tensors;
    size_t count;
};

/* A tensor's bytes as the header places them, for the search for overlaps and holes. */
typedef struct extent {
    int64_t begin;
    int64_t end;
    const char *name;
} extent;

static int compare_views(const void *a, const void *b)
{
    return strcmp(((const strait_tensor_view *)a)->name, ((const strait_tensor_view *)b)->name);
}

static int compare_extents(const void *a, const void *b)
{
    const extent *x = a;
    const extent *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

static uint64_t read_u64(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

/* Finds the header's text; the rest of the file is the data. */
static strait_status locate_header(const char *path, const unsigned char *bytes, size_t length, size_t *out_length)
{
    if (length < 8) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %zu bytes; a safetensors file begins with 8 bytes of header length",
                           path, length);
    }
    uint64_t header = read_u64(bytes);
    if (header > STRAIT_SAFETENSORS_HEADER_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: header length %" PRIu64 " is over the limit of %u bytes; not a safetensors file?", path,
                           header, STRAIT_SAFETENSORS_HEADER_MAX);
    }
    if (header > length - 8) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: the header should be %" PRIu64 " bytes long but only %zu follow; the file is truncated",
                           path, header, length - 8);
    }
    *out_length = (size_t)header;
    return STRAIT_OK;
}

static strait_status parse_shape(const char *path, const char *name, const json_t *json, strait_shape *out)
{
    if (!json_is_array(json)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: tensor \"%s\": \"shape\" must be an array of integers", path, name);
    }
    size_t rank = json_array_size(json);
    if (rank > STRAIT_SHAPE_MAX_DIMS) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: tensor \"%s\" has %zu dimensions; at most %d are supported",
                           path, name, rank, STRAIT_SHAPE_MAX_DIMS);
    }
    strait_shape shape = {.rank = (int)rank};
    for (size_t i = 0; i < rank; i++) {
        const json_t *extent_json = json_array_get(json, i);
        if (!json_is_integer(extent_json) || json_integer_value(extent_json) < 0) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                               "%s: tensor \"%s\": element %zu of \"shape\" is not an integer from 0 on", path, name,
                               i);
        }
        shape.dims[i] = json_integer_value(extent_json);
    }
    *out = shape;
    return STRAIT_OK;
}

static strait_status parse_offsets(const char *path, const char *name, const json_t *json, int64_t data_length,
                                   extent *out)
{
    const json_t *begin = json_array_get(json, 0);
    const json_t *end = json_array_get(json, 1);
    if (!json_is_array(json) || json_array_size(json) != 2 || !json_is_integer(begin) || !json_is_integer(end)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: tensor \"%s\": \"data_offsets\" must be two integers", path, name);
    }
    *out = (extent){.begin = json_integer_value(begin), .end = json_integer_value(end), .name = name};
    if (out->begin < 0 || out->end < out->begin) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: tensor \"%s\": data_offsets [%" PRId64 ", %" PRId64 "] are not in order", path, name,
                           out->begin, out->end);
    }
    if (out->end > data_length) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: tensor \"%s\": data_offsets [%" PRId64 ", %" PRId64 "] reach past the file's %" PRId64
                           " bytes of data; the file is truncated or its header is wrong",
                           path, name, out->begin, out->end, data_length);
    }
    return STRAIT_OK;
}

static strait_status parse_tensor(const char *path, const char *name, const json_t *json, const unsigned char *data,
                                  int64_t data_length, strait_tensor_view *out, extent *out_extent)
{
    if (!json_is_object(json)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: tensor \"%s\": its header entry is not an object", path, name);
    }
    const char *dtype = json_string_value(json_object_get(json, "dtype"));
    if (!dtype) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: tensor \"%s\": \"dtype\" is missing or not a string", path, name);
    }
    strait_tensor_view view = {.name = name};
    if (!strait_dtype_from_safetensors_name(dtype, &view.dtype)) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: tensor \"%s\" has unknown dtype \"%.40s\"", path, name, dtype);
    }
    STRAIT_TRY(parse_shape(path, name, json_object_get(json, "shape"), &view.shape));
    STRAIT_TRY_CTX(strait_shape_count(&view.shape, &view.count), "%s: tensor \"%s\"", path, name);
    STRAIT_TRY_CTX(strait_shape_bytes(&view.shape, view.dtype, &view.size), "%s: tensor \"%s\"", path, name);
    STRAIT_TRY(parse_offsets(path, name, json_object_get(json, "data_offsets"), data_length, out_extent));
    if (out_extent->end - out_extent->begin != view.size) {
        char text[STRAIT_SHAPE_TEXT];
        return STRAIT_FAIL(
            STRAIT_ERR_FORMAT, "%s: tensor \"%s\": %s %s takes %" PRId64 " bytes, but its data_offsets span %" PRId64,
            path, name, dtype, strait_shape_format(&view.shape, text), view.size, out_extent->end - out_extent->begin);
    }
    view.bytes = data + out_extent->begin;
    *out = view;
    return STRAIT_OK;
}

static strait_status check_metadata(const char *path, json_t *metadata)
{
    if (!json_is_object(metadata)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: \"__metadata__\" is not an object", path);
    }
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value)) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: \"__metadata__\": the value of \"%s\" is not a string", path,
                               key);
        }
    }
    return STRAIT_OK;
}

/* The extents must tile the data: a hole hides bytes, an overlap makes two tensors one. */
static strait_status check_tiling(const char *path, extent *extents, size_t count, int64_t data_length)
{
    if (count > 1) qsort(extents, count, sizeof *extents, compare_extents);
    int64_t end = 0;
    const char *previous = NULL;
    for (size_t i = 0; i < count; i++) {
        if (extents[i].begin < end) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                               "%s: tensors \"%s\" and \"%s\" overlap at byte %" PRId64 " of the data", path, previous,
                               extents[i].name, extents[i].begin);
        }
        if (extents[i].begin > end) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                               "%s: %" PRId64 " bytes of the data before tensor \"%s\" belong to no tensor", path,
                               extents[i].begin - end, extents[i].name);
        }
        end = extents[i].end;
        previous = extents[i].name;
    }
    if (end != data_length) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %" PRId64 " bytes at the end of the file belong to no tensor", path,
                           data_length - end);
    }
    return STRAIT_OK;
}

/* Fills file->tensors from file->header. */
static strait_status parse_tensors(strait_safetensors *file, const unsigned char *data, int64_t data_length)
{
    extent *extents = NULL;
    size_t entries = json_object_size(file->header);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, entries, sizeof *file->tensors, &file->tensors));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, entries, sizeof *extents, &extents));
    strait_status status = STRAIT_OK;
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) {
            status = check_metadata(file->path, entry);
        } else {
            status = parse_tensor(file->path, name, entry, data, data_length, &file->tensors[file->count],
                                  &extents[file->count]);
            if (status == STRAIT_OK) file->count++;
        }
        if (status != STRAIT_OK) break;
    }
    if (status == STRAIT_OK) status = check_tiling(file->path, extents, file->count, data_length);
    if (file->count > 1) qsort(file->tensors, file->count, sizeof *file->tensors, compare_views);
    strait_free(extents);
    return status;
}

static strait_status parse_file(strait_safetensors *file, const unsigned char *bytes, size_t length)
{
    size_t header = 0;
    STRAIT_TRY(locate_header(file->path, bytes, length, &header));
    STRAIT_TRY_CTX(strait_json_parse(file->path, (const char *)bytes + 8, header, &file->header),
                   "reading the safetensors header");
    if (!json_is_object(file->header)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: the safetensors header is not a JSON object", file->path);
    }
    return parse_tensors(file, bytes + 8 + header, (int64_t)(length - 8 - header));
}

strait_status strait_safetensors_open_memory(const char *name, const void *bytes, size_t length,
                                             strait_safetensors **out_file)
{
    strait_safetensors *file;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *file, &file));
    strait_status status = strait_strdup(STRAIT_TAG_OTHER, name, &file->path);
    if (status == STRAIT_OK) status = parse_file(file, bytes, length);
    if (status != STRAIT_OK) {
        strait_safetensors_close(file);
        return status;
    }
    *out_file = file;
    return STRAIT_OK;
}

strait_status strait_safetensors_open(const char *path, strait_safetensors **out_file)
{
    strait_map map;
    STRAIT_TRY(strait_file_map(path, &map));
    strait_safetensors *file;
    strait_status status = strait_safetensors_open_memory(path, map.bytes, map.length, &file);
    if (status != STRAIT_OK) {
        strait_file_unmap(&map);
        return status;
    }
    file->map = map;
    *out_file = file;
    return STRAIT_OK;
}

void strait_safetensors_close(strait_safetensors *file)
{
    if (!file) return;
    json_decref(file->header);
    strait_free(file->tensors);
    strait_free(file->path);
    strait_file_unmap(&file->map);
    strait_free(file);
}

size_t strait_safetensors_count(const strait_safetensors *file)
{
    return file->count;
}

const strait_tensor_view *strait_safetensors_get(const strait_safetensors *file, size_t index)
{
    STRAIT_ASSERT(index < file->count);
    return &file->tensors[index];
}

const strait_tensor_view *strait_safetensors_find(const strait_safetensors *file, const char *name)
{
    if (file->count == 0) return NULL;
    strait_tensor_view key = {.name = name};
    return bsearch(&key, file->tensors, file->count, sizeof key, compare_views);
}

const char *strait_safetensors_metadata(const strait_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

const char *strait_safetensors_path(const strait_safetensors *file)
{
    return file->path;
}
