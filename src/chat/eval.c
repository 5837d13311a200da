/* Expressions: constants, names, operators, calls. */
#include "chat/machine.h"

#include <string.h>

enum { DEPTH_MAX = 500 };

static strait_status eval_items(strait__machine *machine, const strait__node *node, strait__list **out)
{
    size_t count = 0;
    for (const strait__node *item = node->items; item; item = item->next) count++;
    STRAIT_TRY(strait__list_create(&machine->arena, count, out));
    size_t at = 0;
    for (const strait__node *item = node->items; item; item = item->next) {
        STRAIT_TRY(strait__eval(machine, item, &(*out)->items[at++]));
    }
    return strait__list_seal(*out);
}

static strait_status eval_dict(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__dict *dict;
    STRAIT_TRY(strait__dict_create(&machine->arena, 4, &dict));
    for (const strait__node *item = node->items; item; item = item->next->next) {
        strait__value key;
        strait__value value;
        STRAIT_TRY(strait__eval(machine, item, &key));
        STRAIT_TRY(strait__eval(machine, item->next, &value));
        bool plain = key.kind == VALUE_STRING || key.kind == VALUE_NONE || strait__value_is_number(&key);
        if (!plain) {
            return strait__machine_fail(machine, STRAIT_ERR_UNSUPPORTED, item, "%s as the key of a dict",
                                        strait__value_type(&key));
        }
        STRAIT_TRY(strait__machine_step(machine, node, dict->count * 16));
        STRAIT_TRY(strait__dict_set(&machine->arena, dict, key, value));
    }
    *out = (strait__value){.kind = node->kind == NODE_NAMESPACE ? VALUE_NAMESPACE : VALUE_DICT, .as.dict = dict};
    return strait__dict_seal(dict);
}

static void look_up(const strait__machine *machine, const strait__node *node, strait__value *out)
{
    for (const strait__frame *frame = machine->frame; frame; frame = frame->parent) {
        for (const strait__binding *at = frame->bindings; at; at = at->next) {
            if (at->symbol != node->symbol) continue;
            *out = at->value;
            return;
        }
    }
    *out = strait__value_undefined(node->text, node->length);
}

static strait_status eval_loop(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__loop *loop = machine->loop;
    bool more;
    switch (node->number) {
    case LOOP_index0: *out = strait__value_int(loop->index0); return STRAIT_OK;
    case LOOP_first: *out = strait__value_bool(loop->index0 == 0); return STRAIT_OK;
    case LOOP_previtem:
        *out = loop->index0 > 0 ? loop->previous : strait__value_undefined("loop.previtem", 13);
        return STRAIT_OK;
    default: break;
    }
    STRAIT_TRY(strait__machine_peek(machine, loop, &more));
    if (node->number == LOOP_last) {
        *out = strait__value_bool(!more);
    } else {
        *out = more ? loop->ahead : strait__value_undefined("loop.nextitem", 13);
    }
    return STRAIT_OK;
}

static strait_status bad_operands(strait__machine *machine, const strait__node *node, const char *operator,
                                  const strait__value * a, const strait__value *b)
{
    if (a->kind == VALUE_UNDEFINED || b->kind == VALUE_UNDEFINED) {
        const strait__string *name = a->kind == VALUE_UNDEFINED ? &a->as.string : &b->as.string;
        return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node,
                                    "\"%s\" with \"%.*s\", which is undefined", operator,(int) name->length,
                                    name->bytes);
    }
    return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "\"%s\" between %s and %s", operator,
                                strait__value_type(a), strait__value_type(b));
}

static strait_status join_strings(strait__machine *machine, const strait__value *a, const strait__value *b,
                                  strait__value *out)
{
    const strait__string *left = &a->as.string;
    const strait__string *right = &b->as.string;
    size_t length = left->length + right->length; /* both are in memory */
    char *bytes;
    unsigned char *foreign = NULL;
    STRAIT_TRY(strait__arena_take(&machine->arena, length + 1, 1, &bytes));
    if (left->length > 0) memcpy(bytes, left->bytes, left->length);
    if (right->length > 0) memcpy(bytes + left->length, right->bytes, right->length);
    if (left->foreign || right->foreign) {
        STRAIT_TRY(strait__arena_take(&machine->arena, length + 1, 1, &foreign));
        if (left->foreign) memcpy(foreign, left->foreign, left->length);
        if (right->foreign) memcpy(foreign + left->length, right->foreign, right->length);
    }
    *out = strait__value_string(bytes, length, foreign);
    return STRAIT_OK;
}

