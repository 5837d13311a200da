# Unit tests: each tests/unit/test_<noun>.c is one cmocka program linked with the library.
pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
file(GLOB STRAIT_UNIT_TESTS CONFIGURE_DEPENDS tests/unit/test_*.c)
foreach(source ${STRAIT_UNIT_TESTS})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE strait_library PkgConfig::cmocka)
  target_compile_definitions(${name} PRIVATE STRAIT_TEST_DATA="${PROJECT_SOURCE_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name})
endforeach()

target_include_directories(test_kernel_texts PRIVATE ${PROJECT_BINARY_DIR}/embed) # texts.h

# Its machine, which computes wrongly in many ways, stands in the place of the first driver.
target_link_options(test_probe PRIVATE LINKER:--wrap=strait_driver_at)
target_link_options(test_probe_opencl PRIVATE LINKER:--wrap=strait_driver_at)
# A processor with AMX, and a system that does not let a process use it.
target_link_options(test_amx PRIVATE LINKER:--wrap=syscall,--wrap=strait__cpu_amx_bits)

# Types and values against the standard's headers, where they are installed.
find_path(opencl_headers CL/cl.h)
target_compile_definitions(test_opencl_headers PRIVATE STRAIT_HAVE_OPENCL_HEADERS=$<BOOL:${opencl_headers}>)
find_path(cuda_headers nvrtc.h PATHS /usr/local/cuda/include ${PROJECT_SOURCE_DIR}/build/cuda/nvidia/cu13/include)
find_path(hip_headers hip/hiprtc.h PATHS /opt/rocm/include)
foreach(vendor cuda hip)
  string(TOUPPER ${vendor} capitals)
  target_compile_definitions(test_${vendor}_headers PRIVATE STRAIT_HAVE_${capitals}_HEADERS=$<BOOL:${${vendor}_headers}>)
  if(${vendor}_headers)
    target_include_directories(test_${vendor}_headers SYSTEM PRIVATE ${${vendor}_headers})
  endif()
endforeach()
find_path(cublaslt_headers cublasLt.h PATHS ${cuda_headers} NO_DEFAULT_PATH)
target_compile_definitions(test_cublaslt_headers PRIVATE STRAIT_GPU_HIP=0 STRAIT_HAVE_CUBLASLT_HEADERS=$<BOOL:${cublaslt_headers}>)
if(cublaslt_headers)
  target_include_directories(test_cublaslt_headers SYSTEM PRIVATE ${cuda_headers})
  target_link_libraries(test_cublaslt_headers PRIVATE ${CMAKE_DL_LIBS})
endif()
find_path(cudnn_headers cudnn.h PATHS ${cuda_headers} NO_DEFAULT_PATH)
target_compile_definitions(test_cudnn_headers PRIVATE STRAIT_GPU_HIP=0 STRAIT_HAVE_CUDNN_HEADERS=$<BOOL:${cudnn_headers}>)
if(cudnn_headers)
  target_sources(test_cudnn_headers PRIVATE backends/cuda/cudnn_graph.c backends/cuda/cudnn_attention.c
                 backends/cuda/cudnn_sdpa.c)
  target_include_directories(test_cudnn_headers SYSTEM PRIVATE ${cuda_headers})
  target_link_libraries(test_cudnn_headers PRIVATE ${CMAKE_DL_LIBS})
endif()
# They use what lies in the build tree's folder of plug-ins.
add_dependencies(test_opencl strait_opencl strait_query)
add_dependencies(test_probe_opencl strait_opencl strait_query)

include(tests/gpu/vendors.cmake)

# Plug-ins right and wrong, for test_plugin (tests/plugin/cases.h); one is a text file.
set(test_plugins ${PROJECT_BINARY_DIR}/test_plugins)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS tests/plugin/cases.h)
file(READ tests/plugin/cases.h plugin_cases)
string(REGEX MATCHALL "    X[(][a-z0-9_]+" plugin_cases "${plugin_cases}")
foreach(case ${plugin_cases})
  string(REGEX REPLACE ".*[(]" "" case ${case})
  add_library(plugin_${case} MODULE tests/plugin/sample.c)
  set_target_properties(plugin_${case} PROPERTIES PREFIX "" OUTPUT_NAME strait_${case} LIBRARY_OUTPUT_DIRECTORY ${test_plugins})
  target_compile_definitions(plugin_${case} PRIVATE PLUGIN_CASE=CASE_${case} PLUGIN_NAME=${case})
  target_compile_options(plugin_${case} PRIVATE -pedantic -Wall -Wextra -fvisibility=hidden)
  target_include_directories(plugin_${case} PRIVATE ${PROJECT_SOURCE_DIR}/include)
  add_dependencies(test_plugin plugin_${case})
