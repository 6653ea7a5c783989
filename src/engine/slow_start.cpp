// What a boot has started may take long to become ready. As long as its services are within their
// own deadlines that is no failure, and no other deadline is charged with it.

#include <chrono>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/errors.h"
#include "model/plan.h"
#include "platform/services.h"

namespace cutover {
namespace {

constexpr std::chrono::milliseconds kPoll{500};

}  // namespace

// Only what comes after the boot of an operation needs services: whoever wants to go back from
// services that hang is not to wait for them.
bool Engine::needs_services(const Step& step) const {
    return record_->operation.reboots > 0 || step.kind == StepKind::check_trial;
}

Result<> Engine::await_services() {
    const auto begun = ports_.clock.steady();
    bool told = false;
    for (auto text = ports_.services.starting(); !text.empty(); text = ports_.services.starting()) {
        if (!std::exchange(told, true)) {
            say(text);
            TRY(save({}, {{"services.starting", text}}));
        }
        alive();
        ports_.observer.on_progress(
            {.operation = record_->operation.id, .stage = record_->operation.stage, .step = text});
        if (!ports_.clock.sleep(kPoll, stop_))
            return fail(errors::operation_cancelled, "stopped while services started");
    }
    const auto took = ports_.clock.steady() - begun;
    operation_begun_ += took;
    if (told)
        record_->operation.interruption +=
            std::chrono::duration_cast<std::chrono::milliseconds>(took);
    return {};
}

}  // namespace cutover
