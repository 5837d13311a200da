/*
 * A certificate, read: its verdict derived from its figures by the rules of this program, and the hashes of the CPU
 * reference computed from its seed.
 */
#include "certify/certificate.h"

#include <strait/strait.h>

#include <string.h>

/* What is read of a certificate; all borrowed from it. */
typedef struct certificate {
    const char *path;
    const char *verdict;
    int asked;
    uint32_t seed;
    bool passed;
    bool bf16;
    bool quick;
    const json_t *levels;
} certificate;

static strait_status wrong_key(const char *path, const char *key, const char *right)
{
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s: must be %s", path, key, right);
}

static strait_status read_format(const char *path, const json_t *document)
{
    const char *kind = json_string_value(json_object_get(document, "kind"));
    const json_t *format = json_object_get(document, "format");
    if (!kind || strcmp(kind, "strait certificate") != 0) return wrong_key(path, "kind", "\"strait certificate\"");
    if (!json_is_integer(format) || json_integer_value(format) < 1) return wrong_key(path, "format", "1 or more");
    if (json_integer_value(format) > STRAIT_CERTIFICATE_FORMAT) {
        return STRAIT_FAIL(
            STRAIT_ERR_UNSUPPORTED,
            "%s: format: %lld is newer than %d, which this version reads; use the version of Strait that "
            "wrote it (suite.version)",
            path, (long long)json_integer_value(format), STRAIT_CERTIFICATE_FORMAT);
    }
    return STRAIT_OK;
}

static strait_status read_head(const json_t *document, certificate *out)
{
    const char *path = out->path;
    STRAIT_TRY(read_format(path, document));
    const json_t *seed = json_object_get(document, "seed");
    const json_t *passed = json_object_get(document, "passed");
    const json_t *quick = json_object_get(document, "quick");
    const json_t *bf16 = json_object_get(json_object_get(document, "device"), "bf16");
    const char *asked = json_string_value(json_object_get(document, "asked"));
    out->verdict = json_string_value(json_object_get(document, "verdict"));
    out->levels = json_object_get(document, "levels");
    if (!out->verdict) return wrong_key(path, "verdict", "\"none\" or a level");
    if (!json_is_integer(seed) || json_integer_value(seed) < 1 || json_integer_value(seed) > UINT32_MAX) {
        return wrong_key(path, "seed", "an integer from 1 to 4294967295");
    }
    if (!json_is_boolean(passed)) return wrong_key(path, "passed", "true or false");
    if (!json_is_boolean(bf16)) return wrong_key(path, "device.bf16", "true or false");
    if (!json_is_boolean(quick)) return wrong_key(path, "quick", "true or false");
    if (!asked || asked[0] != 'A' || asked[1] < '0' || asked[1] >= '0' + STRAIT_CERTIFY_LEVELS || asked[2]) {
        return wrong_key(path, "asked", "a level, A0 to A5");
    }
    if (!json_is_array(out->levels) || json_array_size(out->levels) < 1 ||
        json_array_size(out->levels) > (size_t)(asked[1] - '0') + 1) {
        return wrong_key(path, "levels", "an array of the levels that were run, not more than were asked for");
    }
    out->asked = asked[1] - '0';
    out->seed = (uint32_t)json_integer_value(seed);
    out->passed = json_is_true(passed);
    out->bf16 = json_is_true(bf16);
    out->quick = json_is_true(quick);
    return STRAIT_OK;
}

/* Computes a level's reference hashes anew. */
static strait_status recompute(const certificate *of, int level, const json_t *figures, int64_t *inout_hashes)
{
    static strait_status (*const references[STRAIT_CERTIFY_LEVELS])(uint32_t seed, const char *item,
                                                                    char out[STRAIT_SHA256_HEX]) = {
        [3] = strait__ops_reference, [4] = strait__repeat_reference, [5] = strait__step_reference};
    for (size_t i = 0; i < json_array_size(figures) && references[level]; i++) {
        const json_t *figure = json_array_get(figures, i);
        const char *item = json_string_value(json_object_get(figure, "item"));
        const char *recorded = json_string_value(json_object_get(figure, "reference"));
        char hash[STRAIT_SHA256_HEX];
        if (!item || !recorded) continue;
        STRAIT_TRY_CTX(references[level](of->seed, item, hash), "%s: levels[%d].figures[%zu].item", of->path, level, i);
        if (strcmp(hash, recorded) != 0) {
            return STRAIT_FAIL(
                STRAIT_ERR_CORRUPT,
                "%s: levels[%d].figures[%zu].reference: %.12s... stands there for %s, the CPU makes "
                "%.12s... of seed %u: the certificate was changed, or is of another version of the suite",
                of->path, level, i, recorded, item, hash, of->seed);
        }
        (*inout_hashes)++;
    }
    return STRAIT_OK;
}

