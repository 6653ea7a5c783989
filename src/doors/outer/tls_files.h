#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "model/security_config.h"

namespace cutover {

// The door's certificate, key and clients' CA, read anew when their files change. What does not
// belong together, or is half written, is logged and not taken: the last good ones stay.
class TlsFiles {
public:
    struct Content {
        std::string certificate;
        std::string key;
        std::string client_ca;  // empty: no client's certificate is asked for
        std::chrono::system_clock::time_point expires;
    };

    // door.certificate, door.key_open. `log` outlives it.
    static Result<std::unique_ptr<TlsFiles>> load(const std::filesystem::path& folder,
                                                  const SecurityConfig& config, Log& log);

    // Never null. Any thread may call it; it costs three calls of stat(2).
    std::shared_ptr<const Content> newest();

private:
    struct Paths {
        std::filesystem::path certificate;
        std::filesystem::path key;
        std::filesystem::path client_ca;  // may be empty
    };
    TlsFiles(Paths paths, Log& log) : paths_(std::move(paths)), log_(log) {}
    static std::string stamp(const Paths& paths);
    static Result<Content> read(const Paths& paths);
    void warn_of_expiry();

    const Paths paths_;
    Log& log_;
    std::mutex mutex_;
    std::string stamp_;  // of the files that were read last, good or not
    std::string last_complaint_;
    std::shared_ptr<const Content> content_;
    std::chrono::system_clock::time_point warned_;
};

}  // namespace cutover
