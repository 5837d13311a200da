/* The run directory: who may open it, what is appended, what a resumed run finds. */
#define _DEFAULT_SOURCE
#include "folder.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/json.h"
#include "ckpt/run_dir.h"

static strait_run_dir *open_run(const char *path, bool resume)
{
    strait_run_dir *run = NULL;
    if (strait_run_dir_open(path, resume, &run) != STRAIT_OK) fail_msg("%s", strait_error_message());
    return run;
}

static strait_status put_step(strait_run_dir *run, int64_t step)
{
    const strait_step_metrics metrics = {.step = step,
                                         .tokens = step * 1000,
                                         .loss = 2.5,
                                         .has_val_loss = step % 2 == 0,
                                         .val_loss = NAN,
                                         .grad_norm = 1,
                                         .clip_factor = 1,
                                         .lr = 1e-6,
                                         .mfu = step % 2 == 0 ? 0.25 : -1,
                                         .mfu_convention = "6N",
                                         .memory = {[STRAIT_TAG_WEIGHTS] = 77},
                                         .time = 1.5};
    return strait_run_dir_metrics(run, &metrics);
}

/* metrics.jsonl's steps as "1 2 3 ". */
static void assert_metrics(const char *path, const char *expected)
{
    strait_buffer text = {0};
    strait_buffer steps = {0};
    assert_int_equal(strait_file_read(path, 0, &text), STRAIT_OK);
    const char *at = text.bytes;
    while (at && *at) {
        json_t *json = NULL;
        size_t length = strcspn(at, "\n");
        assert_int_equal(at[length], '\n');
        assert_int_equal(strait_json_parse("line", at, length, &json), STRAIT_OK);
        assert_int_equal(strait_buffer_printf(&steps, "%d ", (int)json_integer_value(json_object_get(json, "step"))),
                         STRAIT_OK);
        json_decref(json);
        at += length + 1;
    }
    assert_string_equal(steps.bytes ? steps.bytes : "", expected);
    strait_buffer_fini(&steps);
    strait_buffer_fini(&text);
}

static void an_existing_run_needs_resume(void **state)
{
    (void)state;
    strait_run_dir *run;
    assert_int_equal(strait_run_dir_open("new", true, &run), STRAIT_ERR_NOT_FOUND);
    strait_run_dir_close(open_run("new", false));
    assert_int_equal(strait_run_dir_open("new", false, &run), STRAIT_ERR_EXISTS);
    assert_non_null(strstr(strait_error_message(), "--resume"));
    strait_run_dir_close(open_run("new", true));
    assert_int_equal(strait_file_replace("file", "x", 1), STRAIT_OK);
    assert_int_equal(strait_run_dir_open("file", false, &run), STRAIT_ERR_EXISTS);
    assert_int_equal(strait_directory_create("empty"), STRAIT_OK);
    assert_int_equal(strait_run_dir_open("empty", false, &run), STRAIT_ERR_EXISTS);
    strait_run_dir_close(open_run("empty", true));
    assert_int_equal(strait_run_dir_check("nowhere", false), STRAIT_OK);
    assert_int_equal(strait_run_dir_check("nowhere", true), STRAIT_ERR_NOT_FOUND);
    assert_int_equal(strait_run_dir_check("file", true), STRAIT_ERR_EXISTS);
    assert_false(strait_path_exists("nowhere"));
}

