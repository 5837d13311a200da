/* Evaluation: loss, perplexity and bits per byte on data, and multiple-choice accuracy. */
#ifndef STRAIT_EVAL_H
#define STRAIT_EVAL_H

#include <strait/events.h>
#include <strait/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_eval_options {
    uint32_t struct_size; /* sizeof(strait_eval_options), as the caller's header has it */
    const char *model;    /* required: a model directory, a checkpoint or a run */
    const char *data;     /* token shards (PREFIX, .bin, .idx), text or JSONL, plain or compressed, or a folder */
    const char *choices;  /* or: JSONL with "question", "choices" (array of texts) and "answer" (index, or letter) */
    const char *field;    /* data only: the member of JSON lines with the text; NULL = "text" */
    int allow_invalid;    /* data only: text that is largely not UTF-8 is read all the same */
    int64_t length;       /* T of a sample; 0 = the model's max_position_embeddings, at most 1024 */
    int mask_documents;   /* data only: attention stays inside documents, targets that cross into another are ignored; a
                           * model trained with data.mask_documents should be evaluated so */
    int64_t limit;        /* at most so many samples or questions; 0 = all */
    const char *device;   /* as strait_devices names it; NULL = "cpu" */
    const char *dtype;    /* "f32", "bf16", or NULL: as the model is stored */
    const char *numerics; /* "exact" (NULL) or "fast" */
    int64_t threads;      /* of the CPU device; 0 = one per processor */
    const strait_events *events; /* progress, and the question whether to stop; NULL = neither */
    const char *adapter;         /* a directory with adapters for the model, or NULL */
} strait_eval_options;

typedef struct strait_eval_report {
    int64_t tokens;       /* targets that were predicted */
    double loss;          /* mean, in nats per token */
    double perplexity;    /* e to the loss */
    double bits_per_byte; /* negative where the bytes of text are not known */
    const char *no_bits;  /* why they are not, else NULL; static */
    int64_t invalid_utf8; /* ill-formed sequences in the text, each read as U+FFFD */
    int64_t questions;    /* multiple choice */
    int64_t correct;      /* by log-likelihood divided by the choice's bytes */
    double seconds;
} strait_eval_report;

/*
 * Evaluates; exactly one of `data` and `choices` is given, and the members of the report that belong to the other are 0
 * (bits_per_byte: -1). Nothing is written.
 *
 * STRAIT_ERR_USAGE: options that do not go together, or text for a model that has no tokenizer. STRAIT_ERR_NOT_FOUND,
 * FORMAT, CORRUPT, UNSUPPORTED: of the model, the data or the device, with file and place. STRAIT_ERR_RANGE: an id
 * outside the vocabulary, or data too short for one prediction. STRAIT_ERR_NO_MEMORY. STRAIT_ERR_CANCELLED: stopped;
 * there is no report then. One thread calls, and is the only one that is called back; calls from several threads share
 * nothing.
 */
strait_status strait_eval(const strait_eval_options *options, strait_eval_report *out_report) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
