/* The public call for placements: from its options to its text. */
#include "plan/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By number, as the table has it, or by name. */
static strait_status find(const strait_search *s, const char *word, const strait_placement **out)
{
    char *end;
    long number = strtol(word, &end, 10);
    if (*end == '\0' && number >= 1 && number <= s->count) {
        *out = &s->placements[number - 1];
        return STRAIT_OK;
    }
    for (int i = 0; i < s->count; i++) {
        *out = &s->placements[i];
        if (strcmp((*out)->name, word) == 0) return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                       "--explain %.100s: no placement has this number or name; there are %d, as %s", word, s->count,
                       s->count > 0 ? s->placements[0].name : "");
}

static strait_status format(const strait_search *s, strait_buffer *out)
{
    const strait_placement *one = NULL;
    if (s->options->explain) {
        STRAIT_TRY(find(s, s->options->explain, &one));
        return strait__placement_explain(s, one, out);
    }
    switch (s->options->format) {
    case STRAIT_PLACE_TABLE: return strait__placements_text(s, out);
    case STRAIT_PLACE_JSON: return strait__placements_json(s, out);
    case STRAIT_PLACE_CSV: return strait__placements_csv(s, out);
    case STRAIT_PLACE_HTML: return strait__placements_html(s, out);
    default: return STRAIT_FAIL(STRAIT_ERR_USAGE, "format %d is none", s->options->format);
    }
}

strait_status strait_place(const strait_place_options *options, strait_text_fn write, void *user)
{
    strait_search search;
    strait_buffer text = {0};
    strait_status status = strait_search_init(options, &search);
    if (status == STRAIT_OK) status = format(&search, &text);
    if (status == STRAIT_OK) write(user, text.bytes, text.length);
    strait_buffer_fini(&text);
    strait_search_fini(&search);
    return status;
}
