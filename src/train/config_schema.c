/*
 * The schema list as a table, and the words about it: what a key wants, what an unknown key may have meant.
 */
#include "train/config_schema.h"

#include "base/pool.h"

#include <strait/strait.h>

#include <stdio.h>
#include <string.h>

/* clang-format off */
const strait_key strait__keys[] = {
#define REQUIRED STRAIT_KEY_REQUIRED
#define AUTO STRAIT_KEY_AUTO
#define RESUME STRAIT_KEY_RESUME
#define OPEN_MIN STRAIT_KEY_OPEN_MIN
#define OPEN_MAX STRAIT_KEY_OPEN_MAX
#define STRAIT_GROUP(name, help) {#name, true, STRAIT_KEY_INT, 0, NULL, 0, 0, NULL, 0, NULL, help},
#define STRAIT_KEY(name, type, unit, min, max, fallback, flags, choices, help) \
    {#name, false, STRAIT_KEY_##type, offsetof(strait_run_config, name), unit, min, max, fallback, flags, choices, help},
#define STRAIT_SYNONYM(word, path)
#define STRAIT_FOREIGN(name)
#define NONE STRAIT_KEY_NONE
#include "train/config.def"
#undef STRAIT_GROUP
#undef STRAIT_KEY
#undef STRAIT_SYNONYM
#undef STRAIT_FOREIGN
#undef REQUIRED
#undef AUTO
#undef RESUME
#undef OPEN_MIN
#undef OPEN_MAX
#undef NONE
};

static const struct {
    const char *word;
    const char *path;
} synonyms[] = {
#define STRAIT_GROUP(name, help)
#define STRAIT_KEY(name, type, unit, min, max, fallback, flags, choices, help)
#define STRAIT_SYNONYM(word, path) {word, #path},
#define STRAIT_FOREIGN(name)
#include "train/config.def"
#undef STRAIT_GROUP
#undef STRAIT_KEY
#undef STRAIT_SYNONYM
#undef STRAIT_FOREIGN
};
/* clang-format on */

const size_t strait__key_count = sizeof strait__keys / sizeof strait__keys[0];
_Static_assert(sizeof strait__keys / sizeof strait__keys[0] <= STRAIT_KEY_COUNT_MAX, "places are kept in an array");

const strait_key *strait__key_find(const char *path)
{
    for (size_t i = 0; i < strait__key_count; i++) {
        if (strcmp(strait__keys[i].path, path) == 0) return &strait__keys[i];
    }
    return NULL;
}

size_t strait__key_index(const strait_key *key)
{
    return (size_t)(key - strait__keys);
}

bool strait__key_under(const strait_key *key, const char *prefix)
{
    size_t length = strlen(prefix);
    return length == 0 || (strncmp(key->path, prefix, length) == 0 && key->path[length] == '.');
}

const char *strait__key_member(const strait_key *key, const char *prefix)
{
    if (!strait__key_under(key, prefix)) return NULL;
    const char *rest = key->path + (prefix[0] == '\0' ? 0 : strlen(prefix) + 1);
    return strchr(rest, '.') == NULL ? rest : NULL;
}

void *strait__key_slot(strait_run_config *config, const strait_key *key)
{
    return (char *)config + key->offset;
}

const void *strait__key_value(const strait_run_config *config, const strait_key *key)
{
    return (const char *)config + key->offset;
}

bool strait__key_choice(const strait_key *key, int index, char *out, size_t capacity)
{
    const char *at = key->choices;
    for (int i = 0; at != NULL && i < index; i++) {
        at = strchr(at, '|');
        if (at != NULL) at++;
    }
    if (at == NULL) return false;
    snprintf(out, capacity, "%.*s", (int)strcspn(at, "|="), at);
    return true;
}

int strait__key_choose(const strait_key *key, const char *word)
{
    size_t length = strlen(word);
    int index = 0;
    for (const char *at = key->choices; at != NULL; at = *at != '\0' ? at + 1 : NULL) {
        size_t name = strcspn(at, "|=");
        if (name == length && strncmp(at, word, length) == 0) return index;
        at += name;
        if (*at == '|') index++;
    }
    return -1;
}

/* For a path the nearest path. Else members of the group that look like the word, then keys elsewhere with that very
 * name, then others' names for it. */
static const char *suggestion(const char *prefix, const char *word)
{
    const char *paths[STRAIT_KEY_COUNT_MAX];
    for (size_t i = 0; i < strait__key_count; i++) paths[i] = strait__keys[i].path;
    if (strchr(word, '.') != NULL) return strait_nearest(word, paths, strait__key_count);

    const char *members[STRAIT_KEY_COUNT_MAX];
    size_t count = 0;
    for (size_t i = 0; i < strait__key_count; i++) {
        const char *member = strait__key_member(&strait__keys[i], prefix);
        if (member != NULL) members[count++] = member;
    }
    const char *near = strait_nearest(word, members, count);
    /* A whole path, so that it can be copied; the member is the end of its path. */
    for (size_t i = 0; near != NULL && i < strait__key_count; i++) {
        if (strait__key_member(&strait__keys[i], prefix) == near) return strait__keys[i].path;
    }
    for (size_t i = 0; i < strait__key_count; i++) {
        const char *dot = strrchr(strait__keys[i].path, '.');
        if (dot != NULL && strcmp(dot + 1, word) == 0) return strait__keys[i].path;
    }
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++) {
        if (strcmp(synonyms[i].word, word) == 0) return synonyms[i].path;
    }
    return strait_nearest(word, paths, strait__key_count);
}

