/* One op on one shape through the waist: one piece of device memory, every buffer between guard bytes. */
#include "certify/problem.h"

#include <stdio.h>
#include <string.h>

/* NaN whether read as bf16 or as f32, so that an operand taken from beyond a buffer, or from an unwritten workspace,
 * shows. */
enum { GUARD = 0xFF };

/* Where each buffer lies in the piece; guards of at least one alignment stand before, between and after. */
typedef struct layout {
    int64_t offset[STRAIT_OP_MAX_BUFFERS];
    int64_t bytes[STRAIT_OP_MAX_BUFFERS];
    int64_t workspace;
    int64_t workspace_bytes;
    int64_t total;
} layout;

static int64_t place(int64_t *at, int64_t bytes, int64_t alignment)
{
    int64_t offset = *at;
    *at = (offset + bytes + alignment - 1) / alignment * alignment + alignment;
    return offset;
}

static layout lay_out(const strait_check_problem *problem, int64_t alignment, int64_t workspace_bytes)
{
    layout out = {.workspace_bytes = workspace_bytes};
    int64_t at = alignment;
    int shared = problem->shape->alias_out;
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        out.bytes[i] = buffer->count * (int64_t)strait_dtype_size(buffer->dtype);
        if (buffer->count > 0 && (shared == 0 || i != shared)) out.offset[i] = place(&at, out.bytes[i], alignment);
    }
    if (shared > 0) out.offset[shared] = out.offset[problem->shape->alias_in];
    out.workspace = place(&at, workspace_bytes, alignment);
    out.total = at;
    return out;
}

/* Every byte outside outputs and workspace must be as it was before. */
static bool untouched(const strait_check_problem *problem, const layout *places, const unsigned char *before,
                      const unsigned char *after, char *why)
{
    for (int64_t at = 0; at < places->total; at++) {
        if (before[at] == after[at]) continue;
        if (at >= places->workspace && at < places->workspace + places->workspace_bytes) continue;
        int owner = -1;
        bool written = false;
        for (int i = 0; i < problem->count; i++) {
            if (places->bytes[i] == 0 || at < places->offset[i] || at >= places->offset[i] + places->bytes[i]) continue;
            owner = i;
            if (problem->buffers[i].access & STRAIT_ACCESS_WRITE) written = true;
        }
        if (written) continue;
        if (owner >= 0) {
            snprintf(why, STRAIT_CHECK_WHY, "input buffer %d was overwritten at byte %lld", owner,
                     (long long)(at - places->offset[owner]));
        } else {
            snprintf(why, STRAIT_CHECK_WHY,
                     "a guard byte was overwritten at %lld (workspace at %lld, %lld bytes; buffer 0 at %lld)",
                     (long long)at, (long long)places->workspace, (long long)places->workspace_bytes,
                     (long long)places->offset[0]);
        }
        return false;
    }
    return true;
}

static strait_status run_on(const strait_check_device *on, const strait_check_problem *problem, const layout *places,
                            unsigned char *image)
{
    strait_memory *memory;
    STRAIT_TRY(strait_memory_create(on->device, STRAIT_TAG_OTHER, places->total, &memory));
    strait_slice slices[STRAIT_OP_MAX_BUFFERS];
    for (int i = 0; i < problem->count; i++) {
        slices[i] = places->bytes[i] ? (strait_slice){memory, places->offset[i]} : (strait_slice){NULL, 0};
    }
    strait_slice workspace = {memory, places->workspace};
    strait_status status = strait_copy_to_device(on->queue, (strait_slice){memory, 0}, image, places->total);
    if (status == STRAIT_OK) status = strait_op_run(on->queue, &problem->desc, slices, problem->count, workspace);
    if (status == STRAIT_OK) status = strait_queue_wait(on->queue, 60000);
    if (status == STRAIT_OK) status = strait_copy_to_host(on->queue, image, (strait_slice){memory, 0}, places->total);
    strait_memory_destroy(memory);
    return status;
}

static bool fail_status(char *why)
{
    snprintf(why, STRAIT_CHECK_WHY, "%s", strait_error_message());
    return false;
}

bool strait_problem_run(const strait_check_device *on, const strait_check_problem *problem, strait_check_result *out,
                        char *why)
{
    memset(out, 0, sizeof *out);
    strait_op_info info;
    if (strait_op_query(on->device, &problem->desc, &info) != STRAIT_OK) return fail_status(why);
    if (!info.supported) {
        out->unsupported = true;
        snprintf(why, STRAIT_CHECK_WHY, "declined: %s", info.reason ? info.reason : "no reason given");
        return false;
    }
    layout places = lay_out(problem, strait_device_get_props(on->device)->alignment, info.workspace_bytes);
    unsigned char *before = NULL;
    unsigned char *after = NULL;
    bool good = false;
    if (strait_alloc(STRAIT_TAG_OTHER, (size_t)places.total, 1, &before) != STRAIT_OK ||
        strait_alloc(STRAIT_TAG_OTHER, (size_t)places.total, 1, &after) != STRAIT_OK) {
        goto out_of_memory;
    }
    memset(before, GUARD, (size_t)places.total);
    /* A shared place holds the input; outputs stand after inputs, so the poison of one must not overwrite it. */
    for (int i = 0; i < problem->count; i++) {
        bool shared = problem->shape->alias_out > 0 && i == problem->shape->alias_out;
        if (places.bytes[i] && !shared) strait_problem_pack(problem, i, problem->input[i], before + places.offset[i]);
    }
    memcpy(after, before, (size_t)places.total);
    if (run_on(on, problem, &places, after) != STRAIT_OK) goto out_of_memory;
    if (!untouched(problem, &places, before, after, why)) goto done;
    for (int i = 0; i < problem->count; i++) {
        if (!places.bytes[i] || !(problem->buffers[i].access & STRAIT_ACCESS_WRITE)) continue;
        if (strait_alloc(STRAIT_TAG_OTHER, (size_t)problem->buffers[i].count, sizeof(double), &out->values[i]) !=
            STRAIT_OK) {
            goto out_of_memory;
        }
        strait_problem_unpack(problem, i, after + places.offset[i], out->values[i]);
    }
    good = true;
    goto done;

out_of_memory:
    fail_status(why);
done:
    if (!good) strait_check_result_free(out);
    strait_free(before);
    strait_free(after);
    return good;
}

void strait_check_result_free(strait_check_result *result)
{
    for (int i = 0; i < STRAIT_OP_MAX_BUFFERS; i++) {
        strait_free(result->values[i]);
        result->values[i] = NULL;
    }
}

bool strait_check_result_equal(const strait_check_problem *problem, void *const *values, void *const *expected,
                               char *why)
{
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0 || !(buffer->access & STRAIT_ACCESS_WRITE)) continue;
        int64_t wrong = 0;
        for (int64_t k = 0; k < buffer->count; k++) {
            float got = ((const float *)values[i])[k];
            float want = ((const float *)expected[i])[k];
            if (memcmp(&got, &want, sizeof got) == 0 || (got != got && want != want)) continue;
            if (wrong++ == 0) {
                snprintf(why, STRAIT_CHECK_WHY, "buffer %d element %lld is %a, exact is %a", i, (long long)k,
                         (double)got, (double)want);
            }
        }
        if (wrong == 0) continue;
        size_t used = strlen(why);
        snprintf(why + used, STRAIT_CHECK_WHY - used, " (%lld of %lld differ)", (long long)wrong,
                 (long long)buffer->count);
        return false;
    }
    return true;
}
