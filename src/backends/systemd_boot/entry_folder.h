#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cutover {

// The folder loader/entries of an EFI system partition. Behind an interface, because FAT keeps few
// promises when power fails, and a test must be able to break all the others.
//
// Each call is durable when it returns. A power cut inside one leaves
//   create    no file, or one with any content at all
//   rewrite   the old or the new content: one sector is written where it lies, and nothing else
//   remove    the file, or none; or a file whose clusters belong to nobody
class EntryFolder {
public:
    virtual ~EntryFolder() = default;
    virtual Result<std::vector<std::string>> list() const = 0;
    virtual Result<std::string> read(std::string_view name) const = 0;
    virtual Result<> create(std::string_view name, std::string_view content) = 0;
    // `content` is as long as what is there.
    virtual Result<> rewrite(std::string_view name, std::string_view content) = 0;
    virtual Result<> remove(std::string_view name) = 0;

    static Result<std::unique_ptr<EntryFolder>> open(const std::filesystem::path& esp);
};

}  // namespace cutover
