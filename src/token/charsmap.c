/*
 * A unit of the double array is 32 bits: a label (bits 0-7 and 31), whether a value hangs below it (bit 8), and the
 * distance to its children (bits 10-30, shifted by another 8 where bit 9 is set). A node's value is the lower 31 bits
 * of the unit at its children's base.
 */
#include "token/charsmap.h"

#include <string.h>

#define LABEL_BITS 0x800000ffu
#define VALUE_BITS 0x7fffffffu
#define HAS_VALUE 0x100u

static size_t distance(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 0x200u) >> 6);
}

/* The unit that `byte` leads to from children's base `at`; false where nothing does. */
static bool step(const strait__charsmap *map, size_t *at, unsigned char byte, uint32_t *out_unit)
{
    size_t place = *at ^ byte;
    if (byte == 0 || place >= map->unit_count || (map->units[place] & LABEL_BITS) != byte) return false;
    *out_unit = map->units[place];
    *at = place ^ distance(*out_unit);
    return true;
}

static void find_plain(strait__charsmap *map)
{
    for (unsigned c = 1; c < 128; c++) {
        size_t at = distance(map->units[0]);
        uint32_t unit = 0;
        map->plain[c] = true;
        if (!step(map, &at, (unsigned char)c, &unit)) continue;
        map->plain[c] = !(unit & HAS_VALUE);
        for (unsigned next = 1; next < 128; next++) {
            size_t place = at;
            if (step(map, &place, (unsigned char)next, &unit)) map->plain[c] = false;
        }
    }
}

strait_status strait__charsmap_init(strait__charsmap *map, const char *blob, size_t length)
{
    if (length == 0) return STRAIT_OK;
    const unsigned char *bytes = (const unsigned char *)blob;
    if (length < 4) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "a map of characters of %zu bytes", length);
    size_t size = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    if (size % 4 != 0 || size < 4 || size >= length - 4) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "a map of characters whose array takes %zu of %zu bytes", size, length);
    }
    if (blob[length - 1] != '\0') {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "a map of characters whose last replacement has no end");
    }
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, size / 4, sizeof *map->units, &map->units));
    map->unit_count = size / 4;
    for (size_t i = 0; i < map->unit_count; i++) {
        const unsigned char *at = bytes + 4 + 4 * i;
        map->units[i] = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    }
    map->string_length = length - 4 - size;
    STRAIT_TRY(strait_strndup(STRAIT_TAG_TOKENIZER, blob + 4 + size, map->string_length, &map->strings));
    find_plain(map);
    return STRAIT_OK;
}

void strait__charsmap_fini(strait__charsmap *map)
{
    strait_free(map->units);
    strait_free(map->strings);
    *map = (strait__charsmap){0};
}

const char *strait__charsmap_find(const strait__charsmap *map, const char *text, size_t length, bool longest,
                                  size_t *out_taken)
{
    const char *found = NULL;
    if (map->unit_count == 0) return NULL;
    size_t at = distance(map->units[0]);
    for (size_t i = 0; i < length; i++) {
        uint32_t unit = 0;
        if (!step(map, &at, (unsigned char)text[i], &unit)) break;
        if (!(unit & HAS_VALUE) || at >= map->unit_count) continue;
        size_t value = map->units[at] & VALUE_BITS;
        if (value >= map->string_length) continue;
        found = map->strings + value;
        *out_taken = i + 1;
        if (!longest) break;
    }
    return found;
}
