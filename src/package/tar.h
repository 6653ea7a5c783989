#pragma once

// The outer tar, of which every byte is decided by the members' names and sizes: ustar headers with
// mode 0644, owner 0 and time 0; for 8 GiB and more a pax record `size` before.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "base/error.h"

namespace cutover::tar {

inline constexpr std::size_t kBlock = 512;
inline constexpr std::uint64_t kLargestPlain = 077777777777;  // what the ustar header holds

std::string header(std::string_view name, std::uint64_t size);
std::size_t padding(std::uint64_t size);  // zero bytes after the content
std::string end_mark();

struct Entry {
    std::string name;
    std::uint64_t size = 0;
};

// Reads an archive from a source, byte by byte as header() would have written it.
class Reader {
public:
    explicit Reader(ByteSource& source) : source_(&source) {}

    // The next member's header, or nothing at the end mark, after which the source must end. The
    // content and padding of the one before must have been read.
    struct Next {
        bool end = false;
        Entry entry;
    };
    Result<Next> next();

    // Exactly as many bytes as `buffer` has.
    Result<> read(std::span<std::byte> buffer);
    Result<> read_padding(std::uint64_t size);

    std::uint64_t position() const { return position_; }
    bool began_with_script() const { return script_; }

private:
    Result<Entry> read_entry(std::string_view first_block);

    ByteSource* source_;
    std::uint64_t position_ = 0;
    bool script_ = false;
};

}  // namespace cutover::tar
