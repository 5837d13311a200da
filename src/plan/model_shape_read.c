/* A shape from config.json. Every family has its own names for the same sizes; the first one that is there counts. */
#include "base/file.h"
#include "plan/model_shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PLAIN = 0, QK_NORM = 1, QK_NORM_ALL = 2, QKV_BIAS = 4, ROUTER_BIAS = 8 };

typedef struct model_type {
    const char *name;
    unsigned fixed;
} model_type;

static const model_type types[] = {
#define STRAIT_MODEL_TYPE(name, fixed) {#name, fixed},
#include "plan/model_types.def"
#undef STRAIT_MODEL_TYPE
};

/* The first of "a|b|c" that the object has and that is not null. */
static const json_t *find_key(const json_t *json, const char *keys, char *out_key, size_t capacity)
{
    for (const char *at = keys; *at;) {
        size_t length = strcspn(at, "|");
        snprintf(out_key, capacity, "%.*s", (int)length, at);
        const json_t *value = json_object_get(json, out_key);
        if (value && !json_is_null(value)) return value;
        at += length + (at[length] == '|');
    }
    return NULL;
}

/* A size under one of several names; `fallback` < 0: it must be there. */
static strait_status read_size(const char *name, const json_t *json, const char *keys, int64_t fallback, int64_t *out)
{
    char key[64];
    const json_t *value = find_key(json, keys, key, sizeof key);
    if (!value) {
        if (fallback >= 0) {
            *out = fallback;
            return STRAIT_OK;
        }
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %.*s: is missing; a plan needs it", name, (int)strcspn(keys, "|"),
                           keys);
    }
    if (json_is_array(value) && json_array_size(value) > 0) value = json_array_get(value, 0); /* ERNIE: text first */
    if (!json_is_integer(value)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s: must be a whole number", name, key);
    int64_t number = json_integer_value(value);
    if (number < 0)
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: %s: is %" PRId64 ", must not be negative", name, key, number);
    *out = number;
    return STRAIT_OK;
}

static strait_status read_flag(const char *name, const json_t *json, const char *key, bool fallback, bool *out)
{
    const json_t *value = json_object_get(json, key);
    if (!value || json_is_null(value)) {
        *out = fallback;
        return STRAIT_OK;
    }
    if (!json_is_boolean(value)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s: must be true or false", name, key);
    *out = json_is_true(value);
    return STRAIT_OK;
}

static strait_status find_type(const char *name, const json_t *json, const model_type **out)
{
    const char *wanted = json_string_value(json_object_get(json, "model_type"));
    char list[512] = "";
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (wanted && strcmp(types[i].name, wanted) == 0) {
            *out = &types[i];
            return STRAIT_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", types[i].name);
    }
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: model_type: \"%.60s\" is not known to the planner; known: %s", name,
                       wanted ? wanted : "", list);
}

static strait_status read_attention(const char *name, const json_t *json, const model_type *type, strait_model_shape *s)
{
    int64_t nope;
    bool bias;
    STRAIT_TRY(read_size(name, json, "num_attention_heads", -1, &s->heads));
    STRAIT_TRY(read_size(name, json, "num_key_value_heads", s->heads, &s->kv_heads));
    STRAIT_TRY(read_size(name, json, "kv_lora_rank", 0, &s->kv_rank));
    if (s->kv_rank > 0) {
        STRAIT_TRY(read_size(name, json, "q_lora_rank", 0, &s->q_rank));
        STRAIT_TRY(read_size(name, json, "qk_nope_head_dim", -1, &nope));
        STRAIT_TRY(read_size(name, json, "qk_rope_head_dim", -1, &s->rope_dim));
        STRAIT_TRY(read_size(name, json, "v_head_dim", -1, &s->v_dim));
        if (nope > 65536 || s->rope_dim > 65536) {
            return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: qk_nope_head_dim, qk_rope_head_dim: at most 65536", name);
        }
        s->head_dim = nope + s->rope_dim;
        s->kv_heads = s->heads;
    } else {
        STRAIT_TRY(read_size(name, json, "head_dim", s->heads > 0 ? s->hidden / s->heads : 0, &s->head_dim));
        s->v_dim = s->head_dim;
    }
    bool seed = strcmp(type->name, "seed_oss") == 0;
    STRAIT_TRY(read_flag(name, json, "attention_bias", seed, &bias));
    STRAIT_TRY(read_flag(name, json, "attention_out_bias", !seed && bias, &s->out_bias));
    s->qkv_bias = bias || (type->fixed & QKV_BIAS);
    s->qk_norm = (type->fixed & QK_NORM) != 0;
    s->qk_norm_all = (type->fixed & QK_NORM_ALL) != 0;
    return STRAIT_OK;
}