static strait_status judge_level(const certificate *of, int level, const strait_certify_options *options,
                                 bool *out_passed, int64_t *inout_hashes)
{
    char name[3] = {'A', (char)('0' + level), '\0'}, why[512] = "", key[64];
    const json_t *entry = json_array_get(of->levels, (size_t)level);
    const char *recorded = json_string_value(json_object_get(entry, "level"));
    const char *finding = json_string_value(json_object_get(entry, "finding"));
    const json_t *passed = json_object_get(entry, "passed");
    snprintf(key, sizeof key, "levels[%d]", level);
    if (!recorded || strcmp(recorded, name) != 0 || !json_is_boolean(passed) || !finding) {
        return wrong_key(of->path, key, "the next level, with 'passed' and 'finding'");
    }
    const json_t *figures = json_object_get(entry, "figures");
    STRAIT_TRY(strait__figures_judge(figures, level, of->bf16, of->quick, of->path, out_passed, why));
    if (*out_passed != json_is_true(passed)) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: %s.passed: is %s, its figures say otherwise%s%s", of->path, key,
                           json_is_true(passed) ? "true" : "false", why[0] ? ": " : "", why);
    }
    if (options && options->events && options->events->progress) {
        strait_progress progress = {
            .what = "reference", .done = level, .total = of->asked + 1, .unit = "levels", .seconds_left = -1.0};
        options->events->progress(options->events->user, &progress);
    }
    STRAIT_TRY(recompute(of, level, figures, inout_hashes));
    if (options && options->row) {
        strait_certify_row row = {.level = name,
                                  .title = strait__level_title(level),
                                  .passed = *out_passed,
                                  .figures = (int64_t)json_array_size(figures),
                                  .seconds = json_number_value(json_object_get(entry, "seconds")),
                                  .reason = finding};
        options->row(options->user, &row);
    }
    return STRAIT_OK;
}

static strait_status verify(const json_t *document, const char *path, const strait_certify_options *options,
                            strait_certify_report *out)
{
    certificate of = {.path = path};
    bool passed = true;
    STRAIT_TRY(read_head(document, &of));
    strait_certify_report report = {.seed = of.seed, .level = "none"};
    const json_t *suite = json_object_get(document, "suite");
    const char *version = json_string_value(json_object_get(suite, "version"));
    const char *name = json_string_value(json_object_get(json_object_get(document, "device"), "name"));
    const char *program = json_string_value(json_object_get(suite, "program_sha256"));
    char own[STRAIT_SHA256_HEX];
    report.other_program = !version || strcmp(version, strait_version()) != 0 ||
                           strait_sha256_file("/proc/self/exe", own) != STRAIT_OK || !program ||
                           strcmp(program, own) != 0;
    snprintf(report.device, sizeof report.device, "%s", name ? name : "");
    int count = (int)json_array_size(of.levels);
    for (int level = 0; level < count; level++) {
        if (!passed) return wrong_key(path, "levels", "without any behind the first that failed");
        STRAIT_TRY(judge_level(&of, level, options, &passed, &report.hashes));
        if (passed) snprintf(report.level, sizeof report.level, "A%d", level);
    }
    report.passed = passed && count == of.asked + 1;
    if (strcmp(report.level, of.verdict) != 0 || (report.passed != 0) != of.passed) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: verdict: is %s, the figures make it %s", path, of.verdict,
                           report.level);
    }
    *out = report;
    return STRAIT_OK;
}

strait_status strait_certify_verify(const char *path, const strait_certify_options *options, strait_certify_report *out)
{
    json_t *document;
    STRAIT_TRY(strait_json_read(path, &document));
    strait_status status = verify(document, path, options, out);
    json_decref(document);
    return status;
}
