# With CUTOVER_PRECOMPILED, what nearly every file includes is compiled once for all of them. Off
# where it matters that each file includes what it uses: clang-tidy sees to that.

option(CUTOVER_PRECOMPILED "Compile the headers of the standard library, fmt and GoogleTest once" OFF)

set(CUTOVER_PRECOMPILED_HEADERS
    <algorithm> <array> <atomic> <chrono> <condition_variable> <cstddef> <cstdint> <deque>
    <expected> <filesystem> <fstream> <functional> <map> <memory> <mutex> <optional> <set> <span>
    <stop_token> <string> <string_view> <system_error> <thread> <utility> <variant> <vector>
    <fmt/core.h> <fmt/format.h>)

# One for the libraries, one for those of the doors, one for tests.
function(cutover_precompiled name)
    file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp "")
    add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
    target_link_libraries(${name} PRIVATE cutover_options fmt::fmt ${ARGN})
    target_precompile_headers(${name} PRIVATE ${CUTOVER_PRECOMPILED_HEADERS})
    target_compile_options(${name} PUBLIC "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
endfunction()

if(CUTOVER_PRECOMPILED)
    cutover_precompiled(cutover_precompiled)
    if(CUTOVER_GRPC)
        cutover_precompiled(cutover_precompiled_doors gRPC::grpc++)
        target_precompile_headers(cutover_precompiled_doors PRIVATE <grpcpp/grpcpp.h>)
    endif()
    if(BUILD_TESTING)
        cutover_precompiled(cutover_precompiled_tests GTest::gmock)
        target_precompile_headers(cutover_precompiled_tests PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
    endif()
endif()

# Has the target use them, if any.
function(cutover_use_precompiled target which)
    if(TARGET ${which})
        target_precompile_headers(${target} REUSE_FROM ${which})
    endif()
endfunction()
