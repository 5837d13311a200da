/*
 * The safetensors format: a reader over a mapping, and a writer that streams.
 *
 * A file is a little-endian u64 header length, a JSON header and the tensors' bytes. The reader checks everything
 * before it hands out a pointer; each defect is its own error, naming file and tensor.
 */
#ifndef STRAIT_CKPT_SAFETENSORS_H
#define STRAIT_CKPT_SAFETENSORS_H

#include "base/hash.h"
#include "tensor/shape.h"

#include <jansson.h>

/* Longer headers are refused, as every other reader of the format does. */
#define STRAIT_SAFETENSORS_HEADER_MAX 100000000U

/* One tensor of an open file. All pointers are borrowed from the file and live until it is closed. */
typedef struct strait_tensor_view {
    const char *name;
    strait_dtype dtype;
    strait_shape shape;
    int64_t count;     /* elements */
    int64_t size;      /* bytes */
    const void *bytes; /* row-major, little-endian; NOT necessarily aligned to the element: copy, or check first */
} strait_tensor_view;

typedef struct strait_safetensors strait_safetensors;

/* Opens and checks `path`. The caller closes. */
strait_status strait_safetensors_open(const char *path, strait_safetensors **out_file) STRAIT_MUST_USE;
/* The same over `length` bytes in memory, borrowed until close; `name` is what errors call them. */
strait_status strait_safetensors_open_memory(const char *name, const void *bytes, size_t length,
                                             strait_safetensors **out_file) STRAIT_MUST_USE;
void strait_safetensors_close(strait_safetensors *file);

/* Tensors in bytewise order of their names. */
size_t strait_safetensors_count(const strait_safetensors *file);
const strait_tensor_view *strait_safetensors_get(const strait_safetensors *file, size_t index);
/* NULL where there is none of that name. */
const strait_tensor_view *strait_safetensors_find(const strait_safetensors *file, const char *name);
/* A value of "__metadata__", or NULL. */
const char *strait_safetensors_metadata(const strait_safetensors *file, const char *key);
const char *strait_safetensors_path(const strait_safetensors *file);

/* Fills `out` with `length` bytes of the tensor from byte `offset` on. Called in ascending order of offset. */
typedef strait_status (*strait_tensor_read_fn)(void *context, int64_t offset, size_t length, void *out);

/* A tensor to be written. Exactly one of `bytes` and `read` is set (neither for a tensor without elements). */
typedef struct strait_tensor_spec {
    const char *name;
    strait_dtype dtype;
    strait_shape shape;
    const void *bytes;          /* borrowed for the call */
    strait_tensor_read_fn read; /* for tensors that are not in host memory or are converted on the way */
    void *context;
} strait_tensor_spec;

/* What a writer learned about the file it wrote. */
typedef struct strait_file_digest {
    int64_t size;
    char sha256[STRAIT_SHA256_HEX];
} strait_file_digest;

typedef struct strait_safetensors_options {
    bool as_given;          /* data in the order of `specs`; else larger elements first, then bytewise by name */
    const json_t *metadata; /* borrowed object of strings for "__metadata__"; NULL: {"format":"pt"} */
} strait_safetensors_options;

/*
 * Writes path.tmp, flushes it to disk and renames it to `path`; on any failure (a full disk, a failing callback)
 * path.tmp is removed and `path` is as before. `options` and `out_digest` may be NULL.
 */
strait_status strait_safetensors_write(const char *path, const strait_tensor_spec *specs, size_t count,
                                       const strait_safetensors_options *options,
                                       strait_file_digest *out_digest) STRAIT_MUST_USE;

#endif
