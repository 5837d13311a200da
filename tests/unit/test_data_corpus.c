/* Reading corpora: documents, splits, JSON lines, compression, and every kind of wrong input by its message. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "test_data.h"

#include "data/text_repair.h"

#include <strait/data.h>

/* All documents of a corpus joined with '|', or the status and message. */
static strait_status read_all(const char *path, const strait_corpus_options *options, strait_buffer *out)
{
    strait_buffer_clear(out);
    strait_corpus *corpus;
    STRAIT_TRY(strait_corpus_open(&path, 1, options, &corpus));
    strait_status status;
    for (;;) {
        strait_document document;
        int found;
        status = strait_corpus_next(corpus, &document, &found);
        if (status != STRAIT_OK || !found) break;
        assert_true(document.length > 0);
        status = strait_buffer_append(out, document.text, document.length);
        if (status == STRAIT_OK) status = strait_buffer_append(out, "|", 1);
        if (status != STRAIT_OK) break;
    }
    strait_corpus_close(corpus);
    return status;
}

static void expect(const char *path, const strait_corpus_options *options, const char *want)
{
    strait_buffer got = {0};
    assert_ok(read_all(path, options, &got));
    assert_string_equal(got.bytes, want);
    strait_buffer_fini(&got);
}

static void expect_error(const char *path, const strait_corpus_options *options, strait_status code, const char *part)
{
    strait_buffer got = {0};
    assert_fails(read_all(path, options, &got), code, part);
    strait_buffer_fini(&got);
}

static void text_is_split_as_asked(void **state)
{
    test_folder *folder = *state;
    const char *path = at(folder, "a.txt");
    write_text(path, "\xEF\xBB\xBFone\ntwo\r\n\r\n  \n\nthree\n<end>\nfour");
    expect(path, NULL, "one\ntwo\r\n\r\n  \n\nthree\n<end>\nfour|");
    strait_corpus_options options = {.struct_size = sizeof options, .split = STRAIT_SPLIT_BLANK};
    expect(path, &options, "one\ntwo|three\n<end>\nfour|");
    options =
        (strait_corpus_options){.struct_size = sizeof options, .split = STRAIT_SPLIT_SEPARATOR, .separator = "<end>"};
    expect(path, &options, "one\ntwo\r\n\r\n  \n\nthree|four|");
    options.separator = "";
    expect_error(path, &options, STRAIT_ERR_USAGE, "separator");
    write_text(path, "aa\n\nbb\n\ncc\n\n\ndd\n");
    options = (strait_corpus_options){.struct_size = sizeof options, .split = STRAIT_SPLIT_SIZE, .split_bytes = 4};
    expect(path, &options, "aa\n\nbb|cc\n|dd\n|");
}

static void folders_are_walked_in_order(void **state)
{
    test_folder *folder = *state;
    assert_true(shell(folder, "mkdir -p d/b d/empty && printf 3 > d/c.txt && printf 1 > d/a && printf 2 > d/b/x && "
                              "printf no > d/.hidden && : > d/nothing"));
    expect(at(folder, "d"), NULL, "1|2|3|");
    expect_error(at(folder, "d/empty"), NULL, STRAIT_ERR_NOT_FOUND, "holds no file");
    expect_error(at(folder, "missing"), NULL, STRAIT_ERR_NOT_FOUND, "missing");
    expect_error(at(folder, "d/nothing"), NULL, STRAIT_ERR_FORMAT, "no text");
    assert_true(shell(folder, "mkdir loop && ln -s . loop/again && printf x > loop/f"));
    strait_buffer got = {0};
    assert_true(read_all(at(folder, "loop"), NULL, &got) != STRAIT_OK);
    strait_buffer_fini(&got);
    assert_fails(strait_corpus_open(NULL, 0, NULL, NULL), STRAIT_ERR_USAGE, "no corpus");
}

static void json_lines_give_their_member(void **state)
{
    test_folder *folder = *state;
    const char *path = at(folder, "a.jsonl");
    write_text(path, "{\"text\":\"one\",\"id\":1}\n\n{\"text\":\"\"}\r\n{\"id\":2,\"text\":\"\\u00e9\\n\"}");
    expect(path, NULL, "one|\xC3\xA9\n|");
    strait_corpus_options options = {.struct_size = sizeof options, .field = "body"};
    expect_error(path, &options, STRAIT_ERR_FORMAT, "a.jsonl:1: no member \"body\"; the line has \"text\", \"id\"");
    write_text(path, "{\"text\":\"ok\"}\n{\"text\": broken}\n");
    expect_error(path, NULL, STRAIT_ERR_FORMAT, "a.jsonl:2: not a line of JSON: column");
    write_text(path, "{\"text\":\"ok\"}\n\n[1]\n");
    expect_error(path, NULL, STRAIT_ERR_FORMAT, "a.jsonl:3: not a JSON object");
    write_text(path, "{\"text\":5}\n");
    expect_error(path, NULL, STRAIT_ERR_FORMAT, "a.jsonl:1: member \"text\" is not a string");
    write_text(path, "{\"text\":\"a\",\"text\":\"b\"}\n");
    expect_error(path, NULL, STRAIT_ERR_FORMAT, "a.jsonl:1: not a line of JSON");
    write_text(path, "{\"text\":\"a\"} {\"text\":\"b\"}\n");
    expect_error(path, NULL, STRAIT_ERR_FORMAT, "a.jsonl:1: not a line of JSON");
    write_text(path, "\n\n");
    expect_error(path, NULL, STRAIT_ERR_FORMAT, "no text");
}

