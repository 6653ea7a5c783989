#pragma once

#include <array>
#include <cstdint>

#include "store/store.h"

namespace cutover {

// Where an unfinished operation stood when the agent ended.
enum class Position : std::uint8_t {
    repeatable,     // a step that is simply made again
    ordering,       // of a reset: it is ordered, or it is not
    before_arming,  // the boot loader knows nothing of it
    arming,         // it may or may not know
    rebooting,      // asked for; it may or may not have happened
    on_trial,       // checks, waiting for the commit
    committing,     // what boots start from may or may not have been told
};

// What the machine says now.
struct Found {
    bool has_target = false;         // the operation goes to another generation
    bool in_service = false;         // without a boot
    bool running_is_target = false;  // and that one runs
    bool target_confirmed = false;   // boots hold it for the committed one
    bool trial_armed = false;        // its next boot would try the target
    bool rebooted = false;           // since the operation asked for a reboot
    bool reset_ordered = false;      // or carried out already, by a boot
};

enum class Recovery : std::uint8_t {
    go_on,        // take the step at the cursor up again
    go_on_after,  // it is done: take up the next one
    reboot,       // ask again
    undo,         // it was cut before the commit point
    fell_back,    // undo, and the reason is that the target did not boot
};

// DESIGN §5: before the commit point undone, after it finished; there is no third way. The one
// thing that goes on although it is not committed is a trial that the boot loader has begun.
constexpr Recovery decide(const OperationRecord& record, Position position, const Found& found) {
    if (record.committed && position == Position::rebooting)
        return found.rebooted ? Recovery::go_on_after : Recovery::reboot;
    if (record.committed) return Recovery::go_on;
    if (record.undoing) return Recovery::undo;
    if (position == Position::ordering)
        return found.reset_ordered ? Recovery::go_on : Recovery::undo;
    if (position == Position::repeatable) return Recovery::go_on;
    if (!found.has_target) {
        if (position != Position::rebooting) return Recovery::undo;
        return found.rebooted ? Recovery::go_on_after : Recovery::reboot;
    }
    if (found.in_service) {
        if (position == Position::committing && found.target_confirmed) return Recovery::go_on;
        const bool switched = position == Position::on_trial || position == Position::committing;
        return switched && found.running_is_target ? Recovery::go_on : Recovery::undo;
    }
    switch (position) {
        case Position::repeatable:
        case Position::ordering:
        case Position::before_arming: return Recovery::undo;
        case Position::arming:
            return found.running_is_target ? Recovery::go_on_after : Recovery::undo;
        case Position::rebooting:
            if (found.running_is_target) return Recovery::go_on_after;
            if (found.trial_armed && !found.rebooted) return Recovery::reboot;
            return Recovery::fell_back;
        case Position::on_trial:
            return found.running_is_target ? Recovery::go_on : Recovery::fell_back;
        case Position::committing:
            // A boot loader that was told may not lie: then the target runs, or will.
            return found.running_is_target || found.target_confirmed ? Recovery::go_on
                                                                     : Recovery::fell_back;
    }
    return Recovery::undo;
}

}  // namespace cutover
