/* Sites files. Knows no rule and no plan. */
#include "plan/sites.h"

#include "base/file.h"
#include "plan/scene_yaml.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Keys ---- */

typedef struct number_key {
    const char *name;
    strait_cell_type type;
    size_t offset;
    double min;
    double max;
    unsigned flags;
} number_key;

#define STRAIT_SITE_KEY(member, type, min, max, flags, help) \
    {#member, STRAIT_TYPE_##type, offsetof(strait_site, member), min, max, flags},
#define STRAIT_POOL_KEY(member, type, min, max, flags, help)
static const number_key site_keys[] = {
#include "plan/sites.def"
};
#undef STRAIT_SITE_KEY
#undef STRAIT_POOL_KEY
#define STRAIT_SITE_KEY(member, type, min, max, flags, help)
#define STRAIT_POOL_KEY(member, type, min, max, flags, help) \
    {#member, STRAIT_TYPE_##type, offsetof(strait_pool, member), min, max, flags},
static const number_key pool_keys[] = {
#include "plan/sites.def"
};
#undef STRAIT_SITE_KEY
#undef STRAIT_POOL_KEY
enum {
    SITE_KEYS = sizeof site_keys / sizeof site_keys[0],
    POOL_KEYS = sizeof pool_keys / sizeof pool_keys[0],
    CHOICES_BYTES = 1200
};

/* One kind of map in the file: the numbers it takes, and the words beside them. */
typedef struct map_kind {
    const number_key *keys;
    size_t n_keys;
    const char *words; /* "name|country|..." */
} map_kind;
static const map_kind site_kind = {site_keys, SITE_KEYS, "name|country|ship_from|currency|chips"};
static const map_kind pool_kind = {pool_keys, POOL_KEYS, "ship_from"};

/* Scene keys that have another name in a sites file, or none. */
#define HIDDEN "from|to|first_day|last_day"

static const number_key *find_number(const map_kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->n_keys; i++) {
        if (strcmp(kind->keys[i].name, name) == 0) return &kind->keys[i];
    }
    return NULL;
}

/* "a|b|c" of everything that may stand here, for a suggestion. */
static void list_keys(const map_kind *kind, char out[CHOICES_BYTES])
{
    size_t used = (size_t)snprintf(out, CHOICES_BYTES, "%s|owner|tenant|licences", kind->words);
    for (size_t i = 0; i < kind->n_keys; i++)
        used += (size_t)snprintf(out + used, CHOICES_BYTES - used, "|%s", kind->keys[i].name);
    char key[64];
    for (int i = 0; strait_choice_name(strait_scene_keys, i, key, sizeof key); i++) {
        if (strchr(key, '.') != NULL || strait_choice_find(HIDDEN, key) >= 0) continue;
        used += (size_t)snprintf(out + used, CHOICES_BYTES - used, "|%s", key);
    }
}

/* Keys that the scene's reader leaves to this one: also those that are wrong, which are named here. */
static bool not_of_a_scene(void *user, const char *key)
{
    (void)user;
    if (strcmp(key, "licences") == 0) return false;
    return strchr(key, '.') != NULL || strait_choice_find(HIDDEN, key) >= 0 || !strait_scene_has(key);
}

/* ---- Reading ---- */

typedef struct reader {
    const char *name;
    const strait_facts *facts;
    const strait_yaml *yaml;
} reader;

static strait_status fail_node(const reader *r, const strait_yaml_node *node, const char *key, const char *what)
{
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: %s: %s", r->name, node->line, node->column, key, what);
}

static strait_status read_number(const reader *r, const number_key *key, const strait_yaml_node *node, void *object)
{
    char *end;
    const char *text = node->kind == STRAIT_YAML_SCALAR ? strait_yaml_text(r->yaml, node) : "";
    if (node->kind != STRAIT_YAML_SCALAR) return fail_node(r, node, key->name, "one number is wanted here");
    if (strait_yaml_classify(r->yaml, node) == STRAIT_YAML_NULL) return STRAIT_OK;
    double value = strtod(text, &end);
    if (strait_yaml_classify(r->yaml, node) != STRAIT_YAML_NUMBER || *end != '\0' || !isfinite(value))
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: %s: '%.60s' is no number", r->name, node->line, node->column,
                           key->name, text);
    bool whole = key->type != STRAIT_TYPE_COUNT || value == floor(value);
    if (value < key->min || value > key->max || !whole || ((key->flags & STRAIT_COLUMN_POSITIVE) != 0 && value == 0)) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: %s: '%.60s' is impossible: %s from %g to %g%s", r->name,
                           node->line, node->column, key->name, text,
                           key->type == STRAIT_TYPE_COUNT ? "a whole number" : "a number", key->min, key->max,
                           (key->flags & STRAIT_COLUMN_POSITIVE) != 0 ? ", not 0" : "");
    }
    void *slot = (char *)object + key->offset;
    if (key->type == STRAIT_TYPE_COUNT)
        *(int64_t *)slot = (int64_t)value;
    else
        *(double *)slot = value;
    return STRAIT_OK;
}

