# Outside libraries, one imported target each, so that a layer links only what
# the table in docs/architecture.md gives it. Installed too: the CMake package
# finds the same for whoever links the static library.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(hdf5 REQUIRED IMPORTED_TARGET hdf5)
# The high-level library (dimension scales) has no pkg-config file of its own.
find_library(HDF5_HL_LIBRARY NAMES hdf5_serial_hl hdf5_hl REQUIRED
             HINTS ${hdf5_LIBRARY_DIRS} PATH_SUFFIXES hdf5/serial)
if(NOT TARGET attnmeter::hdf5)
  add_library(attnmeter::hdf5 INTERFACE IMPORTED)
  target_link_libraries(attnmeter::hdf5 INTERFACE ${HDF5_HL_LIBRARY} PkgConfig::hdf5)
endif()
pkg_check_modules(libdeflate REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET openblas)
# GSL without its gslcblas: those symbols come from OpenBLAS, which we link anyway.
find_library(GSL_LIBRARY gsl REQUIRED)
find_path(GSL_INCLUDE_DIR gsl/gsl_version.h REQUIRED)
if(NOT TARGET attnmeter::gsl)
  add_library(attnmeter::gsl INTERFACE IMPORTED)
  target_link_libraries(attnmeter::gsl INTERFACE ${GSL_LIBRARY} PkgConfig::openblas m)
  target_include_directories(attnmeter::gsl INTERFACE ${GSL_INCLUDE_DIR})
endif()
