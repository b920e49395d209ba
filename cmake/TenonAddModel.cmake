# tenon_add_model(NAME rn50 MODEL rn50.onnx
#                 [DIMS batch=1 seq=1..512]     sizes of open dimensions
#                 [SHAPES x=1x3x224x224]        whole shapes of inputs
#                 [VALUES sr=16000]             inputs bound to constants
#                 [PREFIX rn50]                 of symbols and files (NAME)
#                 [TARGET triple] [CPU name]    in place of what is found
#                 [OPTIONS --weights=embed ..]  more options of tenonc compile
#                 [DEPENDS make-model])         what else the model hangs on
#
# makes the static library target NAME, with the folder of PREFIX.h among its
# include directories. The model is compiled when it, or tenonc, changes.
#
# Target and CPU: when cross-compiling they follow from the toolchain file
# (CMAKE_C_COMPILER_TARGET, CMAKE_SYSTEM_NAME, CMAKE_SYSTEM_PROCESSOR, -mcpu in
# the flags); else the code is for this machine's CPU, as tenonc has it. The
# variables TENON_TARGET and TENON_CPU decide for all models of a folder.
function(tenon_add_model)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;MODEL;PREFIX;TARGET;CPU"
                        "DIMS;SHAPES;VALUES;OPTIONS;DEPENDS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR
            "tenon_add_model: unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  foreach(needed NAME MODEL)
    if(NOT arg_${needed})
      message(FATAL_ERROR "tenon_add_model: ${needed} is missing")
    endif()
  endforeach()
  if(NOT arg_PREFIX)
    string(MAKE_C_IDENTIFIER "${arg_NAME}" arg_PREFIX)
  endif()
  get_filename_component(model "${arg_MODEL}" ABSOLUTE
                         BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  get_source_file_property(generated "${model}" GENERATED)
  if(NOT EXISTS "${model}" AND NOT generated)
    message(FATAL_ERROR "tenon_add_model(${arg_NAME}): no file '${model}'")
  endif()
  set(depends "${model}")
  foreach(file ${arg_DEPENDS})
    get_filename_component(file "${file}" ABSOLUTE
                           BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
    list(APPEND depends "${file}")
  endforeach()

  set(options)
  foreach(pair "DIMS;--dim" "SHAPES;--shape" "VALUES;--value")
    list(GET pair 0 list)
    list(GET pair 1 option)
    foreach(value ${arg_${list}})
      list(APPEND options "${option}" "${value}")
    endforeach()
  endforeach()
  _tenon_target(triple cpu "${arg_TARGET}" "${arg_CPU}")
  if(triple)
    list(APPEND options "--target=${triple}")
  endif()
  if(cpu)
    list(APPEND options "--mcpu=${cpu}")
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.tenon")
  set(library "${folder}/lib${arg_PREFIX}.a")
  file(MAKE_DIRECTORY "${folder}")
  # tenonc knows which files the model refers to; Make learned of such lists in
  # CMake 3.20.
  set(depfile)
  if(CMAKE_GENERATOR MATCHES "Ninja" OR
     (CMAKE_GENERATOR MATCHES "Makefiles" AND
      NOT CMAKE_VERSION VERSION_LESS 3.20))
    set(depfile DEPFILE "${folder}/${arg_PREFIX}.d")
    list(APPEND options "--depfile=${folder}/${arg_PREFIX}.d")
  endif()
  add_custom_command(
    OUTPUT "${library}" "${folder}/${arg_PREFIX}.h"
    COMMAND Tenon::tenonc compile "${model}" -o "${folder}"
            "--prefix=${arg_PREFIX}" --emit=lib,header ${options}
            ${arg_OPTIONS}
    DEPENDS ${depends} "${Tenon_TENONC}"
    ${depfile}
    COMMENT "Compiling ${arg_MODEL}"
    VERBATIM)
  add_custom_target("${arg_NAME}-compile"
    DEPENDS "${library}" "${folder}/${arg_PREFIX}.h")

  add_library("${arg_NAME}" STATIC IMPORTED GLOBAL)
  add_dependencies("${arg_NAME}" "${arg_NAME}-compile")
  set_target_properties("${arg_NAME}" PROPERTIES
    IMPORTED_LOCATION "${library}"
    INTERFACE_INCLUDE_DIRECTORIES "${folder}")
  # The runtime's threads; part of the C library on most systems.
  find_package(Threads QUIET)
  if(TARGET Threads::Threads)
    set_target_properties("${arg_NAME}" PROPERTIES
      INTERFACE_LINK_LIBRARIES Threads::Threads)
  endif()
endfunction()

# The triple and CPU for tenonc, empty where it should decide.
function(_tenon_target triple_out cpu_out triple cpu)
  if(NOT triple)
    set(triple "${TENON_TARGET}")
  endif()
  if(NOT cpu)
    set(cpu "${TENON_CPU}")
  endif()
  if(CMAKE_CROSSCOMPILING OR ANDROID)
    if(NOT triple)
      _tenon_toolchain_triple(triple)
    endif()
    # `-mcpu=cortex-a76+crypto`; features are tenonc's own matter.
    if(NOT cpu AND " ${CMAKE_C_FLAGS}" MATCHES " -mcpu=([^ +]+)")
      set(cpu "${CMAKE_MATCH_1}")
    elseif(NOT cpu AND triple MATCHES "^x86_64" AND
           " ${CMAKE_C_FLAGS}" MATCHES " -march=([^ +]+)")
      set(cpu "${CMAKE_MATCH_1}")
    elseif(NOT cpu AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(cortex|neoverse)-")
      set(cpu "${CMAKE_SYSTEM_PROCESSOR}")
    endif()
  endif()
  set(${triple_out} "${triple}" PARENT_SCOPE)
  set(${cpu_out} "${cpu}" PARENT_SCOPE)
endfunction()

# One of the triples of `tenonc targets` for the toolchain file at hand.
function(_tenon_toolchain_triple out)
  string(TOLOWER "${CMAKE_C_COMPILER_TARGET}" compiler)
  string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
  if(CMAKE_ANDROID_ARCH_ABI STREQUAL "arm64-v8a" OR compiler MATCHES "android")
    set(triple aarch64-linux-android)
  elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND
         (compiler MATCHES "^(aarch64|arm64)-" OR
          processor MATCHES "^(aarch64|arm64)$"))
    set(triple aarch64-linux-gnu)
  elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND
         (compiler MATCHES "^x86_64-" OR processor MATCHES "^(x86_64|amd64)$"))
    set(triple x86_64-linux-gnu)
  elseif(CMAKE_SYSTEM_NAME STREQUAL "iOS")
    set(triple "arm64-apple-ios${CMAKE_OSX_DEPLOYMENT_TARGET}")
    if(CMAKE_OSX_SYSROOT MATCHES "[Ss]imulator")
      string(APPEND triple "-simulator")
    endif()
  elseif(APPLE)
    set(triple arm64-apple-macos)
  elseif(CMAKE_SYSTEM_NAME STREQUAL "Generic" AND
         (compiler MATCHES "^(thumb|arm)" OR
          processor MATCHES "^(cortex-m|arm|thumb)"))
    set(triple thumbv7em-none-eabi)
  else()
    message(FATAL_ERROR
            "tenon_add_model: no target for ${CMAKE_SYSTEM_NAME} on "
            "'${CMAKE_SYSTEM_PROCESSOR}'; give TARGET (see `tenonc targets`)")
  endif()
  set(${out} "${triple}" PARENT_SCOPE)
endfunction()
