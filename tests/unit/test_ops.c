/* Op definitions: complete, in step with the shapes of device/op.h, and counting work as a plain loop would. */
#include "ops/op_def.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_op_is_defined(void **state)
{
    (void)state;
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        const strait_op_def *def = strait_op_def_get((strait_op)op);
        assert_non_null(def);
        assert_int_equal(def->op, op);
        assert_non_null(def->types);
        assert_non_null(def->cost);
        assert_non_null(def->reference);
    }
}

static void dtypes_follow_the_storage(void **state)
{
    (void)state;
    strait_op_desc desc = {.op = STRAIT_OP_LINEAR, .dtype = STRAIT_DTYPE_BF16};
    assert_int_equal(strait_op_buffer_dtype(&desc, LINEAR_Y), STRAIT_DTYPE_BF16);
    desc.dims[LINEAR_DIM_OUT_F32] = 1;
    assert_int_equal(strait_op_buffer_dtype(&desc, LINEAR_Y), STRAIT_DTYPE_F32);
    assert_int_equal(strait_op_buffer_dtype(&desc, LINEAR_X), STRAIT_DTYPE_BF16);
    desc.op = STRAIT_OP_ADAMW;
    assert_int_equal(strait_op_buffer_dtype(&desc, ADAMW_TABLE), STRAIT_DTYPE_I64);
    assert_int_equal(strait_op_buffer_dtype(&desc, ADAMW_COMPUTE), STRAIT_DTYPE_BF16);
    assert_int_equal(strait_op_buffer_dtype(&desc, ADAMW_W), STRAIT_DTYPE_F32);
    desc.dims[ADAMW_DIM_WEIGHTS_BF16] = 1;
    assert_int_equal(strait_op_buffer_dtype(&desc, ADAMW_W), STRAIT_DTYPE_BF16);
    assert_int_equal(strait_op_buffer_dtype(&desc, ADAMW_M), STRAIT_DTYPE_F32);
    desc.dims[ADAMW_DIM_MOMENT_BF16] = 1;
    assert_int_equal(strait_op_buffer_dtype(&desc, ADAMW_M), STRAIT_DTYPE_BF16);
}

static void a_product_costs_what_it_does(void **state)
{
    (void)state;
    strait_op_desc desc = {.op = STRAIT_OP_LINEAR, .dims = {4, 8, 2, 3, 5}};
    strait_op_cost cost;
    assert_int_equal(strait_op_cost_query(&desc, 0, &cost), STRAIT_OK);
    assert_true(cost.flops == 2.0 * 4 * 8 * (3 + 5));
    assert_true(cost.bytes_read == 4.0 * (4 * 8 + 3 * 8 + 5 * 8));
    assert_true(cost.bytes_written == 4.0 * (4 * 3 + 4 * 5));

    desc = (strait_op_desc){.op = STRAIT_OP_LINEAR_DW, .dims = {4, 8, 1, 3, 0, 0, 0, 4, 0}};
    assert_int_equal(strait_op_cost_query(&desc, 0, &cost), STRAIT_OK);
    assert_true(cost.bytes_read == 4.0 * (4 * 8 + 4 * 3)); /* stored, not added to */
    desc.dims[LINEAR_DIM_ACCUMULATE] = 1;
    assert_int_equal(strait_op_cost_query(&desc, 0, &cost), STRAIT_OK);
    assert_true(cost.bytes_read == 4.0 * (4 * 8 + 4 * 3 + 3 * 8));
}

/* Keys that query i of tq sees, counted one by one. */
static int64_t count_pairs(int64_t tq, int64_t tk, int64_t window)
{
    int64_t pairs = 0;
    for (int64_t i = 0; i < tq; i++) {
        int64_t position = tk - tq + i;
        for (int64_t j = 0; j <= position; j++) pairs += window == 0 || position - j < window;
    }
    return pairs;
}

static void attention_counts_visible_keys(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{1, 1, 0}, {7, 7, 0}, {7, 7, 1}, {7, 7, 3}, {7, 7, 7}, {7, 7, 99}, {3, 9, 0},
                                        {3, 9, 4}, {3, 9, 8}, {1, 9, 0}, {9, 9, 8}, {5, 6, 1}, {5, 50, 3}, {5, 50, 48}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int64_t *s = shapes[i];
        strait_op_desc desc = {.op = STRAIT_OP_ATTENTION, .dims = {2, s[0], s[1], 4, 2, 8, s[2]}};
        strait_op_cost cost;
        assert_int_equal(strait_op_cost_query(&desc, 0, &cost), STRAIT_OK);
        double per_pair = 4.0 * 8 + STRAIT_FLOPS_FUNCTION + 4;
        assert_true(cost.flops == 2.0 * 4 * per_pair * (double)count_pairs(s[0], s[1], s[2]));
    }
}

static void absent_buffers_cost_nothing(void **state)
{
    (void)state;
    strait_op_desc desc = {.op = STRAIT_OP_RMSNORM, .dims = {3, 5}};
    strait_op_cost with;
    strait_op_cost without;
    assert_int_equal(strait_op_cost_query(&desc, 0, &with), STRAIT_OK);
    assert_int_equal(strait_op_cost_query(&desc, 1U << RMSNORM_D | 1U << RMSNORM_XSUM, &without), STRAIT_OK);
    assert_true(with.bytes_read - without.bytes_read == 4.0 * 15);
    assert_true(with.bytes_written - without.bytes_written == 4.0 * 15);
    assert_true(with.flops - without.flops == 15.0);
}

static void impossible_shapes_are_refused(void **state)
{
    (void)state;
    strait_op_desc desc = {.op = STRAIT_OP_NORM_ROPE, .dims = {1, 1, 3, 1}};
    strait_op_cost cost = {.flops = -1.0};
    assert_int_equal(strait_op_cost_query(&desc, 0, &cost), STRAIT_ERR_SHAPE);
    assert_true(cost.flops == -1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_is_defined),          cmocka_unit_test(dtypes_follow_the_storage),
        cmocka_unit_test(a_product_costs_what_it_does), cmocka_unit_test(attention_counts_visible_keys),
        cmocka_unit_test(absent_buffers_cost_nothing),  cmocka_unit_test(impossible_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
