/*
 * YAML text as a small tree, over libyaml's events. Knows no schema.
 */
#include "train/config_yaml.h"

#include <string.h>

#include <yaml.h>

typedef struct anchor {
    size_t name; /* offset into text */
    int node;
} anchor;

typedef struct builder {
    const char *name;
    strait_yaml *yaml;
    int open[STRAIT_YAML_DEPTH_MAX]; /* collections begun and not ended */
    int last[STRAIT_YAML_DEPTH_MAX]; /* their newest child, or -1 */
    int depth;
    anchor anchors[STRAIT_YAML_ANCHORS_MAX]; /* of nodes that are complete: a node cannot refer to itself */
    int anchor_count;
    size_t pending[STRAIT_YAML_DEPTH_MAX]; /* anchor names of open collections, SIZE_MAX = none */
} builder;

static int line_of(yaml_mark_t mark)
{
    return (int)mark.line + 1;
}

static int column_of(yaml_mark_t mark)
{
    return (int)mark.column + 1;
}

#define FAIL_AT(builder_, mark_, ...) fail_at((builder_)->name, line_of(mark_), column_of(mark_), __VA_ARGS__)
static strait_status fail_at(const char *name, int line, int column, const char *text)
{
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: %s", name, line, column, text);
}

/* ---- The bytes ---- */

/* Length of the UTF-8 character at p, or 0: no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n > left) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool outside = (p[0] == 0xED && p[1] >= 0xA0) || (p[0] == 0xF4 && p[1] >= 0x90);
    return overlong || outside ? 0 : n;
}

bool strait_yaml_is_utf8(const char *bytes, size_t length)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < length;) {
        size_t n = utf8_length(p + i, length - i);
        if (n == 0 || p[i] == 0) return false;
        i += n;
    }
    return true;
}

/* libyaml would guess UTF-16 and name only an offset. */
static strait_status check_utf8(const char *name, const unsigned char *bytes, size_t length)
{
    int line = 1;
    int column = 1;
    for (size_t i = 0; i < length;) {
        size_t n = utf8_length(bytes + i, length - i);
        if (n == 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: not UTF-8 (byte 0x%02X): save the file as UTF-8", name,
                               line, column, bytes[i]);
        }
        if (bytes[i] == 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: a zero byte: this is no text", name, line, column);
        }
        column++;
        if (bytes[i] == '\n') {
            line++;
            column = 1;
        }
        i += n;
    }
    return STRAIT_OK;
}

/* ---- Building the tree ---- */

static strait_status add_text(builder *b, const void *bytes, size_t length, size_t *out_offset)
{
    size_t offset = b->yaml->text.length;
    STRAIT_TRY(strait_buffer_append(&b->yaml->text, bytes, length));
    STRAIT_TRY(strait_buffer_append(&b->yaml->text, "", 1));
    *out_offset = offset;
    return STRAIT_OK;
}

static strait_status add_node(builder *b, strait_yaml_kind kind, yaml_mark_t mark, int *out_index)
{
    strait_yaml *yaml = b->yaml;
    if (yaml->count == STRAIT_YAML_NODES_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: more than %d values: this is no run configuration", b->name,
                           line_of(mark), column_of(mark), STRAIT_YAML_NODES_MAX);
    }
    if (yaml->count == yaml->capacity) {
        int capacity = yaml->capacity == 0 ? 64 : yaml->capacity * 2;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, (size_t)capacity, sizeof *yaml->nodes, &yaml->nodes));
        yaml->capacity = capacity;
    }
    int index = yaml->count++;
    yaml->nodes[index] = (strait_yaml_node){
        .kind = kind, .line = line_of(mark), .column = column_of(mark), .first = -1, .next = -1, .target = -1};
    if (b->depth > 0) {
        int parent = b->open[b->depth - 1];
        int last = b->last[b->depth - 1];
        if (last < 0)
            yaml->nodes[parent].first = index;
        else
            yaml->nodes[last].next = index;
        b->last[b->depth - 1] = index;
    }
    *out_index = index;
    return STRAIT_OK;
}

static strait_status add_anchor(builder *b, size_t name, int node, yaml_mark_t mark)
{
    for (int i = 0; i < b->anchor_count; i++) {
        if (strcmp(b->yaml->text.bytes + b->anchors[i].name, b->yaml->text.bytes + name) == 0) {
            return FAIL_AT(b, mark, "this anchor exists already: give each anchor a name of its own");
        }
    }
    if (b->anchor_count == STRAIT_YAML_ANCHORS_MAX) return FAIL_AT(b, mark, "too many anchors (64 are allowed)");
    b->anchors[b->anchor_count++] = (anchor){name, node};
    return STRAIT_OK;
}

