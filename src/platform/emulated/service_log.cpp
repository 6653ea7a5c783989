#include "platform/emulated/service_log.h"

#include <cstddef>
#include <cstdio>
#include <fcntl.h>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include "base/files.h"

namespace cutover {

void ServiceLog::open() {
    auto fd = open_file(file_, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (!fd) return;
    struct stat info{};
    if (::fstat(fd->get(), &info) == 0) size_ = static_cast<std::size_t>(info.st_size);
    fd_ = *std::move(fd);
}

void ServiceLog::append(std::string_view text) {
    if (!fd_) open();
    if (size_ + text.size() > max_bytes_ && size_ > 0) {
        auto aside = file_;
        aside += ".1";
        (void)std::rename(file_.c_str(), aside.c_str());
        fd_.reset();
        size_ = 0;
        open();
    }
    if (!fd_) return;
    const auto bounded = text.substr(0, max_bytes_);
    (void)write_all(fd_.get(), std::as_bytes(std::span(bounded)), "log");
    size_ += bounded.size();
}

}  // namespace cutover
