/*
 * What a template computes with: Python's None, bool, int, float, str, list, tuple and dict, and Jinja's undefined,
 * namespaces and macros. Values are passed by copy; what they point to lives in an arena and never changes, but for
 * the members of a namespace.
 */
#ifndef STRAIT_CHAT_VALUE_H
#define STRAIT_CHAT_VALUE_H

#include "base/json.h"
#include "chat/arena.h"
#include "chat/text.h"

typedef enum strait__value_kind {
    VALUE_UNDEFINED, /* string: what was not there, for messages */
    VALUE_NONE,
    VALUE_BOOL, /* integer */
    VALUE_INT,
    VALUE_REAL,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_TUPLE,
    VALUE_ITEMS,     /* list: dict.items(): iterated and counted, not indexed */
    VALUE_GENERATOR, /* list: the filter items: iterated once */
    VALUE_DICT,
    VALUE_NAMESPACE, /* dict */
    VALUE_MACRO
} strait__value_kind;

typedef struct strait__string {
    const char *bytes; /* UTF-8, need not end in zero */
    size_t length;
    const unsigned char *foreign; /* a byte each, 1 = handed in; NULL = all from the template */
} strait__string;

typedef struct strait__value {
    strait__value_kind kind;
    bool safe; /* a string that went through the filter safe */
    union {
        int64_t integer;
        double real;
        strait__string string;
        struct strait__list *list;
        struct strait__dict *dict;
        struct strait__macro *macro;
    } as;
} strait__value;

/* How deep lists stand in lists, and how many values that is in all: what printing and comparing cost. */
typedef struct strait__extent {
    int32_t depth;
    int64_t values;
} strait__extent;

typedef struct strait__list {
    strait__value *items;
    size_t count;
    strait__extent extent;
    bool spent; /* a generator that was iterated */
} strait__list;

/* In the order of insertion. */
typedef struct strait__dict {
    strait__value *keys;
    strait__value *values;
    size_t count;
    size_t capacity;
    strait__extent extent;
} strait__dict;

strait__value strait__value_bool(bool truth);
strait__value strait__value_int(int64_t integer);
strait__value strait__value_string(const char *bytes, size_t length, const unsigned char *foreign);
/* `name` says in messages what was not there. */
strait__value strait__value_undefined(const char *name, size_t length);

/* Copies `json` into the arena; its strings count as handed in where `foreign`. STRAIT_ERR_RANGE: nested too deeply. */
strait_status strait__value_from_json(strait__arena *arena, const json_t *json, bool foreign,
                                      strait__value *out) STRAIT_MUST_USE;
/* Room for `count` items; the caller fills them, and then seals: STRAIT_ERR_RANGE where they are nested too deeply or
 * are too many. */
strait_status strait__list_create(strait__arena *arena, size_t count, strait__list **out) STRAIT_MUST_USE;
strait_status strait__dict_create(strait__arena *arena, size_t capacity, strait__dict **out) STRAIT_MUST_USE;
strait_status strait__list_seal(strait__list *list) STRAIT_MUST_USE;
strait_status strait__dict_seal(strait__dict *dict) STRAIT_MUST_USE;
strait__extent strait__value_extent(const strait__value *value);
/* Adds or replaces. */
strait_status strait__dict_set(strait__arena *arena, strait__dict *dict, strait__value key,
                               strait__value value) STRAIT_MUST_USE;
/* NULL where the key is not there. */
const strait__value *strait__dict_find(const strait__dict *dict, const strait__value *key);
const strait__value *strait__dict_find_name(const strait__dict *dict, const char *name, size_t length);

/* Python's bool(), ==, and the name of a type for messages. */
bool strait__value_truth(const strait__value *value);
bool strait__value_equal(const strait__value *a, const strait__value *b);
const char *strait__value_type(const strait__value *value);
bool strait__value_is_number(const strait__value *value);
double strait__value_real(const strait__value *value);
/* < 0, 0, > 0 of two strings, by code points. */
int strait__string_compare(const strait__string *a, const strait__string *b);

/* Appends str(value) or repr(value). STRAIT_ERR_UNSUPPORTED: a value that has no text of use (macros, namespaces). */
strait_status strait__value_print(const strait__value *value, strait__text *out) STRAIT_MUST_USE;
/* Appends json.dumps(value, ensure_ascii=ascii). */
strait_status strait__value_json(const strait__value *value, bool ascii, strait__text *out) STRAIT_MUST_USE;

#endif
