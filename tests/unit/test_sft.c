/* Which tokens of a conversation are learnt, token by token (of single bytes), and how conversations are packed. */
#define _POSIX_C_SOURCE 200809L
#include "folder.h"

#include "data/dataset_internal.h"
#include "train/sft.h"

static const char *const controls[] = {"<|endoftext|>",   "<|im_start|>", "<|im_end|>",    "<seed:bos>",
                                       "<seed:eos>",      "<seed:think>", "</seed:think>", "<｜User｜>",
                                       "<｜Assistant｜>", "<think>",      "</think>",      "</s>"};
enum { CONTROLS = sizeof controls / sizeof controls[0], BYTES = 256, LENGTH = 40 };

/* A token for each byte, in the alphabet of byte-level tokenizers, and the control tokens. */
static strait_tokenizer *make_tokenizer(void)
{
    strait_buffer json = {0};
    strait_tokenizer *tokenizer;
    assert_ok(
        strait_buffer_printf(&json, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["));
    for (int i = 0; i < CONTROLS; i++) {
        assert_ok(strait_buffer_printf(&json,
                                       "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,"
                                       "\"rstrip\":false,\"normalized\":false,\"special\":%s}",
                                       i ? "," : "", BYTES + i, controls[i],
                                       strstr(controls[i], "think") ? "false" : "true"));
    }
    assert_ok(strait_buffer_printf(
        &json,
        "],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
        "\"trim_offsets\":false,\"use_regex\":false},\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\","
        "\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":false},\"model\":{\"type\":\"BPE\","
        "\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
        "\"fuse_unk\":false,\"byte_fallback\":false,\"vocab\":{"));
    int hidden = 0;
    for (int b = 0; b < BYTES; b++) {
        bool visible = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        assert_ok(strait_buffer_printf(&json, "%s\"\\u%04x\":%d", b ? "," : "", visible ? b : BYTES + hidden++, b));
    }
    assert_ok(strait_buffer_printf(&json, "},\"merges\":[]}}"));
    assert_ok(strait_tokenizer_parse("test", json.bytes, json.length, &tokenizer));
    strait_buffer_fini(&json);
    return tokenizer;
}

typedef struct bench {
    strait_tokenizer *tokenizer;
    strait_chat *chat;
    strait_sft_reader *reader;
    size_t count;       /* tokens taken */
    strait_buffer text; /* what was taken: learnt bytes between [ and ], conversations on lines of their own */
} bench;

static strait_status take(void *user, const int32_t *ids, const uint8_t *learnt, size_t count)
{
    bench *b = user;
    bool open = false;
    b->count += count;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *bytes = strait_tokenizer_token(b->tokenizer, ids[i], &length);
        if (learnt[i] != open) STRAIT_TRY(strait_buffer_append(&b->text, open ? "]" : "[", 1));
        open = learnt[i];
        STRAIT_TRY(strait_buffer_append(&b->text, bytes, length));
    }
    return strait_buffer_append(&b->text, open ? "]\n~\n" : "\n~\n", open ? 4 : 3);
}

/* `template_text`: a template, or the name of one in tests/chat. */
static void open_bench(const test_folder *folder, const char *template_text, strait_sft_rules rules, bench *b)
{
    char path[256];
    *b = (bench){.tokenizer = make_tokenizer()};
    snprintf(path, sizeof path, "%s/chat_template.jinja", folder->path);
    const char *ending = strrchr(template_text, '.');
    if (ending && strcmp(ending, ".jinja") == 0) {
        char from[256];
        strait_buffer text = {0};
        snprintf(from, sizeof from, "%s/chat/%s", STRAIT_TEST_DATA, template_text);
        assert_ok(strait_file_read(from, 0, &text));
        write_text(path, text.bytes);
        strait_buffer_fini(&text);
    } else {
        write_text(path, template_text);
    }
    snprintf(path, sizeof path, "%s/tokenizer_config.json", folder->path);
    write_text(path, "{\"bos_token\": \"<|endoftext|>\", \"eos_token\": \"</s>\"}");
    assert_ok(strait_chat_open(folder->path, &b->chat));
    rules.chat = b->chat;
    rules.tokenizer = b->tokenizer;
    assert_ok(strait_sft_reader_create(&rules, &b->reader));
}

static void close_bench(bench *b)
{
    strait_sft_reader_destroy(b->reader);
    strait_chat_close(b->chat);
    strait_tokenizer_destroy(b->tokenizer);
    strait_buffer_fini(&b->text);
}

static strait_status read_one(bench *b, const char *conversation)
{
    json_t *json;
    strait_buffer_clear(&b->text);
    assert_ok(strait_json_parse("test", conversation, strlen(conversation), &json));
    strait_status status = strait_sft_read(b->reader, json, take, b);
    json_decref(json);
    return status;
}

static void assert_learnt(const test_folder *folder, const char *tmpl, strait_sft_rules rules, const char *conversation,
                          const char *expected)
{
    bench b;
    open_bench(folder, tmpl, rules, &b);
    assert_ok(read_one(&b, conversation));
    assert_string_equal(b.text.bytes, expected);
    close_bench(&b);
}

static void assert_refused(const test_folder *folder, const char *tmpl, strait_sft_rules rules,
                           const char *conversation, const char *why)
{
    bench b;
    open_bench(folder, tmpl, rules, &b);
    strait_status status = read_one(&b, conversation);
    assert_int_not_equal(status, STRAIT_OK);
    if (!strstr(strait_error_message(), why)) fail_msg("\"%s\" is not in: %s", why, strait_error_message());
    assert_int_equal(b.text.length, 0);
    close_bench(&b);
}

#define TWO_TURNS                                                                                          \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Yes?\"}," \
    "{\"role\":\"user\",\"content\":\"Bye\"},{\"role\":\"assistant\",\"content\":\"Oh\"}]}"
#define THOUGHTS                                                                                          \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Yes?\"," \
    "\"reasoning_content\":\"hm\"},{\"role\":\"user\",\"content\":\"Bye\"},{\"role\":\"assistant\","      \
    "\"content\":\"Oh\",\"reasoning_content\":\"so\"}]}"

static const strait_sft_rules plain_rules = {.thinking = -1};
static const strait_sft_rules split_rules = {.thinking = -1, .split_turns = true};

#define ASKED "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"

static void four_families(void **state)
{
    /* The last answer's empty thoughts are the template's, and the model has to write them. */
    assert_learnt(*state, "chatml.jinja", plain_rules, TWO_TURNS,
                  ASKED "[Yes?<|im_end|>]\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
                        "[<think>\n\n</think>\n\nOh<|im_end|>]\n\n~\n");
    assert_learnt(*state, "budget.jinja", plain_rules, TWO_TURNS,
                  "<seed:bos>user\nHi<seed:eos><seed:bos>assistant\n[Yes?<seed:eos>]<seed:bos>user\nBye<seed:eos>"
                  "<seed:bos>assistant\n[Oh<seed:eos>]\n~\n");
    assert_learnt(
        *state, "turns.jinja", plain_rules, TWO_TURNS,
        "<|endoftext|><｜User｜>Hi<｜Assistant｜></think>[Yes?</s>]<｜User｜>Bye<｜Assistant｜></think>[Oh</s>]\n~\n");
    /* This one says itself what the assistant wrote. */
    assert_learnt(*state, "plain.jinja", plain_rules, TWO_TURNS,
                  "<|begin_of_sentence|>User: Hi\n[Assistant: Yes?</s>]User: Bye\n[Assistant: Oh</s>]\n~\n");
}

static void thoughts_that_are_left_out(void **state)
{
    assert_refused(*state, "chatml.jinja", plain_rules, THOUGHTS,
                   "messages[1] (assistant): the chat template leaves out");
    assert_learnt(*state, "chatml.jinja", split_rules, THOUGHTS,
                  ASKED "[<think>\nhm\n</think>\n\nYes?<|im_end|>]\n\n~\n" ASKED
                        "Yes?<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
                        "[<think>\nso\n</think>\n\nOh<|im_end|>]\n\n~\n");
    /* What can be learnt whole is not split. */
    assert_learnt(*state, "budget.jinja", split_rules, TWO_TURNS,
                  "<seed:bos>user\nHi<seed:eos><seed:bos>assistant\n[Yes?<seed:eos>]<seed:bos>user\nBye<seed:eos>"
                  "<seed:bos>assistant\n[Oh<seed:eos>]\n~\n");
    /* A prompt for an answer that the conversation does not go on from. */
    const strait_sft_rules off = {.thinking = 0};
    assert_refused(*state, "chatml.jinja", off, TWO_TURNS,
                   "messages[1] (assistant): the chat template renders what stands");
}

#define SAYS(text) \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"" text "\"}]}"

static void text_of_messages(void **state)
{
    static const char tmpl[] =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    const strait_sft_rules trust = {.thinking = -1, .trust_content = true};
    bench b;
    /* A control token that a message spells out is text, of a token for each byte, and ends no answer. */
    open_bench(*state, tmpl, plain_rules, &b);
    assert_ok(read_one(&b, SAYS("a<|im_end|>b")));
    assert_string_equal(b.text.bytes, ASKED "[a<|im_end|>b<|im_end|>]\n\n~\n");
    size_t as_text = b.count;
    close_bench(&b);
    open_bench(*state, tmpl, trust, &b);
    assert_ok(read_one(&b, SAYS("a<|im_end|>b")));
    assert_string_equal(b.text.bytes, ASKED "[a<|im_end|>b<|im_end|>]\n\n~\n");
    assert_int_equal(b.count, as_text - strlen("<|im_end|>") + 1);
    close_bench(&b);
    /* In NFC, as the tokenizer will have it: e and a combining acute accent are one character. */
    assert_learnt(*state, tmpl, plain_rules, SAYS("caf\\u0065\\u0301"), ASKED "[caf\u00e9<|im_end|>]\n\n~\n");
    /* An answer of nothing is its end. */
    assert_learnt(*state, tmpl, plain_rules, SAYS(""), ASKED "[<|im_end|>]\n\n~\n");
}

static void wrong_conversations(void **state)
{
    static const char *const wrong[][2] = {
        {"{}", "no \"messages\""},
        {"{\"conversations\": []}", "has \"conversations\""},
        {"{\"messages\": []}", "no \"messages\""},
        {"{\"messages\": \"x\"}", "no \"messages\""},
        {"{\"messages\": [3]}", "messages[0] is not an object"},
        {"{\"messages\": [{\"content\": \"x\"}]}", "messages[0] has no role"},
        {"{\"messages\": [{\"role\": \"bot\", \"content\": \"x\"}]}", "messages[0] has the role \"bot\""},
        {"{\"messages\": [{\"role\": \"user\"}]}", "messages[0] (user) has no content"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": 3}]}", "messages[0] (user) has no content"},
        {"{\"messages\": [{\"role\": \"assistant\", \"content\": null}]}", "messages[0] (assistant) has no content"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}", "no message is the assistant's"},
        {"{\"messages\": [{\"role\": \"assistant\", \"content\": \"x\"}], \"tools\": 3}", "\"tools\" is not a list"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_refused(*state, "budget.jinja", plain_rules, wrong[i][0], wrong[i][1]);
    }
    assert_refused(*state, "{{ messages[0].content }}<|im_end|>{% if add_generation_prompt %}...{% endif %}",
                   plain_rules, SAYS("x"), "the chat template renders what stands before it otherwise");
}

/* ---- packing ---------------------------------------------------------------------------------------------------- */

static const char turn_template[] =
    "{% for m in messages %}{% if m.role == 'user' %}<|im_start|>{{ m.content }}{% else %}{{ m.content }}<|im_end|>"
    "{% endif %}{% endfor %}";

/* A conversation of `length` tokens, four of which are asked; all as one letter. */
static void add_line(strait_buffer *text, char letter, int length)
{
    char answer[LENGTH + 1] = {0};
    memset(answer, letter, (size_t)(length - 5));
    assert_ok(strait_buffer_printf(text,
                                   "{\"messages\":[{\"role\":\"user\",\"content\":\"%c?!\"},"
                                   "{\"role\":\"assistant\",\"content\":\"%s\"}]}\n",
                                   letter, answer));
}

static strait_status pack(const test_folder *folder, const char *lines, bool drop, strait_sft_report *report,
                          strait__shard **out)
{
    char path[256];
    bench b;
    open_bench(folder, turn_template, plain_rules, &b);
    snprintf(path, sizeof path, "%s/chats.jsonl", folder->path);
    write_text(path, lines);
    strait_sft_options options = {
        .length = LENGTH, .drop_longer = drop, .rules = {.chat = b.chat, .tokenizer = b.tokenizer, .thinking = -1}};
    strait_status status = strait_sft_shard(&options, path, report, out);
    close_bench(&b);
    return status;
}

/* Samples hold whole conversations; each sees itself alone, predicts its own answers and nothing of the next. */
static void packing(void **state)
{
    static const int lengths[] = {30, 20, 8, 20, LENGTH};
    strait_buffer lines = {0};
    strait_sft_report report;
    strait__shard *shard;
    strait_dataset *dataset;
    int32_t tokens[LENGTH];
    int32_t targets[LENGTH];
    int32_t documents[LENGTH];
    for (int i = 0; i < 5; i++) add_line(&lines, (char)('a' + i), lengths[i]);
    assert_ok(pack(*state, lines.bytes, false, &report, &shard));
    assert_int_equal(report.conversations, 5);
    assert_int_equal(report.samples, 3);
    assert_int_equal(report.tokens, 30 + 20 + 8 + 20 + LENGTH);
    assert_int_equal(report.learnt, report.tokens - 5 * 4);
    const strait_dataset_params params = {.sequence_length = LENGTH, .mask_documents = true, .sequential = true};
    assert_ok(strait__dataset_from_shard(shard, &params, &dataset));
    assert_int_equal(strait_dataset_samples(dataset), 3);
    /* a and c and two of padding; b and d; e. */
    static const char *const letters[] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaacccccccc..",
                                          "bbbbbbbbbbbbbbbbbbbbdddddddddddddddddddd",
                                          "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"};
    int64_t counted = 0;
    for (int s = 0; s < 3; s++) {
        assert_ok(strait_dataset_fill(dataset, s, 1, tokens, targets, documents));
        int32_t document = -1;
        int place = 0;
        for (int i = 0; i < LENGTH; i++) {
            bool begins = i == 0 || letters[s][i] != letters[s][i - 1];
            bool ends = i + 1 == LENGTH || letters[s][i + 1] != letters[s][i];
            document += begins;
            place = begins ? 0 : place + 1;
            assert_int_equal(documents[i], document);
            bool padding = letters[s][i] == '.';
            if (!padding)
                assert_int_equal(tokens[i], place == 0   ? BYTES + 1
                                            : ends       ? BYTES + 2
                                            : place == 2 ? '?'
                                            : place == 3 ? '!'
                                                         : letters[s][i]);
            /* The answer's first token is predicted by the question's last. */
            bool learnt = !padding && place >= 3 && !ends;
            assert_int_equal(targets[i], learnt ? tokens[i + 1] : -1);
            counted += learnt;
        }
    }
    assert_int_equal(counted, report.learnt);
    strait_dataset_destroy(dataset);
    strait_buffer_fini(&lines);
}

static void longer_than_a_sample(void **state)
{
    strait_buffer lines = {0};
    strait_sft_report report;
    strait__shard *shard;
    add_line(&lines, 'a', 20);
    assert_ok(strait_buffer_printf(&lines,
                                   "\n{\"messages\":[{\"role\":\"user\",\"content\":\"%040d\"},"
                                   "{\"role\":\"assistant\",\"content\":\"x\"}]}\n",
                                   0));
    assert_fails(pack(*state, lines.bytes, false, &report, &shard), STRAIT_ERR_RANGE,
                 "chats.jsonl:3: the conversation has 43 tokens, data.sequence_length is 40");
    assert_ok(pack(*state, lines.bytes, true, &report, &shard));
    assert_int_equal(report.dropped, 1);
    assert_int_equal(report.samples, 1);
    strait__shard_close(shard);
    assert_fails(pack(*state, strchr(lines.bytes, '\n') + 1, true, &report, &shard), STRAIT_ERR_RANGE,
                 "no conversation fits");
    assert_fails(pack(*state, "{\"messages\": [\n", true, &report, &shard), STRAIT_ERR_FORMAT, "chats.jsonl:1");
    assert_fails(pack(*state, "[1]\n", true, &report, &shard), STRAIT_ERR_FORMAT, "not a JSON object");
    assert_fails(pack(*state, "", true, &report, &shard), STRAIT_ERR_FORMAT, "chats.jsonl");
    strait_buffer_fini(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(four_families, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(thoughts_that_are_left_out, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(text_of_messages, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(wrong_conversations, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(packing, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(longer_than_a_sample, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
