/*
 * Fuzzes the run configuration: the bytes before the first zero byte are the file, what follows is one --set.
 * What is accepted must be written, read back, and be equal to itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "train/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const strait_run_config *config)
{
    strait_buffer text = {0};
    strait_run_config again;
    strait_config_options options = {.skip_files = true};
    if (strait_config_write(config, &text) != STRAIT_OK) abort();
    if (strait_config_parse("written", text.bytes, text.length, &options, &again) != STRAIT_OK) abort();
    if (strait_config_check_resume(config, &again) != STRAIT_OK) abort();
    strait_buffer twice = {0};
    if (strait_config_write(&again, &twice) != STRAIT_OK) abort();
    if (strcmp(text.bytes, twice.bytes) != 0) abort();
    strait_buffer_fini(&text);
    strait_buffer_fini(&twice);
    strait_config_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    size_t length = zero != NULL ? (size_t)(zero - data) : size;
    char *set = NULL;
    strait_config_options options = {.skip_files = true};
    const char *sets[1];
    if (zero != NULL) {
        size_t rest = size - length - 1;
        set = malloc(rest + 1);
        if (set == NULL) return 0;
        memcpy(set, zero + 1, rest);
        set[rest] = '\0';
        sets[0] = set;
        options.sets = sets;
        options.n_sets = 1;
    }
    strait_run_config config;
    if (strait_config_parse("fuzz", (const char *)data, length, &options, &config) == STRAIT_OK) {
        round_trip(&config);
        strait_config_fini(&config);
    }
    free(set);
    return 0;
}
