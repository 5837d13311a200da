/*
 * Qwen3 dense: pre-norm decoder, grouped-query attention with a per-head RMSNorm on q and k before rotary embedding,
 * SwiGLU. Names are those of its Hugging Face checkpoints.
 */
#include "model/model.h"

#include "ops/emit.h"

#include <math.h>
#include <stdio.h>

static strait_status qwen3_params(const strait_model_config *c, strait_params *out)
{
    int64_t q_width = c->num_attention_heads * c->head_dim;
    int64_t kv_width = c->num_key_value_heads * c->head_dim;
    STRAIT_TRY(strait_params_add(out, c->vocab_size, c->hidden_size, false, "model.embed_tokens.weight"));
    if (!c->tie_word_embeddings) {
        STRAIT_TRY(strait_params_add(out, c->vocab_size, c->hidden_size, false, "lm_head.weight"));
    }
    STRAIT_TRY(strait_params_add(out, c->hidden_size, 0, true, "model.norm.weight"));
    for (int i = 0; i < (int)c->num_hidden_layers; i++) {
#define LAYER "model.layers.%d."
        STRAIT_TRY(strait_params_add(out, c->hidden_size, 0, true, LAYER "input_layernorm.weight", i));
        STRAIT_TRY(strait_params_add(out, c->hidden_size, 0, true, LAYER "post_attention_layernorm.weight", i));
        STRAIT_TRY(strait_params_add(out, q_width, c->hidden_size, false, LAYER "self_attn.q_proj.weight", i));
        STRAIT_TRY(strait_params_add(out, kv_width, c->hidden_size, false, LAYER "self_attn.k_proj.weight", i));
        STRAIT_TRY(strait_params_add(out, kv_width, c->hidden_size, false, LAYER "self_attn.v_proj.weight", i));
        STRAIT_TRY(strait_params_add(out, c->hidden_size, q_width, false, LAYER "self_attn.o_proj.weight", i));
        STRAIT_TRY(strait_params_add(out, c->head_dim, 0, true, LAYER "self_attn.q_norm.weight", i));
        STRAIT_TRY(strait_params_add(out, c->head_dim, 0, true, LAYER "self_attn.k_norm.weight", i));
        STRAIT_TRY(
            strait_params_add(out, c->intermediate_size, c->hidden_size, false, LAYER "mlp.gate_proj.weight", i));
        STRAIT_TRY(strait_params_add(out, c->intermediate_size, c->hidden_size, false, LAYER "mlp.up_proj.weight", i));
        STRAIT_TRY(
            strait_params_add(out, c->hidden_size, c->intermediate_size, false, LAYER "mlp.down_proj.weight", i));
    }
    return STRAIT_OK;
}

/* What all layers of one graph share. */
typedef struct builder {
    strait_graph *graph;
    const strait_model_config *config;
    const strait_params *params;
    const strait_build *build;
    int64_t restart; /* T: sums over tokens restart at each sequence */
    strait_tensor_id positions;
    strait_tensor_id table;
    strait_tensor_id documents;
    strait_tensor_id lengths;
} builder;

/* What flows from layer to layer: the residual stream and what is still to be added to it. */
typedef struct stream {
    strait_tensor_id x;
    strait_tensor_id pending; /* STRAIT_NO_TENSOR before the first layer */
} stream;

static strait_status add_and_norm(builder *b, const char *name, strait_keep keep, strait_tensor_id weight, stream *s,
                                  strait_tensor_id *out)
{
    strait_rmsnorm norm = {.x = s->x,
                           .d = s->pending,
                           .w = weight,
                           .eps = (float)b->config->rms_norm_eps,
                           .sequence_length = b->restart,
                           .keep_sum = keep};
    STRAIT_TRY(strait_emit_rmsnorm(b->graph, name, &norm));
    s->x = norm.xsum;
    *out = norm.y;
    return STRAIT_OK;
}

