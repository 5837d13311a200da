/*
 * trainer.json: the caller's state, the step, and size and SHA-256 of every file of the checkpoint and of itself.
 * Private to the checkpoint.
 */
#ifndef STRAIT_CKPT_TRAINER_JSON_H
#define STRAIT_CKPT_TRAINER_JSON_H

#include "ckpt/file_writer.h"

typedef struct strait__trainer_json {
    int64_t step;
    json_t *trainer; /* owned */
    json_t *files;   /* owned: {"config.json": {"size": 1, "sha256": "..."}} */
} strait__trainer_json;

strait_status strait__trainer_json_write(const char *directory, int64_t step, const json_t *trainer,
                                         const strait_file_list *files) STRAIT_MUST_USE;

/* Reads and checks everything that can be checked without the other files. */
strait_status strait__trainer_json_read(const char *directory, strait__trainer_json *out) STRAIT_MUST_USE;
void strait__trainer_json_fini(strait__trainer_json *json);

#endif
