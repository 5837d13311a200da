/* Megatron shards: good ones of every dtype, and each way in which a foreign index can be wrong, by its message. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "test_data.h"

#include "data/shard.h"
#include "data/token_index.h"

#include <unistd.h>

/* An index being composed: three sequences in two documents, ids of `type`. */
typedef struct composed {
    unsigned char idx[512];
    size_t length;
    unsigned char bin[256];
    size_t bin_length;
} composed;

enum { LENGTHS = 34, OFFSETS = LENGTHS + 12, DOCUMENTS = OFFSETS + 24, END = DOCUMENTS + 24 };

static void put64(composed *c, size_t place, uint64_t value)
{
    strait__write_le64(c->idx + place, value);
}

static composed compose(strait__id_type type)
{
    static const uint32_t lengths[3] = {2, 0, 3};
    static const unsigned char ids[5] = {7, 100, 3, 0, 9};
    composed c = {0};
    memcpy(c.idx, "MMIDIDX\0\0", 9);
    put64(&c, 9, 1);
    c.idx[17] = (unsigned char)type;
    put64(&c, 18, 3);
    put64(&c, 26, 3);
    size_t size = (size_t)strait__id_type_size(type);
    size_t offset = 0;
    for (size_t i = 0; i < 3; i++) {
        strait__write_le32(c.idx + LENGTHS + 4 * i, lengths[i]);
        put64(&c, OFFSETS + 8 * i, offset);
        offset += lengths[i] * size;
    }
    put64(&c, DOCUMENTS, 0);
    put64(&c, DOCUMENTS + 8, 2);
    put64(&c, DOCUMENTS + 16, 3);
    c.length = END;
    for (size_t i = 0; i < 5; i++) c.bin[i * size] = ids[i];
    c.bin_length = 5 * size;
    return c;
}

static strait_status open_composed(test_folder *folder, const composed *c, strait__shard **out_shard)
{
    write_file(at(folder, "x.idx"), c->idx, c->length);
    write_file(at(folder, "x.bin"), c->bin, c->bin_length);
    return strait__shard_open(at(folder, "x"), out_shard);
}

static void every_dtype_is_read(void **state)
{
    test_folder *folder = *state;
    static const strait__id_type types[] = {STRAIT__ID_UINT8, STRAIT__ID_INT8,  STRAIT__ID_INT16,
                                            STRAIT__ID_INT32, STRAIT__ID_INT64, STRAIT__ID_UINT16};
    static const int32_t want[5] = {7, 100, 3, 0, 9};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        composed c = compose(types[t]);
        strait__shard *shard;
        assert_ok(open_composed(folder, &c, &shard));
        const strait_shard_info *info = strait__shard_info_get(shard);
        assert_int_equal(info->tokens, 5);
        assert_int_equal(info->documents, 2);
        assert_int_equal(info->sequences, 3);
        assert_int_equal(info->shortest, 0);
        assert_int_equal(info->longest, 3);
        assert_string_equal(info->dtype, strait__id_type_name(types[t]));
        int32_t ids[5];
        assert_ok(strait__shard_read(shard, 0, 5, 101, ids));
        assert_memory_equal(ids, want, sizeof want);
        static const int64_t documents[5] = {0, 0, 1, 1, 1};
        for (int64_t i = 0; i < 5; i++) assert_int_equal(strait__shard_document_at(shard, i), documents[i]);
        assert_int_equal(strait__shard_document_end(shard, 0), 2);
        assert_int_equal(strait__shard_document_end(shard, 1), 5);
        strait__shard_close(shard);
    }
}

