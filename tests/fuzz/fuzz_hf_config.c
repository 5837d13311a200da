/* Any bytes as a config.json: refused, or read, written and read back the same. */
#include "ckpt/hf_config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_round_trip(const strait_model_config *config)
{
    strait_buffer text = {0};
    json_t *json = NULL;
    strait_model_config back;
    if (strait_model_config_format(config, &text) != STRAIT_OK) abort();
    if (strait_json_parse("written", text.bytes, text.length, &json) != STRAIT_OK) abort();
    if (strait_model_config_parse("written", json, &back) != STRAIT_OK) abort();
    if (back.vocab_size != config->vocab_size || back.rope_theta != config->rope_theta) abort();
    if (back.num_key_value_heads != config->num_key_value_heads || back.rms_norm_eps != config->rms_norm_eps) abort();
    json_decref(json);
    strait_buffer_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    json_t *json = NULL;
    strait_model_config config;
    if (strait_json_parse("fuzz", (const char *)bytes, length, &json) != STRAIT_OK) return 0;
    if (strait_model_config_parse("fuzz", json, &config) == STRAIT_OK) check_round_trip(&config);
    json_decref(json);
    return 0;
}
