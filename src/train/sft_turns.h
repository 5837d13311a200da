/*
 * What of a conversation is learnt: its tokens, and for each whether it is a target.
 *
 * The whole conversation is rendered by the model's chat template and encoded once. Targets are the tokens whose bytes
 * all lie in a span: what the template put between {% generation %} and {% endgeneration %}, where it says so; else, of
 * each message of the assistant, what stands from the end of the messages before it, rendered with the prompt for an
 * answer, through the control token that ends an answer. Where those messages are no beginning of the whole
 * conversation, or some of the message is left out of it (Qwen3 leaves out earlier thinking), no answer would look like
 * that: the conversation is refused, or split.
 */
#ifndef STRAIT_TRAIN_SFT_TURNS_H
#define STRAIT_TRAIN_SFT_TURNS_H

#include "chat/chat_template.h"

#include <strait/tokenizer.h>

/* All borrowed while the reader lives. */
typedef struct strait_sft_rules {
    strait_chat *chat;
    const strait_tokenizer *tokenizer;
    bool split_turns;   /* a conversation that cannot be learnt whole becomes one for each answer, up to it */
    bool trust_content; /* control tokens in messages count as such */
    int thinking;       /* enable_thinking of the template: 1, 0, or -1 = as the template decides */
} strait_sft_rules;

/* `count` >= 2 tokens, and of each whether it is learnt; at least one is. Borrowed for the call. */
typedef strait_status (*strait_sft_take)(void *user, const int32_t *ids, const uint8_t *learnt, size_t count);

typedef struct strait_sft_reader strait_sft_reader;

/* Errors are those of the template. The caller owns *out. */
strait_status strait_sft_reader_create(const strait_sft_rules *rules, strait_sft_reader **out) STRAIT_MUST_USE;
void strait_sft_reader_destroy(strait_sft_reader *reader);

/*
 * One conversation, {"messages": [{"role", "content", ...}, ...], "tools": [...]}, which may be changed (its text is
 * normalised as the tokenizer does). `take` gets it once, or once for each answer where it is split; its error ends the
 * call. STRAIT_ERR_FORMAT, UNSUPPORTED: it cannot be learnt; the message names the member, and nothing was taken. One
 * thread at a time.
 */
strait_status strait_sft_read(strait_sft_reader *reader, json_t *conversation, strait_sft_take take,
                              void *user) STRAIT_MUST_USE;

#endif
