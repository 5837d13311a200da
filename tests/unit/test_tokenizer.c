/* Reading tokenizer.json, encoding, decoding and saving, with a small tokenizer made here. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <strait/tokenizer.h>

#include "base/file.h"
#include "base/pool.h"
#include "token/byte_level.h"

#define SPLIT \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\" ?\\\\p{L}+|\\\\s+\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define SEQUENCE "{\"type\":\"Sequence\",\"pretokenizers\":[" SPLIT "," BYTE_LEVEL "]}"
#define ADDED                                                                            \
    "[{\"id\":261,\"content\":\"<|endoftext|>\",\"normalized\":false,\"special\":true}," \
    "{\"id\":262,\"content\":\"<tool>\",\"normalized\":false,\"special\":false},"        \
    "{\"id\":263,\"content\":\"\xc3\xa9t\xc3\xa9\",\"normalized\":true,\"special\":false}]"
#define MERGES "[[\"h\",\"e\"],[\"l\",\"l\"],[\"he\",\"ll\"],[\"\xc4\xa0\",\"hell\"],[\"hell\",\"o\"]]"

/* 256 bytes (id = byte) and five merged tokens; the parts given are put in. `extra` goes into the vocabulary. */
static void make_json(strait_buffer *out, const char *extra, const char *merges, const char *pre, const char *added)
{
    assert_int_equal(strait_buffer_printf(out,
                                          "{\"version\":\"1.0\",\"added_tokens\":%s,\"normalizer\":{\"type\":\"NFC\"},"
                                          "\"pre_tokenizer\":%s,\"decoder\":{\"type\":\"ByteLevel\"},"
                                          "\"model\":{\"type\":\"BPE\",\"vocab\":{",
                                          added, pre),
                     STRAIT_OK);
    for (int byte = 0; byte < 256; byte++) {
        char character = (char)byte;
        bool escape = byte == '"' || byte == '\\';
        assert_int_equal(strait_buffer_append(out, escape ? "\"\\" : "\"", escape ? 2 : 1), STRAIT_OK);
        assert_int_equal(strait__byte_level_format(&character, 1, out), STRAIT_OK);
        assert_int_equal(strait_buffer_printf(out, "\":%d,", byte), STRAIT_OK);
    }
    assert_int_equal(strait_buffer_printf(out,
                                          "\"he\":256,\"ll\":257,\"hell\":258,\"\xc4\xa0hell\":259,%s},\"merges\":%s}}",
                                          extra, merges),
                     STRAIT_OK);
}

static strait_tokenizer *open_small(void)
{
    strait_buffer json = {0};
    strait_tokenizer *tokenizer = NULL;
    make_json(&json, "\"hello\":260", MERGES, SEQUENCE, ADDED);
    if (strait_tokenizer_parse("small.json", json.bytes, json.length, &tokenizer) != STRAIT_OK) {
        fail_msg("%s", strait_error_message());
    }
    strait_buffer_fini(&json);
    return tokenizer;
}

static void refused(const char *json, strait_status expected, const char *part)
{
    strait_tokenizer *tokenizer = NULL;
    strait_status status = strait_tokenizer_parse("x.json", json, strlen(json), &tokenizer);
    if (status != expected || tokenizer)
        fail_msg("%s instead of %s for %s", strait_status_name(status), strait_status_name(expected), part);
    if (!strstr(strait_error_message(), part) || !strstr(strait_error_message(), "x.json")) {
        fail_msg("\"%s\" lacks \"%s\"", strait_error_message(), part);
    }
}

static void refused_parts(const char *extra, const char *merges, const char *pre, const char *added,
                          strait_status expected, const char *part)
{
    strait_buffer json = {0};
    make_json(&json, extra, merges, pre, added);
    refused(json.bytes, expected, part);
    strait_buffer_fini(&json);
}

