// A factory reset: what the device was made with is the running base, and nothing besides.

#include <algorithm>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backup/backup_folder.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/slot.h"
#include "platform/device_folder.h"
#include "platform/factory_reset.h"
#include "platform/slot_store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

bool is_inside(const fs::path& path, const fs::path& folder) {
    return std::ranges::mismatch(folder, path).in1 == folder.end();
}

// A file system of its own, as a data partition is.
bool is_mounted(const fs::path& folder) {
    struct stat here{};
    struct stat above{};
    return ::lstat(folder.c_str(), &here) == 0 && ::lstat((folder / "..").c_str(), &above) == 0 &&
           here.st_dev != above.st_dev;
}

// Gathers what goes. What is kept is said before the folder that it is kept in.
class ResetOrder {
public:
    explicit ResetOrder(const Ports& ports)
        : ports_(ports), device_(fs::weakly_canonical(ports.folder, ignored_)) {}

    void add_own_files() {
        add(ResetAct::keep, "log/agent.log");  // open, so it is cut
        add(ResetAct::empty, "log");
        add(ResetAct::cut, "log/agent.log");
        add(ResetAct::empty, "dmi");
        add(ResetAct::empty, "tmp");
        add(ResetAct::remove, "evidence");
        add(ResetAct::remove, "backups");  // of settings, users and history
        add(ResetAct::remove, kPackageFiles);
        add(ResetAct::remove, "status");
        add(ResetAct::empty, std::string(kKeyring));
        const auto files = absolute(ports_.config.gnoi.files);
        if (!ports_.config.gnoi.files.empty() && !is_inside(device_, files))
            add(ResetAct::empty, files);
    }

    void add_access() {
        add(ResetAct::keep, "access/audit.");
        add(ResetAct::empty, "access");
        const auto& security = ports_.config.security;
        for (const auto& file : {security.certificate, security.key, security.client_ca})
            if (!file.empty() && is_inside(absolute(file), device_))
                add(ResetAct::remove, absolute(file));
    }

    Result<> add_persistent(Slot slot) {
        const auto files = TRY(ports_.slots.persistent(slot));
        if (files.folder.empty()) return {};
        if (!files.from_base && files.factory.empty()) {
            warnings.push_back(fmt::format(
                "the persistent files of slot {} stay: an agent wrote it that kept no copy of them",
                to_string(slot)));
            return {};
        }
        add(ResetAct::remove, files.folder);
        if (files.from_base) return {};
        add(ResetAct::folder, files.folder);
        for (const auto& path : TRY(ports_.slots.manifest(slot)).persist) {
            add(ResetAct::folder, (files.folder / path).parent_path());
            add(ResetAct::copy, files.folder / path, files.factory / path);
        }
        return {};
    }

    // Last, for what is kept here is the device's own folder.
    void add_data() {
        const auto data = ports_.host.data();
        if (data.empty()) return;
        if (!is_inside(device_, data)) return add(ResetAct::empty, data);
        if (!is_mounted(data)) {
            warnings.push_back(
                fmt::format("what services keep in {} stays, for it is no file system of its own",
                            data.string()));
            return add(ResetAct::remove, data / "startup-config");
        }
        add(ResetAct::keep, device_);
        add(ResetAct::keep, absolute(ports_.config.persist));
        add(ResetAct::keep, data / "lost+found");
        add(ResetAct::empty, data);
    }

    std::vector<ResetLine> lines;
    std::vector<std::string> warnings;

private:
    fs::path absolute(const fs::path& path) const { return (device_ / path).lexically_normal(); }
    // At the next boot the same folders may lie elsewhere, but beside each other as they do now.
    fs::path relative(const fs::path& path) const {
        const auto found = absolute(path).lexically_relative(device_);
        return found.empty() ? path : found;
    }
    void add(ResetAct act, const fs::path& path, const fs::path& from = {}) {
        lines.push_back(
            {.act = act, .path = relative(path), .from = from.empty() ? from : relative(from)});
    }

    const Ports& ports_;
    std::error_code ignored_;
    fs::path device_;
};

}  // namespace

// The commit point: from here on every boot finds it, until one has carried it out.
Result<Engine::Done> Engine::order_reset() {
    ResetOrder order(ports_);
    order.add_own_files();
    if (!record_->operation.request.keep_access) order.add_access();
    TRY(order.add_persistent(record_->plan.target.slot));
    order.add_data();
    TRY(cutover::order_reset(ports_.folder, order.lines));
    return Done{.writes = [this, warnings = order.warnings]() -> Result<> {
        auto& all = record_->operation.warnings;
        all.insert(all.end(), warnings.begin(), warnings.end());
        record_->committed = true;
        return {};
    }};
}

Result<Engine::Done> Engine::strip() {
    const auto slot = record_->plan.target.slot;
    TRY(end_trials());
    TRY(ports_.layers.set_startup(slot, {}));
    return Done{.detail = fmt::format("slot {}", to_string(slot))};
}

// Past the commit: what resists is told, and keeps nothing else from going.
Result<Engine::Done> Engine::forget() {
    auto& warnings = record_->operation.warnings;
    const auto tell = [&](const std::string& text) {
        warnings.push_back(text);
        say(text);
    };
    auto state = reset_state(ports_.folder);
    // Nothing at boot knew of it.
    if (state == ResetState::ordered && record_->operation.reboots > 0) {
        if (const auto done = carry_out_reset(ports_.folder); !done) tell(done.error().text());
        state = reset_state(ports_.folder);
    }
    if (state == ResetState::ordered) tell("settings, data and users go with the next boot");
    for (const auto& problem : reset_problems(ports_.folder)) tell(problem);

    const auto standby = other(record_->plan.target.slot);
    const auto boot = TRY(ports_.boot.status());
    if (boot.running != standby && boot.committed != standby) {
        TRY(give_slot_up(standby));
        if (const auto erased = ports_.slots.erase(standby); !erased) tell(erased.error().text());
    }
    if (state == ResetState::carried_out) TRY(forget_reset(ports_.folder));
    return Done{.writes = [this, standby] { return forget_records(standby); },
                .notes = {{"device.reset", record_->operation.title}}};
}

// The running base becomes all that there ever was.
Result<> Engine::forget_records(Slot standby) {
    const auto generations = TRY(ports_.store.generations());
    const auto* const before = generation_in(generations, other(standby));
    if (!before) return {};
    Generation only{.base = before->base,
                    .slot = other(standby),
                    .created = ports_.clock.wall(),
                    .committed_once = true};
    only.id = TRY(ports_.store.add_generation(only));
    TRY(ports_.store.set_marks({.running = only.id, .startup = only.id, .committed = only.id}));
    TRY(ports_.store.put_slot({.slot = only.slot,
                               .state = SlotState::installed,
                               .holds = only.base,
                               .committed_once = true}));
    if (!ports_.slots.manifest(standby))
        TRY(ports_.store.put_slot({.slot = standby, .state = SlotState::empty}));
    record_->operation.from = record_->operation.to = only.id;
    return ports_.store.forget_all_but(record_->operation.id, only.id);
}

}  // namespace cutover
