/* Counting floating-point operations from a shape. */
#include "plan/flops.h"

static double attention_weights(const strait_model_shape *s)
{
    double h = (double)s->hidden;
    double q = (double)(s->heads * s->head_dim);
    double out = (double)(s->heads * s->v_dim) * h;
    if (s->kv_rank > 0) {
        double queries = s->q_rank > 0 ? (h + q) * (double)s->q_rank : h * q;
        double up = (double)(s->heads * (s->head_dim - s->rope_dim + s->v_dim));
        return queries + h * (double)(s->kv_rank + s->rope_dim) + (double)s->kv_rank * up + out;
    }
    return h * (q + (double)(s->kv_heads * (s->head_dim + s->v_dim))) + out;
}

strait_flops strait_flops_of(const strait_model_shape *s, int64_t length)
{
    strait_shape_params p = strait_model_shape_params(s);
    double h = (double)s->hidden;
    double matrices = s->gated ? 3 : 2;
    double moe = (double)p.moe_layers;
    double dense = (double)(s->layers - p.moe_layers) * matrices * h * (double)s->ffn;
    double routed = moe * (double)s->experts_per_token * matrices * h * (double)s->expert_ffn;
    double shared = moe * (h * (double)s->experts + matrices * h * (double)s->shared_ffn);
    double width = (double)(s->heads * (s->head_dim + s->v_dim));
    double keys = (double)length;
    return (strait_flops){
        .layers = 2 * ((double)s->layers * attention_weights(s) + dense + routed + shared),
        .experts = 2 * routed,
        .head = 2 * h * (double)s->vocab,
        .attention = (double)s->layers * 2 * width * (keys + 1) / 2,
        .full_attention = (double)s->layers * 2 * width * keys,
    };
}

double strait_flops_causal(const strait_flops *f)
{
    return 3 * (f->layers + f->head + f->attention);
}

double strait_flops_palm(const strait_flops *f)
{
    return 3 * (f->layers + f->head + f->full_attention);
}

double strait_flops_6n(const strait_model_shape *shape)
{
    return 6 * (double)strait_model_shape_params(shape).active;
}
