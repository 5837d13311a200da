/* Programs, their binaries and their kernels; and a launch, which the worker does group by group. */
#include "chip.h"

#include <dlfcn.h>
#include <ffi.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ARGUMENTS = 32 };

/* What stands before a binary: who built it, with which compiler, for which processor. The number grows with the flags
 * of the compiler and with the prelude. */
static void make_mark(char out[CHIP_MARK])
{
    memset(out, 0, CHIP_MARK);
    snprintf(out, CHIP_MARK, "mychip 1; %s", chip_compiler_version());
}

/* Takes `bytes`, mark and shared object, whether it succeeds or not. */
static int32_t create(chip_device *device, char *bytes, int64_t length, strait_handle *out)
{
    int32_t code = STRAIT_CODE_NO_MEMORY;
    chip_program *program = chip_host->alloc(sizeof *program);
    if (!program) {
        code = CHIP_FAIL(device, code, "no memory for a program");
        goto free_bytes;
    }
    program->device = device;
    program->bytes = bytes;
    program->length = length;
    code = chip_link(device, bytes + CHIP_MARK, length - CHIP_MARK, &program->library);
    if (code != STRAIT_CODE_OK) goto free_program;
    *out = chip_handle(program);
    return STRAIT_CODE_OK;

free_program:
    chip_host->free(program);
free_bytes:
    chip_host->free(bytes);
    return code;
}

int32_t chip_program_build(strait_handle handle, const strait_program_source *source, strait_handle *out)
{
    chip_device *device = chip_object(handle);
    char *object = NULL;
    int64_t length = 0;
    int32_t code = chip_compile(device, source, &object, &length);
    if (code != STRAIT_CODE_OK) return code;
    char *bytes = chip_host->alloc((uint64_t)length + CHIP_MARK);
    if (bytes) {
        make_mark(bytes);
        memcpy(bytes + CHIP_MARK, object, (size_t)length);
    }
    chip_host->free(object);
    if (!bytes) return CHIP_FAIL(device, STRAIT_CODE_NO_MEMORY, "no memory for program %s", source->name);
    return create(device, bytes, length + CHIP_MARK, out);
}

int32_t chip_program_binary(strait_handle handle, void *bytes, int64_t *inout_length)
{
    const chip_program *program = chip_object(handle);
    if (bytes && *inout_length < program->length) {
        return CHIP_FAIL(program->device, STRAIT_CODE_USAGE, "room for %lld bytes, the program has %lld",
                         (long long)*inout_length, (long long)program->length);
    }
    if (bytes) memcpy(bytes, program->bytes, (size_t)program->length);
    *inout_length = program->length;
    return STRAIT_CODE_OK;
}

int32_t chip_program_load(strait_handle handle, const void *bytes, int64_t length, strait_handle *out)
{
    chip_device *device = chip_object(handle);
    char mark[CHIP_MARK];
    make_mark(mark);
    if (length <= CHIP_MARK || memcmp(bytes, mark, CHIP_MARK) != 0) {
        return CHIP_FAIL(device, STRAIT_CODE_FORMAT,
                         "the binary was not built by this plug-in, compiler and processor");
    }
    char *copy = chip_host->alloc((uint64_t)length);
    if (!copy) return CHIP_FAIL(device, STRAIT_CODE_NO_MEMORY, "no memory for a program");
    memcpy(copy, bytes, (size_t)length);
    return create(device, copy, length, out);
}

void chip_program_free(strait_handle handle)
{
    chip_program *program = chip_object(handle);
    if (!program) return;
    while (program->kernels) {
        chip_kernel *kernel = program->kernels;
        program->kernels = kernel->next;
        chip_host->free(kernel);
    }
    dlclose(program->library);
    chip_host->free(program->bytes);
    chip_host->free(program);
}

