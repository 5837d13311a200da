/*
 * A plug-in that loads another one and passes every call on, but for what STRAIT_SABOTAGE says:
 *   none         nothing: what passes without it must pass with it
 *   flip:N       in one of N launches one bit of a result is another
 *   stale:N      in one of N launches 64 bytes of a buffer that the host wrote are those of before
 *   event        no queue waits for another
 *   tail         the last work-group of a launch that has several is not run
 *   slow:MS      a wait takes so long
 *   lost:N       the device is gone at launch N; what is called after that ends the process with an abort, with
 *                STRAIT_SABOTAGE_AT_EXIT also what a library does when its process exits
 *   memory:MIB   there is less memory than the chip says
 *   round11, round11by32, flush, unfused: programs that compute wrongly (sabotage_text.c)
 * Chance comes from STRAIT_SABOTAGE_SEED. What was done stands in the log of plug-ins.
 */
#define _POSIX_C_SOURCE 200809L
#include "saboteur.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE = 64, MAX_BUFFERS = 4096, MAX_KERNELS = 512, IMAGE_MOST = 1 << 20 };

typedef struct buffer {
    strait_handle memory;
    int64_t bytes;
} buffer;

static const strait_host *host;
static strait_driver chip;    /* the one that is spoiled */
static strait_driver spoiled; /* what is shown */
static char class_name[32];
static int64_t number;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* guards what stands below */
static uint64_t chance = 1;
static int64_t launches;
static int64_t used;
static bool gone;
static buffer buffers[MAX_BUFFERS];
static int buffer_count;
static strait_handle careful[MAX_KERNELS]; /* kernels whose results are places in memory */
static int careful_count;
/* What a place had before the host wrote to it the last time. */
static strait_driver_slice image_at;
static int64_t image_bytes;
static char image[IMAGE_MOST];

static bool is(const char *name)
{
    return strcmp(class_name, name) == 0;
}

static uint32_t draw(uint32_t below)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(chance >> 33) % below;
}

static void tell(const char *what)
{
    host->log("saboteur", what);
}

/* A lost device that is called again ends the process, so that a test notices. */
static void called(void)
{
    if (gone) abort();
}

__attribute__((destructor)) static void at_exit(void)
{
    if (getenv("STRAIT_SABOTAGE_AT_EXIT")) called();
}

static buffer *known(strait_handle memory)
{
    for (int i = 0; i < buffer_count; i++) {
        if (buffers[i].memory == memory) return &buffers[i];
    }
    return NULL;
}

/* ---- memory ---- */

static int32_t alloc_memory(strait_handle device, int64_t bytes, strait_handle *out)
{
    called();
    pthread_mutex_lock(&turn);
    bool full = buffer_count == MAX_BUFFERS || (is("memory") && used + bytes > number << 20);
    pthread_mutex_unlock(&turn);
    if (full) return host->fail(STRAIT_CODE_NO_MEMORY, "saboteur.c", "the chip has less memory than it says");
    int32_t code = chip.alloc(device, bytes, out);
    if (code != STRAIT_CODE_OK) return code;
    pthread_mutex_lock(&turn);
    buffers[buffer_count++] = (buffer){*out, bytes};
    used += bytes;
    pthread_mutex_unlock(&turn);
    return code;
}

static void free_memory(strait_handle device, strait_handle memory)
{
    called();
    pthread_mutex_lock(&turn);
    buffer *at = known(memory);
    if (at) {
        used -= at->bytes;
        *at = buffers[--buffer_count];
    }
    if (image_at.memory == memory) image_bytes = 0;
    pthread_mutex_unlock(&turn);
    chip.free(device, memory);
}

static int32_t copy_to_device(strait_handle queue, strait_driver_slice to, const void *bytes, int64_t length)
{
    return chip.copy(queue, STRAIT_COPY_TO_DEVICE, to, (void *)(uintptr_t)bytes, (strait_driver_slice){0}, length);
}

static int32_t copy_to_host(strait_handle queue, void *bytes, strait_driver_slice from, int64_t length)
{
    return chip.copy(queue, STRAIT_COPY_TO_HOST, from, bytes, (strait_driver_slice){0}, length);
}

static int32_t copy(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *bytes,
                    strait_driver_slice other, int64_t length)
{
    called();
    if (is("stale") && kind == STRAIT_COPY_TO_DEVICE && length <= IMAGE_MOST) {
        pthread_mutex_lock(&turn);
        image_at = memory;
        image_bytes = copy_to_host(queue, image, memory, length) == STRAIT_CODE_OK ? length : 0;
        pthread_mutex_unlock(&turn);
    }
    return chip.copy(queue, kind, memory, bytes, other, length);
}

/* ---- queues and events ---- */

