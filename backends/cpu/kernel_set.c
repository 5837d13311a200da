/* Filling the tables of kernels upwards, and picking from them. */
#include "backends/cpu/kernel_set.h"

#include "backends/cpu/choice_time.h"

#include <stdio.h>

/* Generic first, then each faster set over it, up to `last`; what lies beyond is only asked why it is not used. */
static void fill(const strait_cpu_isa *last, strait_numerics numerics, strait_cpu_kernels *out)
{
    int count;
    const strait_cpu_isa *isas = strait__cpu_isas(&count);
    int beyond = 0;
    for (int i = 0; i < count; ++i) {
        const strait_cpu_kernel *kernels = isas[i].kernels(numerics);
        const char *absent = isas[i].absent();
        for (int op = 0; op < STRAIT_OP_COUNT; ++op) {
            if (!kernels[op].run) continue;
            if (beyond || absent) {
                if (!out->slower[op]) out->slower[op] = absent ? absent : "a slower instruction set was asked for";
                continue;
            }
            out->of[op] = kernels[op];
            out->from[op] = isas[i].name;
            out->slower[op] = NULL;
        }
        if (&isas[i] == last) beyond = 1;
    }
}

void strait__cpu_kernel_set_init(strait_cpu_kernel_set *set, const strait_cpu_isa *last, int named)
{
    set->named = named;
    fill(last, STRAIT_NUMERICS_EXACT, &set->exact);
    fill(last, STRAIT_NUMERICS_FAST, &set->fast);
}

/* Which instruction sets are compared: times of one say nothing about another. */
static void describe(const strait_cpu_kernel_set *set, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (int op = 0; op < STRAIT_OP_COUNT; ++op) {
        if (!set->fast.of[op].run || used >= size) continue;
        int wrote = snprintf(out + used, size - used, "%s%s %s/%s", used ? ", " : "", strait_op_name((strait_op)op),
                             set->fast.from[op], set->exact.from[op]);
        if (wrote > 0) used += (size_t)wrote;
    }
}

static strait_status make_choice(strait_cpu_kernel_set *set)
{
    char folder[384];
    char detail[256];
    char identity[512];
    describe(set, detail, sizeof detail);
    strait__cpu_choice_folder(folder, sizeof folder);
    strait__cpu_choice_identity(detail, identity, sizeof identity);
    strait_cpu_timed_kernels kernels = {set->exact.of, set->fast.of};
    strait_cpu_choice_request request = {.folder = folder,
                                         .identity = identity,
                                         .fast = set->fast.of,
                                         .time = strait__cpu_choice_time,
                                         .context = &kernels};
    STRAIT_TRY_CTX(strait__cpu_choice_make(&request, &set->choice), "timing the kernels of numerics: fast");
    for (int op = 0; op < STRAIT_OP_COUNT; ++op) {
        for (int size = 0; set->fast.of[op].run && size < STRAIT_CPU_SIZES; ++size) {
            const int64_t *times = set->choice.times[op][size];
            snprintf(set->reasons[op][size], STRAIT_CPU_CHOICE_REASON, "%s took %.3f ms, %s %.3f ms: %s",
                     set->fast.from[op], (double)times[1] * 1e-6, set->exact.from[op], (double)times[0] * 1e-6,
                     set->choice.source);
        }
    }
    set->chosen = 1;
    return STRAIT_OK;
}

strait_status strait__cpu_kernel_set_pick(strait_cpu_kernel_set *set, const strait_op_desc *desc, strait_cpu_pick *out)
{
    strait_op op = desc->op;
    strait_cpu_pick exact = {&set->exact.of[op], set->exact.from[op], set->exact.slower[op], STRAIT_DETERMINISM_EXACT};
    strait_cpu_pick fast = {&set->fast.of[op], set->fast.from[op], set->fast.slower[op], STRAIT_DETERMINISM_RUN_TO_RUN};
    *out = exact;
    if (desc->numerics != STRAIT_NUMERICS_FAST || desc->dtype != STRAIT_DTYPE_BF16) return STRAIT_OK;
    if (!fast.kernel->run) {
        if (fast.reason) out->reason = fast.reason;
        return STRAIT_OK;
    }
    bool gradient = op == STRAIT_OP_LINEAR_DX || op == STRAIT_OP_LINEAR_DW;
    if (gradient && desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_Y_F32) {
        out->reason = "a gradient in f32 is no factor for a matrix unit";
        return STRAIT_OK;
    }
    bool attends = op == STRAIT_OP_ATTENTION || op == STRAIT_OP_ATTENTION_BWD;
    if (attends && desc->dims[ATTENTION_DIM_STREAM] > 0) {
        out->reason = "dropout leaves terms out, which a matrix unit cannot";
        return STRAIT_OK;
    }
    strait_cpu_size size = strait__cpu_size_of(desc);
    if (size == STRAIT_CPU_FEW) {
        out->reason = "so few rows take as long as reading what they meet";
        return STRAIT_OK;
    }
    if (set->named) {
        *out = fast;
        return STRAIT_OK;
    }
    if (!set->chosen) STRAIT_TRY(make_choice(set));
    if (strait__cpu_choice_is_fast(&set->choice, op, size)) *out = fast;
    out->reason = set->reasons[op][size];
    return STRAIT_OK;
}
