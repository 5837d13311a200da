/* Documents out of the bytes of source files: whole files, pieces of text files, JSON lines. Streaming. */
#include "data/corpus.h"

#include "base/file.h"
#include "base/json.h"
#include "base/options.h"
#include "base/status.h"
#include "data/corpus_files.h"
#include "data/stream.h"
#include "data/text_repair.h"

#include <string.h>

#define CHUNK_BYTES ((size_t)256 * 1024)
/* Text is refused where more than one in so many bytes is not UTF-8, at least so many in all. */
enum { INVALID_SHARE = 100, INVALID_LEAST = 100 };
#define DOCUMENT_LIMIT_DEFAULT ((int64_t)1 << 30)

struct strait_corpus {
    strait__corpus_files files;
    strait_split split;
    char *field;     /* owned */
    char *separator; /* owned, or NULL */
    size_t split_bytes;
    size_t limit;
    bool hash;
    bool allow_invalid;
    bool raw_lines;
    strait__archive_library library;

    int64_t current; /* the file being read, or next to be opened */
    strait__stream *stream;
    char *chunk; /* owned: bytes read and not yet used are chunk[chunk_at .. chunk_end) */
    size_t chunk_at;
    size_t chunk_end;
    bool begun;             /* its first bytes were read */
    int64_t line;           /* number of the line last read */
    strait_buffer text;     /* the line or document being built */
    strait_buffer repaired; /* the same with U+FFFD */
    json_t *json;           /* of the line last delivered */
    int64_t bytes_before;   /* on disk, of the files before the current one */
    int64_t bytes_total;
    bool delivered;
};

static strait_status check_options(const strait_corpus_options *options)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_corpus_options"));
    if (options->split == STRAIT_SPLIT_SEPARATOR && (!options->separator || options->separator[0] == '\0')) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "documents are to be split at a separator line, and none is given");
    }
    if (options->split == STRAIT_SPLIT_SIZE && options->split_bytes <= 0) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "documents are to be split by size, and the size is %lld: give 1 or more",
                           (long long)options->split_bytes);
    }
    if (options->document_limit < 0) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "the document limit is %lld", (long long)options->document_limit);
    }
    return STRAIT_OK;
}

strait_status strait_corpus_open(const char *const *paths, int path_count, const strait_corpus_options *options,
                                 strait_corpus **out_corpus)
{
    static const strait_corpus_options defaults = {.struct_size = sizeof defaults};
    if (!options) options = &defaults;
    STRAIT_TRY(check_options(options));
    strait_corpus *corpus;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, 1, sizeof *corpus, &corpus));
    corpus->split = options->split;
    corpus->split_bytes = (size_t)options->split_bytes;
    corpus->limit = (size_t)(options->document_limit ? options->document_limit : DOCUMENT_LIMIT_DEFAULT);
    corpus->hash = options->hash_files != 0;
    corpus->allow_invalid = options->allow_invalid != 0;
    strait_status status = strait_strdup(STRAIT_TAG_DATA, options->field ? options->field : "text", &corpus->field);
    if (status == STRAIT_OK && options->separator) {
        status = strait_strdup(STRAIT_TAG_DATA, options->separator, &corpus->separator);
    }
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_DATA, CHUNK_BYTES, 1, &corpus->chunk);
    if (status == STRAIT_OK) status = strait__corpus_files_find(&corpus->files, paths, path_count);
    if (status != STRAIT_OK) {
        strait_corpus_close(corpus);
        return status;
    }
    for (int64_t i = 0; i < corpus->files.count; i++) corpus->bytes_total += corpus->files.entries[i].file.bytes;
    *out_corpus = corpus;
    return STRAIT_OK;
}

static void leave_file(strait_corpus *corpus)
{
    strait__stream_close(corpus->stream);
    corpus->stream = NULL;
    corpus->begun = false;
    corpus->chunk_at = 0;
    corpus->chunk_end = 0;
    corpus->line = 0;
}

