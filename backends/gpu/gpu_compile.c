/*
 * A text to code, by the compiler that the vendor brings as a library. The prelude is a header in memory that the text
 * includes by its name, so that a compiler that is told otherwise (a test's) can put another there.
 */
#include "backends/gpu/gpu.h"

#include <stdio.h>
#include <string.h>

#define PRELUDE "strait_dialect.h"

enum { OPTIONS_BYTES = 4096, MAX_OPTIONS = 96, LOG_BYTES = 6144 };

typedef struct option_list {
    const char *items[MAX_OPTIONS];
    int count;
    size_t used;
    char text[OPTIONS_BYTES]; /* what items point to */
} option_list;

/* Appends a word made of two parts; false where there is no room. */
static bool add_option(option_list *list, const char *first, const char *second, size_t length)
{
    size_t before = strlen(first);
    if (list->count == MAX_OPTIONS || before + length >= OPTIONS_BYTES - list->used) return false;
    char *word = list->text + list->used;
    memcpy(word, first, before);
    memcpy(word + before, second, length);
    word[before + length] = '\0';
    list->used += before + length + 1;
    list->items[list->count++] = word;
    return true;
}

static int32_t make_options(const gpu_device_state *device, const strait_program_source *source, option_list *out)
{
    const char *rest = source->options ? source->options : "";
    bool fits = add_option(out, gpu_vendor.architecture_option, device->architecture, strlen(device->architecture));
    fits = fits && add_option(out, "-std=c++17", "", 0);
    for (int i = 0; source->numerics == STRAIT_NUMERICS_EXACT && gpu_vendor.exact_options[i]; i++) {
        fits = fits && add_option(out, gpu_vendor.exact_options[i], "", 0);
    }
    for (rest += strspn(rest, " "); fits && *rest; rest += strspn(rest, " ")) {
        size_t length = strcspn(rest, " ");
        fits = add_option(out, "", rest, length);
        rest += length;
    }
    if (fits) return STRAIT_CODE_OK;
    return GPU_FAIL(STRAIT_CODE_USAGE, "%s: more than %d options, or %d bytes of them", source->name, MAX_OPTIONS,
                    OPTIONS_BYTES);
}

/* "#include ...", then the text, whose lines count from 1 under its name (without quotes or backslashes). */
static char *whole_text(const char *name, const char *text)
{
    char plain[128];
    size_t used = 0;
    for (; *name && used + 1 < sizeof plain; name++) plain[used++] = *name == '"' || *name == '\\' ? '_' : *name;
    plain[used] = '\0';
    size_t room = strlen(text) + 256;
    char *whole = gpu_host->alloc(room);
    if (whole) snprintf(whole, room, "#include \"" PRELUDE "\"\n#line 1 \"%s\"\n%s", plain, text);
    return whole;
}

static int32_t refused(const gpu_compiler *compiler, gpu_answer answer, const char *name, const char *what)
{
    int32_t code = answer == GPU_COMPILER_OUT_OF_MEMORY ? STRAIT_CODE_NO_MEMORY : STRAIT_CODE_DEVICE;
    return GPU_FAIL(code, "%s: %s, %s: %s (%u)", name, gpu_vendor.compiler_title, what,
                    compiler->GetErrorString(answer), answer);
}

/* The compiler's words, cut at the end: errors come before what follows from them. */
static void read_log(const gpu_compiler *compiler, gpu_source program, char out[LOG_BYTES])
{
    size_t length = 0;
    out[0] = '\0';
    if (compiler->GetProgramLogSize(program, &length) != 0) return;
    char *log = gpu_host->alloc(length + 1);
    if (!log) return;
    if (compiler->GetProgramLog(program, log) == 0) snprintf(out, LOG_BYTES, "%s", log);
    gpu_host->free(log);
}

static int32_t not_compiled(const gpu_compiler *compiler, gpu_answer answer, gpu_source program, const char *name,
                            const option_list *options)
{
    char log[LOG_BYTES];
    char with[1024] = "";
    size_t used = 0;
    for (int i = 0; i < options->count && used < sizeof with; i++) {
        int wrote = snprintf(with + used, sizeof with - used, "%s%s", i ? " " : "", options->items[i]);
        used += wrote < 0 ? 0 : (size_t)wrote;
    }
    read_log(compiler, program, log);
    return GPU_FAIL(STRAIT_CODE_DEVICE, "%s: built with \"%s\", %s says: %s (%u)\n%s", name, with,
                    gpu_vendor.compiler_title, compiler->GetErrorString(answer), answer, log);
}

static int32_t take_code(const gpu_compiler *compiler, gpu_source program, const char *name, void **out_code,
                         int64_t *out_length)
{
    size_t length = 0;
    gpu_answer answer = compiler->GetCodeSize(program, &length);
    if (answer != 0) return refused(compiler, answer, name, "the length of the code");
    if (length == 0 || length > INT64_MAX) {
        return GPU_FAIL(STRAIT_CODE_DEVICE, "%s: %s made no code of it", name, gpu_vendor.compiler_title);
    }
    void *code = gpu_host->alloc(length);
    if (!code) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "%s: no memory for its code", name);
    answer = compiler->GetCode(program, code);
    if (answer != 0) {
        gpu_host->free(code);
        return refused(compiler, answer, name, "the code");
    }
    *out_code = code;
    *out_length = (int64_t)length;
    return STRAIT_CODE_OK;
}

int32_t gpu_compile(gpu_device_state *device, const strait_program_source *source, void **out_code, int64_t *out_length)
{
    const gpu_compiler *compiler = &device->library->compiler;
    const char *name = source->name ? source->name : "a program";
    option_list options = {.count = 0};
    int32_t code = make_options(device, source, &options);
    if (code != STRAIT_CODE_OK) return code;
    char *text = whole_text(name, source->text);
    if (!text) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for the text of %s", name);
    const char *headers[] = {source->prelude ? source->prelude : ""};
    const char *names[] = {PRELUDE};
    gpu_source program = NULL;
    gpu_answer answer = compiler->CreateProgram(&program, text, name, 1, headers, names);
    if (answer != 0) {
        code = refused(compiler, answer, name, "a program");
        goto free_text;
    }
    answer = compiler->CompileProgram(program, options.count, options.items);
    if (answer != 0) {
        code = not_compiled(compiler, answer, program, name, &options);
    } else {
        code = take_code(compiler, program, name, out_code, out_length);
    }
    compiler->DestroyProgram(&program);

free_text:
    gpu_host->free(text);
    return code;
}
