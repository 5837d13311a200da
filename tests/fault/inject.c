/*
 * Faults for a whole program: a library for LD_PRELOAD that lets the Nth call of one kind fail, or kills the process
 * there. Linux and glibc only. By environment:
 *
 *   INJECT_KIND   memory: malloc, calloc, realloc, aligned_alloc, posix_memalign and mmap return no memory
 *                 thread: pthread_create returns EAGAIN
 *                 files:  calls that change files (open for writing, write, fsync, rename, unlink, mkdir, ...)
 *   INJECT_AT     N: the call that fails, counted from 1; without it none does
 *   INJECT_ALL    1: every call from the Nth on fails, not only that one
 *   INJECT_KILL   1: raise SIGKILL before the Nth call instead of failing it
 *   INJECT_ERRNO  errno of a failing files call (default ENOSPC)
 *   INJECT_COUNT  a file that gets, at exit, the number of calls, and of blocks and mapped pages that were not given
 * back
 *
 * Calls before this library is initialised (the loader's) are not counted: no program can answer for them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { KIND_NONE, KIND_MEMORY, KIND_THREAD, KIND_FILES };

static enum kind watched;
static long fail_at;
static int fail_all;
static int kill_there;
static int error_there = ENOSPC;
static _Atomic long calls;
static _Atomic long live; /* blocks, and pages that are mapped: a mapping may be given back in parts */

/* glibc's own allocator by its other names: dlsym itself allocates, so it cannot lead to them. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

/* Whether this call is the one. */
static int hit(enum kind kind)
{
    if (kind != watched) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (fail_at == 0 || (fail_all ? call < fail_at : call != fail_at)) return 0;
    if (kill_there) kill(getpid(), SIGKILL);
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *kind = getenv("INJECT_KIND");
    const char *at = getenv("INJECT_AT");
    const char *error = getenv("INJECT_ERRNO");
    if (at) fail_at = strtol(at, NULL, 10);
    if (error) error_there = (int)strtol(error, NULL, 10);
    fail_all = getenv("INJECT_ALL") != NULL;
    kill_there = getenv("INJECT_KILL") != NULL;
    if (!kind) return;
    if (strcmp(kind, "memory") == 0) watched = KIND_MEMORY;
    if (strcmp(kind, "thread") == 0) watched = KIND_THREAD;
    if (strcmp(kind, "files") == 0) watched = KIND_FILES;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("INJECT_COUNT");
    long left = atomic_load(&live);
    watched = KIND_NONE;
    if (!path) return;
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file, "%ld %ld\n", atomic_load(&calls), left);
    fclose(file);
}

/* ---- memory ---- */

static void *counted(void *block)
{
    if (block) atomic_fetch_add(&live, 1);
    return block;
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return hit(KIND_MEMORY) ? no_memory() : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return hit(KIND_MEMORY) ? no_memory() : counted(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    if (hit(KIND_MEMORY)) return no_memory();
    void *moved = __libc_realloc(block, size);
    if (!block) return counted(moved);
    if (size == 0) atomic_fetch_sub(&live, 1);
    return moved;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return hit(KIND_MEMORY) ? no_memory() : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (hit(KIND_MEMORY)) return ENOMEM;
    *out = counted(__libc_memalign(alignment, size));
    return *out ? 0 : ENOMEM;
}

void free(void *block)
{
    if (block) atomic_fetch_sub(&live, 1);
    __libc_free(block);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long pages(size_t length)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (long)((length + page - 1) / page);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (hit(KIND_MEMORY)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *mapping = NEXT(mmap)(address, length, protection, flags, fd, offset);
    if (mapping != MAP_FAILED) atomic_fetch_add(&live, pages(length));
    return mapping;
}

int munmap(void *address, size_t length)
{
    atomic_fetch_sub(&live, pages(length));
    return NEXT(munmap)(address, length);
}

/* ---- threads ---- */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    return hit(KIND_THREAD) ? EAGAIN : NEXT(pthread_create)(thread, attributes, start, argument);
}

/* ---- files ---- */

static int refused(void)
{
    if (!hit(KIND_FILES)) return 0;
    errno = error_there;
    return 1;
}

/* What the terminal is told is no file. */
static int refused_at(int fd)
{
    return fd > 2 && refused();
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if ((flags & O_ACCMODE) != O_RDONLY && refused()) return -1;
    return NEXT(open)(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    return refused_at(fd) ? -1 : NEXT(write)(fd, bytes, length);
}

int fsync(int fd)
{
    return refused_at(fd) ? -1 : NEXT(fsync)(fd);
}

int ftruncate(int fd, off_t length)
{
    return refused_at(fd) ? -1 : NEXT(ftruncate)(fd, length);
}

int rename(const char *from, const char *to)
{
    return refused() ? -1 : NEXT(rename)(from, to);
}

int unlink(const char *path)
{
    return refused() ? -1 : NEXT(unlink)(path);
}

int rmdir(const char *path)
{
    return refused() ? -1 : NEXT(rmdir)(path);
}

int mkdir(const char *path, mode_t mode)
{
    return refused() ? -1 : NEXT(mkdir)(path, mode);
}
