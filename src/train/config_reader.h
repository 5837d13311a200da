/*
 * The state of reading one config: where each key was given, and the errors found so far. Private to the config*.c
 * files.
 */
#ifndef STRAIT_TRAIN_CONFIG_READER_H
#define STRAIT_TRAIN_CONFIG_READER_H

#include "train/config_schema.h"
#include "train/config_yaml.h"

#include "base/json.h"

enum { STRAIT_CONFIG_ITEMS_MAX = 1000, STRAIT_CONFIG_STRING_MAX = 16384, STRAIT_CONFIG_FOREIGN_MAX = 64 };

/* Where a value stands: in the file (line > 0), in a --set (set != NULL), or nowhere (a default). */
typedef struct strait_config_place {
    const char *set; /* borrowed: the text after --set */
    int line;
    int column;
} strait_config_place;

typedef struct strait_config_error {
    strait_config_place place;
    char *text; /* owned */
    int order;  /* of being found: errors at one place stay in it */
} strait_config_error;

typedef struct strait_config_reader {
    const char *name; /* the file, for messages */
    strait_run_config *config;
    strait_config_place places[STRAIT_KEY_COUNT_MAX]; /* by key or group; line 0 and no set = not given */
    bool bad[STRAIT_KEY_COUNT_MAX];                   /* given, but wrong: rules that need it stay silent */
    const char *removed[STRAIT_KEY_COUNT_MAX];        /* the --set KEY=null that took a key away; borrowed */
    json_t *foreign; /* owned, or NULL: what model.init has of config.json beyond the schema */
    strait_config_place foreign_places[STRAIT_CONFIG_FOREIGN_MAX];
    strait_config_error *errors; /* owned */
    int error_count;
    int error_capacity;
    strait_status failure; /* not of the config: out of memory */
} strait_config_reader;

/* Adds an error at a place; the message is "PLACE: text". */
void strait__config_error(strait_config_reader *reader, strait_config_place place, const char *format, ...)
    STRAIT_PRINTF(3, 4);

/* Whether a key (or group) was given, and whether it has a value that was understood (given or default). */
bool strait__config_given(const strait_config_reader *reader, const char *path);
bool strait__config_good(const strait_config_reader *reader, const char *path);
/* The place of a key, or of its nearest group that was given or removed by a --set, or the top of the file. */
strait_config_place strait__config_place_of(const strait_config_reader *reader, const char *path);
/* Of keys that do not go together (a list that NULL ends): the first from a --set, which the file cannot know, else the
 * first that was given, else where the first would stand. */
strait_config_place strait__config_culprit(const strait_config_reader *reader, const char *const *paths);

/* Reads one value into the config's member. Frees what stood there. False where an error was added. */
bool strait__config_read_value(strait_config_reader *reader, const strait_key *key, const strait_yaml *yaml, int node,
                               strait_config_place place);

/* config_hf.c: keeps `word` of model.init if it is a key of config.json that the schema has not (yaml NULL: forgets
 * it); false where it is none. Then checks what was kept as the reader of model directories does. */
bool strait__config_read_foreign(strait_config_reader *reader, const char *word, const strait_yaml *yaml, int node,
                                 strait_config_place place);
void strait__config_check_foreign(strait_config_reader *reader);

/* Zeroes a member and frees what it owns. */
void strait__config_clear(strait_run_config *config, const strait_key *key);

/* What no single value shows: keys that exclude or need each other, and the files they name. */
void strait__config_check_rules(strait_config_reader *reader);
void strait__config_check_files(strait_config_reader *reader);

/* Appends a key's value as it stands in a written config, on one line: `[0.9, 0.95]`, `"runs/a"`, `auto`. */
strait_status strait__config_format(const strait_run_config *config, const strait_key *key,
                                    strait_buffer *out) STRAIT_MUST_USE;
/* Whether the key has a value to write: false for optional ones that are not set. */
bool strait__config_has_value(const strait_run_config *config, const strait_key *key);

#endif
