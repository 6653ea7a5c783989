"""Figures of the device: which are told, how often, and on a message bus."""

import sys
import time

import pytest
from google.protobuf import empty_pb2

import dmi_client as dmi
from harness import DONE, ROOT, until

sys.path.insert(0, str(ROOT / "tests" / "kafka"))

import kafka_broker  # noqa: E402  (the folder is known only now)

NOTHING = empty_pb2.Empty()


@pytest.fixture
def box(make_device):
    return make_device(configure=dmi.SOCKET)


@pytest.fixture
def client(box):
    with dmi.connect(box) as made:
        yield made


def service():
    return dmi.messages("hw_metrics_mgmt_service")


def update(client, uuid=None, **operation):
    request = service().MetricsConfigurationRequest(device_uuid=client.of(uuid), **operation)
    return client.metrics.UpdateMetricsConfiguration(request, timeout=10)


def change(client, name: str, configured: bool = True, interval: int = 0):
    config = service().MetricConfig(metric_id=service().MetricNames.Value(name),
                                    is_configured=configured, poll_interval=interval)
    return update(client, changes=service().MetricsConfig(metrics=[config]))


def listed(client) -> dict[str, tuple[bool, int]]:
    told = client.metrics.ListMetrics(client.id(), timeout=10).metrics.metrics
    return {service().MetricNames.Name(each.metric_id): (each.is_configured, each.poll_interval)
            for each in told}


def only(client, name: str, interval: int) -> None:
    for each in listed(client):
        assert change(client, each, each == name, interval).status == 1


def test_what_is_told_can_be_changed_and_is_kept(box, client):
    """UpdateMetricsConfiguration is persisted across a restart of the device."""
    usual = listed(client)
    assert set(usual.values()) == {(True, 10)}
    assert change(client, "METRIC_RAM_USAGE", interval=3).status == 1
    assert change(client, "METRIC_DISK_USAGE", configured=False).status == 1
    box.kill()
    box.start()
    dmi.until_up(client)
    told = listed(client)
    assert told["METRIC_RAM_USAGE"] == (True, 3) and told["METRIC_DISK_USAGE"] == (False, 10)
    assert update(client, reset_to_default=True).status == 1
    assert listed(client) == usual


def test_what_cannot_be_is_refused_with_its_reason(client):
    reasons = service().MetricsConfigurationResponse
    assert change(client, "METRIC_FAN_SPEED").reason == reasons.INVALID_METRIC
    refused = change(client, "METRIC_RAM_USAGE", interval=1_000_000)
    assert refused.reason == reasons.POLL_INTERVAL_UNSUPPORTED and refused.reason_detail
    assert update(client, uuid="another").reason == reasons.UNKNOWN_DEVICE
    assert set(listed(client).values()) == {(True, 10)}


def test_a_stream_tells_those_that_are_configured_in_their_time(client):
    only(client, "METRIC_RAM_USAGE", 1)
    call = client.metrics.StreamMetrics(NOTHING, timeout=30)
    begun = time.monotonic()
    told = [next(call) for _ in range(3)]
    call.cancel()
    assert {each.metric_id for each in told} == {service().METRIC_RAM_USAGE}
    assert told[0].value.value_update_rate == 1000
    assert 1.5 < time.monotonic() - begun < 10


# -- on Kafka --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    pytest.importorskip("kafka", reason="python3-kafka is not installed")
    try:
        made = kafka_broker.Broker(tmp_path_factory.mktemp("kafka")).start()
    except kafka_broker.BrokerError as problem:
        pytest.skip(f"no Kafka on this machine: {problem}")
    yield made
    made.kill()


def on_topic(broker, topic: str) -> list:
    import kafka

    consumer = kafka.KafkaConsumer(bootstrap_servers=broker.address, api_version=(2, 5, 0),
                                   auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        parts = [kafka.TopicPartition(topic, number)
                 for number in consumer.partitions_for_topic(topic) or ()]
        if not parts:
            return []
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        return [record for records in consumer.poll(timeout_ms=2000).values()
                for record in records]
    finally:
        consumer.close()


def test_figures_go_to_a_topic_of_their_own(make_device, broker):
    """dm.metrics, beside dm.events: binary dmi.Metric, keyed by the device's UUID."""
    box = make_device(configure=dmi.SOCKET + f'[events.kafka]\nbrokers = ["{broker.address}"]\n'
                      'topic = "one.events"\nmetrics-topic = "one.metrics"\n')
    with dmi.connect(box) as client:
        only(client, "METRIC_RAM_USAGE_PERCENTAGE", 1)
    records = until(lambda: len(found := on_topic(broker, "one.metrics")) >= 9 and found,
                    "the figures are there", 120)
    uuid = (box.folder / "uuid").read_text().strip()
    assert {record.key.decode() for record in records} == {uuid}
    metric = service().Metric.FromString(records[-1].value)
    assert metric.metric_id == service().METRIC_RAM_USAGE_PERCENTAGE
    assert 0 < metric.value.value <= 100


def test_figures_that_nobody_takes_hold_up_nobody_and_are_not_kept(make_device, releases):
    box = make_device(configure=dmi.SOCKET + '[events.kafka]\nbrokers = ["127.0.0.1:1"]\n')
    with dmi.connect(box) as client:
        only(client, "METRIC_RAM_USAGE", 1)
        box.run("upgrade", releases["1.1.0"]).expect(DONE)
        dmi.until_up(client)
    until(lambda: "figures are dropped" in (box.folder / "log" / "agent.log").read_text(),
          "the log says so once")
    assert box.stop() == 0
