#pragma once

#include <filesystem>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <string>

#include "backends/kafka/kafka_settings.h"
#include "base/error.h"

// Of this folder only: how every producer begins.
namespace cutover {

struct DestroyConf {
    void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, DestroyConf>;

Result<> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value);

// With the brokers, the configuration's settings, and those of the file of secrets, if there is
// one.
Result<Conf> make_conf(const std::string& brokers, const KafkaSettings& settings,
                       const std::filesystem::path& secrets);

}  // namespace cutover
