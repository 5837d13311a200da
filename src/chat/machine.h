/* A template while it is rendered, for the files of this folder only. */
#ifndef STRAIT_CHAT_MACHINE_H
#define STRAIT_CHAT_MACHINE_H

#include "chat/node.h"
#include "chat/template.h"
#include "chat/value.h"

typedef struct strait__binding {
    struct strait__binding *next;
    int symbol;
    strait__value value;
} strait__binding;

/* The names of one scope: the template, an iteration of a loop, a call of a macro, a generation block. */
typedef struct strait__frame {
    struct strait__frame *parent;
    strait__binding *bindings;
} strait__frame;

typedef struct strait__macro {
    const strait__node *node;
    strait__frame *frame; /* where it was defined */
} strait__macro;

/* A for statement under way. One item is looked for in advance where the body asks for it, as Jinja does. */
typedef struct strait__loop {
    const strait__node *node;
    strait__frame *frame; /* around the statement */
    strait__list *items;
    size_t at; /* the item that is looked at next */
    int64_t index0;
    strait__value current;
    strait__value previous;
    strait__value ahead;
    bool looked_ahead; /* `ahead` is the next item, or `ended` is right */
    bool ended;
} strait__loop;

typedef struct strait__machine {
    const struct strait_template *tmpl;
    strait__arena arena;
    strait__frame *frame;
    strait__loop *loop; /* the innermost one, or NULL */
    strait__text *out;  /* what is being written: the rendering, or a macro's result */
    strait_rendering *rendering;
    const strait__node *at; /* what is being done, for messages */
    int64_t steps;
    int depth;
} strait__machine;

/* Fails at `node`; strait_template_render puts its line in front of the message, as of any other error. */
strait_status strait__machine_fail(strait__machine *machine, strait_status code, const strait__node *node,
                                   const char *format, ...) STRAIT_PRINTF(4, 5);
/* Counts work; STRAIT_ERR_RANGE when it is more than any template needs. */
strait_status strait__machine_step(strait__machine *machine, const strait__node *node, size_t work) STRAIT_MUST_USE;

strait_status strait__machine_bind(strait__machine *machine, int symbol, strait__value value) STRAIT_MUST_USE;
/* Makes `value` of what a macro wrote. */
strait_status strait__machine_string(strait__machine *machine, const strait__text *text,
                                     strait__value *out) STRAIT_MUST_USE;
/* The items that a for statement goes through. */
strait_status strait__machine_iterate(strait__machine *machine, const strait__node *node, strait__value *value,
                                      strait__list **out) STRAIT_MUST_USE;
/* Looks one item ahead; false in *out where there is none. */
strait_status strait__machine_peek(strait__machine *machine, strait__loop *loop, bool *out) STRAIT_MUST_USE;

strait_status strait__eval(strait__machine *machine, const strait__node *node, strait__value *out) STRAIT_MUST_USE;
strait_status strait__call_macro(strait__machine *machine, const strait__node *node, const strait__macro *macro,
                                 strait__value *out) STRAIT_MUST_USE;

/* What eval.c takes from the other files: value.name, value[...], methods, filters, tests. */
strait_status strait__eval_attribute(strait__machine *machine, const strait__node *node, const strait__value *value,
                                     const strait__string *name, bool look_up, strait__value *out) STRAIT_MUST_USE;
strait_status strait__eval_index(strait__machine *machine, const strait__node *node, const strait__value *value,
                                 const strait__value *index, strait__value *out) STRAIT_MUST_USE;
strait_status strait__eval_slice(strait__machine *machine, const strait__node *node, const strait__value *value,
                                 strait__value *out) STRAIT_MUST_USE;
strait_status strait__eval_method(strait__machine *machine, const strait__node *node,
                                  strait__value *out) STRAIT_MUST_USE;
strait_status strait__eval_filter(strait__machine *machine, const strait__node *node,
                                  strait__value *out) STRAIT_MUST_USE;
bool strait__test(const strait__value *value, int64_t test);
/* A part of a string, from byte `begin` to `end`. */
strait__value strait__substring(const strait__value *value, size_t begin, size_t end);
/* str(value) as a string of its own. */
strait_status strait__machine_print(strait__machine *machine, const strait__node *node, const strait__value *value,
                                    strait__value *out) STRAIT_MUST_USE;

#endif
