/*
 * A table of facts: typed columns, one list for each file (*.def), and rows read against it.
 *
 * An empty cell is unknown and stays so. So does a value that somebody remembers and nobody sourced ("memory"), unless
 * the user accepts it by name.
 */
#ifndef STRAIT_PLAN_SCHEMA_H
#define STRAIT_PLAN_SCHEMA_H

#include "plan/csv.h"

/* What is known of a statement. AND, OR and NOT of three values are in plan/test.h. */
typedef enum strait_truth { STRAIT_TRUTH_UNKNOWN = 0, STRAIT_TRUTH_NO, STRAIT_TRUTH_YES } strait_truth;

/* "2026", "2026-05" or "2026-05-20": the days it may be, counted from 1970-01-01. Unknown: first > last. */
typedef struct strait_days {
    int32_t first;
    int32_t last;
} strait_days;
#define STRAIT_DAYS_UNKNOWN ((strait_days){1, 0})

/* What a cell holds, and its type in C. Unknown is NULL, NAN, -1, STRAIT_DAYS_UNKNOWN, STRAIT_TRUTH_UNKNOWN. */
typedef const char *STRAIT_CELL_TEXT;   /* any text */
typedef const char *STRAIT_CELL_LIST;   /* "a; b": strait_list_next */
typedef const char *STRAIT_CELL_REF;    /* the key of a row in the table that `choices` names */
typedef double STRAIT_CELL_REAL;        /* decimal, finite */
typedef int64_t STRAIT_CELL_COUNT;      /* a whole number >= 0; exponents are read: 1e6 */
typedef strait_days STRAIT_CELL_DATE;   /* ISO 8601, day, month or year */
typedef strait_truth STRAIT_CELL_TRUTH; /* yes, no */
typedef int STRAIT_CELL_CHOICE;         /* index into `choices` */

typedef enum strait_cell_type {
    STRAIT_TYPE_TEXT,
    STRAIT_TYPE_LIST,
    STRAIT_TYPE_REF,
    STRAIT_TYPE_REAL,
    STRAIT_TYPE_COUNT,
    STRAIT_TYPE_DATE,
    STRAIT_TYPE_TRUTH,
    STRAIT_TYPE_CHOICE
} strait_cell_type;

enum { STRAIT_COLUMN_REQUIRED = 1, STRAIT_COLUMN_POSITIVE = 2 };

typedef struct strait_column {
    const char *name;
    strait_cell_type type;
    size_t offset; /* into the row */
    double min;
    double max;
    unsigned flags;
    const char *choices; /* CHOICE: "a|b|c"; REF: the table */
    const char *help;
} strait_column;

/* Where a value is from. `official`: the authority's own text, for rules and country groups. */
#define STRAIT_BASES "vendor|measured|press|derived|memory|official"
typedef enum strait_basis {
    STRAIT_BASIS_VENDOR,
    STRAIT_BASIS_MEASURED,
    STRAIT_BASIS_PRESS,
    STRAIT_BASIS_DERIVED,
    STRAIT_BASIS_MEMORY,
    STRAIT_BASIS_OFFICIAL
} strait_basis;

/* What every row begins with. */
typedef struct strait_fact {
    const char *key;
    const char *source;
    strait_days source_date;
    strait_days checked_on;
    int confidence;       /* "high|medium|low" */
    int basis;            /* strait_basis, of each value that basis_of does not name */
    const char *basis_of; /* list of "column=basis" */
    const char *notes;    /* or NULL */
    const char *file;     /* borrowed; as errors and `show` name it */
    int line;
    int row; /* of its strait_csv */
    const strait_csv *csv;
    const struct strait_fact *builtin; /* the built-in row that a user's row of the same key stands in front of */
    bool user;                         /* not built in */
} strait_fact;

typedef struct strait_schema {
    const char *name; /* "chips": the table and the file's stem */
    const strait_column *columns;
    size_t n_columns;
    size_t row_size;
    const char *text;   /* the built-in file */
    int stale_days;     /* older facts say "verify"; 0 = never */
    bool aged_by_value; /* age counts from source_date (a price), not from checked_on */
} strait_schema;

/* Values that the user takes although nobody sourced them: "KEY.COLUMN" or "KEY". */
typedef struct strait_accepted {
    const char *const *names;
    size_t count;
} strait_accepted;

/*
 * Reads every row of `csv` into out_rows (zeroed, csv->rows - 1 times row_size; owned by the caller, strait_free).
 * `file` and `csv` are borrowed by the rows. STRAIT_ERR_FORMAT with "file:line:column: name: " otherwise.
 */
strait_status strait_schema_read(const strait_schema *schema, const char *file, const strait_csv *csv, bool user,
                                 const strait_accepted *accepted, void **out_rows) STRAIT_MUST_USE;

/* The column with this name, in the table or among those that every row has; NULL for none. */
const strait_column *strait_schema_column(const strait_schema *schema, const char *name);
/* Columns 0 to n - 1 in the order in which they are shown: key, the table's own, provenance. NULL at the end. */
const strait_column *strait_schema_at(const strait_schema *schema, size_t index);
/* The text of a row's cell as the file has it; "" where the file has no such column. */
const char *strait_fact_cell(const strait_fact *fact, const char *column);
/* The basis of one value of a row. */
strait_basis strait_fact_basis(const strait_fact *fact, const char *column);
/* Whether the row's value in `column` is known. */
bool strait_fact_known(const strait_fact *fact, const strait_column *column);
/* Age in days on `today`, or -1 where it has no date. */
int64_t strait_fact_age(const strait_schema *schema, const strait_fact *fact, int32_t today);
bool strait_fact_stale(const strait_schema *schema, const strait_fact *fact, int32_t today);

/* STRAIT_ERR_FORMAT naming the fact's file, line and the place of `column`. */
strait_status strait_fact_fail(const strait_fact *fact, const char *column, const char *format, ...) STRAIT_MUST_USE
    STRAIT_PRINTF(3, 4);

/* Days: text as "2026-05-20", "2026-05" or "2026"; false where it is no date of 1900 to 2199. */
bool strait_days_parse(const char *text, strait_days *out);
/* A day as "2026-05-20". */
void strait_day_format(int32_t day, char out[16]);
int32_t strait_today(void);
static inline bool strait_days_known(strait_days days)
{
    return days.first <= days.last;
}

/* The next entry of "a; b" from *at on, without the blanks around it; false at the end. */
bool strait_list_next(const char **at, const char **out_entry, size_t *out_length);
bool strait_list_has(const char *list, const char *entry);
/* The i-th of "a|b|c" into out; false where there are not so many. */
bool strait_choice_name(const char *choices, int index, char *out, size_t capacity);
/* The index of a word among "a|b|c", -1 for none. */
int strait_choice_find(const char *choices, const char *word);
/* "; did you mean 'x'?" with the nearest of "a|b|c", or "". */
void strait_choice_suggest(const char *choices, const char *word, char *out, size_t capacity);

#endif
