/*
 * Checkpoints: a model directory, or one of adapters, plus optimizer.safetensors and trainer.json, written so that the
 * last good one always survives, whatever happens when.
 *
 * A checkpoint is built in checkpoints/.tmp-step-00000100, each file flushed and read again, then renamed to
 * checkpoints/step-00000100. trainer.json holds size and SHA-256 of every file and of itself. Older ones are removed
 * only after the new one is safe.
 */
#ifndef STRAIT_CKPT_CHECKPOINT_H
#define STRAIT_CKPT_CHECKPOINT_H

#include "ckpt/lora_config.h"
#include "ckpt/model_dir.h"

#define STRAIT_CHECKPOINT_VERSION 1
#define STRAIT_CHECKPOINT_NAME 32 /* room for "step-00000100" */

/* What goes into a checkpoint. Everything is borrowed for the call. */
typedef struct strait_checkpoint_write {
    int64_t step;                        /* optimizer steps done, 0 or more */
    const strait_model_write *model;     /* of adapters: their tensors, without config and tokenizer */
    const strait_lora_config *lora;      /* NULL, or what the tensors of `model` are adapters by */
    const strait_tensor_spec *optimizer; /* by convention "m.<parameter>", "v.<parameter>", "master.<parameter>" */
    size_t optimizer_count;
    const json_t *trainer; /* an object: data position, seed, config hash, lineage, and what else resuming needs */
    int64_t keep;          /* how many to keep, this one included; 0: all */
} strait_checkpoint_write;

/*
 * Writes a checkpoint into `directory` (created if need be). On failure the temporary directory is removed and all
 * earlier checkpoints are as they were. After success checkpoints beyond `keep` are removed, and any of a later step,
 * which a resumed run has left behind. `notes`, where not NULL, gets a line for each thing worth a log line (an old
 * checkpoint that could not be removed). Not for two threads or processes on one directory at once.
 */
strait_status strait_checkpoint_save(const char *directory, const strait_checkpoint_write *checkpoint,
                                     strait_buffer *notes) STRAIT_MUST_USE;

/*
 * Removes what an interrupted save left. Call it once when a run is opened for writing, before find. A missing
 * directory is fine.
 */
strait_status strait_checkpoint_clean(const char *directory) STRAIT_MUST_USE;

typedef enum strait_checkpoint_check {
    STRAIT_CHECKPOINT_SIZES, /* trainer.json in full, the other files by their sizes: fast */
    STRAIT_CHECKPOINT_HASHES /* every byte */
} strait_checkpoint_check;

/* STRAIT_ERR_CORRUPT (or the error of reading) with what is wrong in the message; STRAIT_OK where it is intact. */
strait_status strait_checkpoint_verify(const char *path, strait_checkpoint_check check) STRAIT_MUST_USE;

/*
 * The newest intact checkpoint of `directory` (owned by the caller, strait_free) and its step. Each newer one that is
 * broken gets a line in `notes` (may be NULL) saying why. STRAIT_ERR_NOT_FOUND where there is none at all,
 * STRAIT_ERR_CORRUPT where all are broken.
 */
strait_status strait_checkpoint_find(const char *directory, strait_checkpoint_check check, strait_buffer *notes,
                                     char **out_path, int64_t *out_step) STRAIT_MUST_USE;

/* The steps of the checkpoints in `directory`, intact or not, ascending (owned by the caller, strait_free). A missing
 * directory has none. */
strait_status strait_checkpoint_list(const char *directory, int64_t **out_steps, size_t *out_count) STRAIT_MUST_USE;

/* "step-00000100" */
void strait_checkpoint_name(int64_t step, char out_name[STRAIT_CHECKPOINT_NAME]);

/*
 * The model directory that a user means by `path`: itself, or where it is a run or its checkpoints folder, the newest
 * checkpoint that is intact by its sizes (owned by the caller, strait_free).
 */
strait_status strait_checkpoint_resolve(const char *path, char **out_path) STRAIT_MUST_USE;

/* An open checkpoint. */
typedef struct strait_checkpoint {
    strait_model_dir *model;       /* owned; NULL in a checkpoint of adapters */
    strait_safetensors *adapter;   /* owned; NULL in one of a model */
    strait_safetensors *optimizer; /* owned */
    json_t *trainer;               /* owned; the object that save was given */
    int64_t step;
} strait_checkpoint;

/* Opens what find gave; verify first, opening does not hash. */
strait_status strait_checkpoint_open(const char *path, strait_checkpoint *out) STRAIT_MUST_USE;
void strait_checkpoint_close(strait_checkpoint *checkpoint);

/* trainer.json alone, its own hash checked: the step and the caller's object (owned, json_decref). */
strait_status strait_checkpoint_read_trainer(const char *path, int64_t *out_step, json_t **out_trainer) STRAIT_MUST_USE;

#endif
