#include "backends.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/block/block_slots.h"
#ifdef CUTOVER_BACKEND_GRUB
#include "backends/grub/grub_boot.h"
#endif
#include "backends/machine/boot_notes.h"
#include "backends/machine/machine_host.h"
#ifdef CUTOVER_BACKEND_OVERLAY
#include "backends/overlay/layers_boot.h"
#include "backends/overlay/overlay_layers.h"
#include "backends/systemd/unit_jobs.h"
#endif
#ifdef CUTOVER_BACKEND_SYSTEMD
#include "backends/systemd/systemd_services.h"
#endif
#ifdef CUTOVER_BACKEND_SYSTEMD_BOOT
#include "backends/systemd_boot/systemd_boot.h"
#endif
#ifdef CUTOVER_BACKEND_UBOOT
#include "backends/uboot/uboot_boot.h"
#endif
#include "base/error.h"
#include "base/log.h"
#include "base/nearest_name.h"
#include "model/config_errors.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/boot_control.h"
#include "platform/device_folder.h"
#ifdef CUTOVER_BACKEND_EMULATED
#include "platform/emulated/emulated_boot.h"
#endif
#include "platform/kernel_command_line.h"
#include "platform/layers.h"
#include "platform/no_layers.h"
#include "platform/no_services.h"
#include "platform/services.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

#ifdef CUTOVER_BACKEND_OVERLAY
constexpr std::chrono::minutes kViewPatience{2};
#endif

enum class BootBackend : std::uint8_t { emulated, record, grub, uboot, systemd_boot };
enum class SlotsBackend : std::uint8_t { emulated, block };
enum class ServicesBackend : std::uint8_t { emulated, none, systemd };

template <typename Backend>
using Row = std::pair<std::string_view, Backend>;

constexpr std::array kBootBackends{Row<BootBackend>{"emulated", BootBackend::emulated},
                                   Row<BootBackend>{"record", BootBackend::record},
                                   Row<BootBackend>{"grub", BootBackend::grub},
                                   Row<BootBackend>{"uboot", BootBackend::uboot},
                                   Row<BootBackend>{"systemd-boot", BootBackend::systemd_boot}};
constexpr std::array kSlotsBackends{Row<SlotsBackend>{"emulated", SlotsBackend::emulated},
                                    Row<SlotsBackend>{"tree", SlotsBackend::emulated},
                                    Row<SlotsBackend>{"block", SlotsBackend::block}};
constexpr std::array kServicesBackends{Row<ServicesBackend>{"emulated", ServicesBackend::emulated},
                                       Row<ServicesBackend>{"none", ServicesBackend::none},
                                       Row<ServicesBackend>{"systemd", ServicesBackend::systemd}};

template <typename Rows>
auto choose(const Rows& rows, std::string_view table, const std::string& name)
    -> Result<typename Rows::value_type::second_type> {
    const auto row = std::ranges::find(rows, name, &Rows::value_type::first);
    if (row != rows.end()) return row->second;
    std::vector<std::string_view> names;
    names.reserve(rows.size());
    for (const auto& [known, backend] : rows) names.push_back(known);
    const auto nearest = nearest_name(name, names);
    return fail(errors::config_no_backend, "[{}] backend = \"{}\"{}", table, name,
                nearest.empty() ? "" : fmt::format(": did you mean '{}'?", nearest));
}

std::unexpected<Error> not_built(std::string_view table, const std::string& name) {
    return fail(errors::config_no_backend, "[{}] backend = \"{}\": left out of this build", table,
                name);
}

struct Chosen {
    BootBackend boot = BootBackend::emulated;
    SlotsBackend slots = SlotsBackend::emulated;
    ServicesBackend services = ServicesBackend::emulated;
};

Result<Chosen> choose(const DeviceConfig& config) {
    Chosen chosen;
    chosen.boot = TRY(choose(kBootBackends, "boot", config.boot_backend));
    chosen.slots = TRY(choose(kSlotsBackends, "slots", config.slots_backend));
    chosen.services = TRY(choose(kServicesBackends, "services", config.services_backend));
    return chosen;
}

