/*
 * The schema list as a table. Private to the config*.c files.
 */
#ifndef STRAIT_TRAIN_CONFIG_SCHEMA_H
#define STRAIT_TRAIN_CONFIG_SCHEMA_H

#include "train/config.h"

/* What a key holds and the member's type: int64_t, double, bool, char *, int, double[2], and the lists. */
typedef enum strait_key_type {
    STRAIT_KEY_INT,
    STRAIT_KEY_FLOAT,
    STRAIT_KEY_BOOL,
    STRAIT_KEY_STRING,
    STRAIT_KEY_ENUM,
    STRAIT_KEY_PAIR,
    STRAIT_KEY_STRINGS,
    STRAIT_KEY_IDS,
    STRAIT_KEY_SOURCES
} strait_key_type;

enum {
    STRAIT_KEY_REQUIRED = 1,
    STRAIT_KEY_AUTO = 2,
    STRAIT_KEY_RESUME = 4,
    STRAIT_KEY_OPEN_MIN = 8,
    STRAIT_KEY_OPEN_MAX = 16,
    STRAIT_KEY_NONE = 32
};

typedef struct strait_key {
    const char *path;
    bool group; /* the members below are zero but for help */
    strait_key_type type;
    size_t offset; /* into strait_run_config */
    const char *unit;
    double min;
    double max;
    const char *fallback;
    unsigned flags;
    const char *choices; /* "a|b|c=d": d is another spelling of c */
    const char *help;
} strait_key;

/* Indices of the keys and groups in schema order: STRAIT_KEY_AT(optimizer.lr) is that key's index. */
extern const strait_key strait__keys[];
extern const size_t strait__key_count;
enum { STRAIT_KEY_COUNT_MAX = 128, STRAIT_KEY_PATH_MAX = 64 };

/* The key or group with this path, or NULL. */
const strait_key *strait__key_find(const char *path);
size_t strait__key_index(const strait_key *key);
/* Whether `key` stands under the group `prefix` ("" = the top). */
bool strait__key_under(const strait_key *key, const char *prefix);
/* The last component of the key's path where it is a direct member of the group `prefix`, else NULL. */
const char *strait__key_member(const strait_key *key, const char *prefix);

/* Writes to `out` what to say of an unknown member `word` of the group `prefix`: "; did you mean ...". */
void strait__key_suggest(const char *prefix, const char *word, char *out, size_t capacity);

/* "an integer >= 1 (tokens), or auto": what the key wants, for errors and for the documentation. */
void strait__key_wants(const strait_key *key, char *out, size_t capacity);

/* The key's member in a config. */
void *strait__key_slot(strait_run_config *config, const strait_key *key);
const void *strait__key_value(const strait_run_config *config, const strait_key *key);

/* The i-th of "a|b|c" into out; false where there are not so many. */
bool strait__key_choice(const strait_key *key, int index, char *out, size_t capacity);
/* Which choice a word is, in any spelling; -1 for none. */
int strait__key_choose(const strait_key *key, const char *word);

#endif
