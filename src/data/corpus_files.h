/* The files of a corpus: folders walked in order, formats recognised, foreign formats refused by name. */
#ifndef STRAIT_DATA_CORPUS_FILES_H
#define STRAIT_DATA_CORPUS_FILES_H

#include <strait/data.h>

#include <stdbool.h>

typedef struct strait__corpus_entry {
    strait_corpus_file file; /* path owned */
    int json_lines;
} strait__corpus_entry;

typedef struct strait__corpus_files {
    strait__corpus_entry *entries; /* owned */
    int64_t count;
    int64_t capacity;
} strait__corpus_files;

/* Zero-initialise; fini frees what was found, also after a failure. */
strait_status strait__corpus_files_find(strait__corpus_files *files, const char *const *paths,
                                        int path_count) STRAIT_MUST_USE;
/* Whether a file of this name is JSON lines, compressed or not. */
bool strait__corpus_is_json(const char *path);
/* Refuses by name what is no text but looks like something a user may mean to train on, by its first bytes. */
strait_status strait__corpus_refuse_foreign(const char *path, const void *head, size_t length) STRAIT_MUST_USE;
void strait__corpus_files_fini(strait__corpus_files *files);

#endif
