/* Corpora: any bytes as text, JSON lines or a compressed file are documents of well-formed UTF-8 or an error. */
#define _GNU_SOURCE
#include "data/text_repair.h"

#include <strait/data.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_corpus(const char *path, strait_split split)
{
    const strait_corpus_options options = {.struct_size = sizeof options,
                                           .split = split,
                                           .separator = "--",
                                           .split_bytes = 8,
                                           .document_limit = 4096,
                                           .hash_files = 1};
    strait_corpus *corpus;
    if (strait_corpus_open(&path, 1, &options, &corpus) != STRAIT_OK) return;
    for (;;) {
        strait_document document;
        int found = 0;
        if (strait_corpus_next(corpus, &document, &found) != STRAIT_OK || !found) break;
        if (document.length == 0) abort();
        if (strait__text_valid_prefix(document.text, document.length) != document.length) abort();
    }
    strait_corpus_close(corpus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    /* The first byte chooses how the rest is read. */
    const char *endings[] = {".txt", ".jsonl"};
    const char *folder = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/strait-fuzz-%d%s", folder ? folder : "/tmp", (int)getpid(), endings[data[0] & 1]);
    FILE *file = fopen(path, "wb");
    if (!file) abort();
    if (fwrite(data + 1, 1, size - 1, file) != size - 1) abort();
    if (fclose(file) != 0) abort();
    read_corpus(path, (strait_split)(data[0] >> 1 & 3));
    unlink(path);
    return 0;
}