static void a_second_process_is_told_who_holds_it(void **state)
{
    (void)state;
    int64_t holder = -1;
    strait_run_dir *run = open_run("locked", false);
    strait_run_dir *second;
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    int64_t used = strait_memory_used(STRAIT_TAG_OTHER);
    assert_int_equal(strait_run_dir_open("locked", true, &second), STRAIT_ERR_BUSY);
    assert_non_null(strstr(strait_error_message(), pid));
    assert_int_equal(strait_memory_used(STRAIT_TAG_OTHER), used);
    assert_int_equal(strait_run_dir_holder("locked", &holder), STRAIT_OK);
    assert_int_equal(holder, getpid());
    strait_run_dir_close(run);
    assert_int_equal(strait_run_dir_holder("locked", &holder), STRAIT_OK);
    assert_int_equal(holder, 0);

    /* The lock of a killed process is free. */
    pid_t child = fork();
    if (child == 0) {
        if (strait_run_dir_open("locked", true, &run) != STRAIT_OK) _exit(1);
        raise(SIGKILL);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
    strait_run_dir_close(open_run("locked", true));
}

static void metrics_are_lines_of_json(void **state)
{
    (void)state;
    strait_run_dir *run = open_run("metrics", false);
    assert_int_equal(strait_run_dir_begin(run, 0), STRAIT_OK);
    for (int64_t step = 1; step <= 4; step++) assert_int_equal(put_step(run, step), STRAIT_OK);
    assert_int_equal(strait_run_dir_sync(run), STRAIT_OK);
    strait_run_dir_close(run);
    assert_metrics("metrics/metrics.jsonl", "1 2 3 4 ");

    strait_buffer last = {0};
    assert_int_equal(strait_run_dir_last_metrics("metrics", &last), STRAIT_OK);
    assert_string_equal(last.bytes,
                        "{\"step\":4,\"tokens\":4000,\"loss\":2.5,\"val_loss\":null,\"grad_norm\":1.0,"
                        "\"clip_factor\":1.0,\"lr\":1e-06,\"tokens_per_second\":0.0,\"mfu\":0.25,"
                        "\"mfu_convention\":\"6N\",\"memory\":{\"weights\":77,\"gradients\":0,\"optimizer\":0,"
                        "\"activations\":0,\"workspace\":0,\"data\":0,\"tokenizer\":0,\"other\":0},"
                        "\"step_seconds\":0.0,\"data_seconds\":0.0,\"time\":1.5}");
    strait_buffer_fini(&last);
}

static void a_resumed_run_drops_later_lines(void **state)
{
    (void)state;
    strait_run_dir *run = open_run("resumed", false);
    assert_int_equal(strait_run_dir_begin(run, 0), STRAIT_OK);
    for (int64_t step = 1; step <= 12; step++) assert_int_equal(put_step(run, step), STRAIT_OK);
    strait_run_dir_close(run);
    FILE *file = fopen("resumed/metrics.jsonl", "a");
    assert_non_null(file);
    fputs("{\"step\":13,\"los", file);
    assert_int_equal(fclose(file), 0);

    run = open_run("resumed", true);
    assert_int_equal(strait_run_dir_begin(run, 12), STRAIT_OK);
    assert_metrics("resumed/metrics.jsonl", "1 2 3 4 5 6 7 8 9 10 11 12 ");
    assert_int_equal(strait_run_dir_begin(run, 3), STRAIT_OK);
    assert_metrics("resumed/metrics.jsonl", "1 2 3 ");
    assert_int_equal(put_step(run, 4), STRAIT_OK);
    assert_metrics("resumed/metrics.jsonl", "1 2 3 4 ");
    assert_int_equal(strait_run_dir_begin(run, 0), STRAIT_OK);
    assert_metrics("resumed/metrics.jsonl", "");
    strait_run_dir_close(run);
    char **names;
    size_t count;
    assert_int_equal(strait_directory_list("resumed/tb", &names, &count), STRAIT_OK);
    assert_int_equal(count, 4);
    strait_names_free(names, count);
}

static void a_full_disk_leaves_whole_lines(void **state)
{
    (void)state;
    strait_run_dir *run = open_run("full", false);
    assert_int_equal(strait_run_dir_begin(run, 0), STRAIT_OK);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    strait_status status = STRAIT_OK;
    for (int64_t step = 1; step <= 10 && status == STRAIT_OK; step++) status = put_step(run, step);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(status, STRAIT_OK);
    assert_non_null(strstr(strait_error_message(), "metrics.jsonl"));
    assert_metrics("full/metrics.jsonl", "1 2 3 ");
    strait_run_dir_close(run);
}

static void log_and_files_are_written(void **state)
{
    (void)state;
    int64_t used = strait_memory_used(STRAIT_TAG_OTHER);
    strait_run_dir *run = open_run("log", false);
    assert_int_equal(strait_run_dir_log(run, STRAIT_LOG_WARN, "one\ntwo"), STRAIT_OK);
    assert_int_equal(strait_run_dir_log(run, STRAIT_LOG_INFO, ""), STRAIT_OK);
    assert_int_equal(strait_run_dir_write(run, "config.yaml", "a: 1\n", 5), STRAIT_OK);
    assert_int_equal(strait_run_dir_sample(run, 20, "text", 4), STRAIT_OK);
    assert_string_equal(strait_run_dir_checkpoints(run), "log/checkpoints");
    strait_run_dir_close(run);
    strait_buffer text = {0};
    assert_int_equal(strait_file_read("log/log.txt", 0, &text), STRAIT_OK);
    assert_int_equal(text.length, 2 * strlen("2026-11-22T12:00:00Z warn one\n"));
    assert_memory_equal(text.bytes + 19, "Z warn one\n", 11);
    assert_memory_equal(text.bytes + 49, "Z warn two\n", 11);
    strait_buffer_clear(&text);
    assert_int_equal(strait_file_read("log/samples/step-00000020.txt", 0, &text), STRAIT_OK);
    assert_string_equal(text.bytes, "text");
    strait_buffer_fini(&text);
    assert_int_equal(strait_memory_used(STRAIT_TAG_OTHER), used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_existing_run_needs_resume),   cmocka_unit_test(a_second_process_is_told_who_holds_it),
        cmocka_unit_test(metrics_are_lines_of_json),      cmocka_unit_test(a_resumed_run_drops_later_lines),
        cmocka_unit_test(a_full_disk_leaves_whole_lines), cmocka_unit_test(log_and_files_are_written),
    };
    return cmocka_run_group_tests(tests, folder_enter, folder_leave);
}
