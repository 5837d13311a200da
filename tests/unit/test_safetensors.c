/* Reading and writing safetensors: round trips, every defect by name, and failing writes. */
#define _POSIX_C_SOURCE 200809L
#include "folder.h"

#include <signal.h>
#include <sys/resource.h>

#include "ckpt/safetensors.h"

static const char path[] = "t.safetensors";

/* The status of opening a file with this header and `data` zero bytes after it. */
static strait_status open_text(const char *header, size_t data)
{
    unsigned char bytes[4096] = {0};
    size_t length = strlen(header);
    bytes[0] = (unsigned char)length;
    bytes[1] = (unsigned char)(length >> 8);
    memcpy(bytes + 8, header, length);
    strait_safetensors *file;
    strait_status status = strait_safetensors_open_memory("x.safetensors", bytes, 8 + length + data, &file);
    if (status == STRAIT_OK) strait_safetensors_close(file);
    return status;
}

/* A header that is refused, with the two things that the message must say beside the file's name. */
typedef struct defect {
    const char *name;
    const char *header;
    size_t data;
    strait_status status;
    const char *place;
    const char *reason;
} defect;

static const defect defects[] = {
    {"malformed_json", "{", 0, STRAIT_ERR_FORMAT, "line 1", "JSON"},
    {"header_that_is_no_object", "[]", 0, STRAIT_ERR_FORMAT, "not a JSON object", "header"},
    {"metadata_that_is_no_object", "{\"__metadata__\":3}", 0, STRAIT_ERR_FORMAT, "__metadata__", "object"},
    {"metadata_that_is_no_string", "{\"__metadata__\":{\"k\":3}}", 0, STRAIT_ERR_FORMAT, "\"k\"", "string"},
    {"entry_that_is_no_object", "{\"a\":7}", 0, STRAIT_ERR_FORMAT, "\"a\"", "object"},
    {"missing_dtype", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, STRAIT_ERR_FORMAT, "\"a\"", "dtype"},
    {"unknown_dtype", "{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, STRAIT_ERR_UNSUPPORTED,
     "\"a\"", "F99"},
    {"shape_that_is_no_array", "{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, STRAIT_ERR_FORMAT,
     "\"a\"", "shape"},
    {"negative_dimension", "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, STRAIT_ERR_FORMAT,
     "\"a\"", "shape"},
    {"too_many_dimensions", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8,
     STRAIT_ERR_UNSUPPORTED, "\"a\"", "6 dimensions"},
    {"more_elements_than_63_bits",
     "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, STRAIT_ERR_OVERFLOW,
     "\"a\"", "more elements"},
    {"more_bytes_than_63_bits", "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
     STRAIT_ERR_OVERFLOW, "\"a\"", "more bytes"},
    {"one_offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, STRAIT_ERR_FORMAT, "\"a\"",
     "two integers"},
    {"offsets_out_of_order", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, STRAIT_ERR_FORMAT,
     "\"a\"", "not in order"},
    {"negative_offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, STRAIT_ERR_FORMAT,
     "\"a\"", "not in order"},
    {"tensor_beyond_the_file", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, STRAIT_ERR_FORMAT,
     "\"a\"", "truncated"},
    {"offsets_that_do_not_fit_the_shape", "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8,
     STRAIT_ERR_FORMAT, "\"a\"", "12 bytes"},
    {"bytes_after_the_last_tensor", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9,
     STRAIT_ERR_FORMAT, "1 bytes", "end of the file"},
    {"gap_before_a_tensor", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, STRAIT_ERR_FORMAT,
     "\"a\"", "no tensor"},
    {"overlapping_tensors",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     3, STRAIT_ERR_FORMAT, "\"b\"", "overlap"},
    {"duplicate_names",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
     4, STRAIT_ERR_FORMAT, "duplicate", "a"},
};

#define DEFECTS (sizeof defects / sizeof defects[0])

static void says(const char *part)
{
    if (!strstr(strait_error_message(), part)) fail_msg("no \"%s\" in: %s", part, strait_error_message());
}

static void is_refused(void **state)
{
    const defect *d = *state;
    assert_int_equal(open_text(d->header, d->data), d->status);
    says("x.safetensors: ");
    says(d->place);
    says(d->reason);
}

