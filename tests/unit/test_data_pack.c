/* Packing with an encoder of bytes: contents, splits, types, resuming, stopping, and what is refused. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "test_data.h"

#include "base/hash.h"
#include "data/dataset.h"
#include "data/pack.h"
#include "data/shard.h"

#include <sys/file.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct asked {
    const char *paths[1];
    char corpus[128];
    char prefix[128];
    strait_pack_options options;
} asked;

static asked ask(test_folder *folder, const char *corpus, double fraction)
{
    asked a = {0};
    snprintf(a.corpus, sizeof a.corpus, "%s/%s", folder->path, corpus);
    snprintf(a.prefix, sizeof a.prefix, "%s/out/p", folder->path);
    a.options.struct_size = sizeof a.options;
    a.options.path_count = 1;
    a.options.validation_fraction = fraction;
    a.options.threads = 1;
    return a;
}

static strait_status pack(asked *a, const strait_events *events, strait_pack_result *result)
{
    strait__encoder encoder = byte_encoder();
    a->paths[0] = a->corpus;
    a->options.paths = a->paths;
    a->options.prefix = a->prefix;
    return strait__pack(&a->options, &encoder, events, result);
}

static void documents_become_tokens(void **state)
{
    test_folder *folder = *state;
    asked a = ask(folder, "c", 0.0);
    assert_true(shell(folder, "mkdir c && printf ab > c/1 && printf 'c\\377d' > c/2 && : > c/3"));
    strait_pack_result result;
    assert_ok(pack(&a, NULL, &result));
    assert_int_equal(result.train.documents, 2);
    assert_int_equal(result.train.text_bytes, 2 + 5);
    assert_int_equal(result.train.tokens, 2 + 5 + 2);
    assert_int_equal(result.invalid_utf8, 1);
    assert_int_equal(result.files, 3);
    assert_int_equal(result.already_packed, 0);
    strait__shard *shard;
    assert_ok(strait__shard_open(at(folder, "out/p_train"), &shard));
    const strait_shard_info *info = strait__shard_info_get(shard);
    assert_string_equal(info->dtype, "uint16");
    assert_int_equal(info->text_bytes, 7);
    assert_int_equal(info->eos_id, TEST_EOS);
    assert_int_equal(info->vocabulary, TEST_VOCABULARY);
    assert_string_equal(info->tokenizer_sha256, "0123456789abcdef");
    int32_t ids[9];
    static const int32_t want[9] = {'a', 'b', 256, 'c', 0xEF, 0xBF, 0xBD, 'd', 256};
    assert_ok(strait__shard_read(shard, 0, 9, TEST_VOCABULARY, ids));
    assert_memory_equal(ids, want, sizeof want);
    strait__shard_close(shard);
    assert_false(strait_path_exists(at(folder, "out/p_val.bin")));
    assert_false(strait_path_exists(at(folder, "out/p.pack.json")));
    assert_true(shell(folder, "! ls out | grep part"));
    /* Nothing changed; only the time of a file changed; the contents changed. */
    assert_ok(pack(&a, NULL, &result));
    assert_int_equal(result.already_packed, 1);
    assert_int_equal(result.train.tokens, 9);
    assert_int_equal(result.invalid_utf8, 1);
    assert_true(shell(folder, "touch -d 2001-01-01 c/1"));
    assert_ok(pack(&a, NULL, &result));
    assert_int_equal(result.already_packed, 1);
    assert_true(shell(folder, "printf xy > c/1"));
    assert_ok(pack(&a, NULL, &result));
    assert_int_equal(result.already_packed, 0);
    a.options.corpus.split = STRAIT_SPLIT_BLANK;
    assert_ok(pack(&a, NULL, &result));
    assert_int_equal(result.already_packed, 0);
}

static void large_vocabularies_are_int32(void **state)
{
    test_folder *folder = *state;
    static const int32_t vocabularies[2] = {65499, 65500};
    static const char *const dtypes[2] = {"uint16", "int32"};
    write_text(at(folder, "t.txt"), "hello");
    for (int i = 0; i < 2; i++) {
        asked a = ask(folder, "t.txt", 0.0);
        a.paths[0] = a.corpus;
        a.options.paths = a.paths;
        a.options.prefix = a.prefix;
        strait__encoder encoder = byte_encoder();
        encoder.vocabulary = vocabularies[i];
        encoder.eos = vocabularies[i] - 1;
        strait_pack_result result;
        assert_ok(strait__pack(&a.options, &encoder, NULL, &result));
        strait_shard_info info;
        assert_ok(strait_shard_query(at(folder, "out/p_train"), 1, &info));
        assert_string_equal(info.dtype, dtypes[i]);
        assert_int_equal(info.largest_id, vocabularies[i] - 1);
        assert_int_equal(info.bin_bytes, 6 * (i == 0 ? 2 : 4));
    }
}

