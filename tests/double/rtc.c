/*
 * The double of a vendor's run-time compiler, NVRTC or hipRTC: puts the OpenCL prelude where the text includes the
 * header strait_dialect.h, and lets OpenCL compile it. Options mean what they mean to the vendor's compiler: without
 * the exact ones products may be contracted, roots rounded carelessly and subnormals flushed. (The texts write every
 * fma that they want, so that contraction alone changes no bit of theirs; test_gpu looks at the options themselves.)
 */
#include "tests/double/double.h"
#include "tests/double/double_cl.h"
#include "tests/double/vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "strait_dialect.h"
#define INCLUDE "#include \"" HEADER "\"\n"
#define LOG_BYTES 8192

enum {
    RTC_OUT_OF_MEMORY = 1,
    RTC_INVALID_INPUT = 3,
    RTC_INVALID_PROGRAM = 4,
    RTC_INVALID_OPTION = 5,
    RTC_COMPILATION = 6,
    OPTIONS_BYTES = 4096,
    MOST_KERNELS = 64
};

extern const char strait_prelude_opencl[];

typedef struct rtc_program {
    double_object object; /* a module, in the compiler's own list */
    char *text;
    bool has_header;
    char log[LOG_BYTES];
    double_code *code;
    size_t code_bytes;
} rtc_program;

typedef struct rtc_options {
    char architecture[64];
    bool contracts;
    bool rounds_division;
    bool rounds_roots;
    bool flushes;
    char defines[OPTIONS_BYTES];
} rtc_options;

static rtc_program *program_of(RTC_PROGRAM program)
{
    return (rtc_program *)(void *)program;
}

static bool is_program(RTC_PROGRAM program)
{
    return double_object_is(program, DOUBLE_IS_MODULE);
}

/* ---- options ---- */

typedef struct rtc_switch {
    const char *text;
    size_t field;
    bool value;
} rtc_switch;

static const rtc_switch switches[] = {
#if STRAIT_GPU_HIP
    {"-ffp-contract=off", offsetof(rtc_options, contracts), false},
    {"-ffp-contract=fast", offsetof(rtc_options, contracts), true},
    {"-fhip-fp32-correctly-rounded-divide-sqrt", offsetof(rtc_options, rounds_division), true},
    {"-fno-hip-fp32-correctly-rounded-divide-sqrt", offsetof(rtc_options, rounds_division), false},
    {"-fgpu-flush-denormals-to-zero", offsetof(rtc_options, flushes), true},
    {"-fno-gpu-flush-denormals-to-zero", offsetof(rtc_options, flushes), false},
#else
    {"--fmad=false", offsetof(rtc_options, contracts), false},
    {"--fmad=true", offsetof(rtc_options, contracts), true},
    {"--prec-div=true", offsetof(rtc_options, rounds_division), true},
    {"--prec-div=false", offsetof(rtc_options, rounds_division), false},
    {"--prec-sqrt=true", offsetof(rtc_options, rounds_roots), true},
    {"--prec-sqrt=false", offsetof(rtc_options, rounds_roots), false},
    {"--ftz=true", offsetof(rtc_options, flushes), true},
    {"--ftz=false", offsetof(rtc_options, flushes), false},
#endif
};

static bool read_option(const char *option, rtc_options *out)
{
    static const char architecture[] = RTC_ARCHITECTURE_OPTION;
    if (strncmp(option, architecture, sizeof architecture - 1) == 0) {
        snprintf(out->architecture, sizeof out->architecture, "%s", option + sizeof architecture - 1);
        return strncmp(out->architecture, RTC_ARCHITECTURE_PREFIX, strlen(RTC_ARCHITECTURE_PREFIX)) == 0;
    }
    if (strcmp(option, "-std=c++17") == 0) return true;
    if (strncmp(option, "-D", 2) == 0) {
        size_t used = strlen(out->defines);
        int wrote = snprintf(out->defines + used, sizeof out->defines - used, " %s", option);
        return wrote > 0 && (size_t)wrote < sizeof out->defines - used;
    }
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (strcmp(option, switches[i].text) != 0) continue;
        memcpy((char *)out + switches[i].field, &switches[i].value, sizeof(bool));
        return true;
    }
    return false;
}