void strait_corpus_close(strait_corpus *corpus)
{
    if (!corpus) return;
    leave_file(corpus);
    json_decref(corpus->json);
    strait__archive_library_close(&corpus->library);
    strait__corpus_files_fini(&corpus->files);
    strait_buffer_fini(&corpus->text);
    strait_buffer_fini(&corpus->repaired);
    strait_free(corpus->chunk);
    strait_free(corpus->field);
    strait_free(corpus->separator);
    strait_free(corpus);
}

void strait__corpus_raw_lines(strait_corpus *corpus)
{
    corpus->raw_lines = true;
}

static const char *current_path(const strait_corpus *corpus)
{
    return corpus->files.entries[corpus->current].file.path;
}

/* Fills the chunk if it is used up; *out_end where the file is at its end. */
static strait_status refill(strait_corpus *corpus, bool *out_end)
{
    *out_end = false;
    if (corpus->chunk_at < corpus->chunk_end) return STRAIT_OK;
    size_t got;
    STRAIT_TRY(strait__stream_read(corpus->stream, corpus->chunk, CHUNK_BYTES, &got));
    /* Again, for what is inside a compressed file: web.tar.gz. */
    if (!corpus->begun) STRAIT_TRY(strait__corpus_refuse_foreign(current_path(corpus), corpus->chunk, got));
    corpus->begun = true;
    corpus->chunk_at = 0;
    corpus->chunk_end = got;
    *out_end = got == 0;
    return STRAIT_OK;
}

/* Appends the next line, its line feed included, to corpus->text; *out_end where there is none left. */
static strait_status read_line(strait_corpus *corpus, bool *out_end)
{
    bool any = false;
    for (;;) {
        bool end;
        STRAIT_TRY(refill(corpus, &end));
        if (end) {
            *out_end = !any;
            if (any) corpus->line++;
            return STRAIT_OK;
        }
        any = true;
        const char *from = corpus->chunk + corpus->chunk_at;
        size_t available = corpus->chunk_end - corpus->chunk_at;
        const char *feed = memchr(from, '\n', available);
        size_t length = feed ? (size_t)(feed - from) + 1 : available;
        if (corpus->text.length + length > corpus->limit) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                               "%s:%lld: a document of more than %zu bytes: split it (--split-documents), or raise the "
                               "limit",
                               current_path(corpus), (long long)(corpus->line + 1), corpus->limit);
        }
        STRAIT_TRY(strait_buffer_append(&corpus->text, from, length));
        corpus->chunk_at += length;
        if (feed) {
            *out_end = false;
            corpus->line++;
            return STRAIT_OK;
        }
    }
}

/* The length of a line without its line end. */
static size_t trim_line_end(const char *line, size_t length)
{
    if (length > 0 && line[length - 1] == '\n') length--;
    if (length > 0 && line[length - 1] == '\r') length--;
    return length;
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '\n') return false;
    }
    return true;
}

/* Does the line that begins at `start` in corpus->text end a document? Then the line itself is no part of it. */
static bool is_boundary(const strait_corpus *corpus, size_t start)
{
    const char *line = corpus->text.bytes + start;
    size_t length = corpus->text.length - start;
    switch (corpus->split) {
    case STRAIT_SPLIT_WHOLE: return false;
    case STRAIT_SPLIT_BLANK: return is_blank(line, length);
    case STRAIT_SPLIT_SIZE: return start >= corpus->split_bytes && is_blank(line, length);
    case STRAIT_SPLIT_SEPARATOR: {
        size_t trimmed = trim_line_end(line, length);
        return trimmed == strlen(corpus->separator) && memcmp(line, corpus->separator, trimmed) == 0;
    }
    }
    return false;
}

/* A mark at the beginning of a file is no text. */
static void drop_byte_order_mark(strait_buffer *text)
{
    if (text->length < 3 || memcmp(text->bytes, "\xEF\xBB\xBF", 3) != 0) return;
    text->length -= 3;
    memmove(text->bytes, text->bytes + 3, text->length + 1);
}

