/* Making values, finding things in them, and comparing them as Python does. */
#include "chat/value.h"

#include <string.h>

/* Of lists in lists: far above what messages have, far below what the stack bears. */
enum { NESTING_MAX = 200, VALUES_MAX = 1 << 22 };

strait__value strait__value_bool(bool truth)
{
    return (strait__value){.kind = VALUE_BOOL, .as.integer = truth};
}

strait__value strait__value_int(int64_t integer)
{
    return (strait__value){.kind = VALUE_INT, .as.integer = integer};
}

strait__value strait__value_string(const char *bytes, size_t length, const unsigned char *foreign)
{
    return (strait__value){.kind = VALUE_STRING, .as.string = {bytes, length, foreign}};
}

strait__value strait__value_undefined(const char *name, size_t length)
{
    return (strait__value){.kind = VALUE_UNDEFINED, .as.string = {name, length, NULL}};
}

strait_status strait__list_create(strait__arena *arena, size_t count, strait__list **out)
{
    strait__list *list;
    STRAIT_TRY(strait__arena_take(arena, 1, sizeof *list, &list));
    STRAIT_TRY(strait__arena_take(arena, count, sizeof *list->items, &list->items));
    list->count = count;
    *out = list;
    return STRAIT_OK;
}

strait_status strait__dict_create(strait__arena *arena, size_t capacity, strait__dict **out)
{
    strait__dict *dict;
    STRAIT_TRY(strait__arena_take(arena, 1, sizeof *dict, &dict));
    STRAIT_TRY(strait__arena_take(arena, capacity, sizeof *dict->keys, &dict->keys));
    STRAIT_TRY(strait__arena_take(arena, capacity, sizeof *dict->values, &dict->values));
    dict->capacity = capacity;
    *out = dict;
    return STRAIT_OK;
}

strait__extent strait__value_extent(const strait__value *value)
{
    switch (value->kind) {
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_ITEMS:
    case VALUE_GENERATOR: return value->as.list->extent;
    case VALUE_DICT: return value->as.dict->extent;
    default: return (strait__extent){.depth = 0, .values = 1};
    }
}

static strait_status widen(strait__extent *extent, const strait__value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        strait__extent inner = strait__value_extent(&values[i]);
        if (inner.depth >= extent->depth) extent->depth = inner.depth + 1;
        extent->values += inner.values;
        if (extent->depth > NESTING_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_RANGE, "lists and dicts nested deeper than %d levels", NESTING_MAX);
        }
        if (extent->values > VALUES_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_RANGE, "a list or dict of more than %d values", VALUES_MAX);
        }
    }
    return STRAIT_OK;
}

strait_status strait__list_seal(strait__list *list)
{
    list->extent = (strait__extent){.depth = 1, .values = 1};
    return widen(&list->extent, list->items, list->count);
}

strait_status strait__dict_seal(strait__dict *dict)
{
    dict->extent = (strait__extent){.depth = 1, .values = 1};
    STRAIT_TRY(widen(&dict->extent, dict->keys, dict->count));
    return widen(&dict->extent, dict->values, dict->count);
}

strait_status strait__dict_set(strait__arena *arena, strait__dict *dict, strait__value key, strait__value value)
{
    for (size_t i = 0; i < dict->count; i++) {
        if (!strait__value_equal(&dict->keys[i], &key)) continue;
        dict->values[i] = value;
        return STRAIT_OK;
    }
    if (dict->count == dict->capacity) {
        strait__value *keys;
        strait__value *values;
        size_t capacity = dict->capacity * 2 + 4;
        STRAIT_TRY(strait__arena_take(arena, capacity, sizeof *keys, &keys));
        STRAIT_TRY(strait__arena_take(arena, capacity, sizeof *values, &values));
        memcpy(keys, dict->keys, dict->count * sizeof *keys);
        memcpy(values, dict->values, dict->count * sizeof *values);
        dict->keys = keys;
        dict->values = values;
        dict->capacity = capacity;
    }
    dict->keys[dict->count] = key;
    dict->values[dict->count++] = value;
    return STRAIT_OK;
}

const strait__value *strait__dict_find(const strait__dict *dict, const strait__value *key)
{
    for (size_t i = 0; i < dict->count; i++) {
        if (strait__value_equal(&dict->keys[i], key)) return &dict->values[i];
    }
    return NULL;
}

const strait__value *strait__dict_find_name(const strait__dict *dict, const char *name, size_t length)
{
    strait__value key = strait__value_string(name, length, NULL);
    return strait__dict_find(dict, &key);
}

static strait_status copy_string(strait__arena *arena, const char *bytes, size_t length, bool foreign,
                                 strait__value *out)
{
    char *copy;
    unsigned char *origins = NULL;
    STRAIT_TRY(strait__arena_copy(arena, bytes, length, &copy));
    if (foreign) {
        STRAIT_TRY(strait__arena_take(arena, length, 1, &origins));
        memset(origins, 1, length);
    }
    *out = strait__value_string(copy, length, origins);
    return STRAIT_OK;
}

static strait_status convert(strait__arena *arena, const json_t *json, bool foreign, int depth, strait__value *out);

static strait_status convert_array(strait__arena *arena, const json_t *json, bool foreign, int depth,
                                   strait__value *out)
{
    strait__list *list;
    STRAIT_TRY(strait__list_create(arena, json_array_size(json), &list));
    for (size_t i = 0; i < list->count; i++) {
        STRAIT_TRY(convert(arena, json_array_get(json, i), foreign, depth + 1, &list->items[i]));
    }
    *out = (strait__value){.kind = VALUE_LIST, .as.list = list};
    return strait__list_seal(list);
}

