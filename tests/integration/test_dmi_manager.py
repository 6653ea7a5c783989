"""What the DMI tells of a device besides its software: parts, events, figures, logs."""

import contextlib
import socket
import threading

import grpc
import pytest
from google.protobuf import empty_pb2, json_format

import dmi_client as dmi
import harness
from harness import DONE, until
from packages import Shelf

NOTHING = empty_pb2.Empty()


@pytest.fixture
def box(make_device):
    return make_device(configure=dmi.SOCKET)


@pytest.fixture
def client(box):
    with dmi.connect(box) as made:
        yield made


class Listener:
    """Everything that StreamEvents tells, until it ends."""

    def __init__(self, client: dmi.Client) -> None:
        self.events = []
        self.call = client.events.StreamEvents(NOTHING)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self) -> None:
        with contextlib.suppress(grpc.RpcError):
            for event in self.call:
                self.events.append(event)

    def codes(self) -> list[str]:
        return [event.generic_event_info.message_code for event in list(self.events)]

    def images(self) -> list[str]:
        """The states of images that were told, each once."""
        status = dmi.messages("sw_image").ImageStatus
        told = [json_format.Parse(event.add_info, status()) for event in list(self.events)
                if event.generic_event_info.message_code == "IMAGE_STATUS"]
        names = [dmi.state_name(each) for each in told]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def manage(client, name="olt-1", uri="10.0.0.1:9292"):
    hw = dmi.messages("hw")
    told = list(client.hardware.StartManagingDevice(
        hw.ModifiableComponent(name=name, uri=hw.Uri(uri=uri)), timeout=10))
    assert len(told) == 1
    return told[0]


def stop_managing(client, name):
    request = dmi.messages("hw_management_service").StopManagingDeviceRequest(name=name)
    return client.hardware.StopManagingDevice(request, timeout=10)


def test_a_device_is_managed_under_a_name_until_it_is_not(box, client):
    assert not client.hardware.GetManagedDevices(NOTHING, timeout=10).devices
    begun = manage(client)
    assert (begun.status, begun.device_uuid.uuid) == (1, client.uuid)
    assert manage(client).reason == 1  # DEVICE_ALREADY_MANAGED
    assert manage(client, name="").reason == 3  # INVALID_PARAMS

    box.kill()
    box.start()
    dmi.until_up(client)

    known, = client.hardware.GetManagedDevices(NOTHING, timeout=10).devices
    assert (known.info.name, known.info.uri.uri) == ("olt-1", "10.0.0.1:9292")
    assert known.device_uuid.uuid == client.uuid
    assert stop_managing(client, "other").reason == 1  # UNKNOWN_DEVICE
    assert stop_managing(client, "olt-1").status == 1
    assert not client.hardware.GetManagedDevices(NOTHING, timeout=10).devices
    assert manage(client, "olt-2").status == 1


def test_the_inventory_names_parts_that_can_be_asked_for(client):
    service = dmi.messages("hw_management_service")
    told, = client.hardware.GetPhysicalInventory(
        service.PhysicalInventoryRequest(device_uuid=client.of()), timeout=10)
    root = told.inventory.root
    assert told.status == 1 and root.software_rev == "nos 1.0.0"
    assert {part.name for part in root.children} == {"cpu", "memory", "disk"}
    for part in [root, *root.children]:
        for how in ({"component_name": part.name}, {"component_uuid": part.uuid}):
            found, = client.hardware.GetHWComponentInfo(
                service.HWComponentInfoGetRequest(device_uuid=client.of(), **how), timeout=10)
            assert found.component.name == part.name
    missing, = client.hardware.GetHWComponentInfo(service.HWComponentInfoGetRequest(
        device_uuid=client.of(), component_name="fan"), timeout=10)
    assert missing.reason == 2  # UNKNOWN_COMPONENT
    unknown, = client.hardware.GetPhysicalInventory(
        service.PhysicalInventoryRequest(device_uuid=client.of("x")), timeout=10)
    assert unknown.reason == 1


