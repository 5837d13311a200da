/* Kernels of the portable texts, each of which a device may compile for two sizes of work-group: no more than 150 in
 * all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "texts.h"

#define DECLARE(name) extern const char strait_text_##name[];
STRAIT_TEXTS(DECLARE)
#undef DECLARE

static int kernels_of(const char *text)
{
    static const char word[] = "\nKERNEL(";
    int count = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) count++;
    return count;
}

static void there_are_not_too_many(void **state)
{
    (void)state;
    int count = 0;
#define ADD(name)                                    \
    assert_true(kernels_of(strait_text_##name) > 0); \
    count += kernels_of(strait_text_##name);
    STRAIT_TEXTS(ADD)
#undef ADD
    print_message("%d kernels\n", count);
    assert_in_range(2 * count, 1, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_are_not_too_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