static strait_status on_scalar(builder *b, const yaml_event_t *event)
{
    int index;
    if (event->data.scalar.tag != NULL) {
        return FAIL_AT(b, event->start_mark, "tags (!...) are not read: write the value alone");
    }
    if (memchr(event->data.scalar.value, 0, event->data.scalar.length) != NULL) {
        return FAIL_AT(b, event->start_mark, "a string with a zero byte (\\0): leave it out");
    }
    STRAIT_TRY(add_node(b, STRAIT_YAML_SCALAR, event->start_mark, &index));
    size_t offset;
    STRAIT_TRY(add_text(b, event->data.scalar.value, event->data.scalar.length, &offset));
    strait_yaml_node *node = &b->yaml->nodes[index];
    node->text = offset;
    node->length = event->data.scalar.length;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (event->data.scalar.anchor == NULL) return STRAIT_OK;
    const char *name = (const char *)event->data.scalar.anchor;
    STRAIT_TRY(add_text(b, name, strlen(name), &offset));
    return add_anchor(b, offset, index, event->start_mark);
}

static strait_status on_alias(builder *b, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    for (int i = 0; i < b->anchor_count; i++) {
        if (strcmp(b->yaml->text.bytes + b->anchors[i].name, name) != 0) continue;
        int index;
        STRAIT_TRY(add_node(b, STRAIT_YAML_ALIAS, event->start_mark, &index));
        b->yaml->nodes[index].target = b->anchors[i].node;
        return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: *%.60s: no anchor &%.60s stands (complete) above it", b->name,
                       line_of(event->start_mark), column_of(event->start_mark), name, name);
}

static strait_status on_begin(builder *b, const yaml_event_t *event)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    const yaml_char_t *name = mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    if (tag != NULL) return FAIL_AT(b, event->start_mark, "tags (!...) are not read: write the value alone");
    if (b->depth == STRAIT_YAML_DEPTH_MAX) return FAIL_AT(b, event->start_mark, "nested too deeply (16 levels)");
    int index;
    STRAIT_TRY(add_node(b, mapping ? STRAIT_YAML_MAPPING : STRAIT_YAML_SEQUENCE, event->start_mark, &index));
    size_t pending = SIZE_MAX;
    if (name != NULL) STRAIT_TRY(add_text(b, name, strlen((const char *)name), &pending));
    b->open[b->depth] = index;
    b->last[b->depth] = -1;
    b->pending[b->depth] = pending;
    b->depth++;
    return STRAIT_OK;
}

static strait_status on_end(builder *b, const yaml_event_t *event)
{
    b->depth--;
    if (b->pending[b->depth] == SIZE_MAX) return STRAIT_OK;
    return add_anchor(b, b->pending[b->depth], b->open[b->depth], event->start_mark);
}

static strait_status on_event(builder *b, const yaml_event_t *event, int *documents)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        *documents += 1;
        if (*documents > 1) return FAIL_AT(b, event->start_mark, "a second document (---): a config is one document");
        return STRAIT_OK;
    case YAML_SCALAR_EVENT: return on_scalar(b, event);
    case YAML_ALIAS_EVENT: return on_alias(b, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return on_begin(b, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_end(b, event);
    default: return STRAIT_OK;
    }
}

static strait_status parser_error(const char *name, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory", name);
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_READER_ERROR) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: byte %zu: %s", name, parser->problem_offset, problem);
    }
    const char *hint = strstr(problem, "cannot start any token") != NULL
                           ? ": indent with spaces, not tabs, and quote strings that begin with a special character"
                           : "";
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d:%d: not YAML: %s%s%s%s", name, line_of(parser->problem_mark),
                       column_of(parser->problem_mark), problem, parser->context != NULL ? " " : "",
                       parser->context != NULL ? parser->context : "", hint);
}

static strait_status read_events(builder *b, yaml_parser_t *parser)
{
    int documents = 0;
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) return parser_error(b->name, parser);
        bool end = event.type == YAML_STREAM_END_EVENT;
        strait_status status = on_event(b, &event, &documents);
        yaml_event_delete(&event);
        if (status != STRAIT_OK || end) return status;
    }
}

