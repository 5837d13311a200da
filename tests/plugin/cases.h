/* The ways of being a plug-in that sample.c is built for: X(name). tests/tests.cmake builds strait_<name>.so of each.
 */
#ifndef STRAIT_TESTS_PLUGIN_CASES_H
#define STRAIT_TESTS_PLUGIN_CASES_H

#define STRAIT_PLUGIN_CASES(X) \
    X(fine)                    \
    X(frozen)                  \
    X(newer)                   \
    X(only_v2)                 \
    X(needs_newer)             \
    X(short_plugin)            \
    X(short_driver)            \
    X(no_driver)               \
    X(lacks_copy)              \
    X(no_symbol)               \
    X(declines)                \
    X(silent)                  \
    X(misnamed)                \
    X(crashes)                 \
    X(hangs)                   \
    X(exits)                   \
    X(chatters)                \
    X(flushes)

enum {
#define STRAIT_PLUGIN_CASE(name) CASE_##name,
    STRAIT_PLUGIN_CASES(STRAIT_PLUGIN_CASE)
#undef STRAIT_PLUGIN_CASE
};

#endif