/* The next piece of a text file into corpus->text; *out_end where the file is at its end and nothing is left. */
static strait_status read_text_document(strait_corpus *corpus, int64_t *out_line, bool *out_end)
{
    strait_buffer_clear(&corpus->text);
    *out_line = corpus->line + 1;
    bool any = false;
    for (;;) {
        size_t start = corpus->text.length;
        bool end;
        STRAIT_TRY(read_line(corpus, &end));
        if (end) break;
        any = true;
        if (corpus->line == 1) drop_byte_order_mark(&corpus->text);
        if (!is_boundary(corpus, start)) continue;
        corpus->text.length = trim_line_end(corpus->text.bytes, start);
        corpus->text.bytes[corpus->text.length] = '\0';
        break;
    }
    *out_end = !any;
    return STRAIT_OK;
}

/* corpus->text made well-formed: points at it, or at the repaired copy. */
static strait_status repair(strait_corpus *corpus, strait_document *document)
{
    document->text = corpus->text.bytes;
    document->length = corpus->text.length;
    document->invalid_utf8 = 0;
    if (strait__text_valid_prefix(corpus->text.bytes, corpus->text.length) == corpus->text.length) return STRAIT_OK;
    strait_buffer_clear(&corpus->repaired);
    STRAIT_TRY(
        strait__text_repair(corpus->text.bytes, corpus->text.length, &corpus->repaired, &document->invalid_utf8));
    document->text = corpus->repaired.bytes;
    document->length = corpus->repaired.length;
    return STRAIT_OK;
}

static strait_status fail_field(const strait_corpus *corpus, const json_t *object)
{
    strait_buffer names = {0};
    strait_status status = STRAIT_OK;
    void *iterator = json_object_iter((json_t *)(uintptr_t)object);
    while (iterator && status == STRAIT_OK && names.length < 200) {
        status = strait_buffer_printf(&names, "%s\"%s\"", names.length ? ", " : "", json_object_iter_key(iterator));
        iterator = json_object_iter_next((json_t *)(uintptr_t)object, iterator);
    }
    status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:%lld: no member \"%s\"; the line has %s%s: choose one with --field",
                         current_path(corpus), (long long)corpus->line, corpus->field,
                         names.length ? names.bytes : "none", iterator ? " and more" : "");
    strait_buffer_fini(&names);
    return status;
}

/* Parses the line in `document` and points it at its text. */
static strait_status parse_json_line(strait_corpus *corpus, strait_document *document)
{
    json_decref(corpus->json);
    corpus->json = NULL;
    STRAIT_TRY(
        strait_json_parse_line(current_path(corpus), corpus->line, document->text, document->length, &corpus->json));
    if (!json_is_object(corpus->json)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:%lld: not a JSON object: each line must be {\"%s\": \"...\"}",
                           current_path(corpus), (long long)corpus->line, corpus->field);
    }
    const json_t *text = json_object_get(corpus->json, corpus->field);
    if (!text) return fail_field(corpus, corpus->json);
    if (!json_is_string(text)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:%lld: member \"%s\" is not a string", current_path(corpus),
                           (long long)corpus->line, corpus->field);
    }
    document->text = json_string_value(text);
    document->length = json_string_length(text);
    return STRAIT_OK;
}

static strait_status read_json_document(strait_corpus *corpus, strait_document *document, bool *out_end)
{
    do {
        strait_buffer_clear(&corpus->text);
        STRAIT_TRY(read_line(corpus, out_end));
        if (*out_end) return STRAIT_OK;
        if (corpus->line == 1) drop_byte_order_mark(&corpus->text);
    } while (is_blank(corpus->text.bytes, corpus->text.length));
    document->line = corpus->line;
    STRAIT_TRY(repair(corpus, document));
    return corpus->raw_lines ? STRAIT_OK : parse_json_line(corpus, document);
}

static strait_status open_file(strait_corpus *corpus)
{
    strait_corpus_file *file = &corpus->files.entries[corpus->current].file;
    STRAIT_TRY(strait__stream_open(file->path, corpus->hash, &corpus->library, &corpus->stream));
    file->documents = 0;
    file->empty_documents = 0;
    file->text_bytes = 0;
    file->invalid_utf8 = 0;
    file->sha256[0] = '\0';
    return STRAIT_OK;
}

