#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// Sends lines to another machine as syslog messages (RFC 5424) over UDP. What cannot be sent at
// once is lost: nobody waits for a network to log.
class SyslogTarget {
public:
    // "192.0.2.1:514"; an empty one ends it.
    Result<> set(const std::string& host_and_port);
    // `severity` as RFC 5424 counts: 3 is an error, 7 is for debugging.
    void send(int severity, std::string_view text);

private:
    std::mutex mutex_;
    UniqueFd socket_;
};

}  // namespace cutover