// What this boot is, its id, and the boot loader's record.
struct ThisBoot {
    BootedAs booted;
    std::string id;
    std::unique_ptr<BootControl> control;
};

#ifdef CUTOVER_BACKEND_EMULATED
// A record in the device's folder is no boot loader's: with it, whoever started the agent plays
// the loader and restarts what stands for the machine, and names the boot in `boot/id`.
Result<ThisBoot> open_record(const fs::path& folder) {
    ThisBoot boot{.control = std::make_unique<EmulatedBoot>(folder / "boot")};
    const auto status = TRY(boot.control->status());
    boot.booted = {.slot = status.running, .reason = status.reason};
    boot.id = TRY(kernel_boot_id(folder / "boot" / "id"));
    return boot;
}
#endif

Result<std::unique_ptr<BootControl>> open_loader(BootBackend backend, const DeviceFolder& folder,
                                                 [[maybe_unused]] const BootedAs& booted) {
    [[maybe_unused]] const auto& config = folder.config;
    [[maybe_unused]] const auto device = folder.path / config.boot_device;
    switch (backend) {
        case BootBackend::grub:
#ifdef CUTOVER_BACKEND_GRUB
            return open_grub_boot({.device = device, .booted = booted});
#else
            break;
#endif
        case BootBackend::uboot:
#ifdef CUTOVER_BACKEND_UBOOT
            return open_uboot_boot({.device = device,
                                    .offsets = {config.boot_offset, config.boot_redundant_offset},
                                    .size = config.boot_size,
                                    .booted = booted});
#else
            break;
#endif
        case BootBackend::systemd_boot:
#ifdef CUTOVER_BACKEND_SYSTEMD_BOOT
            return SystemdBoot::open({.esp = folder.path / config.boot_esp,
                                      .roots = {config.boot_root_a, config.boot_root_b},
                                      .arguments = config.boot_arguments,
                                      .booted = booted});
#else
            break;
#endif
        case BootBackend::record:
        case BootBackend::emulated: break;
    }
    return not_built("boot", folder.config.boot_backend);
}

Result<ThisBoot> open_boot(BootBackend backend, const DeviceFolder& folder) {
#ifdef CUTOVER_BACKEND_EMULATED
    if (backend == BootBackend::record) return open_record(folder.path);
#endif
    ThisBoot boot{.booted = TRY(read_kernel_command_line())};
    boot.id = TRY(kernel_boot_id());
    boot.control = TRY(open_loader(backend, folder, boot.booted));
    return boot;
}

// Where there is a real system below, and a program beside the agent that may mount over it.
std::unique_ptr<LayerStore> open_layers([[maybe_unused]] const Chosen& chosen,
                                        [[maybe_unused]] const DeviceFolder& folder) {
#ifdef CUTOVER_BACKEND_OVERLAY
    const bool real =
        chosen.boot != BootBackend::record && chosen.services == ServicesBackend::systemd;
    if (real && folder.config.layers_backend != LayersBackend::none)
        return std::make_unique<OverlayLayers>(OverlayLayers::Options{
            .device = folder.path, .folders = folder.config.layers_folders, .carry_out = [] {
                return run_unit({}, "cutover-view.service", kViewPatience);
            }});
#endif
    return std::make_unique<NoLayers>();
}

// The services of the base and of the packages that are shown on it.
std::vector<std::string> services_now(const Manifest& base, const LayerStore& layers,
                                      const std::vector<std::string>& hardware, Log& log) {
    PackageStack stack{{.digest = {}, .manifest = base}};
    for (const auto& digest : layers.shown()) {
        auto manifest = layers.manifest(digest);
        if (manifest)
            stack.push_back({.digest = digest, .manifest = *std::move(manifest)});
        else
            log.error("nobody knows what runs", {{"error", manifest.error().text()}});
    }
    std::vector<std::string> names;
    for (const auto& service : services_of(awake(stack, hardware)))
        names.push_back(service.spec.name);
    return names;
}

