/*
 * A run's configuration: YAML checked against the schema list in config.def, into one typed struct.
 *
 * The struct's members have the names of the YAML keys, so that config.def can name both at once. What the user may
 * leave to the program ("auto") is 0 here; whoever decides the value stores it in the struct before
 * strait_config_write, so that a run's config.yaml is fully resolved.
 */
#ifndef STRAIT_TRAIN_CONFIG_H
#define STRAIT_TRAIN_CONFIG_H

#include "base/buffer.h"
#include "ckpt/hf_config.h"

/* Values of the enum keys, in the order of their names in config.def. */
enum { STRAIT_CONFIG_MODEL_QWEN3, STRAIT_CONFIG_MODEL_SEED_OSS, STRAIT_CONFIG_MODEL_ERNIE4_5 };
enum { STRAIT_CONFIG_ACT_SILU };
enum { STRAIT_CONFIG_ADAMW, STRAIT_CONFIG_MUON };
enum {
    STRAIT_CONFIG_SCHEDULE_CONSTANT,
    STRAIT_CONFIG_SCHEDULE_LINEAR,
    STRAIT_CONFIG_SCHEDULE_COSINE,
    STRAIT_CONFIG_SCHEDULE_WSD
};
enum { STRAIT_CONFIG_NUMERICS_EXACT, STRAIT_CONFIG_NUMERICS_FAST };
enum { STRAIT_CONFIG_FALLBACK_NONE, STRAIT_CONFIG_FALLBACK_CPU };
enum { STRAIT_CONFIG_GROUP_MASK_NEG_INF, STRAIT_CONFIG_GROUP_MASK_ZERO };
enum { STRAIT_CONFIG_TOO_LONG_REFUSE, STRAIT_CONFIG_TOO_LONG_DROP };
enum { STRAIT_CONFIG_TUNED_PROVEN, STRAIT_CONFIG_TUNED_ALL };
enum { STRAIT_CONFIG_DTYPE_F32, STRAIT_CONFIG_DTYPE_BF16 };
enum { STRAIT_CONFIG_STATE_F32, STRAIT_CONFIG_STATE_BF16 }; /* optimizer.weights and optimizer.first_moment */
enum {
    STRAIT_CONFIG_RECOMPUTE_AUTO,
    STRAIT_CONFIG_RECOMPUTE_NONE,
    STRAIT_CONFIG_RECOMPUTE_LIGHT,
    STRAIT_CONFIG_RECOMPUTE_FULL
};

typedef struct strait_config_strings {
    char **items; /* owned */
    int64_t count;
} strait_config_strings;

/* Token shards PATH.bin and PATH.idx, or a file of conversations. A path given as PATH.bin or PATH.idx is stored as
 * PATH. */
typedef struct strait_config_source {
    char *path;    /* owned */
    double weight; /* > 0; weights need not add up to 1 */
} strait_config_source;

typedef struct strait_config_sources {
    strait_config_source *items; /* owned */
    int64_t count;
} strait_config_sources;

enum { STRAIT_CONFIG_IDS_MAX = 8 };

typedef struct strait_config_ids {
    int64_t items[STRAIT_CONFIG_IDS_MAX];
    int64_t count; /* 0 = auto */
} strait_config_ids;

/* The keys of a Hugging Face config.json. All 0 where model.from is given. */
typedef struct strait_config_init {
    int model_type;
    int64_t vocab_size; /* 0 = auto: the tokenizer's, padded */
    int64_t pad_vocab_to_multiple_of;
    int64_t hidden_size;
    int64_t intermediate_size;
    int64_t num_hidden_layers;
    int64_t num_attention_heads;
    int64_t num_key_value_heads; /* resolved by the loader: as many as attention heads where not given */
    int64_t head_dim;
    int hidden_act;
    double rms_norm_eps;
    double rope_theta;
    bool tie_word_embeddings;
    int64_t max_position_embeddings;
    double initializer_range;
    int64_t bos_token_id; /* -1 = none; so is pad_token_id */
    strait_config_ids eos_token_id;
    int64_t pad_token_id;
    char *others; /* owned: what else of config.json differs from the family's defaults, a JSON object; or NULL */
} strait_config_init;

