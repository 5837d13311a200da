/* Pieces of a self-contained HTML page: text that is escaped, and charts as inline SVG. Knows no plan. */
#ifndef STRAIT_PLAN_HTML_H
#define STRAIT_PLAN_HTML_H

#include "base/buffer.h"
#include "plan/expense.h"

#include <stddef.h>

/* Appends text with what HTML would take for its own written as entities; no attribute without quotes. */
strait_status strait_html_text(strait_buffer *out, const char *text) STRAIT_MUST_USE;

/* A bar from low to high with a mark at mid; unknown ones say so. */
typedef struct strait_html_range {
    const char *name;
    strait_range range;
    double limit; /* a line across the bar; NAN none */
} strait_html_range;
strait_status strait_html_ranges(strait_buffer *out, const char *title, const strait_html_range *rows,
                                 size_t count) STRAIT_MUST_USE;

enum { STRAIT_HTML_PARTS_MAX = 12 };

/* A bar of parts side by side, and the room that they have to fit in. */
typedef struct strait_html_stack {
    const char *name;
    double parts[STRAIT_HTML_PARTS_MAX];
    double room; /* INFINITY or NAN: unknown */
} strait_html_stack;
strait_status strait_html_stacks(strait_buffer *out, const char *title, const char *const *part_names,
                                 size_t part_count, const strait_html_stack *rows, size_t count) STRAIT_MUST_USE;

#endif
