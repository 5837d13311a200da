/*
 * Memory that runs out at any single allocation of a small run: write a checkpoint, find it, open it, hash it,
 * describe it. Each time an error, never a wrong file, a crash or a leak.
 */
#define _POSIX_C_SOURCE 200809L

#include "failing_memory.h"
#include "folder.h"
#include "small_model.h"

#include "ckpt/checkpoint.h"
#include "ckpt/run_dir.h"

#include <strait/info.h>

static const strait_model_config config = {SMALL_MODEL, .eos = {.ids = {1, 2}, .count = 2}};

/* In memory where there is such a place: flushing thousands of files to a disk would take minutes. */
static int enter_in_memory(void **state)
{
    (void)state;
    failing_memory_begin();
    return folder_enter_in("/dev/shm") == 0 ? 0 : folder_enter_in("/tmp");
}

static strait_status save(const char *path, const json_t *trainer)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    const strait_tensor_spec tensors[] = {
        {.name = "b", .shape = strait_shape_2d(2, 3), .bytes = values},
        {.name = "a", .shape = strait_shape_1d(4), .bytes = values},
    };
    const strait_model_write model = {
        .config = &config, .tensors = tensors, .count = 2, .shard_bytes = 16, .tokenizer = "tokenizer"};
    const strait_checkpoint_write checkpoint = {
        .step = 5, .model = &model, .optimizer = tensors, .optimizer_count = 2, .trainer = trainer, .keep = 1};
    /* Pruning that fails leaves a note, not an error: the new checkpoint is safe. */
    strait_buffer notes = {0};
    strait_status status = strait_checkpoint_save(path, &checkpoint, &notes);
    if (status == STRAIT_OK && notes.length > 0) status = STRAIT_ERR_NO_MEMORY;
    strait_buffer_fini(&notes);
    return status;
}

static strait_status describe(const char *path, bool json)
{
    char *text;
    const strait_info_options options = {.struct_size = sizeof options, .json = json, .hash = true, .tensors = true};
    STRAIT_TRY(strait_info_describe(path, &options, &text));
    /* What came through must be whole. */
    bool whole = strstr(text, "parameters") && strstr(text, "optimizer") && strstr(text, "[2, 3]");
    strait_info_free(text);
    return whole ? STRAIT_OK : STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the description lacks parts");
}

static strait_status append_metrics(const char *path)
{
    strait_run_dir *run;
    const strait_step_metrics metrics = {.step = 5, .loss = 1, .mfu_convention = "6N"};
    STRAIT_TRY(strait_run_dir_open(path, strait_path_exists(path), &run));
    strait_status status = strait_run_dir_begin(run, 4);
    if (status == STRAIT_OK) status = strait_run_dir_metrics(run, &metrics);
    if (status == STRAIT_OK) status = strait_run_dir_log(run, STRAIT_LOG_INFO, "line");
    if (status == STRAIT_OK) status = strait_run_dir_sample(run, 5, "text", 4);
    strait_run_dir_close(run);
    return status;
}

/* What a run does, once. */
static strait_status scenario(void)
{
    char *path;
    int64_t step;
    char hash[STRAIT_SHA256_HEX];
    json_t *trainer = json_pack("{s:i, s:[i, i]}", "position", 3, "seen", 1, 2);
    if (!trainer) return STRAIT_ERR_NO_MEMORY;
    strait_status status = append_metrics("run");
    if (status == STRAIT_OK) status = save("run/checkpoints", trainer);
    json_decref(trainer);
    STRAIT_TRY(status);
    STRAIT_TRY(strait_checkpoint_find("run/checkpoints", STRAIT_CHECKPOINT_HASHES, NULL, &path, &step));
    strait_checkpoint checkpoint;
    status = strait_checkpoint_open(path, &checkpoint);
    if (status == STRAIT_OK) {
        status = strait_model_dir_hash(checkpoint.model, hash);
        /* What came through must be whole. */
        if (strait_model_dir_config(checkpoint.model)->eos.count != 2) status = STRAIT_ERR_INTERNAL;
        strait_checkpoint_close(&checkpoint);
    }
    if (status == STRAIT_OK) status = describe(path, true);
    if (status == STRAIT_OK) status = describe(path, false);
    strait_free(path);
    return status;
}

static void no_failing_allocation_does_harm(void **state)
{
    (void)state;
    assert_int_equal(strait_directory_create("tokenizer"), STRAIT_OK);
    assert_int_equal(strait_file_replace("tokenizer/tokenizer.json", "{}", 2), STRAIT_OK);
    if (scenario() != STRAIT_OK) fail_msg("%s", strait_error_message());
    memory_held held = memory_now();
    bool finished = false;
    /* All of them by STRAIT_TEST_ALL=1; a sample, the beginning in full, is quick also under the sanitizers. */
    long stride = getenv("STRAIT_TEST_ALL") ? 1 : 11;
    for (long n = 0; n < 20000 && !finished; n += n < 100 ? 1 : stride) {
        assert_int_equal(strait_directory_remove("run"), STRAIT_OK);
        countdown = n;
        strait_status status = scenario();
        finished = countdown >= 0; /* the count was not used up: nothing failed */
        countdown = -1;
        if (finished ? status != STRAIT_OK : status != STRAIT_ERR_NO_MEMORY) {
            fail_msg("allocation %ld: %s: %s", n, strait_status_name(status), strait_error_message());
        }
        if (memory_leaked(held)) fail_msg("allocation %ld leaked", n);
    }
    assert_true(finished);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_failing_allocation_does_harm)};
    return cmocka_run_group_tests(tests, enter_in_memory, folder_leave);
}
