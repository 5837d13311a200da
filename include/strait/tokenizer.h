/*
 * Tokenizers: BPE and Unigram in the Hugging Face `tokenizer.json` format, and SentencePiece models
 * (`tokenizer.model`). docs/formats.md lists the components that are understood; anything else is refused by name.
 *
 * A tokenizer is a pure function from bytes to token ids and back. It never changes after it was made and may be used
 * from any number of threads at once; each call borrows working memory from a small pool inside it.
 *
 * Text is UTF-8. Bytes that are not valid UTF-8 are replaced by U+FFFD (one for each maximal part of a sequence, as
 * Python's errors="replace" does), counted and reported; they are never fatal. Text is normalised (NFC, where the
 * tokenizer says so), so decoding gives back the normalised text.
 *
 * Ids are the same as those of the `tokenizers` package except for code points whose class differs between the Unicode
 * versions of the two programs: see strait_tokenizer_unicode_versions and tools/token/compare_tokenizers.py.
 */
#ifndef STRAIT_TOKENIZER_H
#define STRAIT_TOKENIZER_H

#include <strait/events.h>
#include <strait/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strait_tokenizer strait_tokenizer;

/* A vocabulary has at most 2^24 tokens, a token at most 65,535 bytes, one text at most 2^31 - 1 bytes. */

/*
 * Opens a tokenizer.json or a tokenizer.model, or a model directory that holds one. From a directory,
 * tokenizer_config.json (names of the end, start and padding tokens) and chat_template.jinja are taken along where they
 * exist. The caller owns *out_tokenizer.
 *
 * STRAIT_ERR_NOT_FOUND: no such file. STRAIT_ERR_FORMAT: malformed; the message names file and key.
 * STRAIT_ERR_UNSUPPORTED: a component that this version does not have; the message names it and those that it has.
 */
strait_status strait_tokenizer_load(const char *path, strait_tokenizer **out_tokenizer) STRAIT_MUST_USE;

/* The tokenizer's file in a directory: tokenizer.json, else tokenizer.model where that exists. Free with
 * strait_text_free. */
strait_status strait_tokenizer_path(const char *directory, char **out_path) STRAIT_MUST_USE;

/* The same from `length` bytes of either file in memory (copied); `name` is what errors call them. */
strait_status strait_tokenizer_parse(const char *name, const char *json, size_t length,
                                     strait_tokenizer **out_tokenizer) STRAIT_MUST_USE;

/* NULL is legal. No call on the tokenizer may be under way. */
void strait_tokenizer_destroy(strait_tokenizer *tokenizer);

/*
 * Writes tokenizer.json (or tokenizer.model) and tokenizer_config.json into a directory (created where missing; files
 * replaced atomically). A tokenizer that was loaded is written as it was read, byte for byte, with its other settings
 * and chat template; `tokenizer_class` becomes PreTrainedTokenizerFast, which AutoTokenizer of transformers 4.57
 * and 5.x opens.
 */
strait_status strait_tokenizer_save(const strait_tokenizer *tokenizer, const char *directory) STRAIT_MUST_USE;

/* The number of ids: they are 0 .. size - 1 without holes, added tokens included. */
int32_t strait_tokenizer_vocab_size(const strait_tokenizer *tokenizer);

/*
 * The id of the token that stands for exactly these bytes (" the", not "Ġthe"), added tokens first; -1 where there is
 * none.
 */
int32_t strait_tokenizer_id(const strait_tokenizer *tokenizer, const char *bytes, size_t length);

/* The bytes that an id stands for: borrowed, zero-terminated, NULL and length 0 where the id is out of range. They need
 * not be whole UTF-8 characters. */
const char *strait_tokenizer_token(const strait_tokenizer *tokenizer, int32_t id, size_t *out_length);

/* Whether an id is an added token marked special (<|im_start|>); such are skipped when decoding on request. */
bool strait_tokenizer_is_special(const strait_tokenizer *tokenizer, int32_t id);
/* Whether an id is an added token at all: one that is looked for in the text before it is split. */
bool strait_tokenizer_is_added(const strait_tokenizer *tokenizer, int32_t id);

