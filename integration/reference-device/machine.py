"""The disk of a device: boot loader, a release in slot A, and a data partition that knows it."""

import pathlib
import shutil

import disk as disks
import watchdog
from packages import run
from release import HERE, INTEGRATION, SLOT_MIB, Workshop

LOADERS = ("grub", "uboot")
DATA_MIB = 64
WATCHDOG_SECONDS = 45  # from the boot loader until the agent feeds it
GRUB_EARLY = """\
set root=(hd0,gpt3)
configfile (hd0,gpt3)/grub/grub.cfg
"""


def grub_settings(partitions: dict[str, disks.Partition]) -> str:
    """cutover.cfg, which grub.cfg reads first: it also arms the watchdog."""
    ticks = WATCHDOG_SECONDS * 1000 // watchdog.PERIOD_MS
    return f"""\
set cutover_environment={partitions["env"].uuid}
set cutover_slot_a={partitions["slot-a"].uuid}
set cutover_slot_b={partitions["slot-b"].uuid}
set cutover_arguments="console=ttyS0 quiet loglevel=5 watchdog.handle_boot_enabled=0"
set cutover_watchdog=
serial --unit=0 --speed=115200
terminal_output serial

# The chipset's watchdog: it may reset the machine (GCS), {WATCHDOG_SECONDS} s, run, go.
insmod iorw
insmod memrw
write_dword 0xfed1f410 0
outw {watchdog.TIMER:#x} {ticks}
outw {watchdog.CONTROL_1:#x} 0
outw {watchdog.RELOAD:#x} 1
"""


def environment_block(serial: int) -> bytes:
    """A boot record that starts slot A; docs/boot-loaders.md describes it."""
    text = (f"# GRUB Environment Block\ncutover_seq={serial}\ncutover_committed=a\n"
            f"cutover_trial=none\ncutover_left=0\ncutover_tries=0\n"
            f"cutover_check={serial}.a.none.0.0\n")
    return text.encode().ljust(1024, b"#")


def put_grub(disk: disks.Disk, work: pathlib.Path) -> None:
    early = work / "early.cfg"
    early.write_text(GRUB_EARLY)
    settings = work / "cutover.cfg"
    settings.write_text(grub_settings(disk.partitions))
    disks.put_grub_pc(disk, work, early)
    esp = work / "esp.img"
    disks.make_fat(esp, disk.partitions["esp"].size_mib, "ESP",
                   {"EFI/BOOT/BOOTX64.EFI": disks.make_grub_efi(work, early),
                    "grub/grub.cfg": INTEGRATION / "grub" / "grub.cfg",
                    "grub/cutover.cfg": settings})
    disk.put("esp", esp)
    blocks = {}
    for copy in (0, 1):
        blocks[f"ENV{copy}"] = work / f"env{copy}"
        blocks[f"ENV{copy}"].write_bytes(environment_block(copy + 1))
    environment = work / "env.img"
    disks.make_fat(environment, disk.partitions["env"].size_mib, "ENV", blocks,
                   ("-F", 12, "-s", 8))
    disk.put("env", environment)


def make_disk(file: pathlib.Path, loader: str, work: pathlib.Path, workshop: Workshop,
              keys: pathlib.Path, package: pathlib.Path,
              config: pathlib.Path = HERE / "device.toml") -> pathlib.Path:
    disk = disks.Disk(file, disks.layout(SLOT_MIB, DATA_MIB))
    put_grub(disk, work)
    disk.put("slot-a", package.with_suffix(".ext4"))
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    make_data(data, workshop, keys, package, config)
    image = work / "data.ext4"
    image.unlink(missing_ok=True)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "data", "-m", "0", "-E",
        "root_owner=0:0,lazy_itable_init=0", "-d", data, image, f"{DATA_MIB}m")
    disk.put("data", image)
    return file


def make_data(data: pathlib.Path, workshop: Workshop, keys: pathlib.Path,
              package: pathlib.Path, config: pathlib.Path) -> None:
    """The agent's folder, which knows what slot A holds."""
    for slot in ("a", "b"):
        (data / "persist" / slot / "etc").mkdir(parents=True)
    (data / "persist" / "a" / "etc" / "nos.conf").write_text("hostname = changed-by-the-user\n")
    run(workshop.programs.cutover, "device", "adopt", data / "cutover", "--config", config,
        "--base", package, "--image", package.with_suffix(".ext4"), "--trust", keys / "ca.crt")
