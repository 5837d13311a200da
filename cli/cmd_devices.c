/* strait devices: the chips found, and what runs each op on them. */
#include "cli.h"

#include <strait/devices.h>

#include <stdio.h>
#include <string.h>

/* How rows are shown, and how many there were. */
typedef struct listing {
    bool json;
    int count;
    int usable;
} listing;

/* Text as a JSON string; device names come from drivers and may hold anything. */
static void print_string(const char *text)
{
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\') {
            printf("\\%c", *at);
        } else if (*at < 0x20) {
            printf("\\u%04x", *at);
        } else {
            putchar(*at);
        }
    }
    putchar('"');
}

static void print_member(const char *key, const char *text)
{
    printf(", \"%s\": ", key);
    if (text) {
        print_string(text);
    } else {
        printf("null");
    }
}

static void device_row(void *user, const strait_device_row *row)
{
    listing *l = user;
    l->usable += row->problem == NULL;
    if (l->json) {
        printf("%s\n  {\"id\": ", l->count++ ? "," : "");
        print_string(row->id);
        print_member("name", row->name);
        print_member("backend", row->backend);
        print_member("implementation", row->implementation);
        print_member("driver", row->driver_version);
        print_member("problem", row->problem);
        printf(", \"memory_bytes\": %lld, \"memory_free\": %lld, \"compute_units\": %d, \"bf16\": %s, "
               "\"records_steps\": %s}",
               (long long)row->memory_bytes, (long long)row->memory_free, row->compute_units,
               row->supports_bf16 ? "true" : "false", row->records ? "true" : "false");
        return;
    }
    l->count++;
    if (row->problem) {
        printf("%-8s %s\n", row->id, row->problem);
        return;
    }
    printf("%-8s %s, %s, %d threads, ", row->id, row->name, row->implementation, row->compute_units);
    printf("%s of ", cli_bytes((double)row->memory_free));
    printf("%s free%s\n", cli_bytes((double)row->memory_bytes), row->records ? ", records steps" : "");
}

static void op_row(void *user, const strait_device_op_row *row)
{
    listing *l = user;
    if (l->json) {
        printf("%s\n  {\"op\": ", l->count++ ? "," : "");
        print_string(row->op);
        print_member("dtype", row->dtype);
        print_member("numerics", row->numerics);
        printf(", \"rows\": %lld", (long long)row->rows);
        print_member("implementation", row->implementation);
        print_member("determinism", row->determinism);
        print_member("reason", row->reason);
        printf("}");
        return;
    }
    l->count++;
    printf("%-16s %-5s %-6s %-10s %-11s ", row->op, row->dtype, row->numerics,
           row->supported ? row->implementation : "-", row->supported ? row->determinism : "-");
    /* In fast the answer may depend on the shape; the same answer for all shapes is not repeated. */
    if (strcmp(row->numerics, "fast") == 0) printf("%lld rows: ", (long long)row->rows);
    printf("%s\n", row->reason ? row->reason : "");
}

int cmd_devices(int argc, char **argv)
{
    const char *id = NULL;
    bool why = false;
    listing l = {0};
    const cli_option options[] = {
        {"--why", CLI_FLAG, &why, NULL, "for each op what would run it, and why not something faster"},
        {"--json", CLI_FLAG, &l.json, NULL, "the result as JSON"},
        {0},
    };
    int positional = 0;
    const char *usage = "strait devices [--why [DEVICE]]\n"
                        "Lists the chips that a run can use, as --device names them.";
    int code = cli_parse(argc, argv, usage, options, &id, 1, &positional);
    if (code >= 0) return code;
    if (id && !why) return cli_usage("devices", "a DEVICE is named together with --why");
    if (l.json) printf("[");
    strait_status status = why ? strait_device_ops(id ? id : "cpu", op_row, &l) : strait_devices(device_row, &l);
    if (l.json) printf("\n]\n");
    if (status != STRAIT_OK) return cli_fail("devices", status);
    return why || l.usable > 0 ? CLI_OK : CLI_FAILURE; /* each problem stands in its row */
}
