/* Model directories: single and sharded, written and read, and every way in which shards and index can disagree. */
#define _POSIX_C_SOURCE 200809L

#include "folder.h"
#include "small_model.h"

#include "ckpt/model_dir.h"

static const float numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static const strait_tensor_spec tensors[] = {
    {.name = "model.norm.weight", .shape = {.rank = 1, .dims = {4}}, .bytes = numbers},
    {.name = "lm_head.weight", .shape = {.rank = 2, .dims = {2, 4}}, .bytes = numbers},
    {.name = "model.embed.weight", .shape = {.rank = 1, .dims = {3}}, .bytes = numbers + 2},
};
static const strait_model_config config = {SMALL_MODEL};

static void write_model(const char *path, int64_t shard_bytes, const char *tokenizer)
{
    const strait_model_write model = {
        .config = &config, .tensors = tensors, .count = 3, .shard_bytes = shard_bytes, .tokenizer = tokenizer};
    assert_int_equal(strait_model_dir_write(path, &model, NULL), STRAIT_OK);
}

static void assert_opens(const char *path, size_t shards, char hash[STRAIT_SHA256_HEX])
{
    strait_model_dir *model;
    strait_status status = strait_model_dir_open(path, &model);
    if (status != STRAIT_OK) fail_msg("%s", strait_error_message());
    assert_int_equal(strait_model_dir_shards(model), shards);
    assert_int_equal(strait_model_dir_count(model), 3);
    assert_string_equal(strait_model_dir_get(model, 0)->name, "lm_head.weight");
    assert_string_equal(strait_model_dir_get(model, 2)->name, "model.norm.weight");
    const strait_tensor_view *embed = strait_model_dir_find(model, "model.embed.weight");
    assert_memory_equal(embed->bytes, numbers + 2, 12);
    assert_null(strait_model_dir_find(model, "model.embed"));
    assert_int_equal(strait_model_dir_config(model)->hidden_size, 4);
    assert_int_equal(strait_model_dir_hash(model, hash), STRAIT_OK);
    strait_model_dir_close(model);
}

static void assert_refused(const char *path, strait_status status, const char *a, const char *b)
{
    strait_model_dir *model;
    int64_t used = strait_memory_used(STRAIT_TAG_OTHER);
    assert_int_equal(strait_model_dir_open(path, &model), status);
    if (!strstr(strait_error_message(), a) || !strstr(strait_error_message(), b)) {
        fail_msg("the message lacks \"%s\" or \"%s\": %s", a, b, strait_error_message());
    }
    assert_int_equal(strait_memory_used(STRAIT_TAG_OTHER), used);
}

static void single_and_sharded_hold_the_same(void **state)
{
    (void)state;
    char single[STRAIT_SHA256_HEX];
    char sharded[STRAIT_SHA256_HEX];
    char specs[STRAIT_SHA256_HEX];
    write_model("single", 0, NULL);
    assert_opens("single", 1, single);
    assert_false(strait_path_exists("single/model.safetensors.index.json"));
    write_model("sharded", 16, NULL);
    assert_opens("sharded", 3, sharded);
    assert_true(strait_path_exists("sharded/model-00003-of-00003.safetensors"));
    assert_string_equal(single, sharded);
    assert_int_equal(strait_params_hash(tensors, 3, specs), STRAIT_OK);
    assert_string_equal(single, specs);
    /* By the recipe in Python: hashlib over name, dtype and shape each with a zero byte, and the bytes. */
    assert_string_equal(single, "d224890dd1de3de837d802d9e22d157a60810973cbfb0373f435f8830de46722");
}

static void an_existing_model_is_not_overwritten(void **state)
{
    (void)state;
    write_model("twice", 0, NULL);
    const strait_model_write model = {.config = &config, .tensors = tensors, .count = 3};
    assert_int_equal(strait_model_dir_write("twice", &model, NULL), STRAIT_ERR_EXISTS);
    strait_tensor_spec doubled[2] = {tensors[0], tensors[0]};
    const strait_model_write wrong = {.config = &config, .tensors = doubled, .count = 2, .shard_bytes = 1};
    assert_int_equal(strait_model_dir_write("doubled", &wrong, NULL), STRAIT_ERR_USAGE);
}

