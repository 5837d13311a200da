/* Counting a model's parameters by its shape, and the limits that keep every count inside int64_t. */
#include "plan/model_shape.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Limits whose products fit: parameters stay below 2^62. */
#define LAYERS_MAX 4096
#define WIDTH_MAX (INT64_C(1) << 20)
#define VOCAB_MAX (INT64_C(1) << 24)
#define EXPERTS_MAX 65536
#define PARAMS_MAX 1e17

static int64_t moe_layers(const strait_model_shape *s)
{
    if (s->experts == 0) return 0;
    int64_t every = s->moe_every > 0 ? s->moe_every : 1;
    int64_t rest = s->layers - s->dense_layers;
    return rest > 0 ? rest / every : 0;
}

static int64_t norm_width(const strait_model_shape *s, int64_t width)
{
    return s->norm_bias ? 2 * width : width;
}

static int64_t attention_params(const strait_model_shape *s)
{
    int64_t h = s->hidden;
    int64_t q = s->heads * s->head_dim;
    int64_t v = s->heads * s->v_dim;
    int64_t count = v * h + (s->out_bias ? h : 0) + s->norms * norm_width(s, h);
    if (s->kv_rank > 0) {
        int64_t nope = s->head_dim - s->rope_dim;
        count += s->q_rank > 0 ? h * s->q_rank + s->q_rank + s->q_rank * q : h * q;
        count += h * (s->kv_rank + s->rope_dim) + s->kv_rank;
        return count + s->kv_rank * s->heads * (nope + s->v_dim);
    }
    int64_t kv = s->kv_heads * (s->head_dim + s->v_dim);
    count += h * (q + kv) + (s->qkv_bias ? q + kv : 0);
    if (s->qk_norm) count += 2 * s->head_dim;
    if (s->qk_norm_all) count += q + s->kv_heads * s->head_dim;
    return count;
}

static int64_t mlp_params(const strait_model_shape *s, int64_t width)
{
    int64_t matrices = s->gated ? 3 : 2;
    int64_t bias = s->mlp_bias ? (matrices - 1) * width + s->hidden : 0;
    return matrices * s->hidden * width + bias;
}

strait_shape_params strait_model_shape_params(const strait_model_shape *s)
{
    strait_shape_params p = {.embedding = (s->vocab + s->positions) * s->hidden,
                             .head = s->tied ? 0 : s->vocab * s->hidden,
                             .attention = attention_params(s),
                             .dense = mlp_params(s, s->ffn),
                             .moe_layers = moe_layers(s)};
    if (s->experts > 0) {
        p.expert = mlp_params(s, s->expert_ffn);
        p.shared = s->experts * (s->hidden + s->router_bias) + (s->shared_ffn > 0 ? mlp_params(s, s->shared_ffn) : 0);
    }
    int64_t dense_layers = s->layers - p.moe_layers;
    int64_t common = p.embedding + p.head + norm_width(s, s->hidden) + s->layers * p.attention +
                     dense_layers * p.dense + p.moe_layers * p.shared;
    p.total = common + p.moe_layers * s->experts * p.expert;
    p.active = common + p.moe_layers * s->experts_per_token * p.expert;
    return p;
}

static strait_status check_range(const char *name, const char *what, int64_t value, int64_t min, int64_t max)
{
    if (value >= min && value <= max) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: %s: is %" PRId64 ", must be %" PRId64 " to %" PRId64, name, what, value,
                       min, max);
}

static strait_status check_experts(const char *name, const strait_model_shape *s)
{
    STRAIT_TRY(check_range(name, "experts", s->experts, 0, EXPERTS_MAX));
    if (s->experts == 0) return STRAIT_OK;
    STRAIT_TRY(check_range(name, "experts per token", s->experts_per_token, 1, s->experts));
    STRAIT_TRY(check_range(name, "width of an expert", s->expert_ffn, 1, WIDTH_MAX));
    STRAIT_TRY(check_range(name, "width of the shared experts", s->shared_ffn, 0, WIDTH_MAX));
    STRAIT_TRY(check_range(name, "dense layers", s->dense_layers, 0, s->layers));
    return check_range(name, "every how many layers have experts", s->moe_every, 1, LAYERS_MAX);
}

