/* Each step reads one list of tokens and writes another. */
#include "token/decoder.h"

#include "base/utf8.h"

#include <string.h>

void strait__pieces_fini(strait__pieces *pieces)
{
    strait_buffer_fini(&pieces->text);
    strait_free(pieces->ends);
    *pieces = (strait__pieces){0};
}

/* Ends the token whose bytes were appended to pieces->text. */
static strait_status end_piece(strait__pieces *pieces)
{
    if (pieces->count == pieces->capacity) {
        size_t capacity = pieces->capacity ? pieces->capacity * 2 : 64;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *pieces->ends, &pieces->ends));
        pieces->capacity = capacity;
    }
    pieces->ends[pieces->count++] = pieces->text.length;
    return STRAIT_OK;
}

strait_status strait__pieces_add(strait__pieces *pieces, const char *bytes, size_t length)
{
    STRAIT_TRY(strait_buffer_append(&pieces->text, bytes, length));
    return end_piece(pieces);
}

static const char *piece_at(const strait__pieces *pieces, size_t index, size_t *out_length)
{
    size_t begin = index > 0 ? pieces->ends[index - 1] : 0;
    *out_length = pieces->ends[index] - begin;
    return pieces->text.bytes + begin;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int strait__byte_token(const char *token, size_t length)
{
    if (length != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>') return -1;
    int high = hex_digit(token[3]);
    int low = hex_digit(token[4]);
    return high >= 0 && low >= 0 ? high * 16 + low : -1;
}

static strait_status replace(const strait__decode_step *step, strait__regex_scratch *scratch, const char *token,
                             size_t length, strait__pieces *out)
{
    size_t done = 0;
    while (done < length) {
        bool found = false;
        size_t begin = 0;
        size_t end = 0;
        STRAIT_TRY(strait__regex_find(step->regex, scratch, token, length, done, &found, &begin, &end));
        if (!found || begin == end) break;
        STRAIT_TRY(strait_buffer_append(&out->text, token + done, begin - done));
        STRAIT_TRY(strait_buffer_append(&out->text, step->content, strlen(step->content)));
        done = end;
    }
    return strait__pieces_add(out, token + done, length - done);
}

/* A run of bytes is a token where it is UTF-8, else each byte becomes U+FFFD. */
static strait_status end_bytes(strait_buffer *bytes, strait__pieces *out)
{
    if (bytes->length == 0) return STRAIT_OK;
    if (strait_utf8_valid_prefix(bytes->bytes, bytes->length) == bytes->length) {
        STRAIT_TRY(strait__pieces_add(out, bytes->bytes, bytes->length));
    } else {
        for (size_t i = 0; i < bytes->length; i++) STRAIT_TRY(strait__pieces_add(out, "\xef\xbf\xbd", 3));
    }
    strait_buffer_clear(bytes);
    return STRAIT_OK;
}

static strait_status join_bytes(const strait__pieces *in, strait_buffer *bytes, strait__pieces *out)
{
    for (size_t i = 0; i < in->count; i++) {
        size_t length = 0;
        const char *token = piece_at(in, i, &length);
        int byte = strait__byte_token(token, length);
        if (byte >= 0) {
            char c = (char)byte;
            STRAIT_TRY(strait_buffer_append(bytes, &c, 1));
            continue;
        }
        STRAIT_TRY(end_bytes(bytes, out));
        STRAIT_TRY(strait__pieces_add(out, token, length));
    }
    return end_bytes(bytes, out);
}

static strait_status strip(const strait__decode_step *step, const char *token, size_t length, strait__pieces *out)
{
    size_t mark = strlen(step->mark);
    size_t begin = 0;
    size_t end = length;
    for (size_t i = 0; i < step->start && length - begin >= mark && memcmp(token + begin, step->mark, mark) == 0; i++) {
        begin += mark;
    }
    for (size_t i = 0; i < step->stop && end - begin >= mark && memcmp(token + end - mark, step->mark, mark) == 0;
         i++) {
        end -= mark;
    }
    return strait__pieces_add(out, token + begin, end - begin);
}

/* Metaspace: marks become blanks, those of the first token nothing. */
static strait_status unmark(const strait__decode_step *step, size_t index, const char *token, size_t length,
                            strait__pieces *out)
{
    size_t mark = strlen(step->mark);
    for (size_t at = 0; at < length;) {
        if (length - at >= mark && memcmp(token + at, step->mark, mark) == 0) {
            if (index > 0 || step->keep_first) STRAIT_TRY(strait_buffer_append(&out->text, " ", 1));
            at += mark;
        } else {
            STRAIT_TRY(strait_buffer_append(&out->text, token + at++, 1));
        }
    }
    return end_piece(out);
}

static strait_status run_step(const strait__decode_step *step, strait__regex_scratch *scratch, const strait__pieces *in,
                              strait_buffer *bytes, strait__pieces *out)
{
    if (step->kind == STRAIT__DECODE_FUSE) return strait__pieces_add(out, in->text.bytes, in->text.length);
    if (step->kind == STRAIT__DECODE_BYTES) return join_bytes(in, bytes, out);
    for (size_t i = 0; i < in->count; i++) {
        size_t length = 0;
        const char *token = piece_at(in, i, &length);
        switch (step->kind) {
        case STRAIT__DECODE_REPLACE: STRAIT_TRY(replace(step, scratch, token, length, out)); break;
        case STRAIT__DECODE_STRIP: STRAIT_TRY(strip(step, token, length, out)); break;
        case STRAIT__DECODE_MARK: STRAIT_TRY(unmark(step, i, token, length, out)); break;
        case STRAIT__DECODE_BYTES:
        case STRAIT__DECODE_FUSE: break; /* above */
        }
    }
    return STRAIT_OK;
}

static strait_status part_by_blanks(const strait__pieces *pieces, strait_buffer *out)
{
    for (size_t i = 0; i < pieces->count; i++) {
        size_t length = 0;
        const char *token = piece_at(pieces, i, &length);
        if (i > 0) STRAIT_TRY(strait_buffer_append(out, " ", 1));
        STRAIT_TRY(strait_buffer_append(out, token, length));
    }
    return STRAIT_OK;
}

strait_status strait__decode_pieces(const strait__decode_step *steps, size_t count, strait__regex_scratch *scratch,
                                    strait__pieces *pieces, strait_buffer *out)
{
    strait__pieces other = {0};
    strait_buffer bytes = {0};
    strait_status status = strait_buffer_append(&pieces->text, "", 0);
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        strait_buffer_clear(&other.text);
        other.count = 0;
        status = strait_buffer_reserve(&other.text, pieces->text.length + 1);
        if (status == STRAIT_OK) status = run_step(&steps[i], scratch, pieces, &bytes, &other);
        strait__pieces kept = *pieces;
        *pieces = other;
        other = kept;
    }
    if (status == STRAIT_OK) {
        status = count > 0 ? strait_buffer_append(out, pieces->text.bytes, pieces->text.length)
                           : part_by_blanks(pieces, out);
    }
    strait__pieces_fini(&other);
    strait_buffer_fini(&bytes);
    return status;
}
