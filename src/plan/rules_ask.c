/* The public call that asks which rules an act, or what stands in a sites file, meets. */
#include "plan/rules_text.h"
#include "plan/scene_yaml.h"
#include "plan/sites.h"

#include "base/file.h"
#include "base/json.h"
#include "base/options.h"

#include <strait/plan.h>

#include <stdio.h>
#include <string.h>

/* "key=value" of the command line; `copy` keeps the key. */
static strait_status set_stated(strait_scene *scene, const strait_facts *facts, const char *stated)
{
    char key[64];
    const char *equals = strchr(stated, '=');
    if (equals == NULL || (size_t)(equals - stated) >= sizeof key)
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "'%.60s': write KEY=VALUE", stated);
    memcpy(key, stated, (size_t)(equals - stated));
    key[equals - stated] = '\0';
    return strait_scene_set(scene, facts, "scenario", key, equals + 1);
}

static strait_status state_all(const strait_plan_rules_options *options, const strait_facts *facts, strait_scene *scene)
{
    for (size_t i = 0; i < options->n_stated; i++) STRAIT_TRY(set_stated(scene, facts, options->stated[i]));
    if (scene->first == INT32_MIN) scene->first = facts->today;
    if (scene->last == INT32_MIN) scene->last = scene->first;
    return STRAIT_OK;
}

static strait_status read_scene(const strait_plan_rules_options *options, const strait_facts *facts, strait_yaml *yaml,
                                strait_scene *scene)
{
    strait_scene_init(scene);
    if (options->scenario != NULL) {
        strait_buffer text = {0};
        strait_status status = strait_file_read(options->scenario, STRAIT_YAML_BYTES_MAX + 1, &text);
        if (status == STRAIT_OK) status = strait_yaml_parse(options->scenario, text.bytes, text.length, yaml);
        strait_buffer_fini(&text);
        if (status == STRAIT_OK) status = strait_scene_read(scene, facts, options->scenario, yaml, 0, NULL, NULL);
        STRAIT_TRY(status);
    }
    STRAIT_TRY(state_all(options, facts, scene));
    return strait_scene_check(scene, options->scenario != NULL ? options->scenario : "scenario");
}

/* What a call writes into, and how. */
typedef struct asker {
    const strait_plan_rules_options *options;
    const strait_facts *facts;
    const strait_rulebook *book;
    strait_buffer *out;
} asker;

static strait_status ask(const asker *a, const strait_scene *scene)
{
    strait_judgement judgement;
    STRAIT_TRY(strait_rulebook_judge(a->book, scene, &judgement));
    strait_status status =
        (a->options->json ? strait_judgement_json : strait_judgement_text)(scene, &judgement, a->out);
    strait_judgement_fini(&judgement);
    return status;
}

static strait_status ask_scene(const asker *a)
{
    strait_yaml yaml = {0};
    strait_scene scene;
    strait_status status = read_scene(a->options, a->facts, &yaml, &scene);
    if (status == STRAIT_OK && a->options->json) status = strait_buffer_printf(a->out, "{");
    if (status == STRAIT_OK) status = ask(a, &scene);
    strait_yaml_fini(&yaml);
    if (status != STRAIT_OK) return status;
    return strait_buffer_printf(a->out,
                                a->options->json ? ", \"note\": \"Not legal advice.\"}\n" : "\nNot legal advice.\n");
}

static strait_status ask_pool(const asker *a, const strait_site *site, const strait_pool *pool, bool first)
{
    strait_scene scene = pool->scene;
    char where[300];
    snprintf(where, sizeof where, "site %s", site->name);
    STRAIT_TRY(state_all(a->options, a->facts, &scene));
    STRAIT_TRY(strait_scene_check(&scene, where));
    if (a->options->json) {
        STRAIT_TRY(strait_buffer_printf(a->out, "%s\n{\"site\": ", first ? "" : ","));
        STRAIT_TRY(strait_json_format_string(site->name, strlen(site->name), a->out));
        STRAIT_TRY(strait_buffer_printf(a->out, ", \"chip\": \"%s\", \"count\": %lld, ", scene.chip->fact.key,
                                        (long long)pool->count));
        STRAIT_TRY(ask(a, &scene));
        return strait_buffer_printf(a->out, "}");
    }
    STRAIT_TRY(strait_buffer_printf(a->out, "%s== %s, %lld x %s ==\n", first ? "" : "\n", site->name,
                                    (long long)pool->count, scene.chip->name));
    return ask(a, &scene);
}

static strait_status ask_sites(const asker *a)
{
    strait_sites sites;
    bool first = true;
    STRAIT_TRY(strait_sites_read(a->options->sites, a->facts, &sites));
    strait_status status = a->options->json ? strait_buffer_printf(a->out, "{\"sites\": [") : STRAIT_OK;
    for (int i = 0; i < sites.count; i++) {
        for (int k = 0; k < sites.sites[i].n_pools && status == STRAIT_OK; k++) {
            status = ask_pool(a, &sites.sites[i], &sites.sites[i].pools[k], first);
            first = false;
        }
    }
    strait_sites_fini(&sites);
    if (status != STRAIT_OK) return status;
    return strait_buffer_printf(a->out,
                                a->options->json ? "\n], \"note\": \"Not legal advice.\"}\n" : "\nNot legal advice.\n");
}

strait_status strait_plan_rules(const strait_plan_rules_options *options, strait_text_fn write, void *user)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_plan_rules_options"));
    if (options->scenario != NULL && options->sites != NULL)
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "a scenario or sites, not both");
    strait_facts_options inner = {.directory = options->directory,
                                  .accepted = {options->accepted, options->n_accepted}};
    strait_facts *facts = NULL;
    strait_rulebook *book = NULL;
    strait_buffer out = {0};
    STRAIT_TRY(strait_facts_open(&inner, &facts));
    strait_status status = strait_rulebook_create(facts, &book);
    const asker a = {options, facts, book, &out};
    if (status == STRAIT_OK) status = options->sites != NULL ? ask_sites(&a) : ask_scene(&a);
    if (status == STRAIT_OK) write(user, out.bytes, out.length);
    strait_buffer_fini(&out);
    strait_rulebook_destroy(book);
    strait_facts_close(facts);
    return status;
}