static void malformed_files_are_named(void **state)
{
    (void)state;
    const strait_status format = STRAIT_ERR_FORMAT;
    const strait_status unsupported = STRAIT_ERR_UNSUPPORTED;
    refused("{\"model\": {\"type\": \"BPE\", \"vo", format, "line 1");
    refused("[]", format, "object");
    refused("{}", format, "model: missing");
    refused("{\"model\":{\"type\":\"WordPiece\"}}", unsupported,
            "model: \"WordPiece\" is not supported; supported are BPE, Unigram");
    refused("{\"model\":{\"type\":\"BPE\"}}", format, "model.vocab");
    refused("{\"model\":{\"type\":\"Unigram\"}}", format, "model.vocab: must be an array");
    refused("{\"normalizer\":{\"type\":\"StripAccents\"},\"model\":{}}", unsupported,
            "normalizer: \"StripAccents\" is not supported; supported are NFC, NFD, NFKC, NFKD, Precompiled, Prepend, "
            "Replace, Strip, Lowercase, Sequence");
    refused("{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Nmt\"}]},"
            "\"model\":{}}",
            unsupported, "normalizer.normalizers[1]: \"Nmt\"");
    refused("{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"A\"},\"model\":{}}", format,
            "base64");
    refused("{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////wAA\"},\"model\":{}}", format,
            "a map of characters");
    refused("{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"\"},\"model\":{}}",
            format, "normalizer: an empty regular expression");
    refused("{\"post_processor\":{\"type\":\"BertProcessing\"},\"model\":{}}", unsupported, "BertProcessing");
    refused("{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}}],"
            "\"special_tokens\":{}},\"model\":{}}",
            format, "single[0]: \"x\" is not in special_tokens");
    refused("{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\"}}],"
            "\"special_tokens\":{}},\"model\":{}}",
            unsupported, "the sequence A, once");
    refused("{\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":\"TemplateProcessing\",\"single\":["
            "{\"Sequence\":{\"id\":\"A\"}}]},{\"type\":\"TemplateProcessing\"}]},\"model\":{}}",
            unsupported, "processors[1]: a second TemplateProcessing");
    refused("{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"x*\"},\"content\":\"\"},\"model\":{}}",
            unsupported, "one that matches nothing");
    refused("{\"decoder\":{\"type\":\"CTC\"},\"model\":{}}", unsupported, "CTC");
    refused("{\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{}}", unsupported, "decoder: ByteLevel is only supported");
    refused("{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"__\"},\"model\":{}}", format,
            "replacement: must be one character");
    refused(
        "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"},\"model\":{}}",
        unsupported, "prepend_scheme: \"last\"");
    refused("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0],[\"a\",1]]}}", unsupported, "given twice");
    refused("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0],[\"b\"]]}}", format, "vocab[1]");
    refused("{\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"a\",0]]}}", format, "unk_id");
    refused("{\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"vocab\":{\"a\":0},\"merges\":[]}}", format,
            "unk_token: \"<unk>\" is not in");
    refused("{\"truncation\":{\"max_length\":2,\"stride\":2},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},"
            "\"merges\":[]}}",
            format, "truncation: max_length 2");
    refused("{\"truncation\":{\"max_length\":2,\"strategy\":\"OnlySecond\"},\"model\":{\"type\":\"BPE\",\"vocab\":{"
            "\"a\":0},"
            "\"merges\":[]}}",
            unsupported, "OnlySecond");
    refused("{\"normalizer\":{\"type\":3},\"model\":{}}", format, "normalizer.type");
    const char *good = "\"hello\":260";
    refused_parts("\"hello\":259", MERGES, SEQUENCE, ADDED, format, "id 259 belongs to two tokens");
    refused_parts("\"hello\":270", MERGES, SEQUENCE, ADDED, format, "without holes");
    refused_parts("\"hello\":-1", MERGES, SEQUENCE, ADDED, format, "without holes");
    refused_parts("\"hello\":\"x\"", MERGES, SEQUENCE, ADDED, format, "not an integer");
    refused_parts("\"he\":260", MERGES, SEQUENCE, ADDED, format, "duplicate");
    refused_parts("\"\xe2\x96\x81the\":260", MERGES, SEQUENCE, ADDED, format, "U+2581");
    refused_parts("\"a b\":260", MERGES, SEQUENCE, ADDED, format, "U+0020");
    refused_parts(good, "[[\"h\",\"x y\"]]", SEQUENCE, ADDED, format, "merges[0]: \"x y\" is not in model.vocab");
    refused_parts(good, "[[\"l\",\"o\"]]", SEQUENCE, ADDED, format, "merges[0]: \"lo\"");
    refused_parts(good, "[\"h e l\"]", SEQUENCE, ADDED, format, "merges[0]");
    refused_parts(good, "[\"he\"]", SEQUENCE, ADDED, format, "merges[0]");
    refused_parts(good, "[[\"h\"]]", SEQUENCE, ADDED, format, "merges[0]");
    refused_parts(good, "{}", SEQUENCE, ADDED, format, "model.merges: must be an array");
    refused_parts(good, MERGES, "null", ADDED, unsupported, "decoder: ByteLevel");
    refused_parts(good, MERGES, SPLIT, ADDED, unsupported, "decoder: ByteLevel");
    refused_parts(good, MERGES, "{\"type\":\"Sequence\",\"pretokenizers\":[" BYTE_LEVEL "," SPLIT "]}", ADDED,
                  unsupported, "nothing may follow ByteLevel");
    refused_parts(good, MERGES, "{\"type\":\"BertPreTokenizer\"}", ADDED, unsupported, "BertPreTokenizer");
    refused_parts(good, MERGES, "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a\"},\"behavior\":\"Isolated\"}", ADDED,
                  format, "pre_tokenizer: regular expression");
    refused_parts(good, MERGES, "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Sideways\"}", ADDED,
                  unsupported, "Sideways");
    refused_parts(good, MERGES, "{\"type\":\"Split\",\"pattern\":\"a\",\"behavior\":\"Isolated\"}", ADDED, format,
                  "pattern");
    refused_parts(good, MERGES, SEQUENCE, "[{\"id\":261,\"content\":\"\"}]", format, "added_tokens[0].content");
    refused_parts(good, MERGES, SEQUENCE, "[{\"id\":3,\"content\":\"<x>\"}]", format, "belongs to two tokens");
    refused_parts(good, MERGES, SEQUENCE, "[{\"id\":261,\"content\":\"hello\"}]", format, "has id 260 in model.vocab");
    refused_parts(good, MERGES, SEQUENCE, "[{\"id\":261,\"content\":\"<x>\",\"lstrip\":1}]", format, "lstrip");
    refused_parts(good, MERGES, SEQUENCE, "[{\"id\":261,\"content\":\"<x>\",\"special\":1}]", format, "special");
    refused_parts(good, MERGES, SEQUENCE, "7", format, "added_tokens: must be an array");
    strait_tokenizer *tokenizer = NULL;
    assert_int_equal(strait_tokenizer_load("/nonexistent/tokenizer.json", &tokenizer), STRAIT_ERR_NOT_FOUND);
    assert_non_null(strstr(strait_error_message(), "/nonexistent/tokenizer.json"));
}

