/*
 * What no single value of a config shows: keys that exclude or need each other, and the files they name.
 *
 * A rule speaks only where the values it compares were understood; the reader has reported the others.
 */
#include "train/config_reader.h"

#include "base/file.h"
#include "base/foreign.h"
#include "data/corpus_files.h"
#include "train/adapter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULE_ERROR(reader_, path_, ...) \
    strait__config_error(reader_, strait__config_place_of(reader_, path_), __VA_ARGS__)

/* The same where several keys together are wrong: at the one that a --set changed, if one did. */
#define RULE_ERROR_AMONG(reader_, paths_, ...) \
    strait__config_error(reader_, strait__config_culprit(reader_, paths_), __VA_ARGS__)

enum { LORA_VALUE_MAX = 65536 }; /* of a rank or an alpha */

static bool good(const strait_config_reader *r, const char *a, const char *b)
{
    return strait__config_good(r, a) && strait__config_good(r, b);
}

static void check_heads(strait_config_reader *r)
{
    strait_config_init *init = &r->config->model.init;
    if (good(r, "model.init.num_attention_heads", "model.init.num_key_value_heads")) {
        if (init->num_key_value_heads == 0) init->num_key_value_heads = init->num_attention_heads;
        if (init->num_attention_heads % init->num_key_value_heads != 0) {
            static const char *const heads[] = {"model.init.num_key_value_heads", "model.init.num_attention_heads",
                                                NULL};
            RULE_ERROR_AMONG(r, heads,
                             "model.init.num_key_value_heads wants a divisor of num_attention_heads (%lld), found %lld",
                             (long long)init->num_attention_heads, (long long)init->num_key_value_heads);
        }
    }
    if (strait__config_good(r, "model.init.head_dim") && init->head_dim % 2 != 0) {
        RULE_ERROR(r, "model.init.head_dim",
                   "model.init.head_dim wants an even number, found %lld: "
                   "rotary positions turn pairs",
                   (long long)init->head_dim);
    }
}

static void check_model(strait_config_reader *r)
{
    bool init = strait__config_given(r, "model.init");
    bool from = strait__config_given(r, "model.from");
    if (!strait__config_good(r, "model") || !strait__config_good(r, "model.init")) return;
    if (init && from) {
        RULE_ERROR(r, "model.from",
                   "model wants either init or from, found both: remove one "
                   "(--set model.init=null, --set model.from=null)");
        return;
    }
    if (!init && !from) {
        RULE_ERROR(r, "model.init", "model wants init (a new model) or from (a model directory): add one");
        return;
    }
    if (from) return;
    check_heads(r);
    strait__config_check_foreign(r);
    const strait_run_config *c = r->config;
    if (good(r, "data.sequence_length", "model.init.max_position_embeddings") &&
        c->data.sequence_length > c->model.init.max_position_embeddings) {
        static const char *const lengths[] = {"data.sequence_length", "model.init.max_position_embeddings", NULL};
        RULE_ERROR_AMONG(r, lengths,
                         "data.sequence_length (%lld) exceeds model.init.max_position_embeddings (%lld): shorten it or "
                         "raise max_position_embeddings",
                         (long long)c->data.sequence_length, (long long)c->model.init.max_position_embeddings);
    }
    bool no_tokenizer = !strait__config_given(r, "tokenizer");
    if (no_tokenizer && strait__config_good(r, "model.init.vocab_size") && c->model.init.vocab_size == 0) {
        RULE_ERROR(r, "model.init",
                   "tokenizer is missing: name a tokenizer.json or its directory, or give "
                   "model.init.vocab_size");
    } else if (no_tokenizer && good(r, "sample.every", "sample.every") && c->sample.every > 0) {
        RULE_ERROR(r, "sample.every",
                   "sample.every: samples need a tokenizer: add tokenizer, or set sample.every to 0");
    }
}

