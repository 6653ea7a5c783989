#pragma once

// systemd and logind as their clients see them, on a private bus of the test's own.

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

#include "base/files.h"

struct sd_bus;
struct sd_bus_message;

namespace cutover {

struct FakeUnit {
    std::string load = "loaded";
    std::string active = "active";
    std::string sub = "running";
    unsigned restarts = 0;
    std::string result = "success";
    bool can_reload = false;
    unsigned main_pid = 0;
    int exit_status = 0;
    // How the next jobs end: "done" leaves it active, or inactive after a stop; "failed" leaves it
    // failed; nothing: they do not end.
    std::string job = "done";
};

class FakeSystemd {
public:
    enum class Logind { present, absent };
    explicit FakeSystemd(Logind logind = Logind::present);
    ~FakeSystemd();
    FakeSystemd(const FakeSystemd&) = delete;
    FakeSystemd& operator=(const FakeSystemd&) = delete;

    // Empty when this machine has no dbus-daemon.
    const std::string& address() const { return address_; }

    void set_unit(const std::string& name, const FakeUnit& unit);
    void set_system_state(const std::string& state);
    void set_silent(bool silent) { silent_ = silent; }  // takes calls and never answers
    std::vector<std::string> asked() const;             // what was to be done, and how

    int answer(sd_bus_message* message);  // for the bus's thread

private:
    int answer_units(sd_bus_message* message, bool failed_only);
    int answer_property(sd_bus_message* message);
    int answer_job(sd_bus_message* message);
    int answer_kill(sd_bus_message* message);
    int note(sd_bus_message* message, const std::string& what);
    void serve(Logind logind);

    TempFolder folder_;
    std::string address_;
    pid_t daemon_ = -1;
    std::atomic<bool> silent_ = false;
    std::atomic<bool> ready_ = false;
    mutable std::mutex mutex_;
    std::map<std::string, FakeUnit> units_;
    std::string system_state_ = "running";
    std::vector<std::string> asked_;
    unsigned jobs_ = 0;  // of the bus's thread
    std::jthread thread_;
};

}  // namespace cutover
