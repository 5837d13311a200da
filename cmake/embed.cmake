# Kernel texts and preludes as C arrays, so that the binary needs no file of ours at run time: strait_text_<op> for each
# ops/<op>/<op>.k.c, strait_prelude_<language> for each kernels/dialect/<language>.h.
file(GLOB kernel_texts CONFIGURE_DEPENDS ops/*/*.k.c)
file(GLOB kernel_includes CONFIGURE_DEPENDS kernels/dialect/*.h kernels/formula/*.inc)
function(strait_embed name text)
  set(out ${PROJECT_BINARY_DIR}/embed/${name}.c)
  add_custom_command(OUTPUT ${out} COMMAND ${PROJECT_SOURCE_DIR}/cmake/embed.sh ${name} ${text} ${out}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DEPENDS ${text} ${kernel_includes} ${PROJECT_SOURCE_DIR}/cmake/embed.sh)
  set(STRAIT_EMBEDDED ${STRAIT_EMBEDDED} ${out} PARENT_SCOPE)
endfunction()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/embed)
foreach(text ${kernel_texts})
  get_filename_component(name ${text} NAME)
  string(REPLACE ".k.c" "" name ${name})
  strait_embed(strait_text_${name} ${text})
endforeach()
foreach(language opencl cuda hip)
  strait_embed(strait_prelude_${language} ${PROJECT_SOURCE_DIR}/kernels/dialect/${language}.h)
endforeach()