static void set_unknown(const map_kind *kind, void *object)
{
    for (size_t i = 0; i < kind->n_keys; i++) {
        void *slot = (char *)object + kind->keys[i].offset;
        if (kind->keys[i].type == STRAIT_TYPE_COUNT)
            *(int64_t *)slot = -1;
        else
            *(double *)slot = (double)NAN;
    }
}

/* Where a site is, or its chips are shipped from: a scene's `to` and `from`. */
static strait_status read_place(const reader *r, const char *key, const strait_yaml_node *node, strait_scene *scene)
{
    char where[300];
    if (node->kind != STRAIT_YAML_SCALAR) return fail_node(r, node, key, "one country is wanted here");
    snprintf(where, sizeof where, "%s:%d:%d: %s", r->name, node->line, node->column, key);
    return strait_scene_set(scene, r->facts, where, strcmp(key, "country") == 0 ? "to" : "from",
                            strait_yaml_text(r->yaml, node));
}

/* One member that is no scene's. `object` is the site or pool; *out_rest is set where the caller reads on. */
static strait_status read_member(const reader *r, const map_kind *kind, const strait_yaml_node *key,
                                 const strait_yaml_node *value, void *object, strait_scene *scene, bool *out_rest)
{
    const char *word = strait_yaml_text(r->yaml, key);
    const number_key *number = find_number(kind, word);
    *out_rest = false;
    if (number != NULL) return read_number(r, number, value, object);
    if (strait_choice_find(kind->words, word) < 0) {
        char choices[CHOICES_BYTES];
        char hint[CHOICES_BYTES + 64];
        list_keys(kind, choices);
        strait_choice_suggest(choices, word, hint, sizeof hint);
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: '%.60s' is no key here%s", r->name, key->line, key->column,
                           word, hint);
    }
    if (strcmp(word, "country") == 0 || strcmp(word, "ship_from") == 0) return read_place(r, word, value, scene);
    *out_rest = true;
    return STRAIT_OK;
}

static strait_status check_pool(const reader *r, const strait_yaml_node *node, const strait_pool *pool)
{
    const strait_scene *s = &pool->scene;
    const strait_chip *chip = s->chip;
    char where[300];
    snprintf(where, sizeof where, "%s:%d:%d", r->name, node->line, node->column);
    STRAIT_TRY(strait_scene_check(s, where));
    if (chip == NULL) return fail_node(r, node, "chip", "is missing: a pool of chips is of one kind");
    if (pool->count < 0) return fail_node(r, node, "count", "is missing: how many of these chips");
    if (pool->per_node > 0 && pool->count % pool->per_node != 0)
        return fail_node(r, node, "per_node", "count is no multiple of it");
    if (pool->link_domain > pool->count) return fail_node(r, node, "link_domain", "is more than there are chips");
    if (pool->usable_memory_gib > chip->memory_gb)
        return fail_node(r, node, "usable_memory_gib", "is more than the chip has");
    if (s->transaction == STRAIT_ACT_BUY && strait_days_known(s->installed_on) &&
        s->installed_on.last < r->facts->today)
        return fail_node(r, node, "installed_on", "chips that are installed already are not bought: transaction: use");
    if (s->transaction == STRAIT_ACT_USE && strait_days_known(s->installed_on) &&
        s->installed_on.first > r->facts->today)
        return fail_node(r, node, "installed_on", "is still to come, and use is of chips that are installed");
    return STRAIT_OK;
}

static strait_status read_pool(const reader *r, int index, const strait_scene *site, strait_pool *pool)
{
    const strait_yaml_node *map = strait_yaml_at(r->yaml, index);
    set_unknown(&pool_kind, pool);
    pool->scene = *site;
    pool->line = map->line;
    STRAIT_TRY(strait_scene_read(&pool->scene, r->facts, r->name, r->yaml, index, not_of_a_scene, NULL));
    for (int i = map->first; i >= 0; i = r->yaml->nodes[r->yaml->nodes[i].next].next) {
        const strait_yaml_node *key = strait_yaml_at(r->yaml, i);
        bool rest;
        if (!not_of_a_scene(NULL, strait_yaml_text(r->yaml, key))) continue;
        STRAIT_TRY(read_member(r, &pool_kind, key, strait_yaml_at(r->yaml, r->yaml->nodes[i].next), pool, &pool->scene,
                               &rest));
    }
    return check_pool(r, map, pool);
}

static strait_status read_pools(const reader *r, const strait_yaml_node *list, const strait_scene *scene,
                                strait_site *site)
{
    if (list->kind != STRAIT_YAML_SEQUENCE || list->first < 0)
        return fail_node(r, list, "chips", "a list of maps is wanted here, one for each kind of chip");
    for (int i = list->first; i >= 0; i = r->yaml->nodes[i].next) {
        if (site->n_pools == STRAIT_POOLS_MAX)
            return fail_node(r, strait_yaml_at(r->yaml, i), "chips", "at most 16 kinds of chips in one site");
        STRAIT_TRY(read_pool(r, i, scene, &site->pools[site->n_pools]));
        site->n_pools++;
    }
    return STRAIT_OK;
}

