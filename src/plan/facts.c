/* The tables of facts, built in and the user's. Knows no rule. */
#include "plan/facts.h"

#include "base/file.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define STRAIT_COLUMN(member, type, min, max, flags, choices, help) \
    {#member, STRAIT_TYPE_##type, offsetof(ROW, member), min, max, flags, choices, help},
#define ROW strait_country
static const strait_column columns_countries[] = {
#include "plan/countries.def"
};
#undef ROW
#define ROW strait_group
static const strait_column columns_groups[] = {
#include "plan/groups.def"
};
#undef ROW
#define ROW strait_chip
static const strait_column columns_chips[] = {
#include "plan/chips.def"
};
#undef ROW
#define ROW strait_published_run
static const strait_column columns_runs[] = {
#include "plan/runs.def"
};
#undef ROW
#define ROW strait_setting
static const strait_column columns_settings[] = {
#include "plan/settings.def"
};
#undef ROW
#define ROW strait_price
static const strait_column columns_prices[] = {
#include "plan/prices.def"
};
#undef ROW
#define ROW strait_exchange_rate
static const strait_column columns_rates[] = {
#include "plan/rates.def"
};
#undef ROW
#define ROW strait_entity
static const strait_column columns_entities[] = {
#include "plan/entities.def"
};
#undef ROW
#define ROW strait_rule
static const strait_column columns_rules[] = {
#include "plan/rules.def"
};
#undef ROW
#undef STRAIT_COLUMN

/* The built-in files, embedded by cmake/embed.cmake. */
#define STRAIT_TABLE(name, type, NAME, days, by_value) extern const char strait_facts_text_##name[];
#include "plan/tables.def"
#undef STRAIT_TABLE

const strait_schema strait_schemas[STRAIT_TABLE_COUNT] = {
#define STRAIT_TABLE(name, type, NAME, days, by_value)                                                                \
    {#name, columns_##name, sizeof columns_##name / sizeof columns_##name[0], sizeof(type), strait_facts_text_##name, \
     days,  by_value},
#include "plan/tables.def"
#undef STRAIT_TABLE
};

/* A file that rows point into. */
typedef struct strait_facts_file {
    char *name;
    strait_csv csv;
    struct strait_facts_file *next;
} strait_facts_file;

const strait_fact *strait_facts_row(const strait_facts *facts, strait_table_id table, size_t index)
{
    return (const strait_fact *)(const void *)((const char *)facts->tables[table].rows +
                                               index * strait_schemas[table].row_size);
}

const strait_fact *strait_facts_find(const strait_facts *facts, strait_table_id table, const char *key)
{
    for (size_t i = 0; i < facts->tables[table].count; i++) {
        const strait_fact *fact = strait_facts_row(facts, table, i);
        if (strcmp(fact->key, key) == 0) return fact;
    }
    return NULL;
}

/* ---- Reading ---- */

/* Takes `name` and the rows of a file's text; the file is the facts' from then on, also where its rows are wrong. */
static strait_status read_file(strait_facts *facts, strait_table_id id, const char *name, const strait_buffer *text,
                               bool user, const strait_accepted *accepted, strait_table *out)
{
    strait_facts_file *file;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *file, &file));
    file->next = facts->files;
    facts->files = file;
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, name, &file->name));
    STRAIT_TRY(strait_csv_parse(file->name, text->bytes, text->length, &file->csv));
    STRAIT_TRY(strait_schema_read(&strait_schemas[id], file->name, &file->csv, user, accepted, &out->rows));
    out->count = (size_t)file->csv.rows - 1;
    return STRAIT_OK;
}

static strait_status read_builtin(strait_facts *facts, strait_table_id id, const strait_accepted *accepted)
{
    const strait_schema *schema = &strait_schemas[id];
    char name[64];
    snprintf(name, sizeof name, "facts/%s.csv", schema->name);
    /* A view; the parser copies. */
    strait_buffer text = {.bytes = (char *)(uintptr_t)schema->text, .length = strlen(schema->text)};
    return read_file(facts, id, name, &text, false, accepted, &facts->tables[id]);
}

