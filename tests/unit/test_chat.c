/*
 * Chat templates: what Jinja with transformers' settings makes of them (tests/chat/golden.json, or the file named as
 * argument), what is refused and where, limits, and finding a model's template.
 */
#define _POSIX_C_SOURCE 200809L
#include "folder.h"

#include "chat/chat_template.h"

static const char *golden = STRAIT_TEST_DATA "/chat/golden.json";

/* Only "generations" of one call; the caller frees the rendering. */
static strait_status render_text(const char *text, size_t length, const json_t *own, const json_t *foreign,
                                 strait_rendering *out)
{
    strait_template *tmpl;
    STRAIT_TRY(strait_template_parse("test", text, length, &tmpl));
    strait_status status = strait_template_render(tmpl, own, foreign, out);
    strait_template_destroy(tmpl);
    return status;
}

static bool same_spans(const strait_rendering *rendering, const json_t *spans)
{
    if (rendering->generation_count != json_array_size(spans)) return false;
    for (size_t i = 0; i < rendering->generation_count; i++) {
        const json_t *span = json_array_get(spans, i);
        if ((json_int_t)rendering->generations[i].begin != json_integer_value(json_array_get(span, 0)) ||
            (json_int_t)rendering->generations[i].end != json_integer_value(json_array_get(span, 1))) {
            return false;
        }
    }
    return true;
}

/* What is wrong with a case, or NULL. */
static const char *judge(const json_t *item, strait_status status, const strait_rendering *rendering)
{
    const json_t *expected = json_object_get(item, "expected");
    bool fails = json_object_get(item, "fails") != NULL;
    if (status == STRAIT_ERR_INTERNAL || status == STRAIT_ERR_NO_MEMORY) return "an error of ours";
    if (status != STRAIT_OK) return fails ? NULL : "is refused";
    if (fails) return "is not refused";
    size_t length = json_string_length(expected);
    if (rendering->text.bytes.length != length) return "has another length";
    if (rendering->text.foreign.length != length) return "has no origins";
    if (length > 0 && memcmp(rendering->text.bytes.bytes, json_string_value(expected), length) != 0) return "differs";
    return same_spans(rendering, json_object_get(item, "spans")) ? NULL : "has other spans of generation";
}

/* Renders a case; a file's text is read anew each time. */
static strait_status render_case(const json_t *root, const json_t *item, strait_rendering *out)
{
    const char *file = json_string_value(json_object_get(item, "file"));
    const json_t *text = json_object_get(item, "text");
    if (!file) {
        return render_text(json_string_value(text), json_string_length(text), NULL, json_object_get(root, "variables"),
                           out);
    }
    char path[512];
    strait_buffer bytes = {0};
    const json_t *conversations = json_object_get(root, "conversations");
    json_t *own = json_copy(json_object_get(item, "own"));
    json_t *foreign = json_object();
    json_object_set(foreign, "messages",
                    json_object_get(conversations, json_string_value(json_object_get(item, "conversation"))));
    if (json_is_true(json_object_get(item, "tools"))) {
        json_object_set(foreign, "tools", json_object_get(root, "tools"));
    } else {
        json_object_set_new(own, "tools", json_null());
    }
    snprintf(path, sizeof path, "%s/chat/%s", STRAIT_TEST_DATA, file);
    assert_ok(strait_file_read(path, 0, &bytes));
    strait_status status = render_text(bytes.bytes, bytes.length, own, foreign, out);
    strait_buffer_fini(&bytes);
    json_decref(own);
    json_decref(foreign);
    return status;
}

static void equal_to_jinja(void **state)
{
    (void)state;
    json_t *root;
    assert_ok(strait_json_read(golden, &root));
    const json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) > 100);
    int wrong = 0;
    int refused = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *item = json_array_get(cases, i);
        strait_rendering rendering = {0};
        strait_status status = render_case(root, item, &rendering);
        const char *why = judge(item, status, &rendering);
        refused += status == STRAIT_ERR_UNSUPPORTED && json_object_get(item, "expected");
        if (why && wrong++ < 20) {
            print_error("%s: %s\n", json_string_value(json_object_get(item, "name")), why);
            if (status != STRAIT_OK) print_error("  ours: %s\n", strait_error_message());
            if (status == STRAIT_OK) print_error("  ours: <%s>\n", rendering.text.bytes.bytes);
            print_error("  text: <%s>\n", json_string_value(json_object_get(item, "text")));
            print_error("  theirs: <%s>%s\n", json_string_value(json_object_get(item, "expected")),
                        json_string_value(json_object_get(item, "fails")));
        }
        strait_rendering_fini(&rendering);
    }
    json_decref(root);
    if (wrong) fail_msg("%d cases differ, %d of them unsupported", wrong, refused);
}