/* Strings are owned; an optional string that was not given is NULL. */
typedef struct strait_run_config {
    struct {
        strait_config_init init;
        char *from; /* a model directory; NULL = a new model by `init` */
    } model;
    char *tokenizer; /* a directory or a tokenizer.json; NULL = the one of model.from, or none */
    struct {
        strait_config_sources train;
        strait_config_sources validation; /* count 0 = none */
        int64_t sequence_length;          /* T: a sample is T + 1 tokens */
        bool mask_documents;
    } data;
    struct {
        bool split_turns;
        bool trust_content;
        int too_long;
        int thinking; /* 0 = auto, 1 = off, 2 = on */
    } sft;
    struct {
        double attention; /* -1 = as the model's config.json says; so is the other */
        double residual;
    } dropout;
    struct {
        int aux_form;
        int aux_scope;
        double aux_coefficient; /* -1 = as the model's config.json says */
        double z_coefficient;
        double orthogonality_coefficient;
        double bias_update_rate;
        int group_mask; /* STRAIT_CONFIG_GROUP_MASK_* */
    } moe;
    struct {
        int64_t layers;
        double weight;
    } mtp;
    struct {
        int64_t rank; /* 0 = no adapters */
        double alpha; /* -1 = the rank */
        bool rslora;
        double dropout;
        strait_config_strings targets; /* names, or "all-linear" alone */
        char *target_regex;            /* or NULL */
        strait_config_strings rank_pattern;
        strait_config_strings alpha_pattern;
    } lora;
    struct {
        int64_t sequences;   /* per step */
        int64_t micro_batch; /* 0 = auto */
        int64_t shards;
    } batch;
    struct {
        int name;
        double lr;
        double betas[2];
        double eps;
        double weight_decay; /* on tensors of 2 or more dimensions */
        double clip;         /* global gradient norm; 0 = none */
        int weights;
        int first_moment;
        struct {
            double momentum;
            int scale; /* strait_muon_scale */
            double lr; /* -1 = optimizer.lr */
        } muon;
    } optimizer;
    struct {
        int name;
        int64_t warmup;  /* steps */
        int64_t decay;   /* steps; 0 = auto: linear and cosine all after the warm-up, wsd the last fifth */
        double final_lr; /* absolute, <= optimizer.lr */
    } schedule;
    int64_t steps;  /* 0 = by `tokens` or `minutes`; see strait_config_steps */
    int64_t tokens; /* 0 = not given */
    double minutes; /* > 0 means `steps: auto`: steps are measured to fill this time */
    int numerics;
    int dtype;
    char *device;
    double device_timeout; /* seconds; 0 = for ever */
    int device_fallback;
    int tuned_ops;
    int64_t threads; /* 0 = one per processor */
    int64_t seed;    /* fits uint32_t */
    struct {
        int recompute;
    } memory;
    struct {
        int64_t every; /* steps; 0 = only at the end and on a stop */
        int64_t keep;  /* >= 1 */
    } checkpoint;
    struct {
        int64_t every; /* steps; 0 = never. Always 0 without data.validation */
        int64_t size;  /* sequences */
    } evaluate;
    struct {
        int64_t every; /* steps; 0 = never */
        strait_config_strings prompts;
        int64_t length; /* tokens */
        double temperature;
        int64_t top_k; /* 0 = off */
        double top_p;  /* 1 = off */
    } sample;
    int64_t log_every; /* steps between lines of log.txt; metrics.jsonl has every step */
    char *run;         /* the run directory */
} strait_run_config;

/* How to read a config. Zero means default. */
typedef struct strait_config_options {
    const char *const *sets; /* "a.b=value", from --set; later ones win over earlier ones and over the file */
    size_t n_sets;
    const char *run; /* from --out: replaces `run`; NULL = as the file says */
    bool skip_files; /* do not look whether the files and directories named in it exist */
} strait_config_options;

/*
 * Reads and checks a config. On success *out is owned by the caller (strait_config_fini); on failure it is untouched
 * and the message lists every error found in the order of the file, one a line, each with file:line:column or the
 * --set, the key, and what to do about it (as many as fit into 30 kB, and how many more there are). Relative paths in
 * it are relative to the current directory. `options` may be NULL.
 *
 * STRAIT_ERR_USAGE for anything wrong in the contents; NOT_FOUND, IO for the file itself.
 */
strait_status strait_config_load(const char *path, const strait_config_options *options,
                                 strait_run_config *out) STRAIT_MUST_USE;
/* The same from memory; `name` stands for the path in messages. */
strait_status strait_config_parse(const char *name, const char *bytes, size_t length,
                                  const strait_config_options *options, strait_run_config *out) STRAIT_MUST_USE;
void strait_config_fini(strait_run_config *config);

/* The model that model.init describes; vocab_size is resolved. `name` stands for the file in messages. */
strait_status strait_config_model(const strait_config_init *init, const char *name,
                                  strait_model_config *out) STRAIT_MUST_USE;

/* Appends the config as YAML, all keys written out; it loads back to an equal config, floats to the bit. */
strait_status strait_config_write(const strait_run_config *config, strait_buffer *out) STRAIT_MUST_USE;

/*
 * May a run begun with `old` go on with `new`? Keys marked RESUME in config.def may differ, and "auto" fits whatever it
 * was resolved to. Else STRAIT_ERR_USAGE listing each changed key with its old and new value.
 */
strait_status strait_config_check_resume(const strait_run_config *old_config,
                                         const strait_run_config *new_config) STRAIT_MUST_USE;

/* Optimizer steps of the whole run: `steps`, or `tokens` rounded up to whole steps; 0 = to be measured (`minutes`). */
int64_t strait_config_steps(const strait_run_config *config);

/* Appends docs/config.md: every key of the schema with type, range, default and meaning. */
strait_status strait_config_reference(strait_buffer *out) STRAIT_MUST_USE;

#endif
