/* Expressions, in Jinja's order of precedence: if-else, or, and, not, comparisons, + and -, ~, unary, postfix, filters.
 */
#include "chat/node.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 100 };

#define STRAIT__NAME_TEXT(name) #name,
static const char *const methods[] = {STRAIT__METHODS(STRAIT__NAME_TEXT)};
static const char *const filters[] = {STRAIT__FILTERS(STRAIT__NAME_TEXT)};
static const char *const tests[] = {STRAIT__TESTS(STRAIT__NAME_TEXT)};
static const char *const loop_fields[] = {STRAIT__LOOP_FIELDS(STRAIT__NAME_TEXT)};

typedef strait_status (*level)(strait__parser *parser, strait__node **out);

/* The number of a name in a list, or a refusal that prints the list. */
static strait_status find_name(strait__parser *parser, const char *what, const char *const *names, int count,
                               int64_t *out)
{
    char list[160] = "";
    char found[64];
    for (int i = 0; i < count; i++) {
        if (strait__token_is(parser->at, TOKEN_NAME, names[i])) {
            *out = i;
            parser->at++;
            return STRAIT_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, parser->at->line,
                               "the %s %s is not supported; there are %s: rewrite this line with them", what,
                               strait__parser_describe(parser, found), list);
}

static strait_status binary(strait__parser *parser, strait__node_kind kind, int line, level operand, strait__node **out)
{
    strait__node *node;
    STRAIT_TRY(strait__parser_node(parser, kind, line, &node));
    node->a = *out;
    STRAIT_TRY(operand(parser, &node->b));
    *out = node;
    return STRAIT_OK;
}

/* Expressions up to `end`, separated by commas, one behind the last allowed; takes the end. */
static strait_status parse_items(strait__parser *parser, const char *end, strait__node **last, int *out_count)
{
    int count = 0;
    while (!strait__parser_sees(parser, end)) {
        if (count > 0) STRAIT_TRY(strait__parser_expect(parser, ","));
        if (strait__parser_sees(parser, end)) break;
        STRAIT_TRY(strait__parse_expression(parser, true, last));
        last = &(*last)->next;
        count++;
    }
    *out_count = count;
    return strait__parser_expect(parser, end);
}

static bool names_argument(const strait__parser *parser)
{
    return parser->at->kind == TOKEN_NAME && strait__token_is(parser->at + 1, TOKEN_SIGN, "=");
}

/* The arguments of a call, "(" taken: positional ones only. */
static strait_status parse_arguments(strait__parser *parser, int line, strait__node **items, int *out_count)
{
    strait__node **last = items;
    int count = 0;
    while (!strait__parser_sees(parser, ")")) {
        if (count > 0) STRAIT_TRY(strait__parser_expect(parser, ","));
        if (strait__parser_sees(parser, ")")) break;
        if (names_argument(parser)) {
            return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line,
                                       "arguments by name are not supported here: give them by position");
        }
        STRAIT_TRY(strait__parse_expression(parser, true, last));
        last = &(*last)->next;
        count++;
    }
    *out_count = count;
    return strait__parser_expect(parser, ")");
}

static strait_status parse_namespace(strait__parser *parser, int line, strait__node **out)
{
    STRAIT_TRY(strait__parser_node(parser, NODE_NAMESPACE, line, out));
    strait__node **last = &(*out)->items;
    while (!strait__parser_sees(parser, ")")) {
        if ((*out)->items) STRAIT_TRY(strait__parser_expect(parser, ","));
        if (strait__parser_sees(parser, ")")) break;
        if (!names_argument(parser)) {
            return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line,
                                       "namespace takes its members by name: namespace(member=value)");
        }
        STRAIT_TRY(strait__parser_node(parser, NODE_STRING, parser->at->line, last));
        (*last)->text = parser->at->text;
        (*last)->length = parser->at->length;
        parser->at += 2;
        last = &(*last)->next;
        STRAIT_TRY(strait__parse_expression(parser, true, last));
        last = &(*last)->next;
    }
    return strait__parser_expect(parser, ")");
}

static strait_status parse_loop(strait__parser *parser, int line, strait__node **out)
{
    if (parser->loops == 0 || parser->in_condition || !strait__parser_take(parser, ".")) {
        return strait__parser_fail(
            parser, STRAIT_ERR_UNSUPPORTED, line,
            "\"loop\" is supported inside of a for statement's body only, with a \".\" behind it");
    }
    STRAIT_TRY(strait__parser_node(parser, NODE_LOOP, line, out));
    return find_name(parser, "field of loop", loop_fields, LOOP_COUNT, &(*out)->number);
}

