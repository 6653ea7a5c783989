#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "backends/boot_record/loader_record.h"

namespace cutover {

// The record as one copy of U-Boot's redundant environment, the format of CONFIG_ENV_REDUNDANT,
// libubootenv and mkenvimage -r:
//
//     CRC32 of the data, 4 bytes, little endian
//     flag, 1 byte: the serial; the copy with the higher one counts, and 0 comes after 255
//     data: name=value NUL ... NUL, filled up with NUL
//
// The variables fit into the first 512 bytes: changing a record changes one sector.
//
// Not through libubootenv: it writes one copy a change and cannot bring the other into agreement,
// and it does not look at what fsync(2) answers.
class RedundantEnvironment final : public RecordFormat {
public:
    explicit RedundantEnvironment(std::size_t size) : size_(size) {}

    std::size_t size() const override { return size_; }
    std::string encode(const LoaderRecord& record) const override;
    std::optional<LoaderRecord> decode(std::string_view bytes) const override;
    bool newer(std::uint32_t a, std::uint32_t b) const override;
    std::uint32_t after(std::uint32_t serial) const override { return (serial + 1) % 256; }
    std::uint32_t before(std::uint32_t serial) const override { return (serial + 255) % 256; }

private:
    std::size_t size_;
};

// The variables of a copy; empty when its CRC is wrong.
LoaderVariables read_environment(std::string_view bytes);

// A copy with these variables, `size` bytes long.
std::string write_environment(const LoaderVariables& variables, std::uint8_t flag,
                              std::size_t size);

}  // namespace cutover