/* Each is refused when it is parsed, at its line, with a word on what there is instead. */
static void beyond_the_subset(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a\nb {{ 1 * 2 }}", "test:2: the operator \"*\""},
        {"{{ 4 / 2 }}", "operator \"/\""},
        {"{{ 4 // 2 }}", "operator \"//\""},
        {"{{ 4 % 2 }}", "operator \"%\""},
        {"{{ 4 ** 2 }}", "operator \"**\""},
        {"{{ 1.5 }}", "decimal integers"},
        {"{{ 1_000 }}", "decimal integers"},
        {"{{ +1 }}", "a value is expected here, not \"+\""},
        {"\n\n{{ x|replace('a', 'b') }}", "test:3: the filter \"replace\" is not supported; there are length, tojson"},
        {"{{ x|default('a') }}", "filter \"default\""},
        {"{{ x|tojson(indent=2) }}", "only ensure_ascii"},
        {"{{ x|tojson(true, 2) }}", "only ensure_ascii"},
        {"{{ x|trim('a') }}", "filter \"trim\" with arguments"},
        {"{{ x is number }}", "test \"number\" is not supported; there are defined"},
        {"{{ x is divisibleby(3) }}", "test \"divisibleby\""},
        {"{{ x is defined y }}", "takes no argument"},
        {"{{ x.get('a') }}", "method \"get\" is not supported; there are split"},
        {"{{ x.append(1) }}", "method \"append\""},
        {"{{ x.upper() }}", "method \"upper\""},
        {"{{ x.split(sep='a') }}", "by name"},
        {"{{ x.startswith('a', 1) }}", "with 2 arguments"},
        {"{{ x['f']() }}", "only macros"},
        {"{{ x[1, 2] }}", "several parts"},
        {"{{ x.0 }}", "a name is expected behind \".\""},
        {"{{ range(3) }}", "\"range\" is not supported"},
        {"{{ strftime_now('%Y') }}", "\"strftime_now\""},
        {"{{ dict(a=1) }}", "\"dict\""},
        {"{{ namespace({'a': 1}) }}", "by name"},
        {"{{ 'a' if x }}", "without an \"else\""},
        {"{{ loop.index0 }}", "inside of a for"},
        {"{% for i in x %}{{ loop.index }}{% endfor %}", "field of loop \"index\" is not supported; there are index0"},
        {"{% for i in x %}{{ loop }}{% endfor %}", "with a \".\""},
        {"{% for i in x %}{% macro m() %}{{ loop.first }}{% endmacro %}{% endfor %}", "inside of a for"},
        {"{% for i in x if loop.first %}{% endfor %}", "inside of a for"},
        {"{% for i in x %}{% else %}{% endfor %}", "the statement \"else\""},
        {"{% for i in x recursive %}{% endfor %}", "\"%}\" is expected here, not \"recursive\""},
        {"{% for (a, b) in x %}{% endfor %}", "a name is expected here"},
        {"{% for a, b, c in x %}{% endfor %}", "\"in\" is expected"},
        {"{% set x %}a{% endset %}", "\"set name = value\""},
        {"{% set a, b = x %}", "\"set name = value\""},
        {"{% set loop = 1 %}", "cannot be a variable's name"},
        {"{% macro m(a, b=1) %}{% endmacro %}", "default values"},
        {"{% macro m(a) %}{{ varargs }}{% endmacro %}", "\"varargs\""},
        {"{% macro m(a) %}{% endmacro %}{{ m(a=1) }}", "by name"},
        {"{% macro m(a) %}{% generation %}{% endgeneration %}{% endmacro %}", "inside a macro"},
        {"{% for i in x %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "outside of a loop"},
        {"{% include 'x' %}", "the statement \"include\" is not supported here; there are if, for"},
        {"{% import 'x' as y %}", "statement \"import\""},
        {"{% call m() %}{% endcall %}", "statement \"call\""},
        {"{% filter trim %}{% endfilter %}", "statement \"filter\""},
        {"{% with x = 1 %}{% endwith %}", "statement \"with\""},
        {"{% raw %}x{% endraw %}", "statement \"raw\""},
        {"{% block a %}{% endblock %}", "statement \"block\""},
        {"{% do x %}", "statement \"do\""},
        {"a\n{%+ if x %}{% endif %}", "test:2: \"{%+\" is not supported"},
        {"{% if x +%}{% endif %}", "\"+%}\" is not supported"},
        {"{# a +#}", "\"+#}\" is not supported"},
        {"{{ '\\N{DASH}' }}", "\"\\N\" is not supported"},
        {"{{ é }}", "does not belong into a tag"},
    };
    strait_rendering rendering = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        strait_template *tmpl = NULL;
        strait_status status = strait_template_parse("test", cases[i][0], strlen(cases[i][0]), &tmpl);
        if (status == STRAIT_OK) {
            strait_template_destroy(tmpl);
            fail_msg("not refused: %s", cases[i][0]);
        }
        if (status != STRAIT_ERR_UNSUPPORTED && status != STRAIT_ERR_FORMAT) fail_msg("%s: %d", cases[i][0], status);
        if (!strstr(strait_error_message(), cases[i][1])) fail_msg("%s: %s", cases[i][0], strait_error_message());
        assert_memory_equal(strait_error_message(), "test:", 5);
    }
    /* These show only when values are there. */
    static const char *const later[][2] = {
        {"\n{{ d.items }}", "test:2: \"items\" of a dict is a method of Python's"},
        {"{{ d['keys'] }}", "\"keys\" of a dict is a method"},
        {"{{ d.__class__ }}", "is a method of Python's"},
        {"{{ 'a'.upper }}", "\"upper\" of a string is a method"},
        {"{{ d|items }}", "has no text to be printed"},
        {"{{ namespace(a=1) }}", "has no text to be printed"},
        {"{{ ('<'|safe) + '<' }}", "escapes as HTML"},
        {"{{ f(1) }}", "\"f\" is no macro"},
        {"{{ 9223372036854775807 + 1 }}", "more than 64 bits"},
        {"{{ {'\xce\xa3': 1}|dictsort }}", "capital letter"},
        {"a\n\n{{ raise_exception('only ' ~ 1) }}", "test:3: the template refuses this conversation: only 1"},
    };
    json_t *variables = json_pack("{s:{s:i}}", "d", "a", 1);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        strait_status status = render_text(later[i][0], strlen(later[i][0]), variables, NULL, &rendering);
        if (status == STRAIT_OK) fail_msg("not refused: %s", later[i][0]);
        if (!strstr(strait_error_message(), later[i][1])) fail_msg("%s: %s", later[i][0], strait_error_message());
    }
    json_decref(variables);
    strait_rendering_fini(&rendering);
}