static strait_status rotate(builder *b, const char *name, strait_tensor_id x, strait_tensor_id w, int64_t heads,
                            strait_tensor_id *out)
{
    strait_norm_rope rope = {.x = x,
                             .w = w,
                             .table = b->table,
                             .positions = b->positions,
                             .heads = heads,
                             .head_dim = b->config->head_dim,
                             .table_rows = b->build->table_rows,
                             .eps = (float)b->config->rms_norm_eps,
                             .sequence_length = b->restart};
    STRAIT_TRY(strait_emit_norm_rope(b->graph, name, &rope));
    *out = rope.y;
    return STRAIT_OK;
}

/* Puts this call's keys or values into their cache and makes the cache what attention reads. */
static strait_status through_cache(builder *b, const char *name, strait_tensor_id *inout)
{
    strait_tensor_id cache;
    int64_t capacity = b->build->capacity;
    STRAIT_TRY(strait_graph_state(b->graph, name, b->graph->dtype, b->build->batch * capacity,
                                  b->graph->tensors[*inout].columns, &cache));
    STRAIT_TRY(
        strait_emit_kv_store(b->graph, *inout, b->positions, cache, b->build->batch, b->build->length, capacity));
    *inout = cache;
    return STRAIT_OK;
}

static strait_status attention_block(builder *b, int layer, stream *s)
{
    const strait_model_config *c = b->config;
    strait_graph *graph = b->graph;
    char name[64];
    strait_tensor_id norm_w;
    strait_tensor_id q_norm;
    strait_tensor_id k_norm;
    strait_tensor_id normed;
    strait_linear qkv = {.segments = 3, .sequence_length = b->restart};
    strait_linear out = {.segments = 1, .sequence_length = b->restart};
    STRAIT_TRY(strait_model_weight(graph, b->params, &norm_w, LAYER "input_layernorm.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &qkv.w[0], LAYER "self_attn.q_proj.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &qkv.w[1], LAYER "self_attn.k_proj.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &qkv.w[2], LAYER "self_attn.v_proj.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &out.w[0], LAYER "self_attn.o_proj.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &q_norm, LAYER "self_attn.q_norm.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &k_norm, LAYER "self_attn.k_norm.weight", layer));

    snprintf(name, sizeof name, "layers.%d.attention_norm", layer);
    STRAIT_TRY(add_and_norm(b, name, STRAIT_KEEP_BOUNDARY, norm_w, s, &normed));
    qkv.x = normed;
    snprintf(name, sizeof name, "layers.%d.qkv", layer);
    STRAIT_TRY(strait_emit_linear(graph, name, &qkv));

    strait_attention attention = {.documents = b->documents,
                                  .lengths = b->lengths,
                                  .batch = b->build->batch,
                                  .query_rows = b->build->length,
                                  .key_rows = b->build->length,
                                  .query_heads = c->num_attention_heads,
                                  .kv_heads = c->num_key_value_heads,
                                  .head_dim = c->head_dim,
                                  .scale = (float)(1.0 / sqrt((double)c->head_dim)),
                                  .v = qkv.y[2]};
    snprintf(name, sizeof name, "layers.%d.q", layer);
    STRAIT_TRY(rotate(b, name, qkv.y[0], q_norm, c->num_attention_heads, &attention.q));
    snprintf(name, sizeof name, "layers.%d.k", layer);
    STRAIT_TRY(rotate(b, name, qkv.y[1], k_norm, c->num_key_value_heads, &attention.k));
    if (b->build->mode == STRAIT_BUILD_GENERATE) {
        attention.key_rows = b->build->capacity;
        snprintf(name, sizeof name, "layers.%d.k_cache", layer);
        STRAIT_TRY(through_cache(b, name, &attention.k));
        snprintf(name, sizeof name, "layers.%d.v_cache", layer);
        STRAIT_TRY(through_cache(b, name, &attention.v));
    }
    snprintf(name, sizeof name, "layers.%d.attention", layer);
    STRAIT_TRY(strait_emit_attention(graph, name, &attention));

    out.x = attention.o;
    snprintf(name, sizeof name, "layers.%d.o", layer);
    STRAIT_TRY(strait_emit_linear(graph, name, &out));
    s->pending = out.y[0];
    return STRAIT_OK;
}

