/* The Megatron .idx file. Every byte is foreign until it was checked here. */
#include "data/token_index.h"

#include "base/memory.h"

#include <string.h>

static const unsigned char magic[9] = {'M', 'M', 'I', 'D', 'I', 'D', 'X', 0, 0};

const char *strait__id_type_name(strait__id_type type)
{
    switch (type) {
    case STRAIT__ID_UINT8: return "uint8";
    case STRAIT__ID_INT8: return "int8";
    case STRAIT__ID_INT16: return "int16";
    case STRAIT__ID_INT32: return "int32";
    case STRAIT__ID_INT64: return "int64";
    case STRAIT__ID_UINT16: return "uint16";
    }
    return "unknown";
}

int64_t strait__id_type_size(strait__id_type type)
{
    switch (type) {
    case STRAIT__ID_UINT8:
    case STRAIT__ID_INT8: return 1;
    case STRAIT__ID_INT16:
    case STRAIT__ID_UINT16: return 2;
    case STRAIT__ID_INT32: return 4;
    case STRAIT__ID_INT64: return 8;
    }
    return 0;
}

uint32_t strait__read_le32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

uint64_t strait__read_le64(const unsigned char *bytes)
{
    return (uint64_t)strait__read_le32(bytes) | (uint64_t)strait__read_le32(bytes + 4) << 32;
}

void strait__write_le32(unsigned char out_bytes[4], uint32_t value)
{
    for (int i = 0; i < 4; i++) out_bytes[i] = (unsigned char)(value >> (8 * i));
}

void strait__write_le64(unsigned char out_bytes[8], uint64_t value)
{
    for (int i = 0; i < 8; i++) out_bytes[i] = (unsigned char)(value >> (8 * i));
}

static strait_status parse_type(const char *name, unsigned code, strait__id_type *out_type)
{
    switch (code) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 8: *out_type = (strait__id_type)code; return STRAIT_OK;
    case 6:
    case 7:
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: holds %s (dtype code %u at byte 17), not token ids: pack the text again", name,
                           code == 6 ? "float64" : "float32", code);
    default:
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: dtype code %u at byte 17 is none of Megatron's (1 to 5 and 8)", name,
                           code);
    }
}

static strait_status parse_header(const char *name, const unsigned char *bytes, size_t length, strait__index *index)
{
    if (length < STRAIT__INDEX_HEADER_BYTES) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: has %zu bytes, a Megatron index has at least %u", name, length,
                           STRAIT__INDEX_HEADER_BYTES);
    }
    if (memcmp(bytes, magic, sizeof magic) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: not a Megatron index: it does not begin with \"MMIDIDX\"%s", name,
                           memcmp(bytes, "TNTIDX\0\0", 8) == 0 ? " (it is of the older TNTIDX kind: pack again)" : "");
    }
    uint64_t version = strait__read_le64(bytes + 9);
    if (version != 1) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: version %llu at byte 9; version 1 is read", name,
                           (unsigned long long)version);
    }
    STRAIT_TRY(parse_type(name, bytes[17], &index->type));
    uint64_t sequences = strait__read_le64(bytes + 18);
    uint64_t entries = strait__read_le64(bytes + 26);
    /* A sequence takes 12 bytes and a document 8: counts above these cannot be true, and products below cannot wrap. */
    if (sequences > length / 12 || entries > length / 8) {
        return STRAIT_FAIL(
            STRAIT_ERR_FORMAT,
            "%s: says %llu sequences and %llu document entries (bytes 18 and 26), more than its %zu bytes "
            "can hold: truncated?",
            name, (unsigned long long)sequences, (unsigned long long)entries, length);
    }
    uint64_t need = STRAIT__INDEX_HEADER_BYTES + sequences * 12 + entries * 8;
    if (length == need + sequences && sequences > 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: a multimodal index (a mode for each sequence): text only is read", name);
    }
    if (length != need) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: has %zu bytes; %llu sequences and %llu document entries need %llu: %s", name, length,
                           (unsigned long long)sequences, (unsigned long long)entries, (unsigned long long)need,
                           length < need ? "truncated" : "more than one file joined, or damaged");
    }
    if (entries == 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: no document entries at byte 26; there is always one more than documents", name);
    }
    index->sequences = (int64_t)sequences;
    index->documents = (int64_t)entries - 1;
    index->lengths = bytes + STRAIT__INDEX_HEADER_BYTES;
    index->offsets = index->lengths + 4 * sequences;
    index->document_indices = index->offsets + 8 * sequences;
    return STRAIT_OK;
}

