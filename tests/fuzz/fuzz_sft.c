/* Any bytes as a conversation: refused with a reason, or tokens of which some are learnt. */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "train/sft_turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Leaves out earlier thinking, as Qwen3's does. */
static const char tmpl[] =
    "{% for m in messages %}<s>{{ m.role }}:{% if m.reasoning_content is defined and loop.last %}"
    "({{ m.reasoning_content }}){% endif %}{{ m.content }}</s>{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}"
    "{% if add_generation_prompt %}<s>assistant:{% endif %}";

static strait_tokenizer *make_tokenizer(void)
{
    enum { BYTES = 256 };
    static const char *const rest =
        "],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
        "\"trim_offsets\":false,\"use_regex\":true},\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\","
        "\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":false},\"model\":{\"type\":\"BPE\","
        "\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
        "\"fuse_unk\":false,\"byte_fallback\":false,\"vocab\":{";
    strait_buffer json = {0};
    strait_tokenizer *tokenizer = NULL;
    strait_status status = strait_buffer_printf(
        &json, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["
               "{\"id\":256,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
               "\"normalized\":false,\"special\":true},{\"id\":257,\"content\":\"</s>\",\"single_word\":false,"
               "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}");
    if (status == STRAIT_OK) status = strait_buffer_append(&json, rest, strlen(rest));
    int hidden = 0;
    for (int b = 0; b < BYTES && status == STRAIT_OK; b++) {
        bool visible = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        status = strait_buffer_printf(&json, "%s\"\\u%04x\":%d", b ? "," : "", visible ? b : BYTES + hidden++, b);
    }
    if (status == STRAIT_OK) status = strait_buffer_printf(&json, ",\"xy\":258},\"merges\":[\"x y\"]}}");
    if (status == STRAIT_OK) status = strait_tokenizer_parse("fuzz", json.bytes, json.length, &tokenizer);
    if (status != STRAIT_OK) abort();
    strait_buffer_fini(&json);
    return tokenizer;
}

static strait_chat *make_chat(void)
{
    char folder[] = "/tmp/strait-fuzz-XXXXXX";
    char path[64];
    strait_chat *chat = NULL;
    if (!mkdtemp(folder)) abort();
    snprintf(path, sizeof path, "%s/chat_template.jinja", folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs(tmpl, file) < 0 || fclose(file) != 0) abort();
    if (strait_chat_open(folder, &chat) != STRAIT_OK || strait_directory_remove(folder) != STRAIT_OK) abort();
    return chat;
}

static strait_status take(void *user, const int32_t *ids, const uint8_t *learnt, size_t count)
{
    (void)user;
    size_t targets = 0;
    for (size_t i = 1; i < count; i++) targets += learnt[i];
    /* Begins with <s>, which is nobody's answer. */
    if (count < 2 || targets == 0 || ids[0] != 256 || learnt[0]) abort();
    return STRAIT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static strait_sft_reader *readers[2];
    json_t *conversation;
    if (!readers[0]) {
        strait_sft_rules rules = {.chat = make_chat(), .tokenizer = make_tokenizer(), .thinking = -1};
        if (strait_sft_reader_create(&rules, &readers[0]) != STRAIT_OK) abort();
        rules.split_turns = true;
        rules.trust_content = true;
        if (strait_sft_reader_create(&rules, &readers[1]) != STRAIT_OK) abort();
    }
    if (length > 4096 || strait_json_parse("fuzz", (const char *)bytes, length, &conversation) != STRAIT_OK) return 0;
    for (int i = 0; i < 2 && json_is_object(conversation); i++) {
        strait_status status = strait_sft_read(readers[i], conversation, take, NULL);
        if (status == STRAIT_ERR_INTERNAL || (status != STRAIT_OK && !*strait_error_message())) abort();
    }
    json_decref(conversation);
    return 0;
}
