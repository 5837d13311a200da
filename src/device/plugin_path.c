/* Where plug-ins are looked for: STRAIT_PLUGIN_PATH and the folders that belong to this program, nowhere else. */
#define _POSIX_C_SOURCE 200809L
#include "device/plugin.h"

#include "base/buffer.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

/* The folder of the running program. */
static bool program_folder(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    if (length <= 0) return false;
    out[length] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash) return false;
    *slash = '\0';
    return true;
}

/* Whether the program lies where it was built. */
static bool is_build(const char *folder)
{
    char path[PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/CMakeCache.txt", folder);
    return access(path, F_OK) == 0;
}

/* Beside a program that was built and not installed; relative to an installed one, wherever its prefix was moved. */
bool strait__plugin_home(int index, char *out, size_t size)
{
    static const char *const folders[] = {"plugins", STRAIT_PLUGIN_FOLDER_FROM_BIN};
    char program[PATH_BYTES];
    if (index == 2) return (size_t)snprintf(out, size, "%s", STRAIT_PLUGIN_FOLDER) < size;
    if (index > 2 || !program_folder(program, sizeof program)) return false;
    if (index == 0 && !is_build(program)) return (size_t)snprintf(out, size, "%s", STRAIT_PLUGIN_FOLDER) < size;
    return (size_t)snprintf(out, size, "%s/%s", program, folders[index]) < size;
}

/* Folder `index` of the search, STRAIT_PLUGIN_PATH first. A relative one is left out: it would depend on where the
 * program was started. */
static bool search_folder(int index, char *out, size_t size)
{
    const char *path = getenv("STRAIT_PLUGIN_PATH");
    int at = 0;
    for (const char *begin = path; begin && *begin;) {
        const char *end = strchr(begin, ':');
        size_t length = end ? (size_t)(end - begin) : strlen(begin);
        if (begin[0] == '/' && length < size && at++ == index) {
            memcpy(out, begin, length);
            out[length] = '\0';
            return true;
        }
        begin = end ? end + 1 : NULL;
    }
    return strait__plugin_home(index - at, out, size);
}

strait_status strait__plugin_find(const char *name, size_t length, char **out_path)
{
    char folder[PATH_BYTES];
    char path[PATH_BYTES + 128];
    *out_path = NULL;
    if (length == 0 || length > 64 || memchr(name, '/', length)) return STRAIT_OK;
    for (int i = 0; search_folder(i, folder, sizeof folder); i++) {
        snprintf(path, sizeof path, "%s/strait_%.*s.so", folder, (int)length, name);
        if (access(path, F_OK) == 0) return strait_strdup(STRAIT_TAG_OTHER, path, out_path);
    }
    return STRAIT_OK;
}

/* The name within strait_<name>.so, or 0 characters. */
static size_t name_in(const char *file, const char **out)
{
    static const char prefix[] = "strait_";
    static const char suffix[] = ".so";
    size_t length = strlen(file);
    if (length <= sizeof prefix - 1 + sizeof suffix - 1) return 0;
    if (strncmp(file, prefix, sizeof prefix - 1) != 0) return 0;
    if (strcmp(file + length - (sizeof suffix - 1), suffix) != 0) return 0;
    *out = file + sizeof prefix - 1;
    return length - (sizeof prefix - 1) - (sizeof suffix - 1);
}

static strait_status add_name(char ***names, size_t *count, const char *name, size_t length)
{
    for (size_t i = 0; i < *count; i++) {
        if (strlen((*names)[i]) == length && strncmp((*names)[i], name, length) == 0) return STRAIT_OK;
    }
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, *count + 1, sizeof **names, names));
    STRAIT_TRY(strait_strndup(STRAIT_TAG_OTHER, name, length, &(*names)[*count]));
    ++*count;
    return STRAIT_OK;
}

static strait_status add_folder(const char *folder, char ***names, size_t *count)
{
    char **files = NULL;
    size_t file_count = 0;
    if (!strait_path_is_directory(folder)) return STRAIT_OK;
    STRAIT_TRY(strait_directory_list(folder, &files, &file_count));
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < file_count && status == STRAIT_OK; i++) {
        const char *name = NULL;
        size_t length = name_in(files[i], &name);
        if (length > 0) status = add_name(names, count, name, length);
    }
    strait_names_free(files, file_count);
    return status;
}

strait_status strait__plugin_names(char ***out_names, size_t *out_count)
{
    char folder[PATH_BYTES];
    char **names = NULL;
    size_t count = 0;
    strait_status status = STRAIT_OK;
    for (int i = 0; status == STRAIT_OK && search_folder(i, folder, sizeof folder); i++) {
        status = add_folder(folder, &names, &count);
    }
    if (status != STRAIT_OK) {
        strait_names_free(names, count);
        return status;
    }
    *out_names = names;
    *out_count = count;
    return STRAIT_OK;
}
