/*
 * Scenes in YAML: one map of the keys of strait_scene_set, with owner, tenant and licences as maps of their own.
 */
#ifndef STRAIT_PLAN_SCENE_YAML_H
#define STRAIT_PLAN_SCENE_YAML_H

#include "plan/scene.h"
#include "train/config_yaml.h"

/*
 * States what the map at node `index` says. Keys that `other` takes (it returns true) are left to it. A party's facts
 * need a source: a map without one is an error. Errors begin with "name:line:column". The scene borrows from `yaml`.
 */
typedef bool (*strait_scene_other_fn)(void *user, const char *key);
strait_status strait_scene_read(strait_scene *scene, const strait_facts *facts, const char *name,
                                const strait_yaml *yaml, int index, strait_scene_other_fn other,
                                void *user) STRAIT_MUST_USE;

#endif