static void copy_cell(const strait_column *column, strait_fact *to, const strait_fact *from)
{
    size_t size = 0;
    switch (column->type) {
    case STRAIT_TYPE_TEXT:
    case STRAIT_TYPE_LIST:
    case STRAIT_TYPE_REF: size = sizeof(const char *); break;
    case STRAIT_TYPE_REAL: size = sizeof(double); break;
    case STRAIT_TYPE_COUNT: size = sizeof(int64_t); break;
    case STRAIT_TYPE_DATE: size = sizeof(strait_days); break;
    case STRAIT_TYPE_TRUTH: size = sizeof(strait_truth); break;
    case STRAIT_TYPE_CHOICE: size = sizeof(int); break;
    }
    memcpy((char *)to + column->offset, (const char *)from + column->offset, size);
}

/* What the user may not do: loosen. */
static strait_status check_user_row(strait_table_id id, const strait_fact *fact)
{
    if (id == STRAIT_TABLE_GROUPS) {
        return strait_fact_fail(fact, "key", "which country is in which group is not the user's to change");
    }
    if (id != STRAIT_TABLE_RULES) return STRAIT_OK;
    const strait_rule *rule = (const strait_rule *)fact;
    if (strncmp(fact->key, "user-", 5) != 0) {
        return strait_fact_fail(fact, "key", "'%s': keys of rules that are not built in begin with 'user-'", fact->key);
    }
    if (rule->overrides != NULL) {
        return strait_fact_fail(fact, "overrides", "rules that are not built in add to the others and override none");
    }
    return STRAIT_OK;
}

/* Puts the user's rows behind the built-in ones, or in the place of those with the same key. */
static strait_status merge(strait_facts *facts, strait_table_id id, const strait_table *mine)
{
    const strait_schema *schema = &strait_schemas[id];
    strait_table *table = &facts->tables[id];
    size_t all = table->count + 2 * mine->count;
    char *rows = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, all, schema->row_size, &rows));
    if (table->count > 0) memcpy(rows, table->rows, table->count * schema->row_size);
    strait_free(table->rows);
    table->rows = rows;
    /* Replaced rows move behind the end, where they are reached through `builtin` only. */
    char *replaced = rows + (table->count + mine->count) * schema->row_size;
    for (size_t i = 0; i < mine->count; i++) {
        const strait_fact *fact = (const strait_fact *)(const void *)((const char *)mine->rows + i * schema->row_size);
        STRAIT_TRY(check_user_row(id, fact));
        strait_fact *old = (strait_fact *)(uintptr_t)strait_facts_find(facts, id, fact->key);
        if (old == NULL) {
            memcpy(rows + table->count++ * schema->row_size, fact, schema->row_size);
            continue;
        }
        memcpy(replaced, old, schema->row_size);
        memcpy(old, fact, schema->row_size);
        old->builtin = (const strait_fact *)(const void *)replaced;
        for (size_t c = 0; c < schema->n_columns; c++) {
            if (!strait_fact_known(old, &schema->columns[c])) copy_cell(&schema->columns[c], old, old->builtin);
        }
        replaced += schema->row_size;
    }
    return STRAIT_OK;
}

static strait_status read_user_table(strait_facts *facts, strait_table_id id, const char *path,
                                     const strait_accepted *accepted)
{
    strait_buffer text = {0};
    strait_table mine = {0};
    strait_status status = strait_file_read(path, STRAIT_CSV_BYTES_MAX + 1, &text);
    if (status == STRAIT_OK) status = read_file(facts, id, path, &text, true, accepted, &mine);
    strait_buffer_fini(&text);
    if (status == STRAIT_OK) status = merge(facts, id, &mine);
    strait_free(mine.rows);
    return status;
}

/* Which table a file of the user's folder is; STRAIT_TABLE_COUNT for other kinds of files. */
static strait_status table_of(const char *directory, const char *name, strait_table_id *out)
{
    size_t length = strlen(name);
    *out = STRAIT_TABLE_COUNT;
    if (length < 4 || strcmp(name + length - 4, ".csv") != 0) return STRAIT_OK;
    char stem[64];
    char hint[200];
    snprintf(stem, sizeof stem, "%.*s", (int)(length - 4), name);
    for (int id = 0; id < STRAIT_TABLE_COUNT; id++) {
        if (strcmp(stem, strait_schemas[id].name) != 0) continue;
        *out = (strait_table_id)id;
        return STRAIT_OK;
    }
    strait_choice_suggest("countries|groups|chips|runs|prices|rates|entities|rules", stem, hint, sizeof hint);
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s/%s: there is no table '%s'%s", directory, name, stem, hint);
}

