#include "backends/kafka/kafka_conf.h"

#include <array>
#include <cstddef>
#include <filesystem>
#include <librdkafka/rdkafka.h>
#include <string>

#include "backends/kafka/errors.h"
#include "backends/kafka/kafka_settings.h"
#include "base/error.h"

namespace cutover {
namespace {

constexpr std::size_t kErrorText = 512;

// Without the library's own words, which repeat the value.
Result<> set_secret(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
    if (!set(conf, name, value))
        return fail(errors::kafka_bad_setting, "the secret '{}' is not accepted", name);
    return {};
}

}  // namespace

Result<> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
    std::array<char, kErrorText> text{};
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text.data(), text.size()) ==
        RD_KAFKA_CONF_OK)
        return {};
    return fail(errors::kafka_bad_setting, "{}", text.data());
}

Result<Conf> make_conf(const std::string& brokers, const KafkaSettings& settings,
                       const std::filesystem::path& secrets) {
    Conf conf(rd_kafka_conf_new());
    TRY(set(conf.get(), "client.id", "cutover"));
    for (const auto& [name, value] : settings) TRY(set(conf.get(), name, value));
    if (!secrets.empty())
        for (const auto& [name, value] : TRY(read_secrets(secrets)))
            TRY(set_secret(conf.get(), name, value));
    TRY(set(conf.get(), "bootstrap.servers", brokers));
    return conf;
}

}  // namespace cutover