/*
 * The tokens that end things; -1 where the tokenizer has none.
 * end_of_text separates documents in training data: <|endoftext|> or what other families call it, else the eos_token.
 * eos ends an answer: eos_token of tokenizer_config.json, else end_of_text.
 * pad fills: pad_token of tokenizer_config.json, else end_of_text.
 */
int32_t strait_tokenizer_end_of_text(const strait_tokenizer *tokenizer);
int32_t strait_tokenizer_eos(const strait_tokenizer *tokenizer);
int32_t strait_tokenizer_pad(const strait_tokenizer *tokenizer);

/*
 * SHA-256 of what the tokenizer does, as 64 hex digits and a zero: of a canonical JSON of its normaliser, splits,
 * tokens in the order of ids, merges in order and added tokens. Spelling (spaces, key order, merges as strings or
 * arrays) does not enter. Token files record it.
 */
strait_status strait_tokenizer_hash(const strait_tokenizer *tokenizer, char out_hex[65]) STRAIT_MUST_USE;

/*
 * "PCRE2 10.42 (Unicode 14.0.0), utf8proc 2.8.0 (Unicode 15.0.0)": what decides the classes of characters and NFC on
 * this machine. Token files record it. Never NULL, lives as long as the tokenizer.
 */
const char *strait_tokenizer_unicode_versions(const strait_tokenizer *tokenizer);

/* One line for people: "byte-level BPE, NFC, 151669 tokens, 151387 merges, 26 added". Lives as long as the tokenizer.
 */
const char *strait_tokenizer_summary(const strait_tokenizer *tokenizer);
/* What kind of model it is: "byte-level BPE", "BPE", "Unigram", "SentencePiece BPE" or "SentencePiece unigram". */
const char *strait_tokenizer_model(const strait_tokenizer *tokenizer);
/* Merges of a BPE model of tokenizer.json; 0 for others. */
int32_t strait_tokenizer_merge_count(const strait_tokenizer *tokenizer);
int32_t strait_tokenizer_added_count(const strait_tokenizer *tokenizer);
/* Whether text is brought to NFC before it is split. */
bool strait_tokenizer_normalizes(const strait_tokenizer *tokenizer);

typedef struct strait_encode_options {
    /* false (default): added tokens that occur in the text become their ids. true: those marked special are read as
     * plain text, so that text from outside cannot forge a boundary. Added tokens not marked special are always found.
     */
    bool plain_text;
    bool ignore_added; /* true: all added tokens are read as plain text */
    /* Puts before and after what the post-processor does (of a tokenizer.model: what add_bos_token and add_eos_token of
     * tokenizer_config.json ask for). */
    bool add_special;
    /* Truncates as tokenizer.json says, where it does. */
    bool truncate;
} strait_encode_options;

/* What encoding gave. Zero-initialise before the first use; each call replaces the contents and keeps the memory. */
typedef struct strait_encoding {
    int32_t *ids; /* owned; strait_encoding_fini frees */
    size_t count;
    size_t capacity;
    size_t invalid_bytes; /* bytes that were not UTF-8 and became U+FFFD */
    size_t dropped_bytes; /* bytes for which the vocabulary has no token (only where it lacks some of the 256) */
} strait_encoding;

/*
 * Ids of `length` bytes of text (NULL allowed where 0). `options` may be NULL. On failure *encoding keeps its memory,
 * its contents are undefined. Without `add_special` no beginning or end token is added.
 *
 * STRAIT_ERR_RANGE: the text is longer than 2^31 - 1 bytes. STRAIT_ERR_UNSUPPORTED: a regular expression of a foreign
 * tokenizer needs more steps on this text than the limit allows.
 */
strait_status strait_tokenizer_encode(const strait_tokenizer *tokenizer, const char *text, size_t length,
                                      const strait_encode_options *options, strait_encoding *encoding) STRAIT_MUST_USE;
void strait_encoding_fini(strait_encoding *encoding);

