/* The one device there is: its architecture, its memory, and which threads have its context. */
#include "tests/double/double.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int retained;
static _Thread_local bool current;

const char *double_architecture(void)
{
    const char *named = getenv("STRAIT_DOUBLE_ARCHITECTURE");
    return named && *named ? named : double_usual_architecture;
}

size_t double_total_bytes(void)
{
    return (size_t)double_setting("STRAIT_DOUBLE_MEMORY", 8192) << 20;
}

int double_context_retain(void)
{
    pthread_mutex_lock(&turn);
    retained++;
    pthread_mutex_unlock(&turn);
    return 0;
}

int double_context_release(void)
{
    pthread_mutex_lock(&turn);
    bool held = retained > 0;
    if (held) retained--;
    pthread_mutex_unlock(&turn);
    if (held) return 0;
    double_complain("the primary context is released more often than retained");
    return DOUBLE_INVALID_CONTEXT;
}

int double_context_enter(bool enter)
{
    current = enter;
    return 0;
}

bool double_context_is_current(void)
{
    pthread_mutex_lock(&turn);
    bool held = retained > 0;
    pthread_mutex_unlock(&turn);
    return held && current;
}

void double_context_leaks(void)
{
    if (retained > 0) double_complain("never given back: the primary context, retained %d times", retained);
}
