/* Magic bytes of files that people hand to a trainer by mistake. Knows no format beyond them. */
#define _POSIX_C_SOURCE 200809L
#include "base/foreign.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNPACK "which is not read here: unpack it"
#define NO_TEXT "which is not read here: extract its text"

static const struct {
    size_t offset;
    size_t length;
    const char *magic;
    const char *what;
} kinds[] = {
    {0, 4, "PAR1",
     "a Parquet file, which is not read here: export it as JSON lines first (for example with duckdb: COPY (SELECT "
     "text FROM 'file.parquet') TO 'file.jsonl')"},
    {0, 6, "ARROW1", "an Arrow file, which is not read here: export it as JSON lines first"},
    /* A stream of Arrow, as the datasets package keeps it: a continuation mark, then the length of a schema. */
    {0, 4, "\xff\xff\xff\xff", "an Arrow stream, which is not read here: export it as JSON lines first"},
    {0, 4, "\x88\xd8\x34\x01", "a token file of llm.c, which is not read here: pack the text it was made from"},
    {0, 4, "\xa1\xd9\x34\x01", "a token file of llm.c, which is not read here: pack the text it was made from"},
    {0, 4, "PK\3\4", "a zip archive (PyTorch's .bin and .pt are such), " UNPACK},
    {4, 6, "1AY&SY", "a bzip2 file, which is not read here: unpack it, or compress it as .gz, .xz or .zst"},
    {257, 5, "ustar", "a tar archive, " UNPACK},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive, " UNPACK},
    {0, 6, "Rar!\x1a\x07", "a RAR archive, " UNPACK},
    {0, 4, "\x04\x22\x4d\x18", "an lz4 file, which is not read here: unpack it, or compress it as .gz, .xz or .zst"},
    {0, 4, "GGUF", "a GGUF model, which is not read here: use the safetensors it was made from"},
    {0, 6, "\x93NUMPY", "a NumPy array, which is not read here"},
    {0, 4, "\x89HDF", "an HDF5 file, " NO_TEXT},
    {0, 16, "SQLite format 3", "an SQLite database, " NO_TEXT},
    {0, 5, "%PDF-", "a PDF file, " NO_TEXT},
    {0, 4, "\x89PNG", "a PNG picture"},
    {0, 3, "\xff\xd8\xff", "a JPEG picture"},
    {0, 4,
     "\x7f"
     "ELF",
     "a program or library"},
};

const char *strait_foreign_kind(const void *head, size_t length)
{
    const char *bytes = head;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (length < kinds[i].offset + kinds[i].length) continue;
        if (memcmp(bytes + kinds[i].offset, kinds[i].magic, kinds[i].length) == 0) return kinds[i].what;
    }
    return NULL;
}

const char *strait_foreign_file(const char *path)
{
    char head[STRAIT_FOREIGN_HEAD];
    struct stat info;
    /* Not a pipe: opening one would wait for its writer. */
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    ssize_t got = read(fd, head, sizeof head);
    close(fd);
    return got > 0 ? strait_foreign_kind(head, (size_t)got) : NULL;
}
