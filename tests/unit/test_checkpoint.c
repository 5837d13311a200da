/* Checkpoints: round trip, damage of every file, fallback, keep, full disk, read-only directory, kill at any moment. */
#define _DEFAULT_SOURCE
#include "folder.h"
#include "small_model.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/json.h"
#include "ckpt/checkpoint.h"

static const strait_model_config config = {SMALL_MODEL};

/* A checkpoint whose only tensor holds its step in `count` elements. */
static strait_status save(const char *path, int64_t step, int64_t keep, int64_t count, strait_buffer *notes)
{
    float *values = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)count, sizeof *values, &values));
    for (int64_t i = 0; i < count; i++) values[i] = (float)step;
    const strait_tensor_spec weight = {.name = "w", .shape = strait_shape_1d(count), .bytes = values};
    const strait_tensor_spec optimizer[] = {
        {.name = "m.w", .shape = strait_shape_1d(count), .bytes = values},
        {.name = "v.w", .shape = strait_shape_1d(count), .bytes = values},
    };
    json_t *trainer = json_pack("{s:I, s:f}", "position", (json_int_t)(step * 10), "loss", 2.5);
    const strait_model_write model = {.config = &config, .tensors = &weight, .count = 1};
    const strait_checkpoint_write checkpoint = {
        .step = step, .model = &model, .optimizer = optimizer, .optimizer_count = 2, .trainer = trainer, .keep = keep};
    strait_status status = strait_checkpoint_save(path, &checkpoint, notes);
    json_decref(trainer);
    strait_free(values);
    return status;
}