static strait_status convert_object(strait__arena *arena, json_t *json, bool foreign, int depth, strait__value *out)
{
    strait__dict *dict;
    STRAIT_TRY(strait__dict_create(arena, json_object_size(json), &dict));
    /* jansson's keys are distinct, so that nothing has to be looked for. */
    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at)) {
        const char *key = json_object_iter_key(at);
        STRAIT_TRY(copy_string(arena, key, strlen(key), foreign, &dict->keys[dict->count]));
        STRAIT_TRY(convert(arena, json_object_iter_value(at), foreign, depth + 1, &dict->values[dict->count]));
        dict->count++;
    }
    *out = (strait__value){.kind = VALUE_DICT, .as.dict = dict};
    return strait__dict_seal(dict);
}

static strait_status convert(strait__arena *arena, const json_t *json, bool foreign, int depth, strait__value *out)
{
    if (depth > NESTING_MAX) return STRAIT_FAIL(STRAIT_ERR_RANGE, "nested deeper than %d levels", NESTING_MAX);
    switch (json_typeof(json)) {
    case JSON_OBJECT: return convert_object(arena, (json_t *)(uintptr_t)json, foreign, depth, out);
    case JSON_ARRAY: return convert_array(arena, json, foreign, depth, out);
    case JSON_STRING: return copy_string(arena, json_string_value(json), json_string_length(json), foreign, out);
    case JSON_INTEGER: *out = strait__value_int(json_integer_value(json)); break;
    case JSON_REAL: *out = (strait__value){.kind = VALUE_REAL, .as.real = json_real_value(json)}; break;
    case JSON_TRUE: *out = strait__value_bool(true); break;
    case JSON_FALSE: *out = strait__value_bool(false); break;
    case JSON_NULL: *out = (strait__value){.kind = VALUE_NONE}; break;
    }
    return STRAIT_OK;
}

strait_status strait__value_from_json(strait__arena *arena, const json_t *json, bool foreign, strait__value *out)
{
    return convert(arena, json, foreign, 0, out);
}

bool strait__value_truth(const strait__value *value)
{
    switch (value->kind) {
    case VALUE_UNDEFINED:
    case VALUE_NONE: return false;
    case VALUE_BOOL:
    case VALUE_INT: return value->as.integer != 0;
    case VALUE_REAL: return value->as.real != 0;
    case VALUE_STRING: return value->as.string.length > 0;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_ITEMS: return value->as.list->count > 0;
    case VALUE_DICT: return value->as.dict->count > 0;
    case VALUE_GENERATOR:
    case VALUE_NAMESPACE:
    case VALUE_MACRO: break;
    }
    return true;
}

bool strait__value_is_number(const strait__value *value)
{
    return value->kind == VALUE_BOOL || value->kind == VALUE_INT || value->kind == VALUE_REAL;
}

double strait__value_real(const strait__value *value)
{
    return value->kind == VALUE_REAL ? value->as.real : (double)value->as.integer;
}

int strait__string_compare(const strait__string *a, const strait__string *b)
{
    size_t shared = a->length < b->length ? a->length : b->length;
    int order = shared > 0 ? memcmp(a->bytes, b->bytes, shared) : 0;
    if (order != 0) return order;
    return (a->length > b->length) - (a->length < b->length);
}

static bool equal_lists(const strait__list *a, const strait__list *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!strait__value_equal(&a->items[i], &b->items[i])) return false;
    }
    return true;
}

static bool equal_dicts(const strait__dict *a, const strait__dict *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const strait__value *other = strait__dict_find(b, &a->keys[i]);
        if (!other || !strait__value_equal(&a->values[i], other)) return false;
    }
    return true;
}

bool strait__value_equal(const strait__value *a, const strait__value *b)
{
    if (strait__value_is_number(a) && strait__value_is_number(b)) {
        if (a->kind != VALUE_REAL && b->kind != VALUE_REAL) return a->as.integer == b->as.integer;
        return strait__value_real(a) == strait__value_real(b);
    }
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case VALUE_UNDEFINED:
    case VALUE_NONE: return true;
    case VALUE_STRING:
        return a->as.string.length == b->as.string.length && strait__string_compare(&a->as.string, &b->as.string) == 0;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_ITEMS: return equal_lists(a->as.list, b->as.list);
    case VALUE_DICT: return equal_dicts(a->as.dict, b->as.dict);
    case VALUE_GENERATOR: return a->as.list == b->as.list;
    case VALUE_NAMESPACE: return a->as.dict == b->as.dict;
    case VALUE_MACRO: return a->as.macro == b->as.macro;
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_REAL: break;
    }
    return false;
}

const char *strait__value_type(const strait__value *value)
{
    static const char *const names[] = {
        [VALUE_UNDEFINED] = "an undefined value",
        [VALUE_NONE] = "none",
        [VALUE_BOOL] = "a bool",
        [VALUE_INT] = "an int",
        [VALUE_REAL] = "a float",
        [VALUE_STRING] = "a string",
        [VALUE_LIST] = "a list",
        [VALUE_TUPLE] = "a tuple",
        [VALUE_ITEMS] = "the items of a dict",
        [VALUE_GENERATOR] = "the items of a dict",
        [VALUE_DICT] = "a dict",
        [VALUE_NAMESPACE] = "a namespace",
        [VALUE_MACRO] = "a macro",
    };
    return names[value->kind];
}
