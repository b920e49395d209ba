# The CMake package in the build's folder, and the tree that `cmake --install`
# makes, which may be moved as a whole:
#
#   bin/tenonc tenon-* lib/tenon/{runtime,sysroot}     include/tenon
#   lib/cmake/Tenon          python/tenon (compiler/python)
include(CMakePackageConfigHelpers)
set(package ${CMAKE_BINARY_DIR}/lib/cmake/Tenon)
configure_file(${CMAKE_SOURCE_DIR}/cmake/TenonConfig.cmake.in
               ${package}/TenonConfig.cmake @ONLY)
configure_file(${CMAKE_SOURCE_DIR}/cmake/TenonAddModel.cmake
               ${package}/TenonAddModel.cmake COPYONLY)
# A tool: the same package serves consumers of any word size.
write_basic_package_version_file(${package}/TenonConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT)

install(TARGETS tenonc tenon-opt tenon-lsp-server tenon-reduce RUNTIME DESTINATION bin)
# python.txt names the Python of this build.
install(DIRECTORY ${CMAKE_BINARY_DIR}/lib/tenon DESTINATION lib
        PATTERN python.txt EXCLUDE)
install(DIRECTORY ${package} DESTINATION lib/cmake)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/runtime/include/tenon
        DESTINATION include)
