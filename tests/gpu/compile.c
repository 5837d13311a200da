/*
 * Compiles every portable kernel through a plug-in, with the compiler that the plug-in finds and no device:
 * tests/gpu/compile.sh puts the library of vendor.c in the place of the vendor's driver. usage: strait_gpu_compile
 * cuda|hip [f32|bf16]      STRAIT_VENDOR_ARCHITECTURE says for what
 */
#include <stdio.h>
#include <string.h>

#include "device/plugin.h"
#include "device/registry.h"

/* Every ops/<op>/<op>.k.c: X(name) for each, written by cmake/embed.cmake. */
#include "texts.h"

#define DECLARE(name) extern const char strait_text_##name[];
STRAIT_TEXTS(DECLARE)
#undef DECLARE
extern const char strait_prelude_cuda[];
extern const char strait_prelude_hip[];

static const struct {
    const char *name;
    const char *text;
} texts[] = {
#define ROW(name) {#name ".k.c", strait_text_##name},
    STRAIT_TEXTS(ROW)
#undef ROW
};

static int compile_all(const strait_driver *driver, strait_handle device, const char *prelude, const char *label,
                       const char *dtype)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (int bf16 = 0; bf16 < 2; bf16++) {
            if (dtype && strcmp(dtype, bf16 ? "bf16" : "f32") != 0) continue;
            /* As src/device/portable.c cuts kernels for GPUs. */
            char options[128];
            snprintf(options, sizeof options,
                     "-DWG=64 -DVW=1 -DPRODUCT_WG=256 -DITEM_ROWS=4 -DITEM_VECTORS=4 -DS_BF16=%d", bf16);
            const strait_program_source source = {.struct_size = sizeof source,
                                                  .numerics = STRAIT_NUMERICS_EXACT,
                                                  .name = texts[i].name,
                                                  .prelude = prelude,
                                                  .text = texts[i].text,
                                                  .options = options};
            strait_handle program = 0;
            bool right = driver->program_build(device, &source, &program) == STRAIT_CODE_OK;
            printf("%s %s-%s-%s %s\n", right ? "ok" : "FAIL", label, texts[i].name, bf16 ? "bf16" : "f32",
                   right ? "" : strait_error_message());
            if (right) driver->program_free(program);
            failed |= !right;
        }
    }
    return failed;
}

int main(int argc, char **argv)
{
    bool hip = argc >= 2 && strcmp(argv[1], "hip") == 0;
    const strait_device_options options = {.struct_size = sizeof options};
    strait_driver driver;
    strait_handle device = 0;
    int32_t count = 0;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: strait_gpu_compile cuda|hip [f32|bf16]\n");
        return 2;
    }
    strait_status status = strait__driver_find(argv[1], strlen(argv[1]), &driver);
    if (status == STRAIT_OK) status = driver.count(&count);
    if (status == STRAIT_OK) status = driver.open(0, &options, &device);
    strait_device_props props = {.struct_size = sizeof props};
    if (status == STRAIT_OK) status = driver.props(device, &props);
    if (status == STRAIT_ERR_NOT_FOUND) {
        printf("skip %s %s\n", argv[1], strait_error_message());
        return 0;
    }
    if (status != STRAIT_OK) {
        printf("FAIL %s %s\n", argv[1], strait_error_message());
        return 1;
    }
    fprintf(stderr, "%s for %s\n", props.driver_version, props.implementation);
    int failed = compile_all(&driver, device, hip ? strait_prelude_hip : strait_prelude_cuda, props.implementation,
                             argc == 3 ? argv[2] : NULL);
    driver.close(device);
    return failed;
}
