/* Values as text: Python's str and repr, and json.dumps. */
#include "chat/value.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <utf8proc.h>

static strait_status append(strait__text *out, const char *literal)
{
    return strait__text_append(out, literal, strlen(literal), NULL);
}

static strait_status append_int(strait__text *out, int64_t integer)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, integer);
    return append(out, digits);
}

static strait_status append_real(strait__text *out, double real)
{
    if (isnan(real)) return append(out, "nan");
    if (isinf(real)) return append(out, real > 0 ? "inf" : "-inf");
    strait_buffer digits = {0};
    strait_status status = strait_json_format_real(real, &digits);
    if (status == STRAIT_OK) status = append(out, digits.bytes);
    strait_buffer_fini(&digits);
    return status;
}

/* What str.isprintable says. */
static bool is_printable(uint32_t code)
{
    if (code < 0x7f) return code >= 0x20;
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
    }
}

/* One character escaped into out[16]; false where it is to be written as it is. */
typedef bool (*escape_fn)(uint32_t code, int option, char *out);

/* As repr writes it between these quotes. */
static bool repr_escape(uint32_t code, int quote, char *out)
{
    if (code == '\\' || code == (uint32_t)quote) {
        snprintf(out, 16, "\\%c", (char)code);
    } else if (code == '\n' || code == '\r' || code == '\t') {
        snprintf(out, 16, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
    } else if (is_printable(code)) {
        return false;
    } else {
        snprintf(out, 16, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)code);
    }
    return true;
}

static strait_status escape_each(const strait__string *string, escape_fn escape, int option, strait__text *out)
{
    for (size_t at = 0; at < string->length;) {
        uint32_t code = 0xfffd;
        int size = strait_utf8_decode(string->bytes + at, string->length - at, &code);
        size_t length = (size_t)(size < 0 ? -size : size);
        char escaped[16];
        const unsigned char *foreign = string->foreign ? string->foreign + at : NULL;
        if (escape(code, option, escaped)) {
            STRAIT_TRY(strait__text_append_from(out, escaped, strlen(escaped), foreign ? *foreign : 0));
        } else {
            STRAIT_TRY(strait__text_append(out, string->bytes + at, length, foreign));
        }
        at += length;
    }
    return STRAIT_OK;
}

static strait_status repr_string(const strait__string *string, strait__text *out)
{
    bool single = string->length > 0 && memchr(string->bytes, '\'', string->length);
    bool twofold = string->length > 0 && memchr(string->bytes, '"', string->length);
    char quote = single && !twofold ? '"' : '\'';
    STRAIT_TRY(strait__text_append(out, &quote, 1, NULL));
    STRAIT_TRY(escape_each(string, repr_escape, quote, out));
    return strait__text_append(out, &quote, 1, NULL);
}

static strait_status repr(const strait__value *value, strait__text *out);

static strait_status repr_items(const strait__list *list, const char *before, const char *after, strait__text *out)
{
    STRAIT_TRY(append(out, before));
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) STRAIT_TRY(append(out, ", "));
        STRAIT_TRY(repr(&list->items[i], out));
    }
    return append(out, after);
}

static strait_status repr_dict(const strait__dict *dict, strait__text *out)
{
    STRAIT_TRY(append(out, "{"));
    for (size_t i = 0; i < dict->count; i++) {
        if (i > 0) STRAIT_TRY(append(out, ", "));
        STRAIT_TRY(repr(&dict->keys[i], out));
        STRAIT_TRY(append(out, ": "));
        STRAIT_TRY(repr(&dict->values[i], out));
    }
    return append(out, "}");
}

