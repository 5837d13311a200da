/*
 * Multi-token prediction (DeepSeek-V3, arXiv 2412.19437, section 2.2), one module deep: each token's hidden state after
 * the final norm and the embedding of the next token, both normed, go through one matrix and one more layer of the
 * family, and predict the token after the next by the model's own embedding and head. Nothing is detached. Names are
 * those of DeepSeek's release: model.layers.<n>.{enorm,hnorm,eh_proj,shared_head.norm}.weight, n being
 * num_hidden_layers.
 */
#ifndef STRAIT_MODEL_MTP_H
#define STRAIT_MODEL_MTP_H

#include "model/layers.h"

/*
 * The module and its loss in a graph, for the final hidden states h [B*T, H]; before the main loss, whose gradient with
 * respect to h it adds to its own. Inputs: "mtp.ids", "mtp.targets" and "mtp.embedding.slots" i32 [B*T]. State:
 * "mtp.step", of whose words the loss scale is read, "mtp.loss.sum", and the gradients of the shared matrices over a
 * shard, "mtp.table.grad" and "mtp.head.grad" f32 [V, H], which the caller adds to the main ones.
 */
strait_status strait_mtp_module(strait_layers *layers, strait_tensor_id h) STRAIT_MUST_USE;
/* What the module has beside a layer's parameters; nothing where the configuration has none. So for its arithmetic. */
strait_status strait_mtp_params(const strait_model_config *config, strait_params *out) STRAIT_MUST_USE;
double strait_mtp_flops(const strait_model_config *config);

#endif
