/* Programs and kernels: text to a program with the options of a contract, binaries, launches. */
#include "backends/opencl/opencl.h"

#include <stdio.h>
#include <string.h>

enum { OPTIONS_BYTES = 4096, LOG_BYTES = 6144, DIMENSIONS = 3 };

/* A compiler may contract unless every text says no; PoCL does. */
static const char no_contraction[] = "#pragma OPENCL FP_CONTRACT OFF\n";

/* Before a binary stands what built it; the number grows when the options do, or the line above. */
static const char binary_mark[16] = "strait opencl 1";

static int32_t options_of(ocl_device_state *device, const strait_program_source *source, char out[OPTIONS_BYTES])
{
    bool exact = source->numerics == STRAIT_NUMERICS_EXACT;
    bool rounds = (device->float_config & OCL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
    int wrote = snprintf(out, OPTIONS_BYTES, "-cl-std=CL1.2%s %s",
                         exact && rounds ? " -cl-fp32-correctly-rounded-divide-sqrt" : "",
                         source->options ? source->options : "");
    if (wrote > 0 && wrote < OPTIONS_BYTES) return STRAIT_CODE_OK;
    return OCL_FAIL(STRAIT_CODE_USAGE, "%s: more than %d bytes of options", source->name, OPTIONS_BYTES);
}

/* The compiler's words, cut at the front: errors come before what follows from them. */
static void read_log(ocl_device_state *device, ocl_program program, char out[LOG_BYTES])
{
    size_t length = 0;
    out[0] = '\0';
    if (device->cl.GetProgramBuildInfo(program, device->id, OCL_PROGRAM_BUILD_LOG, 0, NULL, &length) != 0) return;
    char *log = ocl_host->alloc(length + 1);
    if (!log) return;
    if (device->cl.GetProgramBuildInfo(program, device->id, OCL_PROGRAM_BUILD_LOG, length, log, NULL) == 0) {
        snprintf(out, LOG_BYTES, "%s", log);
    }
    ocl_host->free(log);
}

static int32_t wrap(ocl_device_state *device, ocl_program program, strait_handle *out)
{
    ocl_program_state *state = ocl_host->alloc(sizeof *state);
    if (!state) return OCL_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for a program");
    state->device = device;
    state->program = program;
    *out = ocl_handle_of(state);
    return STRAIT_CODE_OK;
}

/* A compiler that takes the name of a text wants it without quotes or backslashes. */
static void line_directive(const char *name, char *out, size_t size)
{
    char plain[128];
    size_t used = 0;
    for (; *name && used + 1 < sizeof plain; name++) plain[used++] = *name == '"' || *name == '\\' ? '_' : *name;
    plain[used] = '\0';
    snprintf(out, size, "\n#line 1 \"%s\"\n", plain);
}

int32_t ocl_program_build(strait_handle handle, const strait_program_source *source, strait_handle *out)
{
    ocl_device_state *device = ocl_object_of(handle);
    char options[OPTIONS_BYTES];
    int32_t code = options_of(device, source, options);
    if (code != STRAIT_CODE_OK) return code;
    const char *name = source->name ? source->name : "a program";
    char line[160];
    line_directive(name, line, sizeof line);
    const char *texts[] = {no_contraction, source->prelude ? source->prelude : "", line, source->text};
    int32_t answer = 0;
    ocl_program program = device->cl.CreateProgramWithSource(device->context, 4, texts, NULL, &answer);
    if (!program) return OCL_REFUSED(device, answer, "%s: clCreateProgramWithSource", name);
    answer = device->cl.BuildProgram(program, 1, &device->id, options, NULL, NULL);
    if (answer != 0) {
        char log[LOG_BYTES];
        read_log(device, program, log);
        code = OCL_REFUSED(device, answer, "%s: built with \"%s\", the compiler says:\n%s\nclBuildProgram", name,
                           options, log);
        goto release_program;
    }
    code = wrap(device, program, out);
    if (code == STRAIT_CODE_OK) return code;

release_program:
    device->cl.ReleaseProgram(program);
    return code;
}

int32_t ocl_program_binary(strait_handle handle, void *bytes, int64_t *inout_length)
{
    ocl_program_state *state = ocl_object_of(handle);
    const ocl_functions *cl = &state->device->cl;
    size_t length = 0;
    int32_t answer = cl->GetProgramInfo(state->program, OCL_PROGRAM_BINARY_SIZES, sizeof length, &length, NULL);
    if (answer != 0) return OCL_REFUSED(state->device, answer, "clGetProgramInfo of the binary's size");
    if (length == 0) return OCL_FAIL(STRAIT_CODE_UNSUPPORTED, "the driver gives no binaries of its programs");
    int64_t whole = (int64_t)(length + sizeof binary_mark);
    if (bytes) {
        if (whole > *inout_length) {
            return OCL_FAIL(STRAIT_CODE_USAGE, "room for %lld bytes, the program has %lld", (long long)*inout_length,
                            (long long)whole);
        }
        unsigned char *target = (unsigned char *)bytes + sizeof binary_mark;
        memcpy(bytes, binary_mark, sizeof binary_mark);
        answer = cl->GetProgramInfo(state->program, OCL_PROGRAM_BINARIES, sizeof target, &target, NULL);
        if (answer != 0) return OCL_REFUSED(state->device, answer, "clGetProgramInfo of the binary");
    }
    *inout_length = whole;
    return STRAIT_CODE_OK;
}

int32_t ocl_program_load(strait_handle handle, const void *bytes, int64_t length, strait_handle *out)
{
    ocl_device_state *device = ocl_object_of(handle);
    if (length <= (int64_t)sizeof binary_mark || memcmp(bytes, binary_mark, sizeof binary_mark) != 0) {
        return OCL_FAIL(STRAIT_CODE_FORMAT, "the binary was not written by this version of the plug-in");
    }
    const unsigned char *binary = (const unsigned char *)bytes + sizeof binary_mark;
    size_t size = (size_t)length - sizeof binary_mark;
    int32_t status = 0;
    int32_t answer = 0;
    ocl_program program =
        device->cl.CreateProgramWithBinary(device->context, 1, &device->id, &size, &binary, &status, &answer);
    if (!program) {
        return OCL_REFUSED(device, OCL_INVALID_BINARY, "clCreateProgramWithBinary: %s", ocl_error_name(answer));
    }
    answer = device->cl.BuildProgram(program, 1, &device->id, "", NULL, NULL);
    int32_t code = STRAIT_CODE_OK;
    if (answer != 0) {
        code = OCL_REFUSED(device, OCL_INVALID_BINARY, "clBuildProgram from a binary: %s", ocl_error_name(answer));
    }
    if (code == STRAIT_CODE_OK) code = wrap(device, program, out);
    if (code != STRAIT_CODE_OK) device->cl.ReleaseProgram(program);
    return code;
}

void ocl_program_free(strait_handle handle)
{
    ocl_program_state *state = ocl_object_of(handle);
    if (!state) return;
    const ocl_functions *cl = &state->device->cl;
    while (state->kernels) {
        ocl_kernel_state *kernel = state->kernels;
        state->kernels = kernel->next;
        cl->ReleaseKernel(kernel->kernel);
        ocl_host->free(kernel);
    }
    cl->ReleaseProgram(state->program);
    ocl_host->free(state);
}

int32_t ocl_kernel_get(strait_handle handle, const char *name, strait_handle *out)
{
    ocl_program_state *state = ocl_object_of(handle);
    ocl_device_state *device = state->device;
    ocl_kernel_state *kernel = ocl_host->alloc(sizeof *kernel);
    if (!kernel) return OCL_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for kernel %s", name);
    int32_t answer = 0;
    int32_t code;
    kernel->device = device;
    snprintf(kernel->name, sizeof kernel->name, "%s", name);
    kernel->kernel = device->cl.CreateKernel(state->program, name, &answer);
    if (!kernel->kernel) {
        code = OCL_REFUSED(device, answer, "clCreateKernel of %s", name);
        goto free_state;
    }
    answer = device->cl.GetKernelInfo(kernel->kernel, OCL_KERNEL_NUM_ARGS, sizeof kernel->parameters,
                                      &kernel->parameters, NULL);
    if (answer != 0) {
        code = OCL_REFUSED(device, answer, "clGetKernelInfo of %s", name);
        goto release_kernel;
    }
    pthread_mutex_lock(&device->turn);
    kernel->next = state->kernels;
    state->kernels = kernel;
    pthread_mutex_unlock(&device->turn);
    *out = ocl_handle_of(kernel);
    return STRAIT_CODE_OK;

release_kernel:
    device->cl.ReleaseKernel(kernel->kernel);
free_state:
    ocl_host->free(kernel);
    return code;
}

/* ---- launches --------------------------------------------------------------------------------------------------- */

static uint32_t parameters_for(const strait_kernel_argument *arguments, int32_t count)
{
    uint32_t parameters = 0;
    for (int32_t i = 0; i < count; i++) parameters += arguments[i].kind == STRAIT_KERNEL_BUFFER ? 2 : 1;
    return parameters;
}

/* A buffer is a pointer and an offset; an absent one is a null pointer. */
static int32_t set_buffer(const ocl_functions *cl, ocl_kernel kernel, uint32_t at, strait_driver_slice slice)
{
    const ocl_memory_state *memory = ocl_object_of(slice.memory);
    int64_t offset = memory ? slice.offset : 0;
    int32_t answer = cl->SetKernelArg(kernel, at, sizeof(ocl_memory), memory ? &memory->memory : NULL);
    return answer != 0 ? answer : cl->SetKernelArg(kernel, at + 1, sizeof offset, &offset);
}

static int32_t set_arguments(const ocl_functions *cl, ocl_kernel kernel, const strait_kernel_argument *arguments,
                             int32_t count)
{
    uint32_t at = 0;
    for (int32_t i = 0; i < count; i++) {
        const strait_kernel_argument *argument = &arguments[i];
        int32_t answer;
        if (argument->kind == STRAIT_KERNEL_BUFFER) {
            answer = set_buffer(cl, kernel, at, argument->value.buffer);
            at += 2;
        } else {
            size_t size = argument->kind == STRAIT_KERNEL_I64 ? sizeof(int64_t) : sizeof(int32_t);
            answer = cl->SetKernelArg(kernel, at, size, &argument->value);
            at += 1;
        }
        if (answer != 0) return answer;
    }
    return 0;
}

int32_t ocl_kernel_launch(strait_handle queue_handle, strait_handle handle, const int64_t groups[3],
                          const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count)
{
    ocl_queue_state *queue = ocl_object_of(queue_handle);
    ocl_kernel_state *kernel = ocl_object_of(handle);
    ocl_device_state *device = queue->device;
    size_t local[DIMENSIONS];
    size_t global[DIMENSIONS];
    for (int i = 0; i < DIMENSIONS; i++) {
        local[i] = (size_t)group_size[i];
        global[i] = (size_t)groups[i] * local[i];
    }
    uint32_t wanted = parameters_for(arguments, count);
    if (wanted != kernel->parameters) {
        return OCL_FAIL(STRAIT_CODE_USAGE,
                        "kernel %s has %u parameters and was given %u (each buffer is two, a pointer and a long)",
                        kernel->name, kernel->parameters, wanted);
    }
    /* Arguments belong to the kernel, which several queues may be launching. */
    pthread_mutex_lock(&device->turn);
    int32_t answer = set_arguments(&device->cl, kernel->kernel, arguments, count);
    if (answer == 0) {
        answer = device->cl.EnqueueNDRangeKernel(queue->queue, kernel->kernel, DIMENSIONS, NULL, global, local, 0, NULL,
                                                 NULL);
    }
    pthread_mutex_unlock(&device->turn);
    if (answer == 0) return STRAIT_CODE_OK;
    return OCL_REFUSED(device, answer, "kernel %s, %lld x %lld x %lld groups of %d x %d x %d", kernel->name,
                       (long long)groups[0], (long long)groups[1], (long long)groups[2], (int)group_size[0],
                       (int)group_size[1], (int)group_size[2]);
}
