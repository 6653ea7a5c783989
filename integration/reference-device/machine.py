"""The disk of a device: boot loader, a release in slot A, and a data partition that knows it."""

import pathlib
import shutil

import disk as disks
import watchdog
from packages import run
from release import HERE, INTEGRATION, SLOT_MIB, Workshop

LOADERS = ("grub", "uboot")
DATA_MIB = 64
WATCHDOG_SECONDS = 36  # from the boot loader until the agent feeds it
FLASH_UUID = "c07e0000-0000-4000-8000-0000000000f1"
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
    block = work / "env"
    block.write_bytes((INTEGRATION / "grub" / "env.txt").read_bytes().ljust(1024, b"#"))
    environment = work / "env.img"
    disks.make_fat(environment, disk.partitions["env"].size_mib, "ENV",
                   {"ENV0": block, "ENV1": block}, ("-F", 12, "-s", 8))
    disk.put("env", environment)


def put_uboot(disk: disks.Disk, work: pathlib.Path) -> None:
    """U-Boot itself is in the board's flash; the script is on a boot partition of its own, because
    Debian's U-Boot for this board looks for none on NVMe."""
    first = disk.partitions["env"].start_mib * disks.MIB // disks.SECTOR
    settings = f"""\
nvme scan
setenv devtype nvme
setenv devnum 0
setenv cutover_block0 {first:#x}
setenv cutover_block1 {first + 8:#x}
setenv cutover_slot_a slot-a
setenv cutover_slot_b slot-b
setenv cutover_memory 0x60
setenv cutover_arguments console=ttyS0 quiet loglevel=5 watchdog.handle_boot_enabled=0
setenv cutover_boot 'zboot ${{kernel_addr_r}} ${{filesize}}'
setenv cutover_watchdog none
"""
    script = work / "boot.cmd"
    script.write_text(settings + (INTEGRATION / "uboot" / "boot.cmd").read_text())
    compiled = work / "boot.scr"
    run("mkimage", "-A", "x86", "-T", "script", "-C", "none", "-n", "cutover", "-d", script,
        compiled)
    flash = disks.Disk(disk.file.with_suffix(".boot"),
                       {"boot": disks.Partition(1, "boot", 4, 1, disks.ESP, FLASH_UUID)})
    content = work / "boot.img"
    disks.make_fat(content, 4, "BOOT", {"boot.scr": compiled})
    flash.put("boot", content)
    copy = work / "environment.img"
    run("mkenvimage", "-r", "-s", 4096, "-p", 0, "-o", copy, INTEGRATION / "uboot" / "env.txt")
    for offset in (0, 4096):
        disk.write_at(first * disks.SECTOR + offset, copy.read_bytes())


def make_disk(file: pathlib.Path, loader: str, work: pathlib.Path, workshop: Workshop,
              keys: pathlib.Path, package: pathlib.Path,
              config: pathlib.Path = HERE / "device.toml") -> pathlib.Path:
    """Beside FILE, for U-Boot, FILE's name with .boot: the boot partition."""
    disk = disks.Disk(file, disks.layout(SLOT_MIB, DATA_MIB))
    put_grub(disk, work) if loader == "grub" else put_uboot(disk, work)
    disk.put("slot-a", package.with_suffix(".ext4"))
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    settings = work / "device.toml"
    text = config.read_text().replace('backend = "grub"', f'backend = "{loader}"')
    if loader == "uboot":  # its board has no watchdog that this kernel knows
        text = text.split("[watchdog]")[0]
    settings.write_text(text)
    make_data(data, workshop, keys, package, settings)
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
