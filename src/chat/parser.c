/* Statements, and what both halves of the parser use. */
#include "chat/node.h"
#include "chat/template.h"

#include <stdarg.h>
#include <string.h>

enum { DEPTH_MAX = 100, TEMPLATE_MAX = 1 << 20, TREE_MAX = 512 << 20, SYMBOLS_MAX = 4096 };

strait_status strait__parser_fail(const strait__parser *parser, strait_status code, int line, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return STRAIT_FAIL(code, "%s:%d: %s", parser->out->name, line, message);
}

strait_status strait__parser_node(strait__parser *parser, strait__node_kind kind, int line, strait__node **out)
{
    strait__node *node;
    STRAIT_TRY(strait__arena_take(&parser->out->arena, 1, sizeof *node, &node));
    node->kind = kind;
    node->line = line;
    node->symbol = -1;
    node->symbol2 = -1;
    *out = node;
    return STRAIT_OK;
}

strait_status strait__parser_symbol(strait__parser *parser, const strait__token *name, int *out)
{
    strait__symbols *symbols = &parser->out->symbols;
    for (int i = 0; i < symbols->count; i++) {
        const strait__token *other = symbols->names[i];
        if (other->length != name->length || memcmp(other->text, name->text, name->length) != 0) continue;
        *out = i;
        return STRAIT_OK;
    }
    if (symbols->count == symbols->capacity) {
        const strait__token **names;
        int capacity = symbols->capacity * 2 + 32;
        if (capacity > SYMBOLS_MAX) {
            return strait__parser_fail(parser, STRAIT_ERR_RANGE, name->line, "more than %d names", SYMBOLS_MAX);
        }
        STRAIT_TRY(strait__arena_take(&parser->out->arena, (size_t)capacity, sizeof *names, &names));
        if (symbols->count > 0) memcpy(names, symbols->names, (size_t)symbols->count * sizeof *names);
        symbols->names = names;
        symbols->capacity = capacity;
    }
    symbols->names[symbols->count] = name;
    *out = symbols->count++;
    return STRAIT_OK;
}

bool strait__parser_sees(const strait__parser *parser, const char *spelling)
{
    return strait__token_is(parser->at, TOKEN_SIGN, spelling) || strait__token_is(parser->at, TOKEN_NAME, spelling);
}

bool strait__parser_take(strait__parser *parser, const char *spelling)
{
    if (!strait__parser_sees(parser, spelling)) return false;
    parser->at++;
    return true;
}

const char *strait__parser_describe(const strait__parser *parser, char out[64])
{
    const strait__token *token = parser->at;
    switch (token->kind) {
    case TOKEN_NAME:
    case TOKEN_SIGN:
        snprintf(out, 64, "\"%.*s\"", token->length < 40 ? (int)token->length : 40, token->text);
        return out;
    case TOKEN_STRING: return "a string";
    case TOKEN_INTEGER: return "a number";
    case TOKEN_TAG_END: return "\"%}\"";
    case TOKEN_PRINT_END: return "\"}}\"";
    case TOKEN_TAG: return "\"{%\"";
    case TOKEN_PRINT: return "\"{{\"";
    case TOKEN_DATA: return "text";
    case TOKEN_END: break;
    }
    return "the end of the template";
}

strait_status strait__parser_expect(strait__parser *parser, const char *spelling)
{
    char found[64];
    if (strait__parser_take(parser, spelling)) return STRAIT_OK;
    return strait__parser_fail(parser, STRAIT_ERR_FORMAT, parser->at->line, "\"%s\" is expected here, not %s", spelling,
                               strait__parser_describe(parser, found));
}

static strait_status expect_tag_end(strait__parser *parser)
{
    char found[64];
    if (parser->at->kind == TOKEN_TAG_END) {
        parser->at++;
        return STRAIT_OK;
    }
    return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, parser->at->line, "\"%%}\" is expected here, not %s",
                               strait__parser_describe(parser, found));
}

strait_status strait__parser_target(strait__parser *parser, int *out_symbol)
{
    static const char *const reserved[] = {
        "true",     "false", "none",   "True",    "False",  "None",         "and",
        "or",       "not",   "in",     "is",      "if",     "else",         "loop",
        "self",     "super", "caller", "varargs", "kwargs", "namespace",    "raise_exception",
        "range",    "dict",  "lipsum", "cycler",  "joiner", "strftime_now", "elif",
        "recursive"};
    char found[64];
    const strait__token *name = parser->at;
    if (name->kind != TOKEN_NAME) {
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, name->line, "a name is expected here, not %s",
                                   strait__parser_describe(parser, found));
    }
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (!strait__token_is(name, TOKEN_NAME, reserved[i])) continue;
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, name->line, "\"%s\" cannot be a variable's name",
                                   reserved[i]);
    }
    parser->at++;
    return strait__parser_symbol(parser, name, out_symbol);
}

static strait_status parse_body(strait__parser *parser, const char *const *ends, strait__node **out);

