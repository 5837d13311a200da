/* The blocks of pre-norm decoders as graphs. Names of weights are those of the families' Hugging Face checkpoints. */
#include "model/layers.h"

#include "base/rng.h"
#include "model/mtp.h"

#include <math.h>
#include <stdio.h>

void strait_layers_name(char *name, int layer, const char *what)
{
    snprintf(name, 64, "layers.%d.%s", layer, what);
}

strait_status strait_layers_weight(strait_layers *l, int layer, const char *name, strait_tensor_id *out)
{
    return strait_model_weight(l->graph, l->params, out, "model.layers.%d.%s", layer, name);
}

static strait_status add_and_norm(strait_layers *l, const char *name, strait_keep keep, strait_tensor_id weight,
                                  strait_tensor_id *out)
{
    strait_rmsnorm norm = {.x = l->x,
                           .d = l->pending,
                           .w = weight,
                           .eps = (float)l->config->rms_norm_eps,
                           .sequence_length = l->build->length,
                           .keep_sum = keep};
    STRAIT_TRY(strait_emit_rmsnorm(l->graph, name, &norm));
    l->x = norm.xsum;
    *out = norm.y;
    return STRAIT_OK;
}

strait_status strait_layers_norm(strait_layers *l, int layer, const char *name, const char *weight, strait_keep keep,
                                 strait_tensor_id *out)
{
    char full[64];
    strait_tensor_id w;
    STRAIT_TRY(strait_layers_weight(l, layer, weight, &w));
    strait_layers_name(full, layer, name);
    return add_and_norm(l, full, keep, w, out);
}

/* ---- attention ---- */

strait_status strait_layers_rotate(strait_layers *l, int layer, const char *name, const char *weight,
                                   strait_tensor_id x, int64_t heads, strait_tensor_id *out)
{
    char full[64];
    strait_norm_rope rope = {.x = x,
                             .w = STRAIT_NO_TENSOR,
                             .table = l->table,
                             .positions = l->positions,
                             .heads = heads,
                             .head_dim = l->config->head_dim,
                             .table_rows = l->build->table_rows,
                             .interleaved = l->rope_interleaved,
                             .eps = (float)l->config->rms_norm_eps,
                             .sequence_length = l->build->length};
    if (weight) STRAIT_TRY(strait_layers_weight(l, layer, weight, &rope.w));
    strait_layers_name(full, layer, name);
    STRAIT_TRY(strait_emit_norm_rope(l->graph, full, &rope));
    *out = rope.y;
    return STRAIT_OK;
}

/* Puts this call's keys or values into their cache, which takes their place. */
static strait_status cache(strait_layers *l, int layer, const char *name, strait_tensor_id *inout)
{
    char full[64];
    strait_tensor_id kept;
    int64_t capacity = l->build->capacity;
    strait_layers_name(full, layer, name);
    STRAIT_TRY(strait_graph_state(l->graph, full, l->graph->dtype, l->build->batch * capacity,
                                  l->graph->tensors[*inout].columns, &kept));
    STRAIT_TRY(strait_emit_kv_store(l->graph, *inout, l->positions, kept, l->build->batch, l->build->length, capacity));
    *inout = kept;
    return STRAIT_OK;
}

/* The stream of random numbers of a site. */
static int64_t stream_of(int layer, strait_dropout_site site)
{
    return (int64_t)(STRAIT_DROPOUT_SITES * layer + (int)site + 1) * 65536 + STRAIT_STREAM_DROPOUT;
}

strait_status strait_layers_dropout(strait_layers *l, int layer, const char *name, strait_dropout_site site,
                                    strait_tensor_id *inout_x)
{
    char full[64];
    if (!l->build->dropout || l->config->residual_dropout <= 0) return STRAIT_OK;
    strait_dropout dropout = {.x = *inout_x,
                              .sequences = l->sequences,
                              .step = l->step,
                              .stream = stream_of(layer, site),
                              .sequence_length = l->build->length,
                              .rate = l->config->residual_dropout};
    strait_layers_name(full, layer, name);
    STRAIT_TRY(strait_emit_dropout(l->graph, full, &dropout));
    *inout_x = dropout.y;
    return STRAIT_OK;
}

strait_status strait_layers_attend(strait_layers *l, int layer, strait_attention *attention)
{
    char name[64];
    attention->documents = l->documents;
    attention->lengths = l->lengths;
    attention->batch = l->build->batch;
    attention->query_rows = l->build->length;
    attention->key_rows = l->build->length;
    if (l->build->mode == STRAIT_BUILD_GENERATE) {
        attention->key_rows = l->build->capacity;
        STRAIT_TRY(cache(l, layer, "k_cache", &attention->k));
        STRAIT_TRY(cache(l, layer, "v_cache", &attention->v));
    }
    if (l->build->dropout) {
        attention->dropout = l->config->attention_dropout;
        attention->stream = stream_of(layer, STRAIT_DROPOUT_ATTENTION);
        attention->sequences = l->sequences;
        attention->step = l->step;
    }
    strait_layers_name(name, layer, "attention");
    return strait_emit_attention(l->graph, name, attention);
}

