#pragma once

#include <cstddef>
#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/utf8.h"

namespace cutover {

using Labels = std::vector<prometheus::ClientMetric::Label>;
using Families = std::vector<prometheus::MetricFamily>;

// One family of metrics while it is filled.
class FamilyMaker {
public:
    FamilyMaker(prometheus::MetricType type, std::string name, std::string help)
        : family_{.name = std::move(name), .help = std::move(help), .type = type, .metric = {}} {}

    FamilyMaker& add(double value, Labels labels = {}) {
        constexpr std::size_t kMaxLabelBytes = 200;
        for (auto& label : labels) label.value = shown_utf8(label.value, kMaxLabelBytes);
        auto& metric = family_.metric.emplace_back();
        metric.label = std::move(labels);
        if (family_.type == prometheus::MetricType::Counter)
            metric.counter.value = value;
        else
            metric.gauge.value = value;
        return *this;
    }
    FamilyMaker& add(WallTime time, Labels labels = {}) {
        return add(static_cast<double>(time.time_since_epoch().count()) / 1000, std::move(labels));
    }
    void into(Families& families) {
        if (!family_.metric.empty()) families.push_back(std::move(family_));
    }

private:
    prometheus::MetricFamily family_;
};

inline FamilyMaker gauge(std::string name, std::string help) {
    return {prometheus::MetricType::Gauge, std::move(name), std::move(help)};
}
inline FamilyMaker counter(std::string name, std::string help) {
    return {prometheus::MetricType::Counter, std::move(name), std::move(help)};
}

}  // namespace cutover
