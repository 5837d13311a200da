/*
 * Packing: corpus -> encoder -> two shards and a record. The order of documents is that of the corpus, so that the
 * output depends on neither threads nor interruptions.
 */
#define _POSIX_C_SOURCE 200809L
#include "data/pack.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "data/encode_batch.h"
#include "data/packing.h"
#include "data/text_repair.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATE_SECONDS 2.0
#define PROGRESS_SECONDS 0.1
/* Megatron's own limit between its two types. */
#define UINT16_VOCABULARY 65500

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static strait_status check_options(const strait_pack_options *options, const strait__encoder *encoder)
{
    if (options->struct_size != sizeof *options) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "strait_pack_options.struct_size is %u, this library's is %zu",
                           options->struct_size, sizeof *options);
    }
    if (!options->prefix || options->prefix[0] == '\0' || options->prefix[strlen(options->prefix) - 1] == '/') {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "the output is a prefix of file names such as data/web, not \"%s\"",
                           options->prefix ? options->prefix : "");
    }
    if (!(options->validation_fraction >= 0.0 && options->validation_fraction < 1.0)) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "the validation fraction is %g: it is at least 0 and below 1",
                           options->validation_fraction);
    }
    if (encoder->eos < 0 || encoder->eos >= encoder->vocabulary) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "the end-of-text token %d is not in the vocabulary of %d", encoder->eos,
                           encoder->vocabulary);
    }
    return STRAIT_OK;
}

static strait_status make_path(const strait__packing *p, const char *ending, char **out_path)
{
    strait_buffer path = {0};
    strait_status status = strait_buffer_printf(&path, "%s%s", p->options->prefix, ending);
    if (status != STRAIT_OK) strait_buffer_fini(&path);
    *out_path = path.bytes;
    return status;
}

/* What goes into the record has to be UTF-8. */
static strait_status check_text(const char *what, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length == 0 || strait__text_valid_prefix(text, length) == length) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s is not UTF-8", what);
}

/* Everything that decides the ids besides the text: compared as a whole with what earlier files were made with. */
static strait_status describe(strait__packing *p)
{
    STRAIT_TRY(check_text("--field", p->options->corpus.field));
    STRAIT_TRY(check_text("the separator of --split-documents", p->options->corpus.separator));
    static const char *const splits[] = {"whole", "blank", "separator", "size"};
    const strait_corpus_options *corpus = &p->options->corpus;
    const char *separator = corpus->split == STRAIT_SPLIT_SEPARATOR ? corpus->separator : "";
    json_int_t size = corpus->split == STRAIT_SPLIT_SIZE ? corpus->split_bytes : 0;
    p->made_with = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:f, s:b}", "tokenizer_sha256",
                             p->encoder->sha256, "unicode", p->encoder->unicode, "eos_id", (json_int_t)p->encoder->eos,
                             "vocabulary", (json_int_t)p->encoder->vocabulary, "dtype", strait__id_type_name(p->type),
                             "field", corpus->field ? corpus->field : "text", "split", splits[corpus->split],
                             "separator", separator, "split_bytes", size, "validation_fraction",
                             p->options->validation_fraction, "plain_text", p->options->plain_text);
    if (!p->made_with) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "no memory to describe the packing");
    return STRAIT_OK;
}

static strait_status open_corpus(strait__packing *p)
{
    strait_corpus_options corpus = p->options->corpus;
    if (corpus.struct_size == 0) corpus.struct_size = sizeof corpus;
    corpus.hash_files = 1;
    STRAIT_TRY(strait_corpus_open(p->options->paths, p->options->path_count, &corpus, &p->corpus));
    for (int64_t i = 0; i < strait_corpus_file_count(p->corpus); i++) {
        const char *path = strait_corpus_file_get(p->corpus, i)->path;
        size_t length = strlen(path);
        if (strait__text_valid_prefix(path, length) == length) continue;
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: the file's name is not UTF-8 and cannot be recorded: rename it",
                           path);
    }
    return STRAIT_OK;
}

