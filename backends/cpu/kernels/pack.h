/*
 * Packing: a panel holds `width` rows of A (or columns of B) with k outermost, in f32, so that the inner loop reads
 * both factors in one stream each. Rows beyond `valid` are +0; their results are never stored.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_PACK_H
#define STRAIT_BACKENDS_CPU_KERNELS_PACK_H

#include "backends/cpu/kernels/matmul.h"

static inline vf pack_load_n(const void *data, int64_t index, int bf16, int n)
{
    if (bf16) return vf_load_bf16_n((const uint16_t *)data + index, n);
    return vf_load_n((const float *)data + index, n);
}

static inline vf pack_load(const void *data, int64_t index, int bf16)
{
    if (bf16) return vf_load_bf16((const uint16_t *)data + index);
    return vf_load((const float *)data + index);
}

/*
 * Rows that are contiguous along k: squares of VW x VW are turned in registers. A store may run over into the next k's
 * place, which is written after it; only the last one is cut.
 */
static inline void pack_along(float *out, int width, const void *data, int64_t ld, int bf16, int valid, int64_t kc)
{
    for (int64_t k = 0; k < kc; k += VW) {
        int have = kc - k < VW ? (int)(kc - k) : VW;
        for (int i0 = 0; i0 < width; i0 += VW) {
            vf rows[VW];
            for (int i = 0; i < VW; ++i) {
                int64_t at = (i0 + i) * ld + k;
                if (i0 + i >= valid) {
                    rows[i] = vf_zero();
                } else {
                    rows[i] = have == VW ? pack_load(data, at, bf16) : pack_load_n(data, at, bf16, have);
                }
            }
            vf_transpose(rows);
            int lanes = width - i0 < VW ? width - i0 : VW;
            for (int j = 0; j < have; ++j) {
                float *to = out + (k + j) * width + i0;
                if (lanes == VW || (i0 == 0 && k + j + VW / width + 1 < kc)) {
                    vf_store(to, rows[j]);
                } else {
                    vf_store_n(to, rows[j], lanes);
                }
            }
        }
    }
}

/*
 * Rows that lie across: for each k, `count` neighbours are dealt out to their panels. A store may run over into the
 * next k's place here too; `count` is not rounded up when reading.
 */
static inline void pack_across(float *out, int width, int64_t stride, const void *data, int64_t ld, int bf16,
                               int64_t count, int64_t kc)
{
    for (int64_t k = 0; k < kc; ++k) {
        float *to = out + k * width;
        for (int64_t i0 = 0; i0 < count; i0 += width) {
            for (int i = 0; i < width; i += VW) {
                int64_t at = k * ld + i0 + i;
                int64_t have = count - i0 - i;
                vf row = have >= VW ? pack_load(data, at, bf16) : pack_load_n(data, at, bf16, have > 0 ? (int)have : 0);
                int lanes = width - i < VW ? width - i : VW;
                if (lanes == VW || (i == 0 && k + VW / width + 1 < kc)) {
                    vf_store(to + i, row);
                } else {
                    vf_store_n(to + i, row, lanes);
                }
            }
            to += stride;
        }
    }
}

/* Rows first .. first + count of the operand, k0 .. k0 + kc, as panels `stride` floats apart. */
static inline void pack_panels(float *out, int width, int64_t stride, const cpu_operand *operand, int64_t first,
                               int64_t count, int64_t k0, int64_t kc)
{
    size_t size = operand->bf16 ? sizeof(uint16_t) : sizeof(float);
    int64_t at = operand->across ? k0 * operand->ld + first : first * operand->ld + k0;
    const char *data = (const char *)operand->data + (size_t)at * size;
    /* Constants, so that each of the four is a loop of its own. */
    if (operand->across) {
        if (operand->bf16) {
            pack_across(out, width, stride, data, operand->ld, 1, count, kc);
        } else {
            pack_across(out, width, stride, data, operand->ld, 0, count, kc);
        }
        return;
    }
    for (int64_t i = 0; i < count; i += width) {
        int valid = count - i < width ? (int)(count - i) : width;
        if (operand->bf16) {
            pack_along(out, width, data, operand->ld, 1, valid, kc);
        } else {
            pack_along(out, width, data, operand->ld, 0, valid, kc);
        }
        out += stride;
        data += (size_t)(width * operand->ld) * size;
    }
}

#endif
