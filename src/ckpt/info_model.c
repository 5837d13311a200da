/* What `info` says about models, checkpoints, runs and safetensors files. */
#include "ckpt/info_kinds.h"

#include "base/file.h"
#include "base/json.h"
#include "ckpt/checkpoint.h"
#include "ckpt/run_dir.h"

#include <strait/tokenizer.h>

#include <stdio.h>
#include <string.h>

/* Sums over tensors. */
typedef struct totals {
    int64_t elements;
    int64_t bytes;
    int64_t by_dtype[STRAIT_DTYPE_COUNT]; /* tensors */
} totals;

static void count_tensor(totals *sum, const strait_tensor_view *view)
{
    sum->elements += view->count;
    sum->bytes += view->size;
    sum->by_dtype[view->dtype]++;
}

static void put_dtypes(strait__facts *facts, const totals *sum)
{
    char text[256] = "";
    size_t used = 0;
    for (int i = 0; i < STRAIT_DTYPE_COUNT && used < sizeof text; i++) {
        if (sum->by_dtype[i] == 0) continue;
        int put =
            snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", strait_dtype_name((strait_dtype)i));
        used += put > 0 ? (size_t)put : 0;
    }
    strait__facts_text(facts, "dtype", text);
}

/* Adds to a list of rows; false where memory ran out. */
static bool add_row(json_t *rows, json_t *row)
{
    return json_array_append_new(rows, row) == 0;
}

static json_t *tensor_row(const strait_tensor_view *view)
{
    char shape[STRAIT_SHAPE_TEXT];
    return json_pack("{s:s, s:s, s:s}", "name", view->name, "dtype", strait_dtype_name(view->dtype), "shape",
                     strait_shape_format(&view->shape, shape));
}

static void put_config(strait__facts *facts, const strait_model_config *config)
{
    strait__facts_text(facts, "architecture", strait_family_architecture(config->family));
    strait__facts_int(facts, "layers", config->num_hidden_layers);
    strait__facts_int(facts, "hidden_size", config->hidden_size);
    strait__facts_int(facts, "intermediate_size", config->intermediate_size);
    strait__facts_int(facts, "attention_heads", config->num_attention_heads);
    strait__facts_int(facts, "key_value_heads", config->num_key_value_heads);
    strait__facts_int(facts, "head_dim", config->head_dim);
    strait__facts_int(facts, "vocabulary", config->vocab_size);
    strait__facts_int(facts, "context", config->max_position_embeddings);
    strait__facts_real(facts, "rope_theta", config->rope_theta);
    strait__facts_bool(facts, "tied_embeddings", config->tie_word_embeddings);
}

static strait_status put_tokenizer(const char *path, strait__facts *facts)
{
    char *file;
    STRAIT_TRY(strait_tokenizer_path(path, &file));
    strait__facts_bool(facts, "has_tokenizer", strait_path_exists(file));
    strait_free(file);
    return STRAIT_OK;
}

static strait_status put_model(const strait_model_dir *model, const strait_info_options *options, strait__facts *facts)
{
    const strait_model_config *config = strait_model_dir_config(model);
    totals sum = {0};
    json_t *rows = json_array();
    bool listed = rows != NULL;
    for (size_t i = 0; i < strait_model_dir_count(model); i++) {
        const strait_tensor_view *view = strait_model_dir_get(model, i);
        count_tensor(&sum, view);
        if (options->tensors) listed = add_row(rows, tensor_row(view)) && listed;
    }
    /* Some tied releases store the shared matrix twice; it is one parameter. */
    const strait_tensor_view *head = strait_model_dir_find(model, "lm_head.weight");
    if (config->tie_word_embeddings && head) sum.elements -= head->count;
    put_config(facts, config);
    strait__facts_int(facts, "parameters", sum.elements);
    put_dtypes(facts, &sum);
    strait__facts_int(facts, "parameter_bytes", sum.bytes);
    strait__facts_int(facts, "tensors", (int64_t)strait_model_dir_count(model));
    strait__facts_int(facts, "shards", (int64_t)strait_model_dir_shards(model));
    if (options->tensors) strait__facts_json(facts, "tensor_list", listed ? json_incref(rows) : NULL);
    json_decref(rows);
    if (!options->hash) return STRAIT_OK;
    char hash[STRAIT_SHA256_HEX];
    STRAIT_TRY(strait_model_dir_hash(model, hash));
    strait__facts_text(facts, "parameters_sha256", hash);
    return STRAIT_OK;
}

