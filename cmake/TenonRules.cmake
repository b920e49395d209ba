# The few rules that the rooms share.

# tenon_dialect(nn Nn): generated headers of dialects/nn/NnDialect.td,
# NnOps.td, NnAttrs.td (if there) and NnInterfaces.td (if there).
function(tenon_dialect room name)
  set(LLVM_TARGET_DEFINITIONS ${name}Ops.td)
  mlir_tablegen(${name}Dialect.h.inc -gen-dialect-decls -dialect=${room})
  mlir_tablegen(${name}Dialect.cpp.inc -gen-dialect-defs -dialect=${room})
  mlir_tablegen(${name}Ops.h.inc -gen-op-decls -dialect=${room})
  mlir_tablegen(${name}Ops.cpp.inc -gen-op-defs -dialect=${room})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}Attrs.td)
    set(LLVM_TARGET_DEFINITIONS ${name}Attrs.td)
    mlir_tablegen(${name}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${room})
    mlir_tablegen(${name}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${room})
    mlir_tablegen(${name}Enums.h.inc -gen-enum-decls)
    mlir_tablegen(${name}Enums.cpp.inc -gen-enum-defs)
  endif()
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}Interfaces.td)
    set(LLVM_TARGET_DEFINITIONS ${name}Interfaces.td)
    mlir_tablegen(${name}OpInterfaces.h.inc -gen-op-interface-decls)
    mlir_tablegen(${name}OpInterfaces.cpp.inc -gen-op-interface-defs)
    mlir_tablegen(${name}AttrInterfaces.h.inc -gen-attr-interface-decls)
    mlir_tablegen(${name}AttrInterfaces.cpp.inc -gen-attr-interface-defs)
  endif()
  add_public_tablegen_target(Tenon${name}IncGen)
  set_property(GLOBAL APPEND PROPERTY TENON_INC_GEN Tenon${name}IncGen)
endfunction()

# tenon_passes(model Model): Passes.td of a stage.
function(tenon_passes stage name)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name ${name})
  add_public_tablegen_target(Tenon${name}PassIncGen)
  set_property(GLOBAL APPEND PROPERTY TENON_INC_GEN Tenon${name}PassIncGen)
endfunction()

# tenon_library(TenonX files... LINK libs...): one room's code. All rooms share
# one precompiled header (a pass file takes 10 s without it, 2.5 s with it).
function(tenon_library name)
  cmake_parse_arguments(ARG "NO_PCH" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  get_property(inc GLOBAL PROPERTY TENON_INC_GEN)
  if(inc)
    add_dependencies(${name} ${inc})
  endif()
  if(NOT ARG_NO_PCH)
    target_precompile_headers(${name} REUSE_FROM TenonPch)
    target_compile_options(${name} PRIVATE -fpch-instantiate-templates "SHELL:-Xclang -fno-pch-timestamp")
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

# tenon_tool(tenonc files... LINK libs...): MLIR and LLVM are linked shared,
# never together with their static archives.
function(tenon_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  # The header was precompiled with -fPIC; CMake would give -fPIE here.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF
    INSTALL_RPATH_USE_LINK_PATH ON)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM TenonPch)
endfunction()
