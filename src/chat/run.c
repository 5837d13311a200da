/* Statements of a template, and rendering as a whole. */
#include "chat/machine.h"

#include <stdarg.h>
#include <string.h>

/* Far above what any conversation needs: seconds, and less memory than a model. */
enum { STEPS_MAX = 20000000, DEPTH_MAX = 500, VALUES_BYTES_MAX = 256 << 20 };

typedef enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;

strait_status strait__machine_fail(strait__machine *machine, strait_status code, const strait__node *node,
                                   const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    machine->at = node;
    return STRAIT_FAIL(code, "%s", message);
}

strait_status strait__machine_step(strait__machine *machine, const strait__node *node, size_t work)
{
    machine->at = node;
    machine->steps += 1 + (int64_t)(work / 64);
    if (machine->steps <= STEPS_MAX) return STRAIT_OK;
    return strait__machine_fail(machine, STRAIT_ERR_RANGE, node, "the template takes more than %d steps", STEPS_MAX);
}

strait_status strait__machine_bind(strait__machine *machine, int symbol, strait__value value)
{
    for (strait__binding *at = machine->frame->bindings; at; at = at->next) {
        if (at->symbol != symbol) continue;
        at->value = value;
        return STRAIT_OK;
    }
    strait__binding *binding;
    STRAIT_TRY(strait__arena_take(&machine->arena, 1, sizeof *binding, &binding));
    *binding = (strait__binding){.next = machine->frame->bindings, .symbol = symbol, .value = value};
    machine->frame->bindings = binding;
    return STRAIT_OK;
}

static strait_status enter(strait__machine *machine, strait__frame *parent)
{
    strait__frame *frame;
    STRAIT_TRY(strait__arena_take(&machine->arena, 1, sizeof *frame, &frame));
    frame->parent = parent;
    machine->frame = frame;
    return STRAIT_OK;
}

strait_status strait__machine_string(strait__machine *machine, const strait__text *text, strait__value *out)
{
    char *bytes;
    char *foreign = NULL;
    size_t length = text->bytes.length;
    STRAIT_TRY(strait__arena_copy(&machine->arena, text->bytes.bytes, length, &bytes));
    if (length > 0 && memchr(text->foreign.bytes, 1, length)) {
        STRAIT_TRY(strait__arena_copy(&machine->arena, text->foreign.bytes, length, &foreign));
    }
    *out = strait__value_string(bytes, length, (const unsigned char *)foreign);
    return STRAIT_OK;
}

static strait_status run(strait__machine *machine, const strait__node *node, flow *out);

strait_status strait__call_macro(strait__machine *machine, const strait__node *node, const strait__macro *macro,
                                 strait__value *out)
{
    strait__frame *frame = machine->frame;
    strait__loop *loop = machine->loop;
    strait__text *outer = machine->out;
    strait__frame *inside;
    STRAIT_TRY(strait__arena_take(&machine->arena, 1, sizeof *inside, &inside));
    inside->parent = macro->frame;
    const strait__node *argument = node->items;
    for (const strait__node *name = macro->node->items; name; name = name->next) {
        strait__value value = strait__value_undefined("an argument that was not given", 30);
        if (argument) {
            STRAIT_TRY(strait__eval(machine, argument, &value));
            argument = argument->next;
        }
        machine->frame = inside;
        strait_status status = strait__machine_bind(machine, name->symbol, value);
        machine->frame = frame;
        STRAIT_TRY(status);
    }
    if (argument) {
        return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "the macro \"%.*s\" takes fewer arguments",
                                    (int)node->length, node->text);
    }
    strait__text text = {0};
    flow ignored;
    machine->frame = inside;
    machine->loop = NULL;
    machine->out = &text;
    strait_status status = run(machine, macro->node->body, &ignored);
    machine->frame = frame;
    machine->loop = loop;
    machine->out = outer;
    if (status == STRAIT_OK) status = strait__machine_string(machine, &text, out);
    strait__text_fini(&text);
    return status;
}

/* Binds the one or two names of a for statement to an item. */
static strait_status bind_item(strait__machine *machine, const strait__node *node, strait__value item)
{
    if (node->symbol2 < 0) return strait__machine_bind(machine, node->symbol, item);
    strait__list *pair;
    STRAIT_TRY(strait__machine_iterate(machine, node, &item, &pair));
    if (pair->count != 2) {
        return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "an item of %zu values for two names",
                                    pair->count);
    }
    STRAIT_TRY(strait__machine_bind(machine, node->symbol, pair->items[0]));
    return strait__machine_bind(machine, node->symbol2, pair->items[1]);
}