static void expect_ids(const strait_tokenizer *tokenizer, const char *text, bool plain, const int32_t *ids,
                       size_t count)
{
    strait_encoding encoding = {0};
    const strait_encode_options options = {.plain_text = plain};
    assert_int_equal(strait_tokenizer_encode(tokenizer, text, strlen(text), &options, &encoding), STRAIT_OK);
    assert_int_equal(encoding.count, count);
    if (count > 0) assert_memory_equal(encoding.ids, ids, count * sizeof *ids);
    strait_encoding_fini(&encoding);
}
#define EXPECT(tokenizer, text, plain, ...) \
    expect_ids(tokenizer, text, plain, (const int32_t[]){__VA_ARGS__}, sizeof(int32_t[]){__VA_ARGS__} / sizeof(int32_t))

static void encodes(void **state)
{
    (void)state;
    strait_tokenizer *t = open_small();
    expect_ids(t, "", false, NULL, 0);
    EXPECT(t, "hello", false, 260);
    EXPECT(t, "hello hello", false, 260, 259, 'o');
    EXPECT(t, "he\nll", false, 256, '\n', 257);
    EXPECT(t, "hello<|endoftext|>he", false, 260, 261, 256);
    EXPECT(t, "he<tool>", true, 256, 262); /* not special: always found */
    EXPECT(t, "<|e", false, '<', '|', 'e');
    EXPECT(t, "x\xc3\xa9t\xc3\xa9", false, 'x', 263);
    EXPECT(t, "xe\xcc\x81te\xcc\x81", false, 'x', 263); /* found after normalising */
    EXPECT(t, "e\xcc\x81", false, 0xc3, 0xa9);
    strait_encoding encoding = {0};
    const strait_encode_options plain = {.plain_text = true};
    assert_int_equal(strait_tokenizer_encode(t, "<|endoftext|>", 13, &plain, &encoding), STRAIT_OK);
    assert_int_equal(encoding.count, 13);
    assert_int_equal(strait_tokenizer_encode(t, "a\xff\xe4\xb8", 4, NULL, &encoding), STRAIT_OK);
    assert_int_equal(encoding.invalid_bytes, 3);
    assert_int_equal(encoding.count, 7);
    assert_int_equal(strait_tokenizer_encode(t, "a\0b", 3, NULL, &encoding), STRAIT_OK);
    assert_int_equal(encoding.count, 3);
    assert_int_equal(encoding.ids[1], 0);
    strait_encoding_fini(&encoding);
    strait_tokenizer_destroy(t);
}