static void check_length(strait_config_reader *r)
{
    const strait_run_config *c = r->config;
    bool steps = strait__config_given(r, "steps");
    bool tokens = strait__config_given(r, "tokens");
    bool minutes = strait__config_given(r, "minutes");
    static const char *const lengths[] = {"minutes", "tokens", "steps", NULL};
    if (steps && tokens) {
        RULE_ERROR_AMONG(r, lengths,
                         "either steps or tokens, found both: remove one (--set steps=null, --set tokens=null)");
    } else if (!steps && !tokens) {
        RULE_ERROR_AMONG(r, lengths,
                         minutes ? "minutes wants steps: auto beside it"
                                 : "steps is missing: add steps or tokens, the length of the run");
    } else if (steps && strait__config_good(r, "steps") && (c->steps == 0) != minutes) {
        RULE_ERROR_AMONG(r, lengths,
                         minutes ? "minutes is only read with steps: auto: remove one (--set minutes=null)"
                                 : "steps: auto wants minutes beside it, the length of the run");
    } else if (tokens && minutes) {
        RULE_ERROR_AMONG(r, lengths,
                         "minutes is only read with steps: auto, and tokens is given: remove one (--set minutes=null)");
    }
}

static void at_most(strait_config_reader *r, const char *a, int64_t a_value, const char *b, int64_t b_value)
{
    if (!good(r, a, b) || a_value <= b_value) return;
    const char *const both[] = {a, b, NULL};
    RULE_ERROR_AMONG(r, both, "%s (%lld) exceeds %s (%lld)", a, (long long)a_value, b, (long long)b_value);
}

static void check_schedule(strait_config_reader *r)
{
    const strait_run_config *c = r->config;
    if (good(r, "schedule.final_lr", "optimizer.lr") && c->schedule.final_lr > c->optimizer.lr) {
        static const char *const rates[] = {"schedule.final_lr", "optimizer.lr", NULL};
        RULE_ERROR_AMONG(
            r, rates, "schedule.final_lr (%g) exceeds optimizer.lr (%g): it is a learning rate, not a fraction of it",
            c->schedule.final_lr, c->optimizer.lr);
    }
    if (!good(r, "schedule.name", "schedule.final_lr") || !good(r, "schedule.warmup", "schedule.decay")) return;
    if (c->schedule.name == STRAIT_CONFIG_SCHEDULE_CONSTANT && (c->schedule.decay > 0 || c->schedule.final_lr > 0)) {
        const char *key = c->schedule.decay > 0 ? "schedule.decay" : "schedule.final_lr";
        RULE_ERROR(r, key, "%s has no effect with schedule.name: constant: remove it or choose linear, cosine or wsd",
                   key);
    }
    int64_t steps = strait_config_steps(c);
    if (steps > 0 && good(r, "steps", "tokens") && good(r, "batch.sequences", "data.sequence_length") &&
        c->schedule.warmup + c->schedule.decay > steps) {
        static const char *const by_steps[] = {"schedule.warmup", "schedule.decay", "steps", NULL};
        static const char *const by_tokens[] = {"schedule.warmup", "schedule.decay",       "tokens",
                                                "batch.sequences", "data.sequence_length", NULL};
        strait_config_place place = strait__config_culprit(r, c->steps > 0 ? by_steps : by_tokens);
        if (c->schedule.decay == 0) {
            strait__config_error(r, place, "schedule.warmup (%lld) exceeds the %lld steps of the run",
                                 (long long)c->schedule.warmup, (long long)steps);
        } else {
            strait__config_error(r, place,
                                 "schedule.warmup (%lld) and schedule.decay (%lld) exceed the %lld steps of the run",
                                 (long long)c->schedule.warmup, (long long)c->schedule.decay, (long long)steps);
        }
    }
}

static void check_states(strait_config_reader *r)
{
    const strait_run_config *c = r->config;
    if (!good(r, "optimizer.weights", "dtype") || c->optimizer.weights != STRAIT_CONFIG_STATE_BF16) return;
    if (c->dtype == STRAIT_CONFIG_DTYPE_BF16) return;
    static const char *const both[] = {"optimizer.weights", "dtype", NULL};
    RULE_ERROR_AMONG(r, both,
                     "optimizer.weights: bf16 needs dtype: bf16, found dtype: f32: set both, or leave the weights f32");
}

