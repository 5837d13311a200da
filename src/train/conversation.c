/* A conversation: messages, what of them the model has read, and the answer as it comes. */
#include <strait/chat.h>

#include "base/clock.h"
#include "base/options.h"
#include "base/utf8.h"
#include "train/chat_encode.h"
#include "train/events.h"
#include "train/generate_session.h"

#include <string.h>

enum { CONTEXT_DEFAULT = 4096, TAG_MAX = 24 };

/* What models write around their thinking. */
static const char *const thinking_tags[][2] = {
    {"<think>", "</think>"}, {"<seed:think>", "</seed:think>"}, {"<thinking>", "</thinking>"}};
enum { TAG_KINDS = 3 };

struct strait_conversation {
    strait_conversation_options options;
    strait_generate_options generate;
    strait__session session;
    strait_chat *chat;
    json_t *messages;
    json_t *variables; /* of the template, or NULL */
    int64_t capacity;
    strait_rendering rendering;
    strait_encoding encoding;
    /* The answer under way: what was thought, what was said, and what may still become a tag. */
    strait_buffer thought;
    strait_buffer said;
    strait_buffer held;
    bool thinking;
    strait_status failed; /* while text was taken */
};

static json_t *message(const char *role, const char *text)
{
    return json_pack("{s:s, s:s}", "role", role, "content", text);
}

static strait_status no_memory(void)
{
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for the conversation");
}

static strait_status open_conversation(strait_conversation *c)
{
    int32_t end;
    STRAIT_TRY(strait__session_open(&c->session, &c->generate));
    STRAIT_TRY(strait_chat_open(c->session.named.directory, &c->chat));
    STRAIT_TRY(strait_chat_end_of_turn(c->chat, c->session.tokenizer, &end));
    bool stops = end >= 0 && !c->generate.ignore_eos;
    if (stops && c->session.stop_count < STRAIT__STOPS_MAX) c->session.stops[c->session.stop_count++] = end;
    c->messages = json_array();
    if (!c->messages) return no_memory();
    if (c->options.system && json_array_append_new(c->messages, message("system", c->options.system)) != 0) {
        return strait_utf8_valid_prefix(c->options.system, strlen(c->options.system)) < strlen(c->options.system)
                   ? STRAIT_FAIL(STRAIT_ERR_USAGE, "the system turn is not UTF-8")
                   : no_memory();
    }
    if (c->options.thinking >= 0) {
        c->variables = json_pack("{s:b}", "enable_thinking", c->options.thinking);
        if (!c->variables) return no_memory();
    }
    int64_t most = strait_model_dir_config(c->session.model)->max_position_embeddings;
    c->capacity = c->options.context > 0 ? c->options.context : CONTEXT_DEFAULT;
    if (c->capacity > most) c->capacity = most;
    return strait__session_start(&c->session, c->capacity, true);
}

strait_status strait_conversation_open(const strait_conversation_options *options, strait_conversation **out)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_conversation_options"));
    STRAIT_TRY(strait__session_check(options->generate));
    if (options->context < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--context %lld: 1 or more", (long long)options->context);
    }
    strait_conversation *c;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *c, &c));
    c->options = *options;
    c->generate = *options->generate;
    strait_status status = open_conversation(c);
    if (status != STRAIT_OK) {
        strait_conversation_close(c);
        return status;
    }
    *out = c;
    return STRAIT_OK;
}

void strait_conversation_close(strait_conversation *c)
{
    if (!c) return;
    strait_chat_close(c->chat);
    json_decref(c->messages);
    json_decref(c->variables);
    strait_rendering_fini(&c->rendering);
    strait_encoding_fini(&c->encoding);
    strait_buffer_fini(&c->thought);
    strait_buffer_fini(&c->said);
    strait_buffer_fini(&c->held);
    strait__session_close(&c->session);
    strait_free(c);
}

static strait_status show(strait_conversation *c, const char *text, size_t length, bool thinking, bool tag)
{
    if (length == 0) return STRAIT_OK;
    if (!tag) STRAIT_TRY(strait_buffer_append(thinking ? &c->thought : &c->said, text, length));
    if (c->options.text) c->options.text(c->options.user, text, length, thinking);
    return STRAIT_OK;
}

/* How many bytes at the end of text may be the beginning of a tag. */
static size_t unfinished_tag(const strait_buffer *text, int side)
{
    size_t longest = 0;
    for (int kind = 0; kind < TAG_KINDS; kind++) {
        const char *tag = thinking_tags[kind][side];
        for (size_t length = strlen(tag) - 1; length > longest; length--) {
            if (length > text->length) continue;
            if (memcmp(text->bytes + text->length - length, tag, length) == 0) longest = length;
        }
    }
    return longest;
}

