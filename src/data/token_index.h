/*
 * The Megatron .idx file: parsing foreign bytes, and writing. Layout, little-endian: magic "MMIDIDX\0\0", u64 version
 * 1, u8 dtype, u64 sequences, u64 documents + 1, then i32 lengths, i64 byte offsets, i64 document indices, from byte 34
 * and therefore unaligned.
 */
#ifndef STRAIT_DATA_TOKEN_INDEX_H
#define STRAIT_DATA_TOKEN_INDEX_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define STRAIT__INDEX_HEADER_BYTES 34U

/* Megatron's codes. */
typedef enum strait__id_type {
    STRAIT__ID_UINT8 = 1,
    STRAIT__ID_INT8 = 2,
    STRAIT__ID_INT16 = 3,
    STRAIT__ID_INT32 = 4,
    STRAIT__ID_INT64 = 5,
    STRAIT__ID_UINT16 = 8
} strait__id_type;

const char *strait__id_type_name(strait__id_type type);
/* Bytes of one id. */
int64_t strait__id_type_size(strait__id_type type);

/* A view of a validated index; borrows the bytes it was parsed from. */
typedef struct strait__index {
    strait__id_type type;
    int64_t sequences;
    int64_t documents;
    int64_t tokens;
    int64_t shortest; /* tokens of a sequence; 0 without one */
    int64_t longest;
    const unsigned char *lengths;
    const unsigned char *offsets;
    const unsigned char *document_indices;
} strait__index;

/*
 * Validates all of it against the size of the .bin: magic, version, dtype, counts against the length, lengths >= 0,
 * sequences that follow each other without gap or overlap and fill the .bin, document indices that ascend from 0 to the
 * count of sequences. `name` is what errors call the file.
 */
strait_status strait__index_parse(const char *name, const unsigned char *bytes, size_t length, int64_t bin_bytes,
                                  strait__index *out_index) STRAIT_MUST_USE;

/* Position, in tokens, of a document's first token; document 0 .. documents (= the end). */
int64_t strait__index_document_start(const strait__index *index, int64_t document);
/* The document that holds token `position`, 0 <= position < tokens. */
int64_t strait__index_document_at(const strait__index *index, int64_t position);

/* The header for an index of `documents` documents of one sequence each, as packing writes it. */
void strait__index_write_header(unsigned char out_bytes[STRAIT__INDEX_HEADER_BYTES], strait__id_type type,
                                int64_t documents);
void strait__write_le64(unsigned char out_bytes[8], uint64_t value);
void strait__write_le32(unsigned char out_bytes[4], uint32_t value);
uint64_t strait__read_le64(const unsigned char *bytes);
uint32_t strait__read_le32(const unsigned char *bytes);

#endif
