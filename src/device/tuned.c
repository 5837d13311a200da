/* What is decided about each op that a driver brings itself, and where that is kept. Knows no op's insides. */
#include "device/tuned.h"

#include "device/disk_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VERDICTS = 96, NAME_BYTES = 64, REASON_BYTES = 512, LINE_BYTES = 1024 };
static const double SECONDS = 10.0; /* for everything that is tried on a device */

/* About one op of one implementation, or, without one, what the driver itself says against its own. */
typedef struct verdict {
    strait_op op;
    uint32_t dtype;
    uint32_t numerics;
    bool use;
    char implementation[NAME_BYTES];
    char reason[REASON_BYTES];
} verdict;

struct strait_tuned {
    const strait_driver *driver; /* borrowed */
    strait_handle device;
    const strait_device_props *props; /* borrowed */
    strait_portable *portable;        /* borrowed */
    pthread_mutex_t turn;             /* guards what stands below */
    double spent;                     /* seconds */
    int count;
    verdict verdicts[MOST_VERDICTS];
};

strait_status strait__tuned_create(const strait_driver *driver, strait_handle device, const strait_device_props *props,
                                   strait_portable *portable, strait_tuned **out)
{
    strait_tuned *tuned;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *tuned, &tuned));
    tuned->driver = driver;
    tuned->device = device;
    tuned->props = props;
    tuned->portable = portable;
    pthread_mutex_init(&tuned->turn, NULL);
    *out = tuned;
    return STRAIT_OK;
}

void strait__tuned_destroy(strait_tuned *tuned)
{
    if (!tuned) return;
    pthread_mutex_destroy(&tuned->turn);
    strait_free(tuned);
}

/* ---- on disk ---- */

static bool keeps(void)
{
    const char *wanted = getenv("STRAIT_KERNEL_CACHE");
    return !wanted || strcmp(wanted, "off") != 0;
}

/* The number grows when what is tried changes. */
static strait_status write_key(const strait_tuned *tuned, const verdict *v, strait_buffer *out)
{
    const strait_device_props *props = tuned->props;
    return strait_buffer_printf(out, "tuned 2\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%u\n%u", tuned->driver->name, props->name,
                                props->implementation, props->driver_version, v->implementation,
                                strait__portable_name(tuned->portable), strait_op_name(v->op), v->dtype, v->numerics);
}

/* "use" or "not", a blank, the reason. */
static bool recall(const strait_buffer *key, verdict *v)
{
    strait_buffer kept = {0};
    bool found = strait__disk_cache_read(key->bytes, key->length, &kept) == STRAIT_OK && kept.length > 4 &&
                 kept.length < 4 + sizeof v->reason && kept.bytes[3] == ' ';
    if (found) {
        v->use = memcmp(kept.bytes, "use", 3) == 0;
        memcpy(v->reason, kept.bytes + 4, kept.length - 4);
        v->reason[kept.length - 4] = '\0';
    }
    strait_buffer_fini(&kept);
    return found;
}

/* That it cannot be kept costs the next run some seconds and this one nothing. */
static void remember(const strait_buffer *key, const verdict *v)
{
    char text[4 + REASON_BYTES];
    int length = snprintf(text, sizeof text, "%s %s", v->use ? "use" : "not", v->reason);
    if (length > 0) {
        strait_status status = strait__disk_cache_write(key->bytes, key->length, text, (size_t)length);
        (void)status;
    }
}

/* ---- trying ---- */

static void decline(verdict *v, const char *what, const char *why)
{
    char name[NAME_BYTES]; /* what snprintf reads may not lie beside what it writes */
    memcpy(name, v->implementation, sizeof name);
    v->use = false;
    snprintf(v->reason, sizeof v->reason, "%s %s: %s", name, what, why);
}

/* How the shapes that were tried came out, together. */
typedef struct outcome {
    int tried;
    double distance;
    double times[2];
} outcome;

