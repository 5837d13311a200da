/*
 * strait_query FILE SECONDS: loads a plug-in and says on descriptor 3 "ok", or what is wrong with it. A process of its
 * own for what a plug-in may do while it is loaded; started by the library, not by people.
 */
#define _POSIX_C_SOURCE 200809L
#include <strait/devices.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_FD = 3, LONGEST_SECONDS = 600 };

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    long seconds = strtol(argv[2], NULL, 10);
    if (seconds < 1 || seconds > LONGEST_SECONDS) return 2;
    /* The parent may have blocked or ignored it, and both are inherited. */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* A crash ends this process by its signal, also where a sanitizer would make a report of it. */
    static const int fatal[] = {SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) signal(fatal[i], SIG_DFL);
    alarm((unsigned)seconds);

    const char *answer = strait_plugin_check(argv[1]) == STRAIT_OK ? "ok\n" : strait_error_message();
    size_t length = strlen(answer);
    /* Without what the plug-in left to be done at the end, which may hang as well. */
    _exit(write(ANSWER_FD, answer, length) == (ssize_t)length ? 0 : 1);
}
