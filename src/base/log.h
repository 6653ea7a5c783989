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

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

// One line, one event: human text on standard error, JSON lines in a file that rotates at a size
// bound. Safe to call from any thread. A line that cannot be written is lost; logging never fails.
class Log {
public:
    struct Options {
        LogLevel level = LogLevel::info;
        bool to_stderr = true;
        std::filesystem::path json_file;  // empty: none
        std::size_t max_file_bytes = std::size_t{4} * 1024 * 1024;
        std::size_t max_files = 3;
    };

    static Result<std::unique_ptr<Log>> open(const Options& options);
    static std::unique_ptr<Log> silent();  // for tests
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

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
