/* value.name, value[index], value[from:to:step], and what a for statement goes through. */
#include "chat/machine.h"

#include <string.h>

strait__value strait__substring(const strait__value *value, size_t begin, size_t end)
{
    const strait__string *string = &value->as.string;
    strait__value part =
        strait__value_string(string->bytes + begin, end - begin, string->foreign ? string->foreign + begin : NULL);
    part.safe = value->safe;
    return part;
}

/* Names that are methods (or the like) of Python's types: there Jinja gives the method, which is of no use as a value.
 */
static bool is_method_of(const strait__value *value, const strait__string *name)
{
    static const char dict[] = " clear copy fromkeys get items keys pop popitem setdefault update values ";
    static const char list[] = " append clear copy count extend index insert pop remove reverse sort ";
    static const char tuple[] = " count index ";
    static const char string[] =
        " capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha "
        "isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower "
        "lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip "
        "split splitlines startswith strip swapcase title translate upper zfill ";
    static const char number[] =
        " as_integer_ratio bit_count bit_length conjugate denominator from_bytes fromhex hex imag is_integer numerator "
        "real to_bytes ";
    static const char macro[] = " arguments caller catch_kwargs catch_varargs name ";
    static const char items[] = " isdisjoint mapping close send throw ";
    char padded[32];
    const char *names = value->kind == VALUE_DICT        ? dict
                        : value->kind == VALUE_LIST      ? list
                        : value->kind == VALUE_TUPLE     ? tuple
                        : value->kind == VALUE_STRING    ? string
                        : strait__value_is_number(value) ? number
                        : value->kind == VALUE_MACRO     ? macro
                        : value->kind == VALUE_ITEMS     ? items
                        : value->kind == VALUE_GENERATOR ? items
                                                         : "";
    if (name->length >= 2 && memcmp(name->bytes, "__", 2) == 0) return true;
    if (name->length > sizeof padded - 3 || memchr(name->bytes, ' ', name->length)) return false;
    snprintf(padded, sizeof padded, " %.*s ", (int)name->length, name->bytes);
    return strstr(names, padded) != NULL;
}

static strait_status fail_undefined(strait__machine *machine, const strait__node *node, const strait__value *value)
{
    return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "\"%.*s\" is undefined, and something of it is used",
                                (int)value->as.string.length, value->as.string.bytes);
}

strait_status strait__eval_attribute(strait__machine *machine, const strait__node *node, const strait__value *value,
                                     const strait__string *name, bool look_up, strait__value *out)
{
    if (value->kind == VALUE_UNDEFINED) return fail_undefined(machine, node, value);
    if (is_method_of(value, name)) {
        return strait__machine_fail(machine, STRAIT_ERR_UNSUPPORTED, node,
                                    "\"%.*s\" of %s is a method of Python's, which cannot be used as a value here%s",
                                    (int)name->length, name->bytes, strait__value_type(value),
                                    value->kind == VALUE_DICT && look_up ? ": write [\"...\"] where a key is meant"
                                                                         : "");
    }
    const strait__value *found = NULL;
    if ((value->kind == VALUE_DICT && look_up) || value->kind == VALUE_NAMESPACE) {
        found = strait__dict_find_name(value->as.dict, name->bytes, name->length);
    }
    *out = found ? *found : strait__value_undefined(name->bytes, name->length);
    return STRAIT_OK;
}

/* An index from the end where negative; false where it is outside. */
static bool resolve_index(int64_t index, size_t count, size_t *out)
{
    int64_t length = (int64_t)count;
    if (index < 0) index += length;
    if (index < 0 || index >= length) return false;
    *out = (size_t)index;
    return true;
}

static strait_status index_string(strait__machine *machine, const strait__node *node, const strait__value *value,
                                  int64_t index, strait__value *out)
{
    const strait__string *string = &value->as.string;
    size_t at;
    STRAIT_TRY(strait__machine_step(machine, node, string->length));
    if (!resolve_index(index, strait__characters(string->bytes, string->length), &at)) {
        *out = strait__value_undefined("a character beyond the string", 29);
        return STRAIT_OK;
    }
    size_t begin = strait__character_at(string->bytes, string->length, at);
    size_t size = strait__character_at(string->bytes + begin, string->length - begin, 1);
    *out = strait__substring(value, begin, begin + size);
    return STRAIT_OK;
}