/* "PATTERN=NUMBER", the number after the last "=". */
static void check_patterns(strait_config_reader *r, const char *key, const strait_config_strings *patterns,
                           double least)
{
    for (int64_t i = 0; strait__config_good(r, key) && i < patterns->count; i++) {
        const char *equals = strrchr(patterns->items[i], '=');
        char *end = NULL;
        double value = equals ? strtod(equals + 1, &end) : 0;
        if (equals && equals > patterns->items[i] && end > equals + 1 && *end == '\0' && value >= least &&
            value <= LORA_VALUE_MAX && (least < 1 || value == (double)(int64_t)value)) {
            continue;
        }
        RULE_ERROR(r, key, "%s wants \"PATTERN=%s\", found \"%s\"", key, least < 1 ? "ALPHA" : "RANK",
                   patterns->items[i]);
    }
}

/* The first key of adapters that says something, or NULL. A written config has all of them. */
static const char *given_lora(const strait_run_config *c)
{
    const strait_config_strings *targets = &c->lora.targets;
    bool all = targets->count == 1 && strcmp(targets->items[0], "all-linear") == 0;
    if (c->lora.alpha >= 0) return "lora.alpha";
    if (c->lora.rslora) return "lora.rslora";
    if (c->lora.dropout > 0) return "lora.dropout";
    if (!all) return "lora.targets";
    if (c->lora.target_regex) return "lora.target_regex";
    if (c->lora.rank_pattern.count > 0) return "lora.rank_pattern";
    return c->lora.alpha_pattern.count > 0 ? "lora.alpha_pattern" : NULL;
}

static void check_lora(strait_config_reader *r)
{
    const strait_run_config *c = r->config;
    if (!strait__config_good(r, "lora.rank")) return;
    const char *key = c->lora.rank == 0 ? given_lora(c) : NULL;
    if (key && strait__config_good(r, key)) {
        RULE_ERROR(r, key, "%s has no effect without lora.rank: set that, or remove this", key);
    }
    if (c->lora.rank == 0) return;
    if (strait__config_given(r, "model.init")) {
        RULE_ERROR(r, "lora.rank",
                   "lora.rank: adapters stand beside the weights of a model that exists: use model.from");
    }
    if (strait__config_good(r, "lora.targets") && c->lora.targets.count == 0) {
        RULE_ERROR(r, "lora.targets", "lora.targets names no module: add some, or [all-linear]");
    }
    check_patterns(r, "lora.rank_pattern", &c->lora.rank_pattern, 1);
    check_patterns(r, "lora.alpha_pattern", &c->lora.alpha_pattern, 0);
}

/* Muon updates f32 weights with an f32 momentum, at a multiple of AdamW's rate. */
static void check_muon(strait_config_reader *r)
{
    const strait_run_config *c = r->config;
    if (!strait__config_good(r, "optimizer.name") || c->optimizer.name != STRAIT_CONFIG_MUON) return;
    if (good(r, "optimizer.weights", "optimizer.first_moment") &&
        (c->optimizer.weights == STRAIT_CONFIG_STATE_BF16 || c->optimizer.first_moment == STRAIT_CONFIG_STATE_BF16)) {
        bool weights = c->optimizer.weights == STRAIT_CONFIG_STATE_BF16;
        const char *const both[] = {weights ? "optimizer.weights" : "optimizer.first_moment", "optimizer.name", NULL};
        RULE_ERROR_AMONG(
            r, both, "%s: bf16 is AdamW's alone, and optimizer.name is muon: leave it f32, or choose adamw", both[0]);
    }
    if (good(r, "optimizer.lr", "optimizer.muon.lr") && c->optimizer.muon.lr > 0 && c->optimizer.lr == 0) {
        RULE_ERROR(r, "optimizer.muon.lr", "optimizer.muon.lr follows optimizer.lr in proportion, which is 0");
    }
}

