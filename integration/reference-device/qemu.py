"""How QEMU is started for the reference device: a PC with one NVMe disk, a network, a watchdog."""

import pathlib

import watchdog

# One thread and one processor: what the device does is then the same from run to run, and two
# machines share two processors fairly. KVM is not used: where machines are tested it is rarely
# there, and half of it (a nested one that emulates) is worse than none.
BOARD = ("-machine", "q35", "-cpu", "qemu64", "-accel", "tcg,thread=single", "-smp", "1", "-m",
         "512", "-nodefaults", "-display", "none", "-rtc", "base=utc")
FIRMWARE = {"bios": (), "uefi": ("-drive", "if=pflash,format=raw,unit=0,readonly=on,"
                                           "file=/usr/share/OVMF/OVMF_CODE_4M.fd"),
            "uboot": ("-bios", "/usr/lib/u-boot/qemu-x86/u-boot.rom")}


def command(firmware: str, disk: str, folder: pathlib.Path) -> list[str]:
    """`disk` is what -blockdev takes after node-name: a file or an NBD server.

    Host ports are free ones; `info usernet` tells them. The agent's own socket is reached through
    port 9000, where a device has been given that (see docs/device-integration.md).
    """
    table = watchdog.write_table(folder / "wdat.bin")
    return ["qemu-system-x86_64", *BOARD, *FIRMWARE[firmware],
            "-acpitable", f"sig=WDAT,rev=1,data={table}",
            "-global", "ICH9-LPC.noreboot=false", "-action", "watchdog=reset",
            "-blockdev", f"node-name=disk,{disk}",
            "-device", "nvme,drive=disk,serial=reference,bootindex=1",
            "-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:0-:8080,hostfwd=tcp:127.0.0.1:0-:9000",
            "-device", "virtio-net-pci,netdev=net,romfile="]
