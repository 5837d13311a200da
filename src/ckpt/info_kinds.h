/*
 * The kinds of things that `info` describes. Each function adds its facts or says what is broken. Private to `info`.
 */
#ifndef STRAIT_CKPT_INFO_KINDS_H
#define STRAIT_CKPT_INFO_KINDS_H

#include "ckpt/facts.h"

#include <strait/info.h>

/* Directories. */
strait_status strait__info_model(const char *path, const strait_info_options *options,
                                 strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_adapter(const char *path, const strait_info_options *options,
                                   strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_checkpoint(const char *path, const strait_info_options *options,
                                      strait__facts *facts) STRAIT_MUST_USE;
/* A folder of checkpoints; `key` is where the list goes. */
strait_status strait__info_checkpoints(const char *path, const strait_info_options *options, const char *key,
                                       strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_run(const char *path, const strait_info_options *options,
                               strait__facts *facts) STRAIT_MUST_USE;

/* A folder of event files or samples. */
strait_status strait__info_folder(const char *path, strait__facts *facts) STRAIT_MUST_USE;

/* Text: the kind by name and first bytes, or by a folder's names; NULL where it is none of these. */
const char *strait__info_text_kind(const char *path, const void *bytes, size_t length);
strait_status strait__info_folder_kind(const char *path, const char **out_kind) STRAIT_MUST_USE;
/* A file or folder. */
strait_status strait__info_corpus(const char *path, strait__facts *facts) STRAIT_MUST_USE;
/* Logs, samples, questions, profiles: how many lines, and what they are for. */
strait_status strait__info_lines(const char *path, const char *kind, strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_config(const char *path, strait__facts *facts) STRAIT_MUST_USE;
/* A JSON file of ours as it is. */
strait_status strait__info_json(const char *path, strait__facts *facts) STRAIT_MUST_USE;

/* Files. */
strait_status strait__info_safetensors(const char *path, const strait_info_options *options,
                                       strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_tokenizer(const char *path, strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_tokens(const char *path, strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_events(const char *path, strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_metrics(const char *path, strait__facts *facts) STRAIT_MUST_USE;
strait_status strait__info_model_config(const char *path, strait__facts *facts) STRAIT_MUST_USE;

#endif
