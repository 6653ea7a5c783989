#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "backends/boot_record/loader_record.h"

namespace cutover {

// The record as a GRUB environment block: 1024 bytes of text that load_env and save_env of
// integration/grub/grub.cfg read and write, and a person can read too:
//
//     # GRUB Environment Block
//     cutover_seq=42
//     cutover_committed=a
//     cutover_trial=b              (or none)
//     cutover_left=1               (boots that the trial may still use)
//     cutover_tries=2
//     cutover_check=42.a.b.1.2     (all of the above once more)
//     ####...                      (to the end)
//
// GRUB cannot compute a checksum; it can compare two texts. So the check line says everything
// again, and a block in which any of it was damaged does not count. All text is in the first 512
// bytes: changing a record writes one sector, which is old or new after a power cut.
inline constexpr std::size_t kEnvironmentBlockBytes = 1024;

class EnvironmentBlock final : public RecordFormat {
public:
    std::size_t size() const override { return kEnvironmentBlockBytes; }
    std::string encode(const LoaderRecord& record) const override;
    std::optional<LoaderRecord> decode(std::string_view bytes) const override;
    bool newer(std::uint32_t a, std::uint32_t b) const override { return a > b; }
    // Nine digits: one change a second for 30 years.
    std::uint32_t after(std::uint32_t serial) const override {
        return serial == 0 ? 2 : serial + 1;
    }
    std::uint32_t before(std::uint32_t serial) const override { return serial - 1; }
};

// The variables as GRUB's load_env reads them; empty when it would refuse the block.
LoaderVariables read_environment_block(std::string_view bytes);

// As GRUB's save_env does it: the value of `name` is replaced where it stands, what follows moves,
// and '#' fills the end. Nothing when GRUB would refuse.
std::optional<std::string> with_variable(std::string_view block, std::string_view name,
                                         std::string_view value);

}  // namespace cutover
