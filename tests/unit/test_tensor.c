/* Element types, bf16 narrowing and shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tensor/shape.h"

static uint16_t narrow_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return strait_bf16_from_f32(value);
}

static void names_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < STRAIT_DTYPE_COUNT; i++) {
        strait_dtype dtype = (strait_dtype)i;
        strait_dtype back = STRAIT_DTYPE_COUNT;
        assert_true(strait_dtype_from_name(strait_dtype_name(dtype), &back) && back == dtype);
        back = STRAIT_DTYPE_COUNT;
        assert_true(strait_dtype_from_safetensors_name(strait_dtype_safetensors_name(dtype), &back) && back == dtype);
        back = STRAIT_DTYPE_COUNT;
        assert_true(strait_dtype_from_torch_name(strait_dtype_torch_name(dtype), &back) && back == dtype);
        assert_true(strait_dtype_size(dtype) > 0);
    }
    strait_dtype untouched = STRAIT_DTYPE_I8;
    assert_false(strait_dtype_from_name("float", &untouched));
    assert_int_equal(untouched, STRAIT_DTYPE_I8);
    assert_int_equal(strait_dtype_size(STRAIT_DTYPE_BF16), 2);
    assert_int_equal(strait_dtype_size(STRAIT_DTYPE_COUNT), 0);
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(narrow_bits(0x3F800000), 0x3F80);
    assert_int_equal(narrow_bits(0x3F808000), 0x3F80); /* a tie goes to even */
    assert_int_equal(narrow_bits(0x3F818000), 0x3F82);
    assert_int_equal(narrow_bits(0x3F808001), 0x3F81);
    assert_int_equal(narrow_bits(0x3F807FFF), 0x3F80);
    assert_int_equal(narrow_bits(0x7F7FFFFF), 0x7F80); /* past the largest: infinity */
    assert_int_equal(narrow_bits(0xFF800000), 0xFF80);
    assert_int_equal(narrow_bits(0x80000000), 0x8000);
    assert_int_equal(narrow_bits(0x00018000), 0x0002); /* subnormals are kept and round too */
    assert_int_equal(narrow_bits(0x7F800001), 0x7FC0);
    assert_int_equal(narrow_bits(0xFFFFFFFF), 0x7FC0);
}

static void bf16_widens_exactly(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits;
        bool nan = (half & 0x7FFF) > 0x7F80;
        assert_int_equal(strait_bf16_from_f32(strait_f32_from_bf16(half)), nan ? 0x7FC0 : half);
    }
}

static void shapes_are_checked(void **state)
{
    (void)state;
    int64_t count = -1;
    strait_shape shape = strait_shape_2d(3, 4);
    char text[STRAIT_SHAPE_TEXT];
    assert_string_equal(strait_shape_format(&shape, text), "[3, 4]");
    assert_int_equal(strait_shape_count(&shape, &count), STRAIT_OK);
    assert_int_equal(count, 12);
    assert_int_equal(strait_shape_bytes(&shape, STRAIT_DTYPE_BF16, &count), STRAIT_OK);
    assert_int_equal(count, 24);

    strait_shape scalar = {0};
    assert_string_equal(strait_shape_format(&scalar, text), "[]");
    assert_int_equal(strait_shape_count(&scalar, &count), STRAIT_OK);
    assert_int_equal(count, 1);

    /* An empty tensor is empty however large its other extents are. */
    strait_shape empty = {.rank = 3, .dims = {INT64_MAX, INT64_MAX, 0}};
    assert_int_equal(strait_shape_count(&empty, &count), STRAIT_OK);
    assert_int_equal(count, 0);

    count = 77;
    strait_shape large = strait_shape_2d(INT64_MAX / 2, 3);
    assert_int_equal(strait_shape_count(&large, &count), STRAIT_ERR_OVERFLOW);
    assert_int_equal(strait_shape_bytes(&(strait_shape){.rank = 1, .dims = {INT64_MAX / 2}}, STRAIT_DTYPE_F32, &count),
                     STRAIT_ERR_OVERFLOW);
    strait_shape negative = strait_shape_1d(-1);
    assert_int_equal(strait_shape_count(&negative, &count), STRAIT_ERR_OVERFLOW);
    assert_int_equal(count, 77);

    strait_shape longest = {.rank = 5, .dims = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN}};
    assert_true(strlen(strait_shape_format(&longest, text)) < STRAIT_SHAPE_TEXT);
    assert_true(strait_shape_equal(&shape, &(strait_shape){.rank = 2, .dims = {3, 4}}));
    assert_false(strait_shape_equal(&shape, &empty));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_read_back),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(bf16_widens_exactly),
        cmocka_unit_test(shapes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
