/* What a device holds for the ops of NVIDIA's libraries, and the ops by library. */
#ifndef STRAIT_BACKENDS_CUDA_CUDA_TUNED_H
#define STRAIT_BACKENDS_CUDA_CUDA_TUNED_H

#include "backends/gpu/gpu.h"

struct gpu_tuned_state {
    struct lt_state *products;   /* owned; cublaslt.h */
    struct dnn_state *attention; /* owned; cudnn_attention.h */
};

/* Both answer as the slots op_query and op_run of the driver's table; which ops are theirs stands in cuda_ops.c. */

/* ---- cuda_products.c ---- */

int32_t gpu_product_query(gpu_device_state *device, const strait_op_desc *desc, strait_op_info *out);
int32_t gpu_product_run(gpu_queue_state *queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                        strait_driver_slice workspace);

/* ---- cuda_attention.c ---- */

int32_t gpu_attention_query(gpu_device_state *device, const strait_op_desc *desc, strait_op_info *out);
int32_t gpu_attention_run(gpu_queue_state *queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                          strait_driver_slice workspace);

/* ---- cuda_ops.c ---- */

int32_t gpu_tuned_open(gpu_device_state *device);
void gpu_tuned_close(gpu_device_state *device);
/* What a query says of an op that runs, with that much workspace. */
void gpu_tuned_answer(strait_op_info *out, const char *implementation, int64_t workspace_bytes);
gpu_address gpu_slice_address(strait_driver_slice slice);

#endif