static strait_status save_state(strait__packing *p)
{
    for (int i = 0; i < p->splits; i++) STRAIT_TRY(strait__shard_writer_flush(&p->writers[i], 1));
    STRAIT_TRY(strait__packing_write_record(p, p->state_path, p->files_complete, p->complete));
    p->last_state = now();
    return STRAIT_OK;
}

static void mark_complete(strait__packing *p, int64_t files)
{
    if (files <= p->files_complete) return;
    p->files_complete = files;
    for (int i = 0; i < p->splits; i++) p->complete[i] = p->writers[i].counts;
}

/* Held out or not: 53 bits of a hash of the text against the fraction. */
static int split_of(const strait__packing *p, const char *text, size_t length)
{
    if (p->splits == 1) return STRAIT__PACK_TRAIN;
    strait_sha256 hash;
    char hex[STRAIT_SHA256_HEX];
    strait_sha256_init(&hash);
    strait_sha256_update(&hash, text, length);
    strait_sha256_final(&hash, hex);
    uint64_t bits = 0;
    for (int i = 0; i < 16; i++) {
        unsigned digit = hex[i] <= '9' ? (unsigned)(hex[i] - '0') : (unsigned)(hex[i] - 'a') + 10U;
        bits = bits << 4 | digit;
    }
    return (double)(bits >> 11) * 0x1p-53 < p->options->validation_fraction ? STRAIT__PACK_VALIDATION
                                                                            : STRAIT__PACK_TRAIN;
}

static strait_status flush_batch(strait__packing *p)
{
    strait__encode_batch *batch = p->batch;
    strait__encode_batch_run(batch);
    strait_status status = STRAIT_OK;
    for (int64_t i = 0; i < batch->count && status == STRAIT_OK; i++) {
        const strait__batch_document *document = &batch->documents[i];
        const char *path = strait_corpus_file_get(p->corpus, document->file)->path;
        mark_complete(p, document->file);
        if (document->status != STRAIT_OK) {
            status = STRAIT_FAIL(document->status, "%s:%lld: %s", path, (long long)document->line,
                                 document->message ? document->message : "cannot be encoded");
            break;
        }
        if (document->encoding.dropped_bytes > 0) {
            status =
                STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                            "%s:%lld: the tokenizer has no token for %zu bytes of this document, it would be packed "
                            "with holes: use a tokenizer with all 256 bytes",
                            path, (long long)document->line, document->encoding.dropped_bytes);
            break;
        }
        int split = split_of(p, batch->text.bytes + document->offset, document->length);
        status = strait__shard_writer_add(&p->writers[split], document->encoding.ids, document->encoding.count,
                                          p->encoder->eos, (int64_t)document->length);
    }
    strait__encode_batch_clear(batch);
    return status;
}

static void report_progress(strait__packing *p, bool at_end)
{
    double time = now();
    if (!p->events || !p->events->progress || (!at_end && time - p->last_progress < PROGRESS_SECONDS)) return;
    p->last_progress = time;
    int64_t done;
    int64_t total;
    strait_corpus_progress(p->corpus, &done, &total);
    int64_t documents = 0;
    int64_t tokens = 0;
    for (int i = 0; i < p->splits; i++) {
        documents += p->writers[i].counts.documents;
        tokens += p->writers[i].counts.tokens;
    }
    char detail[96];
    snprintf(detail, sizeof detail, "%lld documents  %lld tokens", (long long)documents, (long long)tokens);
    double seconds = time - p->start;
    /* What an earlier call did took none of this call's time. */
    int64_t before = 0;
    for (int64_t i = 0; i < p->files_resumed; i++) before += strait_corpus_file_get(p->corpus, i)->bytes;
    double left = done > before ? seconds * (double)(total - done) / (double)(done - before) : -1.0;
    strait_progress progress = {.what = "packing",
                                .done = done,
                                .total = total,
                                .unit = "bytes",
                                .seconds = seconds,
                                .seconds_left = left,
                                .detail = detail};
    p->events->progress(p->events->user, &progress);
}

static strait_status check_stop(const strait__packing *p)
{
    if (!p->events || !p->events->stop_requested || p->events->stop_requested(p->events->user) == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "packing stopped: the same command goes on after the last complete source "
                                             "file");
}

