/* The key of a compiled program, and the way to the disk and back. */
#include "device/program_cache.h"

#include "base/buffer.h"
#include "base/fpenv.h"
#include "device/disk_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static strait_status write_key(const strait_driver *driver, const strait_device_props *props,
                               const strait_program_source *source, strait_buffer *out)
{
    return strait_buffer_printf(out, "program\n%s\n%s\n%s\n%s\n%u\n%s\n%s\n%s\n%s", driver->name, props->name,
                                props->implementation, props->driver_version, (unsigned)source->numerics,
                                source->options, source->name, source->prelude, source->text);
}

/* A failure to keep it costs the next run some time and this one nothing. */
static void keep(const strait_driver *driver, strait_handle program, const strait_buffer *key)
{
    int64_t length = 0;
    char *bytes = NULL;
    if (driver->program_binary(program, NULL, &length) != STRAIT_OK || length <= 0) return;
    if (strait_alloc(STRAIT_TAG_OTHER, (size_t)length, 1, &bytes) != STRAIT_OK) return;
    strait_status status = driver->program_binary(program, bytes, &length);
    if (status == STRAIT_OK) status = strait__disk_cache_write(key->bytes, key->length, bytes, (size_t)length);
    (void)status;
    strait_free(bytes);
}

static strait_status load(const strait_driver *driver, strait_handle device, const strait_buffer *key,
                          strait_handle *out)
{
    strait_buffer binary = {0};
    strait_status status = strait__disk_cache_read(key->bytes, key->length, &binary);
    if (status == STRAIT_OK) status = driver->program_load(device, binary.bytes, (int64_t)binary.length, out);
    strait_buffer_fini(&binary);
    return status;
}

static strait_status build(const strait_driver *driver, strait_handle device, const strait_device_props *props,
                           const strait_program_source *source, strait_handle *out)
{
    const char *wanted = getenv("STRAIT_KERNEL_CACHE");
    if (wanted && strcmp(wanted, "off") == 0) return driver->program_build(device, source, out);
    strait_buffer key = {0};
    strait_status status = write_key(driver, props, source, &key);
    if (status == STRAIT_OK && load(driver, device, &key, out) != STRAIT_OK) {
        status = driver->program_build(device, source, out);
        if (status == STRAIT_OK) keep(driver, *out, &key);
    }
    strait_buffer_fini(&key);
    return status;
}

/* A compiler's library, or the program itself where it is a library, may switch subnormals off in this thread. */
strait_status strait__program_build(const strait_driver *driver, strait_handle device, const strait_device_props *props,
                                    const strait_program_source *source, strait_handle *out)
{
    bool right = strait_fpenv_get() == strait_fpenv_wanted();
    strait_status status = build(driver, device, props, source, out);
    if (right) strait_fpenv_set();
    return status;
}
