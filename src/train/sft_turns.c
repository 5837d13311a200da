/* From one conversation to tokens and targets. */
#include "train/sft_turns.h"

#include "token/nfc.h"
#include "train/chat_encode.h"

#include <string.h>

struct strait_sft_reader {
    strait_sft_rules rules;
    json_t *variables;     /* of the template, or NULL */
    const char *end_bytes; /* of the control token that ends an answer; NULL = none */
    size_t end_length;
    strait_rendering whole;
    strait_rendering part;
    strait_encoding encoding;
    strait_span *spans; /* of `whole`, ascending */
    size_t span_count;
    size_t span_capacity;
    uint8_t *learnt; /* of the encoding's tokens */
    size_t learnt_capacity;
    strait__nfc_scratch scratch;
    strait_buffer normal;
};

static strait_status no_memory(void)
{
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for a conversation");
}

strait_status strait_sft_reader_create(const strait_sft_rules *rules, strait_sft_reader **out)
{
    strait_sft_reader *reader;
    int32_t end;
    STRAIT_TRY(strait_chat_end_of_turn(rules->chat, rules->tokenizer, &end));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, 1, sizeof *reader, &reader));
    reader->rules = *rules;
    if (end >= 0) reader->end_bytes = strait_tokenizer_token(rules->tokenizer, end, &reader->end_length);
    if (rules->thinking >= 0) {
        reader->variables = json_pack("{s:b}", "enable_thinking", rules->thinking);
        if (!reader->variables) {
            strait_sft_reader_destroy(reader);
            return no_memory();
        }
    }
    *out = reader;
    return STRAIT_OK;
}

void strait_sft_reader_destroy(strait_sft_reader *reader)
{
    if (!reader) return;
    json_decref(reader->variables);
    strait_rendering_fini(&reader->whole);
    strait_rendering_fini(&reader->part);
    strait_encoding_fini(&reader->encoding);
    strait_free(reader->spans);
    strait_free(reader->learnt);
    strait__nfc_scratch_fini(&reader->scratch);
    strait_buffer_fini(&reader->normal);
    strait_free(reader);
}

/* ---- what a conversation is ------------------------------------------------------------------------------------- */

static bool is_assistant(const json_t *message)
{
    return strcmp(json_string_value(json_object_get(message, "role")), "assistant") == 0;
}

static strait_status check_message(const json_t *message, size_t i)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};
    if (!json_is_object(message)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "messages[%zu] is not an object {\"role\": ..., \"content\": ...}", i);
    }
    const json_t *role = json_object_get(message, "role");
    if (!json_is_string(role)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "messages[%zu] has no role", i);
    bool known = false;
    for (size_t r = 0; r < sizeof roles / sizeof roles[0]; r++) known |= strcmp(json_string_value(role), roles[r]) == 0;
    if (!known) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "messages[%zu] has the role \"%.40s\"; known are system, developer, user, assistant, tool",
                           i, json_string_value(role));
    }
    const json_t *content = json_object_get(message, "content");
    if (json_is_string(content)) return STRAIT_OK;
    /* An answer may be calls of tools and nothing else. */
    if (is_assistant(message) && json_array_size(json_object_get(message, "tool_calls")) > 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "messages[%zu] (%s) has no content, or one that is no text", i,
                       json_string_value(role));
}

static strait_status check_conversation(const json_t *conversation, json_t **out_messages, const json_t **out_tools)
{
    json_t *messages = json_object_get(conversation, "messages");
    const json_t *tools = json_object_get(conversation, "tools");
    bool answered = false;
    if (!messages && json_object_get(conversation, "conversations")) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "has \"conversations\", and what is read is {\"messages\": [{\"role\": "
                                              "\"user\", \"content\": \"...\"}, ...]}: convert it");
    }
    if (!json_is_array(messages) || json_array_size(messages) == 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "has no \"messages\", a list of {\"role\": ..., \"content\": ...}");
    }
    for (size_t i = 0; i < json_array_size(messages); i++) {
        STRAIT_TRY(check_message(json_array_get(messages, i), i));
        answered |= is_assistant(json_array_get(messages, i));
    }
    if (!answered) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "no message is the assistant's: there is nothing to learn");
    }
    if (tools && !json_is_null(tools) && !json_is_array(tools)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "\"tools\" is not a list");
    }
    *out_messages = messages;
    *out_tools = json_array_size(tools) > 0 ? tools : NULL;
    return STRAIT_OK;
}

/* As the tokenizer does it to all text: so that a token's bytes are those of the rendered text. */
static strait_status normal_string(strait_sft_reader *reader, json_t *string)
{
    bool unchanged;
    strait_buffer_clear(&reader->normal);
    STRAIT_TRY(strait__normal_form(STRAIT__NFC, json_string_value(string), json_string_length(string), &reader->scratch,
                                   &reader->normal, &unchanged));
    if (unchanged) return STRAIT_OK;
    return json_string_setn(string, reader->normal.bytes, reader->normal.length) == 0 ? STRAIT_OK : no_memory();
}

