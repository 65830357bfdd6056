# Headers that are parsed once a kind of file instead of once a file: half of a cold build is parsing.
# Off unless asked for (./dev asks): a precompiled header ties every object to its folder, so trees
# beside each other could not share their objects in ccache, and a file that forgets an #include
# compiles. What the presets build without it proves the includes.

option(PHOENIX_PRECOMPILE "Precompile the headers that most files include" OFF)

set(PHOENIX_COMMON_HEADERS <algorithm> <array> <cstdint> <deque> <functional> <map> <memory> <optional>
  <set> <span> <string> <string_view> <tuple> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)

# One for each set of flags: precompiled_pure without exceptions, precompiled_common with them, and
# precompiled_test as the tests are compiled, with gtest.
function(phoenix_precompiled name)
  cmake_parse_arguments(ARG "" "" "HEADERS;OPTIONS;DEPS" ${ARGN})
  set(empty ${CMAKE_BINARY_DIR}/precompiled.cc)
  file(CONFIGURE OUTPUT ${empty} CONTENT "")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${empty})
  target_link_libraries(${name} PRIVATE fmt::fmt ${ARG_DEPS})
  target_compile_options(${name} PRIVATE ${ARG_OPTIONS})
  target_precompile_headers(${name} PRIVATE ${PHOENIX_COMMON_HEADERS} ${ARG_HEADERS})
endfunction()

if(PHOENIX_PRECOMPILE)
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")  # so that ccache knows it again
  phoenix_precompiled(precompiled_pure OPTIONS -fno-exceptions)
  phoenix_precompiled(precompiled_common)
  phoenix_precompiled(precompiled_test OPTIONS ${PHOENIX_TEST_OPTIONS}
    HEADERS <gtest/gtest.h> DEPS GTest::gtest)
endif()

# phoenix_precompile(node pure [HEADERS parts/impl.h]): with HEADERS one of its own, worth it in a
# folder of dozens of files that all include the same; or that of another target, named there.
function(phoenix_precompile target kind)
  cmake_parse_arguments(ARG "" "" "HEADERS" ${ARGN})
  if(NOT PHOENIX_PRECOMPILE)
    return()
  endif()
  if(TARGET "${ARG_HEADERS}")
    target_precompile_headers(${target} REUSE_FROM ${ARG_HEADERS})
  elseif(ARG_HEADERS)
    if(kind STREQUAL test)
      list(PREPEND ARG_HEADERS <gtest/gtest.h>)
    endif()
    target_precompile_headers(${target} PRIVATE ${PHOENIX_COMMON_HEADERS} ${ARG_HEADERS})
  else()
    target_precompile_headers(${target} REUSE_FROM precompiled_${kind})
  endif()
endfunction()