strait_status strait__info_model(const char *path, const strait_info_options *options, strait__facts *facts)
{
    strait_model_dir *model;
    STRAIT_TRY(strait_model_dir_open(path, &model));
    strait_status status = put_model(model, options, facts);
    strait_model_dir_close(model);
    STRAIT_TRY(status);
    return put_tokenizer(path, facts);
}

static strait_status file_hash(const strait_safetensors *file, char out_hex[STRAIT_SHA256_HEX])
{
    size_t count = strait_safetensors_count(file);
    strait_tensor_spec *specs = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, sizeof *specs, &specs));
    strait_safetensors_specs(file, specs);
    strait_status status = strait_params_hash(specs, count, out_hex);
    strait_free(specs);
    return status;
}

static strait_status put_file(const strait_safetensors *file, bool list, const strait_info_options *options,
                              strait__facts *facts)
{
    totals sum = {0};
    size_t count = strait_safetensors_count(file);
    json_t *rows = json_array();
    bool listed = rows != NULL;
    for (size_t i = 0; i < count; i++) {
        const strait_tensor_view *view = strait_safetensors_get(file, i);
        count_tensor(&sum, view);
        listed = add_row(rows, tensor_row(view)) && listed;
    }
    strait__facts_int(facts, "tensors", (int64_t)count);
    strait__facts_int(facts, "elements", sum.elements);
    strait__facts_int(facts, "tensor_bytes", sum.bytes);
    put_dtypes(facts, &sum);
    if (list) strait__facts_json(facts, "tensor_list", listed ? json_incref(rows) : NULL);
    json_decref(rows);
    if (!options->hash) return STRAIT_OK;
    char hash[STRAIT_SHA256_HEX];
    STRAIT_TRY(file_hash(file, hash));
    strait__facts_text(facts, "parameters_sha256", hash);
    return STRAIT_OK;
}

/* Adapters: what they are beside, and their own tensors. */
static strait_status put_adapter(const char *path, const strait_safetensors *file, const strait_info_options *options,
                                 strait__facts *facts)
{
    char *name;
    strait_lora_config config;
    STRAIT_TRY(strait_path_join(path, "adapter_config.json", &name));
    strait_status status = strait_lora_config_read(name, &config);
    strait_free(name);
    STRAIT_TRY(status);
    if (config.base) strait__facts_text(facts, "base", config.base);
    strait__facts_int(facts, "rank", config.rank);
    strait__facts_real(facts, "alpha", config.alpha);
    strait_lora_config_fini(&config);
    return put_file(file, options->tensors, options, facts);
}

strait_status strait__info_adapter(const char *path, const strait_info_options *options, strait__facts *facts)
{
    char *name;
    strait_safetensors *file;
    STRAIT_TRY(strait_path_join(path, "adapter_model.safetensors", &name));
    strait_status status = strait_safetensors_open(name, &file);
    strait_free(name);
    STRAIT_TRY(status);
    status = put_adapter(path, file, options, facts);
    strait_safetensors_close(file);
    return status;
}

