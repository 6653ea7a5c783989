"""A small disk that boots: a boot loader as it ships, with kernels that only say what they were
told (say_command_line.S, say_load_options.S). Made without root, by sfdisk, mtools and mke2fs."""

import dataclasses
import functools
import os
import pathlib
import re
import select
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECTOR = 512
MIB = 1024 * 1024
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

PARTUUID = {
    "environment": "c07e0000-0000-4000-8000-000000000002",
    "esp": "c07e0000-0000-4000-8000-000000000003",
    "a": "c07e0000-0000-4000-8000-00000000000a",
    "b": "c07e0000-0000-4000-8000-00000000000b",
}
# name: first MiB, size in MiB
PLACES = {"bios": (1, 1), "environment": (2, 1), "esp": (3, 8), "a": (11, 4), "b": (15, 4)}
DISK_MIB = 20
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
TYPES = {"bios": "21686148-6449-6E6F-744E-656564454649", "environment": LINUX,
         "esp": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "a": LINUX, "b": LINUX}


def run(*command, text: str | None = None) -> str:
    """Runs a program of the host; what it printed."""
    done = subprocess.run([str(word) for word in command], input=text, text=True,
                          capture_output=True, env=os.environ | {"PATH": SEARCH}, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@functools.cache
def bare_kernel(source: str) -> bytes:
    bits = {"say_command_line.S": ("--32", "elf_i386"),
            "say_load_options.S": ("--64", "elf_x86_64")}
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder)
        run("as", bits[source][0], "-o", made / "say.o", HERE / source)
        run("ld", "-m", bits[source][1], "-Ttext", "0", "--oformat", "binary", "-o", made / "say",
            made / "say.o")
        return (made / "say").read_bytes()


def kernel(name: str, source: str = "say_command_line.S") -> bytes:
    """A kernel that says `name` and what it was told, for BIOS and U-Boot or for UEFI."""
    return bare_kernel(source).replace(b"NAME------------", name.encode().ljust(16)[:16])


@dataclasses.dataclass
class Boot:
    """What a machine did until it was reset."""

    text: str
    kernel: str | None  # the name in the kernel that was started
    arguments: list[str]

    @property
    def slot(self) -> str | None:
        return next((a[-1] for a in self.arguments if a.startswith("cutover.slot=")), None)

    @property
    def reason(self) -> str:
        for reason in ("trial", "fallback", "rescue"):
            if f"cutover.{reason}=1" in self.arguments:
                return reason
        return "normal"


class Disk:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.path = folder / "disk"
        lines = ["label: gpt", "label-id: c07e0000-0000-4000-8000-000000000000"]
        for name, (start, size) in PLACES.items():
            uuid = f", uuid={PARTUUID[name]}" if name in PARTUUID else ""
            label = {"a": "slot-a", "b": "slot-b"}.get(name, name)
            lines.append(f"start={start * MIB // SECTOR}, size={size * MIB // SECTOR}, "
                         f"type={TYPES[name]}, name={label}{uuid}")
        with open(self.path, "wb") as disk:
            disk.truncate(DISK_MIB * MIB)
        run("sfdisk", "--quiet", self.path, text="\n".join(lines) + "\n")

    def write(self, offset: int, content: bytes) -> None:
        with open(self.path, "r+b") as disk:
            disk.seek(offset)
            disk.write(content)

    def read(self, offset: int, size: int) -> bytes:
        with open(self.path, "rb") as disk:
            disk.seek(offset)
            return disk.read(size)

    def offset(self, partition: str) -> int:
        return PLACES[partition][0] * MIB

    def put_partition(self, name: str, image: pathlib.Path) -> None:
        content = image.read_bytes()
        assert len(content) <= PLACES[name][1] * MIB
        self.write(self.offset(name), content)

    def make_fat(self, name: str, files: dict[str, bytes], *, cluster_sectors: int) -> None:
        image = self.folder / f"{name}.fat"
        image.unlink(missing_ok=True)
        with open(image, "wb") as made:
            made.truncate(PLACES[name][1] * MIB)
        run("mkfs.vfat", "-F", "12", "-s", cluster_sectors, image)
        folders = {str(parent) for file in files for parent in pathlib.PurePosixPath(file).parents}
        for folder in sorted(folders - {"."}):
            run("mmd", "-i", image, f"::{folder}")
        for file, content in files.items():
            source = self.folder / "to-copy"
            source.write_bytes(content)
            run("mcopy", "-i", image, source, f"::{file}")
        self.put_partition(name, image)

    def put_slot(self, slot: str, kernel_image: bytes | None, *, squashfs: bool = False) -> None:
        """A root file system with nothing but a kernel in it, or without one."""
        root = self.folder / f"root-{slot}"
        (root / "boot").mkdir(parents=True, exist_ok=True)
        (root / "boot" / "vmlinuz").unlink(missing_ok=True)
        if kernel_image is not None:
            (root / "boot" / "vmlinuz").write_bytes(kernel_image)
        image = self.folder / f"root-{slot}.image"
        image.unlink(missing_ok=True)
        if squashfs:
            run("mksquashfs", root, image, "-quiet", "-no-progress", "-all-root")
        else:
            with open(image, "wb") as made:
                made.truncate(PLACES[slot][1] * MIB)
            run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, image)
        self.put_partition(slot, image)

    def install_grub(self, files: dict[str, bytes]) -> None:
        """GRUB for BIOS, as grub-install puts it on a GPT disk; `files` go to the ESP."""
        early = self.folder / "early.cfg"
        early.write_text("search --no-floppy --file /cutover/grub.cfg --set=root\n"
                         "configfile /cutover/grub.cfg\n")
        core = self.folder / "core.img"
        run("grub-mkimage", "-O", "i386-pc", "-o", core, "-p", "/cutover", "-c", early,
            *"biosdisk part_gpt fat ext2 squash4 search search_fs_file configfile normal regexp "
             "probe loadenv linux boot test echo reboot sleep iorw serial terminal minicmd".split())
        content = bytearray(core.read_bytes())
        start = self.offset("bios") // SECTOR
        content[0x1f4:0x1fc] = (start + 1).to_bytes(8, "little")
        self.write(self.offset("bios"), bytes(content))
        first = bytearray(pathlib.Path("/usr/lib/grub/i386-pc/boot.img").read_bytes())
        first[0x5c:0x64] = start.to_bytes(8, "little")
        first[0x66:0x68] = b"\x90\x90"
        self.write(0, bytes(first[:440]))
        self.make_fat("esp", files, cluster_sectors=8)

    def boot(self, *machine: str, timeout: float = 90, read_only: bool = False) -> Boot:
        """Runs the machine until it is reset."""
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=single", "-smp", "1", "-m", "256",
                   "-display", "none", "-vga", "none", "-net", "none", "-no-reboot",
                   "-monitor", "none", "-serial", "stdio",
                   "-drive", f"file={self.path},format=raw,if=none,id=disk,"
                             f"readonly={'on' if read_only else 'off'}",
                   "-device", "virtio-blk-pci,drive=disk", *machine]
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        output = bytearray()
        try:
            while chunk := read_some(process, began + timeout):
                output += chunk
        finally:
            process.kill()
            process.wait()
        text = output.decode("latin-1")
        assert time.monotonic() - began < timeout, f"the machine was not reset:\n{text}"
        said = re.search(r"KERNEL (\S+) *: ([^\r\n]*)", text)
        return Boot(text, said[1] if said else None, said[2].split() if said else [])


def read_some(process: subprocess.Popen, deadline: float) -> bytes:
    ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
    return os.read(process.stdout.fileno(), 65536) if ready else b""
