/*
 * The choice between exact and fast kernels with times that the test makes up, and the file it is kept in: read again,
 * and measured anew where it is missing, damaged, foreign or unreadable.
 */
#define _GNU_SOURCE

#include "folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include "backends/cpu/choice.h"

/* What the made-up clock says: `scale` times 100 for exact; fast is quicker for LINEAR, slower for LINEAR_DX. */
typedef struct clock {
    int64_t scale;
    int calls;
    int fail_at;       /* the call that fails, from 1; 0 = none */
    const char *rival; /* a file that another process writes meanwhile, or NULL */
} clock;

static const char rival_text[] = "strait kernel times 1\n"
                                 "processor; build 1; linear x/y\n"
                                 "linear small exact 7 fast 9\n"
                                 "linear large exact 7 fast 5\n"
                                 "linear_dx small exact 7 fast 9\n"
                                 "linear_dx large exact 7 fast 5\n"
                                 "end\n";

static strait_status made_up(void *context, strait_op op, strait_cpu_size size, int64_t out_times[2])
{
    clock *c = context;
    c->calls++;
    if (c->calls == c->fail_at) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "no memory to time in");
    if (c->rival) assert_int_equal(strait_file_replace(c->rival, rival_text, sizeof rival_text - 1), STRAIT_OK);
    out_times[0] = c->scale * 100 + size;
    out_times[1] = op == STRAIT_OP_LINEAR ? c->scale * 50 + size : c->scale * 100 + size;
    return STRAIT_OK;
}

static strait_status not_run(const strait_cpu_call *call)
{
    (void)call;
    return STRAIT_OK;
}

static const strait_cpu_kernel fast[STRAIT_OP_COUNT] = {
    [STRAIT_OP_LINEAR] = {not_run, NULL},
    [STRAIT_OP_LINEAR_DX] = {not_run, NULL},
};
/* Two ops, small and large. */
enum { TIMED = 4 };

/* It is made when it is needed. */
static const char folder[] = "cache";

static strait_cpu_choice_request request_of(clock *c)
{
    return (strait_cpu_choice_request){
        .folder = folder, .identity = "processor; build 1; linear x/y", .fast = fast, .time = made_up, .context = c};
}

static void quicker_is_chosen_and_kept(void **state)
{
    (void)state;
    clock c = {.scale = 1};
    strait_cpu_choice_request request = request_of(&c);
    strait_cpu_choice choice;
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
    assert_int_equal(c.calls, TIMED);
    assert_true(strait__cpu_choice_is_fast(&choice, STRAIT_OP_LINEAR, STRAIT_CPU_SMALL));
    assert_true(strait__cpu_choice_is_fast(&choice, STRAIT_OP_LINEAR, STRAIT_CPU_LARGE));
    /* The same time, or nothing to choose: exact. */
    assert_false(strait__cpu_choice_is_fast(&choice, STRAIT_OP_LINEAR_DX, STRAIT_CPU_LARGE));
    assert_false(strait__cpu_choice_is_fast(&choice, STRAIT_OP_LINEAR, STRAIT_CPU_FEW));
    assert_false(strait__cpu_choice_is_fast(&choice, STRAIT_OP_ADD, STRAIT_CPU_LARGE));
    char *path = only_file(folder);
    assert_non_null(strstr(choice.source, "measured now"));
    assert_non_null(strstr(choice.source, path));
    assert_non_null(strstr(path, "/cpu-processor-"));

    /* Another clock is not asked. */
    clock other = {.scale = 1000};
    request = request_of(&other);
    strait_cpu_choice again;
    assert_int_equal(strait__cpu_choice_make(&request, &again), STRAIT_OK);
    assert_int_equal(other.calls, 0);
    assert_memory_equal(again.times, choice.times, sizeof choice.times);
    assert_non_null(strstr(again.source, "from "));

    /* Another build or processor has a file of its own. */
    request.identity = "processor; build 2; linear x/y";
    assert_int_equal(strait__cpu_choice_make(&request, &again), STRAIT_OK);
    assert_int_equal(other.calls, TIMED);
    strait_free(path);
}

/* Whatever stands in the file that is not a whole choice of this machine is measured over. */
static void damage_is_measured_over(void **state)
{
    (void)state;
    clock c = {.scale = 1};
    strait_cpu_choice_request request = request_of(&c);
    strait_cpu_choice choice;
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
    char *path = only_file(folder);
    strait_buffer whole = {0};
    assert_int_equal(strait_file_read(path, 0, &whole), STRAIT_OK);
    /* Every prefix, then every byte changed. */
    for (size_t i = 0; i < 2 * whole.length; ++i) {
        char *text;
        assert_int_equal(strait_strndup(STRAIT_TAG_OTHER, whole.bytes, whole.length, &text), STRAIT_OK);
        size_t length = i < whole.length ? i : whole.length;
        if (i >= whole.length) text[i - whole.length] ^= 0x40;
        assert_int_equal(strait_file_replace(path, text, length), STRAIT_OK);
        strait_free(text);
        c.calls = 0;
        assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
        assert_int_equal(c.calls, TIMED);
        assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
        assert_int_equal(c.calls, TIMED);
    }
    strait_free(path);
    path = only_file(folder);
    static const char *const wrong[] = {"linear small exact 0 fast 51", "linear small exact -1 fast 51",
                                        "linear small exact 99999999999999999999 fast 51"};
    char *line = strstr(whole.bytes, "linear small exact");
    char *rest = strchr(line, '\n');
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        strait_buffer text = {0};
        assert_int_equal(strait_buffer_append(&text, whole.bytes, (size_t)(line - whole.bytes)), STRAIT_OK);
        assert_int_equal(strait_buffer_printf(&text, "%s%s", wrong[i], rest), STRAIT_OK);
        assert_int_equal(strait_file_replace(path, text.bytes, text.length), STRAIT_OK);
        strait_buffer_fini(&text);
        c.calls = 0;
        assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
        assert_int_equal(c.calls, TIMED);
    }
    strait_buffer_fini(&whole);
    strait_free(path);
}

