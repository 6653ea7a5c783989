"""The disk that loses unflushed writes really loses them, and nothing else."""

import pathlib
import random
import socket
import struct

import pytest

from volatile_disk import FUA, FLUSH, READ, WRITE, Cut, VolatileDisk

SIZE = 1 << 20
BLOCK = 4096


class Client:
    """As much of NBD as a guest needs."""

    def __init__(self, disk: VolatileDisk) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(disk.path))
        self.file = self.socket.makefile("rb")
        self.file.read(18)
        go = struct.pack(">IH", 0, 0)
        option = b"IHAVEOPT" + struct.pack(">II", 7, len(go)) + go
        self.socket.sendall(struct.pack(">I", 3) + option)
        reply = 0
        while reply != 1:
            reply, length = struct.unpack(">II", self.file.read(20)[12:])
            self.file.read(length)

    def ask(self, kind: int, offset: int = 0, length: int = 0, data: bytes = b"",
            flags: int = 0) -> bytes | None:
        """None when the power fails before the answer."""
        self.socket.sendall(struct.pack(">IHHQQI", 0x25609513, flags, kind, 7, offset,
                                        len(data) or length) + data)
        header = self.file.read(16)
        if len(header) < 16:
            return None
        assert struct.unpack(">IIQ", header) == (0x67446698, 0, 7)
        return self.file.read(length) if kind == READ else b""

    def write(self, block: int, byte: int, flags: int = 0) -> bytes | None:
        return self.ask(WRITE, block * BLOCK, data=bytes([byte]) * BLOCK, flags=flags)


class Dice(random.Random):
    """Every unflushed write has the same fate."""

    def __init__(self, fate: str) -> None:
        super().__init__(1)
        self.fate = fate

    def choice(self, _):
        return self.fate


@pytest.fixture
def medium(tmp_path) -> pathlib.Path:
    file = tmp_path / "medium"
    file.write_bytes(bytes(SIZE))
    return file


@pytest.fixture
def disk(medium, tmp_path):
    made = VolatileDisk(medium, tmp_path)
    yield made
    made.stop()


def block_of(medium: pathlib.Path, number: int) -> bytes:
    return medium.read_bytes()[number * BLOCK:(number + 1) * BLOCK]


def test_the_guest_sees_what_it_has_written_before_it_is_flushed(disk, medium):
    guest = Client(disk)
    guest.write(3, 0xAA)
    assert guest.ask(READ, 3 * BLOCK, BLOCK) == b"\xaa" * BLOCK
    assert block_of(medium, 3) == bytes(BLOCK)


def test_a_flush_makes_writes_durable(disk, medium):
    guest = Client(disk)
    guest.write(3, 0xAA)
    guest.ask(FLUSH)
    guest.write(4, 0xBB)
    disk.cut(Dice("lost"))
    assert block_of(medium, 3) == b"\xaa" * BLOCK
    assert block_of(medium, 4) == bytes(BLOCK)


def test_a_write_with_fua_is_durable_and_stays_newer_than_an_unflushed_one(disk, medium):
    guest = Client(disk)
    guest.write(3, 0xAA)
    guest.write(3, 0xBB, FUA)
    told = disk.cut(Dice("kept"))
    assert block_of(medium, 3) == b"\xbb" * BLOCK
    assert told.kept == 2


def test_a_torn_write_is_partly_there(disk, medium):
    Client(disk).write(3, 0xAA)
    disk.cut(Dice("torn"))
    sectors = {block_of(medium, 3)[at:at + 512] for at in range(0, BLOCK, 512)}
    assert sectors == {bytes(512), b"\xaa" * 512}


@pytest.mark.parametrize("cut", [Cut(2, 4 * BLOCK, 8 * BLOCK), Cut(1, flushes=True)])
def test_the_power_fails_at_exactly_the_write_that_was_asked_for(disk, cut):
    guest = Client(disk)
    disk.cut_at(cut)
    assert guest.write(1, 1) is not None
    assert guest.write(4, 1) is not None
    assert not disk.power_failed.is_set()
    assert (guest.ask(FLUSH) if cut.flushes else guest.write(7, 1)) is None
    assert disk.power_failed.is_set()


def test_a_disk_that_is_stopped_in_order_keeps_everything(medium, tmp_path):
    disk = VolatileDisk(medium, tmp_path)
    Client(disk).write(3, 0xAA)
    disk.stop()
    assert block_of(medium, 3) == b"\xaa" * BLOCK
