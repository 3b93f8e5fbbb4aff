# am_layer(name DEPENDS layers ... LIBRARIES outside ...), called in the layer's
# folder: one object library of the *.c files there. DEPENDS are the layers it may
# include; LIBRARIES are private, so no other layer sees their headers.
add_library(am_flags INTERFACE)
target_compile_options(am_flags INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wno-sign-compare -Wno-missing-field-initializers -Wno-format-truncation -fno-math-errno -ffp-contract=off -fvisibility=hidden)
# POSIX.1-2008 beside C11: mmap, threads, clocks.
target_compile_definitions(am_flags INTERFACE _POSIX_C_SOURCE=200809L)
if(AM_WERROR)
  target_compile_options(am_flags INTERFACE -Werror)
endif()
if(AM_SANITIZE)
  add_compile_options(-fsanitize=${AM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${AM_SANITIZE})
endif()
if(AM_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link -Wno-unknown-warning-option)
endif()

function(am_layer name)
  cmake_parse_arguments(A "" "DIR" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  if(NOT A_SOURCES)
    file(GLOB A_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${A_DIR}/*.c)
  endif()
  if(NOT A_SOURCES)
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} OBJECT ${A_SOURCES})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lib> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>)
  target_link_libraries(${name} PUBLIC ${A_DEPENDS} PRIVATE am_flags ${A_LIBRARIES})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  set_property(GLOBAL APPEND PROPERTY AM_LAYERS ${name})
endfunction()

# am_embed(name PATTERN glob FUNCTION name HEADER file): text files as strings in a layer.
function(am_embed name)
  cmake_parse_arguments(A "" "PATTERN;FUNCTION;HEADER" "" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${A_PATTERN})
  set(embedded ${CMAKE_CURRENT_BINARY_DIR}/${A_FUNCTION}.c)
  add_custom_command(OUTPUT ${embedded}
    COMMAND ${CMAKE_COMMAND} -DOUT=${embedded} -DPATTERN=${A_PATTERN} -DFUNCTION=${A_FUNCTION} -DHEADER=${A_HEADER}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed_templates.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed_templates.cmake VERBATIM)
  target_sources(${name} PRIVATE ${embedded})
endfunction()