static strait_status repr(const strait__value *value, strait__text *out)
{
    switch (value->kind) {
    case VALUE_UNDEFINED: return append(out, "Undefined");
    case VALUE_NONE: return append(out, "None");
    case VALUE_BOOL: return append(out, value->as.integer ? "True" : "False");
    case VALUE_INT: return append_int(out, value->as.integer);
    case VALUE_REAL: return append_real(out, value->as.real);
    case VALUE_STRING:
        if (!value->safe) return repr_string(&value->as.string, out);
        STRAIT_TRY(append(out, "Markup("));
        STRAIT_TRY(repr_string(&value->as.string, out));
        return append(out, ")");
    case VALUE_LIST: return repr_items(value->as.list, "[", "]", out);
    case VALUE_TUPLE: return repr_items(value->as.list, "(", value->as.list->count == 1 ? ",)" : ")", out);
    case VALUE_ITEMS: return repr_items(value->as.list, "dict_items([", "])", out);
    case VALUE_DICT: return repr_dict(value->as.dict, out);
    case VALUE_GENERATOR:
    case VALUE_NAMESPACE:
    case VALUE_MACRO: break;
    }
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s has no text to be printed", strait__value_type(value));
}

strait_status strait__value_print(const strait__value *value, strait__text *out)
{
    if (value->kind == VALUE_UNDEFINED) return STRAIT_OK;
    if (value->kind == VALUE_STRING) {
        const strait__string *string = &value->as.string;
        return strait__text_append(out, string->bytes, string->length, string->foreign);
    }
    return repr(value, out);
}

/* As json.dumps writes it. */
static bool json_escape(uint32_t code, int ascii, char *out)
{
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *at = code < 0x80 && code != 0 ? strchr(named, (int)code) : NULL;
    if (at) {
        snprintf(out, 16, "\\%c", letters[at - named]);
    } else if (code < 0x20 || (ascii && code >= 0x7f && code < 0x10000)) {
        snprintf(out, 16, "\\u%04x", (unsigned)code);
    } else if (ascii && code >= 0x10000) {
        unsigned rest = (unsigned)code - 0x10000;
        snprintf(out, 16, "\\u%04x\\u%04x", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
    } else {
        return false;
    }
    return true;
}

static strait_status string_text(const strait__string *string, bool ascii, strait__text *out)
{
    STRAIT_TRY(append(out, "\""));
    STRAIT_TRY(escape_each(string, json_escape, ascii, out));
    return append(out, "\"");
}

static strait_status real_text(double real, strait__text *out)
{
    if (isnan(real)) return append(out, "NaN");
    if (isinf(real)) return append(out, real > 0 ? "Infinity" : "-Infinity");
    return append_real(out, real);
}

/* Keys that are no strings become such. */
static strait_status key_text(const strait__value *key, bool ascii, strait__text *out)
{
    if (key->kind == VALUE_STRING) return string_text(&key->as.string, ascii, out);
    STRAIT_TRY(append(out, "\""));
    STRAIT_TRY(strait__value_json(key, ascii, out));
    return append(out, "\"");
}

static strait_status list_text(const strait__list *list, bool ascii, strait__text *out)
{
    STRAIT_TRY(append(out, "["));
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) STRAIT_TRY(append(out, ", "));
        STRAIT_TRY(strait__value_json(&list->items[i], ascii, out));
    }
    return append(out, "]");
}

static strait_status dict_text(const strait__dict *dict, bool ascii, strait__text *out)
{
    STRAIT_TRY(append(out, "{"));
    for (size_t i = 0; i < dict->count; i++) {
        if (i > 0) STRAIT_TRY(append(out, ", "));
        STRAIT_TRY(key_text(&dict->keys[i], ascii, out));
        STRAIT_TRY(append(out, ": "));
        STRAIT_TRY(strait__value_json(&dict->values[i], ascii, out));
    }
    return append(out, "}");
}

strait_status strait__value_json(const strait__value *value, bool ascii, strait__text *out)
{
    switch (value->kind) {
    case VALUE_NONE: return append(out, "null");
    case VALUE_BOOL: return append(out, value->as.integer ? "true" : "false");
    case VALUE_INT: return append_int(out, value->as.integer);
    case VALUE_REAL: return real_text(value->as.real, out);
    case VALUE_STRING: return string_text(&value->as.string, ascii, out);
    case VALUE_LIST:
    case VALUE_TUPLE: return list_text(value->as.list, ascii, out);
    case VALUE_DICT: return dict_text(value->as.dict, ascii, out);
    case VALUE_UNDEFINED:
    case VALUE_ITEMS:
    case VALUE_GENERATOR:
    case VALUE_NAMESPACE:
    case VALUE_MACRO: break;
    }
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "tojson: %s has no form in JSON", strait__value_type(value));
}
