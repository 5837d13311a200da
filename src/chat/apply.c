/* Methods, filters and tests. */
#include "chat/machine.h"

#include "base/utf8.h"

#include <string.h>
#include <utf8proc.h>

strait_status strait__machine_print(strait__machine *machine, const strait__node *node, const strait__value *value,
                                    strait__value *out)
{
    if (value->kind == VALUE_STRING) {
        *out = *value;
        return STRAIT_OK;
    }
    strait__text text = {0};
    strait_status status = strait__value_print(value, &text);
    if (status == STRAIT_OK) status = strait__machine_string(machine, &text, out);
    strait__text_fini(&text);
    STRAIT_TRY(status);
    return strait__machine_step(machine, node, out->as.string.length);
}

/* ---- methods ---- */

/* The bytes at the beginning of text (or before its end) that are characters of `set`. */
static size_t set_before(const strait__string *text, size_t from, size_t to, const strait__string *set)
{
    size_t at = from;
    while (at < to) {
        size_t size = strait__character_at(text->bytes + at, to - at, 1);
        if (strait__text_find(set->bytes, set->length, text->bytes + at, size) == set->length) break;
        at += size;
    }
    return at - from;
}

static size_t set_after(const strait__string *text, size_t from, size_t to, const strait__string *set)
{
    size_t end = to;
    while (end > from) {
        size_t begin = end - 1;
        while (begin > from && ((unsigned char)text->bytes[begin] & 0xc0) == 0x80) begin--;
        if (strait__text_find(set->bytes, set->length, text->bytes + begin, end - begin) == set->length) break;
        end = begin;
    }
    return to - end;
}

/* `set` NULL = white space. */
static strait__value strip(const strait__value *value, bool left, bool right, const strait__string *set)
{
    const strait__string *text = &value->as.string;
    size_t begin = 0;
    size_t end = text->length;
    if (left) begin = set ? set_before(text, 0, end, set) : strait__space_before(text->bytes, end);
    if (right) {
        end -= set ? set_after(text, begin, end, set) : strait__space_after(text->bytes + begin, end - begin);
    }
    return strait__substring(value, begin, end);
}

/* Pieces of a string while it is split. */
typedef struct pieces {
    strait__value *items;
    size_t count;
    size_t capacity;
} pieces;

static strait_status add_piece(strait__machine *machine, pieces *list, strait__value piece)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 8;
        strait__value *items;
        STRAIT_TRY(strait__arena_take(&machine->arena, capacity, sizeof *items, &items));
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = piece;
    return STRAIT_OK;
}

static strait_status split_by(strait__machine *machine, const strait__value *value, const strait__string *separator,
                              int64_t most, pieces *out)
{
    const strait__string *text = &value->as.string;
    size_t at = 0;
    while (most != 0 && separator->length <= text->length - at) {
        size_t left = text->length - at;
        size_t found = strait__text_find(text->bytes + at, left, separator->bytes, separator->length);
        if (found == left) break;
        STRAIT_TRY(add_piece(machine, out, strait__substring(value, at, at + found)));
        at += found + separator->length;
        most--;
    }
    return add_piece(machine, out, strait__substring(value, at, text->length));
}

static strait_status split_words(strait__machine *machine, const strait__value *value, int64_t most, pieces *out)
{
    const strait__string *text = &value->as.string;
    size_t at = strait__space_before(text->bytes, text->length);
    while (at < text->length) {
        if (most-- == 0) return add_piece(machine, out, strait__substring(value, at, text->length));
        size_t end = at;
        while (end < text->length && strait__space_before(text->bytes + end, text->length - end) == 0) {
            end += strait__character_at(text->bytes + end, text->length - end, 1);
        }
        STRAIT_TRY(add_piece(machine, out, strait__substring(value, at, end)));
        at = end + strait__space_before(text->bytes + end, text->length - end);
    }
    return STRAIT_OK;
}

static strait_status split(strait__machine *machine, const strait__node *node, const strait__value *value,
                           const strait__value *arguments, int count, strait__value *out)
{
    int64_t most = -1;
    pieces found = {0};
    if (count == 2) {
        if (arguments[1].kind != VALUE_INT) {
            return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "split(): the second argument is an int");
        }
        most = arguments[1].as.integer;
    }
    if (count == 0 || arguments[0].kind == VALUE_NONE) {
        STRAIT_TRY(split_words(machine, value, most, &found));
    } else if (arguments[0].kind != VALUE_STRING || arguments[0].as.string.length == 0) {
        return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "split() takes text of at least one character");
    } else {
        STRAIT_TRY(split_by(machine, value, &arguments[0].as.string, most, &found));
    }
    strait__list *list;
    STRAIT_TRY(strait__list_create(&machine->arena, 0, &list));
    list->items = found.items;
    list->count = found.count;
    *out = (strait__value){.kind = VALUE_LIST, .as.list = list};
    return strait__list_seal(list);
}

