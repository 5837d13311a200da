/*
 * What a rule looks at: an act, on some days, with a chip, between places and parties. What is not stated is unknown.
 */
#ifndef STRAIT_PLAN_SCENE_H
#define STRAIT_PLAN_SCENE_H

#include "plan/facts.h"

#define STRAIT_TRANSACTIONS "use|rent|colocate|buy|move-chips|move-data|move-weights"
typedef enum strait_transaction {
    STRAIT_ACT_USE,      /* chips that are installed there */
    STRAIT_ACT_RENT,     /* compute, from the owner of the site */
    STRAIT_ACT_COLOCATE, /* own chips in somebody else's building: they are brought there */
    STRAIT_ACT_BUY,      /* or import */
    STRAIT_ACT_MOVE_CHIPS,
    STRAIT_ACT_MOVE_DATA,
    STRAIT_ACT_MOVE_WEIGHTS
} strait_transaction;

#define STRAIT_DATA_KINDS "none|personal|important|us-sensitive"

/* A company. Countries are keys of the table; NULL = unknown. */
typedef struct strait_party {
    bool absent;                 /* "none": there is no such party, so that no test holds for it */
    const strait_entity *entity; /* NULL: not one of the facts, or not stated */
    const char *name;            /* as stated; NULL = unknown */
    const char *headquarters;
    const char *parent; /* headquarters of the ultimate parent; its own where it has none */
    strait_truth listed;
    double listed_share_percent; /* owned by listed parties, together */
    const char *source;          /* of these facts */
} strait_party;

enum { STRAIT_LICENCES_MAX = 8, STRAIT_LICENCE_BYTES = 64 };

typedef struct strait_licence {
    const char *authority; /* a country's key: whose licence */
    const char *number;
    int32_t expires; /* its last day */
} strait_licence;

typedef struct strait_scene {
    int32_t first; /* days, both included */
    int32_t last;
    int transaction; /* -1: not stated */
    const strait_chip *chip;
    const char *from; /* where chips or data come from */
    const char *to;   /* where they go, or where the act takes place */
    strait_party owner;
    strait_party tenant;
    strait_truth us_persons;
    strait_truth military; /* end use or user */
    strait_truth state_funded;
    double construction_percent;
    strait_days installed_on;
    int data; /* index into STRAIT_DATA_KINDS, -1: not stated */
    strait_licence licences[STRAIT_LICENCES_MAX];
    int n_licences;
} strait_scene;

/* Everything unknown. */
void strait_scene_init(strait_scene *scene);

/*
 * States one fact: "transaction", "chip", "from", "to", "owner" and "tenant" (an entity or a country), "owner.parent",
 * ... (scene.c has the list). `where` is what errors begin with ("sites.yaml:3:9"); `value` is borrowed as long as the
 * scene. STRAIT_ERR_USAGE or NOT_FOUND: an unknown key, an impossible value, with the nearest.
 */
strait_status strait_scene_set(strait_scene *scene, const strait_facts *facts, const char *where, const char *key,
                               const char *value) STRAIT_MUST_USE;
/* Whether `key` is one that strait_scene_set takes, and the list of them for a suggestion. */
bool strait_scene_has(const char *key);
extern const char strait_scene_keys[]; /* "transaction|chip|..." */

/* What cannot be said together (moving data has no chip, days in order, ...) and what is missing to ask at all. */
strait_status strait_scene_check(const strait_scene *scene, const char *where) STRAIT_MUST_USE;

#endif
