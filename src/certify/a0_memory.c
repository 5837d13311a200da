/*
 * A0: is all the declared memory there? Words that depend on their address are written to all of it before any is read
 * back, so that memory which stands for another, by an address line or a size that wraps at 4 GiB, shows; then the
 * complement, so that every bit was both 0 and 1.
 */
#include "base/memory.h"
#include "certify/certificate.h"

enum { CHUNK = 16 << 20, QUICK_BYTES = 64 << 20, MAX_BLOCKS = 4096 };

typedef struct blocks {
    strait_memory *memory[MAX_BLOCKS];
    int count;
    int64_t bytes;
    int64_t largest;
    uint64_t *host;
} blocks;

/* What to try: of a chip's own memory all that is free but a part for the driver; of memory that is the system's, half.
 */
static strait_status wanted(strait_certification *c, int64_t *out_bytes, int64_t *out_total)
{
    int64_t available = 0;
    STRAIT_TRY(strait_device_memory(c->device, &available, out_total));
    if (available <= 0) available = c->props->memory_bytes;
    int64_t most = c->props->kind == STRAIT_KIND_CPU ? available / 2 : available - available / 32;
    if ((c->quick && most > QUICK_BYTES) || most <= 0) most = QUICK_BYTES;
    *out_bytes = most / CHUNK * CHUNK;
    if (*out_bytes < CHUNK) *out_bytes = CHUNK;
    return STRAIT_OK;
}

/* The largest pieces that the device gives, smaller ones where it gives no more, until `bytes` or nothing is left. */
static strait_status take(strait_certification *c, blocks *all, int64_t bytes)
{
    int64_t most = c->props->max_alloc_bytes > 0 ? c->props->max_alloc_bytes / CHUNK * CHUNK : bytes;
    int64_t piece = most < CHUNK ? CHUNK : most;
    while (all->bytes < bytes && piece >= CHUNK && all->count < MAX_BLOCKS) {
        if (piece > bytes - all->bytes) piece = bytes - all->bytes;
        strait_status status = strait_memory_create(c->device, STRAIT_TAG_OTHER, piece, &all->memory[all->count]);
        if (status == STRAIT_ERR_NO_MEMORY) {
            piece = piece / 2 / CHUNK * CHUNK;
            continue;
        }
        STRAIT_TRY(status);
        all->count++;
        all->bytes += piece;
        if (piece > all->largest) all->largest = piece;
    }
    return STRAIT_OK;
}

static uint64_t word_at(const strait_certification *c, int block, int64_t offset, uint64_t flip)
{
    return strait__mix(((uint64_t)c->seed << 32 | (uint64_t)block) ^ strait__mix((uint64_t)offset)) ^ flip;
}

/* Writes all, then reads all. */
static strait_status sweep(strait_certification *c, blocks *all, uint64_t flip, int64_t *out_wrong, char *why)
{
    int64_t done = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int b = 0; b < all->count; b++) {
            int64_t bytes = strait_memory_bytes(all->memory[b]);
            for (int64_t at = 0; at < bytes; at += CHUNK, done += CHUNK) {
                int64_t length = bytes - at < CHUNK ? bytes - at : CHUNK;
                strait_slice slice = {all->memory[b], at};
                STRAIT_TRY(strait__certify_progress(c, pass == 0 ? "writing" : "reading", done, 2 * all->bytes));
                if (pass == 1) STRAIT_TRY(strait_copy_to_host(c->queue, all->host, slice, length));
                for (int64_t i = 0; i < length / 8; i++) {
                    uint64_t word = word_at(c, b, at + 8 * i, flip);
                    if (pass == 0) {
                        all->host[i] = word;
                    } else if (all->host[i] != word && (*out_wrong)++ == 0) {
                        snprintf(why, 256, "block %d, offset %lld: %016llx was read, %016llx written", b,
                                 (long long)(at + 8 * i), (unsigned long long)all->host[i], (unsigned long long)word);
                    }
                }
                if (pass == 0) STRAIT_TRY(strait_copy_to_device(c->queue, slice, all->host, length));
            }
        }
        STRAIT_TRY(strait_queue_wait(c->queue, -1));
    }
    return STRAIT_OK;
}

static strait_status run(strait_certification *c, blocks *all)
{
    int64_t bytes, total, wrong = 0, wrong_complement = 0;
    char why[256] = "";
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, CHUNK, 1, &all->host));
    STRAIT_TRY(wanted(c, &bytes, &total));
    STRAIT_TRY(take(c, all, bytes));
    STRAIT_TRY(sweep(c, all, 0, &wrong, why));
    STRAIT_TRY(sweep(c, all, ~UINT64_C(0), &wrong_complement, why));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_MEMORY_COVERED, NULL, (double)all->bytes, NULL));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_MEMORY_DECLARED, NULL, (double)total, NULL));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_MEMORY_BLOCK, NULL, (double)all->largest, NULL));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_MEMORY_WRONG, NULL, (double)wrong, why));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_MEMORY_WRONG_COMPLEMENT, NULL, (double)wrong_complement, why));
    if (!c->failed) {
        snprintf(c->why, sizeof c->why, "%.3f of %.3f GB written and read twice, blocks of up to %.3f GB%s",
                 (double)all->bytes * 1e-9, (double)total * 1e-9, (double)all->largest * 1e-9,
                 all->largest > INT64_C(4) << 30 ? ", offsets above 4 GiB" : "");
    }
    return STRAIT_OK;
}

strait_status strait__certify_memory(strait_certification *c)
{
    blocks *all;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *all, &all));
    *all = (blocks){.count = 0};
    strait_status status = run(c, all);
    for (int i = 0; i < all->count; i++) strait_memory_destroy(all->memory[i]);
    strait_free(all->host);
    strait_free(all);
    return status;
}
