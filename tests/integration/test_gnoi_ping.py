"""gnoi.system.Ping, at the loopback device."""

import time

import grpc
import pytest

import gnoi_client as gnoi

Code = grpc.StatusCode
MS = 10**6


@pytest.fixture
def client(make_device):
    with gnoi.connect(make_device(configure=gnoi.SOCKET)) as made:
        yield made


def call(client, timeout: float = 60, **wanted):
    system = gnoi.messages("system")
    return client.system.Ping(system.PingRequest(**wanted), timeout=timeout)


def ping(client, **wanted) -> tuple[list, object]:
    """The answers, and the summary that comes last."""
    try:
        told = list(call(client, **wanted))
    except grpc.RpcError as broken:
        if "gnoi_no_ping" in broken.details():
            assert broken.code() == Code.FAILED_PRECONDITION
            assert "net.ipv4.ping_group_range" in broken.details()
            pytest.skip(broken.details())
        if "gnoi_ping_failed" in broken.details() and ":" in wanted["destination"]:
            pytest.skip(f"no IPv6 here: {broken.details()}")
        raise
    return told[:-1], told[-1]


def must_refuse(client, code=Code.INVALID_ARGUMENT, **wanted) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        list(call(client, **wanted))
    assert failed.value.code() == code, failed.value


@pytest.mark.parametrize("destination", ["127.0.0.1", "::1"])
def test_each_answer_is_told_and_a_summary_last(client, destination):
    answers, summary = ping(client, destination=destination, count=4, interval=10 * MS, size=100)
    assert [one.sequence for one in answers] == [1, 2, 3, 4]
    for one in answers:
        assert one.source == destination and one.bytes == 108 and one.sent == 0
        assert 0 < one.time < 1000 * MS and one.ttl > 0
    assert (summary.sent, summary.received, summary.bytes) == (4, 4, 0)
    assert 0 < summary.min_time <= summary.avg_time <= summary.max_time
    assert summary.std_dev >= 0 and summary.time >= 30 * MS


def test_without_a_count_it_is_five(client):
    answers, summary = ping(client, destination="localhost", interval=10 * MS)
    assert len(answers) == summary.sent == 5


def test_a_name_is_looked_up_in_the_protocol_that_is_asked_for(client):
    types = gnoi.messages("types")
    answers, _ = ping(client, destination="localhost", count=1, l3protocol=types.IPV4)
    assert answers[0].source == "127.0.0.1"
    must_refuse(client, Code.NOT_FOUND, destination="::1", l3protocol=types.IPV4)


def test_a_source_is_one_of_this_machine(client):
    answers, _ = ping(client, destination="127.0.0.1", source="127.0.0.2", count=1)
    assert len(answers) == 1
    must_refuse(client, destination="127.0.0.1", source="192.0.2.77")


def test_what_is_not_fragmented_still_arrives_where_it_fits(client):
    answers, _ = ping(client, destination="127.0.0.1", count=1, size=60_000, do_not_fragment=True)
    assert answers[0].bytes == 60_008


def test_it_is_bounded(client):
    ping(client, destination="127.0.0.1", count=1)
    for wanted in ({"count": -1}, {"count": 1001}, {"interval": -1}, {"interval": 1},
                   {"interval": 3600 * 1000 * MS}, {"wait": -1}, {"wait": 3600 * 1000 * MS},
                   {"size": -1}, {"size": 70_000}, {"l3protocol": 9}, {"network_instance": "red"},
                   {"source": "x" * 1000}):
        must_refuse(client, **{"destination": "127.0.0.1", **wanted})
    must_refuse(client, destination="")
    must_refuse(client, Code.NOT_FOUND, destination="no name at all")


def test_a_client_that_goes_away_ends_it(client):
    ping(client, destination="127.0.0.1", count=1)
    for _ in range(70):  # more than there may be streams at a time
        going = call(client, destination="127.0.0.1", count=1000, interval=1000 * MS)
        next(going)
        going.cancel()
    time.sleep(0.5)  # five times a second it looks
    assert ping(client, destination="127.0.0.1", count=1)[1].received == 1


def test_a_deadline_ends_it(client):
    ping(client, destination="127.0.0.1", count=1)
    with pytest.raises(grpc.RpcError) as ended:
        list(call(client, 0.5, destination="127.0.0.1", count=1000))
    assert ended.value.code() == Code.DEADLINE_EXCEEDED
