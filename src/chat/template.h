/*
 * Templates as transformers uses them for chats, in the part of Jinja that docs/chat.md lists. What is beyond it is
 * refused when a template is parsed, with its line.
 */
#ifndef STRAIT_CHAT_TEMPLATE_H
#define STRAIT_CHAT_TEMPLATE_H

#include "base/json.h"
#include "chat/text.h"

typedef struct strait_template strait_template;

/*
 * Parses `length` bytes; `name` is what errors call them ("name:line: ..."). The caller owns *out.
 * STRAIT_ERR_UNSUPPORTED: beyond the subset. STRAIT_ERR_FORMAT: not a template. STRAIT_ERR_RANGE: more than a MiB, or
 * nested too deeply.
 */
strait_status strait_template_parse(const char *name, const char *text, size_t length,
                                    strait_template **out) STRAIT_MUST_USE;
void strait_template_destroy(strait_template *tmpl);
/* Whether it says by {% generation %} what the assistant wrote. */
bool strait_template_has_generation(const strait_template *tmpl);
/* Whether some text of the template itself (its literals, not what is handed in) contains these bytes. */
bool strait_template_writes(const strait_template *tmpl, const char *bytes, size_t length);

/* A piece of a rendered text, in bytes. */
typedef struct strait_span {
    size_t begin;
    size_t end;
} strait_span;

/* What rendering gives. Zero-initialise before the first use; each call replaces the contents. */
typedef struct strait_rendering {
    strait__text text;        /* with the origin of every byte */
    strait_span *generations; /* owned: what stood in {% generation %}, in order */
    size_t generation_count;
    size_t generation_capacity;
} strait_rendering;
void strait_rendering_fini(strait_rendering *rendering);

/*
 * Renders with the members of two objects as variables: `own` are the caller's (flags, names of tokens), `foreign` what
 * came from outside (messages, tools); either may be NULL. The same template may be rendered by several threads.
 * STRAIT_ERR_FORMAT, UNSUPPORTED: what the template does with these values does not work, with its line; so also its
 * own raise_exception. STRAIT_ERR_RANGE: more steps, values or text than the limits allow.
 */
strait_status strait_template_render(const strait_template *tmpl, const json_t *own, const json_t *foreign,
                                     strait_rendering *out) STRAIT_MUST_USE;

#endif