static void sound_headers_open(void **state)
{
    (void)state;
    assert_int_equal(open_text("{}", 0), STRAIT_OK);
    assert_int_equal(open_text("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8), STRAIT_OK);
    assert_int_equal(open_text("{\"__metadata__\":{\"a\":\"b\"}}  ", 0), STRAIT_OK);
}

/* The same bytes from a file, whose whole name is in the message. */
static void refused_file(const unsigned char *bytes, size_t length, const char *reason)
{
    strait_safetensors *file;
    assert_int_equal(strait_file_replace(path, bytes, length), STRAIT_OK);
    assert_int_equal(strait_safetensors_open(path, &file), STRAIT_ERR_FORMAT);
    says(path);
    says(reason);
}

static void header_length_cut_off(void **state)
{
    (void)state;
    refused_file((const unsigned char[7]){9}, 7, "7 bytes");
}

static void header_beyond_the_file(void **state)
{
    (void)state;
    refused_file((const unsigned char[16]){9}, 16, "truncated");
}

static void header_length_over_the_limit(void **state)
{
    (void)state;
    unsigned char bytes[16];
    memset(bytes, 0xFF, sizeof bytes);
    refused_file(bytes, sizeof bytes, "over the limit");
}

static void missing_file_is_named(void **state)
{
    (void)state;
    strait_safetensors *file;
    assert_int_equal(strait_safetensors_open("/nonexistent/x", &file), STRAIT_ERR_NOT_FOUND);
    says("/nonexistent/x");
}

static strait_status count_up(void *context, int64_t offset, size_t length, void *out)
{
    (void)context;
    unsigned char *bytes = out;
    for (size_t i = 0; i < length; i++) bytes[i] = (unsigned char)((offset + (int64_t)i) * 7 % 251);
    return STRAIT_OK;
}

static strait_status fail_later(void *context, int64_t offset, size_t length, void *out)
{
    if (offset > 0) return STRAIT_FAIL(STRAIT_ERR_DEVICE_LOST, "the device is gone");
    return count_up(context, offset, length, out);
}

static void written_files_read_back(void **state)
{
    (void)state;
    const float numbers[6] = {1, 2, 3, 4, 5, 6};
    const uint16_t halves[3] = {0x3F80, 0x4000, 0x4040};
    const strait_tensor_spec specs[] = {
        {.name = "b.half", .dtype = STRAIT_DTYPE_BF16, .shape = strait_shape_1d(3), .bytes = halves},
        {.name = "z", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_2d(2, 3), .bytes = numbers},
        {.name = "a \"quoted\"", .dtype = STRAIT_DTYPE_U8, .shape = strait_shape_1d(3000001), .read = count_up},
        {.name = "empty", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_2d(0, 3)},
        {.name = "scalar", .dtype = STRAIT_DTYPE_F32, .bytes = numbers},
    };
    strait_file_digest digest;
    assert_int_equal(strait_safetensors_write(path, specs, 5, NULL, &digest), STRAIT_OK);
    char sha256[STRAIT_SHA256_HEX];
    assert_int_equal(strait_sha256_file(path, sha256), STRAIT_OK);
    assert_string_equal(sha256, digest.sha256);

    strait_safetensors *file;
    assert_int_equal(strait_safetensors_open(path, &file), STRAIT_OK);
    assert_int_equal(strait_safetensors_count(file), 5);
    assert_string_equal(strait_safetensors_get(file, 0)->name, "a \"quoted\"");
    assert_string_equal(strait_safetensors_get(file, 4)->name, "z");
    assert_string_equal(strait_safetensors_metadata(file, "format"), "pt");
    assert_null(strait_safetensors_metadata(file, "other"));
    assert_null(strait_safetensors_find(file, "y"));
    const strait_tensor_view *z = strait_safetensors_find(file, "z");
    assert_int_equal((uintptr_t)z->bytes % 4, 0);
    assert_memory_equal(z->bytes, numbers, sizeof numbers);
    assert_true(strait_shape_equal(&z->shape, &specs[1].shape));
    const strait_tensor_view *half = strait_safetensors_find(file, "b.half");
    assert_int_equal((uintptr_t)half->bytes % 2, 0);
    assert_memory_equal(half->bytes, halves, sizeof halves);
    const unsigned char *counted = strait_safetensors_get(file, 0)->bytes;
    assert_int_equal(counted[3000000], 3000000 * 7LL % 251);
    assert_int_equal(strait_safetensors_find(file, "empty")->size, 0);
    assert_int_equal(strait_safetensors_find(file, "scalar")->count, 1);
    strait_safetensors_close(file);
}

static void the_same_tensors_give_the_same_bytes(void **state)
{
    (void)state;
    const float numbers[2] = {1, 2};
    const strait_tensor_spec one[] = {
        {.name = "a", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_1d(2), .bytes = numbers},
        {.name = "b", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_1d(1), .bytes = numbers},
    };
    const strait_tensor_spec other[] = {one[1], one[0]};
    strait_file_digest first;
    strait_file_digest second;
    assert_int_equal(strait_safetensors_write(path, one, 2, NULL, &first), STRAIT_OK);
    assert_int_equal(strait_safetensors_write(path, other, 2, NULL, &second), STRAIT_OK);
    assert_string_equal(first.sha256, second.sha256);
    strait_safetensors_options as_given = {.as_given = true};
    assert_int_equal(strait_safetensors_write(path, other, 2, &as_given, &second), STRAIT_OK);
    assert_string_not_equal(first.sha256, second.sha256);
}

static void wrong_requests_are_refused(void **state)
{
    (void)state;
    const float number = 1;
    strait_tensor_spec specs[2] = {
        {.name = "a", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_1d(1), .bytes = &number},
        {.name = "a", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_1d(1), .bytes = &number},
    };
    assert_int_equal(strait_safetensors_write(path, specs, 2, NULL, NULL), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "twice"));
    specs[1].name = "__metadata__";
    assert_int_equal(strait_safetensors_write(path, specs, 2, NULL, NULL), STRAIT_ERR_USAGE);
    specs[1] = (strait_tensor_spec){.name = "b", .shape = strait_shape_1d(1)};
    assert_int_equal(strait_safetensors_write(path, specs, 2, NULL, NULL), STRAIT_ERR_USAGE);
    specs[1].shape = strait_shape_2d(INT64_MAX, INT64_MAX);
    assert_int_equal(strait_safetensors_write(path, specs, 2, NULL, NULL), STRAIT_ERR_OVERFLOW);
}

/* A failing write leaves the old file as it was, no temporary file and no memory. */
static void failing_writes_leave_the_old_file(void **state)
{
    (void)state;
    const float number = 1;
    const strait_tensor_spec old = {.name = "old", .shape = strait_shape_1d(1), .bytes = &number};
    assert_int_equal(strait_safetensors_write(path, &old, 1, NULL, NULL), STRAIT_OK);
    int64_t used = strait_memory_used(STRAIT_TAG_OTHER);

    strait_tensor_spec large = {
        .name = "new", .dtype = STRAIT_DTYPE_U8, .shape = strait_shape_1d(8 << 20), .read = fail_later};
    assert_int_equal(strait_safetensors_write(path, &large, 1, NULL, NULL), STRAIT_ERR_DEVICE_LOST);
    assert_non_null(strstr(strait_error_message(), "\"new\""));

    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit small = {.rlim_cur = 2 << 20, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    large.read = count_up;
    strait_status status = strait_safetensors_write(path, &large, 1, NULL, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_not_equal(status, STRAIT_OK);
    assert_non_null(strstr(strait_error_message(), "t.safetensors"));

    assert_int_equal(strait_memory_used(STRAIT_TAG_OTHER), used);
    strait_safetensors *file;
    assert_int_equal(strait_safetensors_open(path, &file), STRAIT_OK);
    assert_non_null(strait_safetensors_find(file, "old"));
    strait_safetensors_close(file);
    char **names;
    size_t count;
    assert_int_equal(strait_directory_list(".", &names, &count), STRAIT_OK);
    assert_int_equal(count, 1);
    strait_names_free(names, count);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(sound_headers_open),
        cmocka_unit_test(header_length_cut_off),
        cmocka_unit_test(header_beyond_the_file),
        cmocka_unit_test(header_length_over_the_limit),
        cmocka_unit_test(missing_file_is_named),
        cmocka_unit_test(written_files_read_back),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(the_same_tensors_give_the_same_bytes),
        cmocka_unit_test(failing_writes_leave_the_old_file),
    };
    enum { OTHERS = sizeof others / sizeof others[0] };
    /* Each defect is a test of its own, so that one failure does not hide the next. */
    struct CMUnitTest tests[DEFECTS + OTHERS];
    for (size_t i = 0; i < DEFECTS; i++) {
        tests[i] = (struct CMUnitTest){
            .name = defects[i].name, .test_func = is_refused, .initial_state = (void *)(uintptr_t)&defects[i]};
    }
    memcpy(tests + DEFECTS, others, sizeof others);
    return cmocka_run_group_tests(tests, folder_enter, folder_leave);
}
