#pragma once

#include <cstdint>
#include <string>

namespace cutover {

// One call of the agent's that changes what is on a disk, or makes it durable. Paths are relative
// to the recorded folder.
struct DiskCall {
    enum class Kind : std::uint8_t {
        create,         // an empty file at `path`; `file` is it from now on
        write,          // of `bytes` at `offset` of `file`
        resize,         // of `file` to `offset` bytes
        make_folder,    // `path`
        rename,         // `path` to `target`
        remove,         // `path`, a file
        remove_folder,  // `path`
        sync,           // what was written to `file`, and all names
        sync_names,     // of the file system with the folder `path`
        sync_all,       // of the file system with `path`
    };
    Kind kind = Kind::sync;
    int file = 0;
    std::string path;
    std::string target;
    std::uint64_t offset = 0;
    std::string bytes;
};

}  // namespace cutover