/* Passes on what is held but for what may become a tag; `all`: that too. */
static strait_status take_held(strait_conversation *c, bool all)
{
    strait_buffer *held = &c->held;
    for (;;) {
        int side = c->thinking ? 1 : 0;
        size_t begin = held->length;
        size_t size = 0;
        for (int kind = 0; kind < TAG_KINDS && held->length > 0; kind++) {
            const char *tag = thinking_tags[kind][side];
            size_t found = strait__text_find(held->bytes, held->length, tag, strlen(tag));
            if (found >= begin) continue;
            begin = found;
            size = strlen(tag);
        }
        if (size == 0) break;
        char tag[TAG_MAX + 1];
        memcpy(tag, held->bytes + begin, size);
        tag[size] = '\0';
        size_t rest = held->length - begin - size;
        held->bytes[begin] = '\0';
        STRAIT_TRY(show(c, held->bytes, begin, c->thinking, false));
        STRAIT_TRY(show(c, tag, size, true, true));
        c->thinking = !c->thinking;
        memmove(held->bytes, held->bytes + begin + size, rest);
        held->length = rest;
        held->bytes[rest] = '\0';
    }
    size_t keep = all || held->length == 0 ? 0 : unfinished_tag(held, c->thinking ? 1 : 0);
    if (held->length == keep) return STRAIT_OK;
    char last[TAG_MAX];
    size_t length = held->length - keep;
    memcpy(last, held->bytes + length, keep);
    held->bytes[length] = '\0';
    STRAIT_TRY(show(c, held->bytes, length, c->thinking, false));
    memcpy(held->bytes, last, keep);
    held->length = keep;
    held->bytes[keep] = '\0';
    return STRAIT_OK;
}

static int take_text(void *user, const char *text, size_t length)
{
    strait_conversation *c = user;
    c->failed = strait_buffer_append(&c->held, text, length);
    if (c->failed == STRAIT_OK) c->failed = take_held(c, false);
    return c->failed != STRAIT_OK || strait_events_stop(c->generate.events);
}

/* Whether the prompt itself ends with the beginning of a thought. */
static bool prompt_thinks(const strait_conversation *c)
{
    const strait_buffer *text = &c->rendering.text.bytes;
    size_t end = text->length - strait__space_after(text->bytes, text->length);
    for (int kind = 0; kind < TAG_KINDS; kind++) {
        size_t length = strlen(thinking_tags[kind][0]);
        if (end >= length && memcmp(text->bytes + end - length, thinking_tags[kind][0], length) == 0) return true;
    }
    return false;
}

/* The conversation as tokens, up to the answer. */
static strait_status prepare(strait_conversation *c)
{
    const strait_template *tmpl;
    strait_chat_options options = {.generation_prompt = true, .variables = c->variables};
    STRAIT_TRY(strait_chat_template(c->chat, false, &tmpl));
    STRAIT_TRY(strait_chat_render(c->chat, c->messages, &options, &c->rendering));
    STRAIT_TRY(strait_chat_encode(c->session.tokenizer, tmpl, &c->rendering, false, &c->encoding));
    if (c->encoding.count == 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "the chat template renders the conversation to nothing");
    }
    if ((int64_t)c->encoding.count >= c->capacity) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE,
                           "the conversation has %zu tokens, and its context is %lld: raise --context, where the model "
                           "takes more, or begin anew",
                           c->encoding.count, (long long)c->capacity);
    }
    return STRAIT_OK;
}

static strait_status answer(strait_conversation *c, strait_answer_report *report)
{
    const int32_t *ids = c->encoding.ids;
    int64_t count = (int64_t)c->encoding.count;
    double begin = strait_clock();
    report->context = c->capacity;
    report->prompt_tokens = count;
    report->end = STRAIT_END_CALLER;
    strait_buffer_clear(&c->thought);
    strait_buffer_clear(&c->said);
    strait_buffer_clear(&c->held);
    c->thinking = prompt_thinks(c);
    strait_sampler_forget(c->session.sampler);
    for (int64_t i = 0; i < count; i++) strait_sampler_saw(c->session.sampler, ids[i]);
    report->kept_tokens = strait_generator_keep(c->session.generator, ids, count);
    strait_status status =
        strait_generator_read(c->session.generator, ids + report->kept_tokens, count - report->kept_tokens);
    double read = strait_clock();
    report->prompt_seconds = read - begin;
    if (status == STRAIT_ERR_CANCELLED) return STRAIT_OK;
    STRAIT_TRY(status);
    c->failed = STRAIT_OK;
    STRAIT_TRY(strait_generator_answer(c->session.generator, c->session.sampler, c->session.tokenizer,
                                       c->generate.max_tokens, c->session.stops, c->session.stop_count, take_text, c,
                                       &report->tokens, &report->end));
    STRAIT_TRY(c->failed);
    report->seconds = strait_clock() - read;
    return take_held(c, true);
}

/* What was answered becomes a message; thoughts stand apart, where templates look for them. */
static strait_status keep_answer(strait_conversation *c)
{
    const char *said = c->said.bytes ? c->said.bytes : "";
    size_t skip = c->thought.length > 0 ? strait__space_before(said, c->said.length) : 0;
    json_t *item = message("assistant", said + skip);
    if (item && c->thought.length > 0 &&
        json_object_set_new(item, "reasoning_content", json_string(c->thought.bytes)) != 0) {
        json_decref(item);
        return no_memory();
    }
    return json_array_append_new(c->messages, item) == 0 ? STRAIT_OK : no_memory();
}

strait_status strait_conversation_say(strait_conversation *c, const char *text, strait_answer_report *out_report)
{
    strait_answer_report report = {0};
    size_t before = json_array_size(c->messages);
    if (strait_utf8_valid_prefix(text, strlen(text)) < strlen(text)) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "what was said is not UTF-8");
    }
    if (json_array_append_new(c->messages, message("user", text)) != 0) return no_memory();
    strait_status status = prepare(c);
    if (status == STRAIT_OK) status = answer(c, &report);
    if (status == STRAIT_OK) status = keep_answer(c);
    if (status != STRAIT_OK) {
        while (json_array_size(c->messages) > before) json_array_remove(c->messages, before);
        return status;
    }
    if (out_report) *out_report = report;
    return STRAIT_OK;
}
