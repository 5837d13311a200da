/* Opening a plug-in's file and checking what it says of itself. */
#define _DEFAULT_SOURCE /* RTLD_NODELETE */
#include "device/plugin.h"

#include <strait/devices.h>

#include "device/host.h"
#include "device/registry.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define QUERY_SYMBOL "strait_plugin_query_v1"

_Static_assert(sizeof(strait_plugin) >= STRAIT_PLUGIN_BYTES_1_0 && sizeof(strait_driver) >= STRAIT_DRIVER_BYTES_1_0 &&
                   sizeof(strait_host) >= STRAIT_HOST_BYTES_1_0 &&
                   sizeof(strait_device_props) >= STRAIT_PROPS_BYTES_1_0,
               "structs only grow");
_Static_assert(sizeof(void *) != 8 || STRAIT_PLUGIN_MINOR > 0 ||
                   (sizeof(strait_plugin) == STRAIT_PLUGIN_BYTES_1_0 &&
                    sizeof(strait_driver) == STRAIT_DRIVER_BYTES_1_0 && sizeof(strait_host) == STRAIT_HOST_BYTES_1_0 &&
                    sizeof(strait_device_props) == STRAIT_PROPS_BYTES_1_0),
               "the sizes of version 1.0 are what the header says");
_Static_assert((int)STRAIT_STORAGE_F32 == (int)STRAIT_DTYPE_F32 && (int)STRAIT_STORAGE_BF16 == (int)STRAIT_DTYPE_BF16,
               "storage dtypes of the public header");

static strait_status find_query(void *handle, const char *path, strait_plugin_query_fn *out)
{
    void *address = dlsym(handle, QUERY_SYMBOL);
    if (address) {
        memcpy(out, &address, sizeof *out);
        return STRAIT_OK;
    }
    for (int version = 2; version <= 9; version++) {
        char symbol[32];
        snprintf(symbol, sizeof symbol, "strait_plugin_query_v%d", version);
        if (!dlsym(handle, symbol)) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "plug-in %s: it offers version %d of the interface, and this program knows version 1: take "
                           "a newer Strait, or a plug-in for version 1",
                           path, version);
    }
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "plug-in %s: it does not export " QUERY_SYMBOL ", so it is none of Strait's",
                       path);
}

/* strait_<name>.so */
static bool is_named_as_its_file(const char *name, const char *path)
{
    const char *base = strrchr(path, '/');
    char file[128];
    snprintf(file, sizeof file, "strait_%s.so", name);
    return strcmp(base ? base + 1 : path, file) == 0;
}

static strait_status check_plugin(const strait_plugin *plugin, const char *path)
{
    if (!plugin) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "plug-in %s: it gave no description of itself", path);
    if (plugin->struct_size < STRAIT_PLUGIN_BYTES_1_0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "plug-in %s: its description has %u bytes, version 1.0 has %d", path,
                           plugin->struct_size, (int)STRAIT_PLUGIN_BYTES_1_0);
    }
    if (plugin->minor_least > STRAIT_PLUGIN_MINOR) {
        return STRAIT_FAIL(
            STRAIT_ERR_UNSUPPORTED,
            "plug-in %s: it needs version 1.%u of the interface, and this program has 1.%d: take a newer "
            "Strait, or an older plug-in",
            path, plugin->minor_least, STRAIT_PLUGIN_MINOR);
    }
    if (!plugin->name || !is_named_as_its_file(plugin->name, path)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "plug-in %s: it calls itself \"%s\", and its file must be strait_<name>.so", path,
                           plugin->name ? plugin->name : "");
    }
    if (!plugin->driver || plugin->driver->struct_size < STRAIT_DRIVER_BYTES_1_0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "plug-in %s: its table of functions has %u bytes, version 1.0 has %d",
                           path, plugin->driver ? plugin->driver->struct_size : 0, (int)STRAIT_DRIVER_BYTES_1_0);
    }
    return STRAIT_OK;
}

/* A newer table's tail is ignored, an older one's is filled with stubs. */
static strait_status take_driver(const strait_plugin *plugin, const char *path, strait_driver *out)
{
    strait_driver driver = {0};
    size_t bytes = plugin->driver->struct_size;
    memcpy(&driver, plugin->driver, bytes < sizeof driver ? bytes : sizeof driver);
    driver.struct_size = sizeof driver;
    driver.name = plugin->name;
    STRAIT_TRY_CTX(strait__driver_complete(&driver, out), "plug-in %s", path);
    /* From here on the size says which header it was built with. */
    if (bytes < sizeof driver) out->struct_size = (uint32_t)bytes;
    return STRAIT_OK;
}

strait_status strait__plugin_open(const char *path, strait_driver *out)
{
    /* Its driver may leave threads behind, so its code stays. */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "plug-in %s cannot be loaded: %s", path, dlerror());
    strait_plugin_query_fn query = NULL;
    const strait_plugin *plugin = NULL;
    strait_status status = find_query(handle, path, &query);
    if (status == STRAIT_OK) {
        /* Its words where it has some. */
        status = STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "it gave no reason");
        int32_t code = query(strait__host(), &plugin);
        status = code == STRAIT_CODE_OK ? STRAIT_OK : (strait_status)code;
        if (status != STRAIT_OK) {
            status = STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "plug-in %s declines: %s", path, strait_error_message());
        }
    }
    if (status == STRAIT_OK) status = check_plugin(plugin, path);
    if (status == STRAIT_OK) status = take_driver(plugin, path, out);
    dlclose(handle);
    return status;
}

strait_status strait__plugin_load(const char *path, strait_driver *out)
{
    STRAIT_TRY(strait__plugin_ask(path, STRAIT__PLUGIN_SECONDS));
    return strait__plugin_open(path, out);
}

strait_status strait_plugin_check(const char *path)
{
    strait_driver driver;
    return strait__plugin_open(path, &driver);
}