static int32_t queue_wait(strait_handle queue, int64_t timeout_ms)
{
    called();
    if (!is("slow")) return chip.queue_wait(queue, timeout_ms);
    int64_t pause = timeout_ms >= 0 && timeout_ms < number ? timeout_ms : number;
    struct timespec time = {.tv_sec = (time_t)(pause / 1000), .tv_nsec = (long)(pause % 1000) * 1000000};
    nanosleep(&time, NULL);
    if (pause < number) return host->fail(STRAIT_CODE_TIMEOUT, "saboteur.c", "the queue takes its time");
    return chip.queue_wait(queue, timeout_ms);
}

static int32_t queue_wait_event(strait_handle queue, strait_handle event)
{
    called();
    if (!is("event")) return chip.queue_wait_event(queue, event);
    tell("dropped an event");
    return STRAIT_CODE_OK;
}

/* ---- programs ---- */

static int32_t props(strait_handle device, strait_device_props *out)
{
    int32_t code = chip.props(device, out);
    /* Programs are kept under this name, and spoiled ones must serve nobody else. */
    char version[sizeof out->driver_version];
    snprintf(version, sizeof version, "%.11s %.50s", class_name, out->driver_version);
    if (code == STRAIT_CODE_OK && sabotage_rewrites(class_name)) memcpy(out->driver_version, version, sizeof version);
    return code;
}

static int32_t program_build(strait_handle device, const strait_program_source *source, strait_handle *out)
{
    bool fits = false;
    if (!sabotage_rewrites(class_name)) return chip.program_build(device, source, out);
    char *text = sabotage_text(host, class_name, source->text, &fits);
    if (!fits) return chip.program_build(device, source, out);
    if (!text) return host->fail(STRAIT_CODE_NO_MEMORY, "saboteur.c", "no memory for a program");
    strait_program_source changed = *source;
    changed.text = text;
    tell("rewrote a program");
    int32_t code = chip.program_build(device, &changed, out);
    host->free(text);
    return code;
}

static int32_t kernel_get(strait_handle program, const char *name, strait_handle *out)
{
    int32_t code = chip.kernel_get(program, name, out);
    if (code == STRAIT_CODE_OK && (strstr(name, "_number") || strstr(name, "_ranges"))) {
        pthread_mutex_lock(&turn);
        if (careful_count < MAX_KERNELS) careful[careful_count++] = *out;
        pthread_mutex_unlock(&turn);
    }
    return code;
}

/* A flipped bit of an address would end the process, which anybody notices. */
static bool may_flip(strait_handle kernel)
{
    for (int i = 0; i < careful_count; i++) {
        if (careful[i] == kernel) return false;
    }
    return true;
}

/* One bit within the first words of one result. */
static int32_t flip(strait_handle queue, const strait_kernel_argument *arguments, int32_t count)
{
    for (int32_t tries = 0; tries < 64; tries++) {
        const strait_kernel_argument *argument = &arguments[draw((uint32_t)count)];
        if (argument->kind != STRAIT_KERNEL_BUFFER || !(argument->access & STRAIT_ACCESS_WRITE)) continue;
        strait_driver_slice at = argument->value.buffer;
        const buffer *of = known(at.memory);
        int64_t words = of ? (of->bytes - at.offset) / 4 : 0;
        if (words == 0) continue;
        at.offset += 4 * (int64_t)draw(words < 4 ? (uint32_t)words : 4);
        uint32_t word = 0;
        int32_t code = copy_to_host(queue, &word, at, sizeof word);
        word ^= UINT32_C(1) << draw(32);
        if (code == STRAIT_CODE_OK) code = copy_to_device(queue, at, &word, sizeof word);
        tell("flipped a bit");
        return code;
    }
    return STRAIT_CODE_OK;
}

/* A place that this launch reads and where the last copy of the host changed something; *out_old is what was there. */
static bool find_stale(strait_handle queue, const strait_kernel_argument *arguments, int32_t count,
                       strait_driver_slice *out_at, char now[LINE], const char **out_old)
{
    for (int32_t i = 0; i < count; i++) {
        strait_driver_slice at = arguments[i].value.buffer;
        if (arguments[i].kind != STRAIT_KERNEL_BUFFER || arguments[i].access != STRAIT_ACCESS_READ) continue;
        int64_t from = at.offset - image_at.offset;
        if (at.memory != image_at.memory || from < 0 || from + LINE > image_bytes) continue;
        if (copy_to_host(queue, now, at, LINE) != STRAIT_CODE_OK || memcmp(now, image + from, LINE) == 0) continue;
        *out_at = at;
        *out_old = image + from;
        return true;
    }
    return false;
}

