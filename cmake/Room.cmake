# The parts list of a room, a unit test and a fuzz target.

configure_file("${CMAKE_SOURCE_DIR}/cmake/version.h.in" "${CMAKE_BINARY_DIR}/generated/rejit-version.h" @ONLY)

# rejit_room(NAME <room> SOURCES <file.c>... [USES <room>...] [LIBS <library>...])
# Makes the static library rejit_<room>. Includes are written "<room>/<file>.h"; only what USES names is linked.
function(rejit_room)
    cmake_parse_arguments(R "" "NAME" "SOURCES;USES;LIBS" ${ARGN})
    if(R_UNPARSED_ARGUMENTS OR NOT R_NAME OR NOT R_SOURCES)
        message(FATAL_ERROR "rejit_room: NAME and SOURCES are needed; not understood: '${R_UNPARSED_ARGUMENTS}'")
    endif()
    set(target "rejit_${R_NAME}")
    add_library(${target} STATIC ${R_SOURCES})
    target_include_directories(${target} PUBLIC
        "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include" "${CMAKE_BINARY_DIR}/generated")
    if(NOT R_NAME STREQUAL "base")
        list(APPEND R_USES base) # open to all
        list(REMOVE_DUPLICATES R_USES)
    endif()
    list(TRANSFORM R_USES PREPEND rejit_)
    target_link_libraries(${target} PUBLIC ${R_USES} ${R_LIBS})
endfunction()

# rejit_test(NAME <name> ROOM <room> SOURCES <file.c>... [LIBS <library>...] [LABEL <label>] [TIMEOUT <s>] [ARGS <arg>...])
# A cmocka program, run by CTest as <name> with the label unit unless LABEL says otherwise. REJIT_SOURCE_DIR and
# REJIT_BINARY_DIR are defined in it as strings.
function(rejit_test)
    cmake_parse_arguments(T "" "NAME;ROOM;LABEL;TIMEOUT" "SOURCES;LIBS;ARGS" ${ARGN})
    if(T_UNPARSED_ARGUMENTS OR NOT T_NAME OR NOT T_ROOM OR NOT T_SOURCES)
        message(FATAL_ERROR "rejit_test: NAME, ROOM and SOURCES are needed; not understood: '${T_UNPARSED_ARGUMENTS}'")
    endif()
    if(NOT T_LABEL)
        set(T_LABEL unit)
    endif()
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 120)
    endif()
    set(target "test_${T_NAME}")
    add_executable(${target} ${T_SOURCES})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    target_compile_definitions(${target} PRIVATE
        REJIT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" REJIT_BINARY_DIR="${CMAKE_BINARY_DIR}")
    target_link_libraries(${target} PRIVATE "rejit_${T_ROOM}" ${T_LIBS} cmocka)
    add_test(NAME ${T_NAME} COMMAND ${target} ${T_ARGS})
    set_tests_properties(${T_NAME} PROPERTIES LABELS "${T_LABEL}" TIMEOUT "${T_TIMEOUT}" ENVIRONMENT "${REJIT_TEST_ENV}")
endfunction()

# rejit_command_test(NAME <name> LABEL <label> COMMAND <command>... [TIMEOUT <s>] [SERIAL])
# Any other program or script as a test: exit code 0 passes.
function(rejit_command_test)
    cmake_parse_arguments(T "SERIAL" "NAME;LABEL;TIMEOUT" "COMMAND" ${ARGN})
    if(T_UNPARSED_ARGUMENTS OR NOT T_NAME OR NOT T_LABEL OR NOT T_COMMAND)
        message(FATAL_ERROR "rejit_command_test: NAME, LABEL and COMMAND are needed; not understood: '${T_UNPARSED_ARGUMENTS}'")
    endif()
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 120)
    endif()
    add_test(NAME ${T_NAME} COMMAND ${T_COMMAND} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${T_NAME} PROPERTIES LABELS "${T_LABEL}" TIMEOUT "${T_TIMEOUT}" RUN_SERIAL "${T_SERIAL}"
        ENVIRONMENT "REJIT_BUILD=${CMAKE_BINARY_DIR};${REJIT_TEST_ENV}")
endfunction()

# rejit_fuzz(NAME <name> ROOM <room> SOURCES <file.c>... [CORPUS <dir>] [MAX_LEN <bytes>])
# A libFuzzer target, built in the preset fuzz and nowhere else. It runs for REJIT_FUZZ_SECONDS over the kept corpus, which
# stays as it is: new inputs go to the build tree.
set(REJIT_FUZZ_SECONDS 10 CACHE STRING "How long each fuzz target runs in CTest")
function(rejit_fuzz)
    cmake_parse_arguments(F "" "NAME;ROOM;CORPUS;MAX_LEN" "SOURCES;LIBS" ${ARGN})
    if(F_UNPARSED_ARGUMENTS OR NOT F_NAME OR NOT F_ROOM OR NOT F_SOURCES)
        message(FATAL_ERROR "rejit_fuzz: NAME, ROOM and SOURCES are needed; not understood: '${F_UNPARSED_ARGUMENTS}'")
    endif()
    if(NOT REJIT_FUZZ)
        return()
    endif()
    if(NOT F_CORPUS)
        set(F_CORPUS "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${F_NAME}")
    endif()
    if(NOT F_MAX_LEN)
        set(F_MAX_LEN 65536)
    endif()
    if(NOT EXISTS "${F_CORPUS}")
        message(FATAL_ERROR "fuzz target ${F_NAME}: no corpus in ${F_CORPUS}")
    endif()
    set(target "fuzz_${F_NAME}")
    set(found "${CMAKE_BINARY_DIR}/fuzz/found/${F_NAME}")
    file(MAKE_DIRECTORY "${found}")
    add_executable(${target} ${F_SOURCES})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
    target_link_libraries(${target} PRIVATE "rejit_${F_ROOM}" ${F_LIBS})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    math(EXPR timeout "${REJIT_FUZZ_SECONDS} + 60")
    add_test(NAME fuzz_${F_NAME}
        COMMAND ${target} -max_total_time=${REJIT_FUZZ_SECONDS} -timeout=5 -rss_limit_mb=2048 -max_len=${F_MAX_LEN}
            -print_final_stats=1 -artifact_prefix=${CMAKE_BINARY_DIR}/fuzz/crash-${F_NAME}- "${found}" "${F_CORPUS}")
    set_tests_properties(fuzz_${F_NAME} PROPERTIES LABELS fuzz TIMEOUT ${timeout})
endfunction()

# What the sanitizers must do in a test: stop at the first finding.
set(REJIT_TEST_ENV
    "ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1" "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")