static void nowhere_to_keep(void **state)
{
    (void)state;
    clock c = {.scale = 1};
    strait_cpu_choice_request request = request_of(&c);
    strait_cpu_choice choice;
    request.folder = "";
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
    assert_int_equal(c.calls, TIMED);
    assert_non_null(strstr(choice.source, "XDG_CACHE_HOME"));

    /* A file where the folder should be, which refuses the superuser too. */
    assert_int_equal(strait_directory_create(folder), STRAIT_OK);
    char *file;
    assert_int_equal(strait_path_join(folder, "file", &file), STRAIT_OK);
    assert_int_equal(strait_file_replace(file, "", 0), STRAIT_OK);
    request.folder = file;
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
    assert_int_equal(c.calls, 2 * TIMED);
    assert_non_null(strstr(choice.source, "in every run"));
    assert_non_null(strstr(choice.source, file));
    strait_free(file);

    /* A folder where the file should be. */
    request.folder = folder;
    assert_int_equal(strait_directory_remove(folder), STRAIT_OK);
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
    char *path = only_file(folder);
    unlink(path);
    assert_int_equal(strait_directory_create(path), STRAIT_OK);
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
    assert_non_null(strstr(choice.source, "in every run"));
    strait_free(path);
    strait_free(only_file(folder));
}

static void the_first_process_decides(void **state)
{
    (void)state;
    clock c = {.scale = 1};
    strait_cpu_choice_request request = request_of(&c);
    strait_cpu_choice choice;
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
    char *path = only_file(folder);
    unlink(path);
    c.rival = path;
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_OK);
    assert_int_equal(c.calls, 2 * TIMED);
    assert_int_equal(choice.times[STRAIT_OP_LINEAR_DX][STRAIT_CPU_LARGE][1], 5);
    assert_false(strait__cpu_choice_is_fast(&choice, STRAIT_OP_LINEAR, STRAIT_CPU_SMALL));
    strait_free(path);
    strait_free(only_file(folder));
}

static void a_failed_measurement_is_an_error(void **state)
{
    (void)state;
    clock c = {.scale = 1, .fail_at = 3};
    strait_cpu_choice_request request = request_of(&c);
    strait_cpu_choice choice;
    assert_int_equal(strait__cpu_choice_make(&request, &choice), STRAIT_ERR_NO_MEMORY);
    assert_false(strait_path_exists(folder));
}

static void sizes_and_folders(void **state)
{
    (void)state;
    static const struct {
        int64_t rows;
        strait_cpu_size size;
    } sizes[] = {{1, STRAIT_CPU_FEW},     {4, STRAIT_CPU_FEW},     {5, STRAIT_CPU_SMALL},
                 {127, STRAIT_CPU_SMALL}, {128, STRAIT_CPU_LARGE}, {1 << 20, STRAIT_CPU_LARGE}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
        strait_op_desc desc = {.op = STRAIT_OP_LINEAR, .dims = {sizes[i].rows}};
        assert_int_equal(strait__cpu_size_of(&desc), sizes[i].size);
        desc.op = i % 2 == 0 ? STRAIT_OP_ATTENTION : STRAIT_OP_ATTENTION_BWD;
        desc.dims[ATTENTION_DIM_B] = 1000;
        desc.dims[ATTENTION_DIM_TQ] = sizes[i].rows;
        assert_int_equal(strait__cpu_size_of(&desc), sizes[i].size);
    }
    char got[64];
    setenv("HOME", "/home/someone", 1);
    setenv("XDG_CACHE_HOME", "/var/cache/me", 1);
    strait__cpu_choice_folder(got, sizeof got);
    assert_string_equal(got, "/var/cache/me/strait");
    setenv("XDG_CACHE_HOME", "relative", 1);
    strait__cpu_choice_folder(got, sizeof got);
    assert_string_equal(got, "/home/someone/.cache/strait");
    strait__cpu_choice_folder(got, 12);
    assert_string_equal(got, "");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    strait__cpu_choice_folder(got, sizeof got);
    assert_string_equal(got, "");
    char identity[256];
    strait__cpu_choice_identity("one\ntwo", identity, sizeof identity);
    assert_non_null(strstr(identity, "; build "));
    assert_non_null(strstr(identity, "one two"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quicker_is_chosen_and_kept, folder_enter, folder_leave),
        cmocka_unit_test_setup_teardown(damage_is_measured_over, folder_enter, folder_leave),
        cmocka_unit_test_setup_teardown(nowhere_to_keep, folder_enter, folder_leave),
        cmocka_unit_test_setup_teardown(the_first_process_decides, folder_enter, folder_leave),
        cmocka_unit_test_setup_teardown(a_failed_measurement_is_an_error, folder_enter, folder_leave),
        cmocka_unit_test(sizes_and_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