/* A template from outside may be made to run, recurse, nest or write without end. */
static void limits_hold(void **state)
{
    (void)state;
    static const char *const endless[][2] = {
        {"{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}", "nested deeper than"},
        {"{% set n = namespace(x='ab') %}{% for a in l %}{% for b in l %}{% set n.x = n.x ~ n.x %}{% endfor %}{% "
         "endfor %}",
         "more than"},
        {"{% set n = namespace(x=[]) %}{% for a in l %}{% for b in l %}{% set n.x = [n.x] %}{% endfor %}{% endfor %}",
         "nested deeper than"},
        {"{% set n = namespace(x=[]) %}{% for a in l %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}", "more than"},
        {"{% for a in l %}{% for b in l %}{% for c in l %}{% for d in l %}{% for e in l %}{% for f in l %}{{ f }}"
         "{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
         "more than"},
    };
    strait_rendering rendering = {0};
    json_t *list = json_array();
    for (int i = 0; i < 40; i++) json_array_append_new(list, json_string("0123456789"));
    json_t *variables = json_pack("{s:o}", "l", list);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        assert_fails(render_text(endless[i][0], strlen(endless[i][0]), variables, NULL, &rendering), STRAIT_ERR_RANGE,
                     endless[i][1]);
        assert_non_null(strstr(strait_error_message(), "test:1: "));
    }
    json_decref(variables);
    strait_rendering_fini(&rendering);
    strait_buffer deep = {0};
    assert_ok(strait_buffer_append(&deep, "{{ ", 3));
    for (int i = 0; i < 5000; i++) assert_ok(strait_buffer_append(&deep, i % 2 ? "(" : "not ", i % 2 ? 1 : 4));
    strait_template *tmpl;
    assert_fails(strait_template_parse("test", deep.bytes, deep.length, &tmpl), STRAIT_ERR_RANGE, "test:1: ");
    strait_buffer_clear(&deep);
    for (int i = 0; i < 5000; i++) assert_ok(strait_buffer_append(&deep, "{% if x %}", 10));
    assert_fails(strait_template_parse("test", deep.bytes, deep.length, &tmpl), STRAIT_ERR_RANGE, "test:1: ");
    strait_buffer_fini(&deep);
}

