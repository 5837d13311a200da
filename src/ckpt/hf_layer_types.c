/* Layers that attend within a sliding window, as the configurations of Qwen3's kind name them. */
#include "ckpt/hf_reader.h"

#include <inttypes.h>
#include <string.h>

static void slide(strait_model_config *config, int64_t layer)
{
    config->sliding_layers[layer / 64] |= (uint64_t)1 << (layer % 64);
}

static void read_types(strait__hf_reader *reader, const json_t *types, strait_model_config *config)
{
    if (!json_is_array(types) || (int64_t)json_array_size(types) != config->num_hidden_layers) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT,
                         "layer_types: must be an array of num_hidden_layers = %" PRId64 " strings",
                         config->num_hidden_layers);
        return;
    }
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *type = json_string_value(json_array_get(types, i));
        if (type && strcmp(type, "full_attention") == 0) continue;
        if (!type || strcmp(type, "sliding_attention") != 0) {
            strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED,
                             "layer_types: layer %zu is \"%.40s\"; \"full_attention\" and \"sliding_attention\" are "
                             "supported",
                             i, type ? type : "not a string");
            return;
        }
        if (config->sliding_window == 0) {
            strait__hf_error(reader, STRAIT_ERR_FORMAT,
                             "layer_types: layer %zu is \"sliding_attention\", but no window is in use: "
                             "use_sliding_window must be true and sliding_window a number",
                             i);
            return;
        }
        slide(config, (int64_t)i);
    }
}

void strait__hf_read_windows(strait__hf_reader *reader, strait_model_config *config)
{
    const json_t *types = strait__hf_value(reader, "layer_types");
    bool in_use = strait__hf_bool(reader, "use_sliding_window", false);
    int64_t from = strait__hf_int(reader, "max_window_layers", 28, 0, INT64_MAX);
    int64_t window = 0;
    /* A null is no window, a missing key 4096: so it is in transformers. */
    if (!json_is_null(json_object_get(reader->object, "sliding_window"))) {
        window = strait__hf_int(reader, "sliding_window", 4096, 1, INT32_MAX);
    }
    config->sliding_window = in_use ? window : 0;
    if (types) {
        read_types(reader, types, config);
    } else if (config->sliding_window > 0) {
        for (int64_t i = from; i < config->num_hidden_layers; i++) slide(config, i);
    }
}

strait_status strait__hf_write_windows(const strait_model_config *config, json_t *object)
{
    json_t *types = json_array();
    int failed = types ? 0 : -1;
    /* max_window_layers counts the layers of full attention that come first. */
    int64_t full = config->num_hidden_layers;
    for (int64_t i = 0; i < config->num_hidden_layers; i++) {
        bool slides = strait_model_config_window(config, i) > 0;
        if (slides && i < full) full = i;
        failed |= json_array_append_new(types, json_string(slides ? "sliding_attention" : "full_attention"));
    }
    bool any = full < config->num_hidden_layers;
    failed |= json_object_set_new(object, "layer_types", types);
    failed |= json_object_set_new(object, "max_window_layers", json_integer(full));
    failed |= json_object_set_new(object, "sliding_window", any ? json_integer(config->sliding_window) : json_null());
    failed |= json_object_set_new(object, "use_sliding_window", json_boolean(any));
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
