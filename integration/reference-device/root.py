"""The root file system of one release: what it takes from the packages, and the image of it."""

import os
import pathlib
import re
import shutil
import stat

from kernel import Kernel
from packages import ImageError, Pool, needed_libraries, run

HERE = pathlib.Path(__file__).resolve().parent
IMAGE_TIME = 1767225600  # 2026-01-01: the same input gives the same image
IMAGE_UUID = "0b3a6f52-7d0e-4c55-9a43-5a0f5e2f7d01"
BLOCK = 4096

PACKAGES = ("busybox-static", "dbus", "e2fsprogs", "systemd", "systemd-sysv", "util-linux")

# What the system consists of; the libraries that these need are found by themselves.
PROGRAMS = ("usr/bin/busctl", "usr/bin/busybox", "usr/bin/dbus-daemon", "usr/bin/systemctl",
            "usr/lib/systemd/systemd", "usr/lib/systemd/systemd-shutdown", "usr/sbin/blkid",
            "usr/sbin/e2fsck")
UNITS = ("basic.target", "dbus.service", "dbus.socket", "emergency.target", "final.target",
         "local-fs-pre.target", "local-fs.target", "multi-user.target", "network-online.target",
         "network-pre.target", "network.target", "nss-lookup.target", "paths.target",
         "poweroff.target", "reboot.target", "shutdown.target", "slices.target", "sockets.target",
         "swap.target", "sysinit.target", "systemd-poweroff.service", "systemd-reboot.service",
         "time-set.target", "time-sync.target", "timers.target", "umount.target")
FILES = ("usr/share/dbus-1/system.conf", "usr/share/dbus-1/system.d/org.freedesktop.systemd1.conf",
         "usr/share/dbus-1/system-services/org.freedesktop.systemd1.service")
APPLETS = ("ash", "awk", "basename", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df",
           "dirname", "dmesg", "echo", "env", "false", "find", "free", "grep", "head", "hostname",
           "httpd", "id", "ip", "kill", "ln", "ls", "lsmod", "md5sum", "mkdir", "mktemp", "mknod",
           "modprobe", "more", "mount", "mv", "nc", "netstat", "ping", "printf", "ps", "pwd",
           "readlink", "rm", "rmdir", "sed", "sh", "sha256sum", "sleep", "sort", "stat", "sync",
           "tail", "tar", "test", "time", "timeout", "top", "touch", "tr", "true", "umount",
           "uname", "uptime", "vi", "wc", "wget", "which", "xargs")
FOLDERS = ("boot", "data", "dev", "etc", "home", "opt", "proc", "root", "run", "sys", "tmp", "var",
           "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/lib/systemd/system", "usr/share")
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
         "init": "usr/lib/systemd/systemd", "usr/sbin/init": "../lib/systemd/systemd",
         "var/run": "../run", "usr/sbin/reboot": "../bin/systemctl",
         "usr/sbin/poweroff": "../bin/systemctl"}


class Root:
    """A root file system being put together."""

    def __init__(self, tree: pathlib.Path, pool: Pool) -> None:
        self.tree = tree
        self.pool = pool
        shutil.rmtree(tree, ignore_errors=True)
        for name in FOLDERS:
            (tree / name).mkdir(parents=True)
        for name, target in LINKS.items():
            (tree / name).symlink_to(target)

    def take(self, path: str) -> None:
        """A file from the packages, with the libraries it needs."""
        source = self.pool.find(path)
        target = self.tree / path
        if os.path.lexists(target):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            link = os.readlink(source)
            target.symlink_to(link)
            inside = link if link.startswith("/") else os.path.join(os.path.dirname(path), link)
            self.take(os.path.normpath(inside).lstrip("/").replace("lib/", "usr/lib/", 1)
                      if inside.startswith(("/lib", "lib")) else os.path.normpath(inside))
            return
        shutil.copy2(source, target)
        self.take_libraries_of(target)

    def take_libraries_of(self, program: pathlib.Path) -> None:
        with program.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                return
        for name in needed_libraries(program):
            library = self.pool.library(name)
            if library is None:
                raise ImageError(f"{program.name} needs {name}, which no package has")
            self.take(library)

    def install(self, program: pathlib.Path, target: str) -> None:
        """A program of ours, stripped, with the libraries it needs."""
        place = self.tree / target
        place.parent.mkdir(parents=True, exist_ok=True)
        run("strip", "-o", place, program)
        place.chmod(0o755)
        self.take_libraries_of(place)

    def copy(self, source: pathlib.Path, path: str) -> None:
        target = self.tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)

    def add_tree(self, source: pathlib.Path) -> None:
        """Our own files, over all others."""
        for folder, _, names in os.walk(source):
            target = self.tree / pathlib.Path(folder).relative_to(source)
            target.mkdir(parents=True, exist_ok=True)
            for name in names:
                file = pathlib.Path(folder) / name
                (target / name).unlink(missing_ok=True)
                shutil.copy2(file, target / name, follow_symlinks=False)

    def write(self, path: str, text: str) -> None:
        target = self.tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def wanted_by(self, unit: str, target: str) -> None:
        folder = self.tree / "usr/lib/systemd/system" / f"{target}.wants"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / unit).symlink_to(f"../{unit}")