/* Another encoding, or no text at all: what would be trained on are replacement characters. */
static strait_status check_encoding(const strait_corpus *corpus, const strait_corpus_file *file)
{
    if (corpus->allow_invalid || file->invalid_utf8 < INVALID_LEAST) return STRAIT_OK;
    if (file->invalid_utf8 <= file->text_bytes / INVALID_SHARE) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                       "%s: is not UTF-8 in %lld places of %lld bytes of text, more than one in %d: convert it (iconv "
                       "-t UTF-8), leave it out, or take it as it is (--allow-invalid)",
                       file->path, (long long)file->invalid_utf8, (long long)file->text_bytes, INVALID_SHARE);
}

static strait_status finish_file(strait_corpus *corpus)
{
    strait_corpus_file *file = &corpus->files.entries[corpus->current].file;
    STRAIT_TRY(check_encoding(corpus, file));
    if (corpus->hash) strait__stream_hash(corpus->stream, file->sha256);
    leave_file(corpus);
    corpus->bytes_before += file->bytes;
    corpus->current++;
    return STRAIT_OK;
}

strait_status strait_corpus_next(strait_corpus *corpus, strait_document *out_document, int *out_found)
{
    for (;;) {
        if (corpus->current == corpus->files.count) {
            if (!corpus->delivered) {
                return STRAIT_FAIL(STRAIT_ERR_FORMAT, "the corpus has no text: in %s%s every document is empty",
                                   corpus->files.entries[0].file.path,
                                   corpus->files.count > 1 ? " and the others" : "");
            }
            *out_found = 0;
            return STRAIT_OK;
        }
        if (!corpus->stream) STRAIT_TRY(open_file(corpus));
        strait__corpus_entry *entry = &corpus->files.entries[corpus->current];
        strait_document document = {.path = entry->file.path, .file = corpus->current};
        bool end;
        if (entry->json_lines) {
            STRAIT_TRY(read_json_document(corpus, &document, &end));
        } else {
            STRAIT_TRY(read_text_document(corpus, &document.line, &end));
            if (!end) STRAIT_TRY(repair(corpus, &document));
        }
        if (end) {
            STRAIT_TRY(finish_file(corpus));
            continue;
        }
        if (document.length == 0) {
            entry->file.empty_documents++;
            continue;
        }
        entry->file.documents++;
        entry->file.text_bytes += (int64_t)document.length;
        entry->file.invalid_utf8 += document.invalid_utf8;
        corpus->delivered = true;
        *out_document = document;
        *out_found = 1;
        return STRAIT_OK;
    }
}

strait_status strait_corpus_seek(strait_corpus *corpus, int64_t file)
{
    if (file < 0 || file > corpus->files.count) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "file %lld of a corpus of %lld", (long long)file,
                           (long long)corpus->files.count);
    }
    leave_file(corpus);
    corpus->current = file;
    corpus->bytes_before = 0;
    corpus->delivered = false;
    for (int64_t i = 0; i < file; i++) {
        corpus->bytes_before += corpus->files.entries[i].file.bytes;
        if (corpus->files.entries[i].file.documents > 0) corpus->delivered = true;
    }
    return STRAIT_OK;
}

void strait__corpus_restore(strait_corpus *corpus, int64_t file, const strait_corpus_file *counts)
{
    strait_corpus_file *out = &corpus->files.entries[file].file;
    out->documents = counts->documents;
    out->empty_documents = counts->empty_documents;
    out->text_bytes = counts->text_bytes;
    out->invalid_utf8 = counts->invalid_utf8;
    memcpy(out->sha256, counts->sha256, sizeof out->sha256);
}

int64_t strait_corpus_file_count(const strait_corpus *corpus)
{
    return corpus->files.count;
}

const strait_corpus_file *strait_corpus_file_get(const strait_corpus *corpus, int64_t file)
{
    return &corpus->files.entries[file].file;
}

void strait_corpus_progress(const strait_corpus *corpus, int64_t *out_done, int64_t *out_total)
{
    int64_t within = corpus->stream ? strait__stream_position(corpus->stream) : 0;
    *out_done = corpus->bytes_before + within;
    *out_total = corpus->bytes_total;
}
