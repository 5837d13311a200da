/* Where a model keeps its chat template, and what is handed to it. */
#include "chat/chat_template.h"

#include "base/file.h"

#include <string.h>

enum { FILE_MAX = 64 << 20 };

struct strait_chat {
    char *directory;
    char *path;         /* of the file that holds the template */
    strait_buffer text; /* chat_template.jinja, empty where there is none */
    json_t *config;     /* tokenizer_config.json, or NULL */
    json_t *tokens;     /* special tokens by the names that templates use */
    strait_template *plain;
    strait_template *with_tools; /* NULL = plain, or not needed yet */
};

static const char *const token_names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};

/* "<s>" or {"content": "<s>", ...}. */
static const json_t *token_text(const json_t *value)
{
    if (json_is_object(value)) value = json_object_get(value, "content");
    return json_is_string(value) ? value : NULL;
}

/* jansson changes counts of references only. */
static json_t *borrowed(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

static strait_status collect_tokens(strait_chat *chat)
{
    bool stored = true;
    chat->tokens = json_object();
    for (size_t i = 0; chat->tokens && i < sizeof token_names / sizeof *token_names; i++) {
        const json_t *text = token_text(json_object_get(chat->config, token_names[i]));
        if (text) stored = stored && json_object_set(chat->tokens, token_names[i], borrowed(text)) == 0;
    }
    const json_t *more = json_object_get(chat->config, "additional_special_tokens");
    json_t *list = chat->tokens && json_array_size(more) > 0 ? json_array() : NULL;
    for (size_t i = 0; list && i < json_array_size(more); i++) {
        const json_t *text = token_text(json_array_get(more, i));
        if (text) stored = stored && json_array_append(list, borrowed(text)) == 0;
    }
    if (list) stored = stored && json_object_set_new(chat->tokens, "additional_special_tokens", list) == 0;
    if (chat->tokens && stored) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory", chat->directory);
}

static strait_status read_config(strait_chat *chat)
{
    char *path;
    STRAIT_TRY(strait_path_join(chat->directory, "tokenizer_config.json", &path));
    strait_status status = strait_path_exists(path) ? strait_json_read(path, &chat->config) : STRAIT_OK;
    strait_free(path);
    return status;
}

static strait_status read_files(strait_chat *chat)
{
    STRAIT_TRY(read_config(chat));
    STRAIT_TRY(strait_path_join(chat->directory, "chat_template.jinja", &chat->path));
    if (strait_path_exists(chat->path)) return strait_file_read(chat->path, FILE_MAX, &chat->text);
    strait_free(chat->path);
    chat->path = NULL;
    return strait_path_join(chat->directory, "tokenizer_config.json", &chat->path);
}

/* The text of the template called `name`; NULL where there is none of this name. */
static const json_t *find_named(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *called = json_string_value(json_object_get(item, "name"));
        const json_t *text = json_object_get(item, "template");
        if (called && strcmp(called, name) == 0 && json_is_string(text)) return text;
    }
    return NULL;
}

/* Parses one template; where it is one of a list, its name is part of what errors call it. */
static strait_status parse_text(const strait_chat *chat, const json_t *text, const char *name, strait_template **out)
{
    strait_buffer title = {0};
    strait_status status =
        strait_buffer_printf(&title, "%s: chat_template%s%s", chat->path, name ? " " : "", name ? name : "");
    if (status == STRAIT_OK) {
        status = strait_template_parse(title.bytes, json_string_value(text), json_string_length(text), out);
    }
    strait_buffer_fini(&title);
    return status;
}

static strait_status parse_plain(strait_chat *chat)
{
    if (chat->text.length > 0) {
        return strait_template_parse(chat->path, chat->text.bytes, chat->text.length, &chat->plain);
    }
    const json_t *value = json_object_get(chat->config, "chat_template");
    if (json_is_string(value)) return parse_text(chat, value, NULL, &chat->plain);
    if (json_is_array(value)) {
        const json_t *text = find_named(value, "default");
        if (text) return parse_text(chat, text, "default", &chat->plain);
        return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                           "%s: chat_template is a list without a template of the name \"default\": add one",
                           chat->path);
    }
    if (value && !json_is_null(value)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: chat_template is neither a text nor a list", chat->path);
    }
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                       "%s: there is no chat template: neither chat_template.jinja nor \"chat_template\" in "
                       "tokenizer_config.json; add one of them",
                       chat->directory);
}

strait_status strait_chat_open(const char *directory, strait_chat **out)
{
    strait_chat *chat;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *chat, &chat));
    strait_status status = strait_strdup(STRAIT_TAG_OTHER, directory, &chat->directory);
    if (status == STRAIT_OK) status = read_files(chat);
    if (status == STRAIT_OK) status = collect_tokens(chat);
    if (status == STRAIT_OK) status = parse_plain(chat);
    if (status != STRAIT_OK) {
        strait_chat_close(chat);
        return status;
    }
    *out = chat;
    return STRAIT_OK;
}

void strait_chat_close(strait_chat *chat)
{
    if (!chat) return;
    strait_template_destroy(chat->plain);
    strait_template_destroy(chat->with_tools);
    json_decref(chat->config);
    json_decref(chat->tokens);
    strait_buffer_fini(&chat->text);
    strait_free(chat->path);
    strait_free(chat->directory);
    strait_free(chat);
}

strait_status strait_chat_template(strait_chat *chat, bool tools, const strait_template **out)
{
    const json_t *list = chat->text.length > 0 ? NULL : json_object_get(chat->config, "chat_template");
    const json_t *text = tools ? find_named(list, "tool_use") : NULL;
    if (text && !chat->with_tools) STRAIT_TRY(parse_text(chat, text, "tool_use", &chat->with_tools));
    *out = text ? chat->with_tools : chat->plain;
    return STRAIT_OK;
}

/* What is the caller's own: everything but messages and tools. */
static json_t *own_variables(const strait_chat *chat, const strait_chat_options *options)
{
    json_t *own = json_copy(chat->tokens);
    bool stored = own && json_object_set_new(own, "tools", json_null()) == 0 &&
                  json_object_set_new(own, "documents", json_null()) == 0 &&
                  json_object_set_new(own, "add_generation_prompt", json_boolean(options->generation_prompt)) == 0 &&
                  (!options->variables || json_object_update(own, borrowed(options->variables)) == 0);
    if (stored) return own;
    json_decref(own);
    return NULL;
}

strait_status strait_chat_render(strait_chat *chat, const json_t *messages, const strait_chat_options *options,
                                 strait_rendering *out)
{
    const strait_template *tmpl;
    STRAIT_TRY(strait_chat_template(chat, options->tools != NULL, &tmpl));
    json_t *own = own_variables(chat, options);
    json_t *foreign = json_object();
    bool stored = own && foreign && json_object_set(foreign, "messages", borrowed(messages)) == 0 &&
                  (!options->tools || json_object_set(foreign, "tools", borrowed(options->tools)) == 0);
    strait_status status = stored ? strait_template_render(tmpl, own, foreign, out)
                                  : STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory", chat->directory);
    json_decref(own);
    json_decref(foreign);
    return status;
}
