/* Backends by name: those built in, and plug-ins. */
#include "base/file.h"
#include "device/plugin.h"
#include "device/registry.h"

#include <string.h>

strait_status strait_backend_names(char ***out_names, size_t *out_count)
{
    char **names = NULL;
    size_t count = 0;
    STRAIT_TRY(strait__plugin_names(&names, &count));
    size_t built_in = (size_t)strait_driver_count();
    strait_status status = strait_realloc(STRAIT_TAG_OTHER, count + built_in, sizeof *names, &names);
    if (status == STRAIT_OK) memmove(names + built_in, names, count * sizeof *names);
    for (size_t i = 0; i < built_in && status == STRAIT_OK; i++) {
        names[i] = NULL;
        status = strait_strdup(STRAIT_TAG_OTHER, strait_driver_at((int)i)->name, &names[i]);
        count++;
    }
    if (status != STRAIT_OK) {
        strait_names_free(names, count);
        return status;
    }
    *out_names = names;
    *out_count = count;
    return STRAIT_OK;
}

static strait_status unknown_backend(const char *name, size_t length)
{
    char known[256] = "";
    char **names = NULL;
    size_t count = 0;
    STRAIT_TRY(strait_backend_names(&names, &count));
    for (size_t i = 0; i < count; i++) {
        if (i > 0) strncat(known, ", ", sizeof known - strlen(known) - 1);
        strncat(known, names[i], sizeof known - strlen(known) - 1);
    }
    strait_names_free(names, count);
    return STRAIT_FAIL(
        STRAIT_ERR_USAGE,
        "device \"%.*s\": no such backend; there are: %s (plug-ins are looked for in STRAIT_PLUGIN_PATH and "
        "in %s)",
        (int)length, name, known, STRAIT_PLUGIN_FOLDER);
}

strait_status strait__driver_find(const char *name, size_t length, strait_driver *out)
{
    for (int i = 0; i < strait_driver_count(); i++) {
        const strait_driver *driver = strait_driver_at(i);
        if (strlen(driver->name) == length && strncmp(driver->name, name, length) == 0) {
            return strait__driver_complete(driver, out);
        }
    }
    char *path = NULL;
    STRAIT_TRY(strait__plugin_find(name, length, &path));
    if (!path) return unknown_backend(name, length);
    strait_status status = strait__plugin_load(path, out);
    strait_free(path);
    return status;
}

strait_status strait_backend_file(const char *name, char **out_path)
{
    size_t length = strcspn(name, ":");
    *out_path = NULL;
    for (int i = 0; i < strait_driver_count(); i++) {
        const char *built_in = strait_driver_at(i)->name;
        if (strlen(built_in) == length && strncmp(built_in, name, length) == 0) return STRAIT_OK;
    }
    return strait__plugin_find(name, length, out_path);
}

strait_status strait_backend_count(const char *name, int32_t *out_count)
{
    strait_driver driver;
    STRAIT_TRY(strait__driver_find(name, strlen(name), &driver));
    return driver.count(out_count);
}
