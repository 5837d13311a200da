/* The run of a certification: levels in order, until one fails, and the certificate that is written of it. */
#define _POSIX_C_SOURCE 200809L

#include "base/clock.h"
#include "base/file.h"
#include "certify/certificate.h"

#include <strait/strait.h>

#include <string.h>
#include <time.h>

static const double DEFAULT_TIMEOUT = 120; /* seconds; no work of the suite takes a chip that long */
static const double LONGEST_TIMEOUT = 1e9;

typedef strait_status (*level_fn)(strait_certification *c);
static const level_fn levels[STRAIT_CERTIFY_LEVELS] = {
    strait__certify_memory, strait__certify_queues, strait__certify_numbers,
    strait__certify_ops,    strait__certify_repeat, strait__certify_step,
};

static strait_status read_level(const char *text, int *out)
{
    *out = STRAIT_CERTIFY_LEVELS - 1;
    if (!text) return STRAIT_OK;
    if ((text[0] == 'A' || text[0] == 'a') && text[1] >= '0' && text[1] < '0' + STRAIT_CERTIFY_LEVELS && !text[2]) {
        *out = text[1] - '0';
        return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_USAGE,
                       "there is no level '%s': A0, A1, A2, A3, A4 and A5 are, each with all below it", text);
}

/* Fails before an hour of tests rather than behind it. */
static strait_status try_output(const char *path)
{
    strait_buffer name = {0};
    if (!path) return STRAIT_OK;
    if (strait_path_is_directory(path)) return STRAIT_FAIL(STRAIT_ERR_IO, "%s is a directory: name a file", path);
    strait_status status = strait_buffer_printf(&name, "%s.try", path);
    if (status == STRAIT_OK) status = strait_file_replace(name.bytes, "", 0);
    if (status == STRAIT_OK) status = strait_directory_remove(name.bytes);
    strait_buffer_fini(&name);
    return status;
}

/* From the clocks: not to be guessed by a chip, not for secrets. Never 0, which means "draw". */
static uint32_t draw_seed(void)
{
    double now = strait_clock_wall() * 1e6 + strait_clock() * 1e9;
    uint32_t seed = (uint32_t)(strait__mix((uint64_t)now) >> 24);
    return seed ? seed : 1;
}

/* Hashes of the program and, where the device comes from one, of the plug-in's file; absent where it cannot be read. */
static json_t *identity(const strait_certification *c)
{
    char program[STRAIT_SHA256_HEX] = "", plugin[STRAIT_SHA256_HEX] = "";
    char *path = NULL;
    if (strait_sha256_file("/proc/self/exe", program) != STRAIT_OK) program[0] = '\0';
    if (strait_backend_file(c->options->device, &path) == STRAIT_OK && path &&
        strait_sha256_file(path, plugin) != STRAIT_OK) {
        plugin[0] = '\0';
    }
    strait_free(path);
    return json_pack("{s:s, s:s, s:i, s:s}", "version", strait_version(), "program_sha256", program, "numerics",
                     STRAIT_NUMERICS_VERSION, "plugin_sha256", plugin);
}

/* Text of a driver may be no UTF-8, which JSON cannot hold. */
static json_t *foreign_text(const char *text)
{
    json_t *value = json_string(text);
    return value ? value : json_string("(not UTF-8)");
}

static json_t *describe(const strait_device_props *p)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:i, s:b, s:i, s:f, s:f, s:i, s:i}", "name",
                     foreign_text(p->name), "backend", foreign_text(p->backend), "implementation",
                     foreign_text(p->implementation), "driver", foreign_text(p->driver_version), "serial",
                     foreign_text(p->serial), "memory_bytes", (json_int_t)p->memory_bytes, "max_alloc_bytes",
                     (json_int_t)p->max_alloc_bytes, "alignment", (json_int_t)p->alignment, "compute_units",
                     (int)p->compute_units, "bf16", (int)p->supports_bf16, "dialect", (int)p->dialect,
                     "declared_gflops", p->declared_gflops, "declared_gbps", p->declared_gbps, "kind", (int)p->kind,
                     "float_features", (int)p->float_features);
}

