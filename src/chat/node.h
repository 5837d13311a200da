/* A parsed template: a tree in an arena, for the files of this folder only. */
#ifndef STRAIT_CHAT_NODE_H
#define STRAIT_CHAT_NODE_H

#include "chat/arena.h"
#include "chat/lexer.h"

typedef enum strait__node_kind {
    /* Expressions. a, b, c are operands; items is a list of further ones by `next`. */
    NODE_STRING,  /* text */
    NODE_INTEGER, /* number */
    NODE_BOOL,    /* number */
    NODE_NONE,
    NODE_NAME,      /* symbol, text */
    NODE_LIST,      /* items */
    NODE_TUPLE,     /* items */
    NODE_DICT,      /* items: key and value in turn */
    NODE_ATTRIBUTE, /* a.text */
    NODE_INDEX,     /* a[b] */
    NODE_SLICE,     /* a[items], three; NODE_NONE where one is left out */
    NODE_LOOP,      /* number: strait__loop_field */
    NODE_METHOD,    /* a.number(items) */
    NODE_FILTER,    /* a | number; tojson: b = ensure_ascii or NULL */
    NODE_TEST,      /* a is number */
    NODE_CALL,      /* symbol(items), text */
    NODE_NAMESPACE, /* items: NODE_STRING and value in turn */
    NODE_RAISE,     /* a */
    NODE_NEGATE,    /* -a */
    NODE_NOT,
    NODE_AND,
    NODE_OR,
    NODE_ADD,
    NODE_SUBTRACT,
    NODE_CONCAT,
    NODE_COMPARE, /* a, then items: NODE_OPERAND each */
    NODE_OPERAND, /* number: strait__comparison; a */
    NODE_CHOICE,  /* a if b else c */
    /* Statements; lists of them by `next`. */
    NODE_DATA,       /* text */
    NODE_PRINT,      /* a */
    NODE_IF,         /* a: condition, body, items: what else */
    NODE_FOR,        /* symbol, and symbol2 of "k, v" or -1; a: what over; b: condition or NULL; body */
    NODE_SET,        /* symbol = a */
    NODE_SET_MEMBER, /* symbol.text = a */
    NODE_MACRO,      /* symbol, items: NODE_NAME each, body */
    NODE_GENERATION, /* body */
    NODE_BREAK,
    NODE_CONTINUE
} strait__node_kind;

/* Names and numbers of what the subset has, in lists that messages print. */
#define STRAIT__METHODS(X) X(split) X(strip) X(lstrip) X(rstrip) X(startswith) X(endswith) X(items)
#define STRAIT__FILTERS(X) X(length) X(tojson) X(trim) X(string) X(items) X(dictsort) X(safe)
#define STRAIT__TESTS(X) X(defined) X(none) X(string) X(iterable) X(mapping) X(sequence) X(true) X(false)
#define STRAIT__LOOP_FIELDS(X) X(index0) X(first) X(last) X(previtem) X(nextitem)

#define STRAIT__METHOD_VALUE(name) METHOD_##name,
#define STRAIT__FILTER_VALUE(name) FILTER_##name,
#define STRAIT__TEST_VALUE(name) TEST_##name,
#define STRAIT__LOOP_VALUE(name) LOOP_##name,
enum { STRAIT__METHODS(STRAIT__METHOD_VALUE) METHOD_COUNT };
enum { STRAIT__FILTERS(STRAIT__FILTER_VALUE) FILTER_COUNT };
enum { STRAIT__TESTS(STRAIT__TEST_VALUE) TEST_COUNT };
enum { STRAIT__LOOP_FIELDS(STRAIT__LOOP_VALUE) LOOP_COUNT };

enum { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE, COMPARE_IN, COMPARE_NOT_IN };

typedef struct strait__node {
    strait__node_kind kind;
    int line;
    int symbol;
    int symbol2;
    int64_t number;
    const char *text;
    size_t length;
    struct strait__node *a;
    struct strait__node *b;
    struct strait__node *c;
    struct strait__node *items;
    struct strait__node *body;
    struct strait__node *next;
} strait__node;

/* Names are numbers from 0 on. */
typedef struct strait__symbols {
    const strait__token **names;
    int count;
    int capacity;
} strait__symbols;

struct strait_template {
    strait__arena arena;
    char *name;
    strait__node *body;
    strait__tokens tokens;
    strait__symbols symbols;
    bool has_generation;
};

/* What is being parsed. */
typedef struct strait__parser {
    struct strait_template *out;
    const strait__token *at;
    int depth;
    int loops;          /* for statements around, within the macro */
    bool in_macro;      /* within a macro's body */
    bool in_generation; /* within a generation block */
    bool may_break;     /* a loop's body is around, with no generation in between */
    bool in_condition;  /* of a for statement's inline if, where there is no loop */
} strait__parser;

strait_status strait__parser_fail(const strait__parser *parser, strait_status code, int line, const char *format, ...)
    STRAIT_PRINTF(4, 5);
strait_status strait__parser_node(strait__parser *parser, strait__node_kind kind, int line,
                                  strait__node **out) STRAIT_MUST_USE;
strait_status strait__parser_symbol(strait__parser *parser, const strait__token *name, int *out) STRAIT_MUST_USE;
/* Whether the next token is this sign or name; `take` also goes over it; `expect` fails where it is not. */
bool strait__parser_sees(const strait__parser *parser, const char *spelling);
bool strait__parser_take(strait__parser *parser, const char *spelling);
strait_status strait__parser_expect(strait__parser *parser, const char *spelling) STRAIT_MUST_USE;
/* What the next token is, for messages. */
const char *strait__parser_describe(const strait__parser *parser, char out[64]);
/* A name that a template may bind. */
strait_status strait__parser_target(strait__parser *parser, int *out_symbol) STRAIT_MUST_USE;

/* An expression; with `choice`, "a if c else b" too. A list of them without brackets, "a, b", is a tuple. */
strait_status strait__parse_expression(strait__parser *parser, bool choice, strait__node **out) STRAIT_MUST_USE;
strait_status strait__parse_tuple(strait__parser *parser, bool choice, strait__node **out) STRAIT_MUST_USE;

#endif