/* Where there are two names and an inline "if", Jinja makes a pair of them, whatever the item was. */
static strait_status pair_of(strait__machine *machine, const strait__node *node, strait__value *item)
{
    strait__list *pair;
    STRAIT_TRY(strait__machine_iterate(machine, node, item, &pair));
    *item = (strait__value){.kind = VALUE_TUPLE, .as.list = pair};
    return STRAIT_OK;
}

/* The next item that the inline "if" lets through. */
static strait_status pull(strait__machine *machine, strait__loop *loop, bool *out_found, strait__value *out)
{
    const strait__node *node = loop->node;
    while (loop->at < loop->items->count) {
        strait__value item = loop->items->items[loop->at++];
        bool passes = true;
        if (node->b) {
            /* It sees the names around the loop, not those of its body. */
            strait__frame *frame = machine->frame;
            strait__value truth;
            STRAIT_TRY(enter(machine, loop->frame));
            STRAIT_TRY(bind_item(machine, node, item));
            STRAIT_TRY(strait__eval(machine, node->b, &truth));
            machine->frame = frame;
            passes = strait__value_truth(&truth);
        }
        if (!passes) continue;
        if (node->b && node->symbol2 >= 0) STRAIT_TRY(pair_of(machine, node, &item));
        *out = item;
        *out_found = true;
        return STRAIT_OK;
    }
    *out_found = false;
    return STRAIT_OK;
}

strait_status strait__machine_peek(strait__machine *machine, strait__loop *loop, bool *out)
{
    if (!loop->looked_ahead) {
        bool found;
        STRAIT_TRY(pull(machine, loop, &found, &loop->ahead));
        loop->looked_ahead = true;
        loop->ended = !found;
    }
    *out = !loop->ended;
    return STRAIT_OK;
}

static strait_status run_for(strait__machine *machine, const strait__node *node)
{
    strait__frame *frame = machine->frame;
    strait__loop *outer = machine->loop;
    strait__loop loop = {.node = node, .frame = frame, .index0 = -1};
    strait__value over;
    flow going = FLOW_ON;
    STRAIT_TRY(strait__eval(machine, node->a, &over));
    STRAIT_TRY(strait__machine_iterate(machine, node, &over, &loop.items));
    while (going != FLOW_BREAK) {
        bool found;
        machine->frame = frame;
        STRAIT_TRY(strait__machine_peek(machine, &loop, &found));
        if (!found) break;
        loop.looked_ahead = false;
        loop.index0++;
        loop.previous = loop.current;
        loop.current = loop.ahead;
        machine->loop = &loop;
        STRAIT_TRY(enter(machine, frame));
        STRAIT_TRY(bind_item(machine, node, loop.current));
        STRAIT_TRY(run(machine, node->body, &going));
    }
    machine->loop = outer;
    machine->frame = frame;
    return STRAIT_OK;
}

static strait_status set_member(strait__machine *machine, const strait__node *node)
{
    strait__value value;
    STRAIT_TRY(strait__eval(machine, node->a, &value));
    for (const strait__frame *frame = machine->frame; frame; frame = frame->parent) {
        for (const strait__binding *at = frame->bindings; at; at = at->next) {
            if (at->symbol != node->symbol) continue;
            if (at->value.kind != VALUE_NAMESPACE) {
                return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node,
                                            "only members of a namespace can be set, this is %s",
                                            strait__value_type(&at->value));
            }
            strait__value key = strait__value_string(node->text, node->length, NULL);
            return strait__dict_set(&machine->arena, at->value.as.dict, key, value);
        }
    }
    return strait__machine_fail(machine, STRAIT_ERR_FORMAT, node, "only members of a namespace can be set");
}

static strait_status run_generation(strait__machine *machine, const strait__node *node)
{
    strait_rendering *rendering = machine->rendering;
    strait__frame *frame = machine->frame;
    flow ignored;
    size_t begin = rendering->text.bytes.length;
    STRAIT_TRY(enter(machine, frame));
    STRAIT_TRY(run(machine, node->body, &ignored));
    machine->frame = frame;
    if (rendering->generation_count == rendering->generation_capacity) {
        size_t capacity = rendering->generation_capacity * 2 + 16;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, capacity, sizeof *rendering->generations, &rendering->generations));
        rendering->generation_capacity = capacity;
    }
    rendering->generations[rendering->generation_count++] =
        (strait_span){.begin = begin, .end = rendering->text.bytes.length};
    return STRAIT_OK;
}

