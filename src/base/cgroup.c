/* Walks the hierarchies of control groups that /proc/self/cgroup names. Knows no file inside a group. */
#include "base/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

/* MOUNT/a/b, MOUNT/a, MOUNT. */
static void climb(const char *mount, const char *group, strait_cgroup_fn fn, void *context)
{
    char directory[PATH_BYTES];
    int wrote = snprintf(directory, sizeof directory, "%s%s", mount, group);
    if (wrote > 0 && (size_t)wrote < sizeof directory) {
        char *slash;
        while (strlen(directory) > strlen(mount) && (slash = strrchr(directory, '/')) != NULL) {
            if (slash[1] != '\0') fn(context, directory);
            *slash = '\0';
        }
    }
    fn(context, mount);
}

/* Whether a comma-separated list has this word. */
static bool lists(const char *list, size_t length, const char *word)
{
    size_t wanted = strlen(word);
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && list[end] != ',') end++;
        if (end - at == wanted && strncmp(list + at, word, wanted) == 0) return true;
        at = end + 1;
    }
    return false;
}

void strait_cgroup_visit(const char *root, const char *controller, strait_cgroup_fn fn, void *context)
{
    char unified[PATH_BYTES] = "";
    char own[PATH_BYTES] = "";
    char line[PATH_BYTES];
    char mount[PATH_BYTES];
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "re");
    while (file && fgets(line, sizeof line, file)) {
        /* ID:CONTROLLERS:PATH; version 2 has no controllers. */
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path) continue;
        path[strcspn(path, "\n")] = '\0';
        if (path == list + 1) snprintf(unified, sizeof unified, "%s", path + 1);
        if (lists(list + 1, (size_t)(path - list - 1), controller)) snprintf(own, sizeof own, "%s", path + 1);
    }
    if (file) fclose(file);
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
    climb(mount, unified, fn, context);
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/unified", root);
    climb(mount, unified, fn, context);
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, controller);
    climb(mount, own, fn, context);
}
