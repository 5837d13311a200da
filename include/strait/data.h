/*
 * Text in, token shards out: reading corpora, packing them with a tokenizer, and looking at what was packed.
 *
 * A corpus is files and folders of plain text or JSON lines, also compressed (.gz, .xz, .zst; libarchive is opened at
 * run time, only when a compressed file is met). Token shards use the Megatron layout (PREFIX.bin and PREFIX.idx), so
 * that corpora made elsewhere can be used as they are.
 */
#ifndef STRAIT_DATA_H
#define STRAIT_DATA_H

#include <strait/events.h>
#include <strait/status.h>
#include <strait/tokenizer.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Corpora ---- */

/* How a plain text file is cut into documents. JSON lines have one document a line and ignore this. */
typedef enum strait_split {
    STRAIT_SPLIT_WHOLE = 0,     /* the file is one document */
    STRAIT_SPLIT_BLANK = 1,     /* documents are parted by blank lines */
    STRAIT_SPLIT_SEPARATOR = 2, /* documents are parted by lines equal to `separator` */
    STRAIT_SPLIT_SIZE = 3       /* a document ends at the first blank line after `split_bytes` bytes */
} strait_split;

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the open call. */
typedef struct strait_corpus_options {
    uint32_t struct_size;
    strait_split split;
    const char *field;      /* the JSON member that holds the text; NULL = "text" */
    const char *separator;  /* for STRAIT_SPLIT_SEPARATOR; compared without line ends */
    int64_t split_bytes;    /* for STRAIT_SPLIT_SIZE, > 0 */
    int64_t document_limit; /* bytes a document (or JSON line) may have; 0 = 1 GiB. Larger ones are errors by name */
    int hash_files;         /* non-zero: the SHA-256 of each file's bytes is taken while it is read */
    int allow_invalid;      /* non-zero: files that are largely not UTF-8 are read all the same */
} strait_corpus_options;

/* One source file. Strings are borrowed from the corpus. The counts are complete once the file was read to its end. */
typedef struct strait_corpus_file {
    const char *path;
    int64_t bytes;           /* on disk */
    int64_t modified_ns;     /* since 1970 */
    int64_t documents;       /* delivered */
    int64_t empty_documents; /* without text: skipped */
    int64_t text_bytes;      /* of UTF-8, as delivered */
    int64_t invalid_utf8;    /* ill-formed sequences, each replaced by U+FFFD */
    char sha256[65];         /* of the bytes on disk, "" unless hash_files */
} strait_corpus_file;

/* One document, valid until the next call on the corpus. The text is always well-formed UTF-8. */
typedef struct strait_document {
    const char *text;     /* `length` bytes, may contain zeros */
    size_t length;        /* > 0 */
    const char *path;     /* the source file */
    int64_t file;         /* its index */
    int64_t line;         /* where the document begins, from 1 */
    int64_t invalid_utf8; /* sequences replaced in this document */
} strait_document;

typedef struct strait_corpus strait_corpus;

/*
 * Finds the files of a corpus: each path is a file or a folder; folders are walked in bytewise order of names, entries
 * that begin with a dot are skipped. Whether a file is JSON lines is told by its name (.jsonl, .ndjson, .json, before
 * .gz, .xz or .zst); whether it is compressed by its first bytes. Parquet and Arrow files, archives, llm.c token files,
 * token shards and other well-known formats are refused by name, as are paths that do not exist and folders without a
 * file: all before anything is read, but what is inside a compressed file when it is opened.
 * The caller owns *out_corpus. Not thread-safe: one thread at a time per corpus.
 */
strait_status strait_corpus_open(const char *const *paths, int path_count, const strait_corpus_options *options,
                                 strait_corpus **out_corpus) STRAIT_MUST_USE;
void strait_corpus_close(strait_corpus *corpus);

/*
 * The next document, in order of files; *out_found is 0 at the end. Memory is bounded by the largest document. Errors
 * name file and line: invalid JSON, a member that is missing or not a string, a truncated or damaged archive, data
 * after the end of a .gz, and a file whose text is not UTF-8 in more than 100 places and more than one in 100 bytes
 * (unless allow_invalid). A corpus that ends without a single document is an error.
 */
strait_status strait_corpus_next(strait_corpus *corpus, strait_document *out_document, int *out_found) STRAIT_MUST_USE;

