# Finds the libraries from outside, all of them Debian packages (tools/packages.txt), and gives each
# one target that a folder's DEPS can name:
#
#   Boost::headers Boost::json Boost::url   Asio and Beast are header-only: Boost::headers
#   OpenSSL::SSL OpenSSL::Crypto sodium re2 SQLite::SQLite3   yaml-cpp   tl::expected
#   PostgreSQL::PostgreSQL (libpq)          ZLIB::ZLIB
#   fmt::fmt spdlog::spdlog                 prometheus-cpp::core         CLI11::CLI11
#   GTest::gtest GTest::gmock rapidcheck    benchmark::benchmark
#
# rapidcheck, re2 and sodium are written out by hand: Debian's rapidcheckConfig.cmake points to an
# include folder that does not exist, and the other two have no CMake file.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS headers json url)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(tl-expected REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)

# phoenix_plain_library(sodium HEADER sodium.h): a library known by nothing but its two files.
function(phoenix_plain_library name)
  cmake_parse_arguments(ARG "" "HEADER" "" ${ARGN})
  find_library(PHOENIX_${name}_LIBRARY ${name} REQUIRED)
  find_path(PHOENIX_${name}_INCLUDE ${ARG_HEADER} REQUIRED)
  mark_as_advanced(PHOENIX_${name}_LIBRARY PHOENIX_${name}_INCLUDE)
  add_library(${name} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES
    IMPORTED_LOCATION ${PHOENIX_${name}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${PHOENIX_${name}_INCLUDE})
endfunction()

phoenix_plain_library(re2 HEADER re2/re2.h)
phoenix_plain_library(sodium HEADER sodium.h)
phoenix_plain_library(rapidcheck HEADER rapidcheck.h)
