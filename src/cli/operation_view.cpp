#include "cli/operation_view.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "cli/json.h"
#include "cli/render_operation.h"
#include "cli/session.h"
#include "cli/text.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover::cli {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};

class JsonView final : public OperationView {
public:
    JsonView(const Session& session, OperationId operation)
        : session_(session), operation_(operation) {}

    void update(const Operation& /*operation*/) override {}
    void event(const Event& event) override { session_.print_line(json::event(event)); }
    void progress(const Progress& progress) override {
        session_.print_line(json::progress(progress));
    }
    void restarting() override { session_.print_line(json::restarting(operation_)); }
    void finish() override {}

private:
    const Session& session_;
    OperationId operation_;
};

class TextView final : public OperationView {
public:
    TextView(const Session& session) : session_(session) {}

    void update(const Operation& operation) override {
        if (!titled_) {
            // Only the plan says what an upgrade leads to.
            if (operation.plan_hash.empty() && !is_over(operation.state)) return;
            say(fmt::format("Operation {}: {}", operation.id, operation.title));
            titled_ = true;
        }
        shown_.resize(std::max(shown_.size(), operation.stages.size()), StageState::pending);
        for (std::size_t i = 0; i < operation.stages.size(); ++i)
            show_stage(operation.stages[i], shown_[i]);
        show_state(operation);
        draw_now(operation);
    }

    // What may take minutes, also where nothing is drawn in place.
    void event(const Event& event) override {
        if (event.type == "services.starting") say("  waiting: " + event.text);
    }

    void progress(const Progress& progress) override {
        if (!session_.terminal().err) return;
        const auto now = session_.context().clock.steady();
        const bool complete = progress.done_bytes == progress.total_bytes;
        if (drawn_at_ && now - *drawn_at_ < kRedraw && !complete) return;
        drawn_at_ = now;
        draw(progress_line(progress, session_.terminal()));
    }

    void restarting() override { say("  device is restarting"); }
    void finish() override { draw({}); }

private:
    // A line that stays.
    void say(std::string_view line) {
        draw({});
        session_.err() << fitted(printable(line), width()) << '\n' << std::flush;
    }

    void show_stage(const StageRecord& record, StageState& shown) {
        if (record.state == shown) return;
        shown = record.state;
        if (record.state == StageState::pending || record.state == StageState::running) return;
        draw({});
        session_.err() << stage_line(record, session_.terminal()) << '\n' << std::flush;
    }

    void show_state(const Operation& operation) {
        if (operation.state == state_) return;
        state_ = operation.state;
        if (operation.state == OperationState::undoing)
            say(operation.error ? "  going back: " + operation.error->message : "  going back");
    }

    // What is at work now, where no progress says it better.
    void draw_now(const Operation& operation) {
        if (is_over(operation.state)) return;
        if (operation.state == OperationState::on_trial)
            draw("  trial        checks are being made");
        else if (!operation.stages.empty() && operation.stages.back().state == StageState::running)
            draw(stage_line(operation.stages.back(), session_.terminal()));
    }

    // The line that is drawn again in place; nothing for an empty one.
    void draw(std::string_view line) {
        if (!session_.terminal().err || (line.empty() && !drawn_)) return;
        session_.err() << "\r\x1b[K" << line << std::flush;
        drawn_ = !line.empty();
    }

    std::size_t width() const { return static_cast<std::size_t>(session_.terminal().width); }

    const Session& session_;
    bool titled_ = false;
    bool drawn_ = false;
    std::optional<SteadyTime> drawn_at_;
    std::vector<StageState> shown_;
    OperationState state_ = OperationState::running;
};

}  // namespace

std::unique_ptr<OperationView> make_view(const Session& session, OperationId operation) {
    if (session.json()) return std::make_unique<JsonView>(session, operation);
    return std::make_unique<TextView>(session);
}

}  // namespace cutover::cli
