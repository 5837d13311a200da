/* Scenes in YAML. */
#include "plan/scene_yaml.h"

#include <stdio.h>
#include <string.h>

typedef struct reader {
    strait_scene *scene;
    const strait_facts *facts;
    const char *name;
    const strait_yaml *yaml;
} reader;

static void place_of(const reader *r, const strait_yaml_node *node, char *out, size_t capacity)
{
    snprintf(out, capacity, "%s:%d:%d", r->name, node->line, node->column);
}

static strait_status fail_node(const reader *r, const strait_yaml_node *node, const char *key, const char *what)
{
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: %s: %s", r->name, node->line, node->column, key, what);
}

static strait_status set_scalar(const reader *r, const char *prefix, const char *key, const strait_yaml_node *at,
                                const strait_yaml_node *value)
{
    char path[128];
    char place[300];
    snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
    if (value->kind != STRAIT_YAML_SCALAR) return fail_node(r, value, path, "one value is wanted here");
    place_of(r, strait_scene_has(path) ? value : at, place, sizeof place);
    /* Nothing behind the colon is the same as no line: unknown. */
    if (strait_scene_has(path) && strait_yaml_classify(r->yaml, value) == STRAIT_YAML_NULL) return STRAIT_OK;
    return strait_scene_set(r->scene, r->facts, place, path, strait_yaml_text(r->yaml, value));
}

/* A map's members; `headquarters` goes first, since `parent: none` means it. */
static strait_status read_members(const reader *r, const char *prefix, const strait_yaml_node *map)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int i = map->first; i >= 0; i = r->yaml->nodes[r->yaml->nodes[i].next].next) {
            const strait_yaml_node *key = strait_yaml_at(r->yaml, i);
            const strait_yaml_node *value = strait_yaml_at(r->yaml, r->yaml->nodes[i].next);
            if (key->kind != STRAIT_YAML_SCALAR) return fail_node(r, key, prefix, "a key is one word");
            const char *word = strait_yaml_text(r->yaml, key);
            bool first =
                strcmp(word, "headquarters") == 0 || strcmp(word, "name") == 0 || strcmp(word, "authority") == 0;
            if (first == (pass == 0)) STRAIT_TRY(set_scalar(r, prefix, word, key, value));
        }
    }
    return STRAIT_OK;
}

static strait_status check_twice(const reader *r, const strait_yaml_node *map)
{
    for (int i = map->first; i >= 0; i = r->yaml->nodes[r->yaml->nodes[i].next].next) {
        const strait_yaml_node *key = strait_yaml_at(r->yaml, i);
        for (int k = map->first; k != i; k = r->yaml->nodes[r->yaml->nodes[k].next].next) {
            const strait_yaml_node *other = strait_yaml_at(r->yaml, k);
            if (key->kind == STRAIT_YAML_SCALAR && other->kind == STRAIT_YAML_SCALAR &&
                strcmp(strait_yaml_text(r->yaml, key), strait_yaml_text(r->yaml, other)) == 0)
                return fail_node(r, key, strait_yaml_text(r->yaml, key), "stands here twice");
        }
    }
    return STRAIT_OK;
}

static strait_status read_party(const reader *r, const char *key, const strait_yaml_node *at,
                                const strait_yaml_node *value, strait_party *party)
{
    if (value->kind == STRAIT_YAML_SCALAR) return set_scalar(r, "", key, at, value);
    if (value->kind != STRAIT_YAML_MAPPING) return fail_node(r, value, key, "a name, `none` or a map is wanted here");
    STRAIT_TRY(check_twice(r, value));
    STRAIT_TRY(read_members(r, key, value));
    if (party->source == NULL) return fail_node(r, value, key, "source is missing: facts of a party need one");
    return STRAIT_OK;
}

static strait_status read_licences(const reader *r, const strait_yaml_node *list)
{
    if (list->kind != STRAIT_YAML_SEQUENCE) return fail_node(r, list, "licences", "a list is wanted here");
    for (int i = list->first; i >= 0; i = r->yaml->nodes[i].next) {
        const strait_yaml_node *licence = strait_yaml_at(r->yaml, i);
        if (licence->kind != STRAIT_YAML_MAPPING) return fail_node(r, licence, "licences", "a map is wanted here");
        STRAIT_TRY(check_twice(r, licence));
        int before = r->scene->n_licences;
        STRAIT_TRY(read_members(r, "licence", licence));
        if (r->scene->n_licences == before) return fail_node(r, licence, "licences", "authority is missing");
    }
    return STRAIT_OK;
}

strait_status strait_scene_read(strait_scene *scene, const strait_facts *facts, const char *name,
                                const strait_yaml *yaml, int index, strait_scene_other_fn other, void *user)
{
    const reader r = {scene, facts, name, yaml};
    const strait_yaml_node *map = strait_yaml_at(yaml, index);
    if (map->kind != STRAIT_YAML_MAPPING) return fail_node(&r, map, "scenario", "a map of keys is wanted here");
    STRAIT_TRY(check_twice(&r, map));
    for (int i = map->first; i >= 0; i = yaml->nodes[yaml->nodes[i].next].next) {
        const strait_yaml_node *key = strait_yaml_at(yaml, i);
        const strait_yaml_node *value = strait_yaml_at(yaml, yaml->nodes[i].next);
        if (key->kind != STRAIT_YAML_SCALAR) return fail_node(&r, key, "scenario", "a key is one word");
        const char *word = strait_yaml_text(yaml, key);
        if (other != NULL && other(user, word)) continue;
        if (strcmp(word, "owner") == 0) {
            STRAIT_TRY(read_party(&r, word, key, value, &scene->owner));
        } else if (strcmp(word, "tenant") == 0) {
            STRAIT_TRY(read_party(&r, word, key, value, &scene->tenant));
        } else if (strcmp(word, "licences") == 0) {
            STRAIT_TRY(read_licences(&r, value));
        } else {
            STRAIT_TRY(set_scalar(&r, "", word, key, value));
        }
    }
    return STRAIT_OK;
}
