"""Very many clients at the doors: what they cannot keep others from."""

import grpc
import pytest
from google.protobuf import empty_pb2

import dmi_client as dmi
import harness
from harness import until


@pytest.fixture
def box(make_device):
    return make_device(configure=dmi.SOCKET)


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
