#pragma once

// A folder as a tar stream and back: the content of a payload of type `tree`.
//
// The stream is as plain as it can be, so that equal folders give equal bytes and a reader can
// check it with almost no memory: pax/ustar; every entry after the folder it is in, the entries of
// a folder in the order of their names; owner 0, one fixed time; files, folders, symbolic links and
// hard links only. A symbolic link is relative and stays inside: an absolute target is taken as
// absolute in the tree and rewritten when the tree is packed.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "base/byte_source.h"
#include "base/error.h"

namespace cutover {

struct TreeSize {
    std::uint64_t entries = 0;
    std::uint64_t content_bytes = 0;    // of the files
    std::uint64_t installed_bytes = 0;  // what the tree needs on a file system
    bool operator==(const TreeSize&) const = default;
};

using TreeSink = std::function<Result<>(std::span<const std::byte>)>;

// What pack_tree() will say, from the folder's metadata alone.
Result<TreeSize> measure_tree(const std::filesystem::path& folder);

// `root`: everything belongs to user and group 0, whoever owns it where it is packed.
enum class TreeOwners : std::uint8_t { root, keep };

// Writes the folder's content (not the folder itself) to `sink`. Refuses what a tree cannot hold.
Result<TreeSize> pack_tree(const std::filesystem::path& folder, const TreeSink& sink,
                           TreeOwners owners = TreeOwners::root);

struct UnpackOptions {
    std::uint64_t installed_bytes = 0;  // what the manifest says; more or less is refused
    // Called now and then with how many bytes of `installed_bytes` have been used up so far, so
    // that a caller who reserved them can give them back piece by piece. An error ends the
    // unpacking.
    std::function<Result<>(std::uint64_t used_bytes)> on_progress;
    // Called with each entry that has passed its checks, before it is made. An error ends it too.
    std::function<Result<>(const std::string& path, bool is_folder)> on_entry = {};
};

// Fills `folder`, which must exist and be empty, from a stream. Never writes outside the folder,
// whatever the stream says, and follows no links. Owners and capabilities are set only when root
// calls. Nothing is synced: call sync_file_system() after it. After an error the folder holds a
// part.
Result<TreeSize> unpack_tree(ByteSource& stream, const std::filesystem::path& folder,
                             const UnpackOptions& options);

// Makes all the checks of unpack_tree() and writes nothing.
Result<TreeSize> check_tree(ByteSource& stream, const UnpackOptions& options);

}  // namespace cutover
