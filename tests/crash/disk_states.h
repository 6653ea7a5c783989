#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "disk_call.h"

namespace cutover {

// A folder's files as they are on a disk: names, and contents by number.
class DiskImage {
public:
    static Result<DiskImage> read(const std::filesystem::path& folder);

    void apply(const DiskCall& call);
    // Makes `folder` hold this and nothing else. Files outside of all folders that are as in
    // `before`, and that nobody has changed since, are left alone.
    Result<> write(const std::filesystem::path& folder, const DiskImage* before) const;
    std::string difference(const DiskImage& other) const;  // empty when they are the same

    const std::map<std::string, int>& files() const { return files_; }
    const std::string& content(const std::string& path) const {
        return *contents_.at(files_.at(path));
    }

private:
    void rename(const std::string& from, const std::string& to);

    std::set<std::string> folders_;
    std::map<std::string, int> files_;
    std::map<int, std::shared_ptr<std::string>> contents_;
};

struct CrashState {
    const DiskImage& image;
    std::size_t calls = 0;  // how many had been made when the power failed
    bool reported = false;  // all of them: somebody was told of success
};

// Every disk that power cuts can leave of the calls, or rather many of them. The top folders of the
// recorded one are file systems of their own, the files beside them block devices. After each call:
//   - all that was written until then (as if nothing were cached), and nothing that was not synced;
//   - many choices between: of the data not synced any 4 KiB pages (any 512 bytes of the files
//     that `small_sectors` names), of the names (creating, renaming, removing) the first few, for
//     file systems with a journal keep these in order.
// A sync keeps what was written to that file, and all names before it. No state is told twice,
// but for the end, which is told once more as reported.
class CrashStates {
public:
    CrashStates(DiskImage start, std::vector<DiskCall> calls, std::set<std::string> small_sectors);

    // `look` returns false to stop.
    void for_each(std::mt19937& random, int choices,
                  const std::function<bool(const CrashState&)>& look);

private:
    struct Unit {  // what is kept or lost as a whole
        DiskCall call;
        std::size_t number = 0;  // unique
        bool is_name = false;
        std::string file_system;
    };

    void note_file(const std::string& path, int file);
    void add_units(const DiskCall& call);
    void settle(const DiskCall& sync);
    bool tell(const std::vector<bool>& kept, std::size_t calls,
              const std::function<bool(const CrashState&)>& look);
    std::vector<bool> choose(std::mt19937& random, int choice) const;

    DiskImage durable_;
    std::vector<DiskCall> calls_;
    std::set<std::string> small_sectors_;
    std::set<int> small_files_;
    std::map<int, std::string> system_of_;  // of files
    std::vector<Unit> pending_;
    std::size_t last_unit_ = 0;
    std::uint64_t settled_ = 0;  // changes with every unit that became durable
    std::set<std::uint64_t> told_;
};

}  // namespace cutover
