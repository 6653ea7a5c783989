#include "model/operation_matrix.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "model/errors.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover {
namespace {

constexpr MatrixCell kYes{.allowed = true};

constexpr std::string_view kBaseAtStartup = "a base takes effect at a startup, never in service";
constexpr MatrixCell kBaseInstall{
    .rule = kBaseAtStartup,
    .instead =
        "Leave `--mode in-service` out: `cutover install FILE` fills the standby slot, and "
        "`cutover activate` reboots into it."};
constexpr MatrixCell kBaseUpgrade{
    .rule = kBaseAtStartup,
    .instead =
        "Leave `--mode in-service` out (the device reboots), or use `cutover upgrade FILE "
        "--mode next-startup`."};
constexpr MatrixCell kBaseRollback{
    .rule = kBaseAtStartup,
    .instead =
        "Leave `--mode in-service` out (the device reboots), or use `cutover rollback "
        "--mode next-startup`."};
constexpr MatrixCell kBaseStays{
    .rule = "a base is never uninstalled, for a device cannot be without one",
    .instead =
        "Go back to the base before with `cutover rollback`, or bring another one with "
        "`cutover upgrade FILE`."};
constexpr MatrixCell kNoPatchUpgrade{
    .rule = "a patch is not upgraded: it is uninstalled, then installed",
    .instead =
        "Run `cutover uninstall NAME`, then `cutover install FILE`; a patch that names the "
        "old one in `replaces` does both at once."};
constexpr MatrixCell kNoModuleUpgrade{
    .rule = "a module is not upgraded: it is uninstalled, then installed",
    .instead = "Run `cutover uninstall NAME`, then `cutover install FILE`."};
constexpr MatrixCell kPackStays{
    .rule = "a pack is never uninstalled: what it brought are packages of their own",
    .instead =
        "Take all of it back with `cutover rollback`, or run `cutover uninstall NAME` for "
        "the members that are to go."};

struct Row {
    PackageKind kind;
    OperationKind operation;
    MatrixCell automatic;
    MatrixCell in_service;
    MatrixCell next_startup;
};

using enum PackageKind;
using enum OperationKind;
constexpr std::array kRows{
    //  kind      operation  automatic         in service        at the next startup
    Row{base, install, kYes, kBaseInstall, kYes},
    Row{base, uninstall, kBaseStays, kBaseStays, kBaseStays},
    Row{base, upgrade, kYes, kBaseUpgrade, kYes},
    Row{base, rollback, kYes, kBaseRollback, kYes},
    Row{feature, install, kYes, kYes, kYes},
    Row{feature, uninstall, kYes, kYes, kYes},
    Row{feature, upgrade, kYes, kYes, kYes},
    Row{feature, rollback, kYes, kYes, kYes},
    Row{hardware, install, kYes, kYes, kYes},
    Row{hardware, uninstall, kYes, kYes, kYes},
    Row{hardware, upgrade, kYes, kYes, kYes},
    Row{hardware, rollback, kYes, kYes, kYes},
    Row{patch, install, kYes, kYes, kYes},
    Row{patch, uninstall, kYes, kYes, kYes},
    Row{patch, upgrade, kNoPatchUpgrade, kNoPatchUpgrade, kNoPatchUpgrade},
    Row{patch, rollback, kYes, kYes, kYes},
    Row{module, install, kYes, kYes, kYes},
    Row{module, uninstall, kYes, kYes, kYes},
    Row{module, upgrade, kNoModuleUpgrade, kNoModuleUpgrade, kNoModuleUpgrade},
    Row{module, rollback, kYes, kYes, kYes},
    Row{pack, install, kYes, kYes, kYes},  // of its members the rows of their own kinds count
    Row{pack, uninstall, kPackStays, kPackStays, kPackStays},
    Row{pack, upgrade, kYes, kYes, kYes},
    Row{pack, rollback, kYes, kYes, kYes},
};

constexpr bool is_whole(const MatrixCell& cell) {
    return cell.allowed == cell.rule.empty() && cell.allowed == cell.instead.empty();
}

constexpr bool every_cell_is_there_once() {
    constexpr std::array kOperations{install, uninstall, upgrade, rollback};
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        const auto& row = kRows.at(i);
        if (std::to_underlying(row.kind) != i / kOperations.size() ||
            row.operation != kOperations.at(i % kOperations.size()))
            return false;
        const bool any = row.in_service.allowed || row.next_startup.allowed;
        if (row.automatic.allowed != any || !is_whole(row.automatic) || !is_whole(row.in_service) ||
            !is_whole(row.next_startup))
            return false;
    }
    return kRows.back().kind == pack;  // the last enumerator
}
static_assert(every_cell_is_there_once());

std::string_view manner(Mode mode) {
    switch (mode) {
        case Mode::automatic: return "";
        case Mode::in_service: return " in service";
        case Mode::next_startup: return " at the next startup";
    }
    std::unreachable();
}

}  // namespace

const MatrixCell& matrix_cell(PackageKind kind, OperationKind operation, Mode mode) {
    const auto* const row = std::ranges::find_if(kRows, [&](const Row& candidate) {
        return candidate.kind == kind && candidate.operation == operation;
    });
    CUTOVER_CHECK(row != kRows.end());
    switch (mode) {
        case Mode::automatic: return row->automatic;
        case Mode::in_service: return row->in_service;
        case Mode::next_startup: return row->next_startup;
    }
    std::unreachable();
}

Result<> check_matrix(PackageKind kind, OperationKind operation, Mode mode) {
    const auto& cell = matrix_cell(kind, operation, mode);
    if (cell.allowed) return {};
    auto error = make_error(errors::plan_matrix,
                            fmt::format("{} of a {} package{} is refused", to_string(operation),
                                        to_string(kind), manner(mode)))
                     .with_remedy(cell.instead);
    error.set_cause(std::string(cell.rule));
    return std::unexpected(std::move(error));
}

}  // namespace cutover