Result<std::unique_ptr<Services>> open_services(
    ServicesBackend backend, const DeviceConfig& config,
    [[maybe_unused]] std::vector<std::string> now,
    [[maybe_unused]] std::map<std::string, std::string> environment) {
    switch (backend) {
        case ServicesBackend::none: return std::make_unique<NoServices>();
        case ServicesBackend::systemd: {
#ifdef CUTOVER_BACKEND_SYSTEMD
            return std::make_unique<SystemdServices>(
                SystemdServices::Options{.services = std::move(now),
                                         .tolerated = config.tolerated_units,
                                         .environment = std::move(environment)});
#else
            break;
#endif
        }
        case ServicesBackend::emulated: break;
    }
    return not_built("services", config.services_backend);
}

std::vector<std::function<Result<>()>> ways_to_restart(const Chosen& chosen) {
    if (chosen.boot == BootBackend::record) return {[]() -> Result<> { return {}; }};
    std::vector<std::function<Result<>()>> ways;
#ifdef CUTOVER_BACKEND_SYSTEMD
    if (chosen.services == ServicesBackend::systemd)
        ways.emplace_back([] { return ask_for_restart({}); });
#endif
    ways.emplace_back(restart_kernel);
    return ways;
}

}  // namespace

Result<bool> is_emulated(const DeviceConfig& config) {
    const auto chosen = TRY(choose(config));
    const std::array emulated{chosen.boot == BootBackend::emulated,
                              chosen.slots == SlotsBackend::emulated,
                              chosen.services == ServicesBackend::emulated};
    const auto count = std::ranges::count(emulated, true);
#ifndef CUTOVER_BACKEND_EMULATED
    if (count != 0) return not_built("boot", "emulated");
#endif
    if (count != 0 && count != std::ssize(emulated))
        return fail(errors::config_mixed_backends,
                    "the back-ends are: boot {}, slots {}, services {}", config.boot_backend,
                    config.slots_backend, config.services_backend);
    return count != 0;
}

BlockSlots::Options block_options(const fs::path& folder, const DeviceConfig& config) {
    return {.a = folder / config.slot_a,
            .b = folder / config.slot_b,
            .claims = folder / "slots",
            .persist = (folder / config.persist).lexically_normal()};
}

Result<Backends> Backends::open(const DeviceFolder& folder, Log& log) {
    const auto& config = folder.config;
    const auto chosen = TRY(choose(config));
    Backends backends;
    auto boot = TRY(open_boot(chosen.boot, folder));
    backends.boot = std::move(boot.control);
    backends.booted = boot.booted;
    backends.boot_id = std::move(boot.id);
    const auto running = backends.booted.slot;

    auto options = block_options(folder.path, config);
    options.running = running;
    auto slots = std::make_unique<BlockSlots>(options);
    const auto base = slots->manifest(running);
    if (!base) log.error("nobody knows what runs", {{"error", base.error().text()}});
    backends.layers = open_layers(chosen, folder);

    const auto notes = folder.path / "run" / "boots";
    const auto status = TRY(backends.boot->status());
    auto failures = earlier_failures(status, read_boot_notes(notes), backends.boot_id);
#ifdef CUTOVER_BACKEND_OVERLAY
    for (auto& failure : read_layers_failures(folder.path / "run" / "layers-failures"))
        failures.push_back(std::move(failure));
#endif
    backends.host =
        std::make_unique<MachineHost>(MachineHost::Options{.hardware = config.hardware,
                                                           .architecture = config.architecture,
                                                           .boot_id = backends.boot_id,
                                                           .boot_failures = std::move(failures),
                                                           .data = folder.path.parent_path(),
                                                           .persist = slots->persist(running),
                                                           .reboot = ways_to_restart(chosen)});
    backends.services = TRY(open_services(
        chosen.services, config,
        services_now(base.value_or(Manifest{}), *backends.layers, config.hardware, log),
        backends.host->environment()));
    backends.slots = std::move(slots);
    backends.restarts_for_real = chosen.boot != BootBackend::record;
    // From now on, if this boot ends before its time, it was not for want of an agent.
    TRY(note_boot(
        notes, {.boot_id = backends.boot_id, .slot = running, .reason = backends.booted.reason}));
    return backends;
}

}  // namespace cutover