/* A name that stands alone or is called; the token is behind it. */
static strait_status parse_name(strait__parser *parser, const strait__token *name, strait__node **out)
{
    static const char *const foreign[] = {"range", "dict",  "lipsum", "cycler",  "joiner", "strftime_now",
                                          "self",  "super", "caller", "varargs", "kwargs"};
    int count;
    if (strait__token_is(name, TOKEN_NAME, "loop")) return parse_loop(parser, name->line, out);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (!strait__token_is(name, TOKEN_NAME, foreign[i])) continue;
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, name->line,
                                   "\"%s\" is not supported; of functions there are namespace, raise_exception and the "
                                   "template's own macros",
                                   foreign[i]);
    }
    bool call = strait__parser_take(parser, "(");
    if (strait__token_is(name, TOKEN_NAME, "namespace") && call) return parse_namespace(parser, name->line, out);
    if (strait__token_is(name, TOKEN_NAME, "raise_exception") && call) {
        STRAIT_TRY(strait__parser_node(parser, NODE_RAISE, name->line, out));
        STRAIT_TRY(parse_arguments(parser, name->line, &(*out)->a, &count));
        if (count == 1) return STRAIT_OK;
        return strait__parser_fail(parser, STRAIT_ERR_FORMAT, name->line, "raise_exception takes one argument");
    }
    STRAIT_TRY(strait__parser_node(parser, call ? NODE_CALL : NODE_NAME, name->line, out));
    (*out)->text = name->text;
    (*out)->length = name->length;
    STRAIT_TRY(strait__parser_symbol(parser, name, &(*out)->symbol));
    return call ? parse_arguments(parser, name->line, &(*out)->items, &count) : STRAIT_OK;
}

static bool parse_constant(const strait__token *name, strait__node_kind *out_kind, int64_t *out_number)
{
    static const char *const words[] = {"false", "true", "none", "False", "True", "None"};
    for (int i = 0; i < 6; i++) {
        if (!strait__token_is(name, TOKEN_NAME, words[i])) continue;
        *out_kind = i % 3 == 2 ? NODE_NONE : NODE_BOOL;
        *out_number = i % 3;
        return true;
    }
    return false;
}

/* Strings that stand side by side are one. */
static strait_status parse_string(strait__parser *parser, strait__node **out)
{
    STRAIT_TRY(strait__parser_node(parser, NODE_STRING, parser->at->line, out));
    size_t length = 0;
    const strait__token *end = parser->at;
    for (; end->kind == TOKEN_STRING; end++) length += end->length;
    char *text;
    STRAIT_TRY(strait__arena_take(&parser->out->arena, length + 1, 1, &text));
    (*out)->text = text;
    (*out)->length = length;
    for (; parser->at < end; parser->at++) {
        if (parser->at->length > 0) memcpy(text, parser->at->text, parser->at->length);
        text += parser->at->length;
    }
    return STRAIT_OK;
}

static strait_status parse_dict(strait__parser *parser, int line, strait__node **out)
{
    STRAIT_TRY(strait__parser_node(parser, NODE_DICT, line, out));
    strait__node **last = &(*out)->items;
    while (!strait__parser_sees(parser, "}")) {
        if ((*out)->items) STRAIT_TRY(strait__parser_expect(parser, ","));
        if (strait__parser_sees(parser, "}")) break;
        STRAIT_TRY(strait__parse_expression(parser, true, last));
        STRAIT_TRY(strait__parser_expect(parser, ":"));
        last = &(*last)->next;
        STRAIT_TRY(strait__parse_expression(parser, true, last));
        last = &(*last)->next;
    }
    return strait__parser_expect(parser, "}");
}

/* What stands in round brackets: an expression, or a tuple; "(" taken. */
static strait_status parse_round(strait__parser *parser, int line, strait__node **out)
{
    if (strait__parser_take(parser, ")")) return strait__parser_node(parser, NODE_TUPLE, line, out);
    STRAIT_TRY(strait__parse_tuple(parser, true, out));
    return strait__parser_expect(parser, ")");
}