/* The compilers' own choices where nothing is said. */
static bool read_options(int count, const char *const *options, rtc_options *out)
{
    *out = (rtc_options){.contracts = true, .rounds_division = true, .rounds_roots = true};
    for (int i = 0; i < count; i++) {
        if (read_option(options[i], out)) continue;
        double_complain("the compiler does not know the option %.200s", options[i]);
        return false;
    }
    if (!out->architecture[0]) double_complain("the compiler is not told for which architecture");
    return true;
}

/* ---- from the text to OpenCL's ---- */

/* Without the line of the prelude that forbids contraction, where the options allow it. */
static void append_prelude(char *to, bool contracts)
{
    static const char never[] = "#pragma OPENCL FP_CONTRACT OFF\n";
    const char *line = strstr(strait_prelude_opencl, never);
    if (!contracts || !line) {
        strcat(to, strait_prelude_opencl);
        return;
    }
    strncat(to, strait_prelude_opencl, (size_t)(line - strait_prelude_opencl));
    strcat(to, "#pragma OPENCL FP_CONTRACT ON\n");
    strcat(to, line + sizeof never - 1);
}

static char *translate(const rtc_program *program, const rtc_options *options)
{
    const char *include = strstr(program->text, INCLUDE);
    if (!include || !program->has_header) return NULL;
    char *whole = calloc(1, strlen(program->text) + strlen(strait_prelude_opencl) + 128);
    if (!whole) return NULL;
    strncat(whole, program->text, (size_t)(include - program->text));
    append_prelude(whole, options->contracts);
    strcat(whole, include + sizeof INCLUDE - 1);
    return whole;
}

static void read_log(const double_cl *cl, cl_program built, rtc_program *program)
{
    size_t length = 0;
    if (clGetProgramBuildInfo(built, cl->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &length) != CL_SUCCESS) return;
    char *log = calloc(1, length + 1);
    if (log && clGetProgramBuildInfo(built, cl->device, CL_PROGRAM_BUILD_LOG, length, log, NULL) == CL_SUCCESS) {
        snprintf(program->log, sizeof program->log, "%s", log);
    }
    free(log);
}

/* A buffer is a pointer and a long behind it in OpenCL's text, and one parameter of the vendor's. */
static bool read_layout(cl_kernel kernel, char layout[DOUBLE_LAYOUT_BYTES])
{
    cl_uint count = 0;
    int used = 0;
    if (clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof count, &count, NULL) != CL_SUCCESS) return false;
    for (cl_uint i = 0; i < count; i++) {
        cl_kernel_arg_address_qualifier where = 0;
        char type[64] = "";
        cl_int status = clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof where, &where, NULL);
        if (status == CL_SUCCESS) {
            status = clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_TYPE_NAME, sizeof type, type, NULL);
        }
        if (status != CL_SUCCESS || used >= DOUBLE_MOST_PARAMETERS) return false;
        bool pointer = where == CL_KERNEL_ARG_ADDRESS_GLOBAL;
        bool wide = strcmp(type, "i64") == 0 || strcmp(type, "long") == 0;
        layout[used++] = (char)(pointer ? 'p' : wide ? '8' : '4');
        if (pointer) i++; /* its offset */
    }
    return true;
}

static cl_uint read_signatures(cl_program built, double_signature signatures[MOST_KERNELS])
{
    cl_kernel kernels[MOST_KERNELS];
    cl_uint count = 0;
    if (clCreateKernelsInProgram(built, MOST_KERNELS, kernels, &count) != CL_SUCCESS) return 0;
    cl_uint good = 0;
    for (cl_uint i = 0; i < count; i++) {
        double_signature *to = &signatures[i];
        memset(to, 0, sizeof *to);
        if (clGetKernelInfo(kernels[i], CL_KERNEL_FUNCTION_NAME, sizeof to->name - 1, to->name, NULL) == CL_SUCCESS) {
            good += read_layout(kernels[i], to->layout);
        }
        clReleaseKernel(kernels[i]);
    }
    return good == count ? count : 0;
}