/* 400 documents in 4 files; `reverse` gives the same documents in another order. */
static void write_corpus(test_folder *folder, bool reverse)
{
    assert_true(shell(folder, "rm -rf c && mkdir c"));
    for (int f = 0; f < 4; f++) {
        char name[32];
        snprintf(name, sizeof name, "c/%d.jsonl", f);
        FILE *file = fopen(at(folder, name), "wb");
        assert_non_null(file);
        for (int i = 0; i < 100; i++) {
            int document = f * 100 + i;
            fprintf(file, "{\"text\": \"document %d\"}\n", reverse ? 399 - document : document);
        }
        assert_int_equal(fclose(file), 0);
    }
}

static void the_held_out_part_depends_on_the_text_alone(void **state)
{
    test_folder *folder = *state;
    int64_t documents[2];
    int64_t bytes[2];
    for (int i = 0; i < 2; i++) {
        write_corpus(folder, i == 1);
        asked a = ask(folder, "c", 0.25);
        strait_pack_result result;
        assert_ok(pack(&a, NULL, &result));
        assert_int_equal(result.train.documents + result.validation.documents, 400);
        assert_in_range(result.validation.documents, 65, 135); /* 100 expected, 4 deviations */
        documents[i] = result.validation.documents;
        bytes[i] = result.validation.text_bytes;
    }
    assert_int_equal(documents[0], documents[1]);
    assert_int_equal(bytes[0], bytes[1]);
    strait_shard_info info;
    assert_ok(strait_shard_query(at(folder, "out/p_val"), 0, &info));
    assert_int_equal(info.text_bytes, bytes[1]);
}

static void hash_outputs(test_folder *folder, char out[4][STRAIT_SHA256_HEX])
{
    static const char *const names[4] = {"out/p_train.bin", "out/p_train.idx", "out/p_val.bin", "out/p_val.idx"};
    for (int i = 0; i < 4; i++) assert_ok(strait_sha256_file(at(folder, names[i]), out[i]));
}

static int stop_after(void *user)
{
    int *calls = user;
    return --*calls < 0;
}

static void an_interrupted_packing_goes_on(void **state)
{
    test_folder *folder = *state;
    write_corpus(folder, false);
    asked a = ask(folder, "c", 0.1);
    strait_pack_result result;
    assert_ok(pack(&a, NULL, &result));
    char whole[4][STRAIT_SHA256_HEX];
    char again[4][STRAIT_SHA256_HEX];
    hash_outputs(folder, whole);
    assert_true(shell(folder, "rm -r out"));
    for (int threads = 1; threads <= 3; threads += 2) {
        int calls = 250;
        const strait_events events = {.stop_requested = stop_after, .user = &calls};
        a.options.threads = threads;
        assert_fails(pack(&a, &events, &result), STRAIT_ERR_CANCELLED, "goes on after the last complete source file");
        assert_false(strait_path_exists(at(folder, "out/p.json")));
        assert_false(strait_path_exists(at(folder, "out/p_train.bin")));
        assert_ok(pack(&a, NULL, &result));
        assert_int_equal(result.files_resumed, 2);
        assert_int_equal(result.files, 4);
        assert_int_equal(result.train.documents + result.validation.documents, 400);
        hash_outputs(folder, again);
        assert_memory_equal(whole, again, sizeof whole);
        assert_true(shell(folder, "rm -r out"));
    }
    /* A record that promises more than the files hold (a crash of the machine) is not believed. */
    int calls = 250;
    const strait_events events = {.stop_requested = stop_after, .user = &calls};
    assert_fails(pack(&a, &events, &result), STRAIT_ERR_CANCELLED, "stopped");
    assert_int_equal(truncate(at(folder, "out/p_train.bin.part"), 100), 0);
    assert_ok(pack(&a, NULL, &result));
    assert_int_equal(result.files_resumed, 0);
    hash_outputs(folder, again);
    assert_memory_equal(whole, again, sizeof whole);
    assert_true(shell(folder, "rm -r out"));
    /* A complete file that changed since is read again. */
    calls = 250;
    assert_fails(pack(&a, &events, &result), STRAIT_ERR_CANCELLED, "stopped");
    assert_true(shell(folder, "printf '{\"text\": \"new\"}\\n' > c/1.jsonl"));
    assert_ok(pack(&a, NULL, &result));
    assert_int_equal(result.files_resumed, 0);
    assert_int_equal(result.train.documents + result.validation.documents, 301);
}

