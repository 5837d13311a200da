/*
 * Packing: a panel holds `width` columns of B (or rows of A) with k outermost, in f32, so that the inner loop reads
 * them in one stream. What lies beyond `valid` is +0; its results are never stored.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_PACK_H
#define STRAIT_BACKENDS_CPU_KERNELS_PACK_H

#include "backends/cpu/kernels/matmul.h"

/* Rows that lie across are far from each other: a processor that reads ahead in a stream has to be told. */
enum { PACK_AHEAD = 12, LINE_BYTES = 64 };

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
    const int64_t size = bf16 ? (int64_t)sizeof(uint16_t) : (int64_t)sizeof(float);
    for (int64_t k = 0; k < kc; ++k) {
        for (int64_t i = 0; k + PACK_AHEAD < kc && i < count; i += LINE_BYTES / size) {
            __builtin_prefetch((const char *)data + ((k + PACK_AHEAD) * ld + i) * size, 0, 3);
        }
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

static inline void copy_row(float *out, const void *data, int64_t at, int bf16, int64_t kc)
{
    int64_t k = 0;
    for (; k + VW <= kc; k += VW) vf_store(out + k, pack_load(data, at + k, bf16));
    if (k < kc) vf_store_n(out + k, pack_load_n(data, at + k, bf16, (int)(kc - k)), (int)(kc - k));
}

/*
 * Rows first .. first + count of an operand that is contiguous in k, k0 .. k0 + kc, copied as f32 `stride` apart; then
 * rows of +0 up to `room` of them.
 */
static inline void pack_rows(float *out, int64_t stride, int64_t room, const cpu_operand *operand, int64_t first,
                             int64_t count, int64_t k0, int64_t kc)
{
    for (int64_t r = 0; r < count; ++r) {
        int64_t at = (first + r) * operand->ld + k0;
        if (operand->bf16) {
            copy_row(out + r * stride, operand->data, at, 1, kc);
        } else {
            copy_row(out + r * stride, operand->data, at, 0, kc);
        }
    }
    for (int64_t r = count; r < room; ++r) memset(out + r * stride, 0, (size_t)kc * sizeof *out);
}

#endif