void strait__key_suggest(const char *prefix, const char *word, char *out, size_t capacity)
{
    if (strchr(word, '.') != NULL && prefix[0] == '\0' && strait__key_find(word) != NULL) {
        snprintf(out, capacity, "; groups are nested in YAML: write \"%.*s:\" and the rest indented below it",
                 (int)strcspn(word, "."), word);
        return;
    }
    const char *near = suggestion(prefix, word);
    if (near != NULL) {
        snprintf(out, capacity, "; did you mean %s?", near);
        return;
    }
    int used = snprintf(out, capacity, "; known here: ");
    const char *separator = "";
    for (size_t i = 0; i < strait__key_count && used > 0 && (size_t)used < capacity; i++) {
        const char *member = strait__key_member(&strait__keys[i], prefix);
        if (member == NULL) continue;
        used += snprintf(out + used, capacity - (size_t)used, "%s%s", separator, member);
        separator = ", ";
    }
}

static void range_text(const strait_key *key, char *out, size_t capacity)
{
    const char *low = key->flags & STRAIT_KEY_OPEN_MIN ? ">" : ">=";
    const char *high = key->flags & STRAIT_KEY_OPEN_MAX ? "<" : "<=";
    int digits = key->type == STRAIT_KEY_INT ? 16 : 6;
    /* Limits that only keep arithmetic safe would be noise. */
    if (key->max >= 1e12)
        snprintf(out, capacity, " %s %.*g", low, digits, key->min);
    else
        snprintf(out, capacity, " %s %.*g and %s %.*g", low, digits, key->min, high, digits, key->max);
}

void strait__key_wants(const strait_key *key, char *out, size_t capacity)
{
    char range[96] = "";
    char unit[32] = "";
    if (key->unit != NULL) snprintf(unit, sizeof unit, " (%s)", key->unit);
    switch (key->type) {
    case STRAIT_KEY_INT:
        range_text(key, range, sizeof range);
        snprintf(out, capacity, "%s%san integer%s%s", key->flags & STRAIT_KEY_AUTO ? "auto or " : "",
                 key->flags & STRAIT_KEY_NONE ? "null or " : "", range, unit);
        break;
    case STRAIT_KEY_FLOAT:
        range_text(key, range, sizeof range);
        snprintf(out, capacity, "%sa number%s%s", key->flags & STRAIT_KEY_NONE ? "null or " : "", range, unit);
        break;
    case STRAIT_KEY_PAIR:
        range_text(key, range, sizeof range);
        snprintf(out, capacity, "a list of two numbers%s", range);
        break;
    case STRAIT_KEY_BOOL: snprintf(out, capacity, "true or false"); break;
    case STRAIT_KEY_STRING: snprintf(out, capacity, "a string"); break;
    case STRAIT_KEY_IDS:
        snprintf(out, capacity, "auto, a token id or a list of up to %d", STRAIT_CONFIG_IDS_MAX);
        break;
    case STRAIT_KEY_STRINGS: snprintf(out, capacity, "a list of strings"); break;
    case STRAIT_KEY_SOURCES: snprintf(out, capacity, "a path or a list of {path, weight}"); break;
    case STRAIT_KEY_ENUM: {
        int used = 0;
        char choice[32];
        for (int i = 0; strait__key_choice(key, i, choice, sizeof choice) && (size_t)used < capacity; i++) {
            char next[32];
            const char *separator = i == 0 ? "" : strait__key_choice(key, i + 1, next, sizeof next) ? ", " : " or ";
            used += snprintf(out + used, capacity - (size_t)used, "%s%s", separator, choice);
        }
        break;
    }
    }
}
