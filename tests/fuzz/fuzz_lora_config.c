/* Fuzzes adapter_config.json: what is accepted finds its modules in a small model, or says why not. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char base[] =
    "{\"architectures\":[\"Qwen3MoeForCausalLM\"],\"model_type\":\"qwen3_moe\",\"vocab_size\":64,\"head_dim\":8,"
    "\"num_key_value_heads\":1,\"hidden_size\":16,\"intermediate_size\":24,\"moe_intermediate_size\":12,"
    "\"num_hidden_layers\":2,\"num_attention_heads\":2,\"num_experts\":3,\"num_experts_per_tok\":2,"
    "\"mlp_only_layers\":[0]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    strait_model_config model;
    strait_lora_config config;
    strait_lora lora;
    json_t *json;
    if (strait_json_parse("base", base, sizeof base - 1, &json) != STRAIT_OK) abort();
    if (strait_model_config_parse("base", json, &model) != STRAIT_OK) abort();
    json_decref(json);
    if (strait_lora_config_parse("fuzz", (const char *)data, size, &config) != STRAIT_OK) return 0;
    if (strait_lora_create(&config, &model, "fuzz", &lora) == STRAIT_OK) {
        if (lora.params.count != 2 * lora.count) abort();
        strait_lora_fini(&lora);
    }
    strait_lora_config_fini(&config);
    return 0;
}