strait_status strait_layers_attention_out(strait_layers *l, int layer, strait_tensor_id x)
{
    static const char *const modules[] = {"self_attn.o_proj"};
    strait_linear out = {.x = x, .segments = 1};
    STRAIT_TRY(
        strait_layers_project(l, layer, "o", modules, strait_projection_of(l->config->attention_out_bias), &out));
    l->pending = out.y[0];
    return strait_layers_dropout(l, layer, "o_dropout", STRAIT_DROPOUT_OUT, &l->pending);
}

strait_status strait_layers_attention(strait_layers *l, int layer)
{
    const strait_model_config *c = l->config;
    strait_linear qkv = {.segments = 3};
    static const char *const modules[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
    STRAIT_TRY(strait_layers_norm(l, layer, "attention_norm", "input_layernorm.weight", STRAIT_KEEP_BOUNDARY, &qkv.x));
    STRAIT_TRY(strait_layers_project(l, layer, "qkv", modules, strait_projection_of(c->attention_bias), &qkv));

    strait_attention attention = {.query_heads = c->num_attention_heads,
                                  .kv_heads = c->num_key_value_heads,
                                  .head_dim = c->head_dim,
                                  .window = strait_model_config_window(c, layer),
                                  .scale = (float)(1.0 / sqrt((double)c->head_dim)),
                                  .v = qkv.y[2]};
    STRAIT_TRY(strait_layers_rotate(l, layer, "q", l->qk_norm ? "self_attn.q_norm.weight" : NULL, qkv.y[0],
                                    c->num_attention_heads, &attention.q));
    STRAIT_TRY(strait_layers_rotate(l, layer, "k", l->qk_norm ? "self_attn.k_norm.weight" : NULL, qkv.y[1],
                                    c->num_key_value_heads, &attention.k));
    STRAIT_TRY(strait_layers_attend(l, layer, &attention));
    return strait_layers_attention_out(l, layer, attention.o);
}

/* ---- SwiGLU ---- */

strait_status strait_layers_mlp(strait_layers *l, int layer)
{
    char name[64];
    strait_linear gate_up = {.segments = 2};
    strait_linear down = {.segments = 1};
    static const char *const in_modules[] = {"mlp.gate_proj", "mlp.up_proj"};
    static const char *const out_modules[] = {"mlp.down_proj"};
    strait_projection kind = strait_projection_of(l->config->mlp_bias);
    STRAIT_TRY(
        strait_layers_norm(l, layer, "mlp_norm", "post_attention_layernorm.weight", STRAIT_KEEP_HEAVY, &gate_up.x));
    STRAIT_TRY(strait_layers_project(l, layer, "gate_up", in_modules, kind, &gate_up));
    strait_layers_name(name, layer, "swiglu");
    STRAIT_TRY(strait_emit_swiglu(l->graph, name, gate_up.y[0], gate_up.y[1], &down.x));
    STRAIT_TRY(strait_layers_project(l, layer, "down", out_modules, kind, &down));
    l->pending = down.y[0];
    return strait_layers_dropout(l, layer, "down_dropout", STRAIT_DROPOUT_MLP, &l->pending);
}

strait_status strait_layers_dense(strait_layers *l, int layer)
{
    STRAIT_TRY(strait_layers_attention(l, layer));
    return strait_layers_mlp(l, layer);
}

/* ---- before and after the layers ---- */

static strait_status declare_inputs(strait_layers *l, strait_embedding *embedding)
{
    strait_graph *graph = l->graph;
    const strait_build *build = l->build;
    int64_t tokens = build->batch * build->length;
    STRAIT_TRY(strait_graph_input(graph, "ids", STRAIT_DTYPE_I32, tokens, 1, &embedding->ids));
    STRAIT_TRY(strait_graph_input(graph, "positions", STRAIT_DTYPE_I32, tokens, 1, &l->positions));
    STRAIT_TRY(strait_graph_state(graph, "rope", STRAIT_DTYPE_F32, build->table_rows, l->config->head_dim, &l->table));
    if (build->documents) {
        STRAIT_TRY(strait_graph_input(graph, "documents", STRAIT_DTYPE_I32, tokens, 1, &l->documents));
    }
    bool drops = l->config->residual_dropout > 0 || l->config->attention_dropout > 0 ||
                 (build->lora && build->lora->dropout > 0);
    if (build->dropout && drops) {
        STRAIT_TRY(strait_graph_input(graph, "sequences", STRAIT_DTYPE_I32, build->batch, 1, &l->sequences));
        STRAIT_TRY(strait_graph_state(graph, "step", STRAIT_DTYPE_F32, STRAIT_STEP_WORDS, 1, &l->step));
    }
    if (build->mode == STRAIT_BUILD_GENERATE) {
        STRAIT_TRY(strait_graph_input(graph, "lengths", STRAIT_DTYPE_I32, build->batch, 1, &l->lengths));
    }
    if (build->mode == STRAIT_BUILD_TRAIN) {
        strait_tensor_id unused;
        STRAIT_TRY(strait_graph_input(graph, "embedding.slots", STRAIT_DTYPE_I32, tokens, 1, &unused));
        if (l->config->tie_word_embeddings && build->embedding_rows > 0) {
            STRAIT_TRY(strait_graph_state(graph, "embedding.accumulator", STRAIT_DTYPE_F32, build->embedding_rows,
                                          l->config->hidden_size, &unused));
        }
    }
    return STRAIT_OK;
}

strait_status strait_layers_head_weight(strait_layers *l, strait_tensor_id *out)
{
    return strait_model_weight(l->graph, l->params, out, "%s",
                               l->config->tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
}

strait_status strait_layers_loss(strait_layers *l, const char *prefix, strait_tensor_id weight, strait_tensor_id y)
{
    char name[64];
    strait_graph *graph = l->graph;
    int64_t tokens = l->build->batch * l->build->length;
    strait_linear_xent head = {.y = y, .w = weight, .sequence_length = l->build->length};
    strait_tensor_id sum;
    snprintf(name, sizeof name, "%stargets", prefix);
    STRAIT_TRY(strait_graph_input(graph, name, STRAIT_DTYPE_I32, tokens, 1, &head.targets));
    snprintf(name, sizeof name, "%sstep", prefix);
    STRAIT_TRY(strait_graph_state(graph, name, STRAIT_DTYPE_F32, STRAIT_STEP_WORDS, 1, &head.step));
    snprintf(name, sizeof name, "%sloss", prefix);
    STRAIT_TRY(strait_graph_activation(graph, name, STRAIT_DTYPE_F32, tokens, 1, STRAIT_KEEP_BOUNDARY, &head.loss));
    snprintf(name, sizeof name, "%sloss.sum", prefix);
    STRAIT_TRY(strait_graph_state(graph, name, STRAIT_DTYPE_F32, 1, 1, &sum));
    STRAIT_TRY(strait_emit_linear_xent(graph, &head));
    return strait_emit_loss_sum(graph, head.loss, sum, l->build->length);
}

/* Logits in f32 of every row of x, into the STATE tensor `name`. */
static strait_status emit_logits(strait_layers *l, strait_tensor_id x, const char *name)
{
    strait_linear head = {.x = x, .segments = 1, .into_y = true};
    STRAIT_TRY(strait_layers_head_weight(l, &head.w[0]));
    STRAIT_TRY(strait_graph_state(l->graph, name, STRAIT_DTYPE_F32, l->graph->tensors[x].rows, l->config->vocab_size,
                                  &head.y[0]));
    return strait_emit_linear(l->graph, name, &head);
}

static strait_status finish(strait_layers *l)
{
    strait_graph *graph = l->graph;
    strait_tensor_id norm_w;
    strait_tensor_id y;
    STRAIT_TRY(strait_model_weight(graph, l->params, &norm_w, "model.norm.weight"));
    STRAIT_TRY(add_and_norm(l, "final_norm", STRAIT_KEEP_BOUNDARY, norm_w, &y));
    /* The head's gradient needs y at once, so recomputing it would gain nothing. */
    graph->tensors[y].keep = STRAIT_KEEP_BOUNDARY;
    if (l->build->mtp) STRAIT_TRY(strait_mtp_module(l, y));
    if (l->finished) return STRAIT_OK;
    switch (l->build->mode) {
    case STRAIT_BUILD_TRAIN: {
        strait_tensor_id head;
        STRAIT_TRY(strait_layers_head_weight(l, &head));
        return strait_layers_loss(l, "", head, y);
    }
    case STRAIT_BUILD_LOGITS: return emit_logits(l, y, "logits");
    default: graph->tensors[y].store = STRAIT_STORE_STATE; break;
    }
    char name[64];
    snprintf(name, sizeof name, "hidden.%lld", (long long)(l->build->batch * l->build->length));
    snprintf(graph->tensors[y].name, sizeof graph->tensors[y].name, "hidden");
    return strait_layout_place(graph->state, name, graph->tensors[y].bytes, &graph->tensors[y].offset);
}

strait_status strait_layers_build(strait_layers *l, strait_layer_fn layer)
{
    l->documents = STRAIT_NO_TENSOR;
    l->lengths = STRAIT_NO_TENSOR;
    l->sequences = STRAIT_NO_TENSOR;
    l->step = STRAIT_NO_TENSOR;
    l->pending = STRAIT_NO_TENSOR;
    l->layer = layer;
    if (l->build->mode == STRAIT_BUILD_HEAD) {
        strait_tensor_id hidden;
        STRAIT_TRY(strait_graph_state(l->graph, "hidden.last", l->graph->dtype, 1, l->config->hidden_size, &hidden));
        return emit_logits(l, hidden, "logits.last");
    }
    strait_embedding embedding = {0};
    STRAIT_TRY(declare_inputs(l, &embedding));
    STRAIT_TRY(strait_model_weight(l->graph, l->params, &embedding.table, "model.embed_tokens.weight"));
    STRAIT_TRY(strait_emit_embedding(l->graph, "embedding", &embedding));
    l->x = embedding.y;
    for (int i = 0; i < (int)l->config->num_hidden_layers && !l->finished; i++) STRAIT_TRY(layer(l, i));
    return l->finished ? STRAIT_OK : finish(l);
}
