/*
 * A rendered conversation as tokens. Control tokens (added tokens that are marked special, or that the template itself
 * writes) count where the template wrote them; where a message spells one out, it is text.
 */
#ifndef STRAIT_TRAIN_CHAT_ENCODE_H
#define STRAIT_TRAIN_CHAT_ENCODE_H

#include "chat/chat_template.h"

#include <strait/tokenizer.h>

/*
 * Replaces the contents of *out. `trust`: control tokens in messages count too. STRAIT_ERR_UNSUPPORTED: the tokenizer
 * gives a control token for text that is no such.
 */
strait_status strait_chat_encode(const strait_tokenizer *tokenizer, const strait_template *tmpl,
                                 const strait_rendering *rendering, bool trust, strait_encoding *out) STRAIT_MUST_USE;

/* The control token with which the template ends an answer, to *out; -1 where there is none. */
strait_status strait_chat_end_of_turn(strait_chat *chat, const strait_tokenizer *tokenizer,
                                      int32_t *out) STRAIT_MUST_USE;

#endif