static strait_status parse_if(strait__parser *parser, strait__node *node)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    static const char *const end[] = {"endif", NULL};
    STRAIT_TRY(strait__parse_tuple(parser, false, &node->a));
    STRAIT_TRY(expect_tag_end(parser));
    STRAIT_TRY(parse_body(parser, ends, &node->body));
    int line = parser->at->line;
    if (strait__parser_take(parser, "elif")) {
        /* The rest is an if of its own, which also takes the endif. */
        STRAIT_TRY(strait__parser_node(parser, NODE_IF, line, &node->items));
        if (++parser->depth > DEPTH_MAX) {
            return strait__parser_fail(parser, STRAIT_ERR_RANGE, line, "nested deeper than %d levels", DEPTH_MAX);
        }
        strait_status status = parse_if(parser, node->items);
        parser->depth--;
        return status;
    }
    if (strait__parser_take(parser, "else")) {
        STRAIT_TRY(expect_tag_end(parser));
        STRAIT_TRY(parse_body(parser, end, &node->items));
    }
    return strait__parser_expect(parser, "endif");
}

static strait_status parse_for(strait__parser *parser, strait__node *node)
{
    static const char *const end[] = {"endfor", NULL};
    STRAIT_TRY(strait__parser_target(parser, &node->symbol));
    if (strait__parser_take(parser, ",")) STRAIT_TRY(strait__parser_target(parser, &node->symbol2));
    STRAIT_TRY(strait__parser_expect(parser, "in"));
    STRAIT_TRY(strait__parse_tuple(parser, false, &node->a));
    if (strait__parser_take(parser, "if")) {
        bool outer = parser->in_condition;
        parser->in_condition = true;
        STRAIT_TRY(strait__parse_expression(parser, true, &node->b));
        parser->in_condition = outer;
    }
    STRAIT_TRY(expect_tag_end(parser));
    bool outer = parser->may_break;
    parser->may_break = true;
    parser->loops++;
    STRAIT_TRY(parse_body(parser, end, &node->body));
    parser->loops--;
    parser->may_break = outer;
    return strait__parser_expect(parser, "endfor");
}

static strait_status parse_set(strait__parser *parser, strait__node *node)
{
    STRAIT_TRY(strait__parser_target(parser, &node->symbol));
    if (strait__parser_take(parser, ".")) {
        const strait__token *member = parser->at;
        if (member->kind != TOKEN_NAME) return strait__parser_expect(parser, "a member's name");
        node->kind = NODE_SET_MEMBER;
        node->text = member->text;
        node->length = member->length;
        parser->at++;
    }
    if (!strait__parser_take(parser, "=")) {
        char found[64];
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, parser->at->line,
                                   "\"set\" is supported as \"set name = value\" and \"set name.member = value\" only; "
                                   "here stands %s",
                                   strait__parser_describe(parser, found));
    }
    return strait__parse_tuple(parser, true, &node->a);
}

static strait_status parse_macro(strait__parser *parser, strait__node *node)
{
    static const char *const end[] = {"endmacro", NULL};
    strait__node **last = &node->items;
    STRAIT_TRY(strait__parser_target(parser, &node->symbol));
    STRAIT_TRY(strait__parser_expect(parser, "("));
    while (!strait__parser_sees(parser, ")")) {
        if (node->items) STRAIT_TRY(strait__parser_expect(parser, ","));
        STRAIT_TRY(strait__parser_node(parser, NODE_NAME, parser->at->line, last));
        STRAIT_TRY(strait__parser_target(parser, &(*last)->symbol));
        last = &(*last)->next;
        if (strait__parser_sees(parser, "=")) {
            return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, parser->at->line,
                                       "macro arguments with default values are not supported");
        }
    }
    STRAIT_TRY(strait__parser_expect(parser, ")"));
    STRAIT_TRY(expect_tag_end(parser));
    strait__parser outer = *parser;
    parser->loops = 0;
    parser->in_macro = true;
    parser->may_break = false;
    STRAIT_TRY(parse_body(parser, end, &node->body));
    parser->loops = outer.loops;
    parser->in_macro = outer.in_macro;
    parser->may_break = outer.may_break;
    return strait__parser_expect(parser, "endmacro");
}

static strait_status parse_generation(strait__parser *parser, strait__node *node)
{
    static const char *const end[] = {"endgeneration", NULL};
    if (parser->in_macro || parser->in_generation) {
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, node->line,
                                   "\"generation\" inside a %s is not supported: its place in the text is not known",
                                   parser->in_macro ? "macro" : "\"generation\"");
    }
    STRAIT_TRY(expect_tag_end(parser));
    bool outer = parser->may_break;
    parser->may_break = false;
    parser->in_generation = true;
    STRAIT_TRY(parse_body(parser, end, &node->body));
    parser->in_generation = false;
    parser->may_break = outer;
    parser->out->has_generation = true;
    return strait__parser_expect(parser, "endgeneration");
}

static strait_status parse_jump(strait__parser *parser, strait__node *node)
{
    if (parser->may_break) return STRAIT_OK;
    return strait__parser_fail(parser, STRAIT_ERR_FORMAT, node->line, "\"%s\" outside of a loop%s",
                               node->kind == NODE_BREAK ? "break" : "continue",
                               parser->in_generation ? " (a \"generation\" cannot be left by it)" : "");
}