static void names_lead_to_the_pair(void **state)
{
    test_folder *folder = *state;
    composed c = compose(STRAIT__ID_UINT16);
    write_file(at(folder, "web_train.idx"), c.idx, c.length);
    strait_shard_info info;
    assert_fails(strait_shard_query(at(folder, "web_train"), 0, &info), STRAIT_ERR_NOT_FOUND,
                 "web_train.bin is missing");
    write_file(at(folder, "web_train.bin"), c.bin, c.bin_length);
    assert_ok(strait_shard_query(at(folder, "web_train.idx"), 1, &info));
    assert_int_equal(info.largest_id, 100);
    assert_int_equal(info.text_bytes, -1);
    assert_ok(strait_shard_query(at(folder, "web_train.bin"), 0, &info));
    assert_int_equal(info.largest_id, -1);
    assert_fails(strait_shard_query(at(folder, "web"), 0, &info), STRAIT_ERR_NOT_FOUND, "did you mean");
    assert_fails(strait_shard_query(at(folder, "nothing"), 0, &info), STRAIT_ERR_NOT_FOUND, "no token shard");
}

typedef struct wrong {
    const char *name;
    size_t place; /* in the index; 8 bytes are replaced there unless width says 4 or 1 */
    uint64_t value;
    int width;
    strait_status code;
    const char *message;
    size_t length;   /* of the index, where not 0 */
    size_t bin_less; /* bytes that the .bin lacks */
} wrong;

static const wrong wrongs[] = {
    {"magic", 0, 'X', 1, STRAIT_ERR_FORMAT, "x.idx: not a Megatron index", 0, 0},
    {"version", 9, 2, 8, STRAIT_ERR_UNSUPPORTED, "version 2 at byte 9", 0, 0},
    {"float64", 17, 6, 1, STRAIT_ERR_UNSUPPORTED, "holds float64 (dtype code 6", 0, 0},
    {"float32", 17, 7, 1, STRAIT_ERR_UNSUPPORTED, "holds float32 (dtype code 7", 0, 0},
    {"dtype", 17, 9, 1, STRAIT_ERR_FORMAT, "dtype code 9 at byte 17", 0, 0},
    {"dtype_zero", 17, 0, 1, STRAIT_ERR_FORMAT, "dtype code 0 at byte 17", 0, 0},
    {"sequences", 18, 4, 8, STRAIT_ERR_FORMAT, "truncated", 0, 0},
    {"huge_count", 18, UINT64_MAX / 2, 8, STRAIT_ERR_FORMAT, "more than its", 0, 0},
    {"wrapping_count", 26, UINT64_C(0x2000000000000003), 8, STRAIT_ERR_FORMAT, "more than its", 0, 0},
    {"fewer_documents", 26, 2, 8, STRAIT_ERR_FORMAT, "more than one file joined", 0, 0},
    {"negative_length", LENGTHS, 0xFFFFFFFF, 4, STRAIT_ERR_FORMAT, "sequence 0 has length -1", 0, 0},
    {"long_length", LENGTHS + 8, 4, 4, STRAIT_ERR_FORMAT, "sequence 2 (4 ids from byte 4) reaches beyond the .bin", 0,
     0},
    {"short_length", LENGTHS + 8, 2, 4, STRAIT_ERR_FORMAT, "end at byte 8, the .bin has 10 bytes", 0, 0},
    {"gap", OFFSETS + 16, 6, 8, STRAIT_ERR_FORMAT, "sequence 2 begins at byte 6", 0, 0},
    {"overlap", OFFSETS + 16, 2, 8, STRAIT_ERR_FORMAT, "sequence 2 begins at byte 2", 0, 0},
    {"negative_offset", OFFSETS, UINT64_MAX, 8, STRAIT_ERR_FORMAT, "sequence 0 begins at byte -1", 0, 0},
    {"first_document", DOCUMENTS, 1, 8, STRAIT_ERR_FORMAT, "document entry 0 is 1", 0, 0},
    {"descending", DOCUMENTS + 16, 1, 8, STRAIT_ERR_FORMAT, "document entry 2 is 1, after 2", 0, 0},
    {"beyond", DOCUMENTS + 8, 4, 8, STRAIT_ERR_FORMAT, "document entry 1 is 4", 0, 0},
    {"last_document", DOCUMENTS + 16, 2, 8, STRAIT_ERR_FORMAT, "the last document entry is 2", 0, 0},
    {"index_of_20_bytes", 0, 'M', 1, STRAIT_ERR_FORMAT, "x.idx: has 20 bytes", 20, 0},
    {"index_without_end", 0, 'M', 1, STRAIT_ERR_FORMAT, "truncated", END - 1, 0},
    {"index_with_more", 0, 'M', 1, STRAIT_ERR_UNSUPPORTED, "multimodal", END + 3, 0},
    {"short_bin", 0, 'M', 1, STRAIT_ERR_FORMAT, "reaches beyond the .bin", 0, 1},
};