static void conclude(verdict *v, const outcome *all, const char *portable)
{
    char why[160];
    if (all->tried == 0) {
        decline(v, "was not held to the portable kernel", "it takes none of the shapes");
    } else if (all->times[1] > 0.0 && all->times[1] >= all->times[0]) {
        snprintf(why, sizeof why, "%.3g ms, where %s takes %.3g ms", all->times[1] * 1e3, portable,
                 all->times[0] * 1e3);
        decline(v, "is not faster", why);
    } else {
        v->use = true;
        snprintf(v->reason, sizeof v->reason, "held to %s: at most %.3g of the allowed distance, %.3g times as fast",
                 portable, all->distance, all->times[1] > 0.0 ? all->times[0] / all->times[1] : 1.0);
    }
}

/* *out_final: what came out holds for every later run too, as one for want of time does not. */
static strait_status try_shapes(strait_tuned *tuned, verdict *v, bool *out_final)
{
    const strait_portable_check *check = strait__portable_check_of(v->op);
    outcome all = {0};
    *out_final = true;
    for (int i = 0; i < check->count; i++) {
        strait_op_desc desc = {.struct_size = sizeof desc, .op = v->op, .dtype = v->dtype, .numerics = v->numerics};
        memcpy(desc.dims, check->dims[i], sizeof desc.dims);
        if (check->scalars) memcpy(desc.scalars, check->scalars, sizeof desc.scalars);
        strait_op_info own = {.struct_size = sizeof own};
        STRAIT_TRY(tuned->driver->op_query(tuned->device, &desc, &own));
        if (!own.supported || strcmp(own.implementation, v->implementation) != 0) continue;
        strait_trial_result result = {.late = tuned->spent >= SECONDS};
        if (!result.late) {
            STRAIT_TRY(strait__tuned_try(tuned->driver, tuned->device, tuned->portable, &desc, &own,
                                         SECONDS - tuned->spent, i == check->count - 1, &result));
        }
        tuned->spent += result.seconds;
        if (result.late) {
            *out_final = false;
            decline(v, "was not held to the portable kernel", "10 s for the ops of this device are over");
            return STRAIT_OK;
        }
        if (!result.passed) {
            decline(v, "differs from the portable kernel", result.why);
            return STRAIT_OK;
        }
        all.tried++;
        if (result.distance > all.distance) all.distance = result.distance;
        memcpy(all.times, result.times, sizeof all.times);
    }
    conclude(v, &all, strait__portable_name(tuned->portable));
    return STRAIT_OK;
}

static strait_status decide(strait_tuned *tuned, const strait_op_info *own, verdict *v)
{
    bool exact = v->numerics == STRAIT_NUMERICS_EXACT;
    if (exact && own->determinism != STRAIT_DETERMINISM_EXACT) {
        decline(v, "is not for exact", "it does not promise the same bits everywhere");
        return STRAIT_OK;
    }
    if (own->determinism == STRAIT_DETERMINISM_NONE) {
        decline(v, "is not for fast", "it does not promise the same bits from run to run");
        return STRAIT_OK;
    }
    if (!strait__portable_check_of(v->op)) {
        decline(v, "is not used", "nothing is known by which this op could be held to the portable kernel");
        return STRAIT_OK;
    }
    strait_buffer key = {0};
    bool final = false;
    strait_status status = write_key(tuned, v, &key);
    if (status == STRAIT_OK && !(keeps() && recall(&key, v))) {
        status = try_shapes(tuned, v, &final);
        if (status == STRAIT_OK && final && keeps()) remember(&key, v);
    }
    strait_buffer_fini(&key);
    if (status == STRAIT_OK) return STRAIT_OK;
    return strait__fail_context(status, "holding %s of %s to the portable kernel", strait_op_name(v->op),
                                v->implementation);
}

static verdict *find(strait_tuned *tuned, const strait_op_desc *desc, const char *implementation)
{
    for (int i = 0; i < tuned->count; i++) {
        verdict *v = &tuned->verdicts[i];
        if (v->op == desc->op && v->dtype == desc->dtype && v->numerics == desc->numerics &&
            strcmp(v->implementation, implementation) == 0) {
            return v;
        }
    }
    return NULL;
}