static void assert_steps(const char *path, const int64_t *expected, size_t count)
{
    int64_t *steps;
    size_t found;
    assert_int_equal(strait_checkpoint_list(path, &steps, &found), STRAIT_OK);
    assert_int_equal(found, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(steps[i], expected[i]);
    strait_free(steps);
}

/* The newest intact step, its contents checked; -1 where there is none. */
static int64_t newest(const char *path, strait_buffer *notes)
{
    char *found;
    int64_t step;
    if (strait_checkpoint_find(path, STRAIT_CHECKPOINT_HASHES, notes, &found, &step) != STRAIT_OK) return -1;
    strait_checkpoint checkpoint;
    assert_int_equal(strait_checkpoint_open(found, &checkpoint), STRAIT_OK);
    assert_int_equal(checkpoint.step, step);
    const strait_tensor_view *w = strait_model_dir_find(checkpoint.model, "w");
    const strait_tensor_view *v = strait_safetensors_find(checkpoint.optimizer, "v.w");
    float first;
    memcpy(&first, w->bytes, sizeof first);
    assert_true(first == (float)step);
    memcpy(&first, v->bytes, sizeof first);
    assert_true(first == (float)step);
    assert_int_equal(json_integer_value(json_object_get(checkpoint.trainer, "position")), step * 10);
    strait_checkpoint_close(&checkpoint);
    strait_free(found);
    return step;
}

static void saves_and_keeps_the_last(void **state)
{
    (void)state;
    int64_t used = strait_memory_used(STRAIT_TAG_OTHER);
    assert_int_equal(newest("keep", NULL), -1);
    for (int64_t step = 1; step <= 5; step++) assert_int_equal(save("keep", step, 2, 8, NULL), STRAIT_OK);
    assert_steps("keep", (const int64_t[]){4, 5}, 2);
    assert_int_equal(newest("keep", NULL), 5);
    /* The same step again replaces; an earlier step drops what a resumed run left behind. */
    assert_int_equal(save("keep", 5, 2, 9, NULL), STRAIT_OK);
    assert_int_equal(newest("keep", NULL), 5);
    assert_int_equal(save("keep", 3, 0, 8, NULL), STRAIT_OK);
    assert_steps("keep", (const int64_t[]){3}, 1);
    assert_int_equal(save("keep", 100000000, 0, 8, NULL), STRAIT_OK);
    assert_steps("keep", (const int64_t[]){3, 100000000}, 2);
    assert_int_equal(strait_memory_used(STRAIT_TAG_OTHER), used);
}

static void flip_byte(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

static void every_damage_is_found_and_the_older_one_used(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "generation_config.json", "model.safetensors",
                                        "optimizer.safetensors", "trainer.json"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (int damage = 0; damage < 4; damage++) {
            char path[128];
            struct stat info;
            assert_int_equal(save("damage", 1, 0, 8, NULL), STRAIT_OK);
            assert_int_equal(save("damage", 2, 0, 8, NULL), STRAIT_OK);
            snprintf(path, sizeof path, "damage/step-00000002/%s", files[i]);
            assert_int_equal(stat(path, &info), 0);
            if (damage == 0) flip_byte(path, info.st_size / 2);
            if (damage == 1) flip_byte(path, -1);
            if (damage == 2) assert_int_equal(truncate(path, info.st_size - 3), 0);
            if (damage == 3) assert_int_equal(unlink(path), 0);
            strait_buffer notes = {0};
            int64_t step = newest("damage", &notes);
            /* The last byte of trainer.json is a newline after the closing brace, still covered by its hash. */
            if (step != 1) fail_msg("damage %d of %s was not found", damage, files[i]);
            assert_non_null(strstr(notes.bytes, "step-00000002"));
            assert_non_null(strstr(notes.bytes, files[i]));
            strait_buffer_fini(&notes);
        }
    }
    flip_byte("damage/step-00000001/optimizer.safetensors", 20);
    char *path;
    int64_t step;
    assert_int_equal(strait_checkpoint_find("damage", STRAIT_CHECKPOINT_HASHES, NULL, &path, &step),
                     STRAIT_ERR_CORRUPT);
    assert_non_null(strstr(strait_error_message(), "none of its 2"));
    /* Broken ones do not count towards keep. */
    assert_int_equal(save("damage", 3, 0, 8, NULL), STRAIT_OK);
    assert_int_equal(unlink("damage/step-00000003/trainer.json"), 0);
    assert_int_equal(save("damage", 4, 2, 8, NULL), STRAIT_OK);
    assert_steps("damage", (const int64_t[]){1, 2, 3, 4}, 4);
}

static void a_renamed_checkpoint_is_refused(void **state)
{
    (void)state;
    assert_int_equal(save("renamed", 7, 0, 8, NULL), STRAIT_OK);
    assert_int_equal(rename("renamed/step-00000007", "renamed/step-00000009"), 0);
    assert_int_equal(newest("renamed", NULL), -1);
    assert_non_null(strstr(strait_error_message(), "of step 7"));
}

static void resolves_what_a_user_means(void **state)
{
    (void)state;
    char *path;
    assert_int_equal(save("run/checkpoints", 3, 0, 8, NULL), STRAIT_OK);
    static const char *const meant[] = {"run", "run/checkpoints", "run/checkpoints/step-00000003"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(strait_checkpoint_resolve(meant[i], &path), STRAIT_OK);
        assert_string_equal(path, "run/checkpoints/step-00000003");
        strait_free(path);
    }
    assert_int_equal(strait_checkpoint_resolve("nowhere", &path), STRAIT_ERR_NOT_FOUND);
    assert_int_equal(strait_checkpoint_resolve("/tmp", &path), STRAIT_ERR_NOT_FOUND);
}

static void leftovers_are_cleaned(void **state)
{
    (void)state;
    assert_int_equal(strait_checkpoint_clean("missing"), STRAIT_OK);
    assert_int_equal(save("clean", 1, 0, 8, NULL), STRAIT_OK);
    assert_int_equal(save("clean", 2, 0, 8, NULL), STRAIT_OK);
    /* Killed while replacing step 2 and while removing step 1's predecessor. */
    assert_int_equal(rename("clean/step-00000002", "clean/.old-step-00000002"), 0);
    assert_int_equal(strait_directory_create("clean/.tmp-step-00000003"), STRAIT_OK);
    assert_int_equal(strait_directory_create("clean/.del-step-00000000"), STRAIT_OK);
    assert_int_equal(strait_directory_create("clean/.old-step-00000001"), STRAIT_OK);
    assert_int_equal(strait_directory_create("clean/notes"), STRAIT_OK);
    assert_int_equal(strait_checkpoint_clean("clean"), STRAIT_OK);
    assert_int_equal(newest("clean", NULL), 2);
    char **names;
    size_t count;
    assert_int_equal(strait_directory_list("clean", &names, &count), STRAIT_OK);
    assert_int_equal(count, 3);
    strait_names_free(names, count);
}

/* After a failed save of step 2: a clear error, step 1 intact, nothing left over, no memory lost. */
static void assert_survives(const char *path, strait_status status, int64_t used)
{
    assert_int_not_equal(status, STRAIT_OK);
    assert_non_null(strstr(strait_error_message(), "step-00000002"));
    assert_int_equal(strait_memory_used(STRAIT_TAG_OTHER), used);
    assert_int_equal(newest(path, NULL), 1);
}

static void a_file_size_limit_leaves_the_old_one(void **state)
{
    (void)state;
    assert_int_equal(save("limit", 1, 1, 8, NULL), STRAIT_OK);
    int64_t used = strait_memory_used(STRAIT_TAG_OTHER);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    /* Small enough to fail in config.json, in the model and in the optimizer (twice the model). */
    for (rlim_t limit = 100; limit < 8000; limit *= 3) {
        struct rlimit small = {.rlim_cur = limit, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        strait_status status = save("limit", 2, 1, 1000, NULL);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_survives("limit", status, used);
        assert_false(strait_path_exists("limit/.tmp-step-00000002"));
    }
}

static void a_full_disk_leaves_the_old_one(void **state)
{
    (void)state;
    assert_int_equal(strait_directory_create("full"), STRAIT_OK);
    if (mount("tmpfs", "full", "tmpfs", 0, "size=128k") != 0) {
        print_message("skipped: mounting a small tmpfs needs root\n");
        skip();
    }
    strait_status first = save("full/checkpoints", 1, 1, 8, NULL);
    int64_t used = strait_memory_used(STRAIT_TAG_OTHER);
    strait_status second = save("full/checkpoints", 2, 1, 12000, NULL);
    char message[512];
    snprintf(message, sizeof message, "%s", strait_error_message());
    int64_t used_after = strait_memory_used(STRAIT_TAG_OTHER);
    int64_t found = newest("full/checkpoints", NULL);
    strait_status third = save("full/checkpoints", 2, 1, 8, NULL); /* the room is there again */
    assert_int_equal(umount("full"), 0);
    assert_int_equal(first, STRAIT_OK);
    assert_int_equal(second, STRAIT_ERR_NO_SPACE);
    assert_non_null(strstr(message, "step-00000002"));
    assert_int_equal(used_after, used);
    assert_int_equal(found, 1);
    assert_int_equal(third, STRAIT_OK);
}

static void a_read_only_directory_leaves_the_old_one(void **state)
{
    (void)state;
    assert_int_equal(save("locked", 1, 1, 8, NULL), STRAIT_OK);
    assert_int_equal(chmod("locked", 0555), 0);
    assert_int_equal(chmod(".", 0777), 0);
    int64_t used = strait_memory_used(STRAIT_TAG_OTHER);
    pid_t child = fork();
    if (child == 0) {
        /* Root may write anywhere. */
        if (geteuid() == 0 && setuid(65534) != 0) _exit(9);
        strait_status status = save("locked", 2, 1, 8, NULL);
        bool named = strstr(strait_error_message(), "step-00000002") != NULL;
        bool leaked = strait_memory_used(STRAIT_TAG_OTHER) != used;
        _exit(status == STRAIT_OK ? 1 : !named ? 2 : leaked ? 3 : 0);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(chmod("locked", 0755), 0);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_int_equal(newest("locked", NULL), 1);
}

/* Saves for ever, two replaced, two kept; the pipe carries each step that save has called safe. */
static void save_until_killed(int64_t from, int out)
{
    for (int64_t step = from;; step++) {
        if (save("killed", step, 2, 200, NULL) != STRAIT_OK) _exit(1);
        if (step % 3 == 0 && save("killed", step, 2, 200, NULL) != STRAIT_OK) _exit(1);
        if (write(out, &step, sizeof step) != sizeof step) _exit(1);
    }
}

static void a_kill_at_any_moment_loses_nothing(void **state)
{
    (void)state;
    int64_t safe = 0;
    srand(7);
    for (int round = 0; round < 40; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) save_until_killed(safe + 1, ends[1]);
        assert_int_equal(close(ends[1]), 0);
        /* Longer and longer until one was saved: disks differ. */
        long longest = 30000L * (safe > 0 ? 1 : round % 30 + 1);
        nanosleep(&(struct timespec){.tv_nsec = 1000 * (rand() % longest)}, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        int64_t step;
        while (read(ends[0], &step, sizeof step) == sizeof step) safe = step;
        assert_int_equal(close(ends[0]), 0);

        assert_int_equal(strait_checkpoint_clean("killed"), STRAIT_OK);
        strait_buffer notes = {0};
        int64_t found = newest("killed", &notes);
        assert_true(found >= safe || (safe == 0 && found == -1));
        assert_true(found <= safe + 1);
        assert_int_equal(notes.length, 0); /* no broken one under a good name */
        if (found > 0) safe = found;
    }
    assert_true(safe > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saves_and_keeps_the_last),
        cmocka_unit_test(every_damage_is_found_and_the_older_one_used),
        cmocka_unit_test(a_renamed_checkpoint_is_refused),
        cmocka_unit_test(resolves_what_a_user_means),
        cmocka_unit_test(leftovers_are_cleaned),
        cmocka_unit_test(a_file_size_limit_leaves_the_old_one),
        cmocka_unit_test(a_full_disk_leaves_the_old_one),
        cmocka_unit_test(a_read_only_directory_leaves_the_old_one),
        cmocka_unit_test(a_kill_at_any_moment_loses_nothing),
    };
    return cmocka_run_group_tests(tests, folder_enter, folder_leave);
}