static strait_status parse_primary(strait__parser *parser, strait__node **out)
{
    const strait__token *token = parser->at;
    strait__node_kind kind;
    int64_t number;
    int count;
    char found[64];
    if (token->kind == TOKEN_STRING) return parse_string(parser, out);
    if (token->kind == TOKEN_INTEGER) {
        parser->at++;
        STRAIT_TRY(strait__parser_node(parser, NODE_INTEGER, token->line, out));
        (*out)->number = token->integer;
        return STRAIT_OK;
    }
    if (token->kind == TOKEN_NAME) {
        parser->at++;
        if (!parse_constant(token, &kind, &number)) return parse_name(parser, token, out);
        STRAIT_TRY(strait__parser_node(parser, kind, token->line, out));
        (*out)->number = number;
        return STRAIT_OK;
    }
    if (strait__parser_take(parser, "(")) return parse_round(parser, token->line, out);
    if (strait__parser_take(parser, "{")) return parse_dict(parser, token->line, out);
    if (strait__parser_take(parser, "[")) {
        STRAIT_TRY(strait__parser_node(parser, NODE_LIST, token->line, out));
        return parse_items(parser, "]", &(*out)->items, &count);
    }
    return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, token->line, "a value is expected here, not %s",
                               strait__parser_describe(parser, found));
}

static strait_status absent(strait__parser *parser, strait__node **out)
{
    return strait__parser_node(parser, NODE_NONE, parser->at->line, out);
}

/* a[...]; "[" taken. */
static strait_status parse_subscript(strait__parser *parser, int line, strait__node **out)
{
    strait__node *node;
    strait__node *first = NULL;
    STRAIT_TRY(strait__parser_node(parser, NODE_INDEX, line, &node));
    node->a = *out;
    *out = node;
    if (!strait__parser_sees(parser, ":")) STRAIT_TRY(strait__parse_expression(parser, true, &first));
    if (!strait__parser_take(parser, ":")) {
        node->b = first;
        if (!strait__parser_sees(parser, ",")) return strait__parser_expect(parser, "]");
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line, "an index of several parts is not supported");
    }
    node->kind = NODE_SLICE;
    if (!first) STRAIT_TRY(absent(parser, &first));
    node->items = first;
    strait__node **end = &first->next;
    bool open = strait__parser_sees(parser, ":") || strait__parser_sees(parser, "]");
    STRAIT_TRY(open ? absent(parser, end) : strait__parse_expression(parser, true, end));
    strait__node **step = &(*end)->next;
    open = !strait__parser_take(parser, ":") || strait__parser_sees(parser, "]");
    STRAIT_TRY(open ? absent(parser, step) : strait__parse_expression(parser, true, step));
    return strait__parser_expect(parser, "]");
}

/* a.name or a.name(...); "." taken. */
static strait_status parse_attribute(strait__parser *parser, int line, strait__node **out)
{
    static const int most[] = {
        [METHOD_split] = 2,      [METHOD_strip] = 1,    [METHOD_lstrip] = 1, [METHOD_rstrip] = 1,
        [METHOD_startswith] = 1, [METHOD_endswith] = 1, [METHOD_items] = 0,
    };
    char found[64];
    const strait__token *name = parser->at;
    if (name->kind != TOKEN_NAME) {
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line, "a name is expected behind \".\", not %s",
                                   strait__parser_describe(parser, found));
    }
    strait__node *node;
    bool call = strait__token_is(name + 1, TOKEN_SIGN, "(");
    STRAIT_TRY(strait__parser_node(parser, call ? NODE_METHOD : NODE_ATTRIBUTE, line, &node));
    node->a = *out;
    node->text = name->text;
    node->length = name->length;
    *out = node;
    if (!call) {
        parser->at++;
        return STRAIT_OK;
    }
    int count;
    STRAIT_TRY(find_name(parser, "method", methods, METHOD_COUNT, &node->number));
    parser->at++;
    STRAIT_TRY(parse_arguments(parser, line, &node->items, &count));
    bool fewest = node->number == METHOD_startswith || node->number == METHOD_endswith;
    if (count >= fewest && count <= most[node->number]) return STRAIT_OK;
    return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line, "%s() with %d arguments is not supported",
                               methods[node->number], count);
}

static strait_status parse_postfix(strait__parser *parser, strait__node **out)
{
    for (;;) {
        int line = parser->at->line;
        if (strait__parser_take(parser, ".")) {
            STRAIT_TRY(parse_attribute(parser, line, out));
        } else if (strait__parser_take(parser, "[")) {
            STRAIT_TRY(parse_subscript(parser, line, out));
        } else if (strait__parser_sees(parser, "(")) {
            return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line,
                                       "only macros, methods, namespace and raise_exception can be called");
        } else {
            return STRAIT_OK;
        }
    }
}

