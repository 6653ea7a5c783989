#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "agent/agent.h"
#include "base/error.h"
#include "base/log.h"
#include "model/device_config.h"
#include "platform/boot_control.h"
#include "platform/host.h"
#include "platform/layers.h"
#include "platform/services.h"
#include "platform/slot_store.h"

namespace cutover {

// Ends the agent when the process is told to end. The signals are blocked in every thread, so that
// this one gets them. Threads made later inherit the mask: construct it first.
class EndSignals {
public:
    EndSignals();

    void stop_on_signal(Agent& agent);
    void forget_agent();  // before it is destroyed

    // False when no such signal has come, and none comes in time. Not while an agent is to be
    // stopped.
    bool wait_for(std::chrono::milliseconds patience) const;

private:
    sigset_t signals_{};
    std::atomic<bool> told_ = false;
    std::jthread thread_;
};

// What a device is made of, whatever kind it is. All of it outlives the agent.
struct AgentParts {
    std::filesystem::path folder;
    const DeviceConfig& config;
    BootControl& boot;
    SlotStore& slots;
    LayerStore& layers;
    Services& services;
    Host& host;
    Log& log;
};

// Runs the agent and its doors until the device is to restart or the process is told to end.
// `attend` is called when they are up, and waits for the agent to end.
using Attend = std::function<Result<Agent::End>(Agent& agent)>;
Result<Agent::End> run_agent(const AgentParts& parts, EndSignals& signals, const Attend& attend);

}  // namespace cutover
