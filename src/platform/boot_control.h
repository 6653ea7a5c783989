#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "model/slot.h"

namespace cutover {

enum class BootReason : std::uint8_t {
    normal,    // the committed slot, no trial was armed
    trial,     // a slot on trial
    fallback,  // the committed slot, for the trial has used up its tries
    rescue,    // the committed slot did not boot as it should; the agent runs all the same
};
std::string_view to_string(BootReason reason);

struct BootStatus {
    Slot running = Slot::a;
    BootReason reason = BootReason::normal;
    Slot committed = Slot::a;   // booted whenever there is no trial; has no counter
    std::optional<Slot> trial;  // armed, neither confirmed nor ended, tries left or just running
    int tries_left = 0;         // boots that the trial may still use
    int tries = 0;              // boots that it was given
};

// The boot loader's memory of which slot to start. A call that succeeds has reached stable storage,
// and each changes all it changes or nothing: power may be cut inside any of them. Every call may
// be repeated.
class BootControl {
public:
    virtual ~BootControl() = default;

    virtual Result<BootStatus> status() const = 0;

    // The next boots, at most `tries`, start `slot`; after them, unless it was confirmed, the
    // committed slot starts again. Only these boots are counted.
    virtual Result<> start_trial(Slot slot, int tries) = 0;

    // The next boot starts the committed slot. No error when there is no trial.
    virtual Result<> end_trial() = 0;

    // `slot` is the committed one from now on, and no trial is left.
    virtual Result<> confirm(Slot slot) = 0;
};

}  // namespace cutover