static void check_events(strait_config_reader *r)
{
    strait_run_config *c = r->config;
    if (!strait__config_given(r, "data.validation")) {
        if (strait__config_given(r, "evaluate.every") && strait__config_good(r, "evaluate.every") &&
            c->evaluate.every > 0) {
            RULE_ERROR(r, "evaluate.every",
                       "evaluate.every (%lld): there is nothing to evaluate: add data.validation "
                       "or set it to 0",
                       (long long)c->evaluate.every);
        }
        c->evaluate.every = 0;
    }
    if (good(r, "sample.every", "sample.prompts") && c->sample.every > 0 && c->sample.prompts.count == 0) {
        RULE_ERROR(r, "sample.every", "sample.every (%lld): there is no prompt: add sample.prompts or set it to 0",
                   (long long)c->sample.every);
    }
}

void strait__config_check_rules(strait_config_reader *r)
{
    const strait_run_config *c = r->config;
    int64_t sequences = c->batch.sequences;
    check_model(r);
    check_length(r);
    check_schedule(r);
    check_states(r);
    check_lora(r);
    check_muon(r);
    check_events(r);
    at_most(r, "batch.micro_batch", c->batch.micro_batch, "batch.sequences", sequences);
    at_most(r, "batch.shards", c->batch.shards, "batch.sequences", sequences);
    int64_t product;
    if (good(r, "batch.sequences", "data.sequence_length") &&
        !strait_mul_i64(sequences, c->data.sequence_length, &product))
        RULE_ERROR(r, "batch.sequences", "batch.sequences * data.sequence_length does not fit in 64 bits");
}

int64_t strait_config_steps(const strait_run_config *config)
{
    if (config->steps > 0 || config->tokens <= 0) return config->steps;
    int64_t per_step;
    if (!strait_mul_i64(config->batch.sequences, config->data.sequence_length, &per_step) || per_step <= 0) return 0;
    return (config->tokens - 1) / per_step + 1;
}

/* ---- Files ---- */

/* 0, or why the path cannot be read. */
static int unreadable(const char *path)
{
    return access(path, R_OK) == 0 ? 0 : errno;
}

/* PATH/NAME or PATHNAME, whatever `separator` says; reports a missing one. */
static bool check_part(strait_config_reader *r, const char *key, const char *path, const char *separator,
                       const char *part, const char *remedy)
{
    strait_buffer whole = {0};
    strait_status status = strait_buffer_printf(&whole, "%s%s%s", path, separator, part);
    int error = 0;
    if (status == STRAIT_OK) {
        error = unreadable(whole.bytes);
        if (error != 0) RULE_ERROR(r, key, "%s: %s: %s%s", key, whole.bytes, strerror(error), remedy);
    } else {
        r->failure = status;
    }
    strait_buffer_fini(&whole);
    return status == STRAIT_OK && error == 0;
}

/* A run directory, or its folder of checkpoints. */
static bool is_run(const char *path)
{
    char *inside;
    size_t length = strlen(path);
    bool folder = length >= 11 && strcmp(path + length - 11, "checkpoints") == 0;
    if (folder && strait_path_is_directory(path)) return true;
    if (strait_path_join(path, "checkpoints", &inside) != STRAIT_OK) return false;
    bool is = strait_path_is_directory(inside);
    strait_free(inside);
    return is;
}

static void check_directory_with(strait_config_reader *r, const char *key, const char *path, const char *part)
{
    int error = unreadable(path);
    const char *remedy = strcmp(key, "tokenizer") == 0 ? ": make it with `strait tokenizer train`" : "";
    if (error != 0)
        RULE_ERROR(r, key, "%s: %s: %s%s", key, path, strerror(error), remedy);
    else if (strcmp(key, "model.from") == 0 && is_run(path))
        return; /* its newest intact checkpoint is meant */
    else if (strait_path_is_directory(path))
        check_part(r, key, path, "/", part, "");
    else if (strcmp(key, "model.from") == 0)
        RULE_ERROR(r, key, "%s: %s is no directory", key, path);
}