def test_the_log_level_can_be_changed_and_is_kept(box, client):
    service, commons = dmi.messages("hw_management_service"), dmi.messages("commons")

    def level() -> str:
        reply = client.hardware.GetLogLevel(
            service.GetLogLevelRequest(device_uuid=client.of()), timeout=10)
        assert reply.status == 1
        entry, = reply.logLevels
        assert list(entry.entities) == ["agent"]
        return commons.LogLevel.Name(entry.logLevel)

    def change(name: str, *entities: str):
        return client.hardware.SetLogLevel(service.SetLogLevelRequest(
            device_uuid=client.of(), loglevels=[service.EntitiesLogLevel(
                logLevel=commons.LogLevel.Value(name), entities=entities)]), timeout=10)

    assert level() == "INFO"
    assert change("ERROR").status == 1
    assert level() == "ERROR"
    assert change("DEBUG", "agent").status == 1
    assert change("WARN", "kernel").reason == 3  # UNKNOWN_LOG_ENTITY
    every = service.SetLogLevelRequest(device_uuid=client.of(), loglevels=[
        service.EntitiesLogLevel(logLevel=commons.LogLevel.Value(name))
        for name in ("ERROR", "WARN") * 100_000 + ("DEBUG",)])
    assert client.hardware.SetLogLevel(every, timeout=10).status == 1  # the last one counts
    box.kill()
    box.start()
    dmi.until_up(client)
    assert level() == "DEBUG"
    assert client.hardware.GetLoggableEntities(service.GetLoggableEntitiesRequest(
        device_uuid=client.of()), timeout=10).logLevels


def test_the_log_goes_to_the_endpoint_that_was_set(box, client):
    service = dmi.messages("hw_management_service")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(harness.PATIENCE)
        endpoint = f"127.0.0.1:{receiver.getsockname()[1]}"

        def change(where: str, protocol: str = "udp"):
            return client.hardware.SetLoggingEndpoint(service.SetLoggingEndpointRequest(
                device_uuid=client.of(), logging_endpoint=where, logging_protocol=protocol),
                timeout=10)

        assert change(endpoint, "smoke").reason == 4  # LOGGING_ENDPOINT_PROTOCOL_ERROR
        assert change("nonsense").reason == 3  # LOGGING_ENDPOINT_ERROR
        assert change(endpoint).status == 1
        box.run("repair").expect(DONE)
        assert b"cutoverd" in receiver.recv(4096)
        known = client.hardware.GetLoggingEndpoint(client.id(), timeout=10)
        assert (known.logging_endpoint, known.logging_protocol) == (endpoint, "udp")
        assert change("").status == 1


def test_without_a_message_bus_nobody_is_told_that_there_is_one(client):
    service = dmi.messages("hw_management_service")
    assert client.hardware.GetMsgBusEndpoint(NOTHING, timeout=10).status == 2
    reply = client.hardware.SetMsgBusEndpoint(
        service.SetMsgBusEndpointRequest(msgbus_endpoint="10.0.0.1:9092"), timeout=10)
    assert (reply.status, reply.reason) == (2, 5)  # MSGBUS_ENDPOINT_ERROR


def test_the_message_bus_of_the_configuration_is_told_and_not_changed(make_device):
    box = make_device(configure=dmi.SOCKET + """
[events.kafka]
brokers = ["127.0.0.1:9", "127.0.0.1:10"]
""")
    service = dmi.messages("hw_management_service")
    with dmi.connect(box) as client:
        told = client.hardware.GetMsgBusEndpoint(NOTHING, timeout=10)
        assert (told.status, told.msgbus_endpoint) == (1, "127.0.0.1:9,127.0.0.1:10")

        def wish(endpoint: str) -> tuple[int, int]:
            reply = client.hardware.SetMsgBusEndpoint(
                service.SetMsgBusEndpointRequest(msgbus_endpoint=endpoint), timeout=10)
            return reply.status, reply.reason

        assert wish(told.msgbus_endpoint)[0] == 1
        assert wish("10.0.0.1:9092") == (2, 5)  # MSGBUS_ENDPOINT_ERROR


def test_a_reboot_is_answered_and_then_happens(box, client, releases):
    service = dmi.messages("hw_management_service")
    before = client.hardware.HeartbeatCheck(NOTHING, timeout=10).heartbeat_signature
    assert client.hardware.HeartbeatCheck(NOTHING, timeout=10).heartbeat_signature == before

    def reboot(uuid=None):
        return client.hardware.RebootDevice(
            service.RebootDeviceRequest(device_uuid=client.of(uuid)), timeout=30)

    assert reboot("x").reason == 1
    gate = box.gate("postinstall")
    call = client.download_call(f"file://{releases['1.1.0']}")
    gate.wait()
    assert reboot().reason == 4  # DEVICE_IN_WRONG_STATE
    gate.open()
    assert dmi.Story(call).states[-1] == "UPGRADE_COMPLETE"

    assert reboot().status == 1

    def restarted() -> bool:
        with contextlib.suppress(grpc.RpcError):
            return client.hardware.HeartbeatCheck(
                NOTHING, timeout=10).heartbeat_signature != before
        return False

    until(restarted, "another signature")
    assert until(lambda: box.last_operation()["state"] == "done", "the reboot is over")


