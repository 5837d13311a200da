/* Writes a model directory again, cut into shards. usage: interop_shards MODEL OUT BYTES     (part of tools/interop.sh)
 */
#include "ckpt/model_dir.h"

#include <stdio.h>
#include <stdlib.h>

static strait_status rewrite(const strait_model_dir *model, const char *from, const char *to, int64_t bytes)
{
    size_t count = strait_model_dir_count(model);
    strait_tensor_spec *specs;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, sizeof *specs, &specs));
    for (size_t i = 0; i < count; i++) specs[i] = strait_tensor_spec_from_view(strait_model_dir_get(model, i));
    strait_model_write write = {.config = strait_model_dir_config(model),
                                .tensors = specs,
                                .count = count,
                                .tokenizer = from,
                                .generation = strait_model_dir_generation(model),
                                .shard_bytes = bytes};
    strait_status status = strait_model_dir_write(to, &write, NULL);
    strait_free(specs);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    strait_model_dir *model = NULL;
    strait_status status = strait_model_dir_open(argv[1], &model);
    if (status == STRAIT_OK) status = rewrite(model, argv[1], argv[2], strtoll(argv[3], NULL, 10));
    strait_model_dir_close(model);
    if (status == STRAIT_OK) return 0;
    fprintf(stderr, "interop_shards: %s\n", strait_error_message());
    return 1;
}
