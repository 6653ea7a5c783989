"""The disk of a device: boot loader, a release in slot A, and a data partition that knows it."""

import pathlib

import disk as disks
from packages import run
from release import SLOT_MIB, Workshop

LOADERS = ("grub", "uboot")
DATA_MIB = 64
GRUB_EARLY = """\
set root=(hd0,gpt3)
configfile (hd0,gpt3)/grub/grub.cfg
"""


def make_disk(file: pathlib.Path, loader: str, work: pathlib.Path, workshop: Workshop,
              keys: pathlib.Path, package: pathlib.Path) -> pathlib.Path:
    disk = disks.Disk(file, disks.layout(SLOT_MIB, DATA_MIB))
    early = work / "early.cfg"
    early.write_text(GRUB_EARLY)
    config = work / "grub.cfg"
    config.write_text(f"""serial --unit=0
terminal_output serial
echo GRUB
linux (hd0,gpt4)/boot/vmlinuz root=PARTUUID={disk.partitions['slot-a'].uuid} ro \\
  console=ttyS0 quiet panic=1 cutover.slot=a
boot
""")
    disks.put_grub_pc(disk, work, early)
    esp = work / "esp.img"
    disks.make_fat(esp, disk.partitions["esp"].size_mib, "ESP",
                   {"EFI/BOOT/BOOTX64.EFI": disks.make_grub_efi(work, early),
                    "grub/grub.cfg": config})
    disk.put("esp", esp)
    disk.put("slot-a", package.with_suffix(".ext4"))
    data = work / "data"
    (data / "cutover").mkdir(parents=True, exist_ok=True)
    image = work / "data.ext4"
    image.unlink(missing_ok=True)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "data", "-m", "0", "-E",
        "root_owner=0:0,lazy_itable_init=0", "-d", data, image, f"{DATA_MIB}m")
    disk.put("data", image)
    return file
