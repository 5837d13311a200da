/* Narrowing and widening of flat buffers. Knows nothing of what uses them. */
#include "train/flat.h"

enum { PIECE = 4096 };

strait_status strait_flat_narrow(strait_queue *queue, strait_memory *memory, const strait_params *params,
                                 int64_t offset, int64_t count, const float *host)
{
    uint16_t narrow[PIECE];
    for (int64_t at = 0; at < count; at += PIECE) {
        int64_t piece = count - at < PIECE ? count - at : PIECE;
        for (int64_t i = 0; i < piece; i++) narrow[i] = strait_bf16_from_f32(host[at + i]);
        strait_slice to = {.memory = memory, .offset = (offset + at) * (int64_t)sizeof narrow[0]};
        STRAIT_TRY(strait_copy_to_device(queue, to, narrow, piece * (int64_t)sizeof narrow[0]));
    }
    for (int32_t b = 0; b < params->buffer_count; b++) {
        int64_t first;
        int64_t end;
        if (!strait_params_overlap(params, b, offset, count, &first, &end)) continue;
        strait_slice to = {.memory = memory, .offset = strait_params_buffer_byte(params, b, first, sizeof narrow[0])};
        STRAIT_TRY(strait_copy_to_device(queue, to, host + (first - offset), (end - first) * (int64_t)sizeof *host));
    }
    return STRAIT_OK;
}

strait_status strait_flat_widen(strait_queue *queue, strait_memory *memory, const strait_params *params, int64_t offset,
                                int64_t count, float *host)
{
    uint16_t narrow[PIECE];
    for (int64_t at = 0; at < count; at += PIECE) {
        int64_t piece = count - at < PIECE ? count - at : PIECE;
        strait_slice from = {.memory = memory, .offset = (offset + at) * (int64_t)sizeof narrow[0]};
        STRAIT_TRY(strait_copy_to_host(queue, narrow, from, piece * (int64_t)sizeof narrow[0]));
        for (int64_t i = 0; i < piece; i++) host[at + i] = strait_f32_from_bf16(narrow[i]);
    }
    for (int32_t b = 0; b < params->buffer_count; b++) {
        int64_t first;
        int64_t end;
        if (!strait_params_overlap(params, b, offset, count, &first, &end)) continue;
        strait_slice from = {.memory = memory, .offset = strait_params_buffer_byte(params, b, first, sizeof narrow[0])};
        STRAIT_TRY(strait_copy_to_host(queue, host + (first - offset), from, (end - first) * (int64_t)sizeof *host));
    }
    return STRAIT_OK;
}
