# The install target: the program, the library with its public headers, and a pkg-config file.
install(TARGETS strait_library ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ${STRAIT_PLUGINS} LIBRARY DESTINATION ${STRAIT_PLUGIN_LIBDIR})
install(TARGETS strait_query RUNTIME DESTINATION ${STRAIT_PLUGIN_LIBDIR})
if(TARGET strait)
  install(TARGETS strait RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY include/strait DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
# The library is static, so that whoever links it needs its dependencies too: pkg-config --static.
file(RELATIVE_PATH STRAIT_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/strait.pc.in strait.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/strait.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
