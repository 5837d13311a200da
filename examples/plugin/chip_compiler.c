/* The chip's compiler is the system's cc: a text becomes a shared object, in a folder that is gone when it is loaded.
 */
#define _POSIX_C_SOURCE 200809L
#include "chip.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PATH = 512, VERSION = 64, LOG = 6144, MAX_OPTIONS = 64, OPTIONS = 4096 };

static const char prelude[] =
#include "chip_prelude.inc"
    ;

/* ---- files ---- */

static int32_t make_folder(chip_device *device, char out[PATH])
{
    const char *home = getenv("TMPDIR");
    snprintf(out, PATH, "%.400s/strait-mychip.XXXXXX", home && *home ? home : "/tmp");
    if (mkdtemp(out)) return STRAIT_CODE_OK;
    return CHIP_FAIL(device, STRAIT_CODE_IO, "no folder can be made at %s: set TMPDIR to one that can be written", out);
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = {"k.c", "k.so", "log"};
    char path[PATH + 8];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static bool write_file(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    if (!file) return false;
    bool whole = fwrite(bytes, 1, length, file) == length;
    return fclose(file) == 0 && whole;
}

/* The first `size` - 1 bytes as text; "" where there are none. */
static void read_text(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(out, 1, size - 1, file) : 0;
    out[length] = '\0';
    if (file) fclose(file);
}

static char *read_whole(const char *path, int64_t *out_length)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long length = -1;
    if (!file) return NULL;
    if (fseek(file, 0, SEEK_END) == 0) length = ftell(file);
    if (length > 0 && fseek(file, 0, SEEK_SET) == 0) bytes = chip_host->alloc((uint64_t)length);
    if (bytes && fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        chip_host->free(bytes);
        bytes = NULL;
    }
    fclose(file);
    *out_length = length;
    return bytes;
}

/* ---- the compiler ---- */

/* True if the command ran and ended well; what it says goes to `log`. */
static bool run(char *const arguments[], const char *log)
{
    posix_spawn_file_actions_t actions;
    pid_t process = 0;
    int status = 0;
    if (posix_spawn_file_actions_init(&actions) != 0) return false;
    int error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (error == 0) error = posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (error == 0) error = posix_spawnp(&process, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error == 0 && waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A number for what the processor can do: code for another one would not run. */
static uint32_t processor(void)
{
    char line[4096];
    uint32_t hash = 2166136261u;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        bool tells = strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0;
        for (const char *c = line; tells && *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
        if (tells) break;
    }
    if (file) fclose(file);
    return hash;
}

static char version[VERSION];

static void ask_version(void)
{
    char folder[PATH];
    char log[PATH + 8];
    char words[VERSION] = "";
    char name[] = "cc";
    char option[] = "--version";
    char *const arguments[] = {name, option, NULL};
    if (make_folder(NULL, folder) != STRAIT_CODE_OK) return;
    snprintf(log, sizeof log, "%s/log", folder);
    if (run(arguments, log)) read_text(log, words, sizeof words);
    remove_folder(folder);
    words[strcspn(words, "\n")] = '\0';
    if (words[0]) snprintf(version, sizeof version, "%.40s, for %08x", words, (unsigned)processor());
}

const char *chip_compiler_version(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ask_version);
    return version[0] ? version : NULL;
}

/*
 * What exact needs of this compiler: no product contracted into a sum; fma, division and square root are correctly
 * rounded and subnormals kept as C has it. Buffers hold what the host says, so types tell nothing about aliases. The
 * contract fast could allow more; the same bits are the simplest way to keep it.
 */
static const char flags[] =
    "-std=c11 -O3 -march=native -ffp-contract=off -fno-math-errno -fno-strict-aliasing -w -fPIC "
    "-shared -fvisibility=default";

/* Cuts words at spaces, in place. */
static int split(char *text, char **out, int room)
{
    int count = 0;
    for (char *at = text; count < room;) {
        at += strspn(at, " ");
        if (!*at) break;
        out[count++] = at;
        at += strcspn(at, " ");
        if (*at) *at++ = '\0';
    }
    return count;
}

static int32_t write_source(chip_device *device, const strait_program_source *source, const char *path)
{
    char line[160];
    size_t room = sizeof prelude + sizeof line + strlen(source->prelude) + strlen(source->text) + 1;
    char *text = chip_host->alloc(room);
    if (!text) return CHIP_FAIL(device, STRAIT_CODE_NO_MEMORY, "no memory for the text of %s", source->name);
    snprintf(line, sizeof line, "\n#line 1 \"%.100s\"\n", source->name);
    /* The host has no prelude for a dialect that it does not know. */
    int length = snprintf(text, room, "%s%s%s%s", prelude, source->prelude, line, source->text);
    bool written = write_file(path, text, (size_t)length);
    chip_host->free(text);
    if (written) return STRAIT_CODE_OK;
    return CHIP_FAIL(device, STRAIT_CODE_IO, "%s cannot be written: is the disk full? TMPDIR names another place",
                     path);
}

int32_t chip_compile(chip_device *device, const strait_program_source *source, char **out, int64_t *out_length)
{
    char folder[PATH];
    char text[PATH + 8];
    char object[PATH + 8];
    char log[PATH + 8];
    char words[LOG];
    char options[OPTIONS];
    char *arguments[MAX_OPTIONS + 8] = {NULL};
    char name[] = "cc";
    char output[] = "-o";
    char maths[] = "-lm"; /* fma, where the processor has none */
    if (snprintf(options, sizeof options, "%s %s", flags, source->options) >= (int)sizeof options) {
        return CHIP_FAIL(device, STRAIT_CODE_USAGE, "%s: more than %d bytes of options", source->name, OPTIONS);
    }
    int32_t code = make_folder(device, folder);
    if (code != STRAIT_CODE_OK) return code;
    snprintf(text, sizeof text, "%s/k.c", folder);
    snprintf(object, sizeof object, "%s/k.so", folder);
    snprintf(log, sizeof log, "%s/log", folder);
    code = write_source(device, source, text);
    if (code != STRAIT_CODE_OK) goto remove;
    arguments[0] = name;
    int count = 1 + split(options, arguments + 1, MAX_OPTIONS);
    arguments[count++] = output;
    arguments[count++] = object;
    arguments[count++] = text;
    arguments[count] = maths;
    if (!run(arguments, log)) {
        read_text(log, words, sizeof words);
        code = CHIP_FAIL(device, STRAIT_CODE_DEVICE, "%s: cc %s %s says:\n%s", source->name, flags, source->options,
                         words[0] ? words : "nothing, and did not end well");
        goto remove;
    }
    *out = read_whole(object, out_length);
    if (!*out) code = CHIP_FAIL(device, STRAIT_CODE_NO_MEMORY, "%s: no memory for the program", source->name);

remove:
    remove_folder(folder);
    return code;
}

int32_t chip_link(chip_device *device, const char *bytes, int64_t length, void **out)
{
    char folder[PATH];
    char object[PATH + 8];
    int32_t code = make_folder(device, folder);
    if (code != STRAIT_CODE_OK) return code;
    snprintf(object, sizeof object, "%s/k.so", folder);
    if (!write_file(object, bytes, (size_t)length)) {
        code = CHIP_FAIL(device, STRAIT_CODE_IO, "%s cannot be written: is the disk full? TMPDIR names another place",
                         object);
        goto remove;
    }
    void *library = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    if (library) *out = library;
    if (!library) code = CHIP_FAIL(device, STRAIT_CODE_FORMAT, "a program cannot be loaded: %s", dlerror());

remove:
    remove_folder(folder);
    return code;
}
