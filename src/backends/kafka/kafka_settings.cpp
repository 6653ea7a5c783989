#include "backends/kafka/kafka_settings.h"

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "backends/kafka/errors.h"
#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxSecretsBytes = std::size_t{64} * 1024;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<KafkaSettings> parse_secrets(std::string_view text) {
    KafkaSettings settings;
    int number = 0;
    while (!text.empty()) {
        ++number;
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
        const auto content = trimmed(line);
        if (content.empty() || content.starts_with('#')) continue;
        const auto equals = content.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return fail(errors::kafka_bad_secrets, "line {} is no `name=value`", number);
        settings.emplace_back(trimmed(content.substr(0, equals)),
                              trimmed(content.substr(equals + 1)));
    }
    return settings;
}

Result<KafkaSettings> read_secrets(const fs::path& file) {
    std::error_code error;
    const auto status = fs::status(file, error);
    constexpr auto kOthers = fs::perms::group_all | fs::perms::others_all;
    if (fs::exists(status) && (status.permissions() & kOthers) != fs::perms::none)
        return fail(errors::kafka_bad_secrets, "{} is open to others", file.string());
    const auto text = TRY(read_file(file, kMaxSecretsBytes), "secrets for Kafka");
    return TRY(parse_secrets(text), "{}", file.string());
}

}  // namespace cutover