/* NULL where the list is full: what is not noted is not used. */
static verdict *add(strait_tuned *tuned, const strait_op_desc *desc, const char *implementation)
{
    if (tuned->count == MOST_VERDICTS) return NULL;
    verdict *v = &tuned->verdicts[tuned->count];
    *v = (verdict){.op = (strait_op)desc->op, .dtype = desc->dtype, .numerics = desc->numerics};
    snprintf(v->implementation, sizeof v->implementation, "%s", implementation);
    return v;
}

/* What the driver says against its own ops is noted too, for the report. */
static void note(strait_tuned *tuned, const strait_op_desc *desc, const char *reason)
{
    for (int i = 0; i < tuned->count; i++) {
        const verdict *v = &tuned->verdicts[i];
        if (v->op == desc->op && v->dtype == desc->dtype && v->numerics == desc->numerics && !v->implementation[0] &&
            strncmp(v->reason, reason, sizeof v->reason - 1) == 0) {
            return;
        }
    }
    verdict *v = add(tuned, desc, "");
    if (!v) return;
    snprintf(v->reason, sizeof v->reason, "%s", reason);
    tuned->count++;
}

static strait_status ask_locked(strait_tuned *tuned, const strait_op_desc *desc, const strait_op_info *own,
                                bool *out_use, const char **out_reason)
{
    const char *name = own->implementation ? own->implementation : "";
    *out_use = false;
    *out_reason = own->reason;
    if (!own->supported) {
        if (own->reason) note(tuned, desc, own->reason);
        return STRAIT_OK;
    }
    if (!name[0] || strlen(name) >= NAME_BYTES) {
        *out_reason = "the driver's own op has no name under which what is found out about it could be kept";
        return STRAIT_OK;
    }
    verdict *v = find(tuned, desc, name);
    if (!v) {
        v = add(tuned, desc, name);
        if (!v) return STRAIT_OK;
        STRAIT_TRY(decide(tuned, own, v));
        tuned->count++;
    }
    *out_use = v->use;
    *out_reason = v->reason;
    return STRAIT_OK;
}

strait_status strait__tuned_ask(strait_tuned *tuned, const strait_op_desc *desc, const strait_op_info *own,
                                bool *out_use, const char **out_reason)
{
    pthread_mutex_lock(&tuned->turn);
    strait_status status = ask_locked(tuned, desc, own, out_use, out_reason);
    pthread_mutex_unlock(&tuned->turn);
    return status;
}

/* ---- the report ---- */

static bool same_answer(const verdict *a, const verdict *b)
{
    return a->numerics == b->numerics && a->use == b->use && strcmp(a->implementation, b->implementation) == 0 &&
           strcmp(a->reason, b->reason) == 0;
}

static void append(char *line, const char *text)
{
    size_t used = strlen(line);
    snprintf(line + used, LINE_BYTES - used, "%s", text);
}

/* The first of those with the same answer speaks for all. */
static bool write_line(const strait_tuned *tuned, int first, char *line)
{
    const verdict *v = &tuned->verdicts[first];
    line[0] = '\0';
    for (int i = 0; i < tuned->count; i++) {
        if (!same_answer(&tuned->verdicts[i], v)) continue;
        if (i < first) return false;
        append(line, i > first ? ", " : "");
        append(line, strait_op_name(tuned->verdicts[i].op));
    }
    append(line, " by ");
    append(line, v->use ? v->implementation : strait__portable_name(tuned->portable));
    append(line, v->use ? ", " : ": ");
    append(line, v->reason);
    return true;
}

void strait__tuned_report(strait_tuned *tuned, strait_numerics numerics, void (*line)(void *user, const char *text),
                          void *user)
{
    pthread_mutex_lock(&tuned->turn);
    for (int i = 0; i < tuned->count; i++) {
        char text[LINE_BYTES];
        if (tuned->verdicts[i].numerics == numerics && write_line(tuned, i, text)) line(user, text);
    }
    pthread_mutex_unlock(&tuned->turn);
}
