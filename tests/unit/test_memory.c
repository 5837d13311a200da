/* Tagged memory, checked sizes, buffers and error messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static void accounts_by_tag(void **state)
{
    (void)state;
    int64_t before = strait_memory_used(STRAIT_TAG_DATA);
    float *block = NULL;
    assert_int_equal(strait_alloc(STRAIT_TAG_DATA, 10, sizeof *block, &block), STRAIT_OK);
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_int_equal(strait_memory_used(STRAIT_TAG_DATA), before + 40);
    block[9] = 3;
    assert_int_equal(strait_realloc(STRAIT_TAG_DATA, 20, sizeof *block, &block), STRAIT_OK);
    assert_true(block[9] == 3 && block[19] == 0);
    strait_free(block);
    assert_int_equal(strait_memory_used(STRAIT_TAG_DATA), before);
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    char *block = NULL;
    assert_int_equal(strait_alloc(STRAIT_TAG_DATA, SIZE_MAX / 2, 4, &block), STRAIT_ERR_NO_MEMORY);
    assert_null(block);
    assert_non_null(strstr(strait_error_message(), "data"));
    int64_t product = 7;
    assert_false(strait_mul_i64(INT64_MAX, 2, &product));
    assert_int_equal(product, 7);
}

static strait_status outer(void)
{
    STRAIT_TRY_CTX(STRAIT_FAIL(STRAIT_ERR_SHAPE, "x has %d rows", 3), "loading %s", "a.bin");
    return STRAIT_OK;
}

static void errors_gain_context(void **state)
{
    (void)state;
    assert_int_equal(outer(), STRAIT_ERR_SHAPE);
    assert_string_equal(strait_error_message(), "loading a.bin: x has 3 rows");
}

static void buffers_grow(void **state)
{
    (void)state;
    strait_buffer buffer = {0};
    for (int i = 0; i < 1000; i++) assert_int_equal(strait_buffer_printf(&buffer, "%d,", i), STRAIT_OK);
    assert_int_equal(strlen(buffer.bytes), buffer.length);
    strait_buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_by_tag),
        cmocka_unit_test(refuses_sizes_that_overflow),
        cmocka_unit_test(errors_gain_context),
        cmocka_unit_test(buffers_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