typedef struct statement {
    const char *name;
    strait__node_kind kind;
    strait_status (*parse)(strait__parser *parser, strait__node *node);
} statement;

static const statement statements[] = {
    {"if", NODE_IF, parse_if},
    {"for", NODE_FOR, parse_for},
    {"set", NODE_SET, parse_set},
    {"macro", NODE_MACRO, parse_macro},
    {"break", NODE_BREAK, parse_jump},
    {"continue", NODE_CONTINUE, parse_jump},
    {"generation", NODE_GENERATION, parse_generation},
};

/* A tag's content; the token is behind "{%". */
static strait_status parse_statement(strait__parser *parser, strait__node **out)
{
    char found[64];
    int line = parser->at->line;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!strait__token_is(parser->at, TOKEN_NAME, statements[i].name)) continue;
        parser->at++;
        STRAIT_TRY(strait__parser_node(parser, statements[i].kind, line, out));
        STRAIT_TRY(statements[i].parse(parser, *out));
        return expect_tag_end(parser);
    }
    return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, line,
                               "the statement %s is not supported here; there are if, for, set, macro, generation, "
                               "break and continue: rewrite this line with them",
                               strait__parser_describe(parser, found));
}

static strait_status parse_print(strait__parser *parser, strait__node **out)
{
    char found[64];
    STRAIT_TRY(strait__parser_node(parser, NODE_PRINT, parser->at->line, out));
    STRAIT_TRY(strait__parse_tuple(parser, true, &(*out)->a));
    if (parser->at->kind != TOKEN_PRINT_END) {
        return strait__parser_fail(parser, STRAIT_ERR_UNSUPPORTED, parser->at->line, "\"}}\" is expected here, not %s",
                                   strait__parser_describe(parser, found));
    }
    parser->at++;
    return STRAIT_OK;
}

static bool ends_here(const strait__parser *parser, const char *const *ends)
{
    for (; ends && *ends; ends++) {
        if (strait__token_is(parser->at, TOKEN_NAME, *ends)) return true;
    }
    return false;
}

/* Statements up to a tag that begins with one of `ends`, whose name is the next token then; NULL = to the end. */
static strait_status parse_body(strait__parser *parser, const char *const *ends, strait__node **out)
{
    int line = parser->at->line;
    if (++parser->depth > DEPTH_MAX) {
        return strait__parser_fail(parser, STRAIT_ERR_RANGE, line, "nested deeper than %d levels", DEPTH_MAX);
    }
    for (strait__node **last = out;; last = &(*last)->next) {
        const strait__token *token = parser->at++;
        if (token->kind == TOKEN_END) {
            if (!ends) break;
            return strait__parser_fail(parser, STRAIT_ERR_FORMAT, line, "what begins here has no \"%s\"", ends[0]);
        }
        if (token->kind == TOKEN_DATA) {
            STRAIT_TRY(strait__parser_node(parser, NODE_DATA, token->line, last));
            (*last)->text = token->text;
            (*last)->length = token->length;
        } else if (token->kind == TOKEN_PRINT) {
            STRAIT_TRY(parse_print(parser, last));
        } else {
            if (ends_here(parser, ends)) break;
            STRAIT_TRY(parse_statement(parser, last));
        }
    }
    parser->depth--;
    return STRAIT_OK;
}

static strait_status parse(strait_template *out, const char *name, const char *text, size_t length)
{
    if (length > TEMPLATE_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: a template of %zu bytes; %d are read", name, length, TEMPLATE_MAX);
    }
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, name, &out->name));
    STRAIT_TRY(strait__template_lex(&out->arena, name, text, length, &out->tokens));
    strait__parser parser = {.out = out, .at = out->tokens.items};
    return parse_body(&parser, NULL, &out->body);
}

strait_status strait_template_parse(const char *name, const char *text, size_t length, strait_template **out)
{
    strait_template *tmpl;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *tmpl, &tmpl));
    tmpl->arena.limit = TREE_MAX;
    strait_status status = parse(tmpl, name, text, length);
    if (status != STRAIT_OK) {
        strait_template_destroy(tmpl);
        return status;
    }
    *out = tmpl;
    return STRAIT_OK;
}

void strait_template_destroy(strait_template *tmpl)
{
    if (!tmpl) return;
    strait__arena_fini(&tmpl->arena);
    strait_free(tmpl->name);
    strait_free(tmpl);
}

bool strait_template_has_generation(const strait_template *tmpl)
{
    return tmpl->has_generation;
}

bool strait_template_writes(const strait_template *tmpl, const char *bytes, size_t length)
{
    for (size_t i = 0; i < tmpl->tokens.count; i++) {
        const strait__token *token = &tmpl->tokens.items[i];
        if (token->kind != TOKEN_DATA && token->kind != TOKEN_STRING) continue;
        if (strait__text_find(token->text, token->length, bytes, length) < token->length) return true;
    }
    return false;
}
