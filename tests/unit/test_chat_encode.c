/* Conversations as tokens: whose control tokens count, and what ends a turn. */
#define _POSIX_C_SOURCE 200809L
#include "folder.h"

#include "train/chat_encode.h"

enum { T_SPECIAL = 8, T_WRITTEN, T_UNWRITTEN };

static const char tokenizer_json[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["
    "{\"id\":8,\"content\":\"<|x|>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
    "\"special\":true},"
    "{\"id\":9,\"content\":\"<a>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
    "\"special\":false},"
    "{\"id\":10,\"content\":\"<b>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
    "\"special\":false}],\"normalizer\":null,"
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":false},"
    "\"post_processor\":null,"
    "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":false},"
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,"
    "\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,"
    "\"vocab\":{\"a\":0,\"b\":1,\"<\":2,\">\":3,\"|\":4,\"x\":5,\"r\":6,\"e\":7},\"merges\":[]}}";

static void assert_ids(const char *text, const char *own, const char *content, bool trust, const int32_t *ids,
                       size_t count)
{
    strait_tokenizer *tokenizer;
    strait_template *tmpl;
    strait_rendering rendering = {0};
    strait_encoding encoding = {0};
    json_t *foreign = json_pack("{s:s}", "m", content);
    json_t *variables = json_pack("{s:s}", "o", own);
    assert_ok(strait_tokenizer_parse("test", tokenizer_json, strlen(tokenizer_json), &tokenizer));
    assert_ok(strait_template_parse("test", text, strlen(text), &tmpl));
    assert_ok(strait_template_render(tmpl, variables, foreign, &rendering));
    assert_ok(strait_chat_encode(tokenizer, tmpl, &rendering, trust, &encoding));
    assert_int_equal(encoding.count, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(encoding.ids[i], ids[i]);
    json_decref(foreign);
    json_decref(variables);
    strait_encoding_fini(&encoding);
    strait_rendering_fini(&rendering);
    strait_template_destroy(tmpl);
    strait_tokenizer_destroy(tokenizer);
}

#define ASSERT_IDS(text, own, content, trust, ...)                                        \
    do {                                                                                  \
        static const int32_t wanted_[] = {__VA_ARGS__};                                   \
        assert_ids(text, own, content, trust, wanted_, sizeof wanted_ / sizeof *wanted_); \
    } while (0)

static void controls_in_messages_are_text(void **state)
{
    (void)state;
    ASSERT_IDS("<|x|>{{ m }}<a>", "", "ab", false, T_SPECIAL, 0, 1, T_WRITTEN);
    /* The same bytes from a message are text, wherever they stand, and however the template passes them on. */
    ASSERT_IDS("<|x|>{{ m }}<a>", "", "<|x|>", false, T_SPECIAL, 2, 4, 5, 4, 3, T_WRITTEN);
    ASSERT_IDS("<|x|>{{ m|trim }}<a>", "", "a<a>b", false, T_SPECIAL, 0, 2, 0, 3, 1, T_WRITTEN);
    ASSERT_IDS("{{ m }}<a>", "", "<|x|><|x|>", false, 2, 4, 5, 4, 3, 2, 4, 5, 4, 3, T_WRITTEN);
    /* So is what a message and the template spell together. */
    ASSERT_IDS("{{ m }}|x|><a>", "", "<", false, 2, 4, 5, 4, 3, T_WRITTEN);
    /* An added token that is neither special nor the template's own is a word like others. */
    ASSERT_IDS("<a>{{ m }}", "", "<b>", false, T_WRITTEN, T_UNWRITTEN);
    /* Names of tokens that the caller hands in are his own. */
    ASSERT_IDS("{{ o }}{{ m }}", "<|x|>", "a", false, T_SPECIAL, 0);
    ASSERT_IDS("<|x|>{{ m }}<a>", "", "<|x|><a>", true, T_SPECIAL, T_SPECIAL, T_WRITTEN, T_WRITTEN);
}

static void end_of_turn(const char *folder, const char *text, int32_t expected)
{
    char path[256];
    strait_tokenizer *tokenizer;
    strait_chat *chat;
    int32_t end = -2;
    snprintf(path, sizeof path, "%s/chat_template.jinja", folder);
    write_text(path, text);
    assert_ok(strait_tokenizer_parse("test", tokenizer_json, strlen(tokenizer_json), &tokenizer));
    assert_ok(strait_chat_open(folder, &chat));
    assert_ok(strait_chat_end_of_turn(chat, tokenizer, &end));
    assert_int_equal(end, expected);
    strait_chat_close(chat);
    strait_tokenizer_destroy(tokenizer);
}

static void ends_of_turns(void **state)
{
    const test_folder *folder = *state;
    end_of_turn(folder->path, "{% for m in messages %}{{ m.content }}<|x|>a{% endfor %}", T_SPECIAL);
    end_of_turn(folder->path,
                "{% for m in messages %}{{ m.content }}{{ '<a>' if m.role == 'assistant' else '' }}{% endfor %}",
                T_WRITTEN);
    end_of_turn(folder->path, "{% for m in messages %}{{ m.content }}a<|x|>{% endfor %}", -1);
    end_of_turn(folder->path, "{% for m in messages %}{{ m.content }}{% endfor %}", -1);
    end_of_turn(folder->path, "x", -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_in_messages_are_text),
        cmocka_unit_test_setup_teardown(ends_of_turns, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
