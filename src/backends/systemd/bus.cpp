#include "backends/systemd/bus.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <systemd/sd-bus.h>

#include "backends/systemd/errors.h"
#include "base/error.h"

namespace cutover {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLongestCall{30};
constexpr std::chrono::milliseconds kSlice{50};  // between two looks at a stop token

struct Free {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, Free>;

class BusError {
public:
    BusError() = default;
    ~BusError() { sd_bus_error_free(&error_); }
    BusError(const BusError&) = delete;
    BusError& operator=(const BusError&) = delete;

    sd_bus_error* get() { return &error_; }
    std::string text(int code) const {
        return error_.message != nullptr ? std::string(error_.message)
                                         : std::generic_category().message(-code);
    }

private:
    sd_bus_error error_{};
};

std::uint64_t microseconds_until(steady_clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - steady_clock::now());
    return static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 1));
}

std::unexpected<Error> silent(std::string_view what, int code) {
    return fail(errors::systemd_silent, "{}: {}", what, std::generic_category().message(-code));
}

// sd-bus itself would wait a minute and a half for a bus that lets it connect and then says
// nothing.
int finish_connecting(sd_bus* bus, steady_clock::time_point deadline) {
    for (;;) {
        const int ready = sd_bus_is_ready(bus);
        if (ready != 0) return ready;
        const int processed = sd_bus_process(bus, nullptr);
        if (processed < 0) return processed;
        if (processed > 0) continue;
        if (steady_clock::now() >= deadline) return -ETIMEDOUT;
        const int waited = sd_bus_wait(bus, microseconds_until(deadline));
        if (waited < 0) return waited;
    }
}

int on_message(sd_bus_message* message, void* step, sd_bus_error* /*error*/) {
    return (*static_cast<Bus::Step*>(step))(message);
}

}  // namespace

void Bus::Close::operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }

Result<Bus> Bus::open(const std::string& address, std::chrono::milliseconds patience) {
    const auto deadline = steady_clock::now() + patience;
    sd_bus* raw = nullptr;
    int done = 0;
    if (address.empty()) {
        done = sd_bus_open_system(&raw);
    } else {
        done = sd_bus_new(&raw);
        if (done >= 0) done = sd_bus_set_address(raw, address.c_str());
        if (done >= 0) done = sd_bus_set_bus_client(raw, 1);
        if (done >= 0) done = sd_bus_start(raw);
    }
    std::unique_ptr<sd_bus, Close> bus(raw);
    if (done >= 0) done = finish_connecting(bus.get(), deadline);
    if (done < 0) return silent("connect to D-Bus", done);
    return Bus(std::move(bus), deadline);
}

Result<> Bus::call(const BusCall& to, const Step& fill, const Step& read) {
    sd_bus_message* raw = nullptr;
    int done = sd_bus_message_new_method_call(bus_.get(), &raw, to.service, to.path, to.interface,
                                              to.member);
    const Message request(raw);
    if (done >= 0 && fill) done = fill(request.get());
    if (done < 0) return silent(to.member, done);

    BusError error;
    sd_bus_message* raw_answer = nullptr;
    const auto until = std::min(deadline_, steady_clock::now() + kLongestCall);
    done =
        sd_bus_call(bus_.get(), request.get(), microseconds_until(until), error.get(), &raw_answer);
    const Message answer(raw_answer);
    if (done < 0) return fail(errors::systemd_silent, "{}: {}", to.member, error.text(done));
    if (!read) return {};
    done = read(answer.get());
    if (done < 0) return silent(to.member, done);
    return {};
}

Result<> Bus::property(const BusCall& property, const Step& read) {
    return call(
        {.service = property.service,
         .path = property.path,
         .interface = "org.freedesktop.DBus.Properties",
         .member = "Get"},
        [&](sd_bus_message* message) {
            return sd_bus_message_append(message, "ss", property.interface, property.member);
        },
        read);
}

Result<std::string> Bus::text_property(const BusCall& property) {
    std::string value;
    TRY(this->property(property, [&](sd_bus_message* message) {
        const char* text = nullptr;
        const int done = sd_bus_message_read(message, "v", "s", &text);
        if (done >= 0) value = text;
        return done;
    }));
    return value;
}

Result<unsigned> Bus::number_property(const BusCall& property) {
    std::uint32_t value = 0;
    TRY(this->property(property, [&](sd_bus_message* message) {
        return sd_bus_message_read(message, "v", "u", &value);
    }));
    return value;
}

Result<int> Bus::integer_property(const BusCall& property) {
    std::int32_t value = 0;
    TRY(this->property(property, [&](sd_bus_message* message) {
        return sd_bus_message_read(message, "v", "i", &value);
    }));
    return value;
}

Result<bool> Bus::flag_property(const BusCall& property) {
    int value = 0;
    TRY(this->property(property, [&](sd_bus_message* message) {
        return sd_bus_message_read(message, "v", "b", &value);
    }));
    return value != 0;
}

Result<> Bus::on_signal(const BusCall& signal, Step read) {
    auto& kept = *signals_.emplace_back(std::make_unique<Step>(std::move(read)));
    sd_bus_set_method_call_timeout(bus_.get(), microseconds_until(deadline_));
    const int done = sd_bus_match_signal(bus_.get(), nullptr, signal.service, signal.path,
                                         signal.interface, signal.member, on_message, &kept);
    if (done < 0) return silent(signal.member, done);
    return {};
}

Result<bool> Bus::wait_for(const std::function<bool()>& done, steady_clock::time_point until,
                           const std::stop_token& stop) {
    until = std::min(until, deadline_);
    while (!done()) {
        if (stop.stop_requested()) return fail(Errc::cancelled, "waiting for systemd was stopped");
        const int processed = sd_bus_process(bus_.get(), nullptr);
        if (processed < 0) return silent("wait", processed);
        if (processed > 0) continue;
        const auto now = steady_clock::now();
        if (now >= until) return false;
        const int waited =
            sd_bus_wait(bus_.get(), microseconds_until(std::min(until, now + kSlice)));
        if (waited < 0 && waited != -EINTR) return silent("wait", waited);
    }
    return true;
}

}  // namespace cutover
