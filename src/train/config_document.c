/*
 * docs/config.md from the schema, and the public calls that need no training.
 */
#include <strait/config.h>

#include "train/config_reader.h"

#include <string.h>

static const char intro[] =
    "# The run configuration\n\n"
    "Made from `src/train/config.def` by `strait train --schema`; do not edit.\n\n"
    "`strait train run.yaml` reads one YAML file. Every key is checked before anything else happens, and all errors "
    "are\n"
    "reported at once with file, line and column. Examples to start from are in `examples/`.\n\n"
    "- **Paths** are relative to the current directory, not to the file.\n"
    "- **Numbers** are decimal: `1e6` is exactly 1000000 where an integer is wanted, `1.5` is an error there; "
    "`1_000`,\n"
    "  `0x10`, `010`, `.inf` and quoted numbers are errors.\n"
    "- **Booleans** are `true` and `false`; `yes`, `no`, `on` and `off` are errors.\n"
    "- **Strings** that look like a number, a boolean or `null` want quotes.\n"
    "- **Anchors and aliases** (`&a`, `*a`) are read, tags (`!x`) and merge keys (`<<`) are not.\n"
    "- **`--set a.b=value`** replaces a key, with the same checks; the value is YAML: `--set 'sample.prompts=[\"a\", "
    "\"b\"]'`.\n"
    "  Strings need no quotes there. `--set a.b=null` removes a key, as when `tokens` is to replace `steps`.\n"
    "- **`--resume`**: only keys marked *yes* below may differ from those the run was begun with.\n\n"
    "The run directory's `config.yaml` is the same configuration with every default written out; it reads back to the\n"
    "same bits.\n";

static strait_status write_default(const strait_key *key, strait_buffer *out)
{
    if (key->fallback != NULL) return strait_buffer_printf(out, "`%s`", key->fallback);
    if (key->flags & STRAIT_KEY_REQUIRED) return strait_buffer_printf(out, "required");
    return strait_buffer_printf(out, "none");
}

/* A '|' inside a cell would end it. */
static strait_status write_cell(const char *text, strait_buffer *out)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '|') STRAIT_TRY(strait_buffer_append(out, "\\", 1));
        STRAIT_TRY(strait_buffer_append(out, p, 1));
    }
    return STRAIT_OK;
}

static strait_status write_key(const strait_key *key, strait_buffer *out)
{
    char wants[256];
    strait__key_wants(key, wants, sizeof wants);
    STRAIT_TRY(strait_buffer_printf(out, "| `%s` | ", key->path));
    STRAIT_TRY(write_cell(wants, out));
    STRAIT_TRY(strait_buffer_printf(out, " | "));
    STRAIT_TRY(write_default(key, out));
    STRAIT_TRY(strait_buffer_printf(out, " | %s | ", key->flags & STRAIT_KEY_RESUME ? "yes" : "no"));
    STRAIT_TRY(write_cell(key->help, out));
    return strait_buffer_printf(out, " |\n");
}

static strait_status write_table(const char *group, strait_buffer *out)
{
    STRAIT_TRY(
        strait_buffer_printf(out, "\n| key | value | default | may change | meaning |\n|---|---|---|---|---|\n"));
    for (size_t i = 0; i < strait__key_count; i++) {
        const strait_key *key = &strait__keys[i];
        if (key->group || strait__key_member(key, group) == NULL) continue;
        STRAIT_TRY(write_key(key, out));
    }
    return STRAIT_OK;
}

strait_status strait_config_reference(strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_append(out, intro, sizeof intro - 1));
    STRAIT_TRY(strait_buffer_printf(out, "\n## At the top\n"));
    STRAIT_TRY(write_table("", out));
    for (size_t i = 0; i < strait__key_count; i++) {
        const strait_key *group = &strait__keys[i];
        if (!group->group) continue;
        STRAIT_TRY(strait_buffer_printf(out, "\n## %s\n\n%s\n", group->path, group->help));
        STRAIT_TRY(write_table(group->path, out));
    }
    return STRAIT_OK;
}

strait_status strait_config_document(strait_text_fn write, void *user)
{
    strait_buffer text = {0};
    strait_status status = strait_config_reference(&text);
    if (status == STRAIT_OK) write(user, text.bytes, text.length);
    strait_buffer_fini(&text);
    return status;
}

strait_status strait_config_resolve(const char *path, const char *const *sets, size_t n_sets, const char *run,
                                    bool skip_files, strait_text_fn write, void *user)
{
    strait_run_config config;
    strait_buffer text = {0};
    STRAIT_TRY(strait_config_load(
        path, &(strait_config_options){.sets = sets, .n_sets = n_sets, .run = run, .skip_files = skip_files}, &config));
    strait_status status = strait_config_write(&config, &text);
    strait_config_fini(&config);
    if (status == STRAIT_OK) write(user, text.bytes, text.length);
    strait_buffer_fini(&text);
    return status;
}
