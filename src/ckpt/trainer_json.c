/*
 * trainer.json, written and read. Its last member "sha256" is the hash of the file's own bytes with the 64 digits of
 * that member set to zeros, so that a changed bit anywhere in the file shows.
 */
#include "ckpt/trainer_json.h"

#include "base/file.h"
#include "base/json.h"
#include "ckpt/checkpoint.h"

#include <inttypes.h>
#include <string.h>

#define FILE_NAME "trainer.json"
#define FORMAT_NAME "strait-checkpoint"
#define BYTES_MAX ((size_t)256 << 20)
#define DIGITS 64
#define SELF_KEY "\"sha256\": \""

static json_t *files_json(const strait_file_list *files)
{
    json_t *object = json_object();
    for (size_t i = 0; i < files->count; i++) {
        const strait_file_record *record = &files->records[i];
        json_t *entry =
            json_pack("{s:I, s:s}", "size", (json_int_t)record->digest.size, "sha256", record->digest.sha256);
        if (json_object_set_new(object, record->name, entry) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* Where the digits of the last "sha256" begin; NULL where the text does not end in one. */
static char *find_digits(char *text, size_t length)
{
    const size_t key = strlen(SELF_KEY);
    for (size_t at = length; at >= key + DIGITS + 1; at--) {
        char *start = text + at - (key + DIGITS + 1);
        if (memcmp(start, SELF_KEY, key) != 0 || start[key + DIGITS] != '"') continue;
        return start + key;
    }
    return NULL;
}

/* Puts zeros in the place of the digits and hashes the whole. */
static void hash_self(char *text, size_t length, char *digits, char out_hex[STRAIT_SHA256_HEX])
{
    memset(digits, '0', DIGITS);
    strait_sha256 hash;
    strait_sha256_init(&hash);
    strait_sha256_update(&hash, text, length);
    strait_sha256_final(&hash, out_hex);
}

static strait_status write_object(const char *path, const json_t *object)
{
    strait_buffer text = {0};
    strait_status status = strait_json_format(object, 2, &text);
    if (status == STRAIT_OK) status = strait_buffer_append(&text, "\n", 1);
    if (status == STRAIT_OK) {
        char hex[STRAIT_SHA256_HEX];
        char *digits = find_digits(text.bytes, text.length);
        STRAIT_ASSERT(digits);
        hash_self(text.bytes, text.length, digits, hex);
        memcpy(digits, hex, DIGITS);
        strait_file_digest digest;
        status = strait_file_write(path, text.bytes, text.length, &digest);
    }
    strait_buffer_fini(&text);
    return status;
}

strait_status strait__trainer_json_write(const char *directory, int64_t step, const json_t *trainer,
                                         const strait_file_list *files)
{
    char zeros[STRAIT_SHA256_HEX];
    memset(zeros, '0', DIGITS);
    zeros[DIGITS] = '\0';
    char *path;
    STRAIT_TRY(strait_path_join(directory, FILE_NAME, &path));
    json_t *object =
        json_pack("{s:s, s:i, s:I, s:O, s:o, s:s}", "format", FORMAT_NAME, "version", STRAIT_CHECKPOINT_VERSION, "step",
                  (json_int_t)step, "trainer", trainer, "files", files_json(files), "sha256", zeros);
    strait_status status = object ? write_object(path, object)
                                  : STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory for its contents", path);
    json_decref(object);
    strait_free(path);
    return status;
}

static strait_status check_self(const char *path, strait_buffer *text)
{
    char *digits = text->bytes ? find_digits(text->bytes, text->length) : NULL;
    if (!digits) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: does not end in its own hash; it is truncated or not ours", path);
    }
    char stored[STRAIT_SHA256_HEX];
    char hex[STRAIT_SHA256_HEX];
    memcpy(stored, digits, DIGITS);
    stored[DIGITS] = '\0';
    hash_self(text->bytes, text->length, digits, hex);
    if (strcmp(stored, hex) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: does not match its own hash; it was changed or damaged", path);
    }
    return STRAIT_OK;
}

static strait_status check_files(const char *path, const json_t *files)
{
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)(uintptr_t)files, name, entry)
    {
        const json_t *size = json_object_get(entry, "size");
        const json_t *hash = json_object_get(entry, "sha256");
        if (!json_is_integer(size) || json_integer_value(size) < 0 || json_string_length(hash) != DIGITS ||
            strchr(name, '/') || name[0] == '\0') {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: files: \"%s\" needs a plain name, a size and a sha256", path,
                               name);
        }
    }
    return STRAIT_OK;
}

static strait_status take_members(const char *path, const json_t *object, strait__trainer_json *out)
{
    const char *format = json_string_value(json_object_get(object, "format"));
    const json_t *version = json_object_get(object, "version");
    const json_t *step = json_object_get(object, "step");
    json_t *trainer = json_object_get(object, "trainer");
    json_t *files = json_object_get(object, "files");
    if (!format || strcmp(format, FORMAT_NAME) != 0 || !json_is_integer(version)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: is not the trainer.json of a checkpoint", path);
    }
    if (json_integer_value(version) != STRAIT_CHECKPOINT_VERSION) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: checkpoint version %" JSON_INTEGER_FORMAT "; this program reads version %d", path,
                           json_integer_value(version), STRAIT_CHECKPOINT_VERSION);
    }
    if (!json_is_integer(step) || json_integer_value(step) < 0 || !json_is_object(trainer) || !json_is_object(files)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: needs \"step\", \"trainer\" and \"files\"", path);
    }
    STRAIT_TRY(check_files(path, files));
    *out = (strait__trainer_json){
        .step = json_integer_value(step), .trainer = json_incref(trainer), .files = json_incref(files)};
    return STRAIT_OK;
}

strait_status strait__trainer_json_read(const char *directory, strait__trainer_json *out)
{
    char *path;
    STRAIT_TRY(strait_path_join(directory, FILE_NAME, &path));
    strait_buffer text = {0};
    json_t *object = NULL;
    strait_status status = strait_file_read(path, BYTES_MAX, &text);
    if (status == STRAIT_OK) status = check_self(path, &text);
    if (status == STRAIT_OK) status = strait_json_parse(path, text.bytes, text.length, &object);
    if (status == STRAIT_OK) status = take_members(path, object, out);
    json_decref(object);
    strait_buffer_fini(&text);
    strait_free(path);
    return status;
}

void strait__trainer_json_fini(strait__trainer_json *json)
{
    json_decref(json->trainer);
    json_decref(json->files);
    *json = (strait__trainer_json){0};
}
