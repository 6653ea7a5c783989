// Who is told of what has changed, and what is not accepted while an operation is at work.

#include <algorithm>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/config_store.h"
#include "platform/config_data.h"

namespace cutover {

std::set<std::string> ConfigStore::readers_of(const Modules& modules) const {
    std::set<std::string> services;
    for (const auto& reader : readers_)
        if (std::ranges::any_of(reader.modules,
                                [&](const std::string& name) { return modules.contains(name); }))
            services.insert(reader.service);
    return services;
}

// Whoever takes them tells those who read them: until then they wait.
std::vector<std::string> ConfigStore::take_changes() {
    const std::lock_guard lock(mutex_);
    waiting_.merge(readers_of(changed_));
    const auto taken = std::exchange(changed_, {});
    return {taken.begin(), taken.end()};
}

void ConfigStore::tell_changes(std::function<void()> told) {
    const std::lock_guard lock(mutex_);
    told_ = std::move(told);
}

void ConfigStore::set_readers(std::vector<ConfigReader> readers) {
    const std::lock_guard lock(mutex_);
    readers_ = std::move(readers);
}

void ConfigStore::set_waiting(std::vector<std::string> services) {
    const std::lock_guard lock(mutex_);
    waiting_ = {services.begin(), services.end()};
}

void ConfigStore::set_behind(std::vector<std::string> services) {
    const std::lock_guard lock(mutex_);
    behind_ = std::move(services);
}

void ConfigStore::make_read_only(std::string_view why) {
    const std::lock_guard lock(mutex_);
    read_only_ = why;
}

void ConfigStore::refuse_trials(std::string_view why) {
    const std::lock_guard lock(mutex_);
    no_trials_ = why;
}

Result<> ConfigStore::end_trial(const std::string& by) {
    const std::lock_guard lock(mutex_);
    TRY(usable());
    return undo_any_trial(by);
}

}  // namespace cutover