def test_what_is_not_there_is_unimplemented(client):
    service = dmi.messages("hw_management_service")
    for call, request in ((client.hardware.SetHWComponentInfo, service.HWComponentInfoSetRequest()),
                          (client.hardware.SetDmLogLevel, service.SetDmLogLevelRequest()),
                          (client.hardware.ResetHWComponent, service.ResetHWComponentRequest())):
        with pytest.raises(grpc.RpcError) as refused:
            call(request, timeout=10)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_events_tell_of_an_upgrade_and_after_the_reboot_how_it_ended(box, client, releases):
    listener = Listener(client)
    client.download(f"file://{releases['1.1.0']}")
    until(lambda: listener.images()[-1:] == ["UPGRADE_COMPLETE"], "the end is told")
    assert listener.images() == ["COPYING_IMAGE", "INSTALLING_IMAGE", "UPGRADE_COMPLETE"]
    assert all(event.event_metadata.device_uuid.uuid == client.uuid for event in listener.events)
    assert "operation.done" in listener.codes()
    assert listener.events[0].raised_ts.seconds > 1_700_000_000

    client.activate()
    listener.thread.join(harness.PATIENCE)
    assert not listener.thread.is_alive(), "the stream ends with the agent"
    assert "REBOOTING_DEVICE" in listener.images()
    events = dmi.messages("hw_events_mgmt_service")
    assert events.EVENT_HW_DEVICE_REBOOT in {event.event_id for event in listener.events}

    dmi.until_up(client)
    until(lambda: box.last_operation()["state"] == "done", "it ends")
    assert until(Listener(client).images, "who comes later is told") == ["ACTIVATION_COMPLETE"]


def test_a_fallback_is_told_to_who_comes_later(box, client, releases):
    client.download(f"file://{releases['1.2.0-broken-exit']}")
    client.activate()
    dmi.until_up(client)
    until(lambda: box.last_operation()["state"] == "failed", "it falls back")
    listener = Listener(client)
    assert until(listener.images, "the end is told")[-1] == "ACTIVATION_FAILED"
    info = dmi.messages("hw_events_mgmt_service").GenericEventInfo
    alarm = next(event for event in listener.events
                 if event.generic_event_info.message_code == "alarm.upgrade-failed")
    assert alarm.generic_event_info.severity == info.MAJOR


def test_events_can_be_switched_off_and_that_is_kept(box, client):
    service = dmi.messages("hw_events_mgmt_service")

    def listed() -> dict[str, bool]:
        reply = client.events.ListEvents(client.id(), timeout=10)
        return {service.EventIds.Name(item.event_id): item.is_configured
                for item in reply.events.items}

    def change(**what):
        return client.events.UpdateEventsConfiguration(
            service.EventsConfigurationRequest(device_uuid=client.of(), **what), timeout=10)

    def items(*configs):
        return service.EventsCfg(items=[service.EventCfg(event_id=event_id, is_configured=on)
                                        for event_id, on in configs])

    generic = service.EVENT_COMPONENT_GENERIC_EVENT
    assert listed() == {"EVENT_HW_DEVICE_REBOOT": True, "EVENT_COMPONENT_GENERIC_EVENT": True}
    assert change(changes=items((service.EVENT_FAN_FAILURE, True))).reason == 3  # INVALID_CONFIG
    assert change(changes=items((generic, False))).status == 1
    box.kill()
    box.start()
    dmi.until_up(client)
    assert listed() == {"EVENT_HW_DEVICE_REBOOT": True, "EVENT_COMPONENT_GENERIC_EVENT": False}
    listener = Listener(client)
    box.run("reboot").expect(DONE)
    listener.thread.join(harness.PATIENCE)
    assert {event.event_id for event in listener.events} == {service.EVENT_HW_DEVICE_REBOOT}
    dmi.until_up(client)
    assert change(reset_to_default=True).status == 1
    assert all(listed().values())


def test_many_listeners_hear_the_same(box, client, releases):
    with contextlib.ExitStack() as stack:
        listeners = [Listener(stack.enter_context(dmi.connect(box))) for _ in range(20)]
        client.download(f"file://{releases['1.1.0']}")
        for listener in listeners:
            until(lambda one=listener: one.images()[-1:] == ["UPGRADE_COMPLETE"], "the end is told")


