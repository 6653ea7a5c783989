"""Releases that are broken, each made from a good image by changing a few files in it."""

import gzip
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "integration" / "reference-device"))

from packages import run  # noqa: E402  (the folder is known only now)

EXECUTABLE = 0o100755
KERNEL = "/boot/vmlinuz"
INIT = "/usr/lib/systemd/systemd"
AGENT = "/usr/sbin/cutoverd"
PAGE = "/usr/share/www/index.html"


class Image:
    """An ext4 image whose files are changed without mounting it."""

    def __init__(self, image: pathlib.Path) -> None:
        self.image = image

    def put(self, path: str, content: bytes, mode: int = 0o100644) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self._debugfs(f"rm {path}", f"write {file.name} {path}", f"sif {path} mode 0{mode:o}",
                          f"sif {path} uid 0", f"sif {path} gid 0")
        assert self.get(path) == content, f"{path} was not written"

    def get(self, path: str) -> bytes:
        return subprocess.run(["/usr/sbin/debugfs", "-R", f"cat {path}", self.image], check=True,
                              capture_output=True).stdout

    def _debugfs(self, *commands: str) -> None:
        with tempfile.NamedTemporaryFile("w") as script:
            script.write("\n".join(commands) + "\n")
            script.flush()
            run("debugfs", "-w", "-f", script.name, self.image)


def kernel_not_loadable(image: Image, _) -> None:
    image.put(KERNEL, b"This is no kernel.\n" * 4000)


def kernel_halts(image: Image, _) -> None:
    """The header is right, so it is loaded; what it unpacks is not."""
    kernel = bytearray(image.get(KERNEL))
    middle = len(kernel) // 2
    kernel[middle:middle + 65536] = bytes(65536)
    image.put(KERNEL, bytes(kernel))


def init_panics(image: Image, _) -> None:
    image.put(INIT, b"#!/bin/false\n", EXECUTABLE)


def system_hangs(image: Image, _) -> None:
    image.put(INIT, b"#!/bin/sh\necho 'init: hanging' >/dev/console\n"
                    b"while :; do sleep 1000; done\n", EXECUTABLE)


def agent_does_not_start(image: Image, _) -> None:
    image.put(AGENT, b"#!/bin/sh\nexit 1\n", EXECUTABLE)


def health_check_fails(image: Image, _) -> None:
    image.put(PAGE.replace("index.html", "moved.html"), b"no index\n")
    image._debugfs(f"rm {PAGE}")


def wrong_root(image: Image, good: "Image") -> None:
    """Its initial file system mounts the other slot: the loader says B, and A's software runs."""
    image.put("/boot/initrd.img", gzip.compress(archive({
        "bin": None, "dev": None, "proc": None, "root": None,
        "bin/busybox": good.get("/usr/bin/busybox"),
        "init": b"#!/bin/busybox sh\n/bin/busybox mount -t devtmpfs dev /dev\n"
                b"while [ ! -e /dev/nvme0n1p4 ]; do /bin/busybox sleep 0.1; done\n"
                b"/bin/busybox mount -o ro /dev/nvme0n1p4 /root\n"
                b"exec /bin/busybox switch_root /root /sbin/init\n"}), 1))


FAULTS = {change.__name__.replace("_", "-"): change
          for change in (kernel_not_loadable, kernel_halts, init_panics, system_hangs,
                         agent_does_not_start, health_check_fails, wrong_root)}


def archive(files: dict[str, bytes | None]) -> bytes:
    """A cpio archive of folders (None) and programs, as the kernel unpacks it."""
    total = bytearray()
    for number, (name, content) in enumerate([*files.items(), ("TRAILER!!!", b"")], 1):
        mode = 0o040755 if content is None else EXECUTABLE
        data = content or b""
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        total += b"070701" + b"".join(b"%08x" % field for field in fields)
        total += name.encode() + b"\0"
        total += bytes(-len(total) % 4)
        total += data
        total += bytes(-len(total) % 4)
    return bytes(total)


def make_broken(fault: str, good: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
    """A copy of a good image with the fault in it."""
    run("cp", "--sparse=always", good, out)
    FAULTS[fault](Image(out), Image(good))
    return out


def flip(disk: pathlib.Path, offset: int, length: int) -> None:
    """Destroys bytes of a disk that is switched off."""
    with disk.open("r+b") as file:
        file.seek(offset)
        old = file.read(length)
        file.seek(offset)
        file.write(bytes(byte ^ 0xFF for byte in old))


def copy_disk(source: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """Its holes stay holes."""
    run("cp", "--sparse=always", "--reflink=auto", source, target)
    return target