/* tojson's one option; "(" taken. */
static strait_status parse_tojson(strait__parser *parser, strait__node *node)
{
    if (strait__parser_take(parser, ")")) return STRAIT_OK;
    if (names_argument(parser)) {
        if (!strait__parser_take(parser, "ensure_ascii")) {
            return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, node->line,
                                       "of tojson's options only ensure_ascii is supported");
        }
        parser->at++;
    }
    STRAIT_TRY(strait__parse_expression(parser, true, &node->b));
    if (strait__parser_take(parser, ")")) return STRAIT_OK;
    return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, node->line,
                               "of tojson's options only ensure_ascii is supported");
}

static strait_status parse_filter(strait__parser *parser, int line, strait__node **out)
{
    strait__node *node;
    STRAIT_TRY(strait__parser_node(parser, NODE_FILTER, line, &node));
    node->a = *out;
    *out = node;
    STRAIT_TRY(find_name(parser, "filter", filters, FILTER_COUNT, &node->number));
    if (!strait__parser_take(parser, "(")) return STRAIT_OK;
    if (node->number == FILTER_tojson) return parse_tojson(parser, node);
    if (strait__parser_take(parser, ")")) return STRAIT_OK;
    return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line,
                               "the filter \"%s\" with arguments is not supported", filters[node->number]);
}

static strait_status parse_test(strait__parser *parser, int line, strait__node **out)
{
    strait__node *node;
    bool negated = strait__parser_take(parser, "not");
    STRAIT_TRY(strait__parser_node(parser, NODE_TEST, line, &node));
    node->a = *out;
    *out = node;
    STRAIT_TRY(find_name(parser, "test", tests, TEST_COUNT, &node->number));
    const strait__token *next = parser->at;
    bool name = next->kind == TOKEN_NAME && !strait__parser_sees(parser, "else") &&
                !strait__parser_sees(parser, "or") && !strait__parser_sees(parser, "and");
    bool bracket =
        strait__parser_sees(parser, "(") || strait__parser_sees(parser, "[") || strait__parser_sees(parser, "{");
    /* Jinja takes any such for the test's argument, even "if". */
    if (name || bracket || next->kind == TOKEN_STRING || next->kind == TOKEN_INTEGER) {
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line,
                                   "the test \"%s\" takes no argument: put brackets around it", tests[node->number]);
    }
    if (!negated) return STRAIT_OK;
    STRAIT_TRY(strait__parser_node(parser, NODE_NOT, line, &node));
    node->a = *out;
    *out = node;
    return STRAIT_OK;
}

static strait_status parse_unary(strait__parser *parser, bool filtered, strait__node **out)
{
    int line = parser->at->line;
    if (++parser->depth > DEPTH_MAX) {
        return strait__parser_fail(parser, STRAIT_ERR_RANGE, line, "nested deeper than %d levels", DEPTH_MAX);
    }
    if (strait__parser_take(parser, "-")) {
        STRAIT_TRY(strait__parser_node(parser, NODE_NEGATE, line, out));
        STRAIT_TRY(parse_unary(parser, false, &(*out)->a));
    } else {
        STRAIT_TRY(parse_primary(parser, out));
    }
    STRAIT_TRY(parse_postfix(parser, out));
    while (filtered) {
        line = parser->at->line;
        if (strait__parser_take(parser, "|")) {
            STRAIT_TRY(parse_filter(parser, line, out));
        } else if (strait__parser_take(parser, "is")) {
            STRAIT_TRY(parse_test(parser, line, out));
        } else {
            break;
        }
    }
    parser->depth--;
    return STRAIT_OK;
}

static strait_status parse_operand(strait__parser *parser, strait__node **out)
{
    return parse_unary(parser, true, out);
}

static strait_status parse_concat(strait__parser *parser, strait__node **out)
{
    STRAIT_TRY(parse_operand(parser, out));
    for (;;) {
        int line = parser->at->line;
        if (!strait__parser_take(parser, "~")) return STRAIT_OK;
        STRAIT_TRY(binary(parser, NODE_CONCAT, line, parse_operand, out));
    }
}

static strait_status parse_sum(strait__parser *parser, strait__node **out)
{
    STRAIT_TRY(parse_concat(parser, out));
    for (;;) {
        int line = parser->at->line;
        bool add = strait__parser_take(parser, "+");
        if (!add && !strait__parser_take(parser, "-")) break;
        STRAIT_TRY(binary(parser, add ? NODE_ADD : NODE_SUBTRACT, line, parse_concat, out));
    }
    static const char *const others[] = {"*", "/", "//", "%", "**"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strait__parser_sees(parser, others[i])) continue;
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, parser->at->line,
                                   "the operator \"%s\" is not supported; there are +, - and ~", others[i]);
    }
    return STRAIT_OK;
}