static void text_that_is_not_utf8_is_counted(void **state)
{
    test_folder *folder = *state;
    const char *path = at(folder, "bad.txt");
    write_text(path, "a\xFF"
                     "b\xE4\xB8"
                     "c\xED\xA0\x80"
                     "d\xF0\x9F\x98\x80");
    const char *paths[] = {path};
    strait_corpus *corpus;
    assert_ok(strait_corpus_open(paths, 1, NULL, &corpus));
    strait_document document;
    int found;
    assert_ok(strait_corpus_next(corpus, &document, &found));
    assert_int_equal(document.invalid_utf8, 5); /* FF, E4 B8, ED, A0, 80 */
    assert_string_equal(document.text, "a\xEF\xBF\xBD"
                                       "b\xEF\xBF\xBD"
                                       "c\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                                       "d\xF0\x9F\x98\x80");
    assert_ok(strait_corpus_next(corpus, &document, &found));
    assert_int_equal(found, 0);
    assert_int_equal(strait_corpus_file_get(corpus, 0)->invalid_utf8, 5);
    strait_corpus_close(corpus);
    path = at(folder, "bad.jsonl");
    write_text(path, "{\"text\":\"x\xFF\"}\n");
    expect(path, NULL, "x\xEF\xBF\xBD|");
}

static void long_documents_are_refused_by_name(void **state)
{
    test_folder *folder = *state;
    const char *path = at(folder, "long.txt");
    write_text(path, "short\n0123456789\n");
    strait_corpus_options options = {.struct_size = sizeof options, .document_limit = 8};
    expect_error(path, &options, STRAIT_ERR_FORMAT, "long.txt:2: a document of more than 8 bytes");
    options.document_limit = 17;
    expect(path, &options, "short\n0123456789\n|");
}

static void foreign_files_are_refused_by_name(void **state)
{
    test_folder *folder = *state;
    write_file(at(folder, "x.parquet"), "PAR1....", 8);
    expect_error(at(folder, "x.parquet"), NULL, STRAIT_ERR_UNSUPPORTED, "x.parquet: a Parquet file");
    write_file(at(folder, "gpt.bin"), "\x88\xD8\x34\x01", 4); /* 20240520 */
    expect_error(at(folder, "gpt.bin"), NULL, STRAIT_ERR_UNSUPPORTED, "gpt.bin: a token file of llm.c");
    write_file(at(folder, "gpt3.bin"), "\xA1\xD9\x34\x01", 4); /* 20240801 */
    expect_error(at(folder, "gpt3.bin"), NULL, STRAIT_ERR_UNSUPPORTED, "gpt3.bin: a token file of llm.c");
    write_file(at(folder, "a.idx"), "MMIDIDX\0\0", 9);
    expect_error(at(folder, "a.idx"), NULL, STRAIT_ERR_USAGE, "a.idx: one of a pair of token shards");
    write_text(at(folder, "no.gz"), "plain");
    expect_error(at(folder, "no.gz"), NULL, STRAIT_ERR_FORMAT, "no.gz: named .gz");
}

/* 1.5 MB that does not compress to nothing, as 40,000 lines of JSON. */
static void write_long_jsonl(test_folder *folder)
{
    FILE *file = fopen(at(folder, "long.jsonl"), "wb");
    assert_non_null(file);
    uint32_t x = 1;
    for (int i = 0; i < 40000; i++) {
        x = x * 1664525U + 1013904223U;
        fprintf(file, "{\"text\":\"%u %08x\"}\n", i, x);
    }
    assert_int_equal(fclose(file), 0);
}

static int64_t count_documents(const char *path)
{
    const char *paths[] = {path};
    strait_corpus_options options = {.struct_size = sizeof options, .hash_files = 1};
    strait_corpus *corpus;
    assert_ok(strait_corpus_open(paths, 1, &options, &corpus));
    int64_t count = 0;
    for (;;) {
        strait_document document;
        int found;
        assert_ok(strait_corpus_next(corpus, &document, &found));
        if (!found) break;
        count++;
    }
    assert_int_equal(strlen(strait_corpus_file_get(corpus, 0)->sha256), 64);
    strait_corpus_close(corpus);
    return count;
}

static void compressed_files_are_read(void **state)
{
    test_folder *folder = *state;
    static const char *const tools[][2] = {{"gzip", "gz"}, {"xz -1", "xz"}, {"zstd -q", "zst"}};
    write_long_jsonl(folder);
    for (int i = 0; i < 3; i++) {
        char command[300];
        const char *tool = tools[i][0];
        const char *end = tools[i][1];
        snprintf(command, sizeof command, "%s -c < long.jsonl > long.jsonl.%s", tool, end);
        if (!shell(folder, command)) {
            print_message("skipped: %s is not installed\n", tool);
            continue;
        }
        char name[64];
        snprintf(name, sizeof name, "long.jsonl.%s", end);
        assert_int_equal(count_documents(at(folder, name)), 40000);
        /* Two frames one after the other are one text. */
        snprintf(command, sizeof command, "cat long.jsonl.%s long.jsonl.%s > two.jsonl.%s", end, end, end);
        assert_true(shell(folder, command));
        snprintf(name, sizeof name, "two.jsonl.%s", end);
        assert_int_equal(count_documents(at(folder, name)), 80000);
        /* Cut in the middle, near the end and within the first bytes. */
        snprintf(command, sizeof command, "head -c 100000 long.jsonl.%s > cut.jsonl.%s", end, end);
        assert_true(shell(folder, command));
        snprintf(name, sizeof name, "cut.jsonl.%s", end);
        char part[96];
        snprintf(part, sizeof part, "%s: ", name);
        expect_error(at(folder, name), NULL, STRAIT_ERR_FORMAT, part);
        expect_error(at(folder, name), NULL, STRAIT_ERR_FORMAT, "truncated at byte 100000");
        snprintf(command, sizeof command, "head -c -3 long.jsonl.%s > cut.jsonl.%s", end, end);
        assert_true(shell(folder, command));
        expect_error(at(folder, name), NULL, STRAIT_ERR_FORMAT, "truncated at byte");
        snprintf(command, sizeof command, "head -c 9 long.jsonl.%s > cut.jsonl.%s", end, end);
        assert_true(shell(folder, command));
        expect_error(at(folder, name), NULL, STRAIT_ERR_FORMAT, "truncated at byte 9");
        /* Something after the end. */
        snprintf(command, sizeof command, "{ cat long.jsonl.%s; echo and more; } > more.jsonl.%s", end, end);
        assert_true(shell(folder, command));
        snprintf(name, sizeof name, "more.jsonl.%s", end);
        expect_error(at(folder, name), NULL, STRAIT_ERR_FORMAT, i == 0 ? "9 bytes follow that are not gzip" : name);
        /* Nothing at all, well compressed. */
        snprintf(command, sizeof command, ": | %s -c > none.%s", tool, end);
        assert_true(shell(folder, command));
        snprintf(name, sizeof name, "none.%s", end);
        expect_error(at(folder, name), NULL, STRAIT_ERR_FORMAT, "no text");
    }
}

static void a_damaged_gzip_is_noticed(void **state)
{
    test_folder *folder = *state;
    /* Stored blocks: a changed byte leaves valid deflate data, only the checksum tells. */
    FILE *file = fopen(at(folder, "s.txt.gz"), "wb");
    assert_non_null(file);
    static const unsigned char stored[] = {0x1F, 0x8B, 8,   0,   0,   0,   0,    0,    0,    3,    1, 5, 0, 0xFA,
                                           0xFF, 'h',  'e', 'l', 'l', 'o', 0x86, 0xA6, 0x10, 0x36, 5, 0, 0, 0};
    assert_int_equal(fwrite(stored, 1, sizeof stored, file), sizeof stored);
    assert_int_equal(fclose(file), 0);
    expect(at(folder, "s.txt.gz"), NULL, "hello|");
    file = fopen(at(folder, "s.txt.gz"), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 16, SEEK_SET), 0);
    fputc('u', file);
    assert_int_equal(fclose(file), 0);
    expect_error(at(folder, "s.txt.gz"), NULL, STRAIT_ERR_CORRUPT,
                 "s.txt.gz: the text does not have the size and checksum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_is_split_as_asked, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(folders_are_walked_in_order, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(json_lines_give_their_member, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(text_that_is_not_utf8_is_counted, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(long_documents_are_refused_by_name, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused_by_name, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(compressed_files_are_read, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_gzip_is_noticed, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
