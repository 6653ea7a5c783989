"""A bootable GPT disk, put together as a file: no root, no loop device, no mount."""

import dataclasses
import os
import pathlib
import struct

from packages import ImageError, run

MIB = 1024 * 1024
SECTOR = 512
GRUB_PC = pathlib.Path("/usr/lib/grub/i386-pc")
GRUB_EFI = pathlib.Path("/usr/lib/grub/x86_64-efi")
GRUB_MODULES = ("cat", "configfile", "echo", "ext2", "fat", "halt", "iorw", "linux", "loadenv",
                "ls", "memrw", "minicmd", "normal", "part_gpt", "probe", "reboot", "regexp",
                "search", "serial", "sleep", "squash4", "terminal", "test", "true")

BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"


@dataclasses.dataclass(frozen=True)
class Partition:
    number: int
    label: str
    size_mib: int
    start_mib: int
    kind: str
    uuid: str  # fixed, so that boot scripts and device.toml can name it


def layout(slot_mib: int, data_mib: int) -> dict[str, Partition]:
    partitions = {}
    start = 1
    for number, (label, size, kind, digit) in enumerate((
            ("bios-boot", 1, BIOS_BOOT, "1"), ("env", 2, LINUX, "2"), ("esp", 36, ESP, "3"),
            ("slot-a", slot_mib, LINUX, "a"), ("slot-b", slot_mib, LINUX, "b"),
            ("data", data_mib, LINUX, "d")), 1):
        partitions[label] = Partition(number, label, size, start, kind,
                                      f"c07e0000-0000-4000-8000-00000000000{digit}")
        start += size
    return partitions


class Disk:
    """The file; each put_... fills one partition."""

    def __init__(self, file: pathlib.Path, partitions: dict[str, Partition]) -> None:
        self.file = file
        self.partitions = partitions
        last = max(partitions.values(), key=lambda each: each.start_mib)
        with file.open("wb") as disk:
            disk.truncate((last.start_mib + last.size_mib + 1) * MIB)
        script = ("label: gpt\nlabel-id: C07E0000-0000-4000-8000-000000000000\n" + "".join(
            f"start={each.start_mib * MIB // SECTOR}, size={each.size_mib * MIB // SECTOR}, "
            f'type={each.kind}, uuid={each.uuid.upper()}, name="{each.label}"\n'
            for each in partitions.values()))
        run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", file, text_in=script)

    def put(self, label: str, image: pathlib.Path) -> None:
        """Copies an image to the beginning of a partition; what is zero stays a hole."""
        partition = self.partitions[label]
        if image.stat().st_size > partition.size_mib * MIB:
            raise ImageError(f"{image.name} does not fit into {label}, {partition.size_mib} MiB")
        with image.open("rb") as source, self.file.open("r+b") as disk:
            at = partition.start_mib * MIB
            while block := source.read(MIB):
                if block.count(0) != len(block):
                    os.pwrite(disk.fileno(), block, at)
                at += len(block)

    def write_at(self, offset: int, content: bytes) -> None:
        with self.file.open("r+b") as disk:
            os.pwrite(disk.fileno(), content, offset)


def make_fat(file: pathlib.Path, size_mib: int, label: str, files: dict[str, pathlib.Path],
             more: tuple[object, ...] = ()) -> None:
    """A FAT file system with `files`: path in it -> what is copied there."""
    file.unlink(missing_ok=True)
    run("mkfs.vfat", *more, "-n", label, "-i", "c07e0000", "--invariant", "-C", file,
        size_mib * 1024)
    made: set[str] = set()
    for path, source in files.items():
        for parent in reversed(pathlib.PurePosixPath(path).parents):
            if str(parent) != "." and str(parent) not in made:
                run("mmd", "-i", file, f"::{parent}")
                made.add(str(parent))
        run("mcopy", "-i", file, source, f"::{path}")


def put_grub_pc(disk: Disk, work: pathlib.Path, early: pathlib.Path) -> None:
    """GRUB for the BIOS as grub-install would have it, which only works on real disks: the image
    goes to bios-boot, and the two sectors that point to it are told where that is."""
    core = work / "core.img"
    run("grub-mkimage", "-O", "i386-pc", "-o", core, "-p", "(hd0,gpt3)/grub", "-c", early,
        "biosdisk", *GRUB_MODULES)
    content = bytearray(core.read_bytes())
    partition = disk.partitions["bios-boot"]
    if len(content) > partition.size_mib * MIB:
        raise ImageError(f"GRUB has {len(content)} bytes: too much for bios-boot")
    first = partition.start_mib * MIB // SECTOR
    struct.pack_into("<Q", content, 0x1f4, first + 1)  # where the rest of core.img is
    boot = bytearray((GRUB_PC / "boot.img").read_bytes()[:440])
    struct.pack_into("<Q", boot, 0x5c, first)
    boot[0x66:0x68] = b"\x90\x90"  # the drive that the BIOS names is the right one
    disk.write_at(first * SECTOR, bytes(content))
    disk.write_at(0, bytes(boot))


def make_grub_efi(work: pathlib.Path, early: pathlib.Path) -> pathlib.Path:
    program = work / "BOOTX64.EFI"
    run("grub-mkimage", "-O", "x86_64-efi", "-o", program, "-p", "(hd0,gpt3)/grub", "-c", early,
        *GRUB_MODULES)
    return program