static void assert_ends(const char *text, int count, int64_t last)
{
    write_text("ends/generation_config.json", text);
    strait_model_dir *model;
    assert_int_equal(strait_model_dir_open("ends", &model), STRAIT_OK);
    const strait_token_ids *eos = strait_model_dir_eos(model);
    assert_int_equal(eos->count, count);
    if (count > 0) assert_int_equal(eos->ids[count - 1], last);
    strait_model_dir_close(model);
}

static void generation_config_names_the_end_tokens(void **state)
{
    (void)state;
    strait_model_config with_end = config;
    with_end.eos = (strait_token_ids){.ids = {5}, .count = 1};
    strait_model_write model = {.config = &with_end, .tensors = tensors, .count = 3};
    assert_int_equal(strait_model_dir_write("ends", &model, NULL), STRAIT_OK);
    assert_ends("{\"eos_token_id\": 7}", 1, 7);
    assert_ends("{\"eos_token_id\": [7, 3]}", 2, 3);
    assert_ends("{\"eos_token_id\": []}", 0, 0);
    assert_ends("{\"eos_token_id\": null}", 1, 5);
    assert_ends("{\"temperature\": 0.5}", 1, 5);
    assert_int_equal(unlink("ends/generation_config.json"), 0);
    strait_model_dir *bare;
    assert_int_equal(strait_model_dir_open("ends", &bare), STRAIT_OK);
    assert_int_equal(strait_model_dir_eos(bare)->ids[0], 5);
    assert_null(strait_model_dir_generation(bare));
    strait_model_dir_close(bare);

    static const struct {
        const char *text;
        strait_status status;
        const char *says;
    } wrong[] = {{"[]", STRAIT_ERR_FORMAT, "must be a JSON object"},
                 {"{\"eos_token_id\": \"a\"}", STRAIT_ERR_FORMAT, "eos_token_id: must be an integer"},
                 {"{\"eos_token_id\": -1}", STRAIT_ERR_RANGE, "eos_token_id: is -1"},
                 {"{\"eos_token_id\": [1, 2.5]}", STRAIT_ERR_FORMAT, "element 1"},
                 {"{\"eos_token_id\": [1,2,3,4,5,6,7,8,9]}", STRAIT_ERR_UNSUPPORTED, "9 ids; at most 8"},
                 {"{,}", STRAIT_ERR_FORMAT, "line 1"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_text("ends/generation_config.json", wrong[i].text);
        assert_refused("ends", wrong[i].status, "ends/generation_config.json: ", wrong[i].says);
    }
}

/* Keys that nobody here knows are the next reader's business. */
static void generation_config_is_kept_whole(void **state)
{
    (void)state;
    static const char text[] = "{\n  \"temperature\": 0.6,\n  \"eos_token_id\": [\n    7,\n    3\n  ],\n"
                               "  \"a_key_of_tomorrow\": {\n    \"x\": 1e-06\n  }\n}\n";
    json_t *generation = NULL;
    assert_int_equal(strait_json_parse("g", text, strlen(text), &generation), STRAIT_OK);
    strait_file_list files = {0};
    const strait_model_write model = {.config = &config, .tensors = tensors, .count = 3, .generation = generation};
    assert_int_equal(strait_model_dir_write("kept", &model, &files), STRAIT_OK);
    assert_int_equal(files.count, 3);
    strait_file_list_fini(&files);
    strait_buffer written = {0};
    assert_int_equal(strait_file_read("kept/generation_config.json", 0, &written), STRAIT_OK);
    assert_string_equal(written.bytes, text);
    strait_model_dir *back;
    assert_int_equal(strait_model_dir_open("kept", &back), STRAIT_OK);
    assert_int_equal(strait_model_dir_eos(back)->count, 2);
    assert_true(json_equal(strait_model_dir_generation(back), generation));
    strait_model_dir_close(back);
    strait_buffer_fini(&written);
    json_decref(generation);
}

static void tokenizer_files_are_copied(void **state)
{
    (void)state;
    assert_int_equal(strait_directory_create("tokenizer"), STRAIT_OK);
    write_text("tokenizer/tokenizer.json", "{}");
    write_text("tokenizer/merges.txt", "a b\n");
    write_model("with", 0, "tokenizer");
    assert_true(strait_path_exists("with/tokenizer.json"));
    assert_true(strait_path_exists("with/merges.txt"));
    assert_false(strait_path_exists("with/vocab.json"));
    strait_buffer text = {0};
    assert_int_equal(strait_file_read("with/tokenizer_config.json", 0, &text), STRAIT_OK);
    assert_non_null(strstr(text.bytes, "PreTrainedTokenizerFast"));
    strait_buffer_fini(&text);

    write_text("tokenizer/tokenizer_config.json", "{\"mine\": 1, \"tokenizer_class\": \"Qwen2Tokenizer\"}");
    strait_file_list files = {0};
    const strait_model_write model = {
        .config = &config, .tensors = tensors, .count = 3, .tokenizer = "tokenizer/tokenizer.json"};
    assert_int_equal(strait_model_dir_write("with-file", &model, &files), STRAIT_OK);
    assert_int_equal(files.count, 6);
    for (size_t i = 0; i < files.count; i++) {
        char path[128];
        char hash[STRAIT_SHA256_HEX];
        snprintf(path, sizeof path, "with-file/%s", files.records[i].name);
        assert_int_equal(strait_sha256_file(path, hash), STRAIT_OK);
        assert_string_equal(hash, files.records[i].digest.sha256);
    }
    strait_file_list_fini(&files);
    assert_int_equal(strait_file_read("with-file/tokenizer_config.json", 0, &text), STRAIT_OK);
    /* What was there stays, in its place; what every reader needs is set or added. */
    static const char begin[] = "{\n  \"mine\": 1,\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n";
    assert_memory_equal(text.bytes, begin, sizeof begin - 1);
    assert_non_null(strstr(text.bytes, "model_input_names"));
    strait_buffer_fini(&text);

    write_text("tokenizer/tokenizer_config.json", "[]");
    assert_int_equal(strait_model_dir_write("with-array", &model, NULL), STRAIT_ERR_FORMAT);
    const strait_model_write missing = {.config = &config, .tensors = tensors, .count = 3, .tokenizer = "nowhere"};
    assert_int_equal(strait_model_dir_write("without", &missing, NULL), STRAIT_ERR_NOT_FOUND);
}

#define INDEX "/model.safetensors.index.json"
#define FIRST "/model-00001-of-00003.safetensors"
#define SECOND "/model-00002-of-00003.safetensors"
#define THIRD "/model-00003-of-00003.safetensors"

static void a_missing_directory_is_named(void **state)
{
    (void)state;
    assert_refused("nothing", STRAIT_ERR_NOT_FOUND, "nothing", "config.json");
}

static void a_missing_shard_is_named(void **state)
{
    (void)state;
    write_model("less", 16, NULL);
    assert_int_equal(unlink("less" SECOND), 0);
    assert_refused("less", STRAIT_ERR_NOT_FOUND, "less: 1 of 3", "model-00002-of-00003.safetensors");
}

static void a_tensor_that_its_shard_lacks_is_named(void **state)
{
    (void)state;
    write_model("moved", 16, NULL);
    assert_int_equal(strait_file_copy("moved" THIRD, "moved" SECOND, NULL), STRAIT_OK);
    assert_refused("moved", STRAIT_ERR_FORMAT, "moved" INDEX ": tensor \"model.embed.weight\"",
                   "model-00002-of-00003.safetensors, which lacks it");
}

/* Two shards of three, and an index that names only what is in them. */
static void write_two(const char *index_path, const char *first_path, const strait_tensor_spec *second)
{
    write_text(index_path, "{\"weight_map\":{\"model.norm.weight\":\"model-00003-of-00003.safetensors\","
                           "\"lm_head.weight\":\"model-00001-of-00003.safetensors\"}}");
    const strait_tensor_spec both[] = {*second, tensors[1]};
    assert_int_equal(strait_safetensors_write(first_path, both, 2, NULL, NULL), STRAIT_OK);
}

static void a_tensor_in_two_shards_is_named(void **state)
{
    (void)state;
    write_model("both", 16, NULL);
    write_two("both" INDEX, "both" FIRST, &tensors[0]);
    assert_refused("both", STRAIT_ERR_FORMAT, "both: tensor \"model.norm.weight\" is in two shards",
                   "model-00001-of-00003.safetensors");
}

static void a_tensor_without_index_is_named(void **state)
{
    (void)state;
    write_model("more", 16, NULL);
    write_two("more" INDEX, "more" FIRST, &tensors[2]);
    assert_refused("more", STRAIT_ERR_FORMAT, "more: tensor \"model.embed.weight\"",
                   "model-00001-of-00003.safetensors is not named");
}

static void a_truncated_shard_is_named(void **state)
{
    (void)state;
    write_model("cut", 16, NULL);
    assert_int_equal(truncate("cut" FIRST, 60), 0);
    assert_refused("cut", STRAIT_ERR_FORMAT, "cut" FIRST ": ", "truncated");
}

static void a_shard_outside_the_directory_is_refused(void **state)
{
    (void)state;
    write_model("out", 16, NULL);
    write_text("out" INDEX, "{\"weight_map\":{\"a\":\"../secret\"}}");
    assert_refused("out", STRAIT_ERR_FORMAT, "out" INDEX ": tensor \"a\"", "plain name");
}

static void an_index_without_tensors_is_named(void **state)
{
    (void)state;
    write_model("none", 16, NULL);
    write_text("none" INDEX, "{\"weight_map\":{}}");
    assert_refused("none", STRAIT_ERR_FORMAT, "none" INDEX ": ", "weight_map");
}

static void a_directory_without_tensors_is_named(void **state)
{
    (void)state;
    write_model("bare", 0, NULL);
    assert_int_equal(unlink("bare/model.safetensors"), 0);
    assert_refused("bare", STRAIT_ERR_NOT_FOUND, "bare: has no model.safetensors", "index.json");
}

static void a_missing_config_is_named(void **state)
{
    (void)state;
    write_model("mute", 0, NULL);
    assert_int_equal(unlink("mute/config.json"), 0);
    assert_refused("mute", STRAIT_ERR_NOT_FOUND, "mute/config.json", "No such file");
}

static void a_tensor_knows_its_file(void **state)
{
    (void)state;
    strait_model_dir *model;
    write_model("files", 16, NULL);
    assert_int_equal(strait_model_dir_open("files", &model), STRAIT_OK);
    assert_string_equal(strait_model_dir_file(model, strait_model_dir_find(model, "model.norm.weight")),
                        "model-00003-of-00003.safetensors");
    assert_string_equal(strait_model_dir_file(model, NULL), "model.safetensors.index.json");
    strait_model_dir_close(model);
    write_model("file", 0, NULL);
    assert_int_equal(strait_model_dir_open("file", &model), STRAIT_OK);
    assert_string_equal(strait_model_dir_file(model, NULL), "model.safetensors");
    strait_model_dir_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_and_sharded_hold_the_same),
        cmocka_unit_test(an_existing_model_is_not_overwritten),
        cmocka_unit_test(generation_config_names_the_end_tokens),
        cmocka_unit_test(generation_config_is_kept_whole),
        cmocka_unit_test(tokenizer_files_are_copied),
        cmocka_unit_test(a_missing_directory_is_named),
        cmocka_unit_test(a_missing_shard_is_named),
        cmocka_unit_test(a_tensor_that_its_shard_lacks_is_named),
        cmocka_unit_test(a_tensor_in_two_shards_is_named),
        cmocka_unit_test(a_tensor_without_index_is_named),
        cmocka_unit_test(a_truncated_shard_is_named),
        cmocka_unit_test(a_shard_outside_the_directory_is_refused),
        cmocka_unit_test(an_index_without_tensors_is_named),
        cmocka_unit_test(a_directory_without_tensors_is_named),
        cmocka_unit_test(a_missing_config_is_named),
        cmocka_unit_test(a_tensor_knows_its_file),
    };
    return cmocka_run_group_tests(tests, folder_enter, folder_leave);
}