/* Python's Markup escapes what it is joined to; that shows only where there is something to escape. */
static bool would_escape(const strait__value *a, const strait__value *b)
{
    if (a->safe == b->safe) return false;
    const strait__string *plain = a->safe ? &b->as.string : &a->as.string;
    for (size_t i = 0; i < plain->length; i++) {
        if (strchr("&<>'\"", plain->bytes[i]) && plain->bytes[i] != '\0') return true;
    }
    return false;
}

static strait_status add_lists(strait__machine *machine, const strait__node *node, const strait__value *a,
                               const strait__value *b, strait__value *out)
{
    strait__list *list;
    size_t left = a->as.list->count;
    STRAIT_TRY(strait__list_create(&machine->arena, left + b->as.list->count, &list));
    memcpy(list->items, a->as.list->items, left * sizeof *list->items);
    memcpy(list->items + left, b->as.list->items, b->as.list->count * sizeof *list->items);
    *out = (strait__value){.kind = a->kind, .as.list = list};
    STRAIT_TRY(strait__machine_step(machine, node, list->count * 16));
    return strait__list_seal(list);
}

static strait_status add_numbers(strait__machine *machine, const strait__node *node, const strait__value *a,
                                 const strait__value *b, bool subtract, strait__value *out)
{
    if (a->kind == VALUE_REAL || b->kind == VALUE_REAL) {
        double right = strait__value_real(b);
        *out = (strait__value){.kind = VALUE_REAL, .as.real = strait__value_real(a) + (subtract ? -right : right)};
        return STRAIT_OK;
    }
    int64_t left = a->as.integer;
    int64_t right = b->as.integer;
    /* Both sides of each comparison stay in range. */
    bool fits = subtract ? (right >= 0 ? left >= INT64_MIN + right : left <= INT64_MAX + right)
                         : (right >= 0 ? left <= INT64_MAX - right : left >= INT64_MIN - right);
    if (!fits) {
        return strait__machine_fail(machine, STRAIT_ERR_RANGE, node, "an integer of more than 64 bits");
    }
    *out = strait__value_int(subtract ? left - right : left + right);
    return STRAIT_OK;
}

static strait_status eval_sum(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value a;
    strait__value b;
    bool subtract = node->kind == NODE_SUBTRACT;
    STRAIT_TRY(strait__eval(machine, node->a, &a));
    STRAIT_TRY(strait__eval(machine, node->b, &b));
    if (strait__value_is_number(&a) && strait__value_is_number(&b)) {
        return add_numbers(machine, node, &a, &b, subtract, out);
    }
    if (subtract || a.kind != b.kind) return bad_operands(machine, node, subtract ? "-" : "+", &a, &b);
    if (a.kind == VALUE_LIST || a.kind == VALUE_TUPLE) return add_lists(machine, node, &a, &b, out);
    if (a.kind != VALUE_STRING) return bad_operands(machine, node, "+", &a, &b);
    if (would_escape(&a, &b)) {
        return strait__machine_fail(machine, STRAIT_ERR_UNSUPPORTED, node,
                                    "text marked \"safe\" is added to text that is not, which transformers escapes as "
                                    "HTML: apply \"safe\" to the whole");
    }
    STRAIT_TRY(strait__machine_step(machine, node, a.as.string.length + b.as.string.length));
    STRAIT_TRY(join_strings(machine, &a, &b, out));
    out->safe = a.safe || b.safe;
    return STRAIT_OK;
}

static strait_status eval_concat(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value a;
    strait__value b;
    STRAIT_TRY(strait__eval(machine, node->a, &a));
    STRAIT_TRY(strait__eval(machine, node->b, &b));
    STRAIT_TRY(strait__machine_print(machine, node, &a, &a));
    STRAIT_TRY(strait__machine_print(machine, node, &b, &b));
    STRAIT_TRY(strait__machine_step(machine, node, a.as.string.length + b.as.string.length));
    return join_strings(machine, &a, &b, out);
}

static strait_status contains(strait__machine *machine, const strait__node *node, const strait__value *part,
                              const strait__value *whole, bool *out)
{
    const strait__string *text = &whole->as.string;
    switch (whole->kind) {
    case VALUE_UNDEFINED: *out = false; return STRAIT_OK;
    case VALUE_STRING:
        if (part->kind != VALUE_STRING) break;
        STRAIT_TRY(strait__machine_step(machine, node, text->length));
        *out = part->as.string.length == 0 || strait__text_find(text->bytes, text->length, part->as.string.bytes,
                                                                part->as.string.length) < text->length;
        return STRAIT_OK;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_ITEMS:
        *out = false;
        for (size_t i = 0; i < whole->as.list->count && !*out; i++) {
            *out = strait__value_equal(part, &whole->as.list->items[i]);
        }
        return strait__machine_step(machine, node, (size_t)whole->as.list->extent.values * 16);
    case VALUE_DICT:
        /* Python takes no lists for keys, nor what contains one. */
        if (strait__value_extent(part).depth > 0) break;
        *out = strait__dict_find(whole->as.dict, part) != NULL;
        return strait__machine_step(machine, node, whole->as.dict->count * 16);
    default: break;
    }
    return bad_operands(machine, node, "in", part, whole);
}