/* Some layers may be named as dense one by one; the shape only knows how many come first. */
static strait_status read_dense_list(const char *name, const json_t *json, strait_model_shape *s)
{
    const json_t *list = json_object_get(json, "mlp_only_layers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_integer_value(json_array_get(list, i)) != (json_int_t)i) {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                               "%s: mlp_only_layers: only the first layers can be planned as dense", name);
        }
    }
    if (json_array_size(list) > 0) s->dense_layers = (int64_t)json_array_size(list);
    return STRAIT_OK;
}

static strait_status read_mlp(const char *name, const json_t *json, strait_model_shape *s)
{
    int64_t shared;
    s->gated = true;
    STRAIT_TRY(read_flag(name, json, "mlp_bias", false, &s->mlp_bias));
    STRAIT_TRY(read_size(name, json, "n_routed_experts|num_experts|num_local_experts|moe_num_experts", 0, &s->experts));
    STRAIT_TRY(read_size(name, json, "intermediate_size", s->experts > 0 ? 0 : -1, &s->ffn));
    if (s->experts == 0) return STRAIT_OK;
    STRAIT_TRY(read_size(name, json, "num_experts_per_tok|moe_k", -1, &s->experts_per_token));
    /* Mixtral and OLMoE give the width of an expert as that of the layer. */
    STRAIT_TRY(read_size(name, json, "moe_intermediate_size|intermediate_size", -1, &s->expert_ffn));
    STRAIT_TRY(read_size(name, json, "n_shared_experts|moe_num_shared_experts", 0, &shared));
    STRAIT_TRY(read_size(name, json, "first_k_dense_replace|moe_layer_start_index", 0, &s->dense_layers));
    STRAIT_TRY(read_size(name, json, "moe_layer_interval|decoder_sparse_step|moe_layer_freq", 1, &s->moe_every));
    if (shared > 1024 || s->expert_ffn > (1 << 20)) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: %" PRId64 " shared experts of %" PRId64 " are too many", name, shared,
                           s->expert_ffn);
    }
    s->shared_ffn = shared * s->expert_ffn;
    return read_dense_list(name, json, s);
}

strait_status strait_model_shape_parse(const char *name, const json_t *json, strait_model_shape *out)
{
    if (!json_is_object(json)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: must be a JSON object", name);
    const model_type *type = NULL;
    strait_model_shape s = {.norms = 2, .moe_every = 1};
    STRAIT_TRY(find_type(name, json, &type));
    snprintf(s.family, sizeof s.family, "%s", type->name);
    STRAIT_TRY(read_size(name, json, "num_hidden_layers", -1, &s.layers));
    STRAIT_TRY(read_size(name, json, "hidden_size", -1, &s.hidden));
    STRAIT_TRY(read_size(name, json, "vocab_size", -1, &s.vocab));
    /* ERNIE's classes tie where the key is absent; the others do not. */
    STRAIT_TRY(read_flag(name, json, "tie_word_embeddings", strncmp(type->name, "ernie", 5) == 0, &s.tied));
    STRAIT_TRY(read_attention(name, json, type, &s));
    STRAIT_TRY(read_mlp(name, json, &s));
    s.router_bias = s.experts > 0 && (type->fixed & ROUTER_BIAS);
    STRAIT_TRY(strait_model_shape_check(name, &s));
    *out = s;
    return STRAIT_OK;
}

strait_status strait_model_shape_read(const char *path, strait_model_shape *out)
{
    if (strait_path_is_directory(path)) {
        char *file;
        STRAIT_TRY(strait_path_join(path, "config.json", &file));
        strait_status status = strait_path_is_directory(file)
                                   ? STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: is a directory", file)
                                   : strait_model_shape_read(file, out);
        strait_free(file);
        return status;
    }
    json_t *json;
    STRAIT_TRY(strait_json_read(path, &json));
    strait_status status = strait_model_shape_parse(path, json, out);
    json_decref(json);
    return status;
}
