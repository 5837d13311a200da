/* The shapes that benchmarks know by name. */
#include "train/bench_model.h"

#include "base/file.h"

#include <string.h>

/* The shapes that the comparisons with other trainers use. */
typedef struct bench_shape {
    const char *name;
    int64_t vocab, hidden, ffn, layers, heads, kv_heads, head_dim, sequences, length;
} bench_shape;

static const bench_shape shapes[] = {
    {"tiny", 8192, 256, 768, 6, 4, 2, 64, 8, 256},
    {"small", 16384, 512, 1536, 8, 8, 4, 64, 4, 512},
    {"qwen3-0.6b", 151936, 1024, 3072, 28, 16, 8, 128, 1, 512},
};

static strait_model_config config_of(const bench_shape *s)
{
    return (strait_model_config){.family = STRAIT_FAMILY_QWEN3,
                                 .vocab_size = s->vocab,
                                 .pad_token_id = -1,
                                 .hidden_size = s->hidden,
                                 .intermediate_size = s->ffn,
                                 .num_hidden_layers = s->layers,
                                 .num_attention_heads = s->heads,
                                 .num_key_value_heads = s->kv_heads,
                                 .head_dim = s->head_dim,
                                 .max_position_embeddings = 32768,
                                 .rms_norm_eps = 1e-6,
                                 .rope_theta = 1e6,
                                 .initializer_range = 0.02,
                                 .tie_word_embeddings = true};
}

strait_status strait_bench_model(strait_bench_options *inout_options, strait_model_config *out)
{
    strait_bench_options *o = inout_options;
    if (!o->model) o->model = "tiny";
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(shapes[i].name, o->model) != 0) continue;
        if (o->sequences == 0) o->sequences = shapes[i].sequences;
        if (o->length == 0) o->length = shapes[i].length;
        *out = config_of(&shapes[i]);
        return STRAIT_OK;
    }
    if (o->sequences == 0) o->sequences = 1;
    if (o->length == 0) o->length = 512;
    if (!strait_path_exists(o->model)) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "model \"%s\": tiny, small, qwen3-0.6b, or the path of a config.json or model directory",
                           o->model);
    }
    if (!strait_path_is_directory(o->model)) return strait_model_config_read(o->model, out);
    char *path;
    STRAIT_TRY(strait_path_join(o->model, "config.json", &path));
    strait_status status = strait_model_config_read(path, out);
    strait_free(path);
    return status;
}