def test_figures_of_processor_memory_and_disk(client):
    service = dmi.messages("hw_metrics_mgmt_service")
    listed = client.metrics.ListMetrics(client.id(), timeout=10).metrics.metrics
    names = {service.MetricNames.Name(each.metric_id) for each in listed}
    assert names >= {"METRIC_CPU_USAGE_PERCENTAGE", "METRIC_RAM_USAGE", "METRIC_DISK_CAPACITY"}

    def metric(metric_id, **about):
        return client.metrics.GetMetric(service.GetMetricRequest(
            meta_data=service.MetricMetaData(device_uuid=client.of(), **about),
            metric_id=metric_id), timeout=10)

    share = metric(service.METRIC_RAM_USAGE_PERCENTAGE)
    assert share.status == 1 and 0 < share.metric.value.value <= 100
    assert metric(service.METRIC_CPU_USAGE_PERCENTAGE, component_name="cpu").status == 1
    assert metric(service.METRIC_CPU_USAGE_PERCENTAGE, component_name="disk").reason == 2
    assert metric(service.METRIC_FAN_SPEED).reason == 4  # INVALID_METRIC

    call = client.metrics.StreamMetrics(NOTHING, timeout=30)
    assert {next(call).metric_id for _ in listed} == {each.metric_id for each in listed}
    call.cancel()


def test_a_client_can_ask_what_can_be_called(box):
    with grpc.insecure_channel(f"unix:{box.folder}/dmi.sock") as channel:
        # ServerReflectionRequest{list_services = "*"}
        service = "grpc.reflection.v1alpha.ServerReflection"
        ask = channel.stream_stream(f"/{service}/ServerReflectionInfo")
        answer = next(ask(iter([b"\x3a\x01*"]), timeout=10))
    assert b"dmi.NativeSoftwareManagementService" in answer


def test_a_package_that_is_no_base_is_no_image_and_takes_no_effect(box, client, releases,
                                                                   tmp_path):
    shelf = Shelf(releases, tmp_path / "shelf")
    for package in (shelf.plain("bgp", "1.0"), shelf.pack("1.0.1", 1, [shelf.plain("acl", "1.0")])):
        story = client.download(f"file://{package}")
        assert (story.states[-1], story.reason) == ("UPGRADE_FAILED", "INVALID_IMAGE"), story
        assert "plan.other_image" in story.last.reason_detail
    assert client.versions() == (["nos 1.0.0"], [])


def test_an_activation_that_is_aborted_on_trial_falls_back(make_device, releases, workplace):
    flag = workplace / "healthy"
    flag.touch()
    box = make_device(configure=dmi.SOCKET + f"""
[[health]]
name = "flag"
exec = ["/bin/sh", "-c", "test -e {flag}"]
retries = 1000
interval = "100ms"
""")
    with dmi.connect(box) as client:
        client.download(f"file://{releases['1.1.0']}")
        flag.unlink()
        client.activate()
        dmi.until_up(client)
        until(lambda: (box.ask("show", "status")["operation"] or {}).get("state") == "on-trial",
              "it is on trial")
        listener = Listener(client)
        assert until(listener.images, "what goes on is told")[0] == "COMMITTING_IMAGE"
        busy = client.activate()
        assert (busy.states, busy.reason) == (["COMMITTING_IMAGE"], "OPERATION_ALREADY_IN_PROGRESS")
        box.run("cancel").expect(DONE)
        listener.thread.join(harness.PATIENCE)  # the way back is a reboot as well
        dmi.until_up(client)
        until(lambda: box.ask("show", "status")["operation"] is None, "it is over")
        assert until(Listener(client).images, "the end is told") == ["ACTIVATION_FAILED"]
        assert client.versions() == (["nos 1.0.0"], ["nos 1.1.0"])


def test_an_agent_killed_in_an_activation_tells_how_it_ended(box, client, releases):
    client.download(f"file://{releases['1.1.0']}")
    client.activate()
    box.kill()
    box.start()
    dmi.until_up(client)
    until(lambda: box.ask("show", "status")["operation"] is None, "it is over")
    state = box.last_operation()["state"]
    told = until(Listener(client).images, "it is told")
    active = client.versions()[0]
    if state == "done":
        assert (told, active) == (["ACTIVATION_COMPLETE"], ["nos 1.1.0"])
    else:
        assert (told, active) == (["ACTIVATION_FAILED"], ["nos 1.0.0"])