static void an_error_keeps_complete_files(void **state)
{
    test_folder *folder = *state;
    write_corpus(folder, false);
    assert_true(shell(folder, "echo broken >> c/2.jsonl"));
    asked a = ask(folder, "c", 0.1);
    strait_pack_result result;
    assert_fails(pack(&a, NULL, &result), STRAIT_ERR_FORMAT, "2.jsonl:101: not a line of JSON");
    assert_true(shell(folder, "sed -i '$d' c/2.jsonl"));
    assert_ok(pack(&a, NULL, &result));
    assert_int_equal(result.files_resumed, 2);
    assert_int_equal(result.train.documents + result.validation.documents, 400);
    /* The encoder's own error has the place. */
    write_text(at(folder, "bad.txt"), "good\n\nnot\x01good\n");
    a = ask(folder, "bad.txt", 0.0);
    a.options.corpus.split = STRAIT_SPLIT_BLANK;
    assert_fails(pack(&a, NULL, &result), STRAIT_ERR_UNSUPPORTED, "bad.txt:3: byte 1 was met");
}

static void what_cannot_be_is_refused(void **state)
{
    test_folder *folder = *state;
    write_text(at(folder, "t.txt"), "hello");
    asked a = ask(folder, "t.txt", 1.0);
    strait_pack_result result;
    assert_fails(pack(&a, NULL, &result), STRAIT_ERR_RANGE, "validation fraction is 1");
    a = ask(folder, "t.txt", 0.999999999);
    assert_fails(pack(&a, NULL, &result), STRAIT_ERR_USAGE, "fell into the validation part");
    assert_true(shell(folder, "rm -r out && mkdir out && echo foreign > out/p_train.bin"));
    a = ask(folder, "t.txt", 0.0);
    assert_fails(pack(&a, NULL, &result), STRAIT_ERR_EXISTS, "p_train.bin exists and was not made here");
    assert_true(shell(folder, "rm out/* && echo '{}' > out/p.json"));
    assert_fails(pack(&a, NULL, &result), STRAIT_ERR_EXISTS, "p.json exists and would be overwritten");
    assert_true(shell(folder, "rm out/*"));
    int fd = open(at(folder, "out/p_train.bin.part"), O_CREAT | O_RDWR, 0644);
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    assert_fails(pack(&a, NULL, &result), STRAIT_ERR_BUSY, "another process is packing");
    close(fd);
    assert_ok(pack(&a, NULL, &result));
    snprintf(a.prefix, sizeof a.prefix, "%s/t.txt/p", folder->path);
    assert_true(pack(&a, NULL, &result) != STRAIT_OK);
    snprintf(a.prefix, sizeof a.prefix, "%s/", folder->path);
    assert_fails(pack(&a, NULL, &result), STRAIT_ERR_USAGE, "prefix of file names");
}

static void shards_and_sidecar_must_be_of_one_packing(void **state)
{
    test_folder *folder = *state;
    write_corpus(folder, false);
    asked a = ask(folder, "c", 0.1);
    strait_pack_result result;
    assert_ok(pack(&a, NULL, &result));
    const strait_dataset_source source = {.path = at(folder, "out/p_train"), .weight = 1};
    strait_dataset_params params = {
        .sources = &source, .source_count = 1, .sequence_length = 16, .tokenizer_sha256 = "another"};
    strait_dataset *dataset;
    assert_fails(strait_dataset_create(&params, &dataset), STRAIT_ERR_USAGE, "packed with another tokenizer");
    params.tokenizer_sha256 = "0123456789abcdef";
    assert_ok(strait_dataset_create(&params, &dataset));
    assert_int_equal(strait_dataset_text_bytes(dataset), result.train.text_bytes);
    assert_int_equal(strait_dataset_tokens(dataset), result.train.tokens);
    strait_dataset_destroy(dataset);
    assert_true(shell(folder, "cp out/p_val.bin out/p_train.bin && cp out/p_val.idx out/p_train.idx"));
    assert_fails(strait_dataset_create(&params, &dataset), STRAIT_ERR_CORRUPT, "not of one packing");
}

