/* The choice between kernels and the file it is kept in: text, one line per op and class, written once. */
#define _GNU_SOURCE
#include "backends/cpu/choice.h"

#include "backends/cpu/memory_info.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char format_line[] = "strait kernel times 1\n";
static const char end_line[] = "end\n";
static const char *const size_names[STRAIT_CPU_SIZES] = {"few", "small", "large"};
/* A product of a millisecond never takes an hour; larger numbers are damage. */
static const int64_t LONGEST = INT64_C(3600) * 1000000000;
/* Up to FEW_ROWS a product is bound by memory; from LARGE_ROWS on packing is a small part. */
enum { FEW_ROWS = 4, LARGE_ROWS = 128, PATH_BYTES = 512, FILE_LIMIT = 65536 };

strait_cpu_size strait__cpu_size_of(const strait_op_desc *desc)
{
    int attention = desc->op == STRAIT_OP_ATTENTION || desc->op == STRAIT_OP_ATTENTION_BWD;
    int64_t rows = attention ? desc->dims[ATTENTION_DIM_TQ] : desc->dims[0];
    if (rows <= FEW_ROWS) return STRAIT_CPU_FEW;
    return rows < LARGE_ROWS ? STRAIT_CPU_SMALL : STRAIT_CPU_LARGE;
}

int strait__cpu_choice_is_fast(const strait_cpu_choice *choice, strait_op op, strait_cpu_size size)
{
    return choice->times[op][size][1] < choice->times[op][size][0];
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

void strait__cpu_choice_folder(char *out, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int wrote = 0;
    /* Relative paths are to be ignored, says the XDG specification. */
    if (cache && cache[0] == '/') {
        wrote = snprintf(out, size, "%s/strait", cache);
    } else if (home && home[0] == '/') {
        wrote = snprintf(out, size, "%s/.cache/strait", home);
    }
    if (wrote <= 0 || (size_t)wrote >= size) out[0] = 0;
}

/* A program that was built anew has another size or time, whatever the compiler leaves in it. */
void strait__cpu_choice_identity(const char *detail, char *out, size_t size)
{
    char processor[128];
    strait__cpu_processor_name(processor, sizeof processor);
    struct stat program;
    memset(&program, 0, sizeof program);
    (void)stat("/proc/self/exe", &program);
    snprintf(out, size, "%s; build %lld.%lld.%09ld; %s", processor, (long long)program.st_size,
             (long long)program.st_mtim.tv_sec, (long)program.st_mtim.tv_nsec, detail);
    for (char *c = out; *c; ++c) {
        if (iscntrl((unsigned char)*c)) *c = ' ';
    }
}

/* FNV-1a. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; *text; ++text) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return hash;
}

/* FOLDER/cpu-PROCESSOR-HASH, the processor's name in letters, digits and '-'. */
static int file_path(const strait_cpu_choice_request *request, char *out, size_t size)
{
    char name[64];
    size_t used = 0;
    for (const char *c = request->identity; *c && *c != ';' && used + 1 < sizeof name; ++c) {
        int plain = isalnum((unsigned char)*c);
        if (plain || (used > 0 && name[used - 1] != '-')) name[used++] = plain ? *c : '-';
    }
    name[used] = 0;
    int wrote = snprintf(out, size, "%s/cpu-%s-%016llx", request->folder, name,
                         (unsigned long long)hash_text(request->identity));
    return request->folder[0] && wrote > 0 && (size_t)wrote < size;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static int is_timed(const strait_cpu_choice_request *request, int op, int size)
{
    return request->fast[op].run && size != STRAIT_CPU_FEW;
}

static strait_status write_text(const strait_cpu_choice_request *request, const strait_cpu_choice *choice,
                                strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out, "%s%s\n", format_line, request->identity));
    for (int op = 0; op < STRAIT_OP_COUNT; ++op) {
        for (int size = 0; size < STRAIT_CPU_SIZES; ++size) {
            if (!is_timed(request, op, size)) continue;
            const int64_t *times = choice->times[op][size];
            STRAIT_TRY(strait_buffer_printf(out, "%s %s exact %lld fast %lld\n", strait_op_name((strait_op)op),
                                            size_names[size], (long long)times[0], (long long)times[1]));
        }
    }
    return strait_buffer_printf(out, "%s", end_line);
}