static void answers_questions(void **state)
{
    (void)state;
    strait_tokenizer *t = open_small();
    size_t length;
    assert_int_equal(strait_tokenizer_vocab_size(t), 264);
    assert_int_equal(strait_tokenizer_merge_count(t), 5);
    assert_int_equal(strait_tokenizer_added_count(t), 3);
    assert_true(strait_tokenizer_normalizes(t));
    assert_int_equal(strait_tokenizer_id(t, " hell", 5), 259);
    assert_int_equal(strait_tokenizer_id(t, "<tool>", 6), 262);
    assert_int_equal(strait_tokenizer_id(t, "nothing", 7), -1);
    assert_string_equal(strait_tokenizer_token(t, 259, &length), " hell");
    assert_int_equal(length, 5);
    assert_null(strait_tokenizer_token(t, 264, &length));
    assert_null(strait_tokenizer_token(t, -1, &length));
    assert_true(strait_tokenizer_is_special(t, 261));
    assert_false(strait_tokenizer_is_special(t, 262));
    assert_false(strait_tokenizer_is_special(t, 9999));
    assert_int_equal(strait_tokenizer_end_of_text(t), 261);
    assert_int_equal(strait_tokenizer_eos(t), 261);
    assert_non_null(strstr(strait_tokenizer_unicode_versions(t), "PCRE2"));
    assert_non_null(strstr(strait_tokenizer_summary(t), "264 tokens"));
    strait_tokenizer_destroy(t);
}

static void spelling_does_not_change_the_hash(void **state)
{
    (void)state;
    char hashes[3][65];
    const char *const merges[3] = {
        MERGES, "[\"#version: 0.2\",\"h e\", \"l l\",\"he ll\",\"\xc4\xa0 hell\",\"hell o\"]",
        "[[\"l\",\"l\"],[\"h\",\"e\"],[\"he\",\"ll\"],[\"\xc4\xa0\",\"hell\"],[\"hell\",\"o\"]]"};
    for (int i = 0; i < 3; i++) {
        strait_buffer json = {0};
        strait_tokenizer *t = NULL;
        make_json(&json, "\"hello\":260", merges[i], SEQUENCE, ADDED);
        assert_int_equal(strait_tokenizer_parse("h.json", json.bytes, json.length, &t), STRAIT_OK);
        assert_int_equal(strait_tokenizer_hash(t, hashes[i]), STRAIT_OK);
        strait_tokenizer_destroy(t);
        strait_buffer_fini(&json);
    }
    assert_string_equal(hashes[0], hashes[1]);
    assert_string_not_equal(hashes[0], hashes[2]);
}

static void decodes(void **state)
{
    (void)state;
    strait_tokenizer *t = open_small();
    const int32_t ids[] = {260, 261, 259, 0xe4, 0xb8, 0xad, 0xff};
    char *text;
    size_t length;
    assert_int_equal(strait_tokenizer_decode(t, ids, 7, NULL, &text, &length), STRAIT_OK);
    assert_string_equal(text, "hello<|endoftext|> hell\xe4\xb8\xad\xff");
    strait_text_free(text);
    const strait_decode_options options = {.skip_special = true, .replace_invalid = true};
    assert_int_equal(strait_tokenizer_decode(t, ids, 7, &options, &text, &length), STRAIT_OK);
    assert_string_equal(text, "hello hell\xe4\xb8\xad\xef\xbf\xbd");
    strait_text_free(text);
    assert_int_equal(strait_tokenizer_decode(t, NULL, 0, NULL, &text, &length), STRAIT_OK);
    assert_int_equal(length, 0);
    strait_text_free(text);
    const int32_t wrong[] = {1, 264};
    assert_int_equal(strait_tokenizer_decode(t, wrong, 2, NULL, &text, &length), STRAIT_ERR_RANGE);
    assert_non_null(strstr(strait_error_message(), "264 (number 1)"));
    strait_tokenizer_destroy(t);
}