static bool ends_with(const strait__string *text, const strait__string *part, bool front)
{
    if (part->length > text->length) return false;
    size_t at = front ? 0 : text->length - part->length;
    return part->length == 0 || memcmp(text->bytes + at, part->bytes, part->length) == 0;
}

static strait_status test_ends(strait__machine *machine, const strait__node *node, const strait__value *value,
                               const strait__value *argument, strait__value *out)
{
    bool front = node->number == METHOD_startswith;
    const strait__value *parts = argument->kind == VALUE_TUPLE ? argument->as.list->items : argument;
    size_t count = argument->kind == VALUE_TUPLE ? argument->as.list->count : 1;
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        if (parts[i].kind != VALUE_STRING) {
            return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "%.*s() takes a string, not %s",
                                        (int)node->length, node->text, strait__value_type(&parts[i]));
        }
        found = ends_with(&value->as.string, &parts[i].as.string, front);
    }
    *out = strait__value_bool(found);
    return STRAIT_OK;
}

/* A list of (key, value). */
static strait_status items_of(strait__machine *machine, const strait__node *node, const strait__value *value,
                              strait__value_kind kind, strait__value *out)
{
    const strait__dict *dict = value->as.dict;
    strait__list *list;
    STRAIT_TRY(strait__machine_step(machine, node, dict->count * 16));
    STRAIT_TRY(strait__list_create(&machine->arena, dict->count, &list));
    for (size_t i = 0; i < dict->count; i++) {
        strait__list *pair;
        STRAIT_TRY(strait__list_create(&machine->arena, 2, &pair));
        pair->items[0] = dict->keys[i];
        pair->items[1] = dict->values[i];
        STRAIT_TRY(strait__list_seal(pair));
        list->items[i] = (strait__value){.kind = VALUE_TUPLE, .as.list = pair};
    }
    *out = (strait__value){.kind = kind, .as.list = list};
    return strait__list_seal(list);
}

strait_status strait__eval_method(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value value;
    strait__value arguments[2];
    int count = 0;
    STRAIT_TRY(strait__eval(machine, node->a, &value));
    for (const strait__node *argument = node->items; argument; argument = argument->next) {
        STRAIT_TRY(strait__eval(machine, argument, &arguments[count++]));
    }
    if (value.kind != (node->number == METHOD_items ? VALUE_DICT : VALUE_STRING)) {
        const strait__string *name = &value.as.string;
        bool undefined = value.kind == VALUE_UNDEFINED;
        return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "%.*s() of %s%.*s%s", (int)node->length,
                                    node->text, undefined ? "\"" : strait__value_type(&value),
                                    undefined ? (int)name->length : 0, undefined ? name->bytes : "",
                                    undefined ? "\", which is undefined" : "");
    }
    if (node->number == METHOD_items) {
        return items_of(machine, node, &value, VALUE_ITEMS, out);
    }
    STRAIT_TRY(strait__machine_step(machine, node, value.as.string.length));
    if (node->number == METHOD_split) return split(machine, node, &value, arguments, count, out);
    if (node->number == METHOD_startswith || node->number == METHOD_endswith) {
        return test_ends(machine, node, &value, &arguments[0], out);
    }
    const strait__string *set = NULL;
    if (count == 1 && arguments[0].kind != VALUE_NONE) {
        if (arguments[0].kind != VALUE_STRING) {
            return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "%.*s() takes a string, not %s",
                                        (int)node->length, node->text, strait__value_type(&arguments[0]));
        }
        set = &arguments[0].as.string;
        STRAIT_TRY(strait__machine_step(machine, node, value.as.string.length * (set->length + 1)));
    }
    *out = strip(&value, node->number != METHOD_rstrip, node->number != METHOD_lstrip, set);
    return STRAIT_OK;
}

/* ---- filters ---- */

static strait_status length_of(strait__machine *machine, const strait__node *node, const strait__value *value,
                               strait__value *out)
{
    const strait__string *string = &value->as.string;
    switch (value->kind) {
    case VALUE_UNDEFINED: *out = strait__value_int(0); return STRAIT_OK;
    case VALUE_STRING:
        *out = strait__value_int((int64_t)strait__characters(string->bytes, string->length));
        return strait__machine_step(machine, node, string->length);
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_ITEMS: *out = strait__value_int((int64_t)value->as.list->count); return STRAIT_OK;
    case VALUE_DICT: *out = strait__value_int((int64_t)value->as.dict->count); return STRAIT_OK;
    default: break;
    }
    return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "%s has no length", strait__value_type(value));
}

static strait_status to_json(strait__machine *machine, const strait__node *node, const strait__value *value,
                             strait__value *out)
{
    strait__value ascii = strait__value_bool(false);
    strait__text text = {0};
    if (node->b) STRAIT_TRY(strait__eval(machine, node->b, &ascii));
    strait_status status = strait__value_json(value, strait__value_truth(&ascii), &text);
    if (status == STRAIT_OK) status = strait__machine_string(machine, &text, out);
    size_t length = text.bytes.length;
    strait__text_fini(&text);
    STRAIT_TRY(status);
    return strait__machine_step(machine, node, length);
}

