"""Clients that mean harm, below gRPC: they send what no library of it would."""

import contextlib
import selectors
import socket
import struct
import threading

DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
FRAME = 16384
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(
        ">I", stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value


def headers_of(method: str) -> bytes:
    path = method.encode()
    return (b"\x83\x86" + b"\x04" + bytes((len(path),)) + path + b"\x01\x04door" +
            literal(b"content-type", b"application/grpc") + literal(b"te", b"trailers"))


class Connection:
    """Sends requests that are said to have `claimed` bytes, `sent` of each, as fast as it may.

    That by so many streams at a time. Where `again`, those that are over are followed by others;
    where not, they are kept as they are.
    """

    def __init__(self, connect, method: str, streams: int, claimed: int, sent: int,
                 again: bool) -> None:
        self.connect, self.method, self.again = connect, method, again
        self.streams, self.claimed, self.total = streams, claimed, sent + 5
        self.written, self.made, self.ended = 0, 0, {}
        self.socket = None
        self.open()

    def open(self) -> None:
        self.socket = self.connect()
        self.socket.setblocking(False)
        self.out = bytearray(PREFACE + frame(SETTINGS, 0, 0))
        self.heard = bytearray()
        self.window, self.initial = 65535, 65535
        self.places, self.next = {}, 1  # stream: [left to send, window]

    def begin(self) -> None:
        self.out += frame(HEADERS, END_HEADERS, self.next, headers_of(self.method))
        self.places[self.next] = [self.total, self.initial]
        self.next += 2
        self.made += 1

    def fill(self) -> None:
        while len(self.places) < self.streams and (self.again or self.made < self.streams):
            self.begin()
        for number, place in self.places.items():
            while len(self.out) < 4 * FRAME and (size := min(FRAME, place[0], place[1],
                                                             self.window)) > 0:
                payload = bytes(size)
                if place[0] == self.total:  # what gRPC has before a message
                    payload = (b"\0" + struct.pack(">I", self.claimed) + payload)[:size]
                self.out += frame(DATA, 0, number, payload)
                place[0] -= size
                place[1] -= size
                self.window -= size
                self.written += size
                if place[0] == 0 and self.total == self.claimed + 5:
                    self.out += frame(DATA, END_STREAM, number)

    def hear(self, heard: bytes) -> None:
        self.heard += heard
        while len(self.heard) >= 9:
            size = int.from_bytes(self.heard[:3], "big")
            if len(self.heard) < 9 + size:
                return
            kind, flags = self.heard[3], self.heard[4]
            stream = int.from_bytes(self.heard[5:9], "big") & 0x7fffffff
            payload = bytes(self.heard[9:9 + size])
            del self.heard[:9 + size]
            self.take(kind, flags, stream, payload)

    def take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                key, value = struct.unpack(">HI", payload[at:at + 6])
                if key == 4:
                    for place in self.places.values():
                        place[1] += value - self.initial
                    self.initial = value
            self.out += frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.out += frame(PING, ACK, 0, payload)
        elif kind == WINDOW:
            more = struct.unpack(">I", payload)[0]
            if stream == 0:
                self.window += more
            elif stream in self.places:
                self.places[stream][1] += more
        elif kind == RST or (kind == HEADERS and flags & END_STREAM):
            self.ended[kind] = self.ended.get(kind, 0) + 1
            if self.places.pop(stream, None) and kind == HEADERS:
                self.out += frame(RST, 0, stream, struct.pack(">I", 8))
        elif kind == GOAWAY:
            raise ConnectionError("taken leave of")

    def work(self, events: int) -> None:
        if events & selectors.EVENT_READ:
            with contextlib.suppress(BlockingIOError):
                if not (heard := self.socket.recv(65536)):
                    raise ConnectionError("closed")
                self.hear(heard)
        self.fill()
        with contextlib.suppress(BlockingIOError):
            while self.out:
                del self.out[:self.socket.send(self.out)]
                self.fill()
                if len(self.out) > 0:
                    break


class Flood:
    """Connections at work in a thread until the end of `with`; those that are closed come again."""

    def __init__(self, connect, count: int, **what) -> None:
        self.connect, self.count, self.what = connect, count, what
        self.over, self.closed = threading.Event(), 0
        self.connections: list[Connection] = []
        self.thread = threading.Thread(target=self.work)

    @property
    def written(self) -> int:
        return sum(each.written for each in self.connections)

    def work(self) -> None:
        with selectors.DefaultSelector() as selector:
            while not self.over.is_set():
                self.join(selector)
                for key, events in selector.select(0.1):
                    each = key.data
                    try:
                        each.work(events)
                    except OSError:
                        selector.unregister(each.socket)
                        each.socket.close()
                        each.socket = None
                        self.closed += 1
                        continue
                    wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if each.out else 0)
                    if key.events != wanted:
                        selector.modify(each.socket, wanted, each)
        for each in self.connections:
            if each.socket:
                each.socket.close()

    def join(self, selector) -> None:
        with contextlib.suppress(OSError):
            while len(self.connections) < self.count:
                self.connections.append(Connection(self.connect, **self.what))
                selector.register(self.connections[-1].socket,
                                  selectors.EVENT_READ | selectors.EVENT_WRITE,
                                  self.connections[-1])
            for each in self.connections:
                if each.socket is None:
                    each.open()
                    selector.register(each.socket,
                                      selectors.EVENT_READ | selectors.EVENT_WRITE, each)

    def __enter__(self) -> "Flood":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join()
