/* The vendor's headers, and the names by which rtc.c is one text for both compilers. */
#ifndef STRAIT_TESTS_DOUBLE_VENDOR_H
#define STRAIT_TESTS_DOUBLE_VENDOR_H

/* Their functions are what the doubles export; everything else is hidden by the build. */
#pragma GCC visibility push(default)
#if STRAIT_GPU_HIP
#define __HIP_PLATFORM_AMD__ 1
#include <hip/hip_runtime_api.h>
#include <hip/hiprtc.h>
#define RTC(name) hiprtc##name
#define RTC_RESULT hiprtcResult
#define RTC_PROGRAM hiprtcProgram
#define RTC_TEXTS const char **
#define RTC_CODE hiprtcGetCode
#define RTC_CODE_SIZE hiprtcGetCodeSize
#define RTC_MAJOR 5
#define RTC_ARCHITECTURE_OPTION "--offload-arch="
#define RTC_ARCHITECTURE_PREFIX "gfx"
#define RTC_USUAL_ARCHITECTURE "gfx90a:sramecc+:xnack-"
#else
#include <cuda.h>
#include <nvrtc.h>
#define RTC(name) nvrtc##name
#define RTC_RESULT nvrtcResult
#define RTC_PROGRAM nvrtcProgram
#define RTC_TEXTS const char *const *
#define RTC_CODE nvrtcGetCUBIN
#define RTC_CODE_SIZE nvrtcGetCUBINSize
#define RTC_MAJOR 13
#define RTC_ARCHITECTURE_OPTION "--gpu-architecture="
#define RTC_ARCHITECTURE_PREFIX "sm_"
#define RTC_USUAL_ARCHITECTURE "sm_90"
#endif
#pragma GCC visibility pop

#endif
