/* The OpenCL device that does a double's work, and the check over its code. */
#include "tests/double/double_cl.h"

#include "tests/double/double.h"

#include <pthread.h>

enum { MOST_PLATFORMS = 8 };

static bool find(double_cl *out)
{
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_uint count = 0;
    if (clGetPlatformIDs(MOST_PLATFORMS, platforms, &count) != CL_SUCCESS) return false;
    for (cl_uint i = 0; i < count && i < MOST_PLATFORMS; i++) {
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_CPU, 1, &out->device, NULL) == CL_SUCCESS) return true;
    }
    return false;
}

const double_cl *double_cl_get(void)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    static double_cl cl;
    static bool ready;
    pthread_mutex_lock(&turn);
    if (!ready && find(&cl)) {
        cl.context = clCreateContext(NULL, 1, &cl.device, NULL, NULL, NULL);
        cl.queue = cl.context ? clCreateCommandQueue(cl.context, cl.device, 0, NULL) : NULL;
        ready = cl.queue != NULL;
    }
    pthread_mutex_unlock(&turn);
    if (!ready) double_complain("no OpenCL device of type CPU is here to run the kernels");
    return ready ? &cl : NULL;
}

/* FNV-1a over what follows the field itself. */
uint64_t double_code_check(const double_code *code)
{
    const unsigned char *from = (const unsigned char *)code->architecture;
    const unsigned char *end = (const unsigned char *)(code + 1);
    end += code->kernels * sizeof(double_signature) + code->bytes;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; from < end; from++) hash = (hash ^ *from) * UINT64_C(0x100000001B3);
    return hash;
}