/* str.lower() of a key. Two characters of Unicode depend on more than themselves, or become two. */
static strait_status lower(strait__machine *machine, const strait__node *node, const strait__value *key,
                           strait__string *out)
{
    const strait__string *text = &key->as.string;
    char *bytes;
    size_t length = 0;
    STRAIT_TRY(strait__arena_take(&machine->arena, text->length * 2 + 4, 1, &bytes));
    for (size_t at = 0; at < text->length;) {
        uint32_t code = 0xfffd;
        int size = strait_utf8_decode(text->bytes + at, text->length - at, &code);
        at += (size_t)(size < 0 ? -size : size);
        if (code == 0x130 || code == 0x3a3) {
            return strait__machine_fail(machine, STRAIT_ERR_UNSUPPORTED, node,
                                        "dictsort of a key with the capital letter %s is not supported",
                                        code == 0x130 ? "\xc4\xb0" : "\xce\xa3");
        }
        length += strait_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)code), bytes + length);
    }
    *out = (strait__string){.bytes = bytes, .length = length};
    return STRAIT_OK;
}

/* Stable, by keys without regard to case; dicts of a conversation are small. */
static strait_status dictsort(strait__machine *machine, const strait__node *node, const strait__value *value,
                              strait__value *out)
{
    STRAIT_TRY(items_of(machine, node, value, VALUE_LIST, out));
    strait__list *list = out->as.list;
    strait__string *keys;
    STRAIT_TRY(strait__arena_take(&machine->arena, list->count, sizeof *keys, &keys));
    for (size_t i = 0; i < list->count; i++) {
        const strait__value *key = &list->items[i].as.list->items[0];
        if (key->kind != VALUE_STRING) {
            return strait__machine_fail(machine, STRAIT_ERR_UNSUPPORTED, node, "dictsort of %s as a key",
                                        strait__value_type(key));
        }
        STRAIT_TRY(lower(machine, node, key, &keys[i]));
    }
    for (size_t i = 1; i < list->count; i++) {
        strait__string key = keys[i];
        strait__value pair = list->items[i];
        size_t at = i;
        for (; at > 0 && strait__string_compare(&keys[at - 1], &key) > 0; at--) {
            keys[at] = keys[at - 1];
            list->items[at] = list->items[at - 1];
        }
        keys[at] = key;
        list->items[at] = pair;
        STRAIT_TRY(strait__machine_step(machine, node, (i - at) * 64));
    }
    return STRAIT_OK;
}

static strait_status filter_dict(strait__machine *machine, const strait__node *node, const strait__value *value,
                                 strait__value *out)
{
    if (value->kind == VALUE_DICT && node->number == FILTER_dictsort) return dictsort(machine, node, value, out);
    if (value->kind == VALUE_DICT) return items_of(machine, node, value, VALUE_GENERATOR, out);
    if (value->kind == VALUE_UNDEFINED && node->number == FILTER_items) {
        *out = (strait__value){.kind = VALUE_GENERATOR};
        return strait__list_create(&machine->arena, 0, &out->as.list);
    }
    return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "the filter takes a dict, not %s",
                                strait__value_type(value));
}

strait_status strait__eval_filter(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value value;
    STRAIT_TRY(strait__eval(machine, node->a, &value));
    switch (node->number) {
    case FILTER_length: return length_of(machine, node, &value, out);
    case FILTER_tojson: return to_json(machine, node, &value, out);
    case FILTER_items:
    case FILTER_dictsort: return filter_dict(machine, node, &value, out);
    default: break;
    }
    STRAIT_TRY(strait__machine_print(machine, node, &value, out));
    STRAIT_TRY(strait__machine_step(machine, node, out->as.string.length));
    if (node->number == FILTER_trim) *out = strip(out, true, true, NULL);
    if (node->number == FILTER_safe) out->safe = true;
    return STRAIT_OK;
}

bool strait__test(const strait__value *value, int64_t test)
{
    bool sequence = value->kind == VALUE_UNDEFINED || value->kind == VALUE_STRING || value->kind == VALUE_LIST ||
                    value->kind == VALUE_TUPLE || value->kind == VALUE_DICT;
    switch (test) {
    case TEST_defined: return value->kind != VALUE_UNDEFINED;
    case TEST_none: return value->kind == VALUE_NONE;
    case TEST_string: return value->kind == VALUE_STRING;
    case TEST_iterable: return sequence || value->kind == VALUE_ITEMS || value->kind == VALUE_GENERATOR;
    case TEST_mapping: return value->kind == VALUE_DICT;
    case TEST_sequence: return sequence;
    case TEST_true: return value->kind == VALUE_BOOL && value->as.integer != 0;
    default: return value->kind == VALUE_BOOL && value->as.integer == 0;
    }
}
