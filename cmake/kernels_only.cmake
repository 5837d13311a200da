# The CPU backend and the op suite without any other library: what can be cross-compiled with a compiler and a libc alone
# (preset arm64-cross). tests/neon.sh does the same without CMake.
find_package(Threads REQUIRED)
file(GLOB sources CONFIGURE_DEPENDS
  src/tensor/*.c src/device/*.c ops/*.c ops/*/*.c backends/cpu/*.c kernels/formula/*.c
  src/certify/bounds.c src/certify/problem.c src/certify/problem_run.c)
list(FILTER sources EXCLUDE REGEX "\\.(k|graph)\\.c$|/ops/rules\\.c$")
foreach(name status memory pool fpenv math64 rng buffer file clock)
  list(APPEND sources src/base/${name}.c)
endforeach()
add_library(strait_library STATIC ${sources} ${STRAIT_EMBEDDED})
target_link_libraries(strait_library PUBLIC strait_flags Threads::Threads m ${CMAKE_DL_LIBS})
include(backends/cpu/kernels.cmake)
enable_testing()
file(GLOB checks CONFIGURE_DEPENDS tests/check/*.c)
add_executable(strait_check ${checks})
target_link_libraries(strait_check PRIVATE strait_library)
add_test(NAME strait_check COMMAND strait_check)