static strait_status in_order(strait__machine *machine, const strait__node *node, const strait__value *a,
                              const strait__value *b, bool *out);

/* Lists are in the order of the first items that differ; one that goes on is behind one that ends. */
static strait_status lists_in_order(strait__machine *machine, const strait__node *node, const strait__list *a,
                                    const strait__list *b, bool *out)
{
    size_t i = 0;
    STRAIT_TRY(strait__machine_step(machine, node, (size_t)a->extent.values * 16));
    while (i < a->count && i < b->count && strait__value_equal(&a->items[i], &b->items[i])) i++;
    if (i < a->count && i < b->count) return in_order(machine, node, &a->items[i], &b->items[i], out);
    strait__value left = strait__value_int((int64_t)a->count);
    strait__value right = strait__value_int((int64_t)b->count);
    return in_order(machine, node, &left, &right, out);
}

static strait_status in_order(strait__machine *machine, const strait__node *node, const strait__value *a,
                              const strait__value *b, bool *out)
{
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
    int order;
    if (a->kind == b->kind && (a->kind == VALUE_LIST || a->kind == VALUE_TUPLE)) {
        return lists_in_order(machine, node, a->as.list, b->as.list, out);
    }
    if (strait__value_is_number(a) && strait__value_is_number(b)) {
        double left = strait__value_real(a);
        double right = strait__value_real(b);
        order = (left > right) - (left < right);
        if (a->kind != VALUE_REAL && b->kind != VALUE_REAL) {
            order = (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
        }
    } else if (a->kind == VALUE_STRING && b->kind == VALUE_STRING) {
        order = strait__string_compare(&a->as.string, &b->as.string);
    } else {
        return bad_operands(machine, node, signs[node->number], a, b);
    }
    *out = node->number == COMPARE_LT   ? order < 0
           : node->number == COMPARE_LE ? order <= 0
           : node->number == COMPARE_GT ? order > 0
                                        : order >= 0;
    return STRAIT_OK;
}

static strait_status compare(strait__machine *machine, const strait__node *node, const strait__value *a,
                             const strait__value *b, bool *out)
{
    if (node->number == COMPARE_EQ || node->number == COMPARE_NE) {
        *out = strait__value_equal(a, b) == (node->number == COMPARE_EQ);
        return strait__machine_step(machine, node, (size_t)strait__value_extent(a).values * 16);
    }
    if (node->number != COMPARE_IN && node->number != COMPARE_NOT_IN) return in_order(machine, node, a, b, out);
    STRAIT_TRY(contains(machine, node, a, b, out));
    if (node->number == COMPARE_NOT_IN) *out = !*out;
    return STRAIT_OK;
}

/* "a < b < c" is "a < b and b < c", with b evaluated once. */
static strait_status eval_comparison(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value left;
    bool holds = true;
    STRAIT_TRY(strait__eval(machine, node->a, &left));
    for (const strait__node *operand = node->items; operand && holds; operand = operand->next) {
        strait__value right;
        STRAIT_TRY(strait__eval(machine, operand->a, &right));
        STRAIT_TRY(compare(machine, operand, &left, &right, &holds));
        left = right;
    }
    *out = strait__value_bool(holds);
    return STRAIT_OK;
}

static strait_status eval_negation(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value value;
    strait__value zero = strait__value_int(0);
    STRAIT_TRY(strait__eval(machine, node->a, &value));
    if (value.kind == VALUE_REAL) {
        *out = (strait__value){.kind = VALUE_REAL, .as.real = -value.as.real};
        return STRAIT_OK;
    }
    if (strait__value_is_number(&value)) return add_numbers(machine, node, &zero, &value, true, out);
    return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "\"-\" before %s", strait__value_type(&value));
}

static strait_status eval_call(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value macro;
    look_up(machine, node, &macro);
    if (macro.kind == VALUE_MACRO) return strait__call_macro(machine, node, macro.as.macro, out);
    return strait__machine_fail(machine, STRAIT_ERR_UNSUPPORTED, node,
                                "\"%.*s\" is no macro; of functions there are namespace, raise_exception and the "
                                "template's own macros",
                                (int)node->length, node->text);
}

