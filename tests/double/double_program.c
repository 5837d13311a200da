/* Modules and launches: code that the double's compiler made, run by OpenCL with the parameters that a launch brings.
 */
#include "tests/double/double.h"
#include "tests/double/double_cl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct double_module {
    double_object object;
    cl_program program;
    double_code *code; /* owned */
};

struct double_function {
    double_object object;
    double_module *module;
    cl_kernel kernel;
    double_signature signature;
    size_t group[3]; /* what the text says; 0: nothing */
    cl_ulong local_bytes;
};

/* Kernels carry their arguments, and PoCL's queue is one. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static int check_code(const double_code *code)
{
    if (memcmp(code->mark, DOUBLE_CODE_MARK, sizeof code->mark) != 0) {
        double_complain("a module is loaded from what no compiler made");
        return DOUBLE_INVALID_IMAGE;
    }
    if (code->version != DOUBLE_CODE_VERSION || code->check != double_code_check(code)) return DOUBLE_INVALID_IMAGE;
    return strcmp(code->architecture, double_architecture()) == 0 ? 0 : DOUBLE_NO_BINARY;
}

int double_module_load(double_module **out, const void *image)
{
    const double_cl *cl = double_cl_get();
    const double_code *code = image;
    int answer = cl ? check_code(code) : DOUBLE_INVALID_CONTEXT;
    if (answer != 0) return answer;
    double_module *module = double_object_make(DOUBLE_IS_MODULE, sizeof *module);
    size_t whole = sizeof *code + code->kernels * sizeof(double_signature) + code->bytes;
    if (module) module->code = malloc(whole);
    if (!module || !module->code) return DOUBLE_OUT_OF_MEMORY;
    /* The caller may do with its copy what it wants. */
    memcpy(module->code, code, whole);
    const char *code_text = (const char *)(module->code + 1) + code->kernels * sizeof(double_signature);
    const char *options = code_text + strlen(code_text) + 1;
    cl_int status = 0;
    module->program = clCreateProgramWithSource(cl->context, 1, &code_text, NULL, &status);
    if (status == CL_SUCCESS) status = clBuildProgram(module->program, 1, &cl->device, options, NULL, NULL);
    if (status != CL_SUCCESS) {
        double_complain("OpenCL does not build what it built: %d", (int)status);
        double_object_end(module);
        return DOUBLE_INVALID_IMAGE;
    }
    *out = module;
    return 0;
}

static double_module *unloading; /* under the objects' lock */

static bool end_function(void *object)
{
    double_function *function = object;
    if (function->module == unloading) function->object.alive = false;
    return false;
}

int double_module_unload(double_module *module)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    if (!double_object_is(module, DOUBLE_IS_MODULE)) return DOUBLE_INVALID_HANDLE;
    double_object_end(module);
    pthread_mutex_lock(&one);
    unloading = module;
    double_object_any(DOUBLE_IS_FUNCTION, end_function);
    pthread_mutex_unlock(&one);
    return 0;
}

static const double_signature *signature_of(const double_module *module, const char *name)
{
    const double_signature *signatures = (const double_signature *)(module->code + 1);
    for (uint64_t i = 0; i < module->code->kernels; i++) {
        if (strcmp(signatures[i].name, name) == 0) return &signatures[i];
    }
    return NULL;
}

int double_module_function(double_function **out, double_module *module, const char *name)
{
    if (!double_object_is(module, DOUBLE_IS_MODULE)) return DOUBLE_INVALID_HANDLE;
    const double_cl *cl = double_cl_get();
    const double_signature *signature = signature_of(module, name);
    if (!cl || !signature) return DOUBLE_NOT_FOUND;
    double_function *function = double_object_make(DOUBLE_IS_FUNCTION, sizeof *function);
    if (!function) return DOUBLE_OUT_OF_MEMORY;
    function->module = module;
    function->signature = *signature;
    cl_int status = 0;
    function->kernel = clCreateKernel(module->program, name, &status);
    if (status == CL_SUCCESS) {
        clGetKernelWorkGroupInfo(function->kernel, cl->device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
                                 sizeof function->group, function->group, NULL);
        clGetKernelWorkGroupInfo(function->kernel, cl->device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof function->local_bytes,
                                 &function->local_bytes, NULL);
        *out = function;
        return 0;
    }
    double_object_end(function);
    return DOUBLE_NOT_FOUND;
}

/* ---- launches ---- */

