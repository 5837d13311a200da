/* A compiler's library knows no device: what double_calls.c asks of one, answered so. */
#include "tests/double/double.h"

bool double_context_is_current(void)
{
    return true;
}

bool double_capture_forbids(void)
{
    return false;
}

void double_memory_leaks(void)
{
}

void double_context_leaks(void)
{
}