/* Random bytes, one token each: pieces are whole characters and add up to the whole. */
static void streams_whole_characters(void **state)
{
    (void)state;
    strait_tokenizer *t = open_small();
    strait_text_stream *stream = NULL;
    assert_int_equal(strait_text_stream_create(t, NULL, &stream), STRAIT_OK);
    static const int32_t bytes[] = {0xe4, 0xb8, 0xad, 0xf0, 0x9f, 0x98, 0x80, 'a',
                                    0xc3, 0xa9, 0xff, 0xed, 0xa0, 0xe0, 0x80};
    uint32_t random = 99;
    for (int round = 0; round < 400; round++) {
        int32_t ids[24];
        for (int i = 0; i < 24; i++) {
            random = random * 1664525u + 1013904223u;
            uint32_t pick = (random >> 16) % 24;
            ids[i] = round == 0 ? bytes[i % 7] : pick < 15 ? bytes[pick] : 0x80 + (int32_t)pick;
        }
        strait_buffer sum = {0};
        const char *piece;
        size_t length;
        for (int i = 0; i < 24; i++) {
            assert_int_equal(strait_text_stream_push(stream, ids[i], &piece, &length), STRAIT_OK);
            assert_int_equal(strlen(piece), length);
            assert_int_equal(strait_buffer_append(&sum, piece, length), STRAIT_OK);
            if (round == 0 && i < 3) assert_int_equal(length, i == 2 ? 3 : 0);
        }
        assert_int_equal(strait_text_stream_finish(stream, &piece, &length), STRAIT_OK);
        assert_int_equal(strait_buffer_append(&sum, piece, length), STRAIT_OK);
        char *whole;
        const strait_decode_options options = {.replace_invalid = true};
        assert_int_equal(strait_tokenizer_decode(t, ids, 24, &options, &whole, &length), STRAIT_OK);
        assert_string_equal(sum.bytes, whole);
        strait_text_free(whole);
        strait_buffer_fini(&sum);
    }
    const char *piece;
    size_t length;
    assert_int_equal(strait_text_stream_push(stream, 264, &piece, &length), STRAIT_ERR_RANGE);
    strait_text_stream_destroy(stream);
    strait_tokenizer_destroy(t);
}

static void write_text(const char *directory, const char *name, const char *text)
{
    char *path;
    assert_int_equal(strait_path_join(directory, name, &path), STRAIT_OK);
    assert_int_equal(strait_file_replace(path, text, strlen(text)), STRAIT_OK);
    strait_free(path);
}

static void read_text(const char *directory, const char *name, strait_buffer *out)
{
    char *path;
    strait_buffer_clear(out);
    assert_int_equal(strait_path_join(directory, name, &path), STRAIT_OK);
    assert_int_equal(strait_file_read(path, 0, out), STRAIT_OK);
    strait_free(path);
}

static void saves_what_it_read(void **state)
{
    (void)state;
    char from[] = "/tmp/strait-test-XXXXXX";
    char to[] = "/tmp/strait-test-XXXXXX";
    assert_non_null(mkdtemp(from));
    assert_non_null(mkdtemp(to));
    strait_buffer json = {0};
    make_json(&json, "\"hello\":260", MERGES, SEQUENCE, ADDED);
    write_text(from, "tokenizer.json", json.bytes);
    write_text(from, "tokenizer_config.json",
               "{\"tokenizer_class\":\"Qwen2Tokenizer\",\"eos_token\":{\"content\":\"<tool>\"},"
               "\"pad_token\":\"<|endoftext|>\",\"model_max_length\":4096}");
    write_text(from, "chat_template.jinja", "{{ x }}");
    strait_tokenizer *t = NULL;
    assert_int_equal(strait_tokenizer_load(from, &t), STRAIT_OK);
    assert_int_equal(strait_tokenizer_eos(t), 262);
    assert_int_equal(strait_tokenizer_pad(t), 261);
    assert_int_equal(strait_tokenizer_end_of_text(t), 261);
    assert_int_equal(strait_tokenizer_save(t, to), STRAIT_OK);
    strait_tokenizer_destroy(t);
    strait_buffer text = {0};
    read_text(to, "tokenizer.json", &text);
    assert_string_equal(text.bytes, json.bytes);
    read_text(to, "chat_template.jinja", &text);
    assert_string_equal(text.bytes, "{{ x }}");
    read_text(to, "tokenizer_config.json", &text);
    assert_non_null(strstr(text.bytes, "\"tokenizer_class\": \"PreTrainedTokenizerFast\""));
    assert_non_null(strstr(text.bytes, "\"model_max_length\": 4096"));
    write_text(from, "tokenizer_config.json", "{\"eos_token\":");
    assert_int_equal(strait_tokenizer_load(from, &t), STRAIT_ERR_FORMAT);
    assert_non_null(strstr(strait_error_message(), "tokenizer_config.json"));
    assert_int_equal(strait_directory_remove(from), STRAIT_OK);
    assert_int_equal(strait_directory_remove(to), STRAIT_OK);
    strait_buffer_fini(&text);
    strait_buffer_fini(&json);
}

