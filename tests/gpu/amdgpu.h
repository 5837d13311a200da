/*
 * What HIP's headers give the kernels, in clang's own builtins: so that clang alone, without ROCm, compiles them for
 * chips that the distribution's hipRTC does not know. For tests/gpu/compile.sh only.
 */
#ifndef STRAIT_TESTS_GPU_AMDGPU_H
#define STRAIT_TESTS_GPU_AMDGPU_H

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(threads) __attribute__((launch_bounds(threads)))

struct gpu_index {
    unsigned int x;
};
#define threadIdx (gpu_index{__builtin_amdgcn_workitem_id_x()})
#define blockIdx (gpu_index{__builtin_amdgcn_workgroup_id_x()})

static __device__ __forceinline__ void __syncthreads()
{
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

#define __float_as_uint(x) __builtin_bit_cast(unsigned int, (float)(x))
#define __uint_as_float(x) __builtin_bit_cast(float, (unsigned int)(x))
#define __fmaf_rn(a, b, c) __builtin_fmaf(a, b, c)
#define __umulhi(a, b) ((unsigned int)(((unsigned long long)(a) * (b)) >> 32))

#endif
