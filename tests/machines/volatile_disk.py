"""A disk with a volatile write cache, served over NBD, whose power can be cut at exactly one write.

Until a flush, a written block is only in the cache: at the cut each is lost, kept, or torn, in any
combination, as a real drive may do. A write with FUA is on the medium when it is answered. The
medium is a plain file; what the guest sees is that file with the cache over it.
"""

import dataclasses
import mmap
import os
import pathlib
import random
import socket
import struct
import threading

NEGOTIATION_MAGIC = 0x4E42444D41474943
OPTION_MAGIC = 0x49484156454F5054
REPLY_MAGIC = 0x3E889045565A9
REQUEST_MAGIC = 0x25609513
SIMPLE_REPLY_MAGIC = 0x67446698
OPT_EXPORT_NAME, OPT_ABORT, OPT_INFO, OPT_GO = 1, 2, 6, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED = 1, 3, 0x80000001
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
FUA = 1
# has flags, flush, FUA: nothing else, so that all that changes the disk is a write
EXPORT_FLAGS = 1 | 4 | 8
TEAR_BYTES = 512
MAX_REQUEST = 64 * 1024 * 1024


@dataclasses.dataclass
class Cut:
    """Where the power fails: at the n-th write or flush to the bytes from `begin` to `end`."""

    at: int
    begin: int = 0
    end: int = 1 << 62
    flushes: bool = False


@dataclasses.dataclass
class Lost:
    """What became of the cache at a cut."""

    kept: int = 0
    lost: int = 0
    torn: int = 0

    def __str__(self) -> str:
        return f"{self.kept} kept, {self.lost} lost, {self.torn} torn"


class VolatileDisk:
    """Serves one guest at a time. Start it, give `uri` to QEMU, and cut() or stop()."""

    def __init__(self, medium: pathlib.Path, folder: pathlib.Path) -> None:
        self.medium = os.open(medium, os.O_RDWR)
        self.size = os.fstat(self.medium).st_size
        self.seen = mmap.mmap(self.medium, self.size, mmap.MAP_PRIVATE,
                              mmap.PROT_READ | mmap.PROT_WRITE)
        self.cache: list[tuple[int, bytes, bool]] = []  # offset, data, whether it was FUA
        self.trace: list[tuple[str, int, int]] = []  # what, offset, length
        self.wanted: Cut | None = None
        self.counted = 0
        self.power_failed = threading.Event()
        self.lock = threading.Lock()
        self.path = folder / "disk.sock"
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def uri(self) -> str:
        return f"nbd+unix:///?socket={self.path}"

    def cut_at(self, cut: Cut | None) -> None:
        with self.lock:
            self.wanted = cut
            self.counted = 0

    def cut(self, dice: random.Random) -> Lost:
        """The power is off: the medium keeps what it keeps. The guest must be gone by now."""
        self.power_failed.set()
        told = Lost()
        with self.lock:
            for offset, data, durable in self.cache:
                fate = "kept" if durable else dice.choice(("kept", "lost", "torn"))
                if fate == "kept":
                    os.pwrite(self.medium, data, offset)
                    told.kept += 1
                elif fate == "torn":
                    self._tear(offset, data, dice)
                    told.torn += 1
                else:
                    told.lost += 1
            self.cache.clear()
        self.stop()
        return told

    def stop(self) -> None:
        """Everything is written first, as by a drive that is switched off in order."""
        if self.medium < 0:
            return
        with self.lock:
            self._flush()
        self.listener.close()
        self.path.unlink(missing_ok=True)
        self.seen.close()
        os.close(self.medium)
        self.medium = -1

    def _tear(self, offset: int, data: bytes, dice: random.Random) -> None:
        for at in range(0, len(data), TEAR_BYTES):
            if dice.random() < 0.5:
                os.pwrite(self.medium, data[at:at + TEAR_BYTES], offset + at)

    def _flush(self) -> None:
        for offset, data, _ in self.cache:
            os.pwrite(self.medium, data, offset)
        self.cache.clear()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # stopped
                return
            with connection:
                try:
                    if self._negotiate(connection):
                        self._requests(connection)
                except (ConnectionError, EOFError, ValueError, OSError):
                    continue  # the guest was killed

    def _negotiate(self, connection: socket.socket) -> bool:
        connection.sendall(struct.pack(">QQH", NEGOTIATION_MAGIC, OPTION_MAGIC, 1 | 2))
        receive(connection, 4)
        while True:
            _, option, length = struct.unpack(">QII", receive(connection, 16))
            receive(connection, length)
            if option == OPT_EXPORT_NAME:
                connection.sendall(struct.pack(">QH", self.size, EXPORT_FLAGS))
                return True
            if option in (OPT_GO, OPT_INFO):
                info = struct.pack(">HQH", 0, self.size, EXPORT_FLAGS)
                for reply, data in ((REP_INFO, info), (REP_ACK, b"")):
                    connection.sendall(
                        struct.pack(">QIII", REPLY_MAGIC, option, reply, len(data)) + data)
                if option == OPT_GO:
                    return True
            else:
                reply = REP_ACK if option == OPT_ABORT else REP_UNSUPPORTED
                connection.sendall(struct.pack(">QIII", REPLY_MAGIC, option, reply, 0))
                if option == OPT_ABORT:
                    return False

    def _requests(self, connection: socket.socket) -> None:
        while True:
            magic, flags, kind, handle, offset, length = struct.unpack(
                ">IHHQQI", receive(connection, 28))
            if magic != REQUEST_MAGIC or length > MAX_REQUEST or offset + length > self.size:
                raise ValueError("not a request")
            if kind == DISCONNECT:
                return
            data = receive(connection, length) if kind == WRITE else b""
            answer = self._answer(kind, flags, offset, length, data)
            if answer is None:
                return  # the power failed: no answer ever comes
            connection.sendall(struct.pack(">IIQ", SIMPLE_REPLY_MAGIC, 0, handle) + answer)

    def _answer(self, kind: int, flags: int, offset: int, length: int,
                data: bytes) -> bytes | None:
        with self.lock:
            if self.power_failed.is_set():
                return None
            if kind == READ:
                return self.seen[offset:offset + length]
            if kind == WRITE:
                self.trace.append(("fua" if flags & FUA else "write", offset, length))
                self.seen[offset:offset + length] = data
                if self._counts(offset, flush=False):
                    self.cache.append((offset, data, False))  # it was never answered
                    return None
                # In order with the others, for one that is older must not come over it.
                self.cache.append((offset, data, bool(flags & FUA)))
            elif kind == FLUSH:
                self.trace.append(("flush", 0, 0))
                if self._counts(0, flush=True):
                    return None
                self._flush()
            return b""

    def _counts(self, offset: int, *, flush: bool) -> bool:
        """Whether this is the one at which the power fails."""
        wanted = self.wanted
        if wanted is None or wanted.flushes != flush:
            return False
        if not flush and not wanted.begin <= offset < wanted.end:
            return False
        self.counted += 1
        if self.counted < wanted.at:
            return False
        self.power_failed.set()
        return True


def receive(connection: socket.socket, length: int) -> bytes:
    data = bytearray(length)
    view = memoryview(data)
    at = 0
    while at < length:
        count = connection.recv_into(view[at:])
        if count == 0:
            raise EOFError
        at += count
    return bytes(data)
