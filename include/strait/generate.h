/* Text generation from a model directory, a checkpoint or a run. */
#ifndef STRAIT_GENERATE_H
#define STRAIT_GENERATE_H

#include <strait/events.h>
#include <strait/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Strings are borrowed for the call. strait_generate_defaults fills in what a user who says nothing gets. */
typedef struct strait_generate_options {
    uint32_t struct_size;       /* sizeof(strait_generate_options), as the caller's header has it */
    const char *model;          /* required */
    const char *const *prompts; /* each is answered by itself, in order */
    size_t prompt_count;        /* at least 1 */
    int64_t max_tokens;         /* of each answer */
    double temperature;         /* 0 = greedy */
    int64_t top_k;              /* 0 = off */
    double top_p;               /* 1 = off */
    double min_p;               /* 0 = off */
    double repetition_penalty;  /* 1 = off */
    int64_t seed;               /* 0 .. 2^32 - 1; the same seed gives the same text */
    const char *const *stops;   /* token texts that end an answer, besides the model's end tokens */
    size_t stop_count;
    int ignore_eos;       /* 1: go on past the model's end tokens */
    const char *device;   /* as strait_devices names it; NULL = "cpu" */
    const char *dtype;    /* "f32", "bf16" or NULL: as the model is stored */
    const char *numerics; /* "exact" or "fast" */
    int64_t threads;      /* of the CPU device; 0 = one per processor */
    /* Receives text as it is sampled: whole UTF-8 characters, zero-terminated. begin is called before each answer, end
     * after. */
    void (*begin)(void *user, size_t prompt);
    void (*text)(void *user, const char *text, size_t length);
    void (*end)(void *user, size_t prompt);
    void *user;
    const strait_events *events;
    const char *adapter; /* a directory with adapters for the model, or NULL */
} strait_generate_options;

/* What ended an answer. */
typedef enum strait_generator_end {
    STRAIT_END_LENGTH,     /* max_tokens */
    STRAIT_END_STOP_TOKEN, /* the model's end token, or one of stops */
    STRAIT_END_CALLER,     /* a stop asked for through events */
    STRAIT_END_CAPACITY    /* prompt and answer fill the model's context */
} strait_generator_end;

typedef struct strait_generate_report {
    int64_t prompt_tokens;    /* of all prompts */
    int64_t tokens;           /* sampled, of all answers */
    double load_seconds;      /* from the call until the model was ready */
    double prompt_seconds;    /* of reading the prompts */
    double seconds;           /* of sampling */
    strait_generator_end end; /* of the last answer; STRAIT_END_CALLER where there is none */
    int64_t context;          /* tokens that the model takes: max_position_embeddings */
} strait_generate_report;

/* Fills in all members, struct_size too; model and prompts are left for the caller to set. */
void strait_generate_defaults(strait_generate_options *options);

/*
 * Answers each prompt. A stop asked for through events ends the answer under way, in order, and is no error: the report
 * says STRAIT_END_CALLER. `out_report` may be NULL.
 *
 * STRAIT_ERR_USAGE: an option is not what its comment says, or a stop text is no token. STRAIT_ERR_NOT_FOUND, FORMAT,
 * CORRUPT, UNSUPPORTED: of the model or the device, with file and place. STRAIT_ERR_RANGE: a prompt is longer than the
 * model's context. STRAIT_ERR_NO_MEMORY. Text that was handed out before an error stays handed out. One thread calls,
 * and is the only one that is called back; calls from several threads share nothing.
 */
strait_status strait_generate(const strait_generate_options *options,
                              strait_generate_report *out_report) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
