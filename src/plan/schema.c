/* Rows of a table, held to its columns. Knows no table. */
#include "plan/schema.h"

#include <strait/strait.h>

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD(member_, type_, flags_, choices_, help_)                                                \
    {                                                                                                \
#member_, STRAIT_TYPE_##type_, offsetof(strait_fact, member_), 0, 0, flags_, choices_, help_ \
    }
static const strait_column head_columns[] = {
    HEAD(key, TEXT, STRAIT_COLUMN_REQUIRED, NULL, "Its name here: lower-case letters, digits, '-', '.' and '_'."),
    HEAD(source, TEXT, STRAIT_COLUMN_REQUIRED, NULL, "Where it can be read."),
    HEAD(source_date, DATE, 0, NULL, "What the source is dated; for a price, the day of the price."),
    HEAD(checked_on, DATE, STRAIT_COLUMN_REQUIRED, NULL, "When somebody last compared the row with its source."),
    HEAD(confidence, CHOICE, STRAIT_COLUMN_REQUIRED, "high|medium|low", "How far the source is to be believed."),
    HEAD(basis, CHOICE, STRAIT_COLUMN_REQUIRED, STRAIT_BASES, "What the values rest on."),
    HEAD(basis_of, LIST, 0, NULL, "What single values rest on, where that differs: `column=basis; ...`."),
    HEAD(notes, TEXT, 0, NULL, "What is worth knowing and has no column."),
};
enum { HEAD_COLUMNS = sizeof head_columns / sizeof head_columns[0], KEY_MAX = 64 };

const strait_column *strait_schema_at(const strait_schema *schema, size_t index)
{
    if (index == 0) return &head_columns[0];
    if (index <= schema->n_columns) return &schema->columns[index - 1];
    index -= schema->n_columns;
    return index < HEAD_COLUMNS ? &head_columns[index] : NULL;
}

const strait_column *strait_schema_column(const strait_schema *schema, const char *name)
{
    const strait_column *column = NULL;
    for (size_t i = 0; (column = strait_schema_at(schema, i)) != NULL; i++) {
        if (strcmp(column->name, name) == 0) return column;
    }
    return NULL;
}

/* ---- Lists and choices ---- */

bool strait_list_next(const char **at, const char **out_entry, size_t *out_length)
{
    if (*at == NULL) return false;
    const char *p = *at + strspn(*at, "; ");
    if (*p == '\0') return false;
    size_t length = strcspn(p, ";");
    *at = p + length;
    while (length > 0 && p[length - 1] == ' ') length--;
    *out_entry = p;
    *out_length = length;
    return true;
}

bool strait_list_has(const char *list, const char *entry)
{
    const char *found;
    size_t length;
    while (strait_list_next(&list, &found, &length)) {
        if (strlen(entry) == length && strncmp(found, entry, length) == 0) return true;
    }
    return false;
}

bool strait_choice_name(const char *choices, int index, char *out, size_t capacity)
{
    const char *p = choices;
    for (; index > 0 && p != NULL; index--) {
        p = strchr(p, '|');
        if (p != NULL) p++;
    }
    if (p == NULL || index < 0) return false;
    snprintf(out, capacity, "%.*s", (int)strcspn(p, "|"), p);
    return true;
}

int strait_choice_find(const char *choices, const char *word)
{
    char name[KEY_MAX];
    for (int i = 0; strait_choice_name(choices, i, name, sizeof name); i++) {
        if (strcmp(name, word) == 0) return i;
    }
    return -1;
}

void strait_choice_suggest(const char *choices, const char *word, char *out, size_t capacity)
{
    char name[KEY_MAX];
    char best[KEY_MAX] = "";
    int distance = 0;
    for (int i = 0; strait_choice_name(choices, i, name, sizeof name); i++) {
        int d = strait_nearest_distance(word, name);
        if (d < 0 || (best[0] != '\0' && d >= distance)) continue;
        distance = d;
        memcpy(best, name, sizeof best);
    }
    if (best[0] != '\0') {
        snprintf(out, capacity, "; did you mean '%s'?", best);
    } else {
        snprintf(out, capacity, "; one of %s", choices);
    }
}

/* ---- Cells ---- */

typedef struct place {
    const char *file;
    const strait_csv_cell *cell;
    const char *column;
} place;

static strait_status fail_cell(const place *at, const char *format, ...) STRAIT_PRINTF(2, 3);
static strait_status fail_cell(const place *at, const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:%d:%d: %s: %s", at->file, at->cell->line, at->cell->column, at->column,
                       text);
}