/* The comparison that stands here, taken; -1 where there is none. */
static int take_comparison(strait__parser *parser)
{
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">=", "in"};
    for (int i = 0; i <= COMPARE_IN; i++) {
        if (strait__parser_take(parser, signs[i])) return i;
    }
    if (!strait__parser_sees(parser, "not") || !strait__token_is(parser->at + 1, TOKEN_NAME, "in")) return -1;
    parser->at += 2;
    return COMPARE_NOT_IN;
}

static strait_status parse_comparison(strait__parser *parser, strait__node **out)
{
    STRAIT_TRY(parse_sum(parser, out));
    strait__node *node = NULL;
    strait__node **last = NULL;
    for (;;) {
        int line = parser->at->line;
        int comparison = take_comparison(parser);
        if (comparison < 0) return STRAIT_OK;
        if (!node) {
            STRAIT_TRY(strait__parser_node(parser, NODE_COMPARE, line, &node));
            node->a = *out;
            *out = node;
            last = &node->items;
        }
        STRAIT_TRY(strait__parser_node(parser, NODE_OPERAND, line, last));
        (*last)->number = comparison;
        STRAIT_TRY(parse_sum(parser, &(*last)->a));
        last = &(*last)->next;
    }
}

static strait_status parse_not(strait__parser *parser, strait__node **out)
{
    int line = parser->at->line;
    if (!strait__parser_take(parser, "not")) return parse_comparison(parser, out);
    if (++parser->depth > DEPTH_MAX) {
        return strait__parser_fail(parser, STRAIT_ERR_RANGE, line, "nested deeper than %d levels", DEPTH_MAX);
    }
    STRAIT_TRY(strait__parser_node(parser, NODE_NOT, line, out));
    STRAIT_TRY(parse_not(parser, &(*out)->a));
    parser->depth--;
    return STRAIT_OK;
}

static strait_status parse_and(strait__parser *parser, strait__node **out)
{
    STRAIT_TRY(parse_not(parser, out));
    for (;;) {
        int line = parser->at->line;
        if (!strait__parser_take(parser, "and")) return STRAIT_OK;
        STRAIT_TRY(binary(parser, NODE_AND, line, parse_not, out));
    }
}

static strait_status parse_or(strait__parser *parser, strait__node **out)
{
    STRAIT_TRY(parse_and(parser, out));
    for (;;) {
        int line = parser->at->line;
        if (!strait__parser_take(parser, "or")) return STRAIT_OK;
        STRAIT_TRY(binary(parser, NODE_OR, line, parse_and, out));
    }
}

strait_status strait__parse_expression(strait__parser *parser, bool choice, strait__node **out)
{
    int line = parser->at->line;
    if (++parser->depth > DEPTH_MAX) {
        return strait__parser_fail(parser, STRAIT_ERR_RANGE, line, "nested deeper than %d levels", DEPTH_MAX);
    }
    STRAIT_TRY(parse_or(parser, out));
    while (choice && strait__parser_take(parser, "if")) {
        strait__node *node;
        STRAIT_TRY(strait__parser_node(parser, NODE_CHOICE, line, &node));
        node->a = *out;
        STRAIT_TRY(parse_or(parser, &node->b));
        if (!strait__parser_take(parser, "else")) {
            return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line,
                                       "\"a if c\" without an \"else\" is not supported: write \"a if c else ''\"");
        }
        STRAIT_TRY(strait__parse_expression(parser, true, &node->c));
        *out = node;
    }
    parser->depth--;
    return STRAIT_OK;
}

static bool tuple_ends(const strait__parser *parser)
{
    return parser->at->kind == TOKEN_TAG_END || parser->at->kind == TOKEN_PRINT_END || strait__parser_sees(parser, ")");
}

strait_status strait__parse_tuple(strait__parser *parser, bool choice, strait__node **out)
{
    strait__node *first;
    STRAIT_TRY(strait__parse_expression(parser, choice, &first));
    if (!strait__parser_sees(parser, ",")) {
        *out = first;
        return STRAIT_OK;
    }
    STRAIT_TRY(strait__parser_node(parser, NODE_TUPLE, first->line, out));
    (*out)->items = first;
    for (strait__node **last = &first->next; strait__parser_take(parser, ",") && !tuple_ends(parser);
         last = &(*last)->next) {
        STRAIT_TRY(strait__parse_expression(parser, choice, last));
    }
    return STRAIT_OK;
}
