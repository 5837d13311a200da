/* UTF-8, the visible form of bytes, and NFC against utf8proc's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "token/byte_level.h"
#include "token/nfc.h"

static void every_code_point_survives(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        if (code >= 0xd800 && code < 0xe000) continue;
        char text[4];
        size_t length = strait_utf8_encode(code, text);
        uint32_t back;
        assert_int_equal(strait_utf8_decode(text, length, &back), (int)length);
        assert_int_equal(back, code);
        for (size_t cut = 1; cut < length; cut++) {
            assert_int_equal(strait_utf8_decode(text, cut, &back), -(int)cut);
            assert_true(strait_utf8_unfinished(text, cut));
        }
        assert_false(strait_utf8_unfinished(text, length));
    }
}

/* Text, its repaired form, and the bytes replaced. The forms are those of Python's errors="replace". */
static void ill_formed_parts_become_one_mark_each(void **state)
{
    (void)state;
#define MARK "\xef\xbf\xbd"
    static const struct {
        const char *text;
        const char *repaired;
        size_t invalid;
    } cases[] = {
        {"plain", "plain", 0},
        {"\x80", MARK, 1},
        {"a\xff\xfe", "a" MARK MARK, 2},
        {"\xe4\xb8", MARK, 2},
        {"\xe4\xb8x", MARK "x", 2},
        {"\xc0\x80", MARK MARK, 2},                   /* overlong */
        {"\xe0\x80\x80", MARK MARK MARK, 3},          /* overlong */
        {"\xed\xa0\x80", MARK MARK MARK, 3},          /* a surrogate */
        {"\xf4\x90\x80\x80", MARK MARK MARK MARK, 4}, /* above U+10FFFF */
        {"\xf0\x9f\x98\xe4\xb8\xad", MARK "\xe4\xb8\xad", 3},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 0},
        {"12345678\xe4", "12345678" MARK, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strait_buffer out = {0};
        size_t invalid = 0;
        assert_int_equal(strait_utf8_repair(cases[i].text, strlen(cases[i].text), &out, &invalid), STRAIT_OK);
        assert_string_equal(out.bytes, cases[i].repaired);
        assert_int_equal(invalid, cases[i].invalid);
        strait_buffer_fini(&out);
    }
}

static void bytes_have_visible_forms(void **state)
{
    (void)state;
    char all[256];
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    strait_buffer visible = {0};
    strait_buffer back = {0};
    uint32_t foreign = 1;
    assert_int_equal(strait__byte_level_format(all, 256, &visible), STRAIT_OK);
    assert_int_equal(strait__byte_level_parse(visible.bytes, visible.length, &back, &foreign), STRAIT_OK);
    assert_int_equal(foreign, 0);
    assert_int_equal(back.length, 256);
    assert_memory_equal(back.bytes, all, 256);
    assert_int_equal(strait__byte_level_code(' '), 0x120);
    assert_int_equal(strait__byte_level_code('\n'), 0x10a);
    assert_int_equal(strait__byte_level_code(0xad), 0x143);
    assert_int_equal(strait__byte_level_parse("a b", 3, &back, &foreign), STRAIT_OK);
    assert_int_equal(foreign, ' ');
    assert_int_equal(back.length, 256);
    strait_buffer_fini(&visible);
    strait_buffer_fini(&back);
}

static void same_normal_form(const char *text, size_t length)
{
    strait__nfc_scratch scratch = {0};
    strait_buffer out = {0};
    bool unchanged;
    assert_int_equal(strait__normal_form(STRAIT__NFC, text, length, &scratch, &out, &unchanged), STRAIT_OK);
    utf8proc_uint8_t *expected = NULL;
    utf8proc_ssize_t count = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &expected,
                                          UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    assert_true(count >= 0);
    const char *got = unchanged ? text : out.bytes;
    size_t got_length = unchanged ? length : out.length;
    assert_int_equal(got_length, count);
    assert_memory_equal(got, expected, got_length);
    assert_true(unchanged == ((size_t)count == length && memcmp(expected, text, length) == 0));
    free(expected);
    strait_buffer_fini(&out);
    strait__nfc_scratch_fini(&scratch);
}

/* Each character after a letter and before a mark: shows whether it composes, reorders or blocks. */
static void normal_form_of_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 1; code < 0x30000; code++) {
        if (code >= 0xd800 && code < 0xe000) continue;
        char text[16];
        size_t length = 0;
        text[length++] = 'e';
        length += strait_utf8_encode(code, text + length);
        memcpy(text + length, "\xcc\x81", 2); /* U+0301 */
        same_normal_form(text, length + 2);
    }
}

static void normal_form_of_random_text(void **state)
{
    (void)state;
    static const uint32_t alphabet[] = {'a',   'e',    ' ',    '\n',   0xe9,   0x301,  0x323,  0x302,
                                        0x345, 0x4e2d, 0x304b, 0x3099, 0x1100, 0x1161, 0x11a8, 0xac00,
                                        0x915, 0x93c,  0x958,  0x212b, 0x1ebf, 0x9be,  0x9c7,  0x1d15e};
    uint32_t random = 12345;
    for (int round = 0; round < 3000; round++) {
        char text[256];
        size_t length = 0;
        for (int i = 0; i < 40; i++) {
            random = random * 1664525u + 1013904223u;
            length +=
                strait_utf8_encode(alphabet[(random >> 16) % (sizeof alphabet / sizeof alphabet[0])], text + length);
        }
        same_normal_form(text, length);
    }
}

/* utf8proc alone takes a time that grows with the square of such a run. */
static void long_runs_of_marks_are_quick(void **state)
{
    (void)state;
    size_t count = 400000;
    char *text = malloc(4 * count);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) memcpy(text + 4 * i, "\xcc\x81\xcc\xa3", 4); /* classes 230, 220 */
    strait__nfc_scratch scratch = {0};
    strait_buffer out = {0};
    bool unchanged = true;
    assert_int_equal(strait__normal_form(STRAIT__NFC, text, 4 * count, &scratch, &out, &unchanged), STRAIT_OK);
    assert_false(unchanged);
    assert_int_equal(out.length, 4 * count);
    assert_memory_equal(out.bytes, "\xcc\xa3\xcc\xa3", 4);
    assert_memory_equal(out.bytes + out.length - 4, "\xcc\x81\xcc\x81", 4);
    strait_buffer_fini(&out);
    strait__nfc_scratch_fini(&scratch);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_survives),  cmocka_unit_test(ill_formed_parts_become_one_mark_each),
        cmocka_unit_test(bytes_have_visible_forms),   cmocka_unit_test(normal_form_of_every_code_point),
        cmocka_unit_test(normal_form_of_random_text), cmocka_unit_test(long_runs_of_marks_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