strait_status strait__eval_index(strait__machine *machine, const strait__node *node, const strait__value *value,
                                 const strait__value *index, strait__value *out)
{
    if (value->kind == VALUE_UNDEFINED) return fail_undefined(machine, node, value);
    if (value->kind == VALUE_DICT) {
        STRAIT_TRY(strait__machine_step(machine, node, value->as.dict->count * 16));
        const strait__value *found = strait__dict_find(value->as.dict, index);
        if (found) {
            *out = *found;
            return STRAIT_OK;
        }
    }
    if (index->kind == VALUE_STRING) {
        return strait__eval_attribute(machine, node, value, &index->as.string, false, out);
    }
    bool whole = index->kind == VALUE_INT || index->kind == VALUE_BOOL;
    size_t at;
    if (whole && value->kind == VALUE_STRING) return index_string(machine, node, value, index->as.integer, out);
    if (whole && (value->kind == VALUE_LIST || value->kind == VALUE_TUPLE) &&
        resolve_index(index->as.integer, value->as.list->count, &at)) {
        *out = value->as.list->items[at];
        return STRAIT_OK;
    }
    *out = strait__value_undefined("an item that is not there", 25);
    return STRAIT_OK;
}

/* The part of a slice that counts, as Python's slice.indices gives it. */
typedef struct slice {
    int64_t start;
    int64_t step;
    size_t count;
} slice;

static strait_status slice_bound(strait__machine *machine, const strait__node *node, int64_t length, bool backwards,
                                 int64_t absent, int64_t *out)
{
    strait__value value;
    STRAIT_TRY(strait__eval(machine, node, &value));
    if (value.kind == VALUE_NONE) {
        *out = absent;
        return STRAIT_OK;
    }
    if (value.kind != VALUE_INT && value.kind != VALUE_BOOL) {
        return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "a slice by %s", strait__value_type(&value));
    }
    int64_t at = value.as.integer;
    if (at < 0) at += length;
    int64_t least = backwards ? -1 : 0;
    int64_t most = backwards ? length - 1 : length;
    *out = at < least ? least : at > most ? most : at;
    return STRAIT_OK;
}

static strait_status eval_bounds(strait__machine *machine, const strait__node *node, size_t length, slice *out)
{
    const strait__node *start = node->items;
    int64_t count = (int64_t)length;
    int64_t stop;
    strait__value step;
    STRAIT_TRY(strait__eval(machine, start->next->next, &step));
    out->step = step.kind == VALUE_NONE ? 1 : step.as.integer;
    if (step.kind != VALUE_NONE && ((step.kind != VALUE_INT && step.kind != VALUE_BOOL) || step.as.integer == 0)) {
        return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "the step of a slice is an integer other than 0");
    }
    /* So far that one step leaves any text; the sums below stay in range. */
    if (out->step > INT32_MAX) out->step = INT32_MAX;
    if (out->step < -INT32_MAX) out->step = -INT32_MAX;
    bool backwards = out->step < 0;
    STRAIT_TRY(slice_bound(machine, start, count, backwards, backwards ? count - 1 : 0, &out->start));
    STRAIT_TRY(slice_bound(machine, start->next, count, backwards, backwards ? -1 : count, &stop));
    int64_t way = backwards ? out->start - stop : stop - out->start;
    int64_t pace = backwards ? -out->step : out->step;
    out->count = way > 0 ? (size_t)((way + pace - 1) / pace) : 0;
    return STRAIT_OK;
}