/* Goes past `expected` in *text; false where something else stands there. */
static int take(const char **text, const char *expected)
{
    size_t length = strlen(expected);
    if (strncmp(*text, expected, length) != 0) return 0;
    *text += length;
    return 1;
}

static int take_time(const char **text, int64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)**text)) return 0;
    long long value = strtoll(*text, &end, 10);
    *text = end;
    *out = value;
    return value > 0 && value < LONGEST;
}

/* Exactly what write_text writes, with any times. */
static int read_text(const strait_cpu_choice_request *request, const char *text, strait_cpu_choice *out)
{
    if (!take(&text, format_line) || !take(&text, request->identity) || !take(&text, "\n")) return 0;
    for (int op = 0; op < STRAIT_OP_COUNT; ++op) {
        for (int size = 0; size < STRAIT_CPU_SIZES; ++size) {
            if (!is_timed(request, op, size)) continue;
            int64_t *times = out->times[op][size];
            if (!take(&text, strait_op_name((strait_op)op)) || !take(&text, " ") || !take(&text, size_names[size]) ||
                !take(&text, " exact ") || !take_time(&text, &times[0]) || !take(&text, " fast ") ||
                !take_time(&text, &times[1]) || !take(&text, "\n")) {
                return 0;
            }
        }
    }
    return strcmp(text, end_line) == 0;
}

static int read_file(const strait_cpu_choice_request *request, const char *path, strait_cpu_choice *out)
{
    strait_buffer text = {0};
    memset(out, 0, sizeof *out);
    int good = strait_file_read(path, FILE_LIMIT, &text) == STRAIT_OK && text.length > 0 &&
               strlen(text.bytes) == text.length && read_text(request, text.bytes, out);
    strait_buffer_fini(&text);
    return good;
}

/* Under a name of this process, then linked to its place, which fails where another process was first. */
static strait_status write_file(const strait_cpu_choice_request *request, const char *path, strait_cpu_choice *choice)
{
    char temporary[PATH_BYTES + 32];
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    strait_buffer text = {0};
    strait_status status = write_text(request, choice, &text);
    if (status == STRAIT_OK) status = strait_directory_create(request->folder);
    if (status == STRAIT_OK) status = strait_file_replace(temporary, text.bytes, text.length);
    strait_buffer_fini(&text);
    if (status != STRAIT_OK) return status;
    strait_cpu_choice first;
    if (link(temporary, path) == 0) {
        unlink(temporary);
    } else if (errno == EEXIST && read_file(request, path, &first)) {
        unlink(temporary);
        memcpy(choice->times, first.times, sizeof choice->times);
    } else if (rename(temporary, path) != 0) {
        /* What stood there was no choice, or the file system has no links. */
        int error = errno;
        unlink(temporary);
        return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot rename: %s", path, strerror(error));
    }
    return STRAIT_OK;
}

strait_status strait__cpu_choice_make(const strait_cpu_choice_request *request, strait_cpu_choice *out)
{
    char path[PATH_BYTES];
    int somewhere = file_path(request, path, sizeof path);
    if (somewhere && read_file(request, path, out)) {
        snprintf(out->source, sizeof out->source, "from %s", path);
        return STRAIT_OK;
    }
    memset(out, 0, sizeof *out);
    for (int op = 0; op < STRAIT_OP_COUNT; ++op) {
        for (int size = 0; size < STRAIT_CPU_SIZES; ++size) {
            if (!is_timed(request, op, size)) continue;
            STRAIT_TRY(request->time(request->context, (strait_op)op, (strait_cpu_size)size, out->times[op][size]));
        }
    }
    if (!somewhere) {
        snprintf(out->source, sizeof out->source,
                 "measured now, and in every run: neither XDG_CACHE_HOME nor HOME names a folder to keep it in");
    } else if (write_file(request, path, out) == STRAIT_OK) {
        snprintf(out->source, sizeof out->source, "measured now, kept in %s", path);
    } else {
        snprintf(out->source, sizeof out->source, "measured now, and in every run: %s", strait_error_message());
    }
    return STRAIT_OK;
}
