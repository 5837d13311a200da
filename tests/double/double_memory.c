/*
 * Device memory: pages of the host between two that nobody may touch, filled with NaN, and known to the caller by an
 * address that no processor accepts. An allocation ends where its last page does, so that a kernel that goes beyond is
 * killed there, or is seen by the bytes that fill it up to its alignment.
 */
#define _DEFAULT_SOURCE
#include "tests/double/double.h"
#include "tests/double/double_cl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PAGE = 4096, FENCE = 0xC5 };
/* Bits 47 and up are neither all 0 nor all 1; offsets above 4 GiB show who keeps 32 bits only. */
static const uint64_t first_address = UINT64_C(0x00D0000700000000);
static const uint64_t gap = UINT64_C(1) << 20;
/* As f32, as bf16 and in each half a NaN; as an index far out. */
static const uint16_t poison = 0x7FE5;

struct double_memory {
    double_memory *next;
    uint64_t address;
    size_t bytes;
    unsigned char *pages;
    size_t page_bytes; /* without the two */
    unsigned char *inside;
    cl_mem buffer;
    int uses;
    bool alive;
    bool pinned;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static double_memory *first;
static uint64_t next_address;
static size_t used_bytes;

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static bool make_pages(double_memory *memory)
{
    memory->page_bytes = round_up(memory->bytes, PAGE);
    unsigned char *pages =
        mmap(NULL, memory->page_bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) return false;
    if (mprotect(pages + PAGE, memory->page_bytes, PROT_READ | PROT_WRITE) != 0) {
        munmap(pages, memory->page_bytes + 2 * PAGE);
        return false;
    }
    memory->pages = pages;
    memory->inside = pages + PAGE + memory->page_bytes - round_up(memory->bytes, DOUBLE_ALIGNMENT);
    memset(pages + PAGE, FENCE, memory->page_bytes);
    for (size_t i = 0; i + 1 < memory->bytes; i += 2) memcpy(memory->inside + i, &poison, sizeof poison);
    return true;
}

static void drop_pages(double_memory *memory)
{
    if (memory->buffer) clReleaseMemObject(memory->buffer);
    memory->buffer = NULL;
    munmap(memory->pages, memory->page_bytes + 2 * PAGE);
}

static void check_fences(const double_memory *memory)
{
    const unsigned char *begin = memory->pages + PAGE;
    const unsigned char *end = begin + memory->page_bytes;
    for (const unsigned char *it = begin; it < end; it++) {
        if (it >= memory->inside && it < memory->inside + memory->bytes) continue;
        if (*it == FENCE) continue;
        double_complain("something wrote %s of an allocation of %zu bytes",
                        it < memory->inside ? "in front" : "beyond the end", memory->bytes);
        return;
    }
}

static int add(double_memory **out, size_t bytes, bool pinned)
{
    double_memory *memory = calloc(1, sizeof *memory);
    if (!memory) return DOUBLE_OUT_OF_MEMORY;
    memory->bytes = bytes;
    memory->alive = true;
    memory->pinned = pinned;
    if (!make_pages(memory)) {
        free(memory);
        return DOUBLE_OUT_OF_MEMORY;
    }
    pthread_mutex_lock(&turn);
    if (!next_address) next_address = first_address;
    memory->address = next_address;
    next_address = round_up(next_address + bytes, gap) + gap;
    memory->next = first;
    first = memory;
    pthread_mutex_unlock(&turn);
    *out = memory;
    return 0;
}

static bool reserve(size_t bytes)
{
    pthread_mutex_lock(&turn);
    bool fits = bytes <= double_total_bytes() - used_bytes;
    if (fits) used_bytes += bytes;
    pthread_mutex_unlock(&turn);
    return fits;
}

int double_memory_alloc(uint64_t *out, size_t bytes)
{
    const double_cl *cl = double_cl_get();
    double_memory *memory = NULL;
    if (bytes == 0) {
        double_complain("an allocation of 0 bytes");
        return DOUBLE_INVALID_VALUE;
    }
    if (!cl || !reserve(bytes)) return DOUBLE_OUT_OF_MEMORY;
    int answer = add(&memory, bytes, false);
    if (answer != 0) return answer;
    memory->buffer = clCreateBuffer(cl->context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR,
                                    round_up(bytes, DOUBLE_ALIGNMENT), memory->inside, NULL);
    if (!memory->buffer) return DOUBLE_OUT_OF_MEMORY;
    *out = memory->address;
    return 0;
}

/* Whichever allocation an address lies in, dead ones too. */
static double_memory *find(uint64_t address)
{
    double_memory *it = first;
    while (it && (it->pinned || address < it->address || address - it->address >= it->bytes)) it = it->next;
    return it;
}

/* As drivers do. */
static void wait_for_uses(const double_memory *memory)
{
    const struct timespec pause = {.tv_nsec = 100000};
    for (;;) {
        pthread_mutex_lock(&turn);
        bool idle = memory->uses == 0;
        pthread_mutex_unlock(&turn);
        if (idle) return;
        nanosleep(&pause, NULL);
    }
}

int double_memory_free(uint64_t address)
{
    pthread_mutex_lock(&turn);
    double_memory *memory = find(address);
    bool right = memory && memory->alive && memory->address == address;
    bool dead = memory && !memory->alive;
    int uses = right ? memory->uses : 0;
    if (right) {
        memory->alive = false;
        used_bytes -= memory->bytes;
    }
    pthread_mutex_unlock(&turn);
    if (!right) {
        double_complain(dead ? "memory is given back twice" : "what is given back as memory was never got");
        return DOUBLE_INVALID_VALUE;
    }
    if (uses > 0 && !double_has_failed()) {
        double_complain("memory of %zu bytes is given back while work uses it", memory->bytes);
    }
    wait_for_uses(memory);
    check_fences(memory);
    drop_pages(memory);
    return 0;
}

bool double_memory_is_there(const double_memory *memory)
{
    pthread_mutex_lock(&turn);
    bool alive = memory->alive;
    pthread_mutex_unlock(&turn);
    return alive;
}

int double_memory_info(size_t *out_free, size_t *out_total)
{
    pthread_mutex_lock(&turn);
    *out_total = double_total_bytes();
    *out_free = *out_total - used_bytes;
    pthread_mutex_unlock(&turn);
    return 0;
}

double_memory *double_memory_at(uint64_t address, size_t bytes, const char *what)
{
    pthread_mutex_lock(&turn);
    double_memory *memory = find(address);
    bool right = memory && memory->alive && bytes <= memory->bytes - (size_t)(address - memory->address);
    const char *why = !memory          ? "is no address of device memory"
                      : !memory->alive ? "was given back"
                                       : "has fewer bytes behind it than are used";
    pthread_mutex_unlock(&turn);
    if (!right) double_complain("%s: %#llx %s", what, (unsigned long long)address, why);
    return right ? memory : NULL;
}

void *double_memory_bytes(const double_memory *memory, uint64_t address)
{
    return memory->inside + (address - memory->address);
}

void *double_memory_buffer(const double_memory *memory, uint64_t address, int64_t *out_offset)
{
    *out_offset = (int64_t)(address - memory->address);
    return memory->buffer;
}

void double_memory_use(double_memory *memory, int change)
{
    if (!memory) return;
    pthread_mutex_lock(&turn);
    memory->uses += change;
    pthread_mutex_unlock(&turn);
}

/* ---- the host's pinned memory ---- */

int double_pinned_alloc(void **out, size_t bytes)
{
    double_memory *memory = NULL;
    if (bytes == 0) return DOUBLE_INVALID_VALUE;
    int answer = add(&memory, bytes, true);
    if (answer == 0) *out = memory->inside;
    return answer;
}

static double_memory *find_pinned(const void *host)
{
    const unsigned char *at = host;
    double_memory *it = first;
    while (it && !(it->pinned && it->alive && at >= it->inside && at < it->inside + it->bytes)) it = it->next;
    return it;
}

int double_pinned_free(void *host)
{
    pthread_mutex_lock(&turn);
    double_memory *memory = find_pinned(host);
    bool right = memory && memory->inside == host;
    if (right) memory->alive = false;
    pthread_mutex_unlock(&turn);
    if (!right) {
        double_complain("what is given back as pinned memory is none");
        return DOUBLE_INVALID_VALUE;
    }
    check_fences(memory);
    drop_pages(memory);
    return 0;
}

bool double_is_pinned(const void *host, size_t bytes)
{
    pthread_mutex_lock(&turn);
    const double_memory *memory = find_pinned(host);
    bool whole = memory && bytes <= memory->bytes - (size_t)((const unsigned char *)host - memory->inside);
    pthread_mutex_unlock(&turn);
    return whole;
}

void double_memory_leaks(void)
{
    int count[2] = {0, 0};
    size_t bytes[2] = {0, 0};
    for (const double_memory *it = first; it; it = it->next) {
        if (!it->alive) continue;
        count[it->pinned]++;
        bytes[it->pinned] += it->bytes;
    }
    if (count[0]) double_complain("never given back: %d pieces of device memory, %zu bytes", count[0], bytes[0]);
    if (count[1]) double_complain("never given back: %d pieces of pinned memory, %zu bytes", count[1], bytes[1]);
}
