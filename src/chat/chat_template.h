/* The chat template of a model: found in its directory, with the special tokens that it names. */
#ifndef STRAIT_CHAT_CHAT_TEMPLATE_H
#define STRAIT_CHAT_CHAT_TEMPLATE_H

#include "chat/template.h"

typedef struct strait_chat strait_chat;

/*
 * Reads chat_template.jinja, else the chat_template of tokenizer_config.json: a text, or a list of {name, template} of
 * which "default" is used, and "tool_use" (where there is one) for conversations with tools. From tokenizer_config.json
 * also bos_token, eos_token and the like, which templates name. The caller owns *out.
 *
 * STRAIT_ERR_NOT_FOUND: there is no template; the message says where one may stand. STRAIT_ERR_FORMAT, UNSUPPORTED: as
 * strait_template_parse.
 */
strait_status strait_chat_open(const char *directory, strait_chat **out) STRAIT_MUST_USE;
void strait_chat_close(strait_chat *chat);

/* What apply_chat_template takes beside the messages. Zero-initialise. */
typedef struct strait_chat_options {
    bool generation_prompt;  /* add_generation_prompt: what stands before an answer */
    const json_t *tools;     /* an array, or NULL */
    const json_t *variables; /* an object of further variables (enable_thinking), or NULL */
} strait_chat_options;

/* Renders an array of messages. One thread at a time. Errors: as strait_template_render. */
strait_status strait_chat_render(strait_chat *chat, const json_t *messages, const strait_chat_options *options,
                                 strait_rendering *out) STRAIT_MUST_USE;

/* The template for conversations with or without tools; borrowed. */
strait_status strait_chat_template(strait_chat *chat, bool tools, const strait_template **out) STRAIT_MUST_USE;

#endif
