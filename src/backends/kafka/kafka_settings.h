#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace cutover {

// Settings of librdkafka, under its names.
using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

// `name=value` a line; empty lines and those that begin with `#` are passed over. No error repeats
// what the text holds.
Result<KafkaSettings> parse_secrets(std::string_view text);

// Those in a file that nobody but its owner can read.
Result<KafkaSettings> read_secrets(const std::filesystem::path& file);

}  // namespace cutover
