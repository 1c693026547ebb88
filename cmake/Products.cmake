# The three deliverables, each made as soon as its room exists: bin/rejit, lib/librejit_agent.so, lib/librejit.so.

# The fuzz preset has main functions of its own.
if(REJIT_FUZZ)
    return()
endif()

# rejit_product_objects(<target> <room>): the room's own objects; the rooms below it are linked as archives.
macro(rejit_product_objects target room)
    target_sources(${target} PRIVATE "$<TARGET_OBJECTS:rejit_${room}>")
    get_target_property(_uses rejit_${room} LINK_LIBRARIES)
    if(_uses)
        target_link_libraries(${target} PRIVATE ${_uses})
    endif()
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin" LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
endmacro()

# rejit_export_list(<target> <file>): export what the version script names and nothing else.
function(rejit_export_list target file)
    target_link_options(${target} PRIVATE "-Wl,--version-script=${file}" -Wl,--no-undefined)
    set_target_properties(${target} PROPERTIES LINK_DEPENDS "${file}")
endfunction()

# Loaded into the application: libc only, never unloaded, all symbols bound at load, no sanitizer.
if(TARGET rejit_agent AND NOT REJIT_SANITIZE)
    add_library(librejit_agent SHARED)
    set_target_properties(librejit_agent PROPERTIES OUTPUT_NAME rejit_agent)
    rejit_product_objects(librejit_agent agent)
    rejit_export_list(librejit_agent "${CMAKE_SOURCE_DIR}/cmake/agent.map")
    target_link_options(librejit_agent PRIVATE -Wl,-z,nodelete)
elseif(REJIT_SANITIZE)
    # The sanitized command looks for an agent beside itself: the one that ships.
    file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
    file(CREATE_LINK "${CMAKE_SOURCE_DIR}/build/release/lib/librejit_agent.so" "${CMAKE_BINARY_DIR}/lib/librejit_agent.so"
        SYMBOLIC)
endif()

if(TARGET rejit_client)
    add_library(librejit SHARED)
    set_target_properties(librejit PROPERTIES OUTPUT_NAME rejit VERSION "${PROJECT_VERSION}" SOVERSION "${PROJECT_VERSION_MAJOR}")
    rejit_product_objects(librejit client)
    rejit_export_list(librejit "${CMAKE_SOURCE_DIR}/cmake/client.map")
    target_include_directories(librejit INTERFACE "${CMAKE_SOURCE_DIR}/include")
endif()

if(TARGET rejit_cli)
    add_executable(rejit)
    rejit_product_objects(rejit cli)
endif()

# What `./dev build` makes: the deliverables without the tests.
add_custom_target(products)
foreach(product librejit_agent librejit rejit)
    if(TARGET ${product})
        add_dependencies(products ${product})
    endif()
endforeach()
