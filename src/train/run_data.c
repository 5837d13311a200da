/* What a run is trained and evaluated on: token shards, or files of conversations (sft.h). */
#include "base/file.h"
#include "data/corpus_files.h"
#include "train/run.h"
#include "train/sft.h"

#include <string.h>

static strait_status count_conversations(const strait_run *run, const char *key, const strait_config_sources *sources,
                                         bool *out)
{
    int64_t files = 0;
    for (int64_t i = 0; i < sources->count; i++) files += strait__corpus_is_json(sources->items[i].path);
    *out = files > 0;
    if (files == 0 || files == sources->count) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: %s: conversations (.jsonl) and token shards do not go together: %s",
                       run->options->config, key, "what is learnt of them differs");
}

strait_status run__decide_data(strait_run *run)
{
    strait_run_config *c = &run->config;
    bool train;
    bool validation;
    STRAIT_TRY(count_conversations(run, "data.train", &c->data.train, &train));
    STRAIT_TRY(count_conversations(run, "data.validation", &c->data.validation, &validation));
    if (c->data.validation.count > 0 && train != validation) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: data.validation: %s, as data.train is", run->options->config,
                           train ? "give conversations (.jsonl)" : "give token shards");
    }
    run->conversations = train;
    if (train) c->data.mask_documents = true;
    return STRAIT_OK;
}

/* The chat template stands beside the tokenizer. */
static strait_status open_chat(const strait_run *run, strait_chat **out)
{
    const char *path = run->config.tokenizer;
    if (!path) return strait_chat_open(strait_model_dir_path(run->from), out);
    if (strait_path_is_directory(path)) return strait_chat_open(path, out);
    char *folder;
    const char *slash = strrchr(path, '/');
    if (!slash) return strait_chat_open(".", out);
    STRAIT_TRY(strait_strndup(STRAIT_TAG_OTHER, path, slash > path ? (size_t)(slash - path) : 1, &folder));
    strait_status status = strait_chat_open(folder, out);
    strait_free(folder);
    return status;
}

/* What became of the conversations of a file; logged when there is a log. */
static strait_status tell(strait_run *run, const char *path, const strait_sft_report *r)
{
    double filled = (double)r->tokens / ((double)r->samples * (double)run->config.data.sequence_length);
    STRAIT_TRY(strait_buffer_printf(
        &run->told,
        "%s: %lld conversations in %lld samples of %lld tokens, %.0f%% filled; %lld of %lld tokens are learnt\n", path,
        (long long)r->conversations, (long long)r->samples, (long long)run->config.data.sequence_length, 100 * filled,
        (long long)r->learnt, (long long)r->tokens));
    if (r->split > 0) {
        STRAIT_TRY(
            strait_buffer_printf(&run->told, "%s: %lld were split, answer by answer\n", path, (long long)r->split));
    }
    if (r->dropped == 0) return STRAIT_OK;
    return strait_buffer_printf(&run->told, "%s: %lld were longer than a sample and left out\n", path,
                                (long long)r->dropped);
}

static strait_status read_conversations(strait_run *run, strait_dataset_source *sources, int count)
{
    strait_sft_options options = {.length = run->config.data.sequence_length,
                                  .drop_longer = run->config.sft.too_long == STRAIT_CONFIG_TOO_LONG_DROP,
                                  .events = run->options->events,
                                  .rules = {.tokenizer = run->tokenizer,
                                            .split_turns = run->config.sft.split_turns,
                                            .trust_content = run->config.sft.trust_content,
                                            .thinking = run->config.sft.thinking - 1}};
    strait_chat *chat;
    if (!run->tokenizer) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: conversations need a tokenizer: set `tokenizer`",
                           run->options->config);
    }
    STRAIT_TRY(open_chat(run, &chat));
    options.rules.chat = chat;
    strait_status status = STRAIT_OK;
    for (int i = 0; i < count && status == STRAIT_OK; i++) {
        strait_sft_report report;
        status = strait_sft_shard(&options, sources[i].path, &report, &sources[i].shard);
        if (status == STRAIT_OK) status = tell(run, sources[i].path, &report);
    }
    for (int i = 0; i < count && status != STRAIT_OK; i++) strait__shard_close(sources[i].shard);
    strait_chat_close(chat);
    return status;
}

static strait_status open_sources(strait_run *run, const strait_config_sources *from, bool sequential,
                                  strait_dataset **out)
{
    strait_dataset_source *sources;
    char hash[65];
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)from->count, sizeof *sources, &sources));
    for (int64_t i = 0; i < from->count; i++) {
        sources[i] = (strait_dataset_source){.path = from->items[i].path, .weight = from->items[i].weight};
    }
    strait_dataset_params params = {.sources = sources,
                                    .source_count = (int)from->count,
                                    .sequence_length = run->config.data.sequence_length,
                                    .seed = (uint32_t)run->config.seed,
                                    .vocabulary = run->model.vocab_size,
                                    .mask_documents = run->config.data.mask_documents,
                                    .sequential = sequential};
    strait_status status = STRAIT_OK;
    if (run->tokenizer) {
        status = strait_tokenizer_hash(run->tokenizer, hash);
        params.tokenizer_sha256 = hash;
    }
    if (status == STRAIT_OK && run->conversations) status = read_conversations(run, sources, params.source_count);
    if (status == STRAIT_OK) status = strait_dataset_create(&params, out);
    strait_free(sources);
    return status;
}

strait_status run__open_data(strait_run *run)
{
    const strait_config_sources *validation = &run->config.data.validation;
    STRAIT_TRY(open_sources(run, &run->config.data.train, false, &run->train_data));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)validation->count, sizeof *run->val_data, &run->val_data));
    for (; run->val_count < validation->count; run->val_count++) {
        strait_config_sources one = {.items = &validation->items[run->val_count], .count = 1};
        STRAIT_TRY(open_sources(run, &one, true, &run->val_data[run->val_count]));
    }
    return STRAIT_OK;
}
