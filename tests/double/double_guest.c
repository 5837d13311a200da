/* See double_guest.h. */
#define _POSIX_C_SOURCE 200809L
#include "tests/double/double_guest.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static long alive;

static void count_objects(long change)
{
    pthread_mutex_lock(&turn);
    alive += change;
    pthread_mutex_unlock(&turn);
}

static void *driver_symbol(const char *name)
{
    const char *path = getenv("STRAIT_CUDA_LIBRARY");
    void *handle = path ? dlopen(path, RTLD_NOW | RTLD_NOLOAD) : NULL;
    void *address = handle ? dlsym(handle, name) : NULL;
    if (handle) dlclose(handle);
    if (!address) {
        double_complain("the double of %s finds no double of libcuda in STRAIT_CUDA_LIBRARY", double_guest_name);
    }
    return address;
}

int double_guest_call(void *stream, double_call_fn call, const void *words, size_t bytes, const double_range *ranges,
                      int count)
{
    int (*there)(void *, double_call_fn, const void *, size_t, const double_range *, int) = NULL;
    void *address = driver_symbol("strait_double_call");
    memcpy(&there, &address, sizeof there);
    return there ? there(stream, call, words, bytes, ranges, count) : DOUBLE_NOT_INITIALIZED;
}

/* What double_calls.c asks of a driver; a guest has none of its own. */
bool double_context_is_current(void)
{
    return true;
}

bool double_capture_forbids(void)
{
    return false;
}

void double_context_leaks(void)
{
}

/* After a loss nobody is asked to give anything back. */
void double_memory_leaks(void)
{
    int (*gone)(void) = NULL;
    void *address = driver_symbol("strait_double_gone");
    memcpy(&gone, &address, sizeof gone);
    if (alive != 0 && !(gone && gone()))
        double_complain("never given back: %ld objects of %s", alive, double_guest_name);
}

int double_guest_wrong(int answer, const char *what)
{
    double_complain("%s: %s", double_guest_name, what);
    return answer;
}

bool double_guest_make(size_t bytes, const void *contents, void *out)
{
    void *object = malloc(bytes);
    if (!object) return false;
    memcpy(object, contents, bytes);
    memcpy(out, &object, sizeof object);
    count_objects(1);
    return true;
}

static bool has_mark(const void *object, uint64_t mark)
{
    uint64_t found = 0;
    if (object) memcpy(&found, object, sizeof found);
    return found == mark;
}

bool double_guest_end(void *object, uint64_t mark)
{
    if (!has_mark(object, mark)) {
        double_guest_wrong(0, "what is given back is no object of this kind, or not any more");
        return false;
    }
    memset(object, 0, sizeof mark);
    count_objects(-1);
    return true;
}

bool double_guest_is(const void *object, uint64_t mark)
{
    if (!has_mark(object, mark)) double_guest_wrong(0, "an object of another kind, or one that was given back");
    return has_mark(object, mark);
}
