"""Events on Kafka, at a real broker: what arrives, in which order, and what holds nobody up."""

import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import time

import pytest

from harness import DONE, REFUSED, ROOT, until

sys.path.insert(0, str(ROOT / "tests" / "kafka"))

import kafka_broker  # noqa: E402  (the folder is known only now)

kafka = pytest.importorskip("kafka", reason="python3-kafka is not installed")
protobuf = pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")

LONG = 240.0  # a broker that starts again takes its time


@pytest.fixture(scope="module")
def running_broker(tmp_path_factory):
    try:
        broker = kafka_broker.Broker(tmp_path_factory.mktemp("kafka")).start()
    except kafka_broker.BrokerError as problem:
        pytest.skip(f"no Kafka on this machine: {problem}")
    yield broker
    broker.kill()


@pytest.fixture
def broker(running_broker):
    if running_broker.process is None:
        running_broker.start()
    return running_broker


@pytest.fixture(scope="session")
def event_type(tmp_path_factory):
    """dmi.Event, made from the .proto files by another implementation of protobuf than ours."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = tmp_path_factory.mktemp("proto") / "dmi.bin"
    subprocess.run(["protoc", "-I", str(ROOT / "proto"), "--include_imports",
                    f"--descriptor_set_out={file}", "dmi/hw_events_mgmt_service.proto"],
                   check=True)
    pool = descriptor_pool.DescriptorPool()
    for each in descriptor_pb2.FileDescriptorSet.FromString(file.read_bytes()).file:
        pool.Add(each)
    factory = message_factory.MessageFactory(pool)
    return factory.GetPrototype(pool.FindMessageTypeByName("dmi.Event"))


class Received:
    """One message, as a consumer sees it."""

    def __init__(self, record, event_type) -> None:
        self.partition, self.key = record.partition, record.key.decode()
        self.id = dict(record.headers)["cutover-id"].decode()
        self.order = tuple(int(number) for number in self.id.split("."))
        if record.value.startswith(b"{"):
            event = json.loads(record.value)
            info = event["generic_event_info"]
            self.code, self.message = info["message_code"], info.get("message", "")
            self.event_id, self.about = event["event_id"], event.get("add_info", "")
            self.device = event["event_metadata"]["device_uuid"]["uuid"]
        else:
            event = event_type.FromString(record.value)
            info = event.generic_event_info
            self.code, self.message = info.message_code, info.message
            self.event_id, self.about = event.event_id, event.add_info
            self.device = event.event_metadata.device_uuid.uuid
        self.event = event

    @property
    def sequence(self) -> int:
        """Of the event on the device; 0 when it has none there."""
        return json.loads(self.about or "{}").get("sequence", 0)

    def __repr__(self) -> str:
        return f"{self.id} {self.code} {self.message!r} {self.about}"


def received(broker, topic: str, event_type) -> list[Received]:
    """All that is on the topic now, in order."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=broker.address, api_version=(2, 5, 0),
                                   auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        parts = [kafka.TopicPartition(topic, number)
                 for number in sorted(consumer.partitions_for_topic(topic) or ())]
        if not parts:
            return []
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        consumer.seek_to_beginning(*parts)
        found = []
        while any(consumer.position(part) < ends[part] for part in parts):
            for records in consumer.poll(timeout_ms=500).values():
                found += [Received(record, event_type) for record in records]
        return found
    finally:
        consumer.close()


def settings(broker, topic: str, more: str = "") -> str:
    return f'[events.kafka]\nbrokers = ["{broker.address}"]\ntopic = "{topic}"\n{more}'


def waiting(device) -> int:
    with sqlite3.connect(f"file:{device.folder}/device.db?mode=ro", uri=True) as database:
        (count,), = database.execute("SELECT COUNT(*) FROM outbox")
    database.close()
    return count


def delivery(device) -> str:
    """What `show health` says of it."""
    return next(check["detail"] for check in device.ask("show", "health")["checks"]
                if check["name"] == "events arrive")


def all_delivered(device) -> None:
    until(lambda: waiting(device) == 0, "all events have arrived", LONG)


def kept_events(device) -> list[tuple[int, str]]:
    """Of the device itself: number and type."""
    with sqlite3.connect(f"file:{device.folder}/device.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT sequence, type FROM events ORDER BY sequence").fetchall()
    database.close()
    return rows


def refused_upgrade(device) -> None:
    """An operation that ends at once: four events, two of them progress."""
    junk = device.folder.parent / "junk.cc"
    junk.write_text("no package")
    device.run("upgrade", junk).expect(REFUSED)