static strait_status read_directory(strait_facts *facts, const strait_facts_options *options)
{
    char **names;
    size_t count;
    STRAIT_TRY(strait_directory_list(options->directory, &names, &count));
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        strait_table_id id;
        char *path = NULL;
        status = table_of(options->directory, names[i], &id);
        if (status != STRAIT_OK || id == STRAIT_TABLE_COUNT) continue;
        status = strait_path_join(options->directory, names[i], &path);
        if (status == STRAIT_OK) status = read_user_table(facts, id, path, &options->accepted);
        strait_free(path);
    }
    strait_names_free(names, count);
    return status;
}

/* ---- Checks across tables ---- */

static strait_table_id table_named(const char *name)
{
    for (int id = 0; id < STRAIT_TABLE_COUNT; id++) {
        if (strcmp(strait_schemas[id].name, name) == 0) return (strait_table_id)id;
    }
    return STRAIT_TABLE_COUNT;
}

static strait_status check_references(const strait_facts *facts, strait_table_id id)
{
    const strait_schema *schema = &strait_schemas[id];
    for (size_t c = 0; c < schema->n_columns; c++) {
        const strait_column *column = &schema->columns[c];
        if (column->type != STRAIT_TYPE_REF) continue;
        strait_table_id target = table_named(column->choices);
        for (size_t i = 0; i < facts->tables[id].count; i++) {
            const strait_fact *fact = strait_facts_row(facts, id, i);
            const char *key;
            memcpy(&key, (const char *)fact + column->offset, sizeof key);
            if (key == NULL || strait_facts_find(facts, target, key) != NULL) continue;
            const char *near = strait_facts_nearest(facts, target, key);
            return strait_fact_fail(fact, column->name, "the table %s has no '%s'%s%s%s", column->choices, key,
                                    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                                    near != NULL ? "'?" : "");
        }
    }
    return STRAIT_OK;
}

/* A name that is accepted and means nothing is a mistake: the value would stay unknown in silence. */
static strait_status check_accepted(const strait_facts *facts, const strait_accepted *accepted)
{
    for (size_t i = 0; i < accepted->count; i++) {
        const char *name = accepted->names[i];
        bool found = false;
        for (int id = 0; id < STRAIT_TABLE_COUNT && !found; id++) {
            for (size_t r = 0; r < facts->tables[id].count && !found; r++) {
                const strait_fact *fact = strait_facts_row(facts, (strait_table_id)id, r);
                size_t length = strlen(fact->key);
                if (strncmp(name, fact->key, length) != 0) continue;
                found = name[length] == '\0' ||
                        (name[length] == '.' && strait_schema_column(&strait_schemas[id], name + length + 1) != NULL);
            }
        }
        if (!found) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "no fact is called '%s': KEY.COLUMN, as in h800-sxm.link_gbs", name);
        }
    }
    return STRAIT_OK;
}

strait_status strait_facts_open(const strait_facts_options *options, strait_facts **out)
{
    strait_facts *facts = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *facts, &facts));
    facts->today = options->today != 0 ? options->today : strait_today();
    strait_status status = STRAIT_OK;
    for (int id = 0; id < STRAIT_TABLE_COUNT && status == STRAIT_OK; id++)
        status = read_builtin(facts, (strait_table_id)id, &options->accepted);
    if (status == STRAIT_OK && options->directory != NULL) status = read_directory(facts, options);
    for (int id = 0; id < STRAIT_TABLE_COUNT && status == STRAIT_OK; id++)
        status = check_references(facts, (strait_table_id)id);
    if (status == STRAIT_OK) status = check_accepted(facts, &options->accepted);
    if (status != STRAIT_OK) {
        strait_facts_close(facts);
        return status;
    }
    *out = facts;
    return STRAIT_OK;
}

void strait_facts_close(strait_facts *facts)
{
    if (facts == NULL) return;
    for (int id = 0; id < STRAIT_TABLE_COUNT; id++) strait_free(facts->tables[id].rows);
    for (strait_facts_file *file = facts->files; file != NULL;) {
        strait_facts_file *next = file->next;
        strait_csv_fini(&file->csv);
        strait_free(file->name);
        strait_free(file);
        file = next;
    }
    strait_free(facts);
}
