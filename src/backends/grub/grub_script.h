#pragma once

// integration/grub/grub.cfg once more, for tests without a machine.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <regex>
#include <string>

#include "backends/boot_record/loader_record.h"
#include "backends/boot_record/loader_script.h"
#include "backends/grub/environment_block.h"
#include "base/block_file.h"
#include "model/slot.h"

namespace cutover {

class GrubScript final : public LoaderScript {
public:
    explicit GrubScript(std::array<std::uint64_t, 2> offsets) : offsets_(offsets) {}

    std::optional<LoaderRecord> load(const BlockFile& disk, std::size_t copy) const override {
        auto v = read_environment_block(disk.read(at(copy), kEnvironmentBlockBytes).value_or(""));
        static const std::regex form(R"(([1-9][0-9]{0,8})\.([ab])\.(a|b|none)\.([0-9])\.([0-9]))");
        std::smatch found;
        const std::string check = v["cutover_check"];
        const auto again = v["cutover_seq"] + "." + v["cutover_committed"] + "." +
                           v["cutover_trial"] + "." + v["cutover_left"] + "." + v["cutover_tries"];
        if (check != again || !std::regex_match(check, found, form)) return std::nullopt;
        LoaderRecord record{.serial = static_cast<std::uint32_t>(std::stoul(found[1]))};
        record.committed = found[2] == "a" ? Slot::a : Slot::b;
        if (found[3] != "none") record.trial = found[3] == "a" ? Slot::a : Slot::b;
        record.tries_left = std::stoi(found[4]);
        record.tries = std::stoi(found[5]);
        return record;
    }
    bool newer(const LoaderRecord& a, const LoaderRecord& b) const override {
        return a.serial > b.serial;
    }
    void count(BlockFile& disk, std::size_t copy, int left) const override {
        const auto block = disk.read(at(copy), kEnvironmentBlockBytes).value_or("");
        auto v = read_environment_block(block);
        const auto check = v["cutover_seq"] + "." + v["cutover_committed"] + "." +
                           v["cutover_trial"] + "." + std::to_string(left) + "." +
                           v["cutover_tries"];
        auto changed = with_variable(block, "cutover_left", std::to_string(left));
        if (changed) changed = with_variable(*changed, "cutover_check", check);
        if (!changed) return;
        (void)disk.write(at(copy), *changed);
        (void)disk.sync();
    }

private:
    std::uint64_t at(std::size_t copy) const { return offsets_.at(copy); }

    std::array<std::uint64_t, 2> offsets_;
};

}  // namespace cutover