static int pack(cl_program built, const char *text, const char *words, const rtc_options *options, rtc_program *program)
{
    static double_signature signatures[MOST_KERNELS];
    cl_uint kernels = read_signatures(built, signatures);
    if (kernels == 0) return RTC_COMPILATION;
    size_t before = sizeof(double_code) + kernels * sizeof(double_signature);
    size_t bytes = strlen(text) + strlen(words) + 2;
    double_code *code = calloc(1, before + bytes);
    if (!code) return RTC_OUT_OF_MEMORY;
    memcpy(code->mark, DOUBLE_CODE_MARK, sizeof DOUBLE_CODE_MARK);
    memcpy(code->architecture, options->architecture, sizeof code->architecture);
    memcpy(code + 1, signatures, kernels * sizeof(double_signature));
    memcpy((char *)code + before, text, strlen(text));
    memcpy((char *)code + before + strlen(text) + 1, words, strlen(words));
    code->version = DOUBLE_CODE_VERSION;
    code->kernels = kernels;
    code->bytes = bytes;
    code->check = double_code_check(code);
    program->code = code;
    program->code_bytes = before + bytes;
    return 0;
}

static int compile(rtc_program *program, const rtc_options *options)
{
    const double_cl *cl = double_cl_get();
    char *text = translate(program, options);
    if (!cl || !text) {
        snprintf(program->log, sizeof program->log,
                 "the text does not include " HEADER ", or no header of that name came");
        free(text);
        return RTC_COMPILATION;
    }
    char words[OPTIONS_BYTES + 256];
    bool rounds = options->rounds_division && options->rounds_roots;
    snprintf(words, sizeof words, "-cl-std=CL1.2 -cl-kernel-arg-info%s%s%s",
             rounds ? " -cl-fp32-correctly-rounded-divide-sqrt" : "", options->flushes ? " -cl-denorms-are-zero" : "",
             options->defines);
    const char *const texts[] = {text};
    cl_program built = clCreateProgramWithSource(cl->context, 1, (const char **)(uintptr_t)texts, NULL, NULL);
    int answer = RTC_COMPILATION;
    if (built && clBuildProgram(built, 1, &cl->device, words, NULL, NULL) == CL_SUCCESS) {
        answer = pack(built, text, words, options, program);
    }
    if (built) {
        read_log(cl, built, program);
        clReleaseProgram(built);
    }
    free(text);
    return answer;
}

/* ---- the vendor's functions ---- */

static int enter(const char *function)
{
    return double_enter(function, DOUBLE_COMPILER, NULL);
}

const char *RTC(GetErrorString)(RTC_RESULT answer)
{
    static const char *const words[] = {"SUCCESS",       "OUT_OF_MEMORY",   "PROGRAM_CREATION_FAILURE",
                                        "INVALID_INPUT", "INVALID_PROGRAM", "INVALID_OPTION",
                                        "COMPILATION"};
    size_t at = (size_t)answer;
    return at < sizeof words / sizeof words[0] ? words[at] : "AN_ANSWER_OF_THE_DOUBLE";
}

RTC_RESULT RTC(Version)(int *out_major, int *out_minor)
{
    int answer = enter(__func__);
    if (answer != 0) return (RTC_RESULT)answer;
    *out_major = RTC_MAJOR;
    *out_minor = 0;
    return (RTC_RESULT)0;
}

