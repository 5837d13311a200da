/* JSON: places in errors, duplicate keys, shortest reals, order and escapes on the way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static json_t *parsed(const char *text)
{
    json_t *value = NULL;
    assert_int_equal(strait_json_parse("t.json", text, strlen(text), &value), STRAIT_OK);
    return value;
}

static void refused(const char *text, const char *part)
{
    json_t *value = NULL;
    assert_int_equal(strait_json_parse("t.json", text, strlen(text), &value), STRAIT_ERR_FORMAT);
    assert_null(value);
    assert_non_null(strstr(strait_error_message(), "t.json: line "));
    if (!strstr(strait_error_message(), part)) fail_msg("\"%s\" lacks \"%s\"", strait_error_message(), part);
}

static void errors_name_the_place(void **state)
{
    (void)state;
    refused("{\"a\": 1,\n \"b\": }", "line 2, column 7");
    refused("{\"a\": 1, \"a\": 2}", "duplicate");
    refused("[1, 2", "line 1");
    refused("", "line 1");
    refused("[1] x", "column");
    refused("[\"\xff\"]", "decode byte 0xff");
    refused("[1e999]", "real");
    assert_int_equal(strait_json_parse("none", NULL, 0, &(json_t *){NULL}), STRAIT_ERR_FORMAT);
}

/* transformers writes int(1e30) into tokenizer_config.json where there is no limit. */
static void huge_integers_are_reals(void **state)
{
    (void)state;
    json_t *value = parsed("{\"model_max_length\": 1000000000000000019884624838656,\n"
                           "\"a\": [-123456789012345678901234567890, 9223372036854775807, 9223372036854775808]}");
    assert_true(json_is_real(json_object_get(value, "model_max_length")));
    assert_true(json_real_value(json_object_get(value, "model_max_length")) == 1e30);
    const json_t *a = json_object_get(value, "a");
    assert_true(json_real_value(json_array_get(a, 0)) == -123456789012345678901234567890.0);
    assert_int_equal(json_integer_value(json_array_get(a, 1)), INT64_MAX);
    assert_true(json_real_value(json_array_get(a, 2)) == 0x1p63);
    json_decref(value);
    refused("[123456789012345678901234567890, 1e999]", "real");
    refused("[123456789012345678901234567890, x]", "line 1");
}

static void missing_file_is_named(void **state)
{
    (void)state;
    json_t *value = NULL;
    assert_int_equal(strait_json_read("/nonexistent/x.json", &value), STRAIT_ERR_NOT_FOUND);
    assert_non_null(strstr(strait_error_message(), "/nonexistent/x.json"));
}

static void writes_what_it_read(void **state)
{
    (void)state;
    const char *text = "{\"z\":[1,-2.5,true,false,null,{}],\"a\":\"q\\\"\\\\\\n\\u0001\\u0000\xe4\xb8\xad\",\"e\":[]}";
    json_t *value = parsed(text);
    strait_buffer out = {0};
    assert_int_equal(strait_json_format(value, 0, &out), STRAIT_OK);
    assert_string_equal(out.bytes, text);
    strait_buffer_clear(&out);
    json_t *small = parsed("{\"a\": [1], \"b\": {}}");
    assert_int_equal(strait_json_format(small, 2, &out), STRAIT_OK);
    assert_string_equal(out.bytes, "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}");
    strait_buffer_fini(&out);
    json_decref(small);
    json_decref(value);
}

static void expect_real(double value, const char *text)
{
    strait_buffer out = {0};
    assert_int_equal(strait_json_format_real(value, &out), STRAIT_OK);
    assert_string_equal(out.bytes, text);
    strait_buffer_fini(&out);
}

