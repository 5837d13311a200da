/* Values of released FP8 weights. The format: Micikevicius et al., "FP8 formats for deep learning", arXiv 2209.05433.
 */
#include "train/weights_f8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 128, NAME_BYTES = 256 };
static const char suffix[] = "_scale_inv";

const strait_tensor_view *strait__f8_scale(const strait_model_dir *model, const strait_tensor_view *codes)
{
    char name[NAME_BYTES];
    if (snprintf(name, sizeof name, "%s%s", codes->name, suffix) >= (int)sizeof name) return NULL;
    return strait_model_dir_find(model, name);
}

bool strait__f8_is_scale(const strait_model_dir *model, const strait_tensor_view *view)
{
    char name[NAME_BYTES];
    size_t length = strlen(view->name);
    if (length <= sizeof suffix - 1 || length >= sizeof name) return false;
    if (strcmp(view->name + length - (sizeof suffix - 1), suffix) != 0) return false;
    snprintf(name, sizeof name, "%.*s", (int)(length - (sizeof suffix - 1)), view->name);
    const strait_tensor_view *codes = strait_model_dir_find(model, name);
    return codes && codes->dtype == STRAIT_DTYPE_F8_E4M3;
}

static int64_t blocks(int64_t elements)
{
    return (elements + BLOCK - 1) / BLOCK;
}

void strait__f8_complaint(const strait_tensor_view *codes, const strait_tensor_view *scale, char text[128])
{
    text[0] = '\0';
    if (codes->shape.rank != 2) {
        snprintf(text, 128, "is F8_E4M3, but no matrix");
    } else if (!scale) {
        snprintf(text, 128, "is F8_E4M3, and its %s is missing", suffix + 1);
    } else if (scale->dtype != STRAIT_DTYPE_F32) {
        snprintf(text, 128, "has a %s of dtype %s, must be f32", suffix + 1, strait_dtype_name(scale->dtype));
    } else if (scale->shape.rank != 2 || scale->shape.dims[0] != blocks(codes->shape.dims[0]) ||
               scale->shape.dims[1] != blocks(codes->shape.dims[1])) {
        snprintf(text, 128, "wants a %s of [%lld, %lld], one number for each block of 128 x 128", suffix + 1,
                 (long long)blocks(codes->shape.dims[0]), (long long)blocks(codes->shape.dims[1]));
    }
}

/* Sign, four bits of exponent (bias 7), three of fraction; no infinity, all ones is NaN. */
static float value_of(unsigned char code)
{
    int exponent = code >> 3 & 15;
    int fraction = code & 7;
    if (exponent == 15 && fraction == 7) return NAN;
    float magnitude = exponent == 0 ? ldexpf((float)fraction, -9) : ldexpf((float)(8 + fraction), exponent - 10);
    return code & 0x80 ? -magnitude : magnitude;
}

strait_status strait__f8_read(const strait_tensor_view *codes, const strait_tensor_view *scale, int64_t first,
                              int64_t count, float *out)
{
    float values[256];
    const unsigned char *bytes = codes->bytes;
    int64_t columns = codes->shape.dims[1];
    for (int i = 0; i < 256; i++) values[i] = value_of((unsigned char)i);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = first + i;
        int64_t block = at / columns / BLOCK * blocks(columns) + at % columns / BLOCK;
        float factor;
        memcpy(&factor, (const char *)scale->bytes + block * (int64_t)sizeof factor, sizeof factor);
        out[i] = values[bytes[at]] * factor;
        if (isnan(out[i])) {
            return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: element [%lld, %lld] is NaN (code 0x%02x, factor %g)",
                               codes->name, (long long)(at / columns), (long long)(at % columns), bytes[at],
                               (double)factor);
        }
    }
    return STRAIT_OK;
}