static strait_status pack_documents(strait__packing *p)
{
    for (;;) {
        strait_document document;
        int found;
        STRAIT_TRY(check_stop(p));
        STRAIT_TRY(strait_corpus_next(p->corpus, &document, &found));
        if (!found) break;
        STRAIT_TRY(strait__encode_batch_add(p->batch, &document));
        if (!strait__encode_batch_is_full(p->batch)) continue;
        STRAIT_TRY(flush_batch(p));
        report_progress(p, false);
        if (now() - p->last_state >= STATE_SECONDS) STRAIT_TRY(save_state(p));
    }
    STRAIT_TRY(flush_batch(p));
    mark_complete(p, strait_corpus_file_count(p->corpus));
    report_progress(p, true);
    return STRAIT_OK;
}

static strait_status remove_file(const char *path)
{
    if (unlink(path) == 0 || errno == ENOENT) return STRAIT_OK;
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot remove: %s", path, strerror(error));
}

static strait_status remove_shard(const strait__packing *p, int split, const char *ending)
{
    strait_buffer path = {0};
    strait_status status = strait_buffer_printf(&path, "%s%s", p->base[split], ending);
    if (status == STRAIT_OK) status = remove_file(path.bytes);
    strait_buffer_fini(&path);
    return status;
}

static strait_status remove_parts(const strait__packing *p, int split)
{
    STRAIT_TRY(remove_shard(p, split, ".bin.part"));
    STRAIT_TRY(remove_shard(p, split, ".len.part"));
    return remove_shard(p, split, ".idx.part");
}

/* Before the first file was complete there is nothing to go on from. */
static strait_status remove_all(const strait__packing *p)
{
    for (int i = 0; i < p->splits; i++) STRAIT_TRY(remove_parts(p, i));
    return remove_file(p->state_path);
}

/* After an error or stop: what complete files gave is kept. The first error is the one to report. */
static void keep_what_is_complete(strait__packing *p, strait_status failure)
{
    char message[1024];
    snprintf(message, sizeof message, "%s", strait_error_message());
    strait_status status = flush_batch(p);
    if (status == STRAIT_OK || status == failure) status = p->files_complete > 0 ? save_state(p) : remove_all(p);
    /* Recorded again as it was: the attempts above may have left a message of their own. */
    status = STRAIT_FAIL(failure, "%s", message);
    (void)status;
}

static strait_status check_counts(strait__packing *p)
{
    const strait_split_counts *train = &p->writers[STRAIT__PACK_TRAIN].counts;
    const strait_split_counts *validation = &p->writers[STRAIT__PACK_VALIDATION].counts;
    if (train->documents == 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "all %lld documents fell into the validation part: cut the text into more documents "
                           "(--split-documents) or lower --val-fraction",
                           (long long)validation->documents);
    }
    if (p->splits == 1 || validation->documents > 0) return STRAIT_OK;
    char line[300];
    snprintf(line, sizeof line,
             "no document fell into the validation part (%lld documents, fraction %g), which is not written: cut the "
             "text into more documents "
             "(--split-documents) or raise --val-fraction",
             (long long)train->documents, p->options->validation_fraction);
    strait__packing_log(p, STRAIT_LOG_WARN, line);
    return STRAIT_OK;
}

static strait_status commit(strait__packing *p)
{
    strait_split_counts counts[STRAIT__PACK_SPLITS] = {{0}};
    /* A part without a document is not written: nothing could be done with its shard. */
    int written = p->writers[p->splits - 1].counts.documents > 0 ? p->splits : 1;
    for (int i = 0; i < written; i++) STRAIT_TRY(strait__shard_writer_finish(&p->writers[i]));
    for (int i = 0; i < p->splits; i++) counts[i] = p->writers[i].counts;
    /* From here until the new sidecar stands there is none, so that shards of two packings are never taken for one. */
    STRAIT_TRY(save_state(p));
    STRAIT_TRY(remove_file(p->sidecar_path));
    for (int i = 0; i < written; i++) STRAIT_TRY(strait__shard_writer_commit(&p->writers[i]));
    for (int i = written; i < STRAIT__PACK_SPLITS; i++) {
        STRAIT_TRY(remove_shard(p, i, ".bin"));
        STRAIT_TRY(remove_shard(p, i, ".idx"));
        STRAIT_TRY(remove_parts(p, i));
    }
    STRAIT_TRY(strait__packing_write_record(p, p->sidecar_path, p->files_complete, counts));
    return remove_file(p->state_path);
}