strait_status strait_model_shape_check(const char *name, const strait_model_shape *s)
{
    STRAIT_TRY(check_range(name, "num_hidden_layers", s->layers, 1, LAYERS_MAX));
    STRAIT_TRY(check_range(name, "hidden_size", s->hidden, 1, WIDTH_MAX));
    STRAIT_TRY(check_range(name, "vocab_size", s->vocab, 1, VOCAB_MAX));
    STRAIT_TRY(check_range(name, "positions", s->positions, 0, VOCAB_MAX));
    STRAIT_TRY(check_range(name, "num_attention_heads", s->heads, 1, 65536));
    STRAIT_TRY(check_range(name, "num_key_value_heads", s->kv_heads, 1, s->heads));
    STRAIT_TRY(check_range(name, "head_dim", s->head_dim, 1, 65536));
    STRAIT_TRY(check_range(name, "v_head_dim", s->v_dim, 1, 65536));
    STRAIT_TRY(check_range(name, "q_lora_rank", s->q_rank, 0, WIDTH_MAX));
    STRAIT_TRY(check_range(name, "kv_lora_rank", s->kv_rank, 0, WIDTH_MAX));
    STRAIT_TRY(check_range(name, "qk_rope_head_dim", s->rope_dim, 0, s->head_dim));
    /* Every layer may have experts; then the width of dense ones does not matter. */
    STRAIT_TRY(check_range(name, "intermediate_size", s->ffn, s->experts > 0 ? 0 : 1, WIDTH_MAX));
    STRAIT_TRY(check_range(name, "norms of a layer", s->norms, 0, 16));
    STRAIT_TRY(check_experts(name, s));
    if (s->kv_rank == 0 && s->heads % s->kv_heads != 0) {
        return STRAIT_FAIL(STRAIT_ERR_SHAPE,
                           "%s: num_attention_heads: %" PRId64 " is not a multiple of num_key_value_heads = %" PRId64,
                           name, s->heads, s->kv_heads);
    }
    double h = (double)s->hidden;
    double width = (double)(s->heads * (s->head_dim + s->v_dim));
    double each = h * (2 * width + 3 * (double)s->ffn + 3 * (double)s->shared_ffn) +
                  (double)(s->q_rank + s->kv_rank) * (h + width) +
                  3 * (double)s->experts * h * ((double)s->expert_ffn + 1);
    double bound = (double)s->layers * 2 * each + 2.0 * (double)(s->vocab + s->positions) * h;
    if (bound > PARAMS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: about %.1e parameters: more than 1e17 are not counted", name,
                           bound);
    }
    return STRAIT_OK;
}

strait_status strait_model_shape_guess(double params_total, double params_active, int64_t layers, int64_t hidden,
                                       strait_model_shape *out)
{
    strait_model_shape s = {.family = "by size",
                            .layers = layers,
                            .hidden = hidden,
                            .vocab = 32768,
                            .head_dim = 128,
                            .v_dim = 128,
                            .heads = hidden / 128 > 0 ? hidden / 128 : 1,
                            .norms = 2,
                            .gated = true};
    s.kv_heads = s.heads;
    s.ffn = 1;
    STRAIT_TRY(strait_model_shape_check("a model by its size", &s));
    if (!(params_total > 0 && params_total < PARAMS_MAX) || !(params_active > 0 && params_active <= params_total)) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "a model by its size: %g parameters, %g active", params_total,
                           params_active);
    }
    strait_shape_params p = strait_model_shape_params(&s);
    double left = params_active - (double)(p.embedding + p.head) - (double)layers * (double)p.attention;
    double width = left / (3.0 * (double)hidden * (double)layers);
    s.ffn = width >= 1 && width < (double)WIDTH_MAX ? (int64_t)llround(width) : 4 * hidden;
    if (params_total > 1.2 * params_active) {
        /* Eight experts of an eighth of the feed-forward layer at a time: what most such models are like. */
        double each = (double)s.ffn / 8;
        s.expert_ffn = each >= 1 ? (int64_t)each : 1;
        s.experts_per_token = 8;
        double more = (params_total - params_active) / ((double)layers * 3.0 * (double)hidden * (double)s.expert_ffn);
        s.experts = more < EXPERTS_MAX - 8 ? 8 + (int64_t)llround(more) : EXPERTS_MAX;
        s.moe_every = 1;
    }
    STRAIT_TRY(strait_model_shape_check("a model by its size", &s));
    *out = s;
    return STRAIT_OK;
}
