/* TensorBoard's records and the few protocol buffer fields that scalars need. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "ckpt/tensorboard.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Field numbers of tensorflow's event.proto and summary.proto. */
enum {
    EVENT_WALL_TIME = 1,
    EVENT_STEP = 2,
    EVENT_FILE_VERSION = 3,
    EVENT_SUMMARY = 5,
    EVENT_SESSION_LOG = 7,
    SUMMARY_VALUE = 1,
    VALUE_TAG = 1,
    VALUE_SIMPLE = 2,
    SESSION_STATUS = 1,
    SESSION_START = 1
};
/* Wire types of protocol buffers. */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

#define FRAME_HEAD 12 /* length and its CRC */
#define FRAME_TAIL 4
#define FILE_VERSION "brain.Event:2"
#define RECORD_MAX ((uint64_t)64 << 20)

struct strait_tensorboard {
    int fd;
    char *path;
    strait_buffer record;  /* the frame being built */
    strait_buffer summary; /* and the message inside it */
};

uint32_t strait_crc32c(const void *bytes, size_t length)
{
    /* Bit by bit: a step writes some hundred bytes, a table would not be noticed. */
    const unsigned char *at = bytes;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (UINT32_C(0x82F63B78) & (0U - (crc & 1U)));
    }
    return ~crc;
}

static uint32_t masked_crc(const void *bytes, size_t length)
{
    uint32_t crc = strait_crc32c(bytes, length);
    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

static void store(char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) out[i] = (char)(unsigned char)(value >> (8 * i));
}

static uint64_t load(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static strait_status put_varint(strait_buffer *out, uint64_t value)
{
    char bytes[10];
    size_t length = 0;
    do {
        unsigned char low = (unsigned char)(value & 0x7F);
        value >>= 7;
        bytes[length++] = (char)(low | (value ? 0x80 : 0));
    } while (value);
    return strait_buffer_append(out, bytes, length);
}

static strait_status put_key(strait_buffer *out, int field, int wire)
{
    return put_varint(out, (uint64_t)field << 3 | (uint64_t)wire);
}

static strait_status put_fixed(strait_buffer *out, int field, int wire, uint64_t bits)
{
    char bytes[8];
    int length = wire == WIRE_64 ? 8 : 4;
    STRAIT_TRY(put_key(out, field, wire));
    store(bytes, bits, length);
    return strait_buffer_append(out, bytes, (size_t)length);
}

static strait_status put_bytes(strait_buffer *out, int field, const void *bytes, size_t length)
{
    STRAIT_TRY(put_key(out, field, WIRE_BYTES));
    STRAIT_TRY(put_varint(out, length));
    return strait_buffer_append(out, bytes, length);
}

static size_t varint_length(uint64_t value)
{
    size_t length = 1;
    while (value >>= 7) length++;
    return length;
}

static strait_status put_value(strait_buffer *out, const strait_scalar *scalar)
{
    size_t tag = strlen(scalar->tag);
    uint32_t bits;
    float value = (float)scalar->value;
    memcpy(&bits, &value, sizeof bits);
    STRAIT_TRY(put_key(out, SUMMARY_VALUE, WIRE_BYTES));
    STRAIT_TRY(put_varint(out, 1 + varint_length(tag) + tag + 5));
    STRAIT_TRY(put_bytes(out, VALUE_TAG, scalar->tag, tag));
    return put_fixed(out, VALUE_SIMPLE, WIRE_32, bits);
}

/* Leaves room for the frame's head and puts the fields that every event has. */
static strait_status begin_event(strait_buffer *record, double time, int64_t step)
{
    static const char head[FRAME_HEAD];
    uint64_t bits;
    memcpy(&bits, &time, sizeof bits);
    strait_buffer_clear(record);
    STRAIT_TRY(strait_buffer_append(record, head, sizeof head));
    STRAIT_TRY(put_fixed(record, EVENT_WALL_TIME, WIRE_64, bits));
    if (step == 0) return STRAIT_OK;
    STRAIT_TRY(put_key(record, EVENT_STEP, WIRE_VARINT));
    return put_varint(record, (uint64_t)step);
}

static strait_status end_event(strait_tensorboard *writer)
{
    strait_buffer *record = &writer->record;
    size_t length = record->length - FRAME_HEAD;
    char tail[FRAME_TAIL];
    store(tail, masked_crc(record->bytes + FRAME_HEAD, length), FRAME_TAIL);
    store(record->bytes, length, 8);
    store(record->bytes + 8, masked_crc(record->bytes, 8), 4);
    STRAIT_TRY(strait_buffer_append(record, tail, sizeof tail));
    return strait_fd_write(writer->fd, writer->path, record->bytes, record->length);
}

static strait_status write_start(strait_tensorboard *writer, double time, int64_t purge_step)
{
    STRAIT_TRY(begin_event(&writer->record, time, 0));
    STRAIT_TRY(put_bytes(&writer->record, EVENT_FILE_VERSION, FILE_VERSION, strlen(FILE_VERSION)));
    STRAIT_TRY(end_event(writer));
    if (purge_step < 0) return STRAIT_OK;
    const char session[] = {SESSION_STATUS << 3 | WIRE_VARINT, SESSION_START};
    STRAIT_TRY(begin_event(&writer->record, time, purge_step));
    STRAIT_TRY(put_bytes(&writer->record, EVENT_SESSION_LOG, session, sizeof session));
    return end_event(writer);
}

static strait_status open_file(strait_tensorboard *writer, const char *directory, double time)
{
    char host[65] = "host";
    char name[160];
    if (gethostname(host, sizeof host) != 0 || host[0] == '\0') snprintf(host, sizeof host, "host");
    host[sizeof host - 1] = '\0';
    /* Two files of one second need names of their own. */
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "events.out.tfevents.%010" PRId64 ".%s.%ld.%d", (int64_t)time, host, (long)getpid(),
                 i);
        STRAIT_TRY(strait_path_join(directory, name, &writer->path));
        writer->fd = open(writer->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (writer->fd >= 0) return STRAIT_OK;
        if (errno != EEXIST) break;
        strait_free(writer->path);
        writer->path = NULL;
    }
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s/%s: cannot create: %s", directory, name, strerror(error));
}

