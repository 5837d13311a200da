/* Comma-separated values as RFC 4180 has them. Knows no schema. */
#include "plan/csv.h"

#include "base/utf8.h"

#include <string.h>

/* Cells are written over the text they come from: without its quotes a field is shorter, and its separator, which
 * becomes the terminating zero, has been read by then. */
typedef struct reader {
    const char *name;
    char *at;
    char *end;
    char *write;
    int line;
    int column;
    strait_csv csv;
    size_t count; /* of cells */
    size_t capacity;
} reader;

static strait_status fail_at(const reader *r, int line, int column, const char *what)
{
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:%d:%d: %s", r->name, line, column, what);
}

/* Takes one character (all its bytes) to the cell that is being written. */
static void take(reader *r)
{
    if (*r->at == '\n') {
        r->line++;
        r->column = 1;
    } else if (((unsigned char)*r->at & 0xC0) != 0x80) {
        r->column++;
    }
    *r->write++ = *r->at++;
}

static bool at_line_end(const reader *r)
{
    return r->at < r->end && (*r->at == '\n' || (*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n'));
}

static strait_status read_quoted(reader *r)
{
    int line = r->line;
    int column = r->column;
    r->at++;
    r->column++;
    for (;;) {
        if (r->at == r->end) return fail_at(r, line, column, "a quote that is never closed");
        if (*r->at != '"') {
            take(r);
            continue;
        }
        r->at++;
        r->column++;
        if (r->at == r->end || *r->at != '"') break;
        take(r); /* "" inside quotes is one quote */
    }
    if (r->at == r->end || *r->at == ',' || at_line_end(r)) return STRAIT_OK;
    return fail_at(r, r->line, r->column, "text behind the closing quote: write \"\" for a quote inside a field");
}

static strait_status read_plain(reader *r)
{
    while (r->at < r->end && *r->at != ',' && !at_line_end(r)) {
        if (*r->at == '"') return fail_at(r, r->line, r->column, "a quote inside a field that does not begin with one");
        if (*r->at == '\r') return fail_at(r, r->line, r->column, "a carriage return without a line feed");
        take(r);
    }
    return STRAIT_OK;
}

static strait_status add_cell(reader *r, const char *text, int line, int column)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity == 0 ? 256 : r->capacity * 2;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, capacity, sizeof *r->csv.cells, &r->csv.cells));
        r->capacity = capacity;
    }
    r->csv.cells[r->count++] = (strait_csv_cell){text, line, column};
    return STRAIT_OK;
}

/* One line of the file, its ending included. */
static strait_status read_row(reader *r)
{
    int line = r->line;
    int columns = 0;
    for (bool more = true; more;) {
        char *text = r->write;
        int cell_line = r->line;
        int cell_column = r->column;
        STRAIT_TRY(r->at < r->end && *r->at == '"' ? read_quoted(r) : read_plain(r));
        more = r->at < r->end && *r->at == ',';
        if (more) {
            r->at++;
            r->column++;
        } else if (r->at < r->end) {
            r->at += *r->at == '\r' ? 2 : 1;
            r->line++;
            r->column = 1;
        }
        *r->write++ = '\0';
        STRAIT_TRY(add_cell(r, text, cell_line, cell_column));
        columns++;
        if (columns > STRAIT_CSV_COLUMNS_MAX) return fail_at(r, line, 1, "more than 64 fields");
    }
    if (r->csv.rows == 0) r->csv.columns = columns;
    if (columns != r->csv.columns) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s:%d:1: %d fields, the first line has %d: a comma inside a field wants "
                           "quotes around it",
                           r->name, line, columns, r->csv.columns);
    }
    if (++r->csv.rows > STRAIT_CSV_ROWS_MAX) return fail_at(r, line, 1, "more than 4000 lines");
    return STRAIT_OK;
}

static bool only_line_ends(const char *at, const char *end)
{
    while (at < end && (*at == '\n' || *at == '\r')) at++;
    return at == end;
}

static strait_status check_bytes(const char *name, const char *bytes, size_t length)
{
    if (length > STRAIT_CSV_BYTES_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %zu bytes, at most %d are read", name, length, STRAIT_CSV_BYTES_MAX);
    }
    size_t valid = strait_utf8_valid_prefix(bytes, length);
    const char *zero = length > 0 ? memchr(bytes, 0, valid) : NULL;
    if (zero != NULL) valid = (size_t)(zero - bytes);
    if (valid == length) return STRAIT_OK;
    int line = 1;
    for (size_t i = 0; i < valid; i++) line += bytes[i] == '\n';
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:%d:1: %s in this line: save the file as UTF-8 text", name, line,
                       zero != NULL ? "a zero byte" : "bytes that are not UTF-8");
}

strait_status strait_csv_parse(const char *name, const char *bytes, size_t length, strait_csv *out)
{
    STRAIT_TRY(check_bytes(name, bytes, length));
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    reader r = {.name = name, .line = 1, .column = 1};
    STRAIT_TRY(strait_strndup(STRAIT_TAG_OTHER, bytes != NULL ? bytes : "", length, &r.csv.text));
    r.at = r.csv.text;
    r.write = r.at;
    r.end = r.at + length;
    strait_status status = STRAIT_OK;
    while (status == STRAIT_OK && !only_line_ends(r.at, r.end)) status = read_row(&r);
    if (status == STRAIT_OK && r.csv.rows == 0) status = fail_at(&r, 1, 1, "empty: the first line names the columns");
    if (status != STRAIT_OK) {
        strait_csv_fini(&r.csv);
        return status;
    }
    *out = r.csv;
    return STRAIT_OK;
}

void strait_csv_fini(strait_csv *csv)
{
    strait_free(csv->cells);
    strait_free(csv->text);
    *csv = (strait_csv){0};
}