static int32_t spoiled_launch(strait_handle queue, strait_handle kernel, const int64_t groups[3], const int32_t size[3],
                              const strait_kernel_argument *arguments, int32_t count)
{
    int64_t fewer[3] = {groups[0], groups[1], groups[2]};
    bool now = (is("flip") || is("stale")) && draw((uint32_t)number) == 0;
    strait_driver_slice at = {0};
    char line[LINE];
    const char *old = NULL;
    if (is("tail") && groups[0] > 1) {
        fewer[0]--;
        tell("left a work-group out");
    }
    bool stale = now && is("stale") && find_stale(queue, arguments, count, &at, line, &old);
    if (stale) tell("showed what was there before");
    int32_t code = stale ? copy_to_device(queue, at, old, LINE) : STRAIT_CODE_OK;
    if (code == STRAIT_CODE_OK) code = chip.kernel_launch(queue, kernel, fewer, size, arguments, count);
    if (code == STRAIT_CODE_OK && stale) code = copy_to_device(queue, at, line, LINE);
    if (code == STRAIT_CODE_OK && now && is("flip") && may_flip(kernel)) code = flip(queue, arguments, count);
    return code;
}

static int32_t kernel_launch(strait_handle queue, strait_handle kernel, const int64_t groups[3], const int32_t size[3],
                             const strait_kernel_argument *arguments, int32_t count)
{
    called();
    pthread_mutex_lock(&turn);
    bool ends = ++launches == number && is("lost");
    if (ends) gone = true;
    int32_t code = ends ? STRAIT_CODE_DEVICE_LOST : spoiled_launch(queue, kernel, groups, size, arguments, count);
    pthread_mutex_unlock(&turn);
    return ends ? host->fail(code, "saboteur.c", "the chip fell off the bus") : code;
}

static void close_device(strait_handle device)
{
    called();
    chip.close(device);
}

static void queue_destroy(strait_handle queue)
{
    called();
    chip.queue_destroy(queue);
}

static void program_free(strait_handle program)
{
    called();
    chip.program_free(program);
}

/* ---- the plug-in ---- */

static int32_t load(const char *path)
{
    const strait_plugin *other = NULL;
    strait_plugin_query_fn query;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "strait_plugin_query_v1") : NULL;
    if (!symbol) return host->fail(STRAIT_CODE_NOT_FOUND, "saboteur.c", dlerror());
    memcpy(&query, &symbol, sizeof query);
    int32_t code = query(host, &other);
    if (code != STRAIT_CODE_OK) return code;
    uint32_t size = other->driver->struct_size;
    memcpy(&chip, other->driver, size < sizeof chip ? size : sizeof chip);
    /* A sabotage that the work goes around would pass for a chip that nothing was found wrong with. */
    if (!is("none") && (chip.op_run || chip.capture_begin)) {
        return host->fail(STRAIT_CODE_UNSUPPORTED, "saboteur.c",
                          "it spoils launches of kernels, and this plug-in has ops of its own or records graphs");
    }
    return STRAIT_CODE_OK;
}

/* CLASS or CLASS:N. */
static bool parse(const char *text)
{
    static const char *const classes[] = {"none", "flip", "stale", "event", "tail", "slow", "lost", "memory"};
    size_t length = strcspn(text, ":");
    if (length >= sizeof class_name) return false;
    memcpy(class_name, text, length);
    class_name[length] = '\0';
    number = text[length] ? strtoll(text + length + 1, NULL, 10) : 1;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (is(classes[i])) return number > 0;
    }
    return sabotage_rewrites(class_name);
}

static const strait_plugin plugin = {
    .struct_size = sizeof(strait_plugin),
    .minor = STRAIT_PLUGIN_MINOR,
    .minor_least = 0,
    .name = "saboteur",
    .version = "1",
    .driver = &spoiled,
};

int32_t strait_plugin_query_v1(const strait_host *given, const strait_plugin **out)
{
    const char *path = getenv("STRAIT_SABOTEUR_PLUGIN");
    const char *class_and_number = getenv("STRAIT_SABOTAGE");
    const char *seed = getenv("STRAIT_SABOTAGE_SEED");
    host = given;
    if (!path || !class_and_number || !parse(class_and_number)) {
        return host->fail(STRAIT_CODE_USAGE, "saboteur.c", "it wants STRAIT_SABOTEUR_PLUGIN and STRAIT_SABOTAGE");
    }
    if (seed) chance = strtoull(seed, NULL, 10) * 7919 + 1;
    int32_t code = load(path);
    if (code != STRAIT_CODE_OK) return code;
    spoiled = chip;
    spoiled.struct_size = sizeof spoiled;
    spoiled.name = "saboteur";
    spoiled.close = close_device;
    spoiled.props = props;
    spoiled.alloc = alloc_memory;
    spoiled.free = free_memory;
    spoiled.copy = copy;
    spoiled.queue_destroy = queue_destroy;
    spoiled.queue_wait = queue_wait;
    spoiled.queue_wait_event = queue_wait_event;
    spoiled.program_build = program_build;
    spoiled.program_free = program_free;
    spoiled.kernel_get = kernel_get;
    spoiled.kernel_launch = kernel_launch;
    *out = &plugin;
    return STRAIT_CODE_OK;
}