/* What the optimizer keeps and in which dtypes, by the prefixes of docs/formats.md. */
static void put_states(const strait_safetensors *file, strait__facts *facts)
{
    static const struct {
        const char *prefix;
        const char *name;
    } kinds[] = {{"master.", "f32 masters"}, {"m.", "first moment"}, {"v.", "second moment"}};
    char text[128] = "";
    size_t used = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        const strait_tensor_view *found = NULL;
        for (size_t i = 0; i < strait_safetensors_count(file) && !found; i++) {
            const strait_tensor_view *view = strait_safetensors_get(file, i);
            if (strncmp(view->name, kinds[k].prefix, strlen(kinds[k].prefix)) == 0) found = view;
        }
        if (!found) continue;
        int put = snprintf(text + used, sizeof text - used, "%s%s %s", used > 0 ? ", " : "", kinds[k].name,
                           k == 0 ? "of the weights" : strait_dtype_name(found->dtype));
        used += put > 0 ? (size_t)put : 0;
    }
    strait__facts_text(facts, "optimizer_states", text);
}

strait_status strait__info_checkpoint(const char *path, const strait_info_options *options, strait__facts *facts)
{
    strait_checkpoint checkpoint;
    STRAIT_TRY(strait_checkpoint_verify(path, options->hash ? STRAIT_CHECKPOINT_HASHES : STRAIT_CHECKPOINT_SIZES));
    STRAIT_TRY(strait_checkpoint_open(path, &checkpoint));
    strait__facts_int(facts, "step", checkpoint.step);
    strait__facts_text(facts, "intact", options->hash ? "every byte checked" : "sizes checked");
    strait__facts_json(facts, "trainer", json_incref(checkpoint.trainer));
    strait_status status = checkpoint.model ? put_model(checkpoint.model, options, facts)
                                            : put_adapter(path, checkpoint.adapter, options, facts);
    int64_t bytes = 0;
    size_t count = strait_safetensors_count(checkpoint.optimizer);
    for (size_t i = 0; i < count; i++) bytes += strait_safetensors_get(checkpoint.optimizer, i)->size;
    strait__facts_int(facts, "optimizer_tensors", (int64_t)count);
    strait__facts_int(facts, "optimizer_bytes", bytes);
    put_states(checkpoint.optimizer, facts);
    strait_checkpoint_close(&checkpoint);
    STRAIT_TRY(status);
    return put_tokenizer(path, facts);
}

/* One row of a list of checkpoints. */
static strait_status checkpoint_row(const char *folder, int64_t step, strait_checkpoint_check check, json_t *rows)
{
    char name[STRAIT_CHECKPOINT_NAME];
    char *path;
    strait_checkpoint_name(step, name);
    STRAIT_TRY(strait_path_join(folder, name, &path));
    strait_status found = strait_checkpoint_verify(path, check);
    strait_free(path);
    if (found == STRAIT_ERR_NO_MEMORY) return found;
    json_t *row = found == STRAIT_OK
                      ? json_pack("{s:s, s:s}", "name", name, "state", "intact")
                      : json_pack("{s:s, s:s+}", "name", name, "state", "broken: ", strait_error_message());
    if (add_row(rows, row)) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory for the list of checkpoints", folder);
}

strait_status strait__info_checkpoints(const char *path, const strait_info_options *options, const char *key,
                                       strait__facts *facts)
{
    int64_t *steps = NULL;
    size_t count = 0;
    STRAIT_TRY(strait_checkpoint_list(path, &steps, &count));
    json_t *rows = json_array();
    strait_status status = STRAIT_OK;
    strait_checkpoint_check check = options->hash ? STRAIT_CHECKPOINT_HASHES : STRAIT_CHECKPOINT_SIZES;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) status = checkpoint_row(path, steps[i], check, rows);
    strait_free(steps);
    strait__facts_json(facts, key, rows);
    return status;
}

static strait_status put_last_metrics(const char *path, strait__facts *facts)
{
    strait_buffer line = {0};
    json_t *last = NULL;
    strait_status status = strait_run_dir_last_metrics(path, &line);
    if (status == STRAIT_OK && line.length > 0) status = strait_json_parse(path, line.bytes, line.length, &last);
    strait_buffer_fini(&line);
    STRAIT_TRY(status);
    strait__facts_int(facts, "steps_done", json_integer_value(json_object_get(last, "step")));
    if (last) strait__facts_json(facts, "last_metrics", last);
    return STRAIT_OK;
}

