/* What `info` says about files of text: corpora, questions, logs, samples, profiles, configs, and JSON shown as it is.
 */
#include "base/file.h"
#include "base/json.h"
#include "ckpt/info_kinds.h"

#include <strait/data.h>

#include <string.h>

/* So much of a file's beginning is looked at to tell its kind. */
enum { FIRST_LINE_MAX = 1 << 20 };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool ends(const char *path, const char *suffix)
{
    size_t length = strlen(path);
    size_t tail = strlen(suffix);
    return length >= tail && strcmp(path + length - tail, suffix) == 0;
}

static bool begins(const char *text, size_t length, const char *with)
{
    size_t n = strlen(with);
    return length >= n && memcmp(text, with, n) == 0;
}

/* "0000-00-00T" with any digits for the zeros. */
static bool looks_like(const char *text, size_t length, const char *form)
{
    for (size_t i = 0; form[i]; i++) {
        if (i >= length) return false;
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '0' ? !digit : text[i] != form[i]) return false;
    }
    return true;
}

/* ---- which kind ---- */

/* The first line of JSON lines as an object; NULL where it is none. */
static json_t *first_object(const char *text, size_t length)
{
    if (length == 0) return NULL;
    const char *newline = memchr(text, '\n', length);
    size_t end = newline ? (size_t)(newline - text) : length;
    json_t *line = NULL;
    if (end > FIRST_LINE_MAX) return NULL;
    if (strait_json_parse("first line", text, end, &line) != STRAIT_OK) return NULL;
    if (json_is_object(line)) return line;
    json_decref(line);
    return NULL;
}

static bool is_questions(const char *text, size_t length)
{
    json_t *line = first_object(text, length);
    bool is = json_object_get(line, "question") && json_is_array(json_object_get(line, "choices"));
    json_decref(line);
    return is;
}

static bool is_number(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((text[i] < '0' || text[i] > '9') && text[i] != '\n') return false;
    }
    return true;
}

static bool is_compressed(const char *text, size_t length)
{
    return begins(text, length, "\x1f\x8b") || begins(text, length, "\xfd\x37zXZ") ||
           begins(text, length, "\x28\xb5\x2f\xfd");
}

const char *strait__info_text_kind(const char *path, const void *bytes, size_t length)
{
    const char *text = bytes;
    const char *name = base_name(path);
    if (begins(text, length, "op,dims,calls,seconds,")) return "profile";
    if (strcmp(name, "lock") == 0 && length < 32 && is_number(text, length)) return "run lock";
    if (strcmp(name, "log.txt") == 0 && looks_like(text, length, "0000-00-00T00:00:00Z ")) return "run log";
    if (looks_like(name, strlen(name), "step-00000000.txt") && strstr(path, "samples/")) return "samples";
    if (is_compressed(text, length)) return "corpus";
    if (ends(name, ".yaml") || ends(name, ".yml")) return "config";
    if (ends(name, "metrics.jsonl")) return "metrics";
    bool json_lines = ends(name, ".jsonl") || ends(name, ".ndjson");
    if (json_lines && is_questions(text, length)) return "questions";
    return json_lines || ends(name, ".txt") || ends(name, ".md") ? "corpus" : NULL;
}

strait_status strait__info_folder_kind(const char *path, const char **out_kind)
{
    char **names;
    size_t count;
    bool events = false;
    bool samples = false;
    bool text = false;
    static const char *const endings[] = {".txt", ".md", ".jsonl", ".ndjson", ".gz", ".xz", ".zst"};
    STRAIT_TRY(strait_directory_list(path, &names, &count));
    for (size_t i = 0; i < count; i++) {
        if (strstr(names[i], "events.out.tfevents.")) events = true;
        if (looks_like(names[i], strlen(names[i]), "step-00000000.txt")) samples = true;
        for (size_t e = 0; e < sizeof endings / sizeof endings[0]; e++) text = text || ends(names[i], endings[e]);
    }
    strait_names_free(names, count);
    *out_kind = events ? "event files" : samples ? "samples" : text ? "corpus" : NULL;
    return STRAIT_OK;
}

/* ---- what is said ---- */

strait_status strait__info_folder(const char *path, strait__facts *facts)
{
    char **names;
    size_t count;
    STRAIT_TRY(strait_directory_list(path, &names, &count));
    strait__facts_int(facts, "files", (int64_t)count);
    if (count > 0) strait__facts_text(facts, "newest", names[count - 1]);
    strait_names_free(names, count);
    return STRAIT_OK;
}