static strait_status eval_raise(strait__machine *machine, const strait__node *node)
{
    strait__value message;
    STRAIT_TRY(strait__eval(machine, node->a, &message));
    STRAIT_TRY(strait__machine_print(machine, node, &message, &message));
    return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "the template refuses this conversation: %.*s",
                                (int)(message.as.string.length < 400 ? message.as.string.length : 400),
                                message.as.string.bytes);
}

/* Conditions: only the operand that decides is evaluated. */
static strait_status eval_logic(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value a;
    if (node->kind == NODE_CHOICE) {
        STRAIT_TRY(strait__eval(machine, node->b, &a));
        return strait__eval(machine, strait__value_truth(&a) ? node->a : node->c, out);
    }
    STRAIT_TRY(strait__eval(machine, node->a, &a));
    if (node->kind == NODE_NOT) {
        *out = strait__value_bool(!strait__value_truth(&a));
    } else if (strait__value_truth(&a) == (node->kind == NODE_AND)) {
        return strait__eval(machine, node->b, out);
    } else {
        *out = a;
    }
    return STRAIT_OK;
}

static strait_status eval_access(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value value;
    strait__value index;
    STRAIT_TRY(strait__eval(machine, node->a, &value));
    if (node->kind == NODE_SLICE) return strait__eval_slice(machine, node, &value, out);
    if (node->kind == NODE_INDEX) {
        STRAIT_TRY(strait__eval(machine, node->b, &index));
        return strait__eval_index(machine, node, &value, &index, out);
    }
    strait__string name = {.bytes = node->text, .length = node->length};
    return strait__eval_attribute(machine, node, &value, &name, true, out);
}

static strait_status eval_test(strait__machine *machine, const strait__node *node, strait__value *out)
{
    strait__value value;
    STRAIT_TRY(strait__eval(machine, node->a, &value));
    *out = strait__value_bool(strait__test(&value, node->number));
    return STRAIT_OK;
}

static strait_status eval_one(strait__machine *machine, const strait__node *node, strait__value *out)
{
    switch (node->kind) {
    case NODE_STRING: *out = strait__value_string(node->text, node->length, NULL); return STRAIT_OK;
    case NODE_INTEGER: *out = strait__value_int(node->number); return STRAIT_OK;
    case NODE_BOOL: *out = strait__value_bool(node->number != 0); return STRAIT_OK;
    case NODE_NONE: *out = (strait__value){.kind = VALUE_NONE}; return STRAIT_OK;
    case NODE_NAME: look_up(machine, node, out); return STRAIT_OK;
    case NODE_LIST:
    case NODE_TUPLE:
        *out = (strait__value){.kind = node->kind == NODE_LIST ? VALUE_LIST : VALUE_TUPLE};
        return eval_items(machine, node, &out->as.list);
    case NODE_NAMESPACE:
    case NODE_DICT: return eval_dict(machine, node, out);
    case NODE_ATTRIBUTE:
    case NODE_INDEX:
    case NODE_SLICE: return eval_access(machine, node, out);
    case NODE_LOOP: return eval_loop(machine, node, out);
    case NODE_METHOD: return strait__eval_method(machine, node, out);
    case NODE_FILTER: return strait__eval_filter(machine, node, out);
    case NODE_TEST: return eval_test(machine, node, out);
    case NODE_CALL: return eval_call(machine, node, out);
    case NODE_RAISE: return eval_raise(machine, node);
    case NODE_NEGATE: return eval_negation(machine, node, out);
    case NODE_NOT:
    case NODE_AND:
    case NODE_OR:
    case NODE_CHOICE: return eval_logic(machine, node, out);
    case NODE_ADD:
    case NODE_SUBTRACT: return eval_sum(machine, node, out);
    case NODE_CONCAT: return eval_concat(machine, node, out);
    case NODE_COMPARE: return eval_comparison(machine, node, out);
    default: return strait__machine_fail(machine, STRAIT_ERR_INTERNAL, node, "not an expression");
    }
}

strait_status strait__eval(strait__machine *machine, const strait__node *node, strait__value *out)
{
    if (++machine->depth > DEPTH_MAX) {
        return strait__machine_fail(machine, STRAIT_ERR_RANGE, node, "nested deeper than %d levels", DEPTH_MAX);
    }
    STRAIT_TRY(strait__machine_step(machine, node, 0));
    STRAIT_TRY(eval_one(machine, node, out));
    machine->depth--;
    return STRAIT_OK;
}
