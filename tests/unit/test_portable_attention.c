/*
 * What attention's portable kernels take as workspace: in proportion to the tokens, and what the shape allows for
 * scores that are kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/portable.h"

#define SCORES (INT64_C(128) << 20)

static const strait_portable_shape shapes[] = {
    {.name = "group",
     .group = 64,
     .vector = 1,
     .product_group = 256,
     .tile_rows = 64,
     .tile_cols = 64,
     .scores_bytes = SCORES,
     .alignment = 256},
    {.name = "tile",
     .group = 1,
     .vector = 8,
     .product_group = 1,
     .tile_rows = 6,
     .tile_cols = 16,
     .scores_bytes = SCORES,
     .alignment = 256},
};

static int64_t workspace(const strait_portable_shape *shape, strait_op op, strait_numerics numerics, int64_t tokens)
{
    const strait_op_desc desc = {.struct_size = sizeof desc,
                                 .op = op,
                                 .dtype = STRAIT_STORAGE_BF16,
                                 .numerics = numerics,
                                 .dims = {1, tokens, tokens, 16, 8, 128, 0}};
    const strait_portable_op *portable =
        op == STRAIT_OP_ATTENTION ? &strait_portable_attention : &strait_portable_attention_bwd;
    return portable->workspace(shape, &desc);
}

/* Four panels in f32 of each head, statistics and ranges at most; scores and dP within their limit. */
static void grows_with_tokens(void **state)
{
    (void)state;
    static const strait_op ops[] = {STRAIT_OP_ATTENTION, STRAIT_OP_ATTENTION_BWD};
    for (int i = 0; i < 8; i++) {
        const strait_portable_shape *shape = &shapes[i % 2];
        strait_op op = ops[i / 2 % 2];
        strait_numerics numerics = i / 4 ? STRAIT_NUMERICS_FAST : STRAIT_NUMERICS_EXACT;
        for (int64_t tokens = 512; tokens <= 65536; tokens *= 2) {
            int64_t bytes = workspace(shape, op, numerics, tokens);
            int64_t most = (tokens + 64) * (4 * 16 * 128 + 16 + 4) * 4 + 16 * 256;
            bool tiled = numerics == STRAIT_NUMERICS_FAST && shape->group > 1;
            if (!tiled && 4 * tokens * tokens <= SCORES) most += 2 * SCORES;
            if (bytes <= 0 || bytes > most) {
                fail_msg("%s, op %d, %lld tokens: %lld bytes, at most %lld", shape->name, (int)op, (long long)tokens,
                         (long long)bytes, (long long)most);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grows_with_tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
