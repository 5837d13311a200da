/* Plug-ins: found, asked in a process of their own, opened and checked. Private to src/device. */
#ifndef STRAIT_DEVICE_PLUGIN_H
#define STRAIT_DEVICE_PLUGIN_H

#include "device/device.h"

/* Set by the build; these are for a build without CMake. */
#ifndef STRAIT_PLUGIN_FOLDER
#define STRAIT_PLUGIN_FOLDER "/usr/local/lib/strait"
#define STRAIT_PLUGIN_FOLDER_FROM_BIN "../lib/strait"
#endif

/* So long may a plug-in take to say what it is. */
enum { STRAIT__PLUGIN_SECONDS = 10 };

/*
 * The file of plug-in `name` (`length` characters): strait_<name>.so in the folders of STRAIT_PLUGIN_PATH (absolute,
 * separated by ':'), then in the install folder. *out_path is the caller's (strait_free); NULL where there is none.
 */
strait_status strait__plugin_find(const char *name, size_t length, char **out_path) STRAIT_MUST_USE;
/* The names of all that would be found, without repetition. Free with strait_names_free. */
strait_status strait__plugin_names(char ***out_names, size_t *out_count) STRAIT_MUST_USE;

/*
 * Starts the program strait_query on the file. STRAIT_OK: the plug-in answered there and is one that we can serve. Else
 * the reason: its own, or that it crashed, or took longer than `seconds`.
 */
strait_status strait__plugin_ask(const char *path, int seconds) STRAIT_MUST_USE;
/* Opens and checks it in this process, without asking first. It stays open as long as the process. */
strait_status strait__plugin_open(const char *path, strait_driver *out) STRAIT_MUST_USE;
/* Both: what a device is opened with. */
strait_status strait__plugin_load(const char *path, strait_driver *out) STRAIT_MUST_USE;

/* Where plug-ins and strait_query of this program may lie; `index` from 0, false at the end. */
bool strait__plugin_home(int index, char *out, size_t size);

#endif
