/*
 * The control groups that bound this process: where the files of a controller lie, for versions 1 and 2.
 */
#ifndef STRAIT_BASE_CGROUP_H
#define STRAIT_BASE_CGROUP_H

/* Told one directory of a hierarchy; its files may be absent. Borrowed for the call. */
typedef void (*strait_cgroup_fn)(void *context, const char *directory);

/*
 * Calls `fn` for the group of this process and each of its parents, up to the root of the hierarchy, in every hierarchy
 * that has `controller` ("memory", "cpu"): a limit of any of them holds. Version 2 and version 1's usual place
 * (/sys/fs/cgroup/<controller>) are looked at; a container that sees only its own part of a hierarchy is told the root.
 * `root` stands before every path: "" but in tests.
 */
void strait_cgroup_visit(const char *root, const char *controller, strait_cgroup_fn fn, void *context);

#endif