static bool shape_is_legal(const double_function *function, const unsigned int grid[3], const unsigned int block[3],
                           unsigned int local_bytes)
{
    static const unsigned int most_grid[3] = {INT32_MAX, UINT16_MAX, UINT16_MAX};
    static const unsigned int most_block[3] = {1024, 1024, 64};
    const char *name = function->signature.name;
    uint64_t threads = 1;
    for (int i = 0; i < 3; i++) {
        threads *= block[i];
        if (grid[i] < 1 || grid[i] > most_grid[i] || block[i] < 1 || block[i] > most_block[i]) {
            double_complain("%s: dimension %d, %u groups of %u", name, i, grid[i], block[i]);
            return false;
        }
        if (function->group[0] && function->group[i] != block[i]) {
            double_complain("%s: groups of %u in dimension %d, its text says %zu", name, block[i], i,
                            function->group[i]);
            return false;
        }
    }
    if (threads > DOUBLE_MOST_THREADS) double_complain("%s: %llu threads", name, (unsigned long long)threads);
    if (local_bytes + function->local_bytes > DOUBLE_MOST_LOCAL_BYTES) {
        double_complain("%s: %llu bytes of shared memory", name,
                        (unsigned long long)(local_bytes + function->local_bytes));
        return false;
    }
    return threads <= DOUBLE_MOST_THREADS;
}

/* Reads the parameters as the kernel's own declaration has them. */
static bool take_parameters(const double_function *function, void **parameters, double_work *work)
{
    const char *layout = function->signature.layout;
    for (int i = 0; layout[i]; i++) {
        double_argument *argument = &work->arguments[i];
        if (!parameters || !parameters[i]) {
            double_complain("%s: parameter %d is missing", function->signature.name, i);
            return false;
        }
        memcpy(&argument->value, parameters[i], layout[i] == '4' ? 4 : 8);
        if (layout[i] != 'p' || argument->value == 0) continue;
        argument->memory = double_memory_at(argument->value, 1, function->signature.name);
        if (!argument->memory) return false;
        if (argument->value % 4 != 0) double_complain("%s: parameter %d is not aligned", function->signature.name, i);
    }
    return true;
}

int double_launch(double_function *function, const unsigned int grid[3], const unsigned int block[3],
                  unsigned int local_bytes, double_stream *stream, void **parameters, void **extra)
{
    if (!double_object_is(function, DOUBLE_IS_FUNCTION)) return DOUBLE_INVALID_HANDLE;
    if (extra) double_complain("%s: extra parameters", function->signature.name);
    if (!shape_is_legal(function, grid, block, local_bytes)) return DOUBLE_INVALID_VALUE;
    double_work work = {.kind = DOUBLE_KERNEL, .function = function};
    memcpy(work.grid, grid, sizeof work.grid);
    memcpy(work.block, block, sizeof work.block);
    if (!take_parameters(function, parameters, &work)) {
        /* A GPU finds out while the kernel runs, and is lost then. */
        double_lose(DOUBLE_ILLEGAL_ADDRESS);
        return 0;
    }
    return double_submit(stream, &work);
}

static cl_int set_arguments(const double_work *work)
{
    const double_function *function = work->function;
    cl_uint at = 0;
    cl_int status = CL_SUCCESS;
    for (int i = 0; function->signature.layout[i] && status == CL_SUCCESS; i++) {
        const double_argument *argument = &work->arguments[i];
        char letter = function->signature.layout[i];
        if (letter != 'p') {
            status = clSetKernelArg(function->kernel, at++, letter == '4' ? 4 : 8, &argument->value);
            continue;
        }
        int64_t offset = 0;
        cl_mem buffer = argument->memory ? double_memory_buffer(argument->memory, argument->value, &offset) : NULL;
        status = clSetKernelArg(function->kernel, at++, sizeof buffer, buffer ? (const void *)&buffer : NULL);
        if (status == CL_SUCCESS) status = clSetKernelArg(function->kernel, at++, sizeof offset, &offset);
    }
    return status;
}

int double_kernel_run(const double_work *work)
{
    const double_cl *cl = double_cl_get();
    if (!cl) return DOUBLE_LAUNCH_FAILED;
    size_t global[3];
    size_t local[3];
    for (int i = 0; i < 3; i++) {
        local[i] = work->block[i];
        global[i] = local[i] * work->grid[i];
    }
    pthread_mutex_lock(&turn);
    cl_int status = set_arguments(work);
    if (status == CL_SUCCESS) {
        status = clEnqueueNDRangeKernel(cl->queue, work->function->kernel, 3, NULL, global, local, 0, NULL, NULL);
    }
    if (status == CL_SUCCESS) status = clFinish(cl->queue);
    pthread_mutex_unlock(&turn);
    if (status == CL_SUCCESS) return 0;
    double_complain("%s: OpenCL does not run it: %d", work->function->signature.name, (int)status);
    return DOUBLE_LAUNCH_FAILED;
}
