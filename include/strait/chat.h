/* Talking with a model: several turns, rendered by its own chat template. */
#ifndef STRAIT_CHAT_H
#define STRAIT_CHAT_H

#include <strait/generate.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Strings and callbacks are borrowed until the conversation is closed. Zero-initialise, set struct_size. */
typedef struct strait_conversation_options {
    uint32_t struct_size;
    const strait_generate_options
        *generate;      /* model, sampling, device, events; its prompts and callbacks are not used */
    const char *system; /* the system turn, or NULL */
    int64_t context;    /* tokens that the conversation may have; 0 = 4096; at most what the model takes */
    int thinking;       /* enable_thinking of the template: 1, 0, or -1 = as the template decides */
    /* Receives the answer as it is sampled: whole UTF-8 characters, zero-terminated; thinking is 1 for what stands
     * between <think> and </think> (or the like), these included. */
    void (*text)(void *user, const char *text, size_t length, int thinking);
    void *user;
} strait_conversation_options;

typedef struct strait_conversation strait_conversation;

/* One answer. */
typedef struct strait_answer_report {
    int64_t prompt_tokens; /* of the conversation up to the answer */
    int64_t kept_tokens;   /* of these, those that earlier turns had read already */
    int64_t tokens;        /* sampled */
    double prompt_seconds;
    double seconds;
    strait_generator_end end;
    int64_t context; /* tokens that the conversation may have */
} strait_answer_report;

/*
 * Loads the model and its chat template. The caller owns *out. Errors are those of strait_generate; of the template
 * also STRAIT_ERR_NOT_FOUND, FORMAT and UNSUPPORTED, with file and line.
 */
strait_status strait_conversation_open(const strait_conversation_options *options,
                                       strait_conversation **out) STRAIT_MUST_USE;
void strait_conversation_close(strait_conversation *conversation);

/*
 * Adds a turn of the user and answers it. What the template renders as before is not read again. A stop asked for
 * through events ends the answer, which stays in the conversation as far as it came. After STRAIT_ERR_RANGE (the
 * conversation is longer than its context) and errors of the template the turn is taken back. One thread at a time.
 */
strait_status strait_conversation_say(strait_conversation *conversation, const char *text,
                                      strait_answer_report *out_report) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