strait_status strait_tensorboard_create(const char *directory, double time, int64_t purge_step,
                                        strait_tensorboard **out_writer)
{
    strait_tensorboard *writer;
    STRAIT_TRY(strait_directory_create(directory));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *writer, &writer));
    writer->fd = -1;
    strait_status status = open_file(writer, directory, time);
    if (status == STRAIT_OK) status = write_start(writer, time, purge_step);
    if (status != STRAIT_OK) {
        strait_tensorboard_close(writer);
        return status;
    }
    *out_writer = writer;
    return STRAIT_OK;
}

strait_status strait_tensorboard_write(strait_tensorboard *writer, int64_t step, double time,
                                       const strait_scalar *scalars, size_t count)
{
    strait_buffer_clear(&writer->summary);
    for (size_t i = 0; i < count; i++) STRAIT_TRY(put_value(&writer->summary, &scalars[i]));
    STRAIT_TRY(begin_event(&writer->record, time, step));
    STRAIT_TRY(put_bytes(&writer->record, EVENT_SUMMARY, writer->summary.bytes, writer->summary.length));
    return end_event(writer);
}

strait_status strait_tensorboard_sync(strait_tensorboard *writer)
{
    if (fsync(writer->fd) == 0) return STRAIT_OK;
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot flush: %s", writer->path, strerror(error));
}

void strait_tensorboard_close(strait_tensorboard *writer)
{
    if (!writer) return;
    if (writer->fd >= 0) close(writer->fd);
    strait_free(writer->path);
    strait_buffer_fini(&writer->record);
    strait_buffer_fini(&writer->summary);
    strait_free(writer);
}

/* A message as it is walked through. */
typedef struct cursor {
    const unsigned char *at;
    const unsigned char *end;
} cursor;

static bool get_varint(cursor *in, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        unsigned char byte = *in->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* The step of an event and whether it carries scalars; false where the message is malformed. */
static bool read_event(cursor in, int64_t *out_step, bool *out_scalars)
{
    int64_t step = 0;
    bool scalars = false;
    while (in.at < in.end) {
        uint64_t key;
        uint64_t value = 0;
        if (!get_varint(&in, &key)) return false;
        size_t skip = 0;
        switch (key & 7) {
        case WIRE_VARINT:
            if (!get_varint(&in, &value)) return false;
            break;
        case WIRE_64: skip = 8; break;
        case WIRE_32: skip = 4; break;
        case WIRE_BYTES:
            if (!get_varint(&in, &value) || value > (uint64_t)(in.end - in.at)) return false;
            skip = (size_t)value;
            break;
        default: return false;
        }
        if (skip > (size_t)(in.end - in.at)) return false;
        in.at += skip;
        if (key == (EVENT_STEP << 3 | WIRE_VARINT)) step = (int64_t)value;
        if (key == (EVENT_SUMMARY << 3 | WIRE_BYTES)) scalars = true;
    }
    *out_step = step;
    *out_scalars = scalars;
    return true;
}

static strait_status inspect_bytes(const char *path, const strait_map *map, strait_tensorboard_summary *out)
{
    strait_tensorboard_summary summary = {.first_step = -1, .last_step = -1};
    size_t at = 0;
    while (at < map->length) {
        const unsigned char *frame = map->bytes + at;
        size_t left = map->length - at;
        if (left >= FRAME_HEAD && load(frame + 8, 4) != masked_crc(frame, 8)) {
            return at == 0 ? STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: is not a TensorBoard event file", path)
                           : STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: a record's length is damaged at byte %zu", path, at);
        }
        uint64_t length = left >= FRAME_HEAD ? load(frame, 8) : 0;
        if (length > RECORD_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: a record of %" PRIu64 " bytes at byte %zu", path, length, at);
        }
        summary.torn = left < FRAME_HEAD || left - FRAME_HEAD < length + FRAME_TAIL;
        if (summary.torn) break;
        const unsigned char *message = frame + FRAME_HEAD;
        int64_t step;
        bool scalars;
        if (load(message + length, 4) != masked_crc(message, (size_t)length) ||
            !read_event((cursor){.at = message, .end = message + length}, &step, &scalars)) {
            return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: the record at byte %zu is damaged", path, at);
        }
        summary.events++;
        if (scalars && summary.first_step < 0) summary.first_step = step;
        if (scalars) summary.last_step = step;
        at += FRAME_HEAD + (size_t)length + FRAME_TAIL;
    }
    if (summary.events == 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: is not a TensorBoard event file", path);
    *out = summary;
    return STRAIT_OK;
}

strait_status strait_tensorboard_inspect(const char *path, strait_tensorboard_summary *out)
{
    strait_map map;
    STRAIT_TRY(strait_file_map(path, &map));
    strait_status status = inspect_bytes(path, &map, out);
    strait_file_unmap(&map);
    return status;
}
