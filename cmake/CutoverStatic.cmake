# A nearly static agent, for small devices: with CUTOVER_STATIC, what Debian has as a static library
# is linked in, unused parts of it are left out, and nothing of it is visible outside. Shared stay
# libc, OpenSSL (a base gets its security fixes with the system's), libcurl, which needs that too,
# and libsystemd, of which there is no static one.

option(CUTOVER_STATIC "Link the programs against static libraries where there are some" OFF)

set(CUTOVER_FMT fmt::fmt)
set(CUTOVER_SPDLOG spdlog::spdlog)
set(CUTOVER_TOML tomlplusplus::tomlplusplus)
if(CUTOVER_STATIC)
    # Debian has no static ones of these; in their headers is all of them.
    set(CUTOVER_FMT fmt::fmt-header-only)
    set(CUTOVER_SPDLOG spdlog::spdlog_header_only)
    add_library(cutover_toml_headers INTERFACE)
    target_compile_definitions(cutover_toml_headers INTERFACE TOML_HEADER_ONLY=1)
    set(CUTOVER_TOML cutover_toml_headers)
    add_compile_options(-ffunction-sections -fdata-sections -fvisibility=hidden
        -fvisibility-inlines-hidden)
    add_link_options(-static-libstdc++ -static-libgcc -Wl,--gc-sections -Wl,--as-needed
        -Wl,--exclude-libs,ALL -Wl,-O1)
endif()

foreach(kept OpenSSL::SSL OpenSSL::Crypto)
    set_property(GLOBAL PROPERTY cutover_static_${kept} TRUE)
endforeach()

# Turns the imported shared libraries that these lead to into static ones, where there are some.
function(cutover_prefer_static)
    foreach(name ${ARGN})
        get_property(seen GLOBAL PROPERTY cutover_static_${name})
        if(seen OR NOT TARGET ${name})
            continue()
        endif()
        set_property(GLOBAL PROPERTY cutover_static_${name} TRUE)
        get_target_property(alias ${name} ALIASED_TARGET)
        if(alias)
            cutover_prefer_static(${alias})
            continue()
        endif()
        foreach(property IMPORTED_LOCATION IMPORTED_LOCATION_NONE IMPORTED_LOCATION_RELEASE)
            get_target_property(location ${name} ${property})
            if(location MATCHES "\\.so")
                string(REGEX REPLACE "\\.so.*$" ".a" static ${location})
                if(EXISTS ${static})
                    set_target_properties(${name} PROPERTIES ${property} ${static})
                endif()
            endif()
        endforeach()
        get_target_property(next ${name} INTERFACE_LINK_LIBRARIES)
        if(next)
            cutover_prefer_static(${next})
        endif()
    endforeach()
endfunction()
