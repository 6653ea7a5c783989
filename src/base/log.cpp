#include "base/log.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <spdlog/common.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/journal_target.h"
#include "base/syslog_target.h"

namespace cutover {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
    }
    std::unreachable();
}

std::string_view name_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return "debug";
        case LogLevel::info: return "info";
        case LogLevel::warning: return "warning";
        case LogLevel::error: return "error";
    }
    std::unreachable();
}

int syslog_severity(LogLevel level) {  // RFC 5424, 6.2.1
    switch (level) {
        case LogLevel::debug: return 7;
        case LogLevel::info: return 6;
        case LogLevel::warning: return 4;
        case LogLevel::error: return 3;
    }
    std::unreachable();
}

// One line whatever the text holds: a value from outside cannot forge a second one.
std::string human_line(std::string_view text, LogFields fields) {
    std::string line;
    const auto append = [&](std::string_view part) {
        for (const char c : part) {
            if (static_cast<unsigned char>(c) < 0x20)
                line += ' ';
            else
                line += c;
        }
    };
    append(text);
    for (const auto& [name, value] : fields) {
        if (name == kMessageId) continue;
        append(fmt::format(" {}=", name));
        const bool bare = !value.empty() && value.find_first_of(" \"=\n\t") == std::string::npos;
        append(bare ? value
                    : nlohmann::json(value).dump(-1, ' ', false,
                                                 nlohmann::json::error_handler_t::replace));
    }
    return line;
}

std::string json_line(LogLevel level, std::string_view text, LogFields fields) {
    nlohmann::ordered_json line;
    line["time"] = to_iso8601(SystemClock().wall());
    line["level"] = name_of(level);
    line["text"] = text;
    for (const auto& [name, value] : fields)
        if (name != kMessageId) line[std::string(name)] = value;
    return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

struct Log::Sinks {
    std::atomic<LogLevel> level = LogLevel::info;
    SyslogTarget remote;
    std::unique_ptr<JournalTarget> journal;
    std::shared_ptr<spdlog::logger> human;
    std::shared_ptr<spdlog::logger> json;
};

Log::Log(std::unique_ptr<Sinks> sinks) : sinks_(std::move(sinks)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(const Options& options) {
    auto sinks = std::make_unique<Sinks>();
    sinks->level = options.level;
    if (!options.journal.empty()) {
        sinks->journal = std::make_unique<JournalTarget>(TRY(JournalTarget::open(options.journal)));
        sinks->journal->set_device(options.device);
    }
    try {  // spdlog throws where a file cannot be opened
        if (options.to_stderr) {
            sinks->human = std::make_shared<spdlog::logger>(
                "human", std::make_shared<spdlog::sinks::stderr_sink_mt>());
            sinks->human->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
            sinks->human->set_level(to_spdlog(options.level));
        }
        if (!options.json_file.empty()) {
            sinks->json = std::make_shared<spdlog::logger>(
                "json", std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                            options.json_file.string(), options.max_file_bytes, options.max_files));
            sinks->json->set_pattern("%v");
            sinks->json->set_level(to_spdlog(options.level));
            sinks->json->flush_on(spdlog::level::debug);
        }
    } catch (const std::exception& problem) {
        return fail(Errc::io, "open log {}: {}", options.json_file.string(), problem.what());
    }
    return std::unique_ptr<Log>(new Log(std::move(sinks)));
}

std::unique_ptr<Log> Log::silent() {
    return std::unique_ptr<Log>(new Log(std::make_unique<Sinks>()));
}

void Log::set_level(LogLevel level) {
    sinks_->level = level;
    for (const auto& sink : {sinks_->human, sinks_->json})
        if (sink) sink->set_level(to_spdlog(level));
}

LogLevel Log::level() const { return sinks_->level; }

Result<> Log::send_to(const std::string& host_and_port) {
    return sinks_->remote.set(host_and_port);
}

void Log::write(LogLevel level, std::string_view text, LogFields fields) {
    if (level < sinks_->level) return;
    const auto severity = syslog_severity(level);
    sinks_->remote.send(severity, human_line(text, fields));
    const bool taken = sinks_->journal && sinks_->journal->send(severity, human_line(text, fields),
                                                                {fields.begin(), fields.size()});
    if (sinks_->human && !taken) sinks_->human->log(to_spdlog(level), human_line(text, fields));
    if (sinks_->json) sinks_->json->log(to_spdlog(level), json_line(level, text, fields));
}

}  // namespace cutover