strait_status strait__info_corpus(const char *path, strait__facts *facts)
{
    strait_corpus *corpus;
    STRAIT_TRY(strait_corpus_open(&path, 1, NULL, &corpus));
    int64_t done;
    int64_t total;
    strait_corpus_progress(corpus, &done, &total);
    int64_t count = strait_corpus_file_count(corpus);
    strait__facts_int(facts, "files", count);
    strait__facts_int(facts, "file_bytes", total);
    if (count > 1) strait__facts_text(facts, "first", strait_corpus_file_get(corpus, 0)->path);
    strait_corpus_close(corpus);
    strait__facts_text(facts, "note", "text; strait data pack and strait tokenizer train read it");
    return STRAIT_OK;
}

static int64_t count_lines(const char *text, size_t length)
{
    int64_t lines = 0;
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
    return lines + (length > 0 && text[length - 1] != '\n');
}

strait_status strait__info_lines(const char *path, const char *kind, strait__facts *facts)
{
    static const struct {
        const char *kind;
        const char *key;
        const char *note;
    } notes[] = {
        {"run log", "lines", "what a run said, with the time"},
        {"samples", "lines", "what a run's model wrote at this step; one answer after the other, parted by ---"},
        {"questions", "questions", "multiple choice; strait eval --choices reads it"},
        {"run lock", NULL, "held while a process writes the run; strait info of the run says by which"},
        {"profile", "lines", "the time of each op of a run's last step, the slowest first (strait train --profile)"},
    };
    strait_map map;
    STRAIT_TRY(strait_file_map(path, &map));
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (strcmp(kind, notes[i].kind) != 0) continue;
        const char *text = (const char *)map.bytes;
        if (notes[i].key) strait__facts_int(facts, notes[i].key, count_lines(text, map.length));
        strait__facts_text(facts, "note", notes[i].note);
    }
    strait_file_unmap(&map);
    return STRAIT_OK;
}

/* A key at the beginning of a line, and what follows it there. */
static bool split_key(const char *line, size_t length, size_t *out_key, const char **out_value, size_t *out_length)
{
    size_t key = 0;
    while (key < length && ((line[key] >= 'a' && line[key] <= 'z') || line[key] == '_')) key++;
    if (key == 0 || key == length || line[key] != ':') return false;
    size_t at = key + 1;
    while (at < length && line[at] == ' ') at++;
    const char *comment = memchr(line + at, '#', length - at);
    size_t end = comment ? (size_t)(comment - line) : length;
    while (end > at && (line[end - 1] == ' ' || line[end - 1] == '\r')) end--;
    *out_key = key;
    *out_value = line + at;
    *out_length = end - at;
    return true;
}

static bool is_config_key(const char *key, size_t length)
{
    static const char *const keys[] = {"model",   "tokenizer", "data",   "batch",    "optimizer", "schedule",
                                       "steps",   "minutes",   "seed",   "numerics", "dtype",     "device",
                                       "threads", "memory",    "sample", "evaluate", "run",       "checkpoint"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strlen(keys[i]) == length && memcmp(keys[i], key, length) == 0) return true;
    }
    return false;
}

strait_status strait__info_config(const char *path, strait__facts *facts)
{
    strait_buffer text = {0};
    strait_status status = strait_file_read(path, 1 << 20, &text);
    json_t *keys = json_object();
    bool known = false;
    for (size_t at = 0; status == STRAIT_OK && at < text.length;) {
        const char *line = text.bytes + at;
        const char *newline = memchr(line, '\n', text.length - at);
        size_t length = newline ? (size_t)(newline - line) : text.length - at;
        size_t key;
        size_t value_length;
        const char *value;
        at += length + 1;
        if (!split_key(line, length, &key, &value, &value_length)) continue;
        known = known || is_config_key(line, key);
        json_t *shown = value_length > 0 ? json_stringn(value, value_length) : json_string("...");
        if (shown) (void)json_object_setn_new(keys, line, key, shown);
    }
    if (status == STRAIT_OK && !known) {
        status =
            STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: YAML, and none of its keys is one of a run's configuration", path);
    }
    strait_buffer_fini(&text);
    if (status != STRAIT_OK) {
        json_decref(keys);
        return status;
    }
    strait__facts_json(facts, "keys", keys);
    strait__facts_text(facts, "note", "a run's configuration; strait train reads it, and --plan-only checks it");
    return STRAIT_OK;
}

strait_status strait__info_json(const char *path, strait__facts *facts)
{
    json_t *json = NULL;
    STRAIT_TRY(strait_json_read(path, &json));
    if (json_is_array(json)) {
        const json_t *row = json_array_get(json, 0);
        strait__facts_int(facts, "rows", (int64_t)json_array_size(json));
        strait__facts_int(facts, "ids_of_the_first", (int64_t)json_array_size(row));
        json_decref(json);
        return STRAIT_OK;
    }
    /* The files of a corpus may be thousands; their number says enough. */
    json_t *files = json_object_get(json, "files");
    if (json_is_array(files))
        (void)json_object_set_new(json, "files", json_integer((json_int_t)json_array_size(files)));
    strait__facts_json(facts, "content", json);
    return STRAIT_OK;
}
