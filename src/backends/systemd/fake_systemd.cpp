#include "backends/systemd/fake_systemd.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <systemd/sd-bus.h>

#include "base/files.h"
#include "base/process.h"

namespace cutover {
namespace {

// systemd escapes a unit's name in its object path; a hexadecimal one will do here.
std::string path_of(const std::string& unit) {
    std::string path = "/org/freedesktop/systemd1/unit/u";
    for (const char c : unit) path += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return path;
}

int on_message(sd_bus_message* message, void* fake, sd_bus_error* /*error*/) {
    return static_cast<FakeSystemd*>(fake)->answer(message);
}

bool is_call(sd_bus_message* message, const char* interface, const char* member) {
    return sd_bus_message_is_method_call(message, interface, member) > 0;
}

int append_unit(sd_bus_message* reply, const std::string& name, const FakeUnit& unit) {
    return sd_bus_message_append(reply, "(ssssssouso)", name.c_str(), "a unit", unit.load.c_str(),
                                 unit.active.c_str(), unit.sub.c_str(), "", path_of(name).c_str(),
                                 0, "", "/");
}

void until(const std::function<bool()>& done) {
    for (int i = 0; i < 1000; ++i) {
        if (done()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "10 s were not enough";
}

}  // namespace

FakeSystemd::FakeSystemd(Logind logind)
    : folder_(TempFolder::create("/tmp", "bus").value()) {  // a socket's path must be short
    const auto program = find_program("dbus-daemon");
    if (!program) return;
    const auto socket = folder_.path() / "socket";
    address_ = "unix:path=" + socket.string();
    daemon_ = ::fork();
    if (daemon_ == 0) {
        const auto address = "--address=" + address_;
        ::execl(program->c_str(), "dbus-daemon", "--session", "--nofork", "--nopidfile",
                address.c_str(), nullptr);
        ::_exit(1);
    }
    until([&] { return std::filesystem::exists(socket); });
    thread_ = std::jthread([this, logind] { serve(logind); });
    until([&] { return ready_.load(); });
}

FakeSystemd::~FakeSystemd() {
    thread_.request_stop();
    if (daemon_ > 0) {
        ::kill(daemon_, SIGKILL);
        ::waitpid(daemon_, nullptr, 0);
    }
}

void FakeSystemd::serve(Logind logind) {
    // The socket is there a moment before the daemon listens on it, and a bus that could not be
    // started cannot be started again.
    sd_bus* bus = nullptr;
    until([&] {
        sd_bus_new(&bus);
        sd_bus_set_address(bus, address_.c_str());
        sd_bus_set_bus_client(bus, 1);
        if (sd_bus_start(bus) >= 0) return true;
        bus = sd_bus_unref(bus);
        return false;
    });
    ASSERT_NE(bus, nullptr);
    sd_bus_add_fallback(bus, nullptr, "/org/freedesktop", on_message, this);
    sd_bus_request_name(bus, "org.freedesktop.systemd1", 0);
    if (logind == Logind::present) sd_bus_request_name(bus, "org.freedesktop.login1", 0);
    ready_ = true;
    // Ends with the daemon.
    while (sd_bus_process(bus, nullptr) >= 0 && sd_bus_wait(bus, 100'000) >= 0) {
    }
    sd_bus_close_unref(bus);
}

void FakeSystemd::set_unit(const std::string& name, const FakeUnit& unit) {
    const std::scoped_lock lock(mutex_);
    units_.insert_or_assign(name, unit);
}

void FakeSystemd::set_system_state(const std::string& state) {
    const std::scoped_lock lock(mutex_);
    system_state_ = state;
}

std::vector<std::string> FakeSystemd::asked() const {
    const std::scoped_lock lock(mutex_);
    return asked_;
}

int FakeSystemd::answer(sd_bus_message* message) {
    if (silent_) return 1;
    const auto* const manager = "org.freedesktop.systemd1.Manager";
    if (is_call(message, manager, "ListUnitsByNames")) return answer_units(message, false);
    if (is_call(message, manager, "ListUnitsFiltered")) return answer_units(message, true);
    if (is_call(message, "org.freedesktop.DBus.Properties", "Get")) return answer_property(message);
    if (is_call(message, "org.freedesktop.login1.Manager", "Reboot"))
        return note(message, "logind");
    if (is_call(message, manager, "Subscribe")) return sd_bus_reply_method_return(message, "");
    if (is_call(message, manager, "Reload")) return note(message, "daemon-reload");
    if (is_call(message, manager, "KillUnit")) return answer_kill(message);
    for (const auto* const job : {"StartUnit", "StopUnit", "RestartUnit", "ReloadUnit"})
        if (is_call(message, manager, job)) return answer_job(message);
    return 0;
}

int FakeSystemd::answer_kill(sd_bus_message* message) {
    const char* unit = nullptr;
    const char* who = nullptr;
    std::int32_t signal = 0;
    sd_bus_message_read(message, "ssi", &unit, &who, &signal);
    return note(message, fmt::format("KillUnit {} {} {}", unit, who, signal));
}

// The job's end is told as systemd does it: by a signal, after the answer.
int FakeSystemd::answer_job(sd_bus_message* message) {
    const char* unit = nullptr;
    const char* mode = nullptr;
    sd_bus_message_read(message, "ss", &unit, &mode);
    const std::string member = sd_bus_message_get_member(message);
    std::string result = "done";
    {
        const std::scoped_lock lock(mutex_);
        asked_.push_back(fmt::format("{} {} {}", member, unit, mode));
        if (const auto known = units_.find(unit); known != units_.end()) {
            result = known->second.job;
            if (!result.empty() && result != "done") known->second.active = "failed";
            if (result == "done" && member == "StopUnit") known->second.active = "inactive";
            if (result == "done" && member != "StopUnit") known->second.active = "active";
        }
    }
    const auto job = fmt::format("/org/freedesktop/systemd1/job/{}", ++jobs_);
    const int sent = sd_bus_reply_method_return(message, "o", job.c_str());
    if (sent < 0 || result.empty()) return sent;
    return sd_bus_emit_signal(sd_bus_message_get_bus(message), "/org/freedesktop/systemd1",
                              "org.freedesktop.systemd1.Manager", "JobRemoved", "uoss", jobs_,
                              job.c_str(), unit, result.c_str());
}

int FakeSystemd::note(sd_bus_message* message, const std::string& what) {
    const std::scoped_lock lock(mutex_);
    asked_.push_back(what);
    return sd_bus_reply_method_return(message, "");
}

int FakeSystemd::answer_units(sd_bus_message* message, bool failed_only) {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> wanted;
    sd_bus_message_enter_container(message, 'a', "s");
    for (const char* text = nullptr; sd_bus_message_read(message, "s", &text) > 0;)
        wanted.emplace_back(text);
    sd_bus_message* reply = nullptr;
    sd_bus_message_new_method_return(message, &reply);
    sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
    if (failed_only) {
        EXPECT_EQ(wanted, std::vector<std::string>{"failed"});
        for (const auto& [name, unit] : units_)
            if (unit.active == "failed") append_unit(reply, name, unit);
    } else {
        for (const auto& name : wanted) {  // one that it does not know is told as not found
            const auto unit = units_.find(name);
            append_unit(reply, name,
                        unit != units_.end()
                            ? unit->second
                            : FakeUnit{.load = "not-found", .active = "inactive", .sub = "dead"});
        }
    }
    sd_bus_message_close_container(reply);
    const int sent = sd_bus_send(nullptr, reply, nullptr);
    sd_bus_message_unref(reply);
    return sent < 0 ? sent : 1;
}

int FakeSystemd::answer_property(sd_bus_message* message) {
    const std::scoped_lock lock(mutex_);
    const char* interface = nullptr;
    const char* name = nullptr;
    sd_bus_message_read(message, "ss", &interface, &name);
    const std::string wanted = name;
    if (wanted == "SystemState")
        return sd_bus_reply_method_return(message, "v", "s", system_state_.c_str());
    const std::string path = sd_bus_message_get_path(message);
    for (const auto& [unit_name, unit] : units_) {
        if (path_of(unit_name) != path) continue;
        if (wanted == "NRestarts")
            return sd_bus_reply_method_return(message, "v", "u", unit.restarts);
        if (wanted == "Result")
            return sd_bus_reply_method_return(message, "v", "s", unit.result.c_str());
        if (wanted == "CanReload")
            return sd_bus_reply_method_return(message, "v", "b", static_cast<int>(unit.can_reload));
        if (wanted == "MainPID")
            return sd_bus_reply_method_return(message, "v", "u", unit.main_pid);
        if (wanted == "ExecMainStatus")
            return sd_bus_reply_method_return(message, "v", "i", unit.exit_status);
    }
    return -ENOENT;
}

}  // namespace cutover