static strait_status slice_string(strait__machine *machine, const strait__value *value, const slice *part,
                                  size_t characters, strait__value *out)
{
    const strait__string *string = &value->as.string;
    if (part->step == 1) {
        size_t begin = strait__character_at(string->bytes, string->length, (size_t)part->start);
        size_t size = strait__character_at(string->bytes + begin, string->length - begin, part->count);
        *out = strait__substring(value, begin, part->count > 0 ? begin + size : begin);
        return STRAIT_OK;
    }
    size_t *begins;
    char *bytes;
    unsigned char *foreign = NULL;
    STRAIT_TRY(strait__arena_take(&machine->arena, characters + 1, sizeof *begins, &begins));
    STRAIT_TRY(strait__arena_take(&machine->arena, string->length, 1, &bytes));
    if (string->foreign) STRAIT_TRY(strait__arena_take(&machine->arena, string->length, 1, &foreign));
    size_t at = 0;
    for (size_t i = 0; i < string->length; i++) {
        if (((unsigned char)string->bytes[i] & 0xc0) != 0x80) begins[at++] = i;
    }
    begins[at] = string->length;
    size_t length = 0;
    int64_t index = part->start;
    for (size_t i = 0; i < part->count; i++, index += part->step) {
        size_t size = begins[index + 1] - begins[index];
        memcpy(bytes + length, string->bytes + begins[index], size);
        if (foreign) memcpy(foreign + length, string->foreign + begins[index], size);
        length += size;
    }
    *out = strait__value_string(bytes, length, foreign);
    out->safe = value->safe;
    return STRAIT_OK;
}

strait_status strait__eval_slice(strait__machine *machine, const strait__node *node, const strait__value *value,
                                 strait__value *out)
{
    slice part;
    if (value->kind == VALUE_UNDEFINED) return fail_undefined(machine, node, value);
    if (value->kind == VALUE_STRING) {
        size_t characters = strait__characters(value->as.string.bytes, value->as.string.length);
        STRAIT_TRY(strait__machine_step(machine, node, value->as.string.length));
        STRAIT_TRY(eval_bounds(machine, node, characters, &part));
        return slice_string(machine, value, &part, characters, out);
    }
    if (value->kind != VALUE_LIST && value->kind != VALUE_TUPLE) {
        return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "a slice of %s", strait__value_type(value));
    }
    strait__list *list;
    STRAIT_TRY(eval_bounds(machine, node, value->as.list->count, &part));
    STRAIT_TRY(strait__list_create(&machine->arena, part.count, &list));
    int64_t index = part.start;
    for (size_t i = 0; i < part.count; i++, index += part.step) list->items[i] = value->as.list->items[index];
    *out = (strait__value){.kind = value->kind, .as.list = list};
    STRAIT_TRY(strait__machine_step(machine, node, part.count * 16));
    return strait__list_seal(list);
}

static strait_status iterate_string(strait__machine *machine, const strait__value *value, strait__list **out)
{
    const strait__string *string = &value->as.string;
    STRAIT_TRY(strait__list_create(&machine->arena, strait__characters(string->bytes, string->length), out));
    size_t at = 0;
    for (size_t i = 0; i < (*out)->count; i++) {
        size_t size = strait__character_at(string->bytes + at, string->length - at, 1);
        (*out)->items[i] = strait__substring(value, at, at + size);
        at += size;
    }
    return strait__list_seal(*out);
}

strait_status strait__machine_iterate(strait__machine *machine, const strait__node *node, strait__value *value,
                                      strait__list **out)
{
    switch (value->kind) {
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_ITEMS: *out = value->as.list; return STRAIT_OK;
    case VALUE_GENERATOR:
        *out = value->as.list;
        if (value->as.list->spent) return strait__list_create(&machine->arena, 0, out);
        value->as.list->spent = true;
        return STRAIT_OK;
    case VALUE_UNDEFINED: return strait__list_create(&machine->arena, 0, out);
    case VALUE_DICT:
        STRAIT_TRY(strait__list_create(&machine->arena, 0, out));
        (*out)->items = value->as.dict->keys;
        (*out)->count = value->as.dict->count;
        return STRAIT_OK;
    case VALUE_STRING:
        STRAIT_TRY(strait__machine_step(machine, node, value->as.string.length));
        return iterate_string(machine, value, out);
    default: break;
    }
    return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "%s cannot be gone through",
                                strait__value_type(value));
}