/* Digits, a point, an exponent; no blanks, signs, hex, "inf" or "nan", all of which strtod would take. */
static bool is_decimal(const char *text)
{
    size_t digits = strspn(text, "0123456789.");
    const char *rest = text + digits;
    if (digits == 0 || text[0] == '.' || rest[-1] == '.' || strchr(text, '.') != strrchr(text, '.')) return false;
    if (*rest == '\0') return true;
    if (*rest != 'e') return false;
    rest += rest[1] == '-' ? 2 : 1;
    return *rest != '\0' && rest[strspn(rest, "0123456789")] == '\0' && strlen(rest) <= 3;
}

static strait_status read_number(const place *at, const strait_column *column, double *out)
{
    const char *text = at->cell->text;
    char *end;
    if (!is_decimal(text)) {
        return fail_cell(at,
                         "'%.60s' is no number: digits with or without a point, ranges and words have columns of "
                         "their own",
                         text);
    }
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value)) return fail_cell(at, "'%.60s' is no number", text);
    if ((column->flags & STRAIT_COLUMN_POSITIVE) != 0 && value == 0)
        return fail_cell(at, "must be above 0; leave the cell empty if unknown");
    if (value < column->min || value > column->max) {
        return fail_cell(at, "%.60s is outside %g to %g", text, column->min, column->max);
    }
    *out = value;
    return STRAIT_OK;
}

static strait_status read_count(const place *at, const strait_column *column, int64_t *out)
{
    double value = 0;
    STRAIT_TRY(read_number(at, column, &value));
    if (value != floor(value) || value > 9007199254740992.0) {
        return fail_cell(at, "'%.60s' is no whole number below 2^53", at->cell->text);
    }
    *out = (int64_t)value;
    return STRAIT_OK;
}

static strait_status read_choice(const place *at, const strait_column *column, int *out)
{
    int index = strait_choice_find(column->choices, at->cell->text);
    if (index < 0) {
        char hint[300];
        strait_choice_suggest(column->choices, at->cell->text, hint, sizeof hint);
        return fail_cell(at, "'%.60s' is not allowed%s", at->cell->text, hint);
    }
    *out = index;
    return STRAIT_OK;
}

static strait_status read_truth(const place *at, strait_truth *out)
{
    bool yes = strcmp(at->cell->text, "yes") == 0;
    if (!yes && strcmp(at->cell->text, "no") != 0) {
        return fail_cell(at, "'%.60s': yes or no; an empty cell is unknown", at->cell->text);
    }
    *out = yes ? STRAIT_TRUTH_YES : STRAIT_TRUTH_NO;
    return STRAIT_OK;
}

static void set_unknown(const strait_column *column, void *slot)
{
    switch (column->type) {
    case STRAIT_TYPE_TEXT:
    case STRAIT_TYPE_LIST:
    case STRAIT_TYPE_REF: *(const char **)slot = NULL; return;
    case STRAIT_TYPE_REAL: *(double *)slot = (double)NAN; return;
    case STRAIT_TYPE_COUNT: *(int64_t *)slot = -1; return;
    case STRAIT_TYPE_DATE: *(strait_days *)slot = STRAIT_DAYS_UNKNOWN; return;
    case STRAIT_TYPE_TRUTH: *(strait_truth *)slot = STRAIT_TRUTH_UNKNOWN; return;
    case STRAIT_TYPE_CHOICE: *(int *)slot = -1; return;
    }
}

static strait_status read_cell(const place *at, const strait_column *column, void *slot)
{
    switch (column->type) {
    case STRAIT_TYPE_TEXT:
    case STRAIT_TYPE_LIST:
    case STRAIT_TYPE_REF: *(const char **)slot = at->cell->text; return STRAIT_OK;
    case STRAIT_TYPE_REAL: return read_number(at, column, slot);
    case STRAIT_TYPE_COUNT: return read_count(at, column, slot);
    case STRAIT_TYPE_DATE:
        if (strait_days_parse(at->cell->text, slot)) return STRAIT_OK;
        return fail_cell(at, "'%.60s' is no date: 2026-05-20, 2026-05 or 2026", at->cell->text);
    case STRAIT_TYPE_TRUTH: return read_truth(at, slot);
    case STRAIT_TYPE_CHOICE: return read_choice(at, column, slot);
    }
    return STRAIT_OK;
}

