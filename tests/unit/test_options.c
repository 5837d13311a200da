/* The size with which structs of options begin: every public call that takes one looks at it first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strait/bench.h>
#include <strait/data.h>
#include <strait/eval.h>
#include <strait/generate.h>
#include <strait/info.h>
#include <strait/trace.h>
#include <strait/train.h>

#define NOWHERE "/nowhere/at/all"

static strait_status call_train(const void *options)
{
    return strait_train(options, NULL);
}

static strait_status call_generate(const void *options)
{
    return strait_generate(options, NULL);
}

static strait_status call_eval(const void *options)
{
    strait_eval_report report;
    return strait_eval(options, &report);
}

static strait_status call_trace(const void *options)
{
    return strait_trace(options);
}

static strait_status call_bench_step(const void *options)
{
    strait_bench_report report;
    return strait_bench_step(options, &report);
}

static void no_row(void *user, const strait_bench_row *row)
{
    (void)user;
    (void)row;
}

static strait_status call_bench_ops(const void *options)
{
    strait_bench_report report;
    return strait_bench_ops(options, no_row, NULL, &report);
}

static strait_status call_corpus(const void *options)
{
    const char *path = NOWHERE;
    strait_corpus *corpus;
    return strait_corpus_open(&path, 1, options, &corpus);
}

static strait_status call_info(const void *options)
{
    char *text;
    return strait_info_describe(NOWHERE, options, &text);
}

/* Room for any struct of options, and for what a newer header may add. */
typedef union storage {
    uint32_t struct_size;
    strait_train_options train;
    strait_generate_options generate;
    strait_eval_options eval;
    strait_trace_options trace;
    strait_bench_options bench;
    strait_corpus_options corpus;
    strait_info_options info;
    unsigned char bytes[1024];
} storage;

typedef struct taker {
    const char *name;
    size_t size;
    strait_status (*call)(const void *options);
    const char *next; /* the complaint once the size is right */
} taker;

static const taker takers[] = {
    {"strait_train_options", sizeof(strait_train_options), call_train, "no config given"},
    {"strait_generate_options", sizeof(strait_generate_options), call_generate, "no model given"},
    {"strait_eval_options", sizeof(strait_eval_options), call_eval, "no model given"},
    {"strait_trace_options", sizeof(strait_trace_options), call_trace, "a trace needs a model"},
    {"strait_bench_options", sizeof(strait_bench_options), call_bench_step, NOWHERE},
    {"strait_bench_options", sizeof(strait_bench_options), call_bench_ops, NOWHERE},
    {"strait_corpus_options", sizeof(strait_corpus_options), call_corpus, NOWHERE},
    {"strait_info_options", sizeof(strait_info_options), call_info, NOWHERE},
};

static void expect_refusal(const taker *t, const storage *options, strait_status status, const char *wanted)
{
    strait_status got = t->call(options);
    if (got != status || !strstr(strait_error_message(), wanted)) {
        fail_msg("%s: %s: \"%s\" does not say \"%s\"", t->name, strait_status_name(got), strait_error_message(),
                 wanted);
    }
}

/* Zeros but for the size, and a model that is not there where "tiny" would be the default. */
static storage zeros(const taker *t, size_t size)
{
    storage options;
    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)size;
    if (strcmp(t->name, "strait_bench_options") == 0) options.bench.model = NOWHERE;
    return options;
}

static void sizes_are_looked_at_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++) {
        const taker *t = &takers[i];
        const size_t wrong[] = {0, t->size - 1, t->size + 100000, UINT32_MAX};
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            storage options = zeros(t, wrong[k]);
            expect_refusal(t, &options, STRAIT_ERR_USAGE, t->name);
            expect_refusal(t, &options, STRAIT_ERR_USAGE, "struct_size is");
        }
    }
}

static void newer_callers_are_understood_unless_they_ask_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++) {
        const taker *t = &takers[i];
        for (size_t more = 0; more <= 16; more += 8) {
            storage options = zeros(t, t->size + more);
            strait_status status = t->call(&options);
            assert_int_not_equal(status, STRAIT_OK);
            expect_refusal(t, &options, status, t->next);
            if (more == 0) continue;
            options.bytes[t->size + more - 1] = 1;
            expect_refusal(t, &options, STRAIT_ERR_USAGE, "an option that it does not know is set");
        }
    }
}

static void defaults_have_their_size(void **state)
{
    (void)state;
    strait_generate_options generate;
    strait_trace_options trace;
    strait_generate_defaults(&generate);
    strait_trace_defaults(&trace);
    assert_int_equal(generate.struct_size, sizeof generate);
    assert_int_equal(trace.struct_size, sizeof trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_looked_at_first),
        cmocka_unit_test(newer_callers_are_understood_unless_they_ask_for_more),
        cmocka_unit_test(defaults_have_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