static void text_can_be_evaluated_directly(void **state)
{
    test_folder *folder = *state;
    const char *path = at(folder, "e.jsonl");
    write_text(path, "{\"text\":\"abc\"}\n{\"text\":\"de\"}\n");
    strait__encoder encoder = byte_encoder();
    strait_dataset_params params = {.sequence_length = 4};
    strait_dataset *dataset;
    int64_t invalid = -1;
    assert_ok(strait__dataset_from_text(path, &encoder, NULL, &params, &dataset, &invalid));
    assert_int_equal(invalid, 0);
    assert_int_equal(strait_dataset_text_bytes(dataset), 5);
    assert_int_equal(strait_dataset_samples(dataset), 2);
    int32_t tokens[8];
    int32_t targets[8];
    int32_t documents[8];
    static const int32_t want_tokens[8] = {'a', 'b', 'c', 256, 'd', 'e', 0, 0};
    static const int32_t want_targets[8] = {'b', 'c', 256, 'd', 'e', 256, -1, -1};
    static const int32_t want_documents[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    assert_ok(strait_dataset_fill(dataset, 0, 2, tokens, targets, documents));
    assert_memory_equal(tokens, want_tokens, sizeof tokens);
    assert_memory_equal(targets, want_targets, sizeof targets);
    assert_memory_equal(documents, want_documents, sizeof documents);
    strait_dataset_destroy(dataset);
}

/* The 256 bytes in GPT-2's spelling and <|endoftext|>, as a tokenizer.json. */
static strait_tokenizer *byte_tokenizer(void)
{
    strait_buffer json = {0};
    int next = 256;
    assert_ok(strait_buffer_printf(&json,
                                   "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":256,\"content\":\"<|endoftext|>\","
                                   "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
                                   "\"special\":true}],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                                   "\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":false},"
                                   "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                                   "\"trim_offsets\":false,\"use_regex\":false},\"model\":{\"type\":\"BPE\","
                                   "\"vocab\":{"));
    for (int b = 0; b < 256; b++) {
        bool visible = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        assert_ok(strait_buffer_printf(&json, "%s\"\\u%04x\":%d", b > 0 ? "," : "", visible ? b : next++, b));
    }
    assert_ok(strait_buffer_printf(&json, "},\"merges\":[]}}"));
    strait_tokenizer *tokenizer;
    assert_ok(strait_tokenizer_parse("bytes", json.bytes, json.length, &tokenizer));
    strait_buffer_fini(&json);
    return tokenizer;
}

static void text_and_its_shard_evaluate_alike(void **state)
{
    test_folder *folder = *state;
    write_corpus(folder, false);
    assert_true(shell(folder, "echo '{\"text\": \"a <|endoftext|> b\"}' > c/z.jsonl"));
    strait_tokenizer *tokenizer = byte_tokenizer();
    for (int plain = 0; plain < 2; plain++) {
        asked a = ask(folder, "c", 0.0);
        a.paths[0] = a.corpus;
        a.options.paths = a.paths;
        a.options.prefix = a.prefix;
        a.options.tokenizer = tokenizer;
        a.options.plain_text = plain;
        strait_pack_result result;
        assert_ok(strait_data_pack(&a.options, NULL, &result));
        assert_int_equal(result.train.tokens, result.train.text_bytes + 401 - (plain ? 0 : 12));
    }
    strait_dataset_params params = {.sequence_length = 64};
    strait_dataset *text;
    strait_dataset *shard;
    assert_ok(strait_dataset_open_any(at(folder, "c/0.jsonl"), tokenizer, NULL, &params, &text, NULL));
    assert_ok(strait_dataset_open_any(at(folder, "out/p_train"), tokenizer, NULL, &params, &shard, NULL));
    assert_true(strait_dataset_samples(shard) > strait_dataset_samples(text));
    int32_t tokens[2][64];
    int32_t targets[2][64];
    for (int64_t i = 0; i < strait_dataset_samples(text) - 1; i++) {
        assert_ok(strait_dataset_fill(text, i, 1, tokens[0], targets[0], NULL));
        assert_ok(strait_dataset_fill(shard, i, 1, tokens[1], targets[1], NULL));
        assert_memory_equal(tokens[0], tokens[1], sizeof tokens[0]);
        assert_memory_equal(targets[0], targets[1], sizeof targets[0]);
    }
    strait_dataset_destroy(text);
    strait_dataset_destroy(shard);
    /* The same bytes with another tokenizer are refused. */
    params.tokenizer_sha256 = "another";
    assert_fails(strait_dataset_open_any(at(folder, "out/p_train.idx"), tokenizer, NULL, &params, &shard, NULL),
                 STRAIT_ERR_USAGE, "packed with another tokenizer");
    assert_fails(strait_dataset_open_any(at(folder, "gone.txt"), tokenizer, NULL, &params, &shard, NULL),
                 STRAIT_ERR_NOT_FOUND, "gone.txt");
    strait_tokenizer_destroy(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(documents_become_tokens, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(large_vocabularies_are_int32, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_held_out_part_depends_on_the_text_alone, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(an_interrupted_packing_goes_on, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(an_error_keeps_complete_files, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(shards_and_sidecar_must_be_of_one_packing, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(text_can_be_evaluated_directly, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(text_and_its_shard_evaluate_alike, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
