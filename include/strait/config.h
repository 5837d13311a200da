/*
 * A run's configuration for people and tools: the documentation of its keys, and a check without training.
 *
 * `strait_train` (strait/train.h) reads and checks the config by itself; nothing here has to be called before.
 */
#ifndef STRAIT_CONFIG_H
#define STRAIT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <strait/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes text as it is made; called from the calling thread only. */
typedef void (*strait_text_fn)(void *user, const char *text, size_t length);

/* Writes docs/config.md, made from the schema: every key with type, range, default and meaning. */
strait_status strait_config_document(strait_text_fn write, void *user) STRAIT_MUST_USE;

/*
 * Reads the config at `path` with --set overrides ("a.b=value"; may be NULL where n_sets is 0), checks everything, and
 * writes it out as YAML with all defaults filled in. `run` replaces the run directory, NULL = as the file says.
 * `skip_files`: whether the files named in it exist is not looked at.
 *
 * STRAIT_ERR_USAGE with one line per error found, each with file:line:column, key and remedy.
 */
strait_status strait_config_resolve(const char *path, const char *const *sets, size_t n_sets, const char *run,
                                    bool skip_files, strait_text_fn write, void *user) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
