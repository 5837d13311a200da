/* Collecting and formatting profiles. */
#include "train/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void collect(void *user, const strait_op_desc *desc, uint32_t absent, double seconds)
{
    strait_profile *profile = user;
    strait_op_cost cost = {0};
    if (profile->status == STRAIT_OK) profile->status = strait_op_cost_query(desc, absent, &cost);
    if (profile->status != STRAIT_OK) return;
    strait_profile_row *row = NULL;
    for (int64_t i = 0; i < profile->count && !row; i++) {
        strait_profile_row *known = &profile->rows[i];
        if (known->desc.op == desc->op && memcmp(known->desc.dims, desc->dims, sizeof desc->dims) == 0) row = known;
    }
    if (!row) {
        if (profile->count == profile->capacity) {
            profile->status =
                strait_realloc(STRAIT_TAG_OTHER, (size_t)profile->count + 32, sizeof *profile->rows, &profile->rows);
            if (profile->status != STRAIT_OK) return;
            profile->capacity += 32;
        }
        row = &profile->rows[profile->count++];
        *row = (strait_profile_row){.desc = *desc, .cost = cost};
    }
    row->calls++;
    row->seconds += seconds;
}

void strait_profile_init(strait_profile *profile)
{
    *profile = (strait_profile){.timer = {.node = collect, .user = profile}};
}

void strait_profile_clear(strait_profile *profile)
{
    profile->count = 0;
    profile->status = STRAIT_OK;
}

void strait_profile_fini(strait_profile *profile)
{
    strait_free(profile->rows);
    *profile = (strait_profile){0};
}

static int longest_first(const void *left, const void *right)
{
    const strait_profile_row *a = left;
    const strait_profile_row *b = right;
    return a->seconds > b->seconds ? -1 : a->seconds < b->seconds;
}

void strait_profile_sort(strait_profile *profile)
{
    if (profile->count > 1) qsort(profile->rows, (size_t)profile->count, sizeof *profile->rows, longest_first);
}

void strait_profile_dims(const strait_op_desc *desc, char *text, size_t size)
{
    int last = STRAIT_OP_MAX_DIMS;
    while (last > 1 && desc->dims[last - 1] == 0) last--;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < last && used < size; i++) {
        int put = snprintf(text + used, size - used, "%s%lld", i > 0 ? " " : "", (long long)desc->dims[i]);
        if (put < 0) return;
        used += (size_t)put;
    }
}

strait_status strait_profile_csv(const strait_profile *profile, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out, "op,dims,calls,seconds,gflops,gbytes_per_second\n"));
    for (int64_t i = 0; i < profile->count; i++) {
        const strait_profile_row *row = &profile->rows[i];
        char dims[160];
        strait_profile_dims(&row->desc, dims, sizeof dims);
        double seconds = (row->seconds > 0 ? row->seconds : 1e-9) / (double)row->calls;
        STRAIT_TRY(strait_buffer_printf(out, "%s,%s,%lld,%.6f,%.3f,%.3f\n", strait_op_name(row->desc.op), dims,
                                        (long long)row->calls, row->seconds, row->cost.flops / seconds * 1e-9,
                                        (row->cost.bytes_read + row->cost.bytes_written) / seconds * 1e-9));
    }
    return STRAIT_OK;
}