#if !STRAIT_GPU_HIP
static const int architectures[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

nvrtcResult nvrtcGetNumSupportedArchs(int *out_count)
{
    int answer = enter(__func__);
    if (answer == 0) *out_count = (int)(sizeof architectures / sizeof architectures[0]);
    return (nvrtcResult)answer;
}

nvrtcResult nvrtcGetSupportedArchs(int *out)
{
    int answer = enter(__func__);
    if (answer == 0) memcpy(out, architectures, sizeof architectures);
    return (nvrtcResult)answer;
}
#endif

RTC_RESULT RTC(CreateProgram)(RTC_PROGRAM *out, const char *text, const char *name, int header_count, RTC_TEXTS headers,
                              RTC_TEXTS names)
{
    int answer = enter(__func__);
    if (answer != 0) return (RTC_RESULT)answer;
    if (!text || !name) return (RTC_RESULT)RTC_INVALID_INPUT;
    rtc_program *program = double_object_make(DOUBLE_IS_MODULE, sizeof *program);
    if (program) program->text = calloc(1, strlen(text) + 1);
    if (!program || !program->text) return (RTC_RESULT)RTC_OUT_OF_MEMORY;
    strcpy(program->text, text);
    for (int i = 0; i < header_count; i++) {
        program->has_header = program->has_header || (strcmp(names[i], HEADER) == 0 && headers[i][0] != '\0');
    }
    *out = (RTC_PROGRAM)(void *)program;
    return (RTC_RESULT)0;
}

RTC_RESULT RTC(DestroyProgram)(RTC_PROGRAM *program)
{
    int late = 0;
    int answer = double_enter(__func__, DOUBLE_COMPILER, &late);
    if (answer != 0) return (RTC_RESULT)answer;
    if (!is_program(*program)) return (RTC_RESULT)RTC_INVALID_PROGRAM;
    free(program_of(*program)->text);
    free(program_of(*program)->code);
    double_object_end(*program);
    *program = NULL;
    return (RTC_RESULT)late;
}

RTC_RESULT RTC(CompileProgram)(RTC_PROGRAM program, int count, RTC_TEXTS options)
{
    rtc_options read;
    int answer = enter(__func__);
    if (answer != 0) return (RTC_RESULT)answer;
    if (!is_program(program)) return (RTC_RESULT)RTC_INVALID_PROGRAM;
    if (!read_options(count, (const char *const *)options, &read)) return (RTC_RESULT)RTC_INVALID_OPTION;
    return (RTC_RESULT)compile(program_of(program), &read);
}

RTC_RESULT RTC(GetProgramLogSize)(RTC_PROGRAM program, size_t *out_bytes)
{
    int answer = enter(__func__);
    if (answer != 0) return (RTC_RESULT)answer;
    if (!is_program(program)) return (RTC_RESULT)RTC_INVALID_PROGRAM;
    *out_bytes = strlen(program_of(program)->log) + 1;
    return (RTC_RESULT)0;
}

RTC_RESULT RTC(GetProgramLog)(RTC_PROGRAM program, char *out)
{
    int answer = enter(__func__);
    if (answer != 0) return (RTC_RESULT)answer;
    if (!is_program(program)) return (RTC_RESULT)RTC_INVALID_PROGRAM;
    strcpy(out, program_of(program)->log);
    return (RTC_RESULT)0;
}

RTC_RESULT RTC_CODE_SIZE(RTC_PROGRAM program, size_t *out_bytes)
{
    int answer = enter(__func__);
    if (answer != 0) return (RTC_RESULT)answer;
    if (!is_program(program) || !program_of(program)->code) return (RTC_RESULT)RTC_INVALID_PROGRAM;
    *out_bytes = program_of(program)->code_bytes;
    return (RTC_RESULT)0;
}

RTC_RESULT RTC_CODE(RTC_PROGRAM program, char *out)
{
    int answer = enter(__func__);
    if (answer != 0) return (RTC_RESULT)answer;
    if (!is_program(program) || !program_of(program)->code) return (RTC_RESULT)RTC_INVALID_PROGRAM;
    memcpy(out, program_of(program)->code, program_of(program)->code_bytes);
    return (RTC_RESULT)0;
}