static strait_status create_folder(const char *prefix)
{
    const char *slash = strrchr(prefix, '/');
    if (!slash || slash == prefix) return STRAIT_OK;
    char *folder;
    STRAIT_TRY(strait_strndup(STRAIT_TAG_DATA, prefix, (size_t)(slash - prefix), &folder));
    strait_status status = strait_directory_create(folder);
    strait_free(folder);
    return status;
}

static strait_status prepare(strait__packing *p)
{
    p->type = p->encoder->vocabulary < UINT16_VOCABULARY ? STRAIT__ID_UINT16 : STRAIT__ID_INT32;
    p->splits = p->options->validation_fraction > 0.0 ? 2 : 1;
    STRAIT_TRY(make_path(p, ".json", &p->sidecar_path));
    STRAIT_TRY(make_path(p, ".pack.json", &p->state_path));
    STRAIT_TRY(make_path(p, "_train", &p->base[STRAIT__PACK_TRAIN]));
    STRAIT_TRY(make_path(p, "_val", &p->base[STRAIT__PACK_VALIDATION]));
    STRAIT_TRY(open_corpus(p));
    return describe(p);
}

static strait_status write_all(strait__packing *p)
{
    STRAIT_TRY(create_folder(p->options->prefix));
    for (int i = 0; i < p->splits; i++) STRAIT_TRY(strait__shard_writer_init(&p->writers[i], p->base[i], p->type));
    STRAIT_TRY(strait_pool_create(p->options->threads, &p->pool));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, 1, sizeof *p->batch, &p->batch));
    p->batch->encoder = p->encoder;
    p->batch->pool = p->pool;
    STRAIT_TRY(strait__packing_resume(p));
    p->last_state = p->start;
    strait_status status = pack_documents(p);
    if (status != STRAIT_OK) {
        keep_what_is_complete(p, status);
        return status;
    }
    STRAIT_TRY(check_counts(p));
    return commit(p);
}

static void fini(strait__packing *p)
{
    for (int i = 0; i < STRAIT__PACK_SPLITS; i++) strait__shard_writer_fini(&p->writers[i]);
    if (p->batch) strait__encode_batch_fini(p->batch);
    strait_free(p->batch);
    strait_pool_destroy(p->pool);
    strait_corpus_close(p->corpus);
    json_decref(p->made_with);
    strait_free(p->sidecar_path);
    strait_free(p->state_path);
    for (int i = 0; i < STRAIT__PACK_SPLITS; i++) strait_free(p->base[i]);
}

strait_status strait__pack(const strait_pack_options *options, const strait__encoder *encoder,
                           const strait_events *events, strait_pack_result *out_result)
{
    STRAIT_TRY(check_options(options, encoder));
    strait__packing p = {.options = options, .encoder = encoder, .events = events, .start = now()};
    for (int i = 0; i < STRAIT__PACK_SPLITS; i++) p.writers[i].bin_fd = p.writers[i].len_fd = -1;
    strait_pack_result result = {0};
    bool packed = false;
    strait_status status = prepare(&p);
    if (status == STRAIT_OK) status = strait__packing_check(&p, &result, &packed);
    if (status == STRAIT_OK && !packed) status = write_all(&p);
    if (status == STRAIT_OK && !packed) {
        result.train = p.writers[STRAIT__PACK_TRAIN].counts;
        result.validation = p.writers[STRAIT__PACK_VALIDATION].counts;
        result.files_resumed = p.files_resumed;
        for (int64_t i = 0; i < p.files_complete; i++) {
            const strait_corpus_file *file = strait_corpus_file_get(p.corpus, i);
            result.invalid_utf8 += file->invalid_utf8;
            result.empty_documents += file->empty_documents;
        }
        result.files = p.files_complete;
    }
    fini(&p);
    if (status == STRAIT_OK) *out_result = result;
    return status;
}