bool strait_fact_known(const strait_fact *fact, const strait_column *column)
{
    const void *slot = (const char *)fact + column->offset;
    switch (column->type) {
    case STRAIT_TYPE_TEXT:
    case STRAIT_TYPE_LIST:
    case STRAIT_TYPE_REF: return *(const char *const *)slot != NULL;
    case STRAIT_TYPE_REAL: return !isnan(*(const double *)slot);
    case STRAIT_TYPE_COUNT: return *(const int64_t *)slot >= 0;
    case STRAIT_TYPE_DATE: return strait_days_known(*(const strait_days *)slot);
    case STRAIT_TYPE_TRUTH: return *(const strait_truth *)slot != STRAIT_TRUTH_UNKNOWN;
    case STRAIT_TYPE_CHOICE: return *(const int *)slot >= 0;
    }
    return false;
}

/* ---- Rows ---- */

static int find_header(const strait_csv *csv, const char *name)
{
    for (int i = 0; i < csv->columns; i++) {
        if (strcmp(strait_csv_at(csv, 0, i)->text, name) == 0) return i;
    }
    return -1;
}

const char *strait_fact_cell(const strait_fact *fact, const char *column)
{
    int index = find_header(fact->csv, column);
    return index < 0 ? "" : strait_csv_at(fact->csv, fact->row, index)->text;
}

strait_status strait_fact_fail(const strait_fact *fact, const char *column, const char *format, ...)
{
    int index = find_header(fact->csv, column);
    place at = {fact->file, strait_csv_at(fact->csv, fact->row, index < 0 ? 0 : index), column};
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return fail_cell(&at, "%s", text);
}

static strait_status unknown_column(const strait_schema *schema, const place *at)
{
    const strait_column *column = NULL;
    const char *names[STRAIT_CSV_COLUMNS_MAX];
    size_t count = 0;
    for (size_t i = 0; (column = strait_schema_at(schema, i)) != NULL && count < STRAIT_CSV_COLUMNS_MAX; i++)
        names[count++] = column->name;
    const char *near = strait_nearest(at->cell->text, names, count);
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:%d:%d: the table %s has no column '%.60s'%s%s%s", at->file,
                       at->cell->line, at->cell->column, schema->name, at->cell->text,
                       near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* The schema's column for each of the file's. A user's file may leave columns out, the built-in ones may not. */
static strait_status read_header(const strait_schema *schema, const char *file, const strait_csv *csv, bool user,
                                 const strait_column *columns[STRAIT_CSV_COLUMNS_MAX])
{
    for (int i = 0; i < csv->columns; i++) {
        place at = {file, strait_csv_at(csv, 0, i), strait_csv_at(csv, 0, i)->text};
        columns[i] = strait_schema_column(schema, at.cell->text);
        if (columns[i] == NULL) return unknown_column(schema, &at);
        if (find_header(csv, at.cell->text) != i) return fail_cell(&at, "this column stands here twice");
    }
    const strait_column *column = NULL;
    for (size_t i = 0; (column = strait_schema_at(schema, i)) != NULL; i++) {
        bool wanted = !user || (column->flags & STRAIT_COLUMN_REQUIRED) != 0;
        if (wanted && find_header(csv, column->name) < 0) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:1:1: the column '%s' is missing", file, column->name);
        }
    }
    return STRAIT_OK;
}

static strait_status check_key(const place *at)
{
    const char *text = at->cell->text;
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-._");
    if (text[length] != '\0' || length >= KEY_MAX) {
        return fail_cell(at, "'%.60s': lower-case letters, digits, '-', '.' and '_', fewer than 64", text);
    }
    return STRAIT_OK;
}

/* Every entry of basis_of is a column of the table and a basis. */
static strait_status check_basis_of(const strait_schema *schema, const place *at)
{
    const char *list = at->cell->text;
    const char *entry;
    size_t length;
    while (strait_list_next(&list, &entry, &length)) {
        char name[KEY_MAX];
        snprintf(name, sizeof name, "%.*s", (int)(length < KEY_MAX ? length : KEY_MAX - 1), entry);
        char *equals = strchr(name, '=');
        if (equals == NULL) return fail_cell(at, "'%s': write column=basis", name);
        *equals = '\0';
        if (strait_schema_column(schema, name) == NULL) return fail_cell(at, "the table has no column '%s'", name);
        if (strait_choice_find(STRAIT_BASES, equals + 1) < 0) {
            return fail_cell(at, "'%s' is no basis: %s", equals + 1, STRAIT_BASES);
        }
    }
    return STRAIT_OK;
}

strait_basis strait_fact_basis(const strait_fact *fact, const char *column)
{
    const char *list = fact->basis_of;
    const char *entry;
    size_t length;
    size_t wanted = strlen(column);
    while (strait_list_next(&list, &entry, &length)) {
        if (length <= wanted || strncmp(entry, column, wanted) != 0 || entry[wanted] != '=') continue;
        char basis[KEY_MAX];
        snprintf(basis, sizeof basis, "%.*s", (int)(length - wanted - 1), entry + wanted + 1);
        return (strait_basis)strait_choice_find(STRAIT_BASES, basis);
    }
    return (strait_basis)fact->basis;
}

