# Build rules shared by all folders.
#
#   phoenix_library(node SOURCES a.cc b.cc DEPS ring fmt::fmt [PURE] [PLANTED] [PRECOMPILE parts/impl.h])
#     One static library per folder. PURE: no exceptions, as the deterministic core.
#     PLANTED, or on top of one that is: beside it stands node_planted, built only when something
#     links it, the same sources with PHOENIX_PLANTED_BUGS (src/base/planted.h), on top of the
#     planted form of its DEPS. So phoenix_program(x_planted … DEPS sim_planted) is the one extra
#     build that proves the simulator.
#     PRECOMPILE: headers that nearly all of its files include (phoenix_precompiled.cmake).
#   phoenix_test(base_test SOURCES a_test.cc DEPS base [LABELS unit] [TIMEOUT 120] [PRECOMPILE a.h]
#                [OPTIMISED])
#     PRECOMPILE: as above, or another test whose precompiled headers it has too.
#     OPTIMISED: for one that computes for seconds. The linker takes inline functions of the headers
#     from the test's own objects, so what is tested would be slow as well. Nothing
#     is precompiled for it.
#   phoenix_fuzz(json_fuzz SOURCES json_fuzz.cc DEPS api CORPUS dir)
#     Built with libFuzzer under the asan preset; elsewhere it replays its corpus as a test.
#   Labels with a meaning for tools/run_tests.py: serial = nothing runs beside it; once = not
#   repeated under the sanitizers; fuzz = a fuzz target.
#   phoenix_program(phoenix SOURCES main.cc DEPS cli)
#
# The names of the outside libraries that DEPS may use stand in phoenix_packages.cmake.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

option(PHOENIX_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer, and libFuzzer" OFF)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
add_link_options(-fuse-ld=lld)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
if(PHOENIX_SANITIZE)
  # With the counters of the fuzzer, so that one build serves both.
  add_compile_options(-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# What is tested is optimised; the tests themselves are not, which halves the time to compile them.
set(PHOENIX_TEST_OPTIONS -O0)
if(PHOENIX_SANITIZE)
  # Nor are they fuzzed, and what is left out of them here asks at each pointer that they follow; the
  # program's own code is asked. All that was half of the time to compile them.
  list(APPEND PHOENIX_TEST_OPTIONS -fno-sanitize=fuzzer-no-link,null,alignment,vptr,object-size)
endif()
include(phoenix_packages)
include(phoenix_precompiled)

function(phoenix_library name)
  cmake_parse_arguments(ARG "PURE;PLANTED" "" "SOURCES;DEPS;PRECOMPILE" ${ARGN})
  set(planted ${ARG_PLANTED})
  set(planted_deps)
  foreach(dep ${ARG_DEPS})
    if(TARGET ${dep}_planted)
      set(planted TRUE)
      list(APPEND planted_deps ${dep}_planted)
    else()
      list(APPEND planted_deps ${dep})
    endif()
  endforeach()
  set(libraries ${name})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
  if(planted)
    list(APPEND libraries ${name}_planted)
    add_library(${name}_planted STATIC EXCLUDE_FROM_ALL ${ARG_SOURCES})
    target_link_libraries(${name}_planted PUBLIC ${planted_deps})
    target_compile_definitions(${name}_planted PUBLIC PHOENIX_PLANTED_BUGS)
  endif()
  foreach(library ${libraries})
    target_include_directories(${library} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    set(kind common)
    if(ARG_PURE)
      set(kind pure)
      target_compile_options(${library} PRIVATE -fno-exceptions)
    endif()
    phoenix_precompile(${library} ${kind} HEADERS ${ARG_PRECOMPILE})
  endforeach()
endfunction()

function(phoenix_test name)
  cmake_parse_arguments(ARG "OPTIMISED" "TIMEOUT" "SOURCES;DEPS;LABELS;PRECOMPILE" ${ARGN})
  if(PHOENIX_SANITIZE AND "once" IN_LIST ARG_LABELS)
    return()  # nobody would run it
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest_main Threads::Threads)
  if(NOT ARG_OPTIMISED)  # what is precompiled is not either
    target_compile_options(${name} PRIVATE ${PHOENIX_TEST_OPTIONS})
    phoenix_precompile(${name} test HEADERS ${ARG_PRECOMPILE})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

function(phoenix_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} Threads::Threads)
endfunction()

# `fuzzers` builds all of them. In the pass named fuzz tools/run_tests.py adds libFuzzer's options.
add_custom_target(fuzzers)

function(phoenix_fuzz name)
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_CORPUS)
    message(FATAL_ERROR "phoenix_fuzz(${name}) has no CORPUS: name the folder of its stored inputs")
  endif()
  get_filename_component(corpus ${ARG_CORPUS} ABSOLUTE)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} Threads::Threads)
  if(PHOENIX_SANITIZE)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set(replay -runs=0)
  else()
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tools/replay_corpus.cc)
    set(replay)
  endif()
  add_dependencies(fuzzers ${name})
  add_test(NAME ${name} COMMAND ${name} ${replay} ${corpus})
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
