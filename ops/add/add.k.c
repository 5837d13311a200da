/* ADD: dst = dst + src in f32. A work-group takes `each` elements. */
#include "kernels/dialect/kernel.h"

KERNEL(WG) add(IN(float, src), INOUT(float, dst), i64 n, i64 each)
{
    OPEN_IN(float, src);
    OPEN(float, dst);
    i64 end = MIN(n, (GROUP_ID + 1) * each);
    for (i64 i = GROUP_ID * each + LOCAL_ID * VW; i < end; i += WG * VW) {
        f_store_n(dst + i, f_load_n(dst + i, end - i) + f_load_n(src + i, end - i), end - i);
    }
}