static bool is_accepted(const strait_accepted *accepted, const char *key, const char *column)
{
    size_t length = strlen(key);
    for (size_t i = 0; accepted != NULL && i < accepted->count; i++) {
        const char *name = accepted->names[i];
        if (strcmp(name, key) == 0) return true;
        if (strncmp(name, key, length) == 0 && name[length] == '.' && strcmp(name + length + 1, column) == 0)
            return true;
    }
    return false;
}

/* What somebody remembers is not known. Text is kept: it says what a row is about. */
static void forget_memories(const strait_schema *schema, const strait_accepted *accepted, strait_fact *fact)
{
    for (size_t i = 0; i < schema->n_columns; i++) {
        const strait_column *column = &schema->columns[i];
        bool text =
            column->type == STRAIT_TYPE_TEXT || column->type == STRAIT_TYPE_LIST || column->type == STRAIT_TYPE_REF;
        if (text || (column->flags & STRAIT_COLUMN_REQUIRED) != 0) continue;
        if (strait_fact_basis(fact, column->name) != STRAIT_BASIS_MEMORY) continue;
        if (is_accepted(accepted, fact->key, column->name)) continue;
        set_unknown(column, (char *)fact + column->offset);
    }
}

static strait_status read_row(const strait_schema *schema, const strait_column *const *columns, strait_fact *fact)
{
    const strait_column *column = NULL;
    for (size_t i = 0; (column = strait_schema_at(schema, i)) != NULL; i++)
        set_unknown(column, (char *)fact + column->offset);
    for (int i = 0; i < fact->csv->columns; i++) {
        place at = {fact->file, strait_csv_at(fact->csv, fact->row, i), columns[i]->name};
        if (at.cell->text[0] == '\0') {
            if ((columns[i]->flags & STRAIT_COLUMN_REQUIRED) == 0) continue;
            return fail_cell(&at, "is empty; every row needs it");
        }
        if (strcmp(columns[i]->name, "key") == 0) STRAIT_TRY(check_key(&at));
        if (strcmp(columns[i]->name, "basis_of") == 0) STRAIT_TRY(check_basis_of(schema, &at));
        STRAIT_TRY(read_cell(&at, columns[i], (char *)fact + columns[i]->offset));
    }
    return STRAIT_OK;
}

static strait_status read_rows(const strait_schema *schema, const strait_column *const *columns,
                               const strait_fact *head, const strait_accepted *accepted, char *rows)
{
    for (int row = 1; row < head->csv->rows; row++) {
        strait_fact *fact = (strait_fact *)(void *)(rows + (size_t)(row - 1) * schema->row_size);
        *fact = *head;
        fact->row = row;
        fact->line = strait_csv_at(head->csv, row, 0)->line;
        STRAIT_TRY(read_row(schema, columns, fact));
        forget_memories(schema, accepted, fact);
        for (int before = 1; before < row; before++) {
            const strait_fact *other = (const strait_fact *)(void *)(rows + (size_t)(before - 1) * schema->row_size);
            if (strcmp(other->key, fact->key) == 0) {
                return strait_fact_fail(fact, "key", "'%s' stands in line %d already", fact->key, other->line);
            }
        }
    }
    return STRAIT_OK;
}

strait_status strait_schema_read(const strait_schema *schema, const char *file, const strait_csv *csv, bool user,
                                 const strait_accepted *accepted, void **out_rows)
{
    const strait_column *columns[STRAIT_CSV_COLUMNS_MAX];
    STRAIT_TRY(read_header(schema, file, csv, user, columns));
    char *rows = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(csv->rows - 1), schema->row_size, &rows));
    strait_fact head = {.file = file, .csv = csv, .user = user};
    strait_status status = read_rows(schema, columns, &head, accepted, rows);
    if (status != STRAIT_OK) {
        strait_free(rows);
        return status;
    }
    *out_rows = rows;
    return STRAIT_OK;
}

int64_t strait_fact_age(const strait_schema *schema, const strait_fact *fact, int32_t today)
{
    strait_days days = schema->aged_by_value ? fact->source_date : fact->checked_on;
    return strait_days_known(days) ? (int64_t)today - days.last : -1;
}

bool strait_fact_stale(const strait_schema *schema, const strait_fact *fact, int32_t today)
{
    if (schema->stale_days == 0) return false;
    int64_t age = strait_fact_age(schema, fact, today);
    return age < 0 ? schema->aged_by_value : age > schema->stale_days;
}