/* Adapters are refused when they are opened, as those of a run are. */
static bool has_adapters(strait_config_reader *r, const char *path)
{
    bool there = false;
    if (r->failure == STRAIT_OK) r->failure = strait_adapter_holds(path, &there);
    return there;
}

/* What a source is that has no .idx, where its first bytes tell. */
static const char *foreign_source(strait_config_reader *r, const char *path, const char **out_ending)
{
    *out_ending = "";
    strait_buffer index = {0};
    strait_buffer ids = {0};
    const char *kind = NULL;
    strait_status status = strait_buffer_printf(&index, "%s.idx", path);
    if (status == STRAIT_OK) status = strait_buffer_printf(&ids, "%s.bin", path);
    if (status != STRAIT_OK) {
        r->failure = status;
    } else if (!strait_path_exists(index.bytes)) {
        kind = strait_foreign_file(path);
        if (!kind) {
            kind = strait_foreign_file(ids.bytes);
            *out_ending = ".bin";
        }
    }
    strait_buffer_fini(&index);
    strait_buffer_fini(&ids);
    return kind;
}

/* PREFIX_val where there is PREFIX_train.idx: packing few documents may leave none for validation. */
static bool has_train_only(strait_config_reader *r, const char *path)
{
    static const char ending[] = "_val";
    size_t length = strlen(path);
    strait_buffer index = {0};
    if (length < sizeof ending - 1 || strcmp(path + length - (sizeof ending - 1), ending) != 0) return false;
    strait_status status = strait_buffer_printf(&index, "%.*s_train.idx", (int)(length - (sizeof ending - 1)), path);
    bool there = status == STRAIT_OK && strait_path_exists(index.bytes);
    if (status != STRAIT_OK) r->failure = status;
    strait_buffer_fini(&index);
    return there;
}

static void check_sources(strait_config_reader *r, const char *key, const strait_config_sources *sources)
{
    if (!strait__config_good(r, key)) return;
    for (int64_t i = 0; i < sources->count; i++) {
        const char *path = sources->items[i].path;
        const char *ending;
        if (strait__corpus_is_json(path)) {
            check_part(r, key, path, "", "", ": no such file of conversations");
            continue;
        }
        const char *foreign = foreign_source(r, path, &ending);
        if (foreign != NULL) {
            RULE_ERROR(r, key, "%s: %s%s: %s", key, path, ending, foreign);
            continue;
        }
        struct stat about;
        bool file = stat(path, &about) == 0 && S_ISREG(about.st_mode);
        const char *remedy = file ? ": this file is no token shard, make one with `strait data pack`"
                                  : ": make it with `strait data pack` (paths are relative to the current directory)";
        if (has_train_only(r, path))
            remedy = ": there is the part for training alone: pack with a larger --val-fraction";
        if (check_part(r, key, path, "", ".idx", remedy)) check_part(r, key, path, "", ".bin", remedy);
    }
}

/* tokenizer.json, or a SentencePiece model where only that is there. */
static void check_tokenizer(strait_config_reader *r, const char *path)
{
    char *model = NULL;
    bool pieces = strait_path_join(path, "tokenizer.model", &model) == STRAIT_OK && strait_path_exists(model);
    strait_free(model);
    if (!pieces) check_directory_with(r, "tokenizer", path, "tokenizer.json");
}

void strait__config_check_files(strait_config_reader *r)
{
    const strait_run_config *c = r->config;
    if (c->model.from != NULL && !has_adapters(r, c->model.from))
        check_directory_with(r, "model.from", c->model.from, "config.json");
    if (c->tokenizer != NULL) check_tokenizer(r, c->tokenizer);
    check_sources(r, "data.train", &c->data.train);
    check_sources(r, "data.validation", &c->data.validation);
}
