/*
 * Fuzzes the tables of facts: the first byte picks the table, the rest is a user's CSV file. What is accepted must be
 * the same when every field is quoted and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void quote(strait_buffer *out, const char *text)
{
    if (strait_buffer_append(out, "\"", 1) != STRAIT_OK) abort();
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' && strait_buffer_append(out, "\"", 1) != STRAIT_OK) abort();
        if (strait_buffer_append(out, p, 1) != STRAIT_OK) abort();
    }
    if (strait_buffer_append(out, "\"", 1) != STRAIT_OK) abort();
}

static void round_trip(const strait_csv *csv)
{
    strait_buffer text = {0};
    for (int row = 0; row < csv->rows; row++) {
        for (int column = 0; column < csv->columns; column++) {
            quote(&text, strait_csv_at(csv, row, column)->text);
            const char *end = column + 1 < csv->columns ? "," : "\r\n";
            if (strait_buffer_append(&text, end, strlen(end)) != STRAIT_OK) abort();
        }
    }
    strait_csv again;
    /* Quotes may make it too long to be read. */
    if (strait_csv_parse("again", text.bytes, text.length, &again) == STRAIT_OK) {
        if (again.rows != csv->rows || again.columns != csv->columns) abort();
        for (int i = 0; i < csv->rows * csv->columns; i++)
            if (strcmp(csv->cells[i].text, again.cells[i].text) != 0) abort();
        strait_csv_fini(&again);
    } else if (text.length <= STRAIT_CSV_BYTES_MAX) {
        abort();
    }
    strait_buffer_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const strait_schema *schema = &strait_schemas[data[0] % STRAIT_TABLE_COUNT];
    strait_csv csv;
    if (strait_csv_parse("fuzz", (const char *)data + 1, size - 1, &csv) != STRAIT_OK) return 0;
    round_trip(&csv);
    void *rows = NULL;
    if (strait_schema_read(schema, "fuzz", &csv, true, NULL, &rows) == STRAIT_OK) {
        for (int i = 0; i + 1 < csv.rows; i++) {
            const strait_fact *fact = (const strait_fact *)(const void *)((char *)rows + (size_t)i * schema->row_size);
            if (schema == &strait_schemas[STRAIT_TABLE_CHIPS]) (void)strait_chip_screen((const strait_chip *)fact);
            if (strait_fact_cell(fact, "key")[0] == '\0') abort();
        }
        strait_free(rows);
    }
    strait_csv_fini(&csv);
    return 0;
}
