/* Every op has shapes of all lengths that certify asks for in A3. */
#include "certify/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void every_op_has_shapes_of_every_length(void **state)
{
    (void)state;
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        for (int residue = 0; residue < STRAIT_CERTIFY_RESIDUES; residue++) {
            const strait_check_case shape = strait__residue_case((strait_op)op, residue);
            strait_check_problem problem;
            strait_status status = strait_problem_init(&problem, (strait_op)op, STRAIT_DTYPE_F32, &shape);
            if (status != STRAIT_OK) {
                print_error("%s with length %d: %s\n", strait_op_name((strait_op)op), 1 + residue,
                            strait_error_message());
            }
            strait_problem_fini(&problem);
            assert_int_equal(status, STRAIT_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_op_has_shapes_of_every_length)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
