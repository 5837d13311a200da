/*
 * Comma-separated values as RFC 4180 has them, strictly: every line has as many fields as the first, quotes stand
 * around a whole field or nowhere. Knows no schema.
 */
#ifndef STRAIT_PLAN_CSV_H
#define STRAIT_PLAN_CSV_H

#include "base/buffer.h"

enum { STRAIT_CSV_BYTES_MAX = 4 << 20, STRAIT_CSV_COLUMNS_MAX = 64, STRAIT_CSV_ROWS_MAX = 4000 };

typedef struct strait_csv_cell {
    const char *text; /* zero-terminated, without quotes; "" for an empty field */
    int line;         /* from 1; a quoted field may go over several */
    int column;       /* from 1, in characters; of the field's first character or quote */
} strait_csv_cell;

typedef struct strait_csv {
    strait_csv_cell *cells; /* [rows, columns]; owned. Row 0 is the header */
    int rows;
    int columns;
    char *text; /* owned; the cells point into it */
} strait_csv;

/*
 * UTF-8 without zero bytes, lines ending in LF or CR LF, the last one with or without. Empty lines at the end are
 * skipped, others are errors. Errors are STRAIT_ERR_FORMAT and begin with "name:line:column: ". On failure *out needs
 * no fini.
 */
strait_status strait_csv_parse(const char *name, const char *bytes, size_t length, strait_csv *out) STRAIT_MUST_USE;
void strait_csv_fini(strait_csv *csv);

static inline const strait_csv_cell *strait_csv_at(const strait_csv *csv, int row, int column)
{
    return &csv->cells[(size_t)row * (size_t)csv->columns + (size_t)column];
}

#endif
