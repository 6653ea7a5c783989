#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo slot_no_root{
    .id = "slot.image_needs_root",
    .kind = Errc::unsupported,
    .meaning = "Booting a file system image mounts it, which only root may do.",
    .remedy = "Run the agent as root, or use a base with a tree payload."};

inline constexpr ErrorInfo layer_no_debs{
    .id = "layer.no_debs",
    .kind = Errc::unsupported,
    .meaning = "This device cannot install Debian packages into a layer.",
    .remedy =
        "Put dpkg and unshare (util-linux) on the device, or ask for a payload of type tree."};
inline constexpr ErrorInfo layer_deb_needs_root{
    .id = "layer.deb_needs_root",
    .kind = Errc::unsupported,
    .meaning = "Debian packages are installed into a layer on a mounted view, which needs root.",
    .remedy = "Run the agent as root, or ask for the package with a payload of type tree."};
inline constexpr ErrorInfo layer_deb_failed{
    .id = "layer.deb_failed",
    .kind = Errc::refused,
    .meaning = "dpkg could not install the Debian packages into the layer.",
    .remedy =
        "See what dpkg says in the message; the device is as it was. Ask the package's vendor for "
        "one that fits this base."};
inline constexpr ErrorInfo layer_no_image_tool{
    .id = "layer.no_image_tool",
    .kind = Errc::unsupported,
    .meaning = "Packages on top of a mounted base are kept as erofs images, made by mkfs.erofs.",
    .remedy = "Install the Debian package erofs-utils on the device."};
inline constexpr ErrorInfo layer_other_file_system{
    .id = "layer.other_file_system",
    .kind = Errc::unsupported,
    .meaning = "A base and its packages cannot share files across file systems.",
    .remedy = "Set `backend = \"overlay\"` under [layers] in device.toml."};
inline constexpr ErrorInfo layer_needs_root{
    .id = "layer.overlay_needs_root",
    .kind = Errc::unsupported,
    .meaning = "A view that is mounted needs root.",
    .remedy =
        "Run the agent as root, or use a base with a tree payload and `backend = \"tree\"` under "
        "[layers] in device.toml."};
inline constexpr ErrorInfo layer_no_overlay{
    .id = "layer.no_overlay",
    .kind = Errc::unsupported,
    .meaning = "The kernel does not mount the view of base and packages.",
    .remedy =
        "Use a kernel with overlayfs and erofs, or a base with a tree payload and "
        "`backend = \"tree\"` under [layers] in device.toml."};

}  // namespace cutover::errors
