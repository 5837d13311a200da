# Backends that are plug-ins: each a shared object that sees include/strait/device_plugin.h and nothing else, in the
# folder `plugins` of the build tree and in <libdir>/strait once installed. The library knows both (src/device/plugin_path.c).
include(GNUInstallDirs)
set(STRAIT_PLUGIN_LIBDIR ${CMAKE_INSTALL_LIBDIR}/strait)
file(RELATIVE_PATH plugin_folder_from_bin ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/strait)
set_source_files_properties(src/device/plugin_path.c src/device/plugin_ask.c src/device/backend.c PROPERTIES COMPILE_DEFINITIONS
  "STRAIT_PLUGIN_FOLDER=\"${CMAKE_INSTALL_FULL_LIBDIR}/strait\";STRAIT_PLUGIN_FOLDER_FROM_BIN=\"${plugin_folder_from_bin}\"")

set(STRAIT_PLUGINS "")
file(GLOB gpu_sources CONFIGURE_DEPENDS backends/gpu/*.c)
foreach(backend opencl cuda hip)
  file(GLOB sources CONFIGURE_DEPENDS backends/${backend}/*.c)
  if(NOT backend STREQUAL opencl)
    list(APPEND sources ${gpu_sources})
  endif()
  add_library(strait_${backend} MODULE ${sources})
  set_target_properties(strait_${backend} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
  target_link_libraries(strait_${backend} PRIVATE strait_flags Threads::Threads ${CMAKE_DL_LIBS})
  list(APPEND STRAIT_PLUGINS strait_${backend})
endforeach()
# One text, compiled for either vendor.
target_compile_definitions(strait_cuda PRIVATE STRAIT_GPU_HIP=0)
target_compile_definitions(strait_hip PRIVATE STRAIT_GPU_HIP=1)

# What looks at a plug-in before it is loaded; it lies where plug-ins lie.
add_executable(strait_query cli/query/strait_query.c)
set_target_properties(strait_query PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
target_link_libraries(strait_query PRIVATE strait_library)
