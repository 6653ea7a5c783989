"""The hardware watchdog of the emulated PC, described the way a vendor's firmware would.

QEMU's q35 has the watchdog of Intel's chipsets (TCO). Debian's cloud kernel drives a watchdog that
the firmware describes in an ACPI table (WDAT) and has no driver of its own for this one; so here is
the table. The boot loader arms it through the same registers.
"""

import pathlib
import struct

TCO = 0x660  # where SeaBIOS and OVMF put it: power management at 0x600, and TCO 0x60 above
RELOAD, STATUS_2, CONTROL_1, TIMER = TCO + 0x00, TCO + 0x06, TCO + 0x08, TCO + 0x12
HALTED = 0x800  # in CONTROL_1
SECOND_TIMEOUT = 0x2  # in STATUS_2
TIMER_MASK = 0x3ff
PERIOD_MS = 1200  # the reset comes when a timer of 0.6 s a count has run out for the second time

SYSTEM_IO, WORD = 1, 2
READ_VALUE, READ_COUNTDOWN, WRITE_VALUE, WRITE_COUNTDOWN, PRESERVE = 0, 1, 2, 3, 0x80
ENTRIES = (  # action, instruction, register, value, mask
    (0x01, WRITE_VALUE, RELOAD, 1, 0xffff),                     # feed
    (0x04, READ_COUNTDOWN, RELOAD, 0, TIMER_MASK),              # what is left
    (0x05, READ_COUNTDOWN, TIMER, 0, TIMER_MASK),
    (0x06, WRITE_COUNTDOWN | PRESERVE, TIMER, 0, TIMER_MASK),   # set the timeout
    (0x08, READ_VALUE, CONTROL_1, 0, HALTED),                   # does it run?
    (0x09, WRITE_VALUE | PRESERVE, CONTROL_1, 0, HALTED),       # start
    (0x0a, READ_VALUE, CONTROL_1, HALTED, HALTED),
    (0x0b, WRITE_VALUE | PRESERVE, CONTROL_1, HALTED, HALTED),  # stop
    (0x20, READ_VALUE, STATUS_2, SECOND_TIMEOUT, SECOND_TIMEOUT),
    (0x21, WRITE_VALUE, STATUS_2, SECOND_TIMEOUT, SECOND_TIMEOUT))


def write_table(file: pathlib.Path) -> pathlib.Path:
    """What follows the header, which QEMU makes."""
    enabled = 1
    table = struct.pack("<IHBBB3xIIIB3xI", 32, 0xff, 0xff, 0xff, 0xff, PERIOD_MS, TIMER_MASK, 2,
                        enabled, len(ENTRIES))
    for action, instruction, register, value, mask in ENTRIES:
        table += struct.pack("<BBxxBBBBQII", action, instruction, SYSTEM_IO, 16, 0, WORD, register,
                             value, mask)
    file.write_bytes(table)
    return file