static strait_status normalise(strait_sft_reader *reader, json_t *messages)
{
    if (!strait_tokenizer_normalizes(reader->rules.tokenizer)) return STRAIT_OK;
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const char *key;
        json_t *value;
        json_object_foreach(json_array_get(messages, i), key, value)
        {
            if (json_is_string(value)) STRAIT_TRY(normal_string(reader, value));
        }
    }
    return STRAIT_OK;
}

/* ---- spans ------------------------------------------------------------------------------------------------------ */

/* The first `count` messages. */
static strait_status render(strait_sft_reader *reader, const json_t *messages, const json_t *tools, size_t count,
                            bool prompt, strait_rendering *out)
{
    strait_chat_options options = {.generation_prompt = prompt, .tools = tools, .variables = reader->variables};
    json_t *some = json_array();
    bool good = some != NULL;
    for (size_t i = 0; i < count && good; i++) good = json_array_append(some, json_array_get(messages, i)) == 0;
    strait_status status = good ? strait_chat_render(reader->rules.chat, some, &options, out) : no_memory();
    json_decref(some);
    return status;
}

static bool begins_with(const strait_rendering *whole, const strait_rendering *part)
{
    const strait_buffer *text = &part->text.bytes;
    if (text->length > whole->text.bytes.length) return false;
    return text->length == 0 || memcmp(whole->text.bytes.bytes, text->bytes, text->length) == 0;
}

/* The end of the first end-of-answer token at or behind `from` that the template wrote; the end of the text without. */
static size_t end_of_answer(const strait_sft_reader *reader, const strait_rendering *rendering, size_t from)
{
    const strait__text *text = &rendering->text;
    size_t length = text->bytes.length;
    while (reader->end_bytes && from < length) {
        size_t found =
            strait__text_find(text->bytes.bytes + from, length - from, reader->end_bytes, reader->end_length);
        if (found == length - from) break;
        from += found;
        if (!memchr(text->foreign.bytes + from, 1, reader->end_length)) return from + reader->end_length;
        from += reader->end_length;
    }
    return length;
}

/* The next byte in [at, end) that a message brought along; end without one. */
static size_t next_foreign(const strait_rendering *rendering, size_t at, size_t end)
{
    while (at < end && !rendering->text.foreign.bytes[at]) at++;
    return at;
}

/* Whether two spans hold the same bytes from messages. */
static bool same_message(const strait_rendering *a, strait_span in_a, const strait_rendering *b, strait_span in_b)
{
    size_t i = in_a.begin;
    size_t j = in_b.begin;
    for (;; i++, j++) {
        i = next_foreign(a, i, in_a.end);
        j = next_foreign(b, j, in_b.end);
        if (i == in_a.end || j == in_b.end) return i == in_a.end && j == in_b.end;
        if (a->text.bytes.bytes[i] != b->text.bytes.bytes[j]) return false;
    }
}

static strait_status add_span(strait_sft_reader *reader, strait_span span)
{
    if (reader->span_count == reader->span_capacity) {
        size_t capacity = reader->span_capacity * 2 + 8;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, capacity, sizeof *reader->spans, &reader->spans));
        reader->span_capacity = capacity;
    }
    reader->spans[reader->span_count++] = span;
    return STRAIT_OK;
}

/* What is learnt of message i; reader->whole holds the first `count` messages. */
static strait_status span_of_answer(strait_sft_reader *reader, const json_t *messages, const json_t *tools,
                                    size_t count, size_t i, strait_span *out)
{
    STRAIT_TRY(render(reader, messages, tools, i, true, &reader->part));
    if (!begins_with(&reader->whole, &reader->part)) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "messages[%zu] (assistant): the chat template renders what stands before it otherwise once "
                           "the conversation goes on, so no answer would look like that; sft.split_turns: true makes a "
                           "conversation of each answer",
                           i);
    }
    out->begin = reader->part.text.bytes.length;
    out->end = end_of_answer(reader, &reader->whole, out->begin);
    if (i + 1 == count) return STRAIT_OK;
    STRAIT_TRY(render(reader, messages, tools, i + 1, false, &reader->part));
    if (!reader->end_bytes) {
        if (!begins_with(&reader->whole, &reader->part)) out->begin = out->end;
        out->end = reader->part.text.bytes.length;
    }
    strait_span alone = {.begin = out->begin, .end = end_of_answer(reader, &reader->part, out->begin)};
    if (out->begin < out->end && alone.begin <= alone.end && same_message(&reader->whole, *out, &reader->part, alone)) {
        return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                       "messages[%zu] (assistant): the chat template leaves out some of it (earlier thinking) once the "
                       "conversation goes on; sft.split_turns: true makes a conversation of each answer",
                       i);
}

