#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"

namespace cutover {

// What the processes of a service write: appended to a file that is put aside as FILE.1 at a size
// bound. A service never waits for its log and never fails because of it.
class ServiceLog {
public:
    ServiceLog(std::filesystem::path file, std::size_t max_bytes)
        : file_(std::move(file)), max_bytes_(max_bytes) {}

    void append(std::string_view text);

private:
    void open();

    std::filesystem::path file_;
    std::size_t max_bytes_;
    std::size_t size_ = 0;
    UniqueFd fd_;
};

}  // namespace cutover
