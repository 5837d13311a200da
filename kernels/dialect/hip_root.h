/*
 * The square root of HIP's dialect. The chip's instruction, which is all that hipRTC makes of a root, may be one unit
 * in the last place off and does not know subnormals; this makes the correctly rounded root of it.
 *
 * With the root r = R u and x = X u^2 in units u of r's last place, R and X are integers (x has no more places than
 * r^2), so that the root lies below the middle of r and its lower neighbour, X < (R - 1/2)^2, exactly where X <= R (R -
 * 1), and above the middle of r and its upper neighbour exactly where X > R (R + 1). One fma gives the sign of either
 * difference.
 */
DEVICE float hip_root(float x)
{
    /* Far from where the differences would be subnormal. */
    i32 small = x < 0x1p-96f;
    float scaled = small ? x * 0x1p32f : x;
    float root = HIP_ROOT_ESTIMATE(scaled);
    if (!(scaled > 0.0f && scaled < F32_REAL(0x7f800000u))) return root;
    float below = F32_REAL(F32_BITS(root) - 1u);
    float above = F32_REAL(F32_BITS(root) + 1u);
    float right = root;
    if (F32_FMA(-below, root, scaled) <= 0.0f) right = below;
    if (F32_FMA(-above, root, scaled) > 0.0f) right = above;
    return small ? right * 0x1p-16f : right;
}
