/* What `info` says about tokenizers, token shards, event files and metrics; by the public interfaces of their makers.
 */
#include "base/file.h"
#include "base/json.h"
#include "ckpt/info_kinds.h"
#include "ckpt/tensorboard.h"

#include <strait/data.h>
#include <strait/tokenizer.h>

static void put_id(int32_t id, const char *key, strait__facts *facts)
{
    if (id >= 0) strait__facts_int(facts, key, id);
}

strait_status strait__info_tokenizer(const char *path, strait__facts *facts)
{
    strait_tokenizer *tokenizer;
    char hash[65];
    STRAIT_TRY(strait_tokenizer_load(path, &tokenizer));
    strait__facts_text(facts, "summary", strait_tokenizer_summary(tokenizer));
    strait__facts_int(facts, "vocabulary", strait_tokenizer_vocab_size(tokenizer));
    strait__facts_int(facts, "merges", strait_tokenizer_merge_count(tokenizer));
    strait__facts_int(facts, "added_tokens", strait_tokenizer_added_count(tokenizer));
    put_id(strait_tokenizer_end_of_text(tokenizer), "end_of_text_id", facts);
    put_id(strait_tokenizer_eos(tokenizer), "eos_id", facts);
    put_id(strait_tokenizer_pad(tokenizer), "pad_id", facts);
    strait__facts_text(facts, "unicode", strait_tokenizer_unicode_versions(tokenizer));
    strait_status status = strait_tokenizer_hash(tokenizer, hash);
    if (status == STRAIT_OK) strait__facts_text(facts, "tokenizer_sha256", hash);
    strait_tokenizer_destroy(tokenizer);
    return status;
}

strait_status strait__info_tokens(const char *path, strait__facts *facts)
{
    strait_shard_info info;
    STRAIT_TRY(strait_shard_query(path, 0, &info));
    strait__facts_text(facts, "index", info.path);
    strait__facts_text(facts, "dtype", info.dtype);
    strait__facts_int(facts, "documents", info.documents);
    strait__facts_int(facts, "sequences", info.sequences);
    strait__facts_int(facts, "tokens", info.tokens);
    strait__facts_int(facts, "shortest_sequence", info.shortest);
    strait__facts_int(facts, "longest_sequence", info.longest);
    strait__facts_int(facts, "file_bytes", info.bin_bytes);
    if (info.text_bytes >= 0) strait__facts_int(facts, "text_bytes", info.text_bytes);
    if (info.eos_id >= 0) strait__facts_int(facts, "eos_id", info.eos_id);
    if (info.vocabulary >= 0) strait__facts_int(facts, "vocabulary", info.vocabulary);
    if (info.tokenizer_sha256[0]) strait__facts_text(facts, "tokenizer_sha256", info.tokenizer_sha256);
    return STRAIT_OK;
}

strait_status strait__info_events(const char *path, strait__facts *facts)
{
    strait_tensorboard_summary summary;
    STRAIT_TRY(strait_tensorboard_inspect(path, &summary));
    strait__facts_int(facts, "events", summary.events);
    if (summary.first_step >= 0) {
        strait__facts_int(facts, "first_step", summary.first_step);
        strait__facts_int(facts, "last_step", summary.last_step);
    }
    strait__facts_bool(facts, "torn_at_the_end", summary.torn);
    return STRAIT_OK;
}

/* The parts of lines of a metrics.jsonl that are worth showing: how many, the first step, the last line. */
static strait_status put_lines(const char *path, const char *text, size_t length, strait__facts *facts)
{
    int64_t lines = 0;
    size_t last = 0;
    size_t end = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n') continue;
        last = end;
        end = i + 1;
        lines++;
    }
    strait__facts_int(facts, "lines", lines);
    strait__facts_bool(facts, "torn_at_the_end", end != length);
    if (lines == 0) return STRAIT_OK;
    json_t *line = NULL;
    STRAIT_TRY_CTX(strait_json_parse(path, text + last, end - 1 - last, &line), "line %lld", (long long)lines);
    strait__facts_json(facts, "last_metrics", line);
    return STRAIT_OK;
}

strait_status strait__info_metrics(const char *path, strait__facts *facts)
{
    strait_map map;
    STRAIT_TRY(strait_file_map(path, &map));
    strait_status status = put_lines(path, (const char *)map.bytes, map.length, facts);
    strait_file_unmap(&map);
    return status;
}
