/* The root of HIP's dialect, on the host: right from an estimate that is right, or off by one unit either way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef int32_t i32;

static uint32_t F32_BITS(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float F32_REAL(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t error_of_estimate;

static float HIP_ROOT_ESTIMATE(float x)
{
    float root = sqrtf(x);
    return root > 0 && root < INFINITY ? F32_REAL(F32_BITS(root) + error_of_estimate) : root;
}

#define DEVICE static
#define F32_FMA fmaf
#include "kernels/dialect/hip_root.h"

static void check_bits(uint32_t bits)
{
    float x = F32_REAL(bits);
    float want = sqrtf(x);
    for (int error = -1; error <= 1; error++) {
        error_of_estimate = (uint32_t)error;
        float got = hip_root(x);
        bool same = F32_BITS(got) == F32_BITS(want) || (isnan(got) && isnan(want));
        if (!same) fail_msg("the root of %a is %a and not %a (estimate off by %d)", x, want, got, error);
    }
}

static void every_root_is_rounded_correctly(void **state)
{
    (void)state;
    static const uint32_t special[] = {0,          0x80000000, 1,          0x7FFFFF,   0x800000,  0x7F7FFFFF,
                                       0x7F800000, 0xFF800000, 0x7FC00000, 0xBF800000, 0x80000001};
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) check_bits(special[i]);
    /* Mantissas repeat with every second exponent; of the others, and of subnormals, some. */
    for (uint32_t bits = 0x3F800000; bits < 0x40800000; bits += 5) check_bits(bits);
    for (uint32_t bits = 1; bits < 0x7F800000; bits += 4093) check_bits(bits);
    for (uint32_t bits = 1; bits < 100000; bits++) check_bits(bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_root_is_rounded_correctly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
