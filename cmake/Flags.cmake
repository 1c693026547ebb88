# Compiler flags that every target of the tree gets.

option(REJIT_SANITIZE "AddressSanitizer and UBSan in everything that runs outside the target; the agent is not built" OFF)
option(REJIT_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(REJIT_TESTS "Build the tests" ON)
option(REJIT_WERROR "Treat warnings as errors" ON)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

find_program(CCACHE ccache)
if(CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE}")
endif()

add_compile_definitions(_GNU_SOURCE)

set(REJIT_WARNINGS
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wmissing-declarations
    -Wimplicit-fallthrough -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wdouble-promotion
    -Wfloat-conversion -Wredundant-decls -Wnested-externs -Walloca)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND REJIT_WARNINGS -Wlogical-op -Wduplicated-cond -Wtrampolines -Wjump-misses-init)
else()
    list(APPEND REJIT_WARNINGS -Wnull-dereference -Wshift-sign-overflow -Wcomma -Wunreachable-code-break)
endif()
if(REJIT_WERROR)
    list(APPEND REJIT_WARNINGS -Werror)
endif()
add_compile_options(${REJIT_WARNINGS})

# Type punning is the daily work of code that reads another runtime's memory. Frame pointers: the agent's stack walks and
# perf follow them.
add_compile_options(-fno-strict-aliasing -fno-omit-frame-pointer)

if(REJIT_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "REJIT_FUZZ needs clang: use the preset 'fuzz'")
    endif()
    set(REJIT_SANITIZE ON)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(REJIT_SANITIZE)
    # Compiling takes longer than running: what the optimizer gains it costs more than once.
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -O1 -g1)
    add_link_options(-fsanitize=address,undefined)
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" OR CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed)
