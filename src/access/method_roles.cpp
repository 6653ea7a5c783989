// Who may call what. Reading is the viewer's, with three exceptions: what makes the device fetch or
// send by the caller's word (Preview, Ping, Traceroute) is the operator's, so are the values of its
// configuration, which hold secrets, and what gives or takes files is the admin's. A new method of
// a served service needs a row here: until then only admins may call it, and a test of the doors
// fails.

#include "access/method_roles.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <string_view>

#include "model/security_config.h"

namespace cutover {
namespace {

using enum Role;
constexpr bool kLog = true;
constexpr bool kSkip = false;

// clang-format off
constexpr std::array kMethods{
    MethodRole{"/cutover.v1.Backups/Compact", operator_, kLog},
    MethodRole{"/cutover.v1.Backups/Create", operator_, kLog},
    MethodRole{"/cutover.v1.Backups/List", operator_, kSkip},
    MethodRole{"/cutover.v1.Backups/Prune", admin, kLog},
    MethodRole{"/cutover.v1.Backups/Restore", admin, kLog},
    MethodRole{"/cutover.v1.Backups/Show", operator_, kSkip},
    MethodRole{"/cutover.v1.Backups/Verify", operator_, kSkip},
    MethodRole{"/cutover.v1.Configuration/Changes", operator_, kSkip},
    MethodRole{"/cutover.v1.Configuration/Commit", operator_, kLog},
    MethodRole{"/cutover.v1.Configuration/Discard", operator_, kLog},
    MethodRole{"/cutover.v1.Configuration/Edit", operator_, kLog},
    MethodRole{"/cutover.v1.Configuration/GetStatus", viewer, kSkip},
    MethodRole{"/cutover.v1.Configuration/GetValue", operator_, kSkip},
    MethodRole{"/cutover.v1.Configuration/History", viewer, kSkip},
    MethodRole{"/cutover.v1.Configuration/Migrate", operator_, kLog},
    MethodRole{"/cutover.v1.Configuration/Rollback", operator_, kLog},
    MethodRole{"/cutover.v1.Configuration/Save", operator_, kLog},
    MethodRole{"/cutover.v1.Configuration/Show", operator_, kSkip},
    MethodRole{"/cutover.v1.Device/Cancel", operator_, kLog},
    MethodRole{"/cutover.v1.Device/Follow", viewer, kSkip},
    MethodRole{"/cutover.v1.Device/GetLog", viewer, kSkip},
    MethodRole{"/cutover.v1.Device/GetOperation", viewer, kSkip},
    MethodRole{"/cutover.v1.Device/GetState", viewer, kSkip},
    MethodRole{"/cutover.v1.Device/ListOperations", viewer, kSkip},
    MethodRole{"/cutover.v1.Device/Preview", operator_, kSkip},
    MethodRole{"/cutover.v1.Device/Start", operator_, kLog},
    MethodRole{"/dmi.NativeEventsManagementService/ListEvents", viewer, kSkip},
    MethodRole{"/dmi.NativeEventsManagementService/StreamEvents", viewer, kSkip},
    MethodRole{"/dmi.NativeEventsManagementService/UpdateEventsConfiguration", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/DisableHWComponent", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/EnableHWComponent", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/GetDmLogLevel", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/GetHWComponentInfo", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/GetLogLevel", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/GetLoggableEntities", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/GetLoggingEndpoint", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/GetManagedDevices", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/GetMsgBusEndpoint", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/GetPhysicalInventory", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/HeartbeatCheck", viewer, kSkip},
    MethodRole{"/dmi.NativeHWManagementService/RebootDevice", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/ResetHWComponent", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/SetDmLogLevel", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/SetHWComponentInfo", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/SetLogLevel", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/SetLoggingEndpoint", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/SetMsgBusEndpoint", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/StartManagingDevice", operator_, kLog},
    MethodRole{"/dmi.NativeHWManagementService/StopManagingDevice", operator_, kLog},
    MethodRole{"/dmi.NativeMetricsManagementService/GetMetric", viewer, kSkip},
    MethodRole{"/dmi.NativeMetricsManagementService/ListMetrics", viewer, kSkip},
    MethodRole{"/dmi.NativeMetricsManagementService/StreamMetrics", viewer, kSkip},
    MethodRole{"/dmi.NativeMetricsManagementService/UpdateMetricsConfiguration", operator_, kLog},
    MethodRole{"/dmi.NativeSoftwareManagementService/ActivateImage", operator_, kLog},
    MethodRole{"/dmi.NativeSoftwareManagementService/DownloadImage", operator_, kLog},
    MethodRole{"/dmi.NativeSoftwareManagementService/GetSoftwareVersion", viewer, kSkip},
    MethodRole{"/dmi.NativeSoftwareManagementService/GetStartupConfigurationInfo", viewer, kSkip},
    MethodRole{"/dmi.NativeSoftwareManagementService/RevertToStandbyImage", operator_, kLog},
    MethodRole{"/dmi.NativeSoftwareManagementService/UpdateStartupConfiguration", operator_, kLog},
    MethodRole{"/dmi.NativeSoftwareManagementService/UploadDebugInfo", operator_, kLog},
    MethodRole{"/gnoi.factory_reset.FactoryReset/Start", admin, kLog},
    MethodRole{"/gnoi.file.File/Get", admin, kLog},
    MethodRole{"/gnoi.file.File/Put", admin, kLog},
    MethodRole{"/gnoi.file.File/Remove", admin, kLog},
    MethodRole{"/gnoi.file.File/Stat", viewer, kSkip},
    MethodRole{"/gnoi.file.File/TransferToRemote", admin, kLog},
    MethodRole{"/gnoi.os.OS/Activate", operator_, kLog},
    MethodRole{"/gnoi.os.OS/Install", operator_, kLog},
    MethodRole{"/gnoi.os.OS/Verify", viewer, kSkip},
    MethodRole{"/gnoi.system.System/CancelReboot", operator_, kLog},
    MethodRole{"/gnoi.system.System/KillProcess", admin, kLog},
    MethodRole{"/gnoi.system.System/Ping", operator_, kSkip},
    MethodRole{"/gnoi.system.System/Reboot", operator_, kLog},
    MethodRole{"/gnoi.system.System/RebootStatus", viewer, kSkip},
    MethodRole{"/gnoi.system.System/SetPackage", operator_, kLog},
    MethodRole{"/gnoi.system.System/SwitchControlProcessor", operator_, kLog},
    MethodRole{"/gnoi.system.System/Time", viewer, kSkip},
    MethodRole{"/gnoi.system.System/Traceroute", operator_, kSkip},
    MethodRole{"/grpc.health.v1.Health/Check", viewer, kSkip},
    MethodRole{"/grpc.health.v1.Health/Watch", viewer, kSkip},
    MethodRole{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", viewer, kSkip},
    MethodRole{"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", viewer, kSkip},
};
// clang-format on

constexpr bool each_is_there_once_in_order() {
    return std::ranges::adjacent_find(kMethods, std::ranges::greater_equal{},
                                      &MethodRole::method) == kMethods.end();
}
static_assert(each_is_there_once_in_order());

}  // namespace

std::span<const MethodRole> method_roles() { return kMethods; }

const MethodRole* find_method(std::string_view method) {
    const auto found = std::ranges::lower_bound(kMethods, method, {}, &MethodRole::method);
    return found != kMethods.end() && found->method == method ? &*found : nullptr;
}

}  // namespace cutover