/* Goes to the beginning of file `file`, 0 .. file count (= the end); counts of files passed over stay as they are. */
strait_status strait_corpus_seek(strait_corpus *corpus, int64_t file) STRAIT_MUST_USE;

int64_t strait_corpus_file_count(const strait_corpus *corpus);
/* File 0 .. count - 1; borrowed from the corpus. */
const strait_corpus_file *strait_corpus_file_get(const strait_corpus *corpus, int64_t file);
/* Bytes on disk read so far, and of all files. */
void strait_corpus_progress(const strait_corpus *corpus, int64_t *out_done, int64_t *out_total);

/* ---- Packing ---- */

typedef struct strait_split_counts {
    int64_t documents;
    int64_t tokens;     /* end-of-text tokens included */
    int64_t text_bytes; /* of UTF-8, without end-of-text; bits per byte are counted over these */
} strait_split_counts;

/* Zero-initialise, set struct_size. Everything is borrowed for the call. */
typedef struct strait_pack_options {
    uint32_t struct_size;
    const char *const *paths; /* the corpus */
    int path_count;
    strait_corpus_options corpus;
    const strait_tokenizer *tokenizer; /* must have an end-of-text token */
    const char *prefix;                /* "data/web" makes data/web_train.bin and so on; folders are created */
    double validation_fraction;        /* 0 .. below 1; 0 writes no validation shard */
    int plain_text;                    /* non-zero: "<|endoftext|>" and its like in the text are text, not tokens */
    int threads;                       /* for encoding; 0 = one per processor. The output does not depend on it */
} strait_pack_options;

typedef struct strait_pack_result {
    strait_split_counts train;
    strait_split_counts validation;
    int64_t invalid_utf8;
    int64_t empty_documents;
    int64_t files;
    int64_t files_resumed; /* taken over from an interrupted call */
    int already_packed;    /* nothing had changed and nothing was written */
} strait_pack_result;

/*
 * Writes PREFIX_train.{bin,idx}, PREFIX_val.{bin,idx} and the sidecar PREFIX.json (docs/formats.md). Each document is
 * followed by the tokenizer's end-of-text token. Ids are uint16 for vocabularies below 65,500, else int32. A document
 * is held out for validation if a hash of its text falls below the fraction: the choice depends on nothing else, and
 * equal documents go the same way.
 *
 * Everything is written under temporary names and renamed at the end. An interrupted call (stop requested, error, kill)
 * leaves PREFIX.pack.json and the .part files once a source file was complete; the same call again goes on after the
 * last one. A part without documents is not written. If
 * sources, options and tokenizer are those of the sidecar, the call returns at once with already_packed.
 *
 * STRAIT_ERR_CANCELLED when stopped by events (may be NULL); STRAIT_ERR_EXISTS where PREFIX_train.bin was made by
 * something else; STRAIT_ERR_BUSY while another process packs to the same prefix.
 */
strait_status strait_data_pack(const strait_pack_options *options, const strait_events *events,
                               strait_pack_result *out_result) STRAIT_MUST_USE;

/* ---- Looking at shards ---- */

/* What a pair .bin + .idx holds. The sidecar's part is empty ("", -1) where there is none. */
typedef struct strait_shard_info {
    char path[1024]; /* of the .idx */
    char dtype[16];  /* "uint16" */
    int64_t documents;
    int64_t sequences; /* entries of the index; as many as documents where Strait packed */
    int64_t tokens;
    int64_t shortest; /* tokens of the shortest and the longest sequence; 0 without one */
    int64_t longest;
    int64_t bin_bytes;
    int64_t text_bytes; /* from the sidecar, or -1 */
    int64_t eos_id;     /* from the sidecar, or -1 */
    int64_t vocabulary; /* from the sidecar, or -1 */
    int64_t largest_id; /* -1 unless asked for */
    char tokenizer_sha256[65];
    char sidecar[1024]; /* its path, or "" */
} strait_shard_info;

/*
 * Opens and validates a shard: `path` is the .idx, the .bin or both without their ending. `scan_ids` non-zero reads the
 * whole .bin for the largest id. STRAIT_ERR_NOT_FOUND where there is no .idx or .bin, STRAIT_ERR_FORMAT with the reason
 * where the index is not sound, STRAIT_ERR_UNSUPPORTED for float shards.
 */
strait_status strait_shard_query(const char *path, int scan_ids, strait_shard_info *out_info) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
