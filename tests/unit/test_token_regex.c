/* Expressions of tokenizer.json: what is translated, what is refused, and matches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token/regex.h"

static void refuses_what_means_something_else(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *part;
    } cases[] = {
        {"\\w+", "\\w"},       {"a\\b", "\\b"},          {"\\h", "\\h"},        {"\\p{Han}", "general category"},
        {"\\p{L", "category"}, {"[a[b]]", "inside"},     {"[a&&b]", "&&"},      {"[\\S]", "\\S"},
        {"(?m:a)", "group"},   {"(?<n>a)", "group"},     {"(*VERB)", "(*"},     {"a{2}+", "after {...}"},
        {"[a", "without ]"},   {"a\\", "\\ at the end"}, {"[\\s-x]", "hyphen"}, {"[a-\\s]", "hyphen"},
        {"\\1", "\\1"},        {"\\xff", "7F"},          {"a(?i)b", "group"},   {"[]a]", "first"},
        {"\\x4", "digits"},    {"\\K", "\\K"},           {"\\pL", "without {"}, {"\\R", "\\R"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strait__regex *regex = NULL;
        strait_status status = strait__regex_create(cases[i].pattern, strlen(cases[i].pattern), false, &regex);
        if (status != STRAIT_ERR_UNSUPPORTED) fail_msg("%s gave %s", cases[i].pattern, strait_status_name(status));
        if (!strstr(strait_error_message(), cases[i].part)) {
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].pattern, strait_error_message(), cases[i].part);
        }
    }
}

static void refuses_what_is_malformed(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a", "a)", "*a", "[b-a]", "\\x{110000}", "(?<=a+)b"};
    strait__regex *regex = NULL;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (strait__regex_create(patterns[i], strlen(patterns[i]), false, &regex) != STRAIT_ERR_FORMAT) {
            fail_msg("%s is taken", patterns[i]);
        }
    }
    assert_int_equal(strait__regex_create("", 0, false, &regex), STRAIT_ERR_FORMAT);
    assert_int_equal(strait__regex_create("\xff", 1, false, &regex), STRAIT_ERR_FORMAT);
}

/* The matches of a pattern in a text, parted by "|". */
static void matches(const char *pattern, bool literal, const char *text, const char *expected)
{
    strait__regex *regex = NULL;
    strait__regex_scratch *scratch = NULL;
    assert_int_equal(strait__regex_create(pattern, strlen(pattern), literal, &regex), STRAIT_OK);
    assert_int_equal(strait__regex_scratch_create(&scratch), STRAIT_OK);
    assert_string_equal(strait__regex_pattern(regex), pattern);
    strait_buffer got = {0};
    size_t from = 0;
    bool found = true;
    while (found && from < strlen(text)) {
        size_t begin;
        size_t end;
        assert_int_equal(strait__regex_find(regex, scratch, text, strlen(text), from, &found, &begin, &end), STRAIT_OK);
        if (!found) break;
        assert_int_equal(strait_buffer_printf(&got, "%.*s|", (int)(end - begin), text + begin), STRAIT_OK);
        from = end > begin ? end : end + 1;
    }
    assert_string_equal(got.bytes ? got.bytes : "", expected);
    strait_buffer_fini(&got);
    strait__regex_scratch_destroy(scratch);
    strait__regex_destroy(regex);
}

static void means_what_oniguruma_means(void **state)
{
    (void)state;
    matches("\\s+", false,
            "a \xe1\xa0\x8e\xe3\x80\x80"
            "b",
            " |\xe3\x80\x80|"); /* U+180E is no white space */
    matches("[^\\s\\p{L}]", false, "a \xe1\xa0\x8e", "\xe1\xa0\x8e|");
    matches("\\S+", false, "ab c", "ab|c|");
    matches("\\d{1,3}", false, "12345", "123|45|");
    matches("a{,2}b", false, "aaab b", "aab|b|");
    matches("a{x", false, "a{x", "a{x|");
    matches("\\v", false, "\n\v", "\v|");
    matches("^a$", false, "b\na\nb", "a|");
    matches("(?i:'S)", false, "'s'\xc5\xbf", "'s|'\xc5\xbf|"); /* long s */
    matches("(a)(b)", false, "ab", "ab|");
    matches("\\u4e2d|\\x41", false, "A\xe4\xb8\xad", "A|\xe4\xb8\xad|");
    matches("a.b", true, "axb a.b", "a.b|");
    matches("[-a\\s]+", false, "- a", "- a|");
}

static void long_texts_do_not_reach_limits(void **state)
{
    (void)state;
    static const char pattern[] = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    size_t length = 4000000;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, ' ', length);
    text[length - 1] = 'x';
    strait__regex *regex = NULL;
    strait__regex_scratch *scratch = NULL;
    assert_int_equal(strait__regex_create(pattern, strlen(pattern), false, &regex), STRAIT_OK);
    assert_int_equal(strait__regex_scratch_create(&scratch), STRAIT_OK);
    bool found = false;
    size_t begin = 1;
    size_t end = 0;
    assert_int_equal(strait__regex_find(regex, scratch, text, length, 0, &found, &begin, &end), STRAIT_OK);
    assert_true(found && begin == 0 && end == length - 2);
    strait__regex_destroy(regex);

    /* An expression that takes for ever is stopped, with its name. */
    assert_int_equal(strait__regex_create("(a+)+[bc]", 9, false, &regex), STRAIT_OK);
    memset(text, 'a', 64);
    assert_int_equal(strait__regex_find(regex, scratch, text, 64, 0, &found, &begin, &end), STRAIT_ERR_UNSUPPORTED);
    assert_non_null(strstr(strait_error_message(), "(a+)+[bc]"));
    strait__regex_destroy(regex);
    strait__regex_scratch_destroy(scratch);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_means_something_else),
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(means_what_oniguruma_means),
        cmocka_unit_test(long_texts_do_not_reach_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