def check_whole_and_in_order(device, messages: list[Received]) -> list[Received]:
    """What came twice came with the same id; without that, all is there, in order, one partition.

    Returns the messages without repetitions.
    """
    uuid = (device.folder / "uuid").read_text().strip()
    assert {(message.key, message.device) for message in messages} == {(uuid, uuid)}
    assert len({message.partition for message in messages}) == 1
    once = list({message.id: message for message in messages}.values())
    orders = [message.order for message in once]
    assert orders == sorted(orders), once
    told = {message.sequence for message in once}
    # An alarm is told where it is raised, with its text; its bare event is not.
    missing = [(number, kind) for number, kind in kept_events(device)
               if number not in told and not kind.startswith(("alarm.", "device.created"))]
    assert not missing
    return once


def image_states(messages: list[Received]) -> list[str]:
    """Of an image, in order, each once."""
    states: list[str] = []
    for message in messages:
        if message.code == "IMAGE_STATUS":
            state = json.loads(message.about)["state"]
            if not states or states[-1] != state:
                states.append(state)
    return states


WHOLE_UPGRADE = ["COPYING_IMAGE", "INSTALLING_IMAGE", "REBOOTING_DEVICE", "COMMITTING_IMAGE",
                 "ACTIVATION_COMPLETE"]


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_an_upgrade_is_told_from_its_beginning_to_its_end(make_device, releases, broker,
                                                          event_type, encoding):
    topic = f"whole.{encoding}"
    device = make_device(configure=settings(broker, topic, f'encoding = "{encoding}"'))
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    all_delivered(device)
    messages = check_whole_and_in_order(device, received(broker, topic, event_type))
    assert image_states(messages) == WHOLE_UPGRADE
    codes = [message.code for message in messages]
    assert codes.index("operation.started") < codes.index("device.restarting")
    assert codes.index("device.restarting") < codes.index("operation.done")
    restarts = [message.event_id for message in messages if message.code == "device.restarting"]
    assert restarts == [505]
    assert device.alarms() == []


def test_a_broker_that_dies_in_the_middle_holds_up_nothing_and_misses_nothing(
        make_device, releases, broker, event_type):
    device = make_device(configure=settings(broker, "killed"), start=False)
    gate = device.gate("preinstall")
    device.start()
    device.run("upgrade", releases["1.1.0"], "--no-wait").expect(DONE)
    gate.wait()
    broker.kill()
    gate.open()
    until(lambda: set(device.versions().values()) == {"1.1.0"}, "the upgrade is done")
    until(lambda: device.ask("show", "status")["operation"] is None, "the operation is over")
    assert waiting(device) > 0
    until(lambda: "wait for delivery" in delivery(device) and "no broker" in delivery(device),
          "health says what waits, and why")
    broker.start()
    all_delivered(device)
    messages = check_whole_and_in_order(device, received(broker, "killed", event_type))
    assert image_states(messages) == WHOLE_UPGRADE


def test_an_agent_that_dies_while_events_wait_tells_them_later(make_device, releases, broker,
                                                               event_type):
    device = make_device(configure=settings(broker, "agent"))
    all_delivered(device)
    broker.kill()
    refused_upgrade(device)
    before = waiting(device)
    assert before >= 4
    device.kill()
    device.start()
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    device.kill()
    assert waiting(device) > before
    broker.start()
    device.start()
    all_delivered(device)
    messages = check_whole_and_in_order(device, received(broker, "agent", event_type))
    assert [message.code for message in messages].count("operation.done") == 1


def test_an_agent_killed_while_it_delivers_repeats_at_most(make_device, broker, event_type):
    device = make_device(configure=settings(broker, "repeats"))
    for _ in range(5):
        refused_upgrade(device)
        device.kill()
        device.start()
    all_delivered(device)
    check_whole_and_in_order(device, received(broker, "repeats", event_type))


def test_agent_and_broker_are_killed_at_any_time_and_nothing_is_missing(make_device, releases,
                                                                        broker, event_type):
    """For as long as $CUTOVER_KAFKA_SECONDS says, with the seed $CUTOVER_KAFKA_SEED."""
    chance = random.Random(int(os.environ.get("CUTOVER_KAFKA_SEED", "1")))
    end = time.monotonic() + float(os.environ.get("CUTOVER_KAFKA_SECONDS", "15"))
    device = make_device(configure=settings(broker, "any-time", 'progress-interval = "100ms"'))
    while time.monotonic() < end:
        there = device.versions()["running"] == "1.1.0"
        client = device.client("upgrade", releases["1.0.0" if there else "1.1.0"])
        time.sleep(chance.uniform(0, 1.2))
        if chance.random() < 0.7:
            device.kill()
        if chance.random() < 0.15:
            broker.launch() if broker.process is None else broker.kill()
        client.kill()
        client.communicate()
        if device.agent is None:
            device.start()
        until(lambda: device.ask("show", "status")["operation"] is None, "the operation is over")
    if broker.process is None:
        broker.start()
    all_delivered(device)
    check_whole_and_in_order(device, received(broker, "any-time", event_type))


