"""The log in systemd's journal, and the line that the service manager shows of the agent."""

import os
import pathlib
import re
import socket
import struct
import threading

import pytest

import harness
from harness import DONE, FAILED, until

DOCS = harness.ROOT / "docs" / "metrics.md"


def fields_of(datagram: bytes) -> dict[str, str]:
    """As JOURNAL_NATIVE_PROTOCOL says: NAME=value, or NAME, its length in 64 bits, the value."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length, = struct.unpack_from("<Q", rest)
            value, rest = rest[8:8 + length], rest[8 + length:]
            assert rest.startswith(b"\n")
            rest = rest[1:]
        assert re.fullmatch(rb"[A-Z][A-Z0-9_]{0,63}", name), name
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


class Listener:
    """A socket that keeps what it gets."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.got: list[bytes] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.1)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.listen)

    def listen(self) -> None:
        while not self.over.is_set():
            try:
                self.got.append(self.socket.recv(1 << 20))
            except TimeoutError:
                pass

    def __enter__(self) -> "Listener":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join()
        self.socket.close()

    def lines(self) -> list[dict[str, str]]:
        return [fields_of(each) for each in list(self.got)]


@pytest.fixture
def journal(workplace):
    with Listener(workplace / "journal") as listener:
        yield listener


def documented_ids() -> dict[str, str]:
    """MESSAGE_ID -> what the guide says that it means."""
    return dict(re.findall(r"^\| `([0-9a-f]{32})` \| ([^|]+?) \|", DOCS.read_text(), re.MULTILINE))


def heard_ids(journal: Listener) -> list[str]:
    ids = documented_ids()
    return [ids[line["MESSAGE_ID"]] for line in journal.lines() if "MESSAGE_ID" in line]


def test_an_upgrade_is_found_by_its_message_ids(make_device, journal, releases):
    device = make_device(configure=f'[log]\njournal = "{journal.path}"\n')
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    heard = until(lambda: len(found := heard_ids(journal)) >= 2 and found, "the journal is told")
    assert heard == ["upgrade or other operation begun", "committed"]
    lines = journal.lines()
    begun = next(line for line in lines if line.get("MESSAGE", "").startswith("operation begun"))
    assert begun["PRIORITY"] == "6"
    assert begun["SYSLOG_IDENTIFIER"] == "cutoverd"
    assert begun["CUTOVER_OPERATION"] == str(device.last_operation()["operation"])
    assert all(line["CUTOVER_DEVICE"] for line in lines)
    assert "operation begun" not in device.agent_log()  # nobody is told twice


def test_a_fallback_is_found_and_its_alarm(make_device, journal, releases):
    device = make_device(configure=f'[log]\njournal = "{journal.path}"\n')
    device.run("upgrade", releases["1.2.0-broken-web"]).expect(FAILED)
    heard = until(lambda: len(found := heard_ids(journal)) >= 3 and found, "the journal is told")
    assert heard[0] == "upgrade or other operation begun"
    assert sorted(heard[1:]) == ["alarm raised", "the device fell back"]
    fell = next(line for line in journal.lines()
                if line["MESSAGE"].startswith("the device fell back"))
    assert fell["PRIORITY"] == "3"
    assert "trial.check_failed" in fell["CUTOVER_DETAIL"] or "1.2.0" in fell["CUTOVER_DETAIL"]


def test_without_a_journal_lines_go_to_standard_error(make_device):
    device = make_device(start=False)
    log = device.folder.parent / f"{device.folder.name}-agent.log"
    log.touch()
    status = log.stat()
    # The manager says that standard error is the journal's, and the journal is not there.
    device.configure('[log]\njournal = "/nonexistent/journal"\n')
    device.start(environment={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    assert "the agent is up" in device.agent_log()


def test_a_stream_of_somebody_else_is_not_the_journal(make_device):
    device = make_device(start=False)
    device.start(environment={"JOURNAL_STREAM": "1:1"})
    assert "the agent is up" in device.agent_log()


def test_the_manager_shows_what_the_agent_is_doing(make_device, workplace, releases):
    with Listener(workplace / "notify") as manager:
        device = make_device(start=False)
        device.start(environment={"NOTIFY_SOCKET": str(manager.path)})
        until(lambda: b"STATUS=nos 1.0.0 runs in slot A" in manager.got, "the status at rest")
        device.run("upgrade", releases["1.1.0"]).expect(DONE)
        until(lambda: b"STATUS=nos 1.1.0 runs in slot B" in manager.got, "the status after it")
    told = [each.decode() for each in manager.got]
    assert any(each.startswith("STATUS=operation 1: upgrade base nos 1.0.0 -> 1.1.0")
               for each in told), told
    assert os.linesep not in "".join(told)