static strait_status count_entries(const char *path, const char *folder, int64_t *out)
{
    char *full;
    char **names = NULL;
    size_t count = 0;
    STRAIT_TRY(strait_path_join(path, folder, &full));
    strait_status status = STRAIT_OK;
    if (strait_path_is_directory(full)) status = strait_directory_list(full, &names, &count);
    strait_names_free(names, count);
    strait_free(full);
    *out = (int64_t)count;
    return status;
}

static strait_status put_newest_hash(const char *path, const char *folder, strait__facts *facts)
{
    char *newest;
    int64_t step;
    strait_checkpoint checkpoint;
    char hash[STRAIT_SHA256_HEX];
    STRAIT_TRY_CTX(strait_checkpoint_find(folder, STRAIT_CHECKPOINT_HASHES, NULL, &newest, &step), "%s", path);
    strait_status status = strait_checkpoint_open(newest, &checkpoint);
    strait_free(newest);
    STRAIT_TRY(status);
    status = checkpoint.adapter ? file_hash(checkpoint.adapter, hash) : strait_model_dir_hash(checkpoint.model, hash);
    strait_checkpoint_close(&checkpoint);
    STRAIT_TRY(status);
    strait__facts_int(facts, "newest_intact_step", step);
    strait__facts_text(facts, "parameters_sha256", hash);
    return STRAIT_OK;
}

/* What ran which steps, as the newest intact checkpoint has it; nothing where there is none yet. */
static strait_status put_lineage(const char *folder, strait__facts *facts)
{
    char *newest;
    int64_t step;
    strait_checkpoint checkpoint;
    if (!strait_path_is_directory(folder)) return STRAIT_OK;
    strait_status status = strait_checkpoint_find(folder, STRAIT_CHECKPOINT_SIZES, NULL, &newest, &step);
    if (status == STRAIT_ERR_NO_MEMORY) return status;
    if (status != STRAIT_OK) return STRAIT_OK;
    status = strait_checkpoint_open(newest, &checkpoint);
    strait_free(newest);
    STRAIT_TRY(status);
    json_t *lineage = json_object_get(checkpoint.trainer, "lineage");
    if (lineage) strait__facts_json(facts, "lineage", json_incref(lineage));
    strait_checkpoint_close(&checkpoint);
    return STRAIT_OK;
}

strait_status strait__info_run(const char *path, const strait_info_options *options, strait__facts *facts)
{
    int64_t holder = 0;
    int64_t samples = 0;
    int64_t events = 0;
    STRAIT_TRY(strait_run_dir_holder(path, &holder));
    strait__facts_text(facts, "state", holder ? "in use" : "not in use");
    if (holder) strait__facts_int(facts, "process_id", holder);
    STRAIT_TRY(put_last_metrics(path, facts));
    char *folder;
    STRAIT_TRY(strait_path_join(path, "checkpoints", &folder));
    strait_status status = strait__info_checkpoints(folder, options, "checkpoints", facts);
    if (status == STRAIT_OK && options->hash) status = put_newest_hash(path, folder, facts);
    if (status == STRAIT_OK) status = put_lineage(folder, facts);
    strait_free(folder);
    STRAIT_TRY(status);
    STRAIT_TRY(count_entries(path, "samples", &samples));
    STRAIT_TRY(count_entries(path, "tb", &events));
    strait__facts_int(facts, "sample_files", samples);
    strait__facts_int(facts, "event_files", events);
    return STRAIT_OK;
}

strait_status strait__info_safetensors(const char *path, const strait_info_options *options, strait__facts *facts)
{
    strait_safetensors *file;
    STRAIT_TRY(strait_safetensors_open(path, &file));
    strait_status status = put_file(file, true, options, facts);
    strait_safetensors_close(file);
    return status;
}

strait_status strait__info_model_config(const char *path, strait__facts *facts)
{
    strait_model_config config;
    STRAIT_TRY(strait_model_config_read(path, &config));
    put_config(facts, &config);
    strait__facts_text(facts, "dtype", strait_dtype_name(config.dtype));
    return STRAIT_OK;
}