int32_t chip_kernel_get(strait_handle handle, const char *name, strait_handle *out)
{
    chip_program *program = chip_object(handle);
    chip_device *device = program->device;
    void *code = dlsym(program->library, name);
    void *set_group = dlsym(program->library, "chip_set_group");
    if (!code || !set_group) return CHIP_FAIL(device, STRAIT_CODE_NOT_FOUND, "the program has no kernel %s", name);
    chip_kernel *kernel = chip_host->alloc(sizeof *kernel);
    if (!kernel) return CHIP_FAIL(device, STRAIT_CODE_NO_MEMORY, "no memory for kernel %s", name);
    /* POSIX: what dlsym gives may be a function, and C has no cast that says so. */
    memcpy(&kernel->code, &code, sizeof code);
    memcpy(&kernel->set_group, &set_group, sizeof set_group);
    snprintf(kernel->name, sizeof kernel->name, "%s", name);
    pthread_mutex_lock(&device->turn);
    kernel->next = program->kernels;
    program->kernels = kernel;
    pthread_mutex_unlock(&device->turn);
    *out = chip_handle(kernel);
    return STRAIT_CODE_OK;
}

/* ---- launches ---- */

static ffi_type *type_of(uint32_t kind)
{
    switch (kind) {
    case STRAIT_KERNEL_I32: return &ffi_type_sint32;
    case STRAIT_KERNEL_U32: return &ffi_type_uint32;
    case STRAIT_KERNEL_I64: return &ffi_type_sint64;
    case STRAIT_KERNEL_F32: return &ffi_type_float;
    default: return &ffi_type_pointer;
    }
}

/* A kernel is a C function that this file does not know the type of; libffi calls it. */
static int32_t run_kernel(chip_queue *queue, const chip_command *command)
{
    ffi_cif call;
    ffi_type *types[MAX_ARGUMENTS];
    void *values[MAX_ARGUMENTS];
    char *places[MAX_ARGUMENTS];
    const chip_kernel *kernel = command->kernel;
    for (int32_t i = 0; i < command->count; i++) {
        const strait_kernel_argument *argument = &command->arguments[i];
        types[i] = type_of(argument->kind);
        values[i] = (void *)(uintptr_t)&argument->value;
        if (argument->kind != STRAIT_KERNEL_BUFFER) continue;
        /* What is absent is a null pointer. */
        bool absent = argument->value.buffer.memory == 0;
        places[i] = absent ? NULL : chip_reach(queue, argument->value.buffer, 0);
        if (!absent && !places[i]) return queue->failed;
        values[i] = &places[i];
    }
    if (ffi_prep_cif(&call, FFI_DEFAULT_ABI, (unsigned)command->count, &ffi_type_void, types) != FFI_OK) {
        return chip_broken(queue, STRAIT_CODE_DEVICE, "kernel %s cannot be called by libffi", kernel->name);
    }
    for (int64_t group = 0; group < command->groups; group++) {
        kernel->set_group(group);
        ffi_call(&call, kernel->code, NULL, values);
    }
    return STRAIT_CODE_OK;
}

int32_t chip_kernel_launch(strait_handle queue_handle, strait_handle handle, const int64_t groups[3],
                           const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count)
{
    chip_queue *queue = chip_object(queue_handle);
    const chip_kernel *kernel = chip_object(handle);
    if (group_size[0] != 1 || group_size[1] != 1 || group_size[2] != 1 || groups[1] != 1 || groups[2] != 1) {
        return CHIP_FAIL(queue->device, STRAIT_CODE_USAGE,
                         "kernel %s: a work-group has one item, and they stand in one dimension", kernel->name);
    }
    if (count > MAX_ARGUMENTS) {
        return CHIP_FAIL(queue->device, STRAIT_CODE_USAGE, "kernel %s: %d arguments, and %d are possible", kernel->name,
                         (int)count, MAX_ARGUMENTS);
    }
    chip_command *command = chip_command_create(queue, run_kernel, count);
    if (!command) return STRAIT_CODE_NO_MEMORY;
    command->kernel = kernel;
    command->groups = groups[0];
    memcpy(command->arguments, arguments, (size_t)count * sizeof *arguments);
    return chip_put(queue, command);
}