static strait_status mlp_block(builder *b, int layer, stream *s)
{
    strait_graph *graph = b->graph;
    char name[64];
    strait_tensor_id norm_w;
    strait_tensor_id normed;
    strait_linear gate_up = {.segments = 2, .sequence_length = b->restart};
    strait_linear down = {.segments = 1, .sequence_length = b->restart};
    STRAIT_TRY(strait_model_weight(graph, b->params, &norm_w, LAYER "post_attention_layernorm.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &gate_up.w[0], LAYER "mlp.gate_proj.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &gate_up.w[1], LAYER "mlp.up_proj.weight", layer));
    STRAIT_TRY(strait_model_weight(graph, b->params, &down.w[0], LAYER "mlp.down_proj.weight", layer));

    snprintf(name, sizeof name, "layers.%d.mlp_norm", layer);
    STRAIT_TRY(add_and_norm(b, name, STRAIT_KEEP_HEAVY, norm_w, s, &normed));
    gate_up.x = normed;
    snprintf(name, sizeof name, "layers.%d.gate_up", layer);
    STRAIT_TRY(strait_emit_linear(graph, name, &gate_up));
    snprintf(name, sizeof name, "layers.%d.swiglu", layer);
    STRAIT_TRY(strait_emit_swiglu(graph, name, gate_up.y[0], gate_up.y[1], &down.x));
    snprintf(name, sizeof name, "layers.%d.down", layer);
    STRAIT_TRY(strait_emit_linear(graph, name, &down));
    s->pending = down.y[0];
    return STRAIT_OK;
}

static strait_status declare_inputs(builder *b, strait_embedding *embedding)
{
    strait_graph *graph = b->graph;
    const strait_build *build = b->build;
    int64_t tokens = build->batch * build->length;
    STRAIT_TRY(strait_graph_input(graph, "ids", STRAIT_DTYPE_I32, tokens, 1, &embedding->ids));
    STRAIT_TRY(strait_graph_input(graph, "positions", STRAIT_DTYPE_I32, tokens, 1, &b->positions));
    STRAIT_TRY(strait_graph_state(graph, "rope", STRAIT_DTYPE_F32, build->table_rows, b->config->head_dim, &b->table));
    if (build->documents) {
        STRAIT_TRY(strait_graph_input(graph, "documents", STRAIT_DTYPE_I32, tokens, 1, &b->documents));
    }
    if (build->mode == STRAIT_BUILD_GENERATE) {
        STRAIT_TRY(strait_graph_input(graph, "lengths", STRAIT_DTYPE_I32, build->batch, 1, &b->lengths));
    }
    if (build->mode == STRAIT_BUILD_TRAIN) {
        strait_tensor_id unused;
        STRAIT_TRY(strait_graph_input(graph, "embedding.slots", STRAIT_DTYPE_I32, tokens, 1, &unused));
        if (b->config->tie_word_embeddings && build->embedding_rows > 0) {
            STRAIT_TRY(strait_graph_state(graph, "embedding.accumulator", STRAIT_DTYPE_F32, build->embedding_rows,
                                          b->config->hidden_size, &unused));
        }
    }
    return STRAIT_OK;
}