/* One level: its figures go to `list`; out of memory and a stop are errors, whatever the device says is a failure. */
static strait_status run_level(strait_certification *c, int level, json_t *list)
{
    c->level = level;
    c->failed = false;
    c->why[0] = '\0';
    c->begun = strait_clock();
    c->figures = json_array();
    strait_status status = c->figures ? levels[level](c) : STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "no memory for figures");
    char error[512] = "";
    if (status != STRAIT_OK) snprintf(error, sizeof error, "%s", strait_error_message());
    if (status == STRAIT_ERR_CANCELLED || status == STRAIT_ERR_INTERNAL) return status;
    c->lost = c->lost || status == STRAIT_ERR_DEVICE_LOST || strait_device_is_lost(c->device);
    bool passed = false;
    if (status == STRAIT_OK && !c->failed) {
        STRAIT_TRY(strait__figures_judge(c->figures, level, c->props->supports_bf16 != 0, c->quick, "the run", &passed,
                                         c->why));
    }
    if (status != STRAIT_OK) snprintf(c->why, sizeof c->why, "%s", error);
    c->failed = !passed;
    double seconds = strait_clock() - c->begun;
    char name[3] = {'A', (char)('0' + level), '\0'};
    json_t *entry =
        json_pack("{s:s, s:s, s:b, s:f, s:o, s:O}", "level", name, "title", strait__level_title(level), "passed",
                  (int)passed, "seconds", seconds, "finding", foreign_text(c->why), "figures", c->figures);
    if (!entry || json_array_append_new(list, entry) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "no memory for the certificate");
    }
    if (c->options->row) {
        strait_certify_row row = {.level = name,
                                  .title = strait__level_title(level),
                                  .passed = passed,
                                  .figures = (int64_t)json_array_size(c->figures),
                                  .seconds = seconds,
                                  .reason = c->why};
        c->options->row(c->options->user, &row);
    }
    return STRAIT_OK;
}

static strait_status write_certificate(const strait_certification *c, json_t *list, const strait_certify_report *report,
                                       int asked)
{
    char when[32] = "", level[3] = {'A', (char)('0' + asked), '\0'};
    time_t now = (time_t)strait_clock_wall();
    struct tm parts;
    if (gmtime_r(&now, &parts)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_t *document =
        json_pack("{s:s, s:i, s:s, s:s, s:b, s:s, s:b, s:I, s:o, s:o, s:O}", "kind", "strait certificate", "format",
                  STRAIT_CERTIFICATE_FORMAT, "verdict", report->level, "asked", level, "passed", report->passed, "when",
                  when, "quick", (int)c->quick, "seed", (json_int_t)c->seed, "suite", identity(c), "device",
                  describe(c->props), "levels", list);
    if (!document) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "no memory for the certificate");
    strait_buffer text = {0};
    strait_status status = strait_json_format(document, 1, &text);
    if (status == STRAIT_OK) status = strait_buffer_append(&text, "\n", 1);
    if (status == STRAIT_OK) status = strait_file_replace(c->options->output, text.bytes, text.length);
    strait_buffer_fini(&text);
    json_decref(document);
    return status;
}

static strait_status run_levels(strait_certification *c, int asked, strait_certify_report *out)
{
    json_t *list = json_array();
    strait_status status = list ? STRAIT_OK : STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "no memory for the certificate");
    for (int level = 0; level <= asked && status == STRAIT_OK; level++) {
        status = run_level(c, level, list);
        json_decref(c->figures);
        c->figures = NULL;
        if (status != STRAIT_OK || c->failed) break;
        snprintf(out->level, sizeof out->level, "A%d", level);
        out->passed = level == asked;
    }
    out->hashes = c->hashes;
    if (status == STRAIT_OK && c->options->output) status = write_certificate(c, list, out, asked);
    json_decref(list);
    return status;
}

strait_status strait_certify(const strait_certify_options *options, strait_certify_report *out)
{
    strait_certify_options given = {.struct_size = 0};
    memcpy(&given, options, options->struct_size < sizeof given ? options->struct_size : sizeof given);
    strait_certification c = {.options = &given, .quick = given.quick != 0};
    strait_device_options device = {.struct_size = sizeof device, .threads = (int32_t)given.threads};
    int asked;
    STRAIT_TRY(read_level(given.level, &asked));
    if (!given.device) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no device was named");
    /* Written so that NaN is refused too. */
    if (!(given.timeout_seconds >= 0 && given.timeout_seconds <= LONGEST_TIMEOUT)) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--timeout: is %g, must be from 0 (which means %g) to %g seconds",
                           given.timeout_seconds, DEFAULT_TIMEOUT, LONGEST_TIMEOUT);
    }
    STRAIT_TRY(try_output(given.output));
    c.seed = given.seed ? given.seed : draw_seed();
    STRAIT_TRY(strait_device_open(given.device, &device, &c.device));
    c.props = strait_device_get_props(c.device);
    double limit = given.timeout_seconds > 0 ? given.timeout_seconds : DEFAULT_TIMEOUT;
    strait_device_set_timeout(c.device, (int64_t)(limit * 1e3));
    strait_certify_report report = {.seed = c.seed, .level = "none"};
    snprintf(report.device, sizeof report.device, "%s", c.props->name);
    strait_status status = strait_queue_create(c.device, &c.queue);
    if (status == STRAIT_OK) status = run_levels(&c, asked, &report);
    strait_queue_destroy(c.queue);
    strait_device_close(c.device);
    report.device_lost = c.lost;
    if (status == STRAIT_OK) *out = report;
    return status;
}
