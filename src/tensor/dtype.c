/* Names of element types in our reports, in safetensors and in config.json. */
#include "tensor/dtype.h"

typedef struct dtype_names {
    strait_dtype dtype;
    const char *name;
    const char *safetensors;
    const char *torch;
} dtype_names;

static const dtype_names names[] = {
#define STRAIT_DTYPE_ROW(id, bytes, name, file, config) {STRAIT_DTYPE_##id, name, file, config},
    STRAIT_DTYPES(STRAIT_DTYPE_ROW)
#undef STRAIT_DTYPE_ROW
};

#define NAME_COUNT (sizeof names / sizeof names[0])

static const dtype_names *find(strait_dtype dtype)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (names[i].dtype == dtype) return &names[i];
    }
    return NULL;
}

const char *strait_dtype_name(strait_dtype dtype)
{
    const dtype_names *row = find(dtype);
    return row ? row->name : "unknown";
}

const char *strait_dtype_safetensors_name(strait_dtype dtype)
{
    const dtype_names *row = find(dtype);
    return row ? row->safetensors : "unknown";
}

const char *strait_dtype_torch_name(strait_dtype dtype)
{
    const dtype_names *row = find(dtype);
    return row ? row->torch : "unknown";
}

bool strait_dtype_from_name(const char *name, strait_dtype *out)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strcmp(names[i].name, name) == 0) {
            *out = names[i].dtype;
            return true;
        }
    }
    return false;
}

bool strait_dtype_from_safetensors_name(const char *name, strait_dtype *out)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strcmp(names[i].safetensors, name) == 0) {
            *out = names[i].dtype;
            return true;
        }
    }
    return false;
}

bool strait_dtype_from_torch_name(const char *name, strait_dtype *out)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strcmp(names[i].torch, name) == 0) {
            *out = names[i].dtype;
            return true;
        }
    }
    return false;
}
