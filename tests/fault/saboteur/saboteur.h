/* What the saboteur's two files share. */
#ifndef STRAIT_TESTS_FAULT_SABOTEUR_H
#define STRAIT_TESTS_FAULT_SABOTEUR_H

#include <strait/device_plugin.h>

#include <stdbool.h>

/* The classes that rewrite programs: is this one of them? */
bool sabotage_rewrites(const char *class_name);
/*
 * The text of a program, spoiled by the class, in memory of host->alloc. NULL with *out_fits false where the class
 * looks for something in the text that is not there: such a program is left alone.
 */
char *sabotage_text(const strait_host *host, const char *class_name, const char *text, bool *out_fits);

#endif