/* The bound is seconds for ten megabytes; a quarter of that here. */
static void one_character_many_times(void **state)
{
    (void)state;
    strait_tokenizer *t = open_small();
    static const char *const units[] = {" ", "h", "\n", "\xe4\xb8\xad", "\xcc\x81", "ll"};
    size_t length = 2400000;
    char *text = malloc(length);
    assert_non_null(text);
    strait_encoding encoding = {0};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit = strlen(units[i]);
        for (size_t at = 0; at < length; at += unit) memcpy(text + at, units[i], unit);
        assert_int_equal(strait_tokenizer_encode(t, text, length, NULL, &encoding), STRAIT_OK);
        assert_int_equal(encoding.count, i == 5 ? length / 2 : length);
    }
    strait_encoding_fini(&encoding);
    free(text);
    strait_tokenizer_destroy(t);
}

enum { THREADS = 3, TASKS = 60 };

typedef struct shared {
    const strait_tokenizer *tokenizer;
    int32_t sum[TASKS];
} shared;

static void encode_task(void *context, int64_t task, int worker)
{
    (void)worker;
    shared *in = context;
    strait_encoding encoding = {0};
    char text[64];
    snprintf(text, sizeof text, "hello%.*s hello<tool>caf\xc3\xa9 ", (int)task, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    if (strait_tokenizer_encode(in->tokenizer, text, strlen(text), NULL, &encoding) != STRAIT_OK) return;
    for (size_t i = 0; i < encoding.count; i++) in->sum[task] = in->sum[task] * 31 % 1000003 + encoding.ids[i];
    strait_encoding_fini(&encoding);
}

static void threads_share_one_tokenizer(void **state)
{
    (void)state;
    strait_tokenizer *t = open_small();
    shared alone = {.tokenizer = t};
    shared together = {.tokenizer = t};
    strait_pool *pool = NULL;
    assert_int_equal(strait_pool_create(THREADS, &pool), STRAIT_OK);
    strait_pool_run(NULL, TASKS, encode_task, &alone);
    strait_pool_run(pool, TASKS, encode_task, &together);
    assert_memory_equal(alone.sum, together.sum, sizeof alone.sum);
    assert_true(alone.sum[0] != 0);
    strait_pool_destroy(pool);
    strait_tokenizer_destroy(t);
}

static void missing_bytes_are_counted(void **state)
{
    (void)state;
    static const char json[] = "{\"pre_tokenizer\":" BYTE_LEVEL ",\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},"
                               "\"merges\":[\"a b\"],\"ignore_merges\":true%s}}";
    char text[512];
    strait_tokenizer *t = NULL;
    snprintf(text, sizeof text, json, "");
    assert_int_equal(strait_tokenizer_parse("m.json", text, strlen(text), &t), STRAIT_OK);
    strait_encoding encoding = {0};
    assert_int_equal(strait_tokenizer_encode(t, "abxa", 4, NULL, &encoding), STRAIT_OK);
    assert_int_equal(encoding.count, 2);
    assert_int_equal(encoding.dropped_bytes, 1);
    assert_int_equal(strait_tokenizer_end_of_text(t), -1);
    strait_encoding_fini(&encoding);
    strait_tokenizer_destroy(t);
    snprintf(text, sizeof text, json, ",\"unk_token\":\"a\"");
    assert_int_equal(strait_tokenizer_parse("m.json", text, strlen(text), &t), STRAIT_ERR_UNSUPPORTED);
    assert_non_null(strstr(strait_error_message(), "model.unk_token"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_files_are_named),
        cmocka_unit_test(encodes),
        cmocka_unit_test(answers_questions),
        cmocka_unit_test(spelling_does_not_change_the_hash),
        cmocka_unit_test(decodes),
        cmocka_unit_test(streams_whole_characters),
        cmocka_unit_test(saves_what_it_read),
        cmocka_unit_test(one_character_many_times),
        cmocka_unit_test(threads_share_one_tokenizer),
        cmocka_unit_test(missing_bytes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