/* The spans of the first `count` messages, of the last one alone where `last`. */
static strait_status find_spans(strait_sft_reader *reader, const json_t *messages, const json_t *tools, size_t count,
                                bool last)
{
    const strait_template *tmpl;
    reader->span_count = 0;
    STRAIT_TRY(strait_chat_template(reader->rules.chat, tools != NULL, &tmpl));
    STRAIT_TRY(render(reader, messages, tools, count, false, &reader->whole));
    if (strait_template_has_generation(tmpl)) {
        for (size_t i = 0; i < reader->whole.generation_count; i++) {
            STRAIT_TRY(add_span(reader, reader->whole.generations[i]));
        }
        return STRAIT_OK;
    }
    for (size_t i = last ? count - 1 : 0; i < count; i++) {
        strait_span span;
        if (!is_assistant(json_array_get(messages, i))) continue;
        STRAIT_TRY(span_of_answer(reader, messages, tools, count, i, &span));
        STRAIT_TRY(add_span(reader, span));
    }
    return STRAIT_OK;
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

/* Where a token that begins at `at` ends. A tokenizer may put a space before text that begins with none. */
static bool token_end(const strait_sft_reader *reader, int32_t id, size_t at, size_t *out_end)
{
    const strait_buffer *text = &reader->whole.text.bytes;
    size_t length;
    const char *bytes = strait_tokenizer_token(reader->rules.tokenizer, id, &length);
    size_t left = text->length - at;
    bool same = length <= left && memcmp(text->bytes + at, bytes, length) == 0;
    if (!same && length > 0 && bytes[0] == ' ') {
        bytes++;
        length--;
        same = length <= left && memcmp(text->bytes + at, bytes, length) == 0;
    }
    *out_end = at + length;
    return same;
}

static strait_status mark_learnt(strait_sft_reader *reader, size_t *out_learnt)
{
    const strait_encoding *tokens = &reader->encoding;
    size_t at = 0;
    size_t span = 0;
    if (tokens->count > reader->learnt_capacity) {
        STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, tokens->count, sizeof *reader->learnt, &reader->learnt));
        reader->learnt_capacity = tokens->count;
    }
    *out_learnt = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        size_t end;
        if (!token_end(reader, tokens->ids[i], at, &end)) {
            return STRAIT_FAIL(
                STRAIT_ERR_UNSUPPORTED,
                "the tokenizer changes the text (byte %zu of the rendered conversation): which tokens are "
                "the assistant's cannot be told",
                at);
        }
        while (span < reader->span_count && reader->spans[span].end < end) span++;
        reader->learnt[i] = span < reader->span_count && reader->spans[span].begin <= at && end > at;
        *out_learnt += reader->learnt[i];
        at = end;
    }
    return STRAIT_OK;
}

/* The first `count` messages as one conversation. */
static strait_status read_some(strait_sft_reader *reader, const json_t *messages, const json_t *tools, size_t count,
                               bool last)
{
    const strait_template *tmpl;
    size_t learnt;
    STRAIT_TRY(find_spans(reader, messages, tools, count, last));
    STRAIT_TRY(strait_chat_template(reader->rules.chat, tools != NULL, &tmpl));
    STRAIT_TRY(strait_chat_encode(reader->rules.tokenizer, tmpl, &reader->whole, reader->rules.trust_content,
                                  &reader->encoding));
    if (reader->encoding.dropped_bytes > 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "the tokenizer has no tokens for %zu bytes of it",
                           reader->encoding.dropped_bytes);
    }
    STRAIT_TRY(mark_learnt(reader, &learnt));
    /* The first token is never a target. */
    if (reader->encoding.count > 0) learnt -= reader->learnt[0];
    if (learnt == 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "the assistant's messages have no tokens: there is nothing to learn");
    }
    return STRAIT_OK;
}

static strait_status take_it(const strait_sft_reader *reader, strait_sft_take take, void *user)
{
    return take(user, reader->encoding.ids, reader->learnt, reader->encoding.count);
}

static strait_status read_split(strait_sft_reader *reader, const json_t *messages, const json_t *tools,
                                strait_sft_take take, void *user)
{
    size_t count = json_array_size(messages);
    /* All of it is tried before any of it is taken. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            if (!is_assistant(json_array_get(messages, i))) continue;
            STRAIT_TRY(read_some(reader, messages, tools, i + 1, true));
            if (pass == 1) STRAIT_TRY(take_it(reader, take, user));
        }
    }
    return STRAIT_OK;
}

strait_status strait_sft_read(strait_sft_reader *reader, json_t *conversation, strait_sft_take take, void *user)
{
    json_t *messages = NULL;
    const json_t *tools = NULL;
    STRAIT_TRY(check_conversation(conversation, &messages, &tools));
    STRAIT_TRY(normalise(reader, messages));
    strait_status status = read_some(reader, messages, tools, json_array_size(messages), false);
    if (status == STRAIT_ERR_UNSUPPORTED && reader->rules.split_turns) {
        return read_split(reader, messages, tools, take, user);
    }
    STRAIT_TRY(status);
    return take_it(reader, take, user);
}