typedef struct strait_decode_options {
    bool skip_special;    /* leave out tokens marked special (SentencePiece: control tokens, as its package does) */
    bool replace_invalid; /* bytes that are not UTF-8 become U+FFFD; otherwise the bytes of the tokens as they are */
} strait_decode_options;

/*
 * The text of `count` ids, zero-terminated; the caller frees *out_text with strait_text_free. `options` may be NULL.
 * STRAIT_ERR_RANGE: an id outside the vocabulary; the message has its place.
 */
strait_status strait_tokenizer_decode(const strait_tokenizer *tokenizer, const int32_t *ids, size_t count,
                                      const strait_decode_options *options, char **out_text,
                                      size_t *out_length) STRAIT_MUST_USE;
void strait_text_free(char *text);

/*
 * Decoding token by token, for output as it is sampled: only whole UTF-8 characters come out, what is not UTF-8 comes
 * out as U+FFFD, and all pieces together are what strait_tokenizer_decode with replace_invalid gives.
 * One thread at a time; the tokenizer must outlive it.
 */
typedef struct strait_text_stream strait_text_stream;
strait_status strait_text_stream_create(const strait_tokenizer *tokenizer, const strait_decode_options *options,
                                        strait_text_stream **out_stream) STRAIT_MUST_USE;
void strait_text_stream_destroy(strait_text_stream *stream);
/* The characters completed by one more id: borrowed, zero-terminated, valid until the next call; possibly empty. */
strait_status strait_text_stream_push(strait_text_stream *stream, int32_t id, const char **out_text,
                                      size_t *out_length) STRAIT_MUST_USE;
/* Ends the text: an unfinished character comes out as U+FFFD. The stream may then be used for another text. */
strait_status strait_text_stream_finish(strait_text_stream *stream, const char **out_text,
                                        size_t *out_length) STRAIT_MUST_USE;

/*
 * Gives the next document of a corpus: its bytes (borrowed until the next call), or NULL at the end. Called from the
 * thread that called strait_tokenizer_train, never from two at once.
 */
typedef strait_status (*strait_next_document_fn)(void *user, const char **out_bytes, size_t *out_length);

/* Zero means the default everywhere. */
typedef struct strait_tokenizer_training {
    strait_next_document_fn next; /* required */
    void *user;
    int64_t total_bytes; /* of the corpus, for the progress line; 0 = unknown */
    int32_t vocab_size;  /* required: special tokens and the 256 bytes included, so 256 + specials at least */
    const char *const
        *special_tokens; /* in the order of their ids, from 0; NULL = <|endoftext|>, <|im_start|>, <|im_end|> */
    size_t special_count;
    int64_t min_count; /* a pair seen less often is not merged; 0 = 1 */
    int threads;       /* 0 = one per processor; does not change the result */
    const strait_events *events;
} strait_tokenizer_training;

/* What training saw. */
typedef struct strait_tokenizer_training_report {
    int64_t documents;
    int64_t bytes;
    int64_t invalid_bytes; /* not UTF-8, read as U+FFFD */
    int64_t words;         /* after splitting */
    int64_t distinct_words;
    double seconds;
} strait_tokenizer_training_report;

/*
 * Trains a byte-level BPE tokenizer with NFC and the split of Qwen2. The result depends on the documents and the
 * options only, not on threads or the order of documents: the most frequent pair is merged next, among equals the one
 * with the lower left id, then the lower right id. These are the rules of BpeTrainer of the `tokenizers` package with
 * the initial alphabet of 256 bytes, and the ids come out the same. One exception: words of more than 4,096 bytes
 * (there are none in ordinary text) are cut into pieces, to bound the time.
 *
 * Where the corpus has too few pairs, the vocabulary is smaller than asked and a warning is logged.
 * `out_report` may be NULL. STRAIT_ERR_RANGE: a vocabulary too small or too large. STRAIT_ERR_USAGE: an empty corpus,
 * or a special token that is empty, not UTF-8 or given twice. STRAIT_ERR_CANCELLED: events asked to stop.
 */
strait_status strait_tokenizer_train(const strait_tokenizer_training *training, strait_tokenizer **out_tokenizer,
                                     strait_tokenizer_training_report *out_report) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