endforeach()
target_include_directories(plugin_frozen BEFORE PRIVATE tests/plugin/v1_0)
target_compile_definitions(plugin_only_v2 PRIVATE PLUGIN_SYMBOL=strait_plugin_query_v2)
target_compile_definitions(plugin_no_symbol PRIVATE PLUGIN_SYMBOL=some_other_function)
file(WRITE ${test_plugins}/strait_not_elf.so "This is no program.\n")
target_compile_definitions(test_plugin PRIVATE STRAIT_TEST_PLUGINS="${test_plugins}")
add_dependencies(test_plugin strait_query)

# The op suite: every op against its reference; also the micro-benchmark.
file(GLOB STRAIT_CHECKS CONFIGURE_DEPENDS tests/check/*.c)
if(STRAIT_CHECKS)
  add_executable(strait_check ${STRAIT_CHECKS})
  target_link_libraries(strait_check PRIVATE strait_library)
  add_test(NAME strait_check COMMAND strait_check)
endif()

# The band of A5: make certify-band.
add_executable(strait_band EXCLUDE_FROM_ALL tests/certify/band.c)
target_link_libraries(strait_band PRIVATE strait_library)

# Whole models against what transformers computed: strait_golden runs `strait trace` and compares.
add_executable(strait_golden tests/golden/golden.c)
target_link_libraries(strait_golden PRIVATE strait_library)
if(TARGET strait)
  add_test(NAME strait_golden COMMAND strait_golden --strait $<TARGET_FILE:strait> ${PROJECT_SOURCE_DIR}/tests/golden)
endif()

# The engine without any file: steps for tests/exact, and the gradients of fast against those of exact.
add_executable(strait_steps tests/exact/steps.c)
target_link_libraries(strait_steps PRIVATE strait_library)
add_executable(strait_held tests/held/held.c)
target_link_libraries(strait_held PRIVATE strait_library)
add_test(NAME strait_held COMMAND strait_held)

# Fuzz targets: tests/fuzz/fuzz_<noun>.c define LLVMFuzzerTestOneInput.
if(STRAIT_FUZZ)
  file(GLOB STRAIT_FUZZERS CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
  foreach(source ${STRAIT_FUZZERS})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE strait_library)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
endif()

# The vector form of kernels/formula, compiled with each instruction set's own flags.
foreach(isa generic avx2 avx512 avx512bf16 amx neon)
  if(TARGET strait_kernels_${isa})
    add_library(formula_lanes_${isa} OBJECT tests/unit/formula_lanes.c)
    target_link_libraries(formula_lanes_${isa} PRIVATE strait_flags)
    target_compile_options(formula_lanes_${isa} PRIVATE $<TARGET_PROPERTY:strait_kernels_${isa},COMPILE_OPTIONS>)
    target_compile_definitions(formula_lanes_${isa} PRIVATE
      $<TARGET_PROPERTY:strait_kernels_${isa},COMPILE_DEFINITIONS>)
    target_sources(test_formula_lanes PRIVATE $<TARGET_OBJECTS:formula_lanes_${isa}>)
  endif()
endforeach()

# Every float through every function of kernels/formula: minutes, so only by name (tools/ulp/README.md).
add_executable(strait_ulp EXCLUDE_FROM_ALL tools/ulp/strait_ulp.c)
target_link_libraries(strait_ulp PRIVATE strait_flags m)

include(tests/double.cmake)
target_compile_definitions(test_double PRIVATE STRAIT_TEST_DOUBLES="${PROJECT_BINARY_DIR}/doubles")
target_compile_definitions(test_gpu_run PRIVATE STRAIT_TEST_DOUBLES="${PROJECT_BINARY_DIR}/doubles")
add_dependencies(test_gpu_run strait_cuda strait_hip strait_query)
target_link_libraries(test_double PRIVATE ${CMAKE_DL_LIBS})
if(STRAIT_DOUBLES)
  add_dependencies(test_double ${STRAIT_DOUBLES})
  add_dependencies(test_gpu_run ${STRAIT_DOUBLES})
endif()