static strait_status define_macro(strait__machine *machine, const strait__node *node)
{
    strait__macro *macro;
    STRAIT_TRY(strait__arena_take(&machine->arena, 1, sizeof *macro, &macro));
    *macro = (strait__macro){.node = node, .frame = machine->frame};
    return strait__machine_bind(machine, node->symbol, (strait__value){.kind = VALUE_MACRO, .as.macro = macro});
}

static strait_status run_print(strait__machine *machine, const strait__node *node)
{
    strait__value value;
    STRAIT_TRY(strait__eval(machine, node->a, &value));
    size_t before = machine->out->bytes.length;
    STRAIT_TRY(strait__value_print(&value, machine->out));
    return strait__machine_step(machine, node, machine->out->bytes.length - before);
}

static strait_status run_one(strait__machine *machine, const strait__node *node, flow *out)
{
    strait__value value;
    switch (node->kind) {
    case NODE_DATA: return strait__text_append(machine->out, node->text, node->length, NULL);
    case NODE_PRINT: return run_print(machine, node);
    case NODE_IF:
        STRAIT_TRY(strait__eval(machine, node->a, &value));
        return run(machine, strait__value_truth(&value) ? node->body : node->items, out);
    case NODE_FOR: return run_for(machine, node);
    case NODE_SET:
        STRAIT_TRY(strait__eval(machine, node->a, &value));
        return strait__machine_bind(machine, node->symbol, value);
    case NODE_SET_MEMBER: return set_member(machine, node);
    case NODE_MACRO: return define_macro(machine, node);
    case NODE_GENERATION: return run_generation(machine, node);
    case NODE_BREAK: *out = FLOW_BREAK; break;
    case NODE_CONTINUE: *out = FLOW_CONTINUE; break;
    default: return strait__machine_fail(machine, STRAIT_ERR_INTERNAL, node, "not a statement");
    }
    return STRAIT_OK;
}

/* A list of statements, up to a break or continue. */
static strait_status run(strait__machine *machine, const strait__node *node, flow *out)
{
    *out = FLOW_ON;
    if (!node) return STRAIT_OK;
    if (++machine->depth > DEPTH_MAX) {
        return strait__machine_fail(machine, STRAIT_ERR_RANGE, node, "calls nested deeper than %d levels", DEPTH_MAX);
    }
    for (; node && *out == FLOW_ON; node = node->next) {
        STRAIT_TRY(strait__machine_step(machine, node, 0));
        STRAIT_TRY(run_one(machine, node, out));
    }
    machine->depth--;
    return STRAIT_OK;
}

/* Variables that the template never names need not be copied. */
static strait_status bind_members(strait__machine *machine, const json_t *members, bool foreign)
{
    const strait__symbols *symbols = &machine->tmpl->symbols;
    for (int i = 0; members && i < symbols->count; i++) {
        const strait__token *name = symbols->names[i];
        const json_t *member = json_object_getn(members, name->text, name->length);
        if (!member) continue;
        strait__value value;
        STRAIT_TRY_CTX(strait__value_from_json(&machine->arena, member, foreign, &value), "%.*s", (int)name->length,
                       name->text);
        STRAIT_TRY(strait__machine_bind(machine, i, value));
    }
    return STRAIT_OK;
}

strait_status strait_template_render(const strait_template *tmpl, const json_t *own, const json_t *foreign,
                                     strait_rendering *out)
{
    strait_buffer_clear(&out->text.bytes);
    strait_buffer_clear(&out->text.foreign);
    out->generation_count = 0;
    strait__machine machine = {.tmpl = tmpl, .out = &out->text, .rendering = out};
    machine.arena.limit = VALUES_BYTES_MAX;
    flow ignored;
    strait_status status = enter(&machine, NULL);
    if (status == STRAIT_OK) status = bind_members(&machine, own, false);
    if (status == STRAIT_OK) status = bind_members(&machine, foreign, true);
    if (status == STRAIT_OK) status = run(&machine, tmpl->body, &ignored);
    strait__arena_fini(&machine.arena);
    if (status == STRAIT_OK) return STRAIT_OK;
    return strait__fail_context(status, "%s:%d", tmpl->name, machine.at ? machine.at->line : 1);
}

void strait_rendering_fini(strait_rendering *rendering)
{
    strait__text_fini(&rendering->text);
    strait_free(rendering->generations);
    *rendering = (strait_rendering){0};
}
