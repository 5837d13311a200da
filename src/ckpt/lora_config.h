/*
 * What adapters a model gets: adapter_config.json of PEFT as a struct, read and written. Which modules that means is
 * the model's business (model/lora.h).
 */
#ifndef STRAIT_CKPT_LORA_CONFIG_H
#define STRAIT_CKPT_LORA_CONFIG_H

#include "base/status.h"
#include "ckpt/file_writer.h"

/* Instead of a regular expression: every matrix of the layers. */
#define STRAIT_LORA_ALL "all-linear"

/* A value for the modules whose name, or its end from a dot on, a regular expression matches. */
typedef struct strait_lora_pattern {
    char *pattern; /* owned */
    double value;
} strait_lora_pattern;

typedef struct strait_lora_patterns {
    strait_lora_pattern *items; /* owned */
    int64_t count;
} strait_lora_patterns;

typedef struct strait_lora_config {
    int64_t rank;
    double alpha;
    bool rslora;    /* the scale is alpha/sqrt(rank), not alpha/rank */
    double dropout; /* below 1 */
    char *regex;    /* owned; of whole names of modules, or "all-linear"; NULL: `targets` */
    char **targets; /* owned: names of modules, or their ends from a dot on */
    int64_t target_count;
    strait_lora_patterns ranks;  /* the first that matches counts */
    strait_lora_patterns alphas; /* likewise */
    char *base;                  /* owned: base_model_name_or_path, or NULL */
    bool fused;                  /* read: target_parameters names experts that are one tensor, ... */
    bool fused_gate_up;          /* ... these, */
    bool fused_down;             /* ... these; then all experts' modules of that name are meant */
} strait_lora_config;

void strait_lora_config_fini(strait_lora_config *config);
/* One more; the text is copied. */
strait_status strait_lora_config_add_target(strait_lora_config *config, const char *name) STRAIT_MUST_USE;
strait_status strait_lora_patterns_add(strait_lora_patterns *patterns, const char *pattern,
                                       double value) STRAIT_MUST_USE;

/*
 * Reads a file. What would change a result and is not done here (DoRA, biases, other kinds of adapters, modules saved
 * whole, chosen layers) is refused by its key. *out is the caller's to end.
 */
strait_status strait_lora_config_read(const char *path, strait_lora_config *out) STRAIT_MUST_USE;
/* The same from memory; `name` stands for the path in messages. */
strait_status strait_lora_config_parse(const char *name, const char *bytes, size_t length,
                                       strait_lora_config *out) STRAIT_MUST_USE;
/* Writes DIRECTORY/adapter_config.json; `files`, where not NULL, gets a record. */
strait_status strait_lora_config_write(const char *directory, const strait_lora_config *config,
                                       strait_file_list *files) STRAIT_MUST_USE;

#endif