def enable_units(root: Root, folder: pathlib.Path) -> None:
    """What `systemctl enable` would do: the [Install] sections of our units."""
    units = sorted(unit for unit in folder.iterdir() if unit.is_file() and not unit.is_symlink())
    for unit in units:
        for target in re.findall(r"^WantedBy=(.+)$", unit.read_text(), re.MULTILINE):
            for name in target.split():
                root.wanted_by(unit.name, name)


def add_system(root: Root, kernel: Kernel) -> None:
    for program in PROGRAMS:
        root.take(program)
    for unit in UNITS:
        root.take(f"usr/lib/systemd/system/{unit}")
    root.wanted_by("dbus.socket", "sockets.target")
    for file in FILES:
        root.take(file)
    root.take("usr/lib64/ld-linux-x86-64.so.2")
    for applet in APPLETS:
        for name in (f"usr/bin/{applet}", f"usr/sbin/{applet}"):
            if applet != "mount" or name == "usr/bin/mount":
                link = root.tree / name
                if name.startswith("usr/bin") and not os.path.lexists(link):
                    link.symlink_to("busybox")
    (root.tree / "usr/sbin/modprobe").symlink_to("../bin/busybox")
    shutil.copy2(kernel.vmlinuz, root.tree / "boot" / "vmlinuz")
    shutil.copytree(kernel.modules, root.tree / "usr" / "lib" / "modules")


def make_image(tree: pathlib.Path, image: pathlib.Path, size_mib: int) -> None:
    """An ext4 image whose owner is root, whoever makes it, and that is the same every time."""
    for path in (tree, *tree.rglob("*")):
        os.utime(path, (IMAGE_TIME, IMAGE_TIME), follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o022 | 0o444)
    image.unlink(missing_ok=True)
    as_root = () if os.geteuid() == 0 else ("unshare", "--map-root-user")
    run(*as_root, "mke2fs", "-q", "-F", "-t", "ext4", "-b", BLOCK, "-U", IMAGE_UUID, "-L", "root",
        "-m", "0", "-N", "2048", "-O", "^has_journal,^metadata_csum_seed", "-E",
        f"hash_seed={IMAGE_UUID},root_owner=0:0,lazy_itable_init=0,nodiscard",
        "-d", tree, image, f"{size_mib}m", environment={"E2FSPROGS_FAKE_TIME": str(IMAGE_TIME)})
    settle_times(image)


def settle_times(image: pathlib.Path) -> None:
    """mke2fs copies access and change times, which differ from reading to reading of the tree."""
    header = run("dumpe2fs", "-h", image)
    inodes = int(re.search(r"^Inode count:\s+(\d+)", header, re.MULTILINE).group(1))
    free = int(re.search(r"^Free inodes:\s+(\d+)", header, re.MULTILINE).group(1))
    script = image.with_suffix(".times")
    script.write_text("".join(f"sif <{number}> {field} @{IMAGE_TIME}\n"
                              for number in (2, *range(11, inodes - free + 1))
                              for field in ("atime", "ctime", "crtime")))
    run("debugfs", "-w", "-f", script, image,
        environment={"E2FSPROGS_FAKE_TIME": str(IMAGE_TIME)})
    script.unlink()
