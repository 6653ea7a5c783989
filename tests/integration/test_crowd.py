"""Very many clients at the doors: what they cannot keep others from."""

import os
import pathlib
import socket
import time

import grpc
import pytest
from google.protobuf import empty_pb2

import dmi_client as dmi
import harness
import rude_client
from harness import until


@pytest.fixture
def box(make_device):
    made = make_device(start=False, configure=dmi.SOCKET)
    # What the address sanitizer keeps of freed memory is no leak.
    options = f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=4"
    return made.start({"ASAN_OPTIONS": options.lstrip(":")})


def refused(call) -> bool:
    return call.done() and call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_no_number_of_listeners_keeps_anybody_from_an_upgrade(box, releases):
    crowd = [dmi.connect(box) for _ in range(3)]
    with dmi.connect(box) as client:
        calls = [one.events.StreamEvents(empty_pb2.Empty()) for one in crowd for _ in range(90)]
        until(lambda: sum(map(refused, calls)) == len(calls) - 240, "the listeners are counted")
        story = client.download(f"file://{releases['1.1.0']}")
        assert story.states[-1] == "UPGRADE_COMPLETE", story
        assert client.versions()[1] == ["nos 1.1.0"]
        for call in calls:
            call.cancel()
    for one in crowd:
        one.channel.close()
    assert box.versions() == dict.fromkeys(("running", "startup", "committed"), "1.0.0")
    assert harness.DONE == box.run("show", "status").code


# -- memory ------------------------------------------------------------------------------------

MB = 1000 * 1000
METHOD = "/dmi.NativeSoftwareManagementService/GetSoftwareVersion"
# Connections, and what each of them does. A request has at most 16 MiB; some say that they have a
# gigabyte, some never send their last bytes.
FLOODS = {
    "largest requests": (48, {"streams": 8, "claimed": 16 * MB, "sent": 16 * MB, "again": True}),
    "unfinished ones": (48, {"streams": 4, "claimed": 16 * MB, "sent": 15 * MB, "again": False}),
    "endless ones": (8, {"streams": 1, "claimed": 1000 * MB, "sent": 1000 * MB, "again": True}),
}
MOST_MIB = 300  # more than at rest; without a bound it is gigabytes
KEPT_MIB = 80  # when they have gone


def resident_mib(box) -> float:
    status = pathlib.Path(f"/proc/{box.agent.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.parametrize("kind", FLOODS)
def test_no_flood_takes_the_memory_or_keeps_an_upgrade_from_its_end(box, releases, kind):
    def come() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(10)
        made.connect(f"{box.folder}/dmi.sock")
        return made

    connections, what = FLOODS[kind]
    before, most = resident_mib(box), 0.0
    upgrade = box.client("install", releases["1.1.0"])
    with rude_client.Flood(come, connections, method=METHOD, **what) as flood:
        until(lambda: flood.written > 200 * MB or flood.closed > 100, "it is a flood")
        assert upgrade.wait(harness.PATIENCE) == harness.DONE, upgrade.stderr.read()
        for _ in range(150):
            most = max(most, resident_mib(box))
            time.sleep(0.02)
    assert most < before + MOST_MIB, f"{before:.0f} MiB, then {most:.0f} MiB"
    with dmi.connect(box) as client:
        dmi.until_up(client)
        assert client.versions()[1] == ["nos 1.1.0"]
    until(lambda: resident_mib(box) < before + KEPT_MIB, "what they took is given back")