static void reals_are_shortest(void **state)
{
    (void)state;
    expect_real(0.0, "0.0");
    expect_real(-0.0, "-0.0");
    expect_real(1.0, "1.0");
    expect_real(-123.0, "-123.0");
    expect_real(0.1, "0.1");
    expect_real(1e-6, "1e-06");
    expect_real(0.0001, "0.0001");
    expect_real(0.00012, "0.00012");
    expect_real(1e-5, "1e-05");
    expect_real(3e-4, "0.0003");
    expect_real(1e15, "1000000000000000.0");
    expect_real(1e16, "1e+16");
    expect_real(123456789012345680.0, "1.2345678901234568e+17");
    expect_real(0.1 + 0.2, "0.30000000000000004");
    expect_real(5e-324, "5e-324");
    expect_real(DBL_MAX, "1.7976931348623157e+308");
    expect_real(1000000.0, "1000000.0");
    expect_real(12.5, "12.5");
    expect_real(NAN, "null");
    expect_real(INFINITY, "null");
}

static void reals_read_back_to_the_same_bits(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        strait_buffer out = {0};
        assert_int_equal(strait_json_format_real(value, &out), STRAIT_OK);
        double back = strtod(out.bytes, NULL);
        assert_memory_equal(&back, &value, sizeof value);
        strait_buffer_fini(&out);
    }
}

/* jansson's allocator for the whole program: the nth call from now fails. */
static long fail_at;

static void *sometimes(size_t size)
{
    if (fail_at > 0 && --fail_at == 0) return NULL;
    return malloc(size);
}

/* Fails each allocation of a line's parse in turn: the line is refused with its place until none is left to fail. */
static json_t *parsed_without_memory(const char *line, int *out_refused)
{
    for (long at = 1;; at++) {
        json_t *value = NULL;
        fail_at = at;
        strait_status status = strait_json_parse_line("t.jsonl", 7, line, strlen(line), &value);
        bool reached = fail_at == 0;
        fail_at = 0;
        if (!reached) {
            assert_int_equal(status, STRAIT_OK);
            return value;
        }
        assert_int_equal(status, STRAIT_ERR_NO_MEMORY);
        assert_null(value);
        assert_non_null(strstr(strait_error_message(), "t.jsonl:7: out of memory"));
        ++*out_refused;
    }
}

/* jansson would go on with a token that lacks a character, or stop at an assertion of its own. */
static void lines_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    int refused_lines = 0;
    json_t *value =
        parsed_without_memory("{\"text\": \"twenty-four letters, \\u8239 and \\\"some\\\" more\"}", &refused_lines);
    assert_string_equal(json_string_value(json_object_get(value, "text")),
                        "twenty-four letters, \xe8\x88\xb9 and \"some\" more");
    json_decref(value);
    assert_true(refused_lines >= 5);

    /* Every place in a token may be the one where its text grows: after 15 bytes, and after 31. */
    static const char *const tokens[] = {"\\u8239", "\\n", "\\\\", "\xe8\x88\xb9", "\xf0\x9f\x98\x80", "a"};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        for (int before = 0; before < 32; before++) {
            char line[128];
            snprintf(line, sizeof line, "[\"%.*s%s\", 1]", before, "0123456789abcdef0123456789abcdef", tokens[i]);
            json_decref(parsed_without_memory(line, &refused_lines));
        }
    }
    static const char *const numbers[] = {
        "[12345678901234]",     "[123456789012345]",   "[1234567890123456, 2]",
        "[1234567890123.5e3]",  "[12345678901.5e-3]",  "[1234567890123e15, true]",
        "[-12345678901234, 1]", "[12345678901234e+1]", "{\"a\":0.12345678901234567890123456789}"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_decref(parsed_without_memory(numbers[i], &refused_lines));
    }
}

static void lines_name_their_place(void **state)
{
    (void)state;
    json_t *value = NULL;
    assert_int_equal(strait_json_parse_line("t.jsonl", 7, "{\"a\" 1}", 7, &value), STRAIT_ERR_FORMAT);
    assert_non_null(strstr(strait_error_message(), "t.jsonl:7: not a line of JSON: column "));
}

int main(void)
{
    json_set_alloc_funcs(sometimes, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(huge_integers_are_reals),
        cmocka_unit_test(missing_file_is_named),
        cmocka_unit_test(writes_what_it_read),
        cmocka_unit_test(reals_are_shortest),
        cmocka_unit_test(reals_read_back_to_the_same_bits),
        cmocka_unit_test(lines_are_read_whole_or_not_at_all),
        cmocka_unit_test(lines_name_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
