/*
 * YAML text as a small tree with line and column of every node, over libyaml's events.
 *
 * Only what a configuration needs, each limit an error with its place: UTF-8, one document, no tags, no merge keys,
 * depth, number of nodes and anchors bounded. An alias is a reference and is never expanded, so that a small file
 * cannot become a large tree; one that would contain itself is refused.
 */
#ifndef STRAIT_TRAIN_CONFIG_YAML_H
#define STRAIT_TRAIN_CONFIG_YAML_H

#include "base/buffer.h"

enum {
    STRAIT_YAML_BYTES_MAX = 1 << 20,
    STRAIT_YAML_DEPTH_MAX = 16,
    STRAIT_YAML_NODES_MAX = 20000,
    STRAIT_YAML_ANCHORS_MAX = 64
};

typedef enum strait_yaml_kind {
    STRAIT_YAML_SCALAR,
    STRAIT_YAML_SEQUENCE,
    STRAIT_YAML_MAPPING, /* children are key, value, key, value, ... */
    STRAIT_YAML_ALIAS    /* only inside the tree; strait_yaml_at follows it */
} strait_yaml_kind;

typedef struct strait_yaml_node {
    strait_yaml_kind kind;
    bool plain;    /* a scalar without quotes */
    size_t text;   /* scalar: offset into strait_yaml.text, zero-terminated */
    size_t length; /* scalar: bytes */
    int line;      /* from 1 */
    int column;    /* from 1, in characters */
    int first;     /* child, or -1 */
    int next;      /* sibling, or -1 */
    int target;    /* of an alias */
} strait_yaml_node;

typedef struct strait_yaml {
    strait_yaml_node *nodes; /* owned; node 0 is the root */
    int count;
    int capacity;
    strait_buffer text;
} strait_yaml;

/* Errors begin with "name:line:column: ". On failure *out needs no fini. An empty text is an error. */
strait_status strait_yaml_parse(const char *name, const char *bytes, size_t length, strait_yaml *out) STRAIT_MUST_USE;
void strait_yaml_fini(strait_yaml *yaml);

/* Whether text is UTF-8 without zero bytes. */
bool strait_yaml_is_utf8(const char *bytes, size_t length);

/* Node `index`, an alias followed to what it stands for. */
const strait_yaml_node *strait_yaml_at(const strait_yaml *yaml, int index);
const char *strait_yaml_text(const strait_yaml *yaml, const strait_yaml_node *node);

/* What a plain scalar is. Quoted ones are strings. */
typedef enum strait_yaml_class {
    STRAIT_YAML_NULL,
    STRAIT_YAML_BOOL,
    STRAIT_YAML_NUMBER, /* decimal, with or without point and exponent */
    STRAIT_YAML_STRING
} strait_yaml_class;
strait_yaml_class strait_yaml_classify(const strait_yaml *yaml, const strait_yaml_node *node);

/*
 * A decimal number as an integer, exactly: "1e6" and "2.50e1" are integers, "1.5" is not. False where it is none or
 * does not fit; *out_too_big tells the two apart.
 */
bool strait_yaml_integer(const char *text, int64_t *out, bool *out_too_big);

#endif