static strait_status check_sequences(const char *name, strait__index *index, int64_t bin_bytes)
{
    int64_t size = strait__id_type_size(index->type);
    int64_t end = 0; /* of the sequence before, in bytes */
    int64_t shortest = INT64_MAX;
    int64_t longest = 0;
    for (int64_t i = 0; i < index->sequences; i++) {
        int32_t length = (int32_t)strait__read_le32(index->lengths + 4 * i);
        int64_t offset = (int64_t)strait__read_le64(index->offsets + 8 * i);
        if (length < 0) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: sequence %lld has length %d", name, (long long)i, length);
        }
        if (offset != end) {
            return STRAIT_FAIL(
                STRAIT_ERR_FORMAT,
                "%s: sequence %lld begins at byte %lld of the .bin, the one before ends at %lld: sequences "
                "must follow each other without gap or overlap",
                name, (long long)i, (long long)offset, (long long)end);
        }
        /* end <= bin_bytes and a length is below 2^31 ids of at most 8 bytes: no overflow before the check. */
        if ((int64_t)length > (bin_bytes - end) / size) {
            return STRAIT_FAIL(
                STRAIT_ERR_FORMAT,
                "%s: sequence %lld (%d ids from byte %lld) reaches beyond the .bin, which has %lld bytes: "
                "truncated or of another index",
                name, (long long)i, length, (long long)offset, (long long)bin_bytes);
        }
        end += (int64_t)length * size;
        if (length < shortest) shortest = length;
        if (length > longest) longest = length;
    }
    if (end != bin_bytes) {
        return STRAIT_FAIL(
            STRAIT_ERR_FORMAT,
            "%s: its sequences end at byte %lld, the .bin has %lld bytes: of another index, or still being "
            "written",
            name, (long long)end, (long long)bin_bytes);
    }
    index->tokens = end / size;
    index->shortest = index->sequences > 0 ? shortest : 0;
    index->longest = longest;
    return STRAIT_OK;
}

static strait_status check_documents(const char *name, const strait__index *index)
{
    int64_t last = 0;
    for (int64_t i = 0; i <= index->documents; i++) {
        int64_t at = (int64_t)strait__read_le64(index->document_indices + 8 * i);
        if ((i == 0 && at != 0) || at < last || at > index->sequences) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                               "%s: document entry %lld is %lld, after %lld, of %lld sequences: entries ascend from 0",
                               name, (long long)i, (long long)at, (long long)last, (long long)index->sequences);
        }
        last = at;
    }
    if (last != index->sequences) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: the last document entry is %lld, there are %lld sequences", name,
                           (long long)last, (long long)index->sequences);
    }
    return STRAIT_OK;
}

strait_status strait__index_parse(const char *name, const unsigned char *bytes, size_t length, int64_t bin_bytes,
                                  strait__index *out_index)
{
    strait__index index = {0};
    STRAIT_TRY(parse_header(name, bytes, length, &index));
    STRAIT_TRY(check_sequences(name, &index, bin_bytes));
    STRAIT_TRY(check_documents(name, &index));
    *out_index = index;
    return STRAIT_OK;
}

int64_t strait__index_document_start(const strait__index *index, int64_t document)
{
    int64_t sequence = (int64_t)strait__read_le64(index->document_indices + 8 * document);
    if (sequence == index->sequences) return index->tokens;
    return (int64_t)strait__read_le64(index->offsets + 8 * sequence) / strait__id_type_size(index->type);
}

int64_t strait__index_document_at(const strait__index *index, int64_t position)
{
    /* The last document that begins at or before the position: empty ones that begin there too come before it. */
    int64_t low = 0;
    int64_t high = index->documents;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (strait__index_document_start(index, middle) <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void strait__index_write_header(unsigned char out_bytes[STRAIT__INDEX_HEADER_BYTES], strait__id_type type,
                                int64_t documents)
{
    memcpy(out_bytes, magic, sizeof magic);
    strait__write_le64(out_bytes + 9, 1);
    out_bytes[17] = (unsigned char)type;
    strait__write_le64(out_bytes + 18, (uint64_t)documents);
    strait__write_le64(out_bytes + 26, (uint64_t)documents + 1);
}