static strait_status read_currency(const reader *r, const strait_yaml_node *node, int *out)
{
    const strait_column *column = strait_schema_column(&strait_schemas[STRAIT_TABLE_RATES], "currency");
    const char *text = node->kind == STRAIT_YAML_SCALAR ? strait_yaml_text(r->yaml, node) : "";
    *out = strait_choice_find(column->choices, text);
    if (*out >= 0) return STRAIT_OK;
    char hint[200];
    strait_choice_suggest(column->choices, text, hint, sizeof hint);
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: currency: '%.60s' is not known%s", r->name, node->line,
                       node->column, text, hint);
}

static strait_status read_site(const reader *r, int index, strait_site *site)
{
    const strait_yaml_node *map = strait_yaml_at(r->yaml, index);
    const strait_yaml_node *chips = NULL;
    strait_scene scene;
    strait_scene_init(&scene);
    set_unknown(&site_kind, site);
    site->line = map->line;
    site->currency = -1;
    STRAIT_TRY(strait_scene_read(&scene, r->facts, r->name, r->yaml, index, not_of_a_scene, NULL));
    for (int i = map->first; i >= 0; i = r->yaml->nodes[r->yaml->nodes[i].next].next) {
        const strait_yaml_node *key = strait_yaml_at(r->yaml, i);
        const strait_yaml_node *value = strait_yaml_at(r->yaml, r->yaml->nodes[i].next);
        const char *word = strait_yaml_text(r->yaml, key);
        bool rest;
        if (!not_of_a_scene(NULL, word)) continue;
        STRAIT_TRY(read_member(r, &site_kind, key, value, site, &scene, &rest));
        if (!rest) continue;
        if (strcmp(word, "chips") == 0)
            chips = value;
        else if (strcmp(word, "currency") == 0)
            STRAIT_TRY(read_currency(r, value, &site->currency));
        else if (value->kind == STRAIT_YAML_SCALAR)
            site->name = strait_yaml_text(r->yaml, value);
    }
    if (site->name == NULL || site->name[0] == '\0') return fail_node(r, map, "name", "is missing");
    if (chips == NULL) return fail_node(r, map, "chips", "are missing");
    return read_pools(r, chips, &scene, site);
}

static strait_status read_sites(const reader *r, strait_sites *out)
{
    const strait_yaml_node *root = strait_yaml_at(r->yaml, 0);
    const strait_yaml_node *list = NULL;
    for (int i = root->kind == STRAIT_YAML_MAPPING ? root->first : -1; i >= 0;
         i = r->yaml->nodes[r->yaml->nodes[i].next].next) {
        const strait_yaml_node *key = strait_yaml_at(r->yaml, i);
        if (key->kind != STRAIT_YAML_SCALAR || strcmp(strait_yaml_text(r->yaml, key), "sites") != 0)
            return fail_node(r, key, "sites", "is the only key at the top of a sites file");
        if (list != NULL) return fail_node(r, key, "sites", "stands here twice");
        list = strait_yaml_at(r->yaml, r->yaml->nodes[i].next);
    }
    if (list == NULL || list->kind != STRAIT_YAML_SEQUENCE || list->first < 0)
        return fail_node(r, list != NULL ? list : root, "sites", "a list of sites is wanted here");
    for (int i = list->first; i >= 0; i = r->yaml->nodes[i].next) {
        const strait_yaml_node *node = strait_yaml_at(r->yaml, i);
        if (out->count == STRAIT_SITES_MAX) return fail_node(r, node, "sites", "at most 64 sites");
        STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, (size_t)out->count + 1, sizeof *out->sites, &out->sites));
        STRAIT_TRY(read_site(r, i, &out->sites[out->count]));
        for (int k = 0; k < out->count; k++)
            if (strcmp(out->sites[k].name, out->sites[out->count].name) == 0)
                return fail_node(r, node, "name", "another site has this name");
        out->count++;
    }
    return STRAIT_OK;
}

strait_status strait_sites_parse(const char *name, const char *bytes, size_t length, const strait_facts *facts,
                                 strait_sites *out)
{
    strait_sites sites = {0};
    STRAIT_TRY(strait_yaml_parse(name, bytes, length, &sites.yaml));
    strait_status status = strait_strdup(STRAIT_TAG_OTHER, name, &sites.name);
    const reader r = {sites.name, facts, &sites.yaml};
    if (status == STRAIT_OK) status = read_sites(&r, &sites);
    if (status != STRAIT_OK) {
        strait_sites_fini(&sites);
        return status;
    }
    *out = sites;
    return STRAIT_OK;
}

strait_status strait_sites_read(const char *path, const strait_facts *facts, strait_sites *out)
{
    strait_buffer text = {0};
    strait_status status = strait_file_read(path, STRAIT_YAML_BYTES_MAX + 1, &text);
    if (status == STRAIT_OK) status = strait_sites_parse(path, text.bytes, text.length, facts, out);
    strait_buffer_fini(&text);
    return status;
}

void strait_sites_fini(strait_sites *sites)
{
    strait_free(sites->sites);
    strait_free(sites->name);
    strait_yaml_fini(&sites->yaml);
    *sites = (strait_sites){0};
}
