/*
 * strait_query FILE SECONDS: loads a plug-in and says on descriptor 3 "ok", or what is wrong with it. A process of its
 * own for what a plug-in may do while it is loaded, and one more that watches it, whose clock the plug-in cannot stop;
 * started by the library, not by people.
 */
#define _POSIX_C_SOURCE 200809L
#include <strait/devices.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_FD = 3, LONGEST_SECONDS = 600 };

static volatile sig_atomic_t time_is_up;

static void on_alarm(int number)
{
    (void)number;
    time_is_up = 1;
    alarm(1); /* again, should it ring while nothing waits */
}

/* Whoever started this process may have blocked or ignored signals, and both are inherited. */
static void own_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* A crash ends a process by its signal, also where a sanitizer would make a report of it. */
    static const int theirs[] = {SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGCHLD};
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) signal(theirs[i], SIG_DFL);
}

static void ask(const char *file)
{
    const char *answer = strait_plugin_check(file) == STRAIT_OK ? "ok\n" : strait_error_message();
    size_t length = strlen(answer);
    /* Without what the plug-in left to be done at the end, which may hang as well. */
    _exit(write(ANSWER_FD, answer, length) == (ssize_t)length ? 0 : 1);
}

/* Ends as the other one ended; where its time is up, by SIGALRM. */
static int watch(pid_t process, unsigned seconds)
{
    const struct sigaction rings = {.sa_handler = on_alarm};
    int status = 0;
    close(ANSWER_FD);
    sigaction(SIGALRM, &rings, NULL);
    alarm(seconds);
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) return 1;
        if (time_is_up) kill(process, SIGKILL);
    }
    alarm(0);
    int signal_number = time_is_up ? SIGALRM : WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (signal_number == 0) return WEXITSTATUS(status);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    long seconds = strtol(argv[2], NULL, 10);
    if (seconds < 1 || seconds > LONGEST_SECONDS) return 2;
    own_signals();
    pid_t process = fork();
    if (process < 0) return 1;
    if (process == 0) ask(argv[1]);
    return watch(process, (unsigned)seconds);
}
