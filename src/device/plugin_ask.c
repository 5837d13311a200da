/*
 * Asking a plug-in what it is in a process of its own, so that one that crashes or hangs when it is loaded ends nothing
 * but that. The process is the program strait_query, which lies where plug-ins lie and ends itself in time.
 */
#define _POSIX_C_SOURCE 200809L
#include "device/plugin.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PATH_BYTES = 1024, ANSWER_BYTES = 4096, ANSWER_FD = 3, PAUSE_MS = 2, GRACE_MS = 1000 };

static int64_t now_ms(void)
{
    return (int64_t)(strait_clock() * 1000);
}

static strait_status find_program(char *out, size_t size)
{
    char folder[PATH_BYTES];
    for (int i = 0; strait__plugin_home(i, folder, sizeof folder); i++) {
        int wrote = snprintf(out, size, "%s/strait_query", folder);
        if (wrote > 0 && (size_t)wrote < size && access(out, X_OK) == 0) return STRAIT_OK;
    }
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                       "the program strait_query, which looks at plug-ins before they are loaded, is not in the folder "
                       "of plug-ins (%s): install Strait again",
                       STRAIT_PLUGIN_FOLDER);
}

static strait_status start(const char *program, const char *path, int seconds, int answer_fd, pid_t *out)
{
    char limit[16];
    char file[PATH_BYTES];
    char name[] = "strait_query";
    snprintf(limit, sizeof limit, "%d", seconds);
    snprintf(file, sizeof file, "%s", path);
    char *arguments[] = {name, file, limit, NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "plug-in %s: no memory to look at it", path);
    }
    /* What it prints is nobody's; its answer goes through a descriptor of its own. */
    int error = posix_spawn_file_actions_adddup2(&actions, answer_fd, ANSWER_FD);
    for (int fd = 0; fd < ANSWER_FD && error == 0; fd++) {
        error = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    }
    if (error == 0) error = posix_spawn(out, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_IO, "plug-in %s: %s cannot be started: %s", path, program, strerror(error));
}

/* Up to `size` - 1 bytes until the other side closes or the time is up. */
static void read_answer(int fd, int64_t until_ms, char *out, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        int64_t left = until_ms - now_ms();
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (left <= 0) break;
        int ready = poll(&waiting, 1, (int)left);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) break;
        ssize_t got = read(fd, out + used, size - 1 - used);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        used += (size_t)got;
    }
    out[used] = '\0';
}

/* False where it goes on: it will end by its own clock. */
static bool has_ended(pid_t process, int64_t until_ms, int *out_status)
{
    *out_status = 0;
    for (;;) {
        pid_t ended = waitpid(process, out_status, WNOHANG);
        /* ECHILD: this process has its children collected by the system, and the answer says enough. */
        if (ended == process || (ended < 0 && errno != EINTR)) return true;
        if (now_ms() >= until_ms) return false;
        (void)poll(NULL, 0, PAUSE_MS);
    }
}

static strait_status judge(const char *path, const char *answer, bool ended, int status, int seconds)
{
    static const char fine[] = "ok\n";
    if (strcmp(answer, fine) == 0) return STRAIT_OK;
    if (answer[0]) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s", answer);
    if (!ended || (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)) {
        return STRAIT_FAIL(STRAIT_ERR_TIMEOUT, "plug-in %s: it did not say what it is within %d s of being loaded",
                           path, seconds);
    }
    if (WIFSIGNALED(status)) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "plug-in %s: it crashed while it was loaded (signal %d)", path,
                           WTERMSIG(status));
    }
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "plug-in %s: it ended the process that loaded it (status %d)", path,
                       WEXITSTATUS(status));
}

strait_status strait__plugin_ask(const char *path, int seconds)
{
    char program[PATH_BYTES];
    char answer[ANSWER_BYTES];
    int ends[2];
    STRAIT_TRY(find_program(program, sizeof program));
    if (strlen(path) >= PATH_BYTES) return STRAIT_FAIL(STRAIT_ERR_RANGE, "plug-in %s: the path is too long", path);
    if (pipe(ends) != 0) return STRAIT_FAIL(STRAIT_ERR_IO, "plug-in %s: no pipe: %s", path, strerror(errno));
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t process = 0;
    strait_status status = start(program, path, seconds, ends[1], &process);
    close(ends[1]);
    if (status == STRAIT_OK) {
        int ending = 0;
        int64_t until_ms = now_ms() + (int64_t)seconds * 1000 + GRACE_MS;
        read_answer(ends[0], until_ms, answer, sizeof answer);
        bool ended = has_ended(process, until_ms, &ending);
        status = judge(path, answer, ended, ending, seconds);
    }
    close(ends[0]);
    return status;
}
