# One target per folder: cutover_library(<folder> SOURCES ... DEPS ... TESTS ...).
# Headers live beside sources and are included from src/: #include "engine/engine.h".

option(CUTOVER_WERROR "Treat warnings as errors (on in every preset)" ON)
option(CUTOVER_GRPC "Build the doors and the programs, which need gRPC" ON)
# A device needs one boot loader's back-end; what it does not need it can leave out.
option(CUTOVER_BACKEND_EMULATED "Build the emulated device and the boot record of tests" ON)
option(CUTOVER_BACKEND_GRUB "Build the back-end for GRUB" ON)
option(CUTOVER_BACKEND_UBOOT "Build the back-end for U-Boot" ON)
option(CUTOVER_BACKEND_SYSTEMD_BOOT "Build the back-end for systemd-boot" ON)
option(CUTOVER_BACKEND_SYSTEMD "Build what talks to systemd, which needs libsystemd" ON)
option(CUTOVER_BACKEND_OVERLAY "Build packages on top of real devices' bases, which needs systemd" ON)
option(CUTOVER_DOOR_DMI "Build the door for the Device Management Interface" ON)
option(CUTOVER_DOOR_GNOI "Build the door for OpenConfig's gNOI" ON)
option(CUTOVER_CONFIG "Build the configuration that YANG modules describe, which needs libyang" ON)
option(CUTOVER_KAFKA "Build the delivery of events to Kafka, which needs librdkafka" ON)
option(CUTOVER_METRICS "Build the metrics for Prometheus, which need prometheus-cpp" ON)
option(CUTOVER_FUZZ "Build the fuzz targets (clang only)" OFF)

# ccache, where it is installed, makes switching between branches and presets cheap.
find_program(CUTOVER_CCACHE ccache)
if(CUTOVER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # What ccache must be told to let it work with precompiled headers.
    set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${CUTOVER_CCACHE})
endif()

add_library(cutover_options INTERFACE)
target_compile_features(cutover_options INTERFACE cxx_std_23)
target_include_directories(cutover_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(cutover_options INTERFACE
    CUTOVER_VERSION="${PROJECT_VERSION}")
target_compile_options(cutover_options INTERFACE
    -pthread  # some libraries ask for it, and then all must agree
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
    -Woverloaded-virtual -Wsuggest-override -Wswitch-enum -Wformat=2 -Wno-missing-field-initializers
    $<$<BOOL:${CUTOVER_WERROR}>:-Werror>
    # GCC 12 sees both where std::optional and std::string are inlined and nothing is wrong.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    # And these where the standard library's headers are precompiled.
    "$<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CUTOVER_PRECOMPILED}>>:-Wno-array-bounds;-Wno-stringop-overread;-Wno-stringop-overflow>"
    # std::stable_sort of libstdc++ 12 calls what it calls deprecated.
    $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)

add_custom_target(tests)  # all that ctest runs

function(cutover_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;TESTS" ${ARGN})
    if(ARG_SOURCES)
        add_library(cutover_${name} STATIC ${ARG_SOURCES})
        target_link_libraries(cutover_${name} PUBLIC cutover_options ${ARG_DEPS})
        if(name MATCHES "^doors_")
            cutover_use_precompiled(cutover_${name} cutover_precompiled_doors)
        else()
            cutover_use_precompiled(cutover_${name} cutover_precompiled)
        endif()
    else()
        add_library(cutover_${name} INTERFACE)
        target_link_libraries(cutover_${name} INTERFACE cutover_options ${ARG_DEPS})
    endif()
    add_library(cutover::${name} ALIAS cutover_${name})

    if(BUILD_TESTING AND ARG_TESTS)
        add_executable(cutover_${name}_test ${ARG_TESTS})
        target_link_libraries(cutover_${name}_test PRIVATE cutover::${name} GTest::gmock GTest::gtest_main)
        cutover_use_precompiled(cutover_${name}_test cutover_precompiled_tests)
        add_dependencies(tests cutover_${name}_test)
        include(GoogleTest)
        gtest_discover_tests(cutover_${name}_test TEST_PREFIX "${name}/" NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60
            PROPERTIES TIMEOUT 120)
    endif()
endfunction()
