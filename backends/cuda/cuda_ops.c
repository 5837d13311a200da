/*
 * The ops that NVIDIA's libraries do, in fast and with bf16 storage: products by cuBLASLt, attention by cuDNN. All else
 * is the portable kernels'. None ever ran on a GPU, so nothing is offered unless it was asked for; the host then holds
 * each op to the portable kernel before it uses it.
 */
#include "backends/cuda/cublaslt.h"
#include "backends/cuda/cuda_tuned.h"
#include "backends/cuda/cudnn_attention.h"

int32_t gpu_tuned_open(gpu_device_state *device)
{
    struct gpu_tuned_state *tuned = gpu_host->alloc(sizeof *tuned);
    if (!tuned) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for the tuned ops of a device");
    device->tuned = tuned;
    int32_t code = lt_open(&tuned->products);
    if (code == STRAIT_CODE_OK) code = dnn_open(&tuned->attention);
    if (code != STRAIT_CODE_OK) gpu_tuned_close(device);
    return code;
}

void gpu_tuned_close(gpu_device_state *device)
{
    if (!device->tuned) return;
    dnn_close(device, device->tuned->attention);
    lt_close(device, device->tuned->products);
    gpu_host->free(device->tuned);
    device->tuned = NULL;
}

void gpu_tuned_answer(strait_op_info *out, const char *implementation, int64_t workspace_bytes)
{
    out->supported = 1;
    out->implementation = implementation;
    out->workspace_bytes = workspace_bytes;
    out->accumulation = STRAIT_STORAGE_F32;
    out->determinism = STRAIT_DETERMINISM_RUN_TO_RUN;
}

gpu_address gpu_slice_address(strait_driver_slice slice)
{
    const gpu_memory_state *memory = gpu_object_of(slice.memory);
    return memory ? gpu_address_at(memory->address, slice.offset) : 0;
}

static bool is_product(uint32_t op)
{
    return op == STRAIT_OP_LINEAR || op == STRAIT_OP_LINEAR_DX || op == STRAIT_OP_LINEAR_DW;
}

static bool is_attention(uint32_t op)
{
    return op == STRAIT_OP_ATTENTION || op == STRAIT_OP_ATTENTION_BWD;
}

int32_t gpu_vendor_op_query(strait_handle handle, const strait_op_desc *desc, strait_op_info *out)
{
    gpu_device_state *device = gpu_object_of(handle);
    *out = (strait_op_info){.struct_size = out->struct_size};
    if (desc->numerics != STRAIT_NUMERICS_FAST) return STRAIT_CODE_OK;
    if (is_product(desc->op)) return gpu_product_query(device, desc, out);
    if (is_attention(desc->op)) return gpu_attention_query(device, desc, out);
    return STRAIT_CODE_OK;
}

int32_t gpu_vendor_op_run(strait_handle handle, const strait_op_desc *desc, const strait_driver_slice *buffers,
                          int32_t count, strait_driver_slice workspace)
{
    (void)count;
    gpu_queue_state *queue = gpu_object_of(handle);
    bool fast = desc->numerics == STRAIT_NUMERICS_FAST;
    if (fast && is_product(desc->op)) return gpu_product_run(queue, desc, buffers, workspace);
    if (fast && is_attention(desc->op)) return gpu_attention_run(queue, desc, buffers, workspace);
    return GPU_FAIL(STRAIT_CODE_UNSUPPORTED, "CUDA brings no such op");
}