#define WRONGS (sizeof wrongs / sizeof wrongs[0])

static void is_refused(void **state)
{
    const wrong *w = *state;
    void *made = NULL;
    assert_int_equal(folder_setup(&made), 0);
    test_folder *folder = made;
    composed c = compose(STRAIT__ID_UINT16);
    for (int b = 0; b < w->width; b++) c.idx[w->place + (size_t)b] = (unsigned char)(w->value >> (8 * b));
    if (w->length > 0) c.length = w->length;
    c.bin_length -= w->bin_less;
    strait__shard *shard;
    assert_fails(open_composed(folder, &c, &shard), w->code, w->message);
    assert_non_null(strstr(strait_error_message(), at(folder, "x.idx")));
    assert_int_equal(folder_teardown(&made), 0);
}

static void an_empty_index_is_refused(void **state)
{
    test_folder *folder = *state;
    strait__shard *shard;
    composed c = compose(STRAIT__ID_UINT16);
    c.length = 0;
    assert_fails(open_composed(folder, &c, &shard), STRAIT_ERR_FORMAT, "x.idx: has 0 bytes");
}

static void ids_outside_the_vocabulary_are_named(void **state)
{
    test_folder *folder = *state;
    composed c = compose(STRAIT__ID_UINT16);
    strait__shard *shard;
    int32_t ids[5];
    assert_ok(open_composed(folder, &c, &shard));
    assert_fails(strait__shard_read(shard, 0, 5, 100, ids), STRAIT_ERR_RANGE,
                 "x.bin: token 1 (document 0, byte 2) has id 100, outside the vocabulary of 100");
    assert_ok(strait__shard_read(shard, 2, 3, 100, ids));
    strait__shard_close(shard);
    c = compose(STRAIT__ID_INT64);
    c.bin[8 * 3 + 7] = 0x80;
    assert_ok(open_composed(folder, &c, &shard));
    assert_fails(strait__shard_read(shard, 0, 5, 0, ids), STRAIT_ERR_RANGE,
                 "token 3 (document 1, byte 24) has id -9223");
    strait__shard_close(shard);
}

static void a_file_that_shrinks_is_an_error(void **state)
{
    test_folder *folder = *state;
    composed c = compose(STRAIT__ID_UINT16);
    strait__shard *shard;
    int32_t ids[5];
    assert_ok(open_composed(folder, &c, &shard));
    assert_int_equal(truncate(at(folder, "x.bin"), 4), 0);
    assert_fails(strait__shard_read(shard, 0, 5, 0, ids), STRAIT_ERR_IO, "became shorter");
    strait__shard_close(shard);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test_setup_teardown(every_dtype_is_read, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(names_lead_to_the_pair, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(an_empty_index_is_refused, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(ids_outside_the_vocabulary_are_named, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_shrinks_is_an_error, folder_setup, folder_teardown),
    };
    enum { OTHERS = sizeof others / sizeof others[0] };
    /* Each wrong index is a test of its own, so that one failure does not hide the next. */
    struct CMUnitTest tests[WRONGS + OTHERS];
    for (size_t i = 0; i < WRONGS; i++) {
        tests[i] = (struct CMUnitTest){
            .name = wrongs[i].name, .test_func = is_refused, .initial_state = (void *)(uintptr_t)&wrongs[i]};
    }
    memcpy(tests + WRONGS, others, sizeof others);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
