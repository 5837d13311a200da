# Every kernel is written once and compiled once per instruction set; STRAIT_ISA is the suffix of its symbols.
# A new instruction set is a line and a name here, and what else docs/add-an-isa.md lists.
file(GLOB STRAIT_KERNEL_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/kernels/*.c)
list(FILTER STRAIT_KERNEL_SOURCES EXCLUDE REGEX "_fast\\.c$")
# What a matrix unit computes: the same linear layers, loss and attention over other products.
set(STRAIT_FAST_SOURCES attention.c attention_bwd.c linear.c matmul.c matmul_fast.c rates.c table.c xent.c)
list(TRANSFORM STRAIT_FAST_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/kernels/)

# What this machine cannot run is linked into a sanitized build all the same, but neither optimised nor instrumented there:
# half of the time that its kernels take to compile.
set(STRAIT_FLAG_avx512 avx512f)
set(STRAIT_FLAG_avx512bf16 avx512_bf16)
set(STRAIT_FLAG_amx amx_bf16)
function(strait_absent_kernels target isa)
  if(STRAIT_SANITIZE AND DEFINED STRAIT_FLAG_${isa} AND EXISTS /proc/cpuinfo)
    file(READ /proc/cpuinfo processor)
    if(NOT processor MATCHES "[ \t]${STRAIT_FLAG_${isa}}[ \n]")
      target_compile_options(${target} PRIVATE -O0 -fno-sanitize=all)
    endif()
  endif()
endfunction()

# The objects of one instruction set. VECTORS: whose vector words they are written in (simd/); UNIT: the matrix unit, or
# NONE; SOURCES: the files.
function(strait_kernel_objects isa vectors unit sources)
  set(target strait_kernels_${isa})
  add_library(${target} OBJECT ${sources})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${target} PRIVATE strait_flags)
  # -O3 for these files only, and not where a sanitizer looks on, which takes twice as long to compile then;
  # -ffp-contract=off again beside it because a product must never slip into an add here.
  if(STRAIT_SANITIZE)
    target_compile_options(${target} PRIVATE -O1 -ffp-contract=off ${ARGN})
  else()
    target_compile_options(${target} PRIVATE -O3 -ffp-contract=off ${ARGN})
  endif()
  strait_absent_kernels(${target} ${isa})
  set(definitions STRAIT_ISA=${isa})
  foreach(name GENERIC AVX2 AVX512 NEON)
    if(name STREQUAL vectors)
      list(APPEND definitions STRAIT_ISA_${name}=1)
    else()
      list(APPEND definitions STRAIT_ISA_${name}=0)
    endif()
  endforeach()
  set(fast 0)
  foreach(name AVX512BF16 AMX)
    if(name STREQUAL unit)
      list(APPEND definitions STRAIT_UNIT_${name}=1)
      set(fast 1)
    else()
      list(APPEND definitions STRAIT_UNIT_${name}=0)
    endif()
  endforeach()
  target_compile_definitions(${target} PRIVATE ${definitions} STRAIT_FAST=${fast})
  target_sources(strait_library PRIVATE $<TARGET_OBJECTS:${target}>)
endfunction()

# An instruction set with all kernels, for the exact contract.
function(strait_kernels isa)
  string(TOUPPER ${isa} vectors)
  strait_kernel_objects(${isa} ${vectors} NONE "${STRAIT_KERNEL_SOURCES}" ${ARGN})
endfunction()

# One with a matrix unit, for the fast contract: only the ops of kernels_fast.def, in another set's vector words.
function(strait_unit_kernels isa vectors)
  string(TOUPPER ${isa} unit)
  strait_kernel_objects(${isa} ${vectors} ${unit} "${STRAIT_FAST_SOURCES}" ${ARGN})
endfunction()

strait_kernels(generic)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(avx512 -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
  strait_kernels(avx2 -mavx2 -mfma)
  strait_kernels(avx512 ${avx512})
  strait_unit_kernels(avx512bf16 AVX512 ${avx512} -mavx512bf16)
  strait_unit_kernels(amx AVX512 ${avx512} -mamx-tile -mamx-bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  strait_kernels(neon)
endif()
