/* Objects are kept until the process ends, dead ones too: so a handle that was given back is known for what it is. */
#include "tests/double/double.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static double_object *first;

static const char *name_of(double_kind kind)
{
    static const char *const names[] = {"object", "stream", "event", "graph", "executable graph", "module", "function"};
    return names[kind];
}

void *double_object_make(double_kind kind, size_t bytes)
{
    double_object *object = calloc(1, bytes);
    if (!object) return NULL;
    object->kind = kind;
    object->alive = true;
    pthread_mutex_lock(&turn);
    object->next = first;
    first = object;
    pthread_mutex_unlock(&turn);
    return object;
}

bool double_object_is(const void *object, double_kind kind)
{
    pthread_mutex_lock(&turn);
    const double_object *it = first;
    while (it && (const void *)it != object) it = it->next;
    bool right = it && it->kind == kind && it->alive;
    bool dead = it && it->kind == kind && !it->alive;
    pthread_mutex_unlock(&turn);
    if (dead) {
        double_complain("a %s is used after it was given back", name_of(kind));
    } else if (!right) {
        double_complain("what was given as a %s is none", name_of(kind));
    }
    return right;
}

void double_object_end(void *object)
{
    pthread_mutex_lock(&turn);
    ((double_object *)object)->alive = false;
    pthread_mutex_unlock(&turn);
}

bool double_object_any(double_kind kind, bool (*visit)(void *object))
{
    bool found = false;
    pthread_mutex_lock(&turn);
    for (double_object *it = first; it && !found; it = it->next) {
        if (it->kind == kind && it->alive) found = visit(it);
    }
    pthread_mutex_unlock(&turn);
    return found;
}

void double_object_leaks(void)
{
    static const double_kind kinds[] = {DOUBLE_IS_STREAM, DOUBLE_IS_EVENT, DOUBLE_IS_GRAPH, DOUBLE_IS_EXEC,
                                        DOUBLE_IS_MODULE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int count = 0;
        for (double_object *it = first; it; it = it->next) count += it->kind == kinds[i] && it->alive;
        if (count > 0) double_complain("never given back: %d of kind %s", count, name_of(kinds[i]));
    }
}
