"""Debian's own kernel, as it is: downloaded once, then taken from the cache.

The cloud kernel has NVMe and ext4 built in, so it starts from a slot without an initramfs; what
else the device needs is a handful of modules, loaded by an early service.
"""

import dataclasses
import hashlib
import pathlib
import shutil

from packages import Apt, ImageError, run

META_PACKAGE = "linux-image-cloud-amd64"
MODULE_FOLDERS = ("kernel/drivers/virtio", "kernel/drivers/net", "kernel/net/core",
                  "kernel/drivers/watchdog", "kernel/fs/overlayfs")
NAMES = ("virtio.ko", "virtio_ring.ko", "virtio_pci.ko", "virtio_pci_modern_dev.ko",
         "virtio_pci_legacy_dev.ko", "virtio_net.ko", "net_failover.ko", "failover.ko",
         "watchdog.ko", "wdat_wdt.ko", "overlay.ko")


@dataclasses.dataclass
class Kernel:
    version: str
    vmlinuz: pathlib.Path
    modules: pathlib.Path  # what becomes /usr/lib/modules


def fetch(apt: Apt, cache: pathlib.Path) -> Kernel:
    """The kernel that the meta package names now."""
    names = [name for name in apt.depends(META_PACKAGE) if name.startswith("linux-image-")]
    if not names:
        raise ImageError(f"{META_PACKAGE} names no kernel")
    file = next(file for file in apt.closure((names[0],)) if file.startswith(names[0] + "_"))
    recipe = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:8]
    folder = cache / f"{file.removesuffix('.deb')}-{recipe}"
    if not folder.is_dir():
        half = cache / (folder.name + ".making")
        shutil.rmtree(half, ignore_errors=True)
        unpack(apt.fetch([file])[0], half)
        half.rename(folder)
    version = names[0].removeprefix("linux-image-")
    return Kernel(version, folder / "vmlinuz", folder / "modules")


def unpack(deb: pathlib.Path, folder: pathlib.Path) -> None:
    """The kernel and the few modules a device needs, with their index."""
    whole = folder / "whole"
    whole.mkdir(parents=True)
    run("dpkg-deb", "-x", deb, whole)
    vmlinuz = next((whole / "boot").glob("vmlinuz-*"))
    version = vmlinuz.name.removeprefix("vmlinuz-")
    shutil.move(vmlinuz, folder / "vmlinuz")
    source = whole / "lib" / "modules" / version
    target = folder / "root" / "lib" / "modules" / version
    for parent in MODULE_FOLDERS:
        for module in (source / parent).glob("*.ko"):
            if module.name in NAMES:
                (target / parent).mkdir(parents=True, exist_ok=True)
                shutil.copy2(module, target / parent / module.name)
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy2(source / index, target / index)
    run("depmod", "-b", folder / "root", version)
    shutil.move(folder / "root" / "lib" / "modules", folder / "modules")
    shutil.rmtree(whole)
    shutil.rmtree(folder / "root")
