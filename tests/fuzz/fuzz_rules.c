/*
 * Fuzzes what rules, scenes and sites are written in. By the first byte the rest is a test, which is parsed and
 * evaluated on nothing stated; a scenario in YAML, which is judged by the built-in rules; or a sites file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/rules.h"
#include "plan/scene_yaml.h"
#include "plan/sites.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static strait_facts *facts;
static strait_rulebook *book;

static void fuzz_test(const char *bytes, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL) return;
    memcpy(text, bytes, size);
    text[size] = '\0';
    static strait_test test;
    if (strait_test_parse(text, facts, &test) == STRAIT_OK) {
        strait_scene scene;
        strait_scene_init(&scene);
        uint32_t unknown = 0;
        strait_truth holds = strait_test_holds(&test, facts, &scene, 20000, &unknown);
        if (holds == STRAIT_TRUTH_UNKNOWN && unknown == 0) abort();
    }
    free(text);
}

static void fuzz_scene(const char *bytes, size_t size)
{
    strait_yaml yaml;
    strait_scene scene;
    strait_judgement judgement;
    if (strait_yaml_parse("fuzz", bytes, size, &yaml) != STRAIT_OK) return;
    strait_scene_init(&scene);
    strait_status status = strait_scene_read(&scene, facts, "fuzz", &yaml, 0, NULL, NULL);
    if (status == STRAIT_OK) status = strait_scene_check(&scene, "fuzz");
    if (status == STRAIT_OK && scene.first != INT32_MIN && scene.last != INT32_MIN) {
        if (strait_rulebook_judge(book, &scene, &judgement) == STRAIT_OK) {
            /* Nothing that is unknown may be ranked. */
            if (judgement.verdict == STRAIT_VERDICT_UNKNOWN && strait_judgement_ranks(&judgement)) abort();
            strait_judgement_fini(&judgement);
        }
    }
    strait_yaml_fini(&yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (facts == NULL) {
        strait_facts_options options = {.today = 20780};
        if (strait_facts_open(&options, &facts) != STRAIT_OK) abort();
        if (strait_rulebook_create(facts, &book) != STRAIT_OK) abort();
    }
    if (size == 0) return 0;
    const char *rest = (const char *)data + 1;
    strait_sites sites;
    switch (data[0] % 3) {
    case 0: fuzz_test(rest, size - 1); break;
    case 1: fuzz_scene(rest, size - 1); break;
    default:
        if (strait_sites_parse("fuzz", rest, size - 1, facts, &sites) == STRAIT_OK) strait_sites_fini(&sites);
    }
    return 0;
}
