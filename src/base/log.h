#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace cutover {

// error: someone must act; warning: degraded; info: stages and requests; debug: the rest.
enum class LogLevel : std::uint8_t { debug, info, warning, error };

// A field of this name is for the journal alone, which finds lines of one meaning by it.
inline constexpr std::string_view kMessageId = "message_id";

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

// One line, one event: human text on standard error, or with its fields in systemd's journal; JSON
// lines in a file that rotates at a size bound. Safe to call from any thread. A line that cannot be
// written is lost; logging never fails.
class Log {
public:
    struct Options {
        LogLevel level = LogLevel::info;
        bool to_stderr = true;
        // The socket of a journal, which then gets the lines instead of standard error; what it
        // does not take goes there all the same. Empty: none.
        std::filesystem::path journal;
        std::string device;               // a field of each line in the journal
        std::filesystem::path json_file;  // empty: none
        std::size_t max_file_bytes = std::size_t{4} * 1024 * 1024;
        std::size_t max_files = 3;
    };

    static Result<std::unique_ptr<Log>> open(const Options& options);
    static std::unique_ptr<Log> silent();  // for tests
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    // From now on. Safe to call from any thread, as all is.
    void set_level(LogLevel level);
    LogLevel level() const;
    // Lines go to another machine as well: "192.0.2.1:514", syslog over UDP; empty: to none.
    Result<> send_to(const std::string& host_and_port);

    void write(LogLevel level, std::string_view text, LogFields fields = {});
    void debug(std::string_view text, LogFields fields = {}) {
        write(LogLevel::debug, text, fields);
    }
    void info(std::string_view text, LogFields fields = {}) { write(LogLevel::info, text, fields); }
    void warning(std::string_view text, LogFields fields = {}) {
        write(LogLevel::warning, text, fields);
    }
    void error(std::string_view text, LogFields fields = {}) {
        write(LogLevel::error, text, fields);
    }

private:
    struct Sinks;
    explicit Log(std::unique_ptr<Sinks> sinks);

    std::unique_ptr<Sinks> sinks_;
};

}  // namespace cutover