static strait_status head_weight(builder *b, strait_tensor_id *out)
{
    return strait_model_weight(b->graph, b->params, out, "%s",
                               b->config->tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
}

static strait_status emit_loss(builder *b, strait_tensor_id y)
{
    strait_graph *graph = b->graph;
    int64_t tokens = b->build->batch * b->build->length;
    strait_linear_xent head = {.y = y, .sequence_length = b->restart};
    strait_tensor_id sum;
    STRAIT_TRY(head_weight(b, &head.w));
    STRAIT_TRY(strait_graph_input(graph, "targets", STRAIT_DTYPE_I32, tokens, 1, &head.targets));
    STRAIT_TRY(strait_graph_state(graph, "step", STRAIT_DTYPE_F32, STRAIT_STEP_WORDS, 1, &head.step));
    STRAIT_TRY(strait_graph_activation(graph, "loss", STRAIT_DTYPE_F32, tokens, 1, STRAIT_KEEP_BOUNDARY, &head.loss));
    STRAIT_TRY(strait_graph_state(graph, "loss.sum", STRAIT_DTYPE_F32, 1, 1, &sum));
    STRAIT_TRY(strait_emit_linear_xent(graph, &head));
    return strait_emit_loss_sum(graph, head.loss, sum, b->restart);
}

/* Logits in f32 of every row of x, into the STATE tensor `name`. */
static strait_status emit_logits(builder *b, strait_tensor_id x, const char *name)
{
    strait_linear head = {.x = x, .segments = 1, .into_y = true};
    STRAIT_TRY(head_weight(b, &head.w[0]));
    STRAIT_TRY(strait_graph_state(b->graph, name, STRAIT_DTYPE_F32, b->graph->tensors[x].rows, b->config->vocab_size,
                                  &head.y[0]));
    return strait_emit_linear(b->graph, name, &head);
}

static strait_status qwen3_build(strait_graph *graph, const strait_model_config *config, const strait_params *params,
                                 const strait_build *build)
{
    builder b = {.graph = graph,
                 .config = config,
                 .params = params,
                 .build = build,
                 .restart = build->length,
                 .documents = STRAIT_NO_TENSOR,
                 .lengths = STRAIT_NO_TENSOR};
    if (build->mode == STRAIT_BUILD_HEAD) {
        strait_tensor_id hidden;
        STRAIT_TRY(strait_graph_state(graph, "hidden.last", graph->dtype, 1, config->hidden_size, &hidden));
        return emit_logits(&b, hidden, "logits.last");
    }

    strait_embedding embedding = {0};
    STRAIT_TRY(declare_inputs(&b, &embedding));
    STRAIT_TRY(strait_model_weight(graph, params, &embedding.table, "model.embed_tokens.weight"));
    STRAIT_TRY(strait_emit_embedding(graph, "embedding", &embedding));
    stream s = {.x = embedding.y, .pending = STRAIT_NO_TENSOR};
    for (int layer = 0; layer < (int)config->num_hidden_layers; layer++) {
        STRAIT_TRY(attention_block(&b, layer, &s));
        STRAIT_TRY(mlp_block(&b, layer, &s));
    }
    strait_tensor_id norm_w;
    strait_tensor_id y;
    STRAIT_TRY(strait_model_weight(graph, params, &norm_w, "model.norm.weight"));
    STRAIT_TRY(add_and_norm(&b, "final_norm", STRAIT_KEEP_BOUNDARY, norm_w, &s, &y));
    /* The head's gradient needs y at once, so recomputing it would gain nothing. */
    graph->tensors[y].keep = STRAIT_KEEP_BOUNDARY;
    switch (build->mode) {
    case STRAIT_BUILD_TRAIN: return emit_loss(&b, y);
    case STRAIT_BUILD_LOGITS: return emit_logits(&b, y, "logits");
    default: graph->tensors[y].store = STRAIT_STORE_STATE; break;
    }
    char name[64];
    snprintf(name, sizeof name, "hidden.%lld", (long long)(build->batch * build->length));
    snprintf(graph->tensors[y].name, sizeof graph->tensors[y].name, "hidden");
    return strait_layout_place(graph->state, name, graph->tensors[y].bytes, &graph->tensors[y].offset);
}

static void qwen3_rope_table(const strait_model_config *config, int64_t rows, float *out)
{
    strait_rope_table(config->rope_theta, config->head_dim, rows, out);
}

static double qwen3_weight_flops(const strait_model_config *c)
{
    double q_width = (double)(c->num_attention_heads * c->head_dim);
    double kv_width = (double)(c->num_key_value_heads * c->head_dim);
    double hidden = (double)c->hidden_size;
    double layer = hidden * (2 * q_width + 2 * kv_width) + 3 * hidden * (double)c->intermediate_size;
    return 2 * ((double)c->num_hidden_layers * layer + hidden * (double)c->vocab_size);
}

static double qwen3_attention_flops(const strait_model_config *c, int64_t length)
{
    /* Two products over the (T + 1) / 2 keys that a token sees on average. */
    double width = (double)(c->num_attention_heads * c->head_dim);
    return (double)c->num_hidden_layers * 2 * 2 * width * ((double)length + 1) / 2;
}

const strait_architecture strait_qwen3_architecture = {
    .params = qwen3_params,
    .build = qwen3_build,
    .rope_table = qwen3_rope_table,
    .weight_flops = qwen3_weight_flops,
    .attention_flops = qwen3_attention_flops,
};
