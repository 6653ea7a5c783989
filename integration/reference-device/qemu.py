"""How QEMU is started for the reference device: a PC with one NVMe disk, a network, a watchdog."""

import pathlib

import watchdog

# One thread and one processor: what the device does is then the same from run to run, and two
# machines share two processors fairly. KVM is not used: where machines are tested it is rarely
# there, and half of it (a nested one that emulates) is worse than none.
BOARD = ("-cpu", "qemu64", "-accel", "tcg,thread=single", "-smp", "1", "-m",
         "512", "-nodefaults", "-display", "none", "-rtc", "base=utc")
FIRMWARE = {"bios": (), "uefi": ("-drive", "if=pflash,format=raw,unit=0,readonly=on,"
                                           "file=/usr/share/OVMF/OVMF_CODE_4M.fd"),
            "uboot": ("-bios", "/usr/lib/u-boot/qemu-x86/u-boot.rom")}
MACHINE = {"bios": "q35", "uefi": "q35", "uboot": "pc"}  # Debian's U-Boot is for the older board


def command(firmware: str, disk: str, folder: pathlib.Path,
            ports: tuple[int, int] = (0, 0)) -> list[str]:
    """`disk` is what -blockdev takes after node-name: a file or an NBD server.

    For U-Boot the folder has a disk.boot beside. `ports` of the host lead to the page and to the
    agent's door (docs/device-integration.md, --test-door); 0 is a free one, and the monitor's
    `info usernet` tells which.
    """
    chipset = ("-acpitable", f"sig=WDAT,rev=1,data={watchdog.write_table(folder / 'wdat.bin')}",
               "-global", "ICH9-LPC.noreboot=false", "-action", "watchdog=reset")
    boot = ("-drive", f"if=none,id=boot,format=raw,readonly=on,file={folder / 'disk.boot'}",
            "-device", "virtio-blk-pci,drive=boot")
    return ["qemu-system-x86_64", *BOARD, "-machine", MACHINE[firmware], *FIRMWARE[firmware],
            *(boot if firmware == "uboot" else chipset),
            "-blockdev", f"node-name=disk,{disk}",
            "-device", "nvme,drive=disk,serial=reference,bootindex=1",
            "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{ports[0]}-:8080,"
                       f"hostfwd=tcp:127.0.0.1:{ports[1]}-:9000",
            "-device", "virtio-net-pci,netdev=net,romfile="]