strait_status strait_yaml_parse(const char *name, const char *bytes, size_t length, strait_yaml *out)
{
    const unsigned char *text = (const unsigned char *)bytes;
    if (length > STRAIT_YAML_BYTES_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: %zu bytes, at most %d are read: this is no run configuration", name,
                           length, STRAIT_YAML_BYTES_MAX);
    }
    if (length == 0) return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:1:1: empty: nothing is configured", name);
    STRAIT_TRY(check_utf8(name, text, length));
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        length -= 3;
    }

    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory", name);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, text, length);
    strait_yaml yaml = {0};
    builder b = {.name = name, .yaml = &yaml};
    strait_status status = read_events(&b, &parser);
    yaml_parser_delete(&parser);
    if (status == STRAIT_OK && yaml.count == 0) {
        status = STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:1:1: empty: nothing is configured", name);
    }
    if (status != STRAIT_OK) {
        strait_yaml_fini(&yaml);
        return status;
    }
    *out = yaml;
    return STRAIT_OK;
}

void strait_yaml_fini(strait_yaml *yaml)
{
    strait_free(yaml->nodes);
    strait_buffer_fini(&yaml->text);
    *yaml = (strait_yaml){0};
}

const strait_yaml_node *strait_yaml_at(const strait_yaml *yaml, int index)
{
    const strait_yaml_node *node = &yaml->nodes[index];
    return node->kind == STRAIT_YAML_ALIAS ? &yaml->nodes[node->target] : node;
}

const char *strait_yaml_text(const strait_yaml *yaml, const strait_yaml_node *node)
{
    return yaml->text.bytes + node->text;
}

/* ---- Scalars ---- */

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9') p++;
    return p;
}

/* [-+]?(digits[.digits*] | .digits)([eE][-+]?digits)? */
static bool is_number(const char *text)
{
    const char *p = text;
    if (*p == '-' || *p == '+') p++;
    const char *whole = p;
    p = skip_digits(p);
    size_t digits = (size_t)(p - whole);
    if (*p == '.') {
        const char *fraction = ++p;
        p = skip_digits(p);
        digits += (size_t)(p - fraction);
    }
    if (digits == 0) return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '-' || *p == '+') p++;
        const char *exponent = p;
        p = skip_digits(p);
        if (p == exponent) return false;
    }
    return *p == '\0';
}

strait_yaml_class strait_yaml_classify(const strait_yaml *yaml, const strait_yaml_node *node)
{
    const char *text = strait_yaml_text(yaml, node);
    if (!node->plain) return STRAIT_YAML_STRING;
    if (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0) return STRAIT_YAML_NULL;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) return STRAIT_YAML_BOOL;
    return is_number(text) ? STRAIT_YAML_NUMBER : STRAIT_YAML_STRING;
}

bool strait_yaml_integer(const char *text, int64_t *out, bool *out_too_big)
{
    *out_too_big = false;
    bool negative = *text == '-';
    const char *p = text + (*text == '-' || *text == '+');
    const char *mantissa = p;
    const char *end = mantissa + strspn(mantissa, "0123456789.");
    int64_t exponent = 0;
    if (*end != '\0') {
        bool minus = end[1] == '-';
        for (const char *e = end + 1 + (end[1] == '-' || end[1] == '+'); *e != '\0'; e++) {
            if (exponent < 1000000) exponent = exponent * 10 + (*e - '0');
        }
        if (minus) exponent = -exponent;
    }

    /* Digits from the left; what the exponent says of the point decides which are before it. */
    const char *point = memchr(mantissa, '.', (size_t)(end - mantissa));
    int64_t places = exponent + ((point != NULL ? point : end) - mantissa); /* digits before the point */
    int64_t value = 0;
    int64_t place = 0;
    for (p = mantissa; p < end; p++) {
        if (*p == '.') continue;
        int digit = *p - '0';
        if (place >= places) {
            if (digit != 0) return false;
        } else if (!strait_mul_i64(value, 10, &value) || !strait_add_i64(value, digit, &value)) {
            *out_too_big = true;
            return false;
        }
        place++;
    }
    for (; value != 0 && place < places; place++) {
        if (!strait_mul_i64(value, 10, &value)) {
            *out_too_big = true;
            return false;
        }
    }
    *out = negative ? -value : value;
    return true;
}
