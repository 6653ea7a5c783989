#pragma once

// integration/uboot/boot.cmd once more, for tests without a machine.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "backends/boot_record/loader_record.h"
#include "backends/boot_record/loader_script.h"
#include "backends/uboot/redundant_environment.h"
#include "base/block_file.h"
#include "model/slot.h"

namespace cutover {

inline constexpr std::size_t kEnvironmentBytes = 4096;

class UbootScript final : public LoaderScript {
public:
    std::optional<LoaderRecord> load(const BlockFile& disk, std::size_t copy) const override {
        const auto bytes = disk.read(at(copy), kEnvironmentBytes).value_or("");
        auto v = read_environment(bytes);
        const auto is_slot = [&](const char* name) { return v[name] == "a" || v[name] == "b"; };
        const auto is_digit = [&](const char* name) {
            return v[name].size() == 1 && v[name][0] >= '0' && v[name][0] <= '9';
        };
        if (!is_slot("cutover_committed") || !is_digit("cutover_left") ||
            !is_digit("cutover_tries"))
            return std::nullopt;
        if (!is_slot("cutover_trial") && v["cutover_trial"] != "none") return std::nullopt;
        LoaderRecord record{.serial = static_cast<unsigned char>(bytes[4])};
        record.committed = v["cutover_committed"] == "a" ? Slot::a : Slot::b;
        if (is_slot("cutover_trial")) record.trial = v["cutover_trial"] == "a" ? Slot::a : Slot::b;
        record.tries_left = v["cutover_left"][0] - '0';
        record.tries = v["cutover_tries"][0] - '0';
        return record;
    }
    // As U-Boot does it for two valid copies.
    bool newer(const LoaderRecord& a, const LoaderRecord& b) const override {
        if (a.serial == 255 && b.serial == 0) return false;
        return (a.serial == 0 && b.serial == 255) || a.serial > b.serial;
    }
    void count(BlockFile& disk, std::size_t copy, int left) const override {
        const auto bytes = disk.read(at(copy), kEnvironmentBytes).value_or("");
        auto variables = read_environment(bytes);
        variables["cutover_left"] = std::to_string(left);
        (void)disk.write(at(copy), write_environment(variables, static_cast<std::uint8_t>(bytes[4]),
                                                     kEnvironmentBytes));
        (void)disk.sync();
    }

private:
    static std::uint64_t at(std::size_t copy) { return copy * kEnvironmentBytes; }
};

}  // namespace cutover