/* Bytes of messages are told from those of the template wherever they pass through. */
static void origins_are_kept(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a{{ m }}b", "aX<|Y|>b", "01111110"},
        {"{{ 'a' + m[1:3] ~ 'b' }}", "a<|b", "0110"},
        {"{{ m.split('|')[1] }}{{ m|trim }}{{ m[::-1] }}", "YX<|Y|>>|Y|<X", "1111111111111"},
        {"{{ m|tojson }}{{ [m] }}", "\"X<|Y|>\"['X<|Y|>']",
         "0111111000111111"
         "00"},
        {"{% macro w(t) %}<{{ t }}>{% endmacro %}{{ w(m) }}{{ m|length }}{{ 'X' if m == 'X<|Y|>' else '' }}",
         "<X<|Y|>>6X", "0111111000"},
    };
    json_t *foreign = json_pack("{s:s}", "m", "X<|Y|>");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        strait_rendering rendering = {0};
        assert_ok(render_text(cases[i][0], strlen(cases[i][0]), NULL, foreign, &rendering));
        assert_string_equal(rendering.text.bytes.bytes, cases[i][1]);
        assert_int_equal(rendering.text.foreign.length, strlen(cases[i][2]));
        for (size_t k = 0; k < rendering.text.foreign.length; k++) {
            assert_int_equal(rendering.text.foreign.bytes[k], cases[i][2][k] - '0');
        }
        strait_rendering_fini(&rendering);
    }
    json_decref(foreign);
    strait_template *tmpl;
    assert_ok(strait_template_parse("test", "{{ '<a>' }}<b>{# <c> #}", 23, &tmpl));
    assert_true(strait_template_writes(tmpl, "<a>", 3));
    assert_true(strait_template_writes(tmpl, "<b>", 3));
    assert_false(strait_template_writes(tmpl, "<c>", 3));
    strait_template_destroy(tmpl);
}

static void assert_renders(const char *directory, const json_t *tools, const char *expected)
{
    strait_chat *chat;
    strait_rendering rendering = {0};
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "hi");
    json_t *variables = json_pack("{s:b}", "flag", 1);
    strait_chat_options options = {.generation_prompt = true, .tools = tools, .variables = variables};
    assert_ok(strait_chat_open(directory, &chat));
    assert_ok(strait_chat_render(chat, messages, &options, &rendering));
    assert_string_equal(rendering.text.bytes.bytes, expected);
    strait_rendering_fini(&rendering);
    strait_chat_close(chat);
    json_decref(messages);
    json_decref(variables);
}

static void finds_a_models_template(void **state)
{
    const test_folder *folder = *state;
    const char *jinja = at(folder, "chat_template.jinja");
    const char *config = at(folder, "tokenizer_config.json");
    strait_chat *chat;
    json_t *tools = json_pack("[{s:s}]", "name", "f");
    assert_fails(strait_chat_open(folder->path, &chat), STRAIT_ERR_NOT_FOUND, "neither chat_template.jinja nor");
    write_text(config, "{\"chat_template\": 3}");
    assert_fails(strait_chat_open(folder->path, &chat), STRAIT_ERR_FORMAT, "neither a text nor a list");
    write_text(config, "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"x\"}]}");
    assert_fails(strait_chat_open(folder->path, &chat), STRAIT_ERR_NOT_FOUND, "\"default\"");
    write_text(config, "{\"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": \"</s>\", \"pad_token\": null,"
                       "\"additional_special_tokens\": [\"<x>\"], \"chat_template\": \"{{ bos_token }}{{ "
                       "messages[0].content }}{{ eos_token }}{{ pad_token is defined }}{{ additional_special_tokens "
                       "}}{{ tools is none }}{{ documents }}{{ add_generation_prompt }}{{ flag }}\"}");
    assert_renders(folder->path, NULL, "<s>hi</s>False['<x>']TrueNoneTrueTrue");
    write_text(config, "{\"chat_template\": [{\"name\": \"default\", \"template\": \"d\"}, {\"name\": \"tool_use\", "
                       "\"template\": \"t{{ tools[0].name }}\"}]}");
    assert_renders(folder->path, NULL, "d");
    assert_renders(folder->path, tools, "tf");
    write_text(jinja, "from the file {{ messages|length }}\n");
    assert_renders(folder->path, tools, "from the file 1");
    write_text(jinja, "one\n{{ x|upper }}\n");
    assert_fails(strait_chat_open(folder->path, &chat), STRAIT_ERR_UNSUPPORTED, "chat_template.jinja:2: the filter");
    write_text(jinja, "one\n\xff\n");
    assert_fails(strait_chat_open(folder->path, &chat), STRAIT_ERR_FORMAT,
                 "chat_template.jinja:2: byte 4 is not UTF-8");
    json_decref(tools);
}

int main(int argc, char **argv)
{
    if (argc > 1) golden = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_jinja),
        cmocka_unit_test(beyond_the_subset),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(origins_are_kept),
        cmocka_unit_test_setup_teardown(finds_a_models_template, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
