#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// Sends lines with their fields to systemd's journal, by the protocol of its socket. Without
// libsystemd, so that whatever is small can log.
class JournalTarget {
public:
    using Fields = std::span<const std::pair<std::string_view, std::string>>;

    // Whether this process' standard error is a stream into the journal, as the service manager
    // says in $JOURNAL_STREAM.
    static bool is_standard_error();

    // The socket need not be there yet, nor stay: each line looks for it anew.
    static Result<JournalTarget> open(const std::filesystem::path& socket);

    // `severity` as RFC 5424 counts; `message` is what is read, and `fields` what is searched:
    // operation becomes CUTOVER_OPERATION. False when the line was not taken at once: nobody waits
    // for a journal to log.
    bool send(int severity, std::string_view message, Fields fields) const;

    // Goes with every line, as CUTOVER_DEVICE.
    void set_device(std::string name) { device_ = std::move(name); }

private:
    JournalTarget(UniqueFd fd, std::string socket)
        : fd_(std::move(fd)), socket_(std::move(socket)) {}

    UniqueFd fd_;
    std::string socket_;
    std::string device_;
};

}  // namespace cutover