def test_what_waits_is_bounded_and_only_progress_goes(make_device, broker, event_type):
    broker.kill()
    device = make_device(configure=settings(broker, "bounded", "max-waiting = 100"))
    for _ in range(40):
        refused_upgrade(device)
    assert waiting(device) == 100
    started = sum(1 for _, kind in kept_events(device) if kind.startswith("operation."))
    broker.start()
    all_delivered(device)
    messages = received(broker, "bounded", event_type)
    codes = [message.code for message in messages]
    assert sum(code.startswith("operation.") for code in codes) == started
    (told,) = [message.message for message in messages if message.code == "events.dropped"]
    stages = sum(1 for _, kind in kept_events(device) if kind.startswith("stage."))
    assert int(told.split()[0]) == stages - sum(code.startswith("stage.") for code in codes)


def test_a_broker_that_stays_away_raises_an_alarm_that_clears_itself(make_device, broker,
                                                                     event_type):
    broker.kill()
    device = make_device(configure=settings(broker, "alarm", 'alarm-after = "1s"'))
    refused_upgrade(device)
    until(lambda: [alarm["name"] for alarm in device.alarms()] == ["events-undelivered"],
          "the alarm")
    assert device.agent_log().count("events do not arrive") <= 2
    broker.start()
    until(lambda: device.alarms() == [], "the alarm is cleared", LONG)
    all_delivered(device)
    alarms = [message.code for message in received(broker, "alarm", event_type)
              if message.code == "alarm.events-undelivered"]
    assert len(alarms) == 2


def test_a_broker_is_reached_by_tls_with_a_password_that_may_be_corrected(make_device, broker,
                                                                           event_type):
    device = make_device(start=False, configure=f"""
        [events.kafka]
        brokers = ["{broker.secure_address}"]
        topic = "secure"
        secrets = "kafka.secrets"
        [events.kafka.librdkafka]
        "security.protocol" = "sasl_ssl"
        "ssl.ca.location" = "ca.pem"
        "sasl.mechanism" = "PLAIN"
        "sasl.username" = "{kafka_broker.USER}"
        "broker.address.family" = "v4"
        """.replace("        ", ""))
    (device.folder / "ca.pem").write_text(broker.authority.read_text())
    secrets = device.folder / "kafka.secrets"
    secrets.touch(mode=0o600)
    secrets.write_text("sasl.password=guessed-wrong\n")
    device.start()
    refused_upgrade(device)
    until(lambda: "uthentication" in delivery(device), "health says that the password is wrong")
    secrets.write_text(f"sasl.password={kafka_broker.PASSWORD}\n")
    all_delivered(device)
    check_whole_and_in_order(device, received(broker, "secure", event_type))
    said = device.agent_log() + (device.folder / "log" / "agent.log").read_text()
    assert "guessed-wrong" not in said and kafka_broker.PASSWORD not in said


def test_secrets_come_from_a_closed_file_and_are_never_shown(make_device, workplace):
    secret = "hunter2-hunter2"
    device = make_device(
        configure='[events.kafka]\nbrokers = ["127.0.0.1:1"]\nsecrets = "kafka.secrets"\n',
        start=False)
    file = pathlib.Path(device.folder / "kafka.secrets")
    file.write_text(f"sasl.password={secret}\nsecurity.protocol={secret}\n")
    file.chmod(0o644)
    device.start()
    refused_upgrade(device)
    until(lambda: "open to others" in delivery(device), "health tells of the file's mode")
    file.chmod(0o600)
    until(lambda: "'security.protocol' is not accepted" in delivery(device),
          "health tells of the setting")
    said = device.agent_log() + delivery(device) + (device.folder / "log" / "agent.log").read_text()
    assert secret not in said


def test_a_device_that_never_finds_a_broker_is_upgraded_and_stopped_as_any(make_device, releases):
    device = make_device(configure='[events.kafka]\nbrokers = ["127.0.0.1:1"]\n')
    for version in ("1.1.0", "1.0.0"):
        device.run("upgrade", releases[version]).expect(DONE)
        device.at_rest_on(version)
    assert waiting(device) > 40
    assert device.stop() == 0
