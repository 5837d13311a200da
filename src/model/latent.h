/*
 * Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): keys and values come from a latent that is
 * narrower than they are, queries from one of their own where there is a rank for it. A head's query and key have a
 * part without rotation, of the head, and one with, which all key heads share. Names are those of Hugging Face
 * checkpoints.
 */
#ifndef STRAIT_MODEL_LATENT_H
#define STRAIT_MODEL_LATENT_H

#include "model/layers.h"

/* The block in the graph, norm first; its result is left in layers->pending. */
strait_status strait_latent_attention(strait_layers *layers, int layer) STRAIT_MUST_USE;
/* Its parameters, the norm's among them. */
strait_status strait_latent_params(const strait_model_config *config, int layer, strait_params *out) STRAIT_MUST_USE;
/* Multiply-adds x 2 per token: of one layer's weights; of attention in all layers at length T (causal, exact). */
double strait_latent_weight_flops(const strait_model_config *config);
double strait_latent_attention_flops(const strait_model_config *config, int64_t length);

#endif
