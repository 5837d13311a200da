/* Words for choices. */
#include "train/names.h"

#include "base/pool.h"
#include "base/processors.h"
#include "train/events.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static strait_status parse(const char *what, const char *name, const char *const *words, int count, int *out)
{
    *out = 0;
    if (!name) return STRAIT_OK;
    for (int i = 0; i < count; i++) {
        if (strcmp(name, words[i]) != 0) continue;
        *out = i;
        return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s \"%s\": %s%s%s%s%s are possible", what, name, words[0],
                       count > 2 ? ", " : " and ", words[1], count > 2 ? " and " : "", count > 2 ? words[2] : "");
}

static strait_status parse_dtype(const char *what, const char *name, strait_dtype *out)
{
    static const char *const words[] = {"f32", "bf16"};
    int choice;
    STRAIT_TRY(parse(what, name, words, 2, &choice));
    *out = choice == 0 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16;
    return STRAIT_OK;
}

strait_status strait_parse_dtype(const char *name, strait_dtype *out)
{
    return parse_dtype("dtype", name, out);
}

strait_status strait_parse_states(const char *weights, const char *first_moment, strait_dtype storage,
                                  strait_dtype *out_weights, strait_dtype *out_first_moment)
{
    STRAIT_TRY(parse_dtype("weights", weights, out_weights));
    STRAIT_TRY(parse_dtype("first moment", first_moment, out_first_moment));
    if (*out_weights == STRAIT_DTYPE_F32 || storage == STRAIT_DTYPE_BF16) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "bf16 weights need dtype bf16 too: with dtype f32 compute reads f32 weights");
}

strait_status strait_parse_numerics(const char *name, strait_numerics *out)
{
    static const char *const words[] = {"exact", "fast"};
    int choice;
    STRAIT_TRY(parse("numerics", name, words, 2, &choice));
    *out = choice == 0 ? STRAIT_NUMERICS_EXACT : STRAIT_NUMERICS_FAST;
    return STRAIT_OK;
}

strait_status strait_parse_optimizer(const char *name, strait_muon *out)
{
    static const char *const words[] = {"adamw", "muon"};
    int choice;
    STRAIT_TRY(parse("optimizer", name, words, 2, &choice));
    *out = (strait_muon){.used = choice == 1, .momentum = 0.95, .lr_ratio = 1.0};
    return STRAIT_OK;
}

strait_status strait_parse_group_mask(const char *name, bool *out_zero)
{
    static const char *const words[] = {"neg_inf", "zero"};
    int choice;
    STRAIT_TRY(parse("group mask", name, words, 2, &choice));
    *out_zero = choice == 1;
    return STRAIT_OK;
}

strait_status strait_parse_recompute(const char *name, strait_recompute *out)
{
    static const char *const words[] = {"none", "light", "full"};
    int choice;
    STRAIT_TRY(parse("recompute", name, words, 3, &choice));
    *out = (strait_recompute)choice;
    return STRAIT_OK;
}

/* The next of the words between commas into word[16]; *inout is what follows it, NULL after the last. */
static void next_word(const char **inout, char *word)
{
    size_t length = *inout ? strcspn(*inout, ",") : 0;
    snprintf(word, 16, "%.*s", (int)length, *inout ? *inout : "");
    *inout = *inout && (*inout)[length] == ',' ? *inout + length + 1 : NULL;
}

strait_status strait_parse_balance(const char *text, strait_balance *out)
{
    static const char *const forms[] = {"pooled", "per_layer"};
    static const char *const scopes[] = {"sequence", "shard", "step"};
    const char *at = text;
    char word[16];
    int form;
    int scope;
    double numbers[4] = {0};
    next_word(&at, word);
    STRAIT_TRY(parse("form of the auxiliary loss", word, forms, 2, &form));
    next_word(&at, word);
    STRAIT_TRY(parse("scope of the auxiliary loss", word, scopes, 3, &scope));
    for (int i = 0; i < 4 && (i < 2 || at); i++) {
        char *end;
        next_word(&at, word);
        numbers[i] = strtod(word, &end);
        if (word[0] && *end == '\0' && numbers[i] >= 0 && isfinite(numbers[i])) continue;
        return STRAIT_FAIL(
            STRAIT_ERR_USAGE,
            "balance of routers \"%s\": FORM,SCOPE,A,Z is wanted, maybe with RATE or RATE,O, all but the "
            "first two numbers of 0 or more",
            text);
    }
    *out = (strait_balance){.form = (strait_aux_form)form,
                            .scope = (strait_aux_scope)scope,
                            .coefficient = numbers[0],
                            .z_coefficient = numbers[1],
                            .bias_rate = numbers[2],
                            .orthogonality = numbers[3]};
    return STRAIT_OK;
}

strait_status strait_check_threads(int64_t threads, const strait_events *events, int32_t *out)
{
    if (threads < 0 || threads > STRAIT_POOL_THREADS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "threads is %lld: 0 (all processors) to %d are possible",
                           (long long)threads, STRAIT_POOL_THREADS_MAX);
    }
    int processors = strait_processors();
    if (threads > processors) {
        strait_events_log(events, STRAIT_LOG_WARN,
                          "threads is %lld, but this process may use %d processor%s (affinity mask and control groups "
                          "counted): the others wait for their turn, which is slower; threads: 0 takes as many as fit",
                          (long long)threads, processors, processors == 1 ? "" : "s");
    }
    *out = (int32_t)threads;
    return STRAIT_OK;
}
