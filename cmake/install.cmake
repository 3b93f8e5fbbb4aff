# cmake --install: the program, the static library with its public headers, a
# CMake package, a pkg-config file, the embedded model and texts.
include(CMakePackageConfigHelpers)

# lib/attnmeter.h includes them all; the install tests compile it from a prefix.
set(public_lib
  attnmeter.h
  base/datadir.h base/error.h base/mem.h base/progress.h base/text.h base/threads.h
  model/config.h model/forward.h model/model.h model/tap.h model/tokenizer.h
  runfile/reader.h runfile/schema.h runfile/shadow_fields.h runfile/writer.h
  select/selector.h select/spec.h
  task/evaluate.h task/generate.h task/score.h task/tasks.h)
set(public_top
  analysis/aggregate_options.h analysis/bootstrap.h analysis/bootstrap_blocks.h analysis/compare.h analysis/coverage.h
  analysis/entropy.h analysis/evaluation.h analysis/metric.h analysis/pair_table.h analysis/plot.h analysis/rank_tests.h analysis/recall.h
  analysis/table.h analysis/targets.h
  kernels/gemm.h kernels/kernels.h kernels/rope.h
  probes/run.h
  report/page.h)

function(install_headers root)
  foreach(header IN LISTS ARGN)
    get_filename_component(folder ${header} DIRECTORY)
    install(FILES ${root}/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/attnmeter/${folder})
  endforeach()
endfunction()
install_headers(${PROJECT_SOURCE_DIR}/lib ${public_lib})
install_headers(${PROJECT_SOURCE_DIR} ${public_top})
install_headers(${PROJECT_BINARY_DIR}/generated base/version.h)

install(TARGETS attnmeter EXPORT attnmeter ARCHIVE)
# What the Debian package holds is the component "program"; all else is for building against it.
install(TARGETS am_program RUNTIME COMPONENT program)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/base DESTINATION ${CMAKE_INSTALL_DATADIR}/attnmeter/models
        COMPONENT program)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/data DESTINATION ${CMAKE_INSTALL_DATADIR}/attnmeter COMPONENT program)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/attnmeter COMPONENT program)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT program)

set(completion ${PROJECT_SOURCE_DIR}/cli/completion)
install(FILES ${completion}/attnmeter.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME attnmeter COMPONENT program)
install(FILES ${completion}/_attnmeter DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT program)
install(FILES ${completion}/attnmeter.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
        COMPONENT program)
if(NOT CMAKE_CROSSCOMPILING)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/attnmeter)
configure_package_config_file(cmake/attnmeterConfig.cmake.in attnmeterConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(attnmeterConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT attnmeter NAMESPACE attnmeter:: FILE attnmeterTargets.cmake DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/attnmeterConfig.cmake ${PROJECT_BINARY_DIR}/attnmeterConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/dependencies.cmake DESTINATION ${package})

# The prefix follows from where the file lies, so that it can be moved.
set(pc_folder /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_to_prefix ${pc_folder} /prefix)
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
configure_file(cmake/attnmeter.pc.in attnmeter.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/attnmeter.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

include(cmake/package.cmake)
