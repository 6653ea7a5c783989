"""The software management of the DMI, as a client of another gRPC stack sees it."""

import contextlib
import threading

import grpc
import pytest
from google.protobuf import empty_pb2

import demo_os
import dmi_client as dmi
import harness
from harness import DONE, REFUSED, FileServer, until
from sftp_server import SftpServer

OK = grpc.StatusCode.OK
DOWNLOADED = ["COPYING_IMAGE", "INSTALLING_IMAGE", "UPGRADE_COMPLETE"]


@pytest.fixture
def box(make_device):
    """A device with nos 1.0.0 and a DMI door."""
    return make_device(configure=dmi.SOCKET)


@pytest.fixture
def client(box):
    with dmi.connect(box) as made:
        yield made


def url_of(file) -> str:
    return f"file://{file}"


def must_fail(story: dmi.Story, state: str, reason: str) -> None:
    assert story.code == OK, story
    assert dmi.status_name(story.last) == "ERROR_STATUS", story
    assert (story.states[-1], story.reason) == (state, reason), story
    assert story.last.reason_detail, story


def at_rest(box, version: str) -> None:
    until(lambda: box.ask("show", "status")["operation"] is None, "the device comes to rest")
    box.at_rest_on(version)


def end_of_activation(box, client, story: dmi.Story) -> dict:
    """The device's agent ends with the reboot, and the stream with it."""
    assert story.code == grpc.StatusCode.UNAVAILABLE, story
    assert story.states[0] == "REBOOTING_DEVICE", story
    dmi.until_up(client)
    return until(lambda: next((one for one in [box.last_operation()]
                               if one["state"] in ("done", "failed")), None), "it ends")


def test_an_upgrade_from_the_first_call_to_the_last(box, client, releases):
    assert client.versions() == (["nos 1.0.0"], [])
    with FileServer(releases["1.1.0"].parent) as server:
        story = client.download(f"{server.url}/{releases['1.1.0'].name}", name="nos",
                                version="1.1.0", sha256sum=harness.digest_of(releases["1.1.0"]))
    assert story.code == OK and story.states == DOWNLOADED, story
    assert all(dmi.status_name(each) == "OK_STATUS" for each in story.told)
    assert client.versions() == (["nos 1.0.0"], ["nos 1.1.0"])

    operation = end_of_activation(box, client, client.activate())

    assert operation["state"] == "done"
    assert client.versions() == (["nos 1.1.0"], ["nos 1.0.0"])
    assert client.uuid == (box.folder / "uuid").read_text().strip()
    at_rest(box, "1.1.0")


def test_an_image_that_fails_its_checks_falls_back(box, client, releases):
    assert client.download(url_of(releases["1.2.0-broken-web"])).states == DOWNLOADED
    operation = end_of_activation(box, client, client.activate())
    assert operation["state"] == "failed"
    at_rest(box, "1.0.0")
    assert client.versions() == (["nos 1.0.0"], ["nos 1.2.0"])
    must_fail(client.activate(), "UNDEFINED_STATE", "DEVICE_IN_WRONG_STATE")
    # One that is good makes it good again.
    assert client.download(url_of(releases["1.1.0"])).states == DOWNLOADED
    assert end_of_activation(box, client, client.activate())["state"] == "done"
    at_rest(box, "1.1.0")


def test_a_revert_goes_back_to_what_was_committed_and_skips_the_checks(make_device, releases,
                                                                     workplace):
    box = make_device(configure=dmi.SOCKET + f"""
[[health]]
name = "no flag"
exec = ["/bin/sh", "-c", "test ! -e {workplace}/flag"]
retries = 1
""")
    with dmi.connect(box) as client:
        must_fail(client.revert(), "UNDEFINED_STATE", "DEVICE_IN_WRONG_STATE")
        assert client.download(url_of(releases["1.1.0"])).states == DOWNLOADED
        must_fail(client.revert(), "UPGRADE_COMPLETE", "DEVICE_IN_WRONG_STATE")  # never committed
        end_of_activation(box, client, client.activate())
        at_rest(box, "1.1.0")
        (workplace / "flag").touch()  # every check fails from now on
        assert end_of_activation(box, client, client.revert())["state"] == "done"
        at_rest(box, "1.0.0")
        assert client.versions() == (["nos 1.0.0"], ["nos 1.1.0"])


def test_a_wrong_checksum_leaves_no_image(box, client, releases):
    story = client.download(url_of(releases["1.1.0"]), sha256sum="0" * 64)
    must_fail(story, "UPGRADE_FAILED", "WRONG_IMAGE_CHECKSUM")
    assert client.versions() == (["nos 1.0.0"], [])
    must_fail(client.activate(), "UNDEFINED_STATE", "DEVICE_IN_WRONG_STATE")
    for digits in ("xyz", "0" * 63, "g" * 64):
        must_fail(client.download(url_of(releases["1.1.0"]), sha256sum=digits),
                  "UNDEFINED_STATE", "ERROR_IN_REQUEST")
    at_rest(box, "1.0.0")


def test_a_url_that_leads_nowhere(box, client, releases, tmp_path):
    for url in ("", "nos.cc", str(releases["1.1.0"]), "ftp://host/x", "http://h/a b",
                "file:///" + "x" * 5000):
        must_fail(client.download(url), "UNDEFINED_STATE", "ERROR_IN_REQUEST")
    for url in ("http://127.0.0.1:1/x", "file:///no/such/file", "http://no.such.host.invalid/x"):
        must_fail(client.download(url), "UPGRADE_FAILED", "ERROR_IN_REQUEST")
    with FileServer(tmp_path) as server:
        must_fail(client.download(f"{server.url}/none"), "UPGRADE_FAILED", "ERROR_IN_REQUEST")
    at_rest(box, "1.0.0")


def test_what_is_no_image_of_this_vendor_is_refused(box, client, releases, tmp_path):
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"not a package" * 1000)
    must_fail(client.download(url_of(rubbish)), "UPGRADE_FAILED", "INVALID_IMAGE")
    unsigned = releases.make("dmi-unsigned", "1.1.5", signed=False)
    must_fail(client.download(url_of(unsigned)), "UPGRADE_FAILED", "INVALID_IMAGE")
    good = url_of(releases["1.1.0"])
    must_fail(client.download(good, name="other"), "UPGRADE_FAILED", "INVALID_IMAGE")
    must_fail(client.download(good, name="nos", version="1.1.1"), "UPGRADE_FAILED",
              "INVALID_IMAGE")
    must_fail(client.download(good, image_install_script="x.sh"), "UNDEFINED_STATE",
              "ERROR_IN_REQUEST")
    at_rest(box, "1.0.0")


def test_another_device_is_unknown(client, releases):
    other = "7e57ab1e-0000-4000-8000-000000000001"
    for uuid in (other, "", "x" * 10000):
        for story in (client.download(url_of(releases["1.1.0"]), uuid=uuid),
                      client.activate(uuid), client.revert(uuid)):
            must_fail(story, "UNDEFINED_STATE", "UNKNOWN_DEVICE")
        assert client.version_reply(uuid).reason == 1
        assert client.startup_config(uuid).reason == 1
        assert client.set_startup_config("file:///x", uuid).reason == 1
    assert client.version_reply(client.uuid.upper()).status == 1


def test_requests_with_nothing_in_them_do_no_harm(box, client):
    sw = dmi.messages("sw_management_service")
    hw = dmi.messages("hw")
    told = list(client.software.DownloadImage(sw.DownloadImageRequest(), timeout=10))
    assert [dmi.reason_name(each) for each in told] == ["UNKNOWN_DEVICE"]
    told = list(client.software.DownloadImage(sw.DownloadImageRequest(device_uuid=client.of()),
                                              timeout=10))
    assert [dmi.reason_name(each) for each in told] == ["ERROR_IN_REQUEST"]
    assert client.software.GetSoftwareVersion(hw.HardwareID(), timeout=10).reason == 1
    told = list(client.software.UploadDebugInfo(sw.UploadDebugInfoRequest(), timeout=10))
    assert told[-1].reason == sw.UploadDebugInfoStatus.UNKNOWN_DEVICE
    at_rest(box, "1.0.0")


def test_one_operation_at_a_time(box, client, releases):
    gate = box.gate("postinstall")
    first = client.download_call(url_of(releases["1.1.0"]))
    gate.wait()
    for story in (client.download(url_of(releases["1.1.0"])), client.activate(), client.revert()):
        assert len(story.told) == 1
        assert story.reason == "OPERATION_ALREADY_IN_PROGRESS", story
        assert story.states[0] in ("COPYING_IMAGE", "INSTALLING_IMAGE")
    assert client.set_startup_config("file:///etc/hosts").reason == 5  # the same
    gate.open()
    assert dmi.Story(first).states[-1] == "UPGRADE_COMPLETE"


def test_many_requests_at_once_start_one_operation(box, client, releases):
    stories: list[dmi.Story] = []

    def ask() -> None:
        with dmi.connect(box) as another:
            stories.append(another.download(url_of(releases["1.1.0"])))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stories) == 12
    ends = [(story.code, story.states[-1], story.reason) for story in stories]
    done = [end for end in ends if end[1] == "UPGRADE_COMPLETE" and end[2] == "UNDEFINED_REASON"]
    assert len(done) == len(box.operations()) >= 1, ends
    others = [end for end in ends if end not in done]
    assert all(end[2] == "OPERATION_ALREADY_IN_PROGRESS" for end in others), ends


@pytest.mark.parametrize("stage", ["prep", "postinstall", "configure", "postexecute"])
def test_a_client_that_leaves_changes_nothing(box, client, releases, stage):
    gate = box.gate(stage)
    call = client.download_call(url_of(releases["1.1.0"]))
    assert dmi.state_name(next(call)) == "COPYING_IMAGE"
    gate.wait()
    call.cancel()
    client.channel.close()
    gate.open()
    with dmi.connect(box) as another:
        until(lambda: another.versions()[1] == ["nos 1.1.0"], "it is installed")
        until(lambda: box.last_operation()["state"] == "done", "it ends")
        assert end_of_activation(box, another, another.activate())["state"] == "done"


def test_a_clients_deadline_ends_its_stream_and_not_the_download(box, client, releases):
    gate = box.gate("postinstall")
    client.timeout = 1.0
    story = client.download(url_of(releases["1.1.0"]))
    assert story.code == grpc.StatusCode.DEADLINE_EXCEEDED
    gate.open()
    client.timeout = harness.PATIENCE
    until(lambda: box.last_operation()["state"] == "done", "it ends")
    assert client.versions()[1] == ["nos 1.1.0"]


@pytest.mark.parametrize("stage", ["init", "prep", "postinstall", "configure"])
def test_a_download_that_is_aborted_says_so(box, client, releases, stage):
    gate = box.gate(stage)
    call = client.download_call(url_of(releases["1.1.0"]))
    gate.wait()
    box.run("cancel").expect(DONE)
    gate.open()
    story = dmi.Story(call)
    must_fail(story, "UPGRADE_FAILED", "INTERNAL_ERROR")
    assert "operation.cancelled" in story.last.reason_detail
    at_rest(box, "1.0.0")
    assert client.download(url_of(releases["1.1.0"])).states[-1] == "UPGRADE_COMPLETE"


def test_a_download_that_is_all_but_done_is_finished(box, client, releases):
    gate = box.gate("postexecute")
    call = client.download_call(url_of(releases["1.1.0"]))
    gate.wait()
    assert box.run("cancel").error_id == "operation.past_commit"
    box.kill()
    gate.open()
    assert dmi.Story(call).code == grpc.StatusCode.UNAVAILABLE
    box.start()
    dmi.until_up(client)
    until(lambda: box.last_operation()["state"] == "done", "it ends")
    assert client.versions() == (["nos 1.0.0"], ["nos 1.1.0"])
    assert end_of_activation(box, client, client.activate())["state"] == "done"


def test_an_activation_that_is_aborted_before_the_reboot_says_so(box, client, releases):
    assert client.download(url_of(releases["1.1.0"])).states == DOWNLOADED
    gate = box.gate("prep")
    call = client.software.ActivateImage(client.id(), timeout=client.timeout)
    gate.wait()
    box.run("cancel").expect(DONE)
    gate.open()
    must_fail(dmi.Story(call), "ACTIVATION_FAILED", "INTERNAL_ERROR")
    at_rest(box, "1.0.0")
    assert client.versions()[1] == ["nos 1.1.0"]
    assert end_of_activation(box, client, client.activate())["state"] == "done"


@pytest.mark.parametrize("stage", ["init", "prep", "postinstall", "configure"])
def test_an_agent_that_is_killed_tells_the_truth_afterwards(box, client, releases, stage):
    gate = box.gate(stage)
    call = client.download_call(url_of(releases["1.1.0"]))
    gate.wait()
    box.kill()
    gate.open()
    assert dmi.Story(call).code == grpc.StatusCode.UNAVAILABLE
    box.start()
    dmi.until_up(client)
    at_rest(box, "1.0.0")
    assert client.versions() == (["nos 1.0.0"], [])
    must_fail(client.activate(), "UNDEFINED_STATE", "DEVICE_IN_WRONG_STATE")
    assert client.download(url_of(releases["1.1.0"])).states == DOWNLOADED


def test_what_was_downloaded_is_known_after_a_restart(box, client, releases):
    assert client.download(url_of(releases["1.1.0"])).states == DOWNLOADED
    box.kill()
    box.start()
    dmi.until_up(client)
    assert client.versions() == (["nos 1.0.0"], ["nos 1.1.0"])
    assert end_of_activation(box, client, client.activate())["state"] == "done"


def test_a_second_download_takes_the_place_of_the_first(box, client, releases):
    assert client.download(url_of(releases["1.1.0"])).states == DOWNLOADED
    assert client.download(url_of(releases["1.2.0"])).states == DOWNLOADED
    assert client.versions() == (["nos 1.0.0"], ["nos 1.2.0"])


def test_passwords_are_told_to_nobody(box, client, releases, tmp_path):
    secret = "pa55w0rd-of-a-test"
    (tmp_path / "a.cfg").write_text("hostname a\n")
    with FileServer(releases["1.1.0"].parent) as server, FileServer(tmp_path) as configs:
        place = server.url.removeprefix("http://")
        story = client.download(f"http://{secret}:{secret}@{place}/{releases['1.1.0'].name}"
                                f"?token={secret}")
        assert story.states == DOWNLOADED, story
        assert any(secret in request for request in server.requests), "the token goes to the server"
        assert client.download(f"http://u:{secret}@{place}/none?t={secret}"
                               ).reason == "ERROR_IN_REQUEST"
        place = configs.url.removeprefix("http://")
        assert client.set_startup_config(f"http://u:{secret}@{place}/a.cfg?{secret}").status == 1
        assert secret not in str(client.startup_config())
    assert client.download(f"sftp://u:{secret}@127.0.0.1:1/x").reason == "INTERNAL_ERROR"
    assert client.download(f"ftp://u:{secret}@127.0.0.1:1/x").reason == "ERROR_IN_REQUEST"
    box.run("upgrade", f"http://u:{secret}@127.0.0.1:1/x").expect(REFUSED)
    box.stop()
    for file in box.folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            assert secret.encode() not in file.read_bytes(), file
    assert secret not in box.agent_log()


def test_an_image_comes_over_sftp_from_a_server_that_is_known(box, client, releases, tmp_path):
    secret = "pa55w0rd-of-sftp"
    (tmp_path / "image").write_bytes(releases["1.1.0"].read_bytes())
    hosts = box.folder / "known_hosts"
    with SftpServer(tmp_path, secret) as server:
        story = client.download(server.url("image"))
        must_fail(story, "UPGRADE_FAILED", "INTERNAL_ERROR")
        assert "transfer.host_key" in story.last.reason_detail
        hosts.write_text("[127.0.0.1]:1 ssh-rsa AAAA\n")
        assert "transfer.host_key" in client.download(server.url("image")).last.reason_detail
        hosts.write_text(server.known_host())
        for url in (server.url("image", "wrong"), server.url("none")):
            must_fail(client.download(url), "UPGRADE_FAILED", "ERROR_IN_REQUEST")
        assert client.download(server.url("image"), sha256sum=harness.digest_of(releases["1.1.0"])
                               ).states == DOWNLOADED
    assert client.versions()[1] == ["nos 1.1.0"]
    box.stop()
    assert not [file for file in box.folder.rglob("*") if file.is_file()
                and not file.is_symlink() and secret.encode() in file.read_bytes()]


def test_a_startup_configuration_is_stored_whole_or_not_at_all(box, client, tmp_path):
    first = tmp_path / "first.cfg"
    first.write_text("hostname first\n")
    kept = box.folder / "data" / "startup-config" / "config"
    info = client.startup_config()
    assert (info.status, info.config_url, info.version) == (1, "", "")

    assert client.set_startup_config(f"file://{first}").status == 1
    assert kept.read_text() == "hostname first\n"
    info = client.startup_config()
    assert info.config_url == f"file://{first}"
    assert info.version.startswith("sha256:")

    reasons = dmi.messages("sw_management_service").ConfigResponse.Reason
    empty, huge = tmp_path / "empty", tmp_path / "huge"
    empty.touch()
    huge.write_bytes(b"x" * (5 << 20))
    for url, reason in ((f"file://{tmp_path}/none", "ERROR_FETCHING_CONFIG"),
                        ("http://127.0.0.1:1/x", "ERROR_FETCHING_CONFIG"),
                        ("nonsense", "ERROR_FETCHING_CONFIG"),
                        (f"file://{empty}", "INVALID_CONFIG"),
                        (f"file://{huge}", "INVALID_CONFIG"),
                        (f"file://{first}#sha256={'0' * 64}", "INVALID_CONFIG")):
        reply = client.set_startup_config(url)
        assert (reply.status, reasons.Name(reply.reason)) == (2, reason), f"{url}\n{reply}"
        assert reply.reason_detail
    assert kept.read_text() == "hostname first\n"
    assert client.startup_config() == info
    pinned = f"file://{first}#sha256={harness.digest_of(first)}"
    assert client.set_startup_config(pinned).status == 1


def test_a_startup_configuration_outlives_upgrades_and_kills(box, client, releases, tmp_path):
    config = tmp_path / "a.cfg"
    config.write_text("hostname a\n")
    assert client.set_startup_config(f"file://{config}").status == 1
    info = client.startup_config()
    client.download(url_of(releases["1.1.0"]))
    end_of_activation(box, client, client.activate())
    assert client.startup_config() == info
    box.kill()
    box.start()
    dmi.until_up(client)
    assert client.startup_config() == info


def test_debug_information_is_uploaded(box, client, tmp_path):
    received = {}

    class Taker(harness.http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_PUT(self):
            if self.headers.get("Expect") == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            received[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

    sw = dmi.messages("sw_management_service")
    server = harness.http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://user:secret@127.0.0.1:{server.server_address[1]}/in"
        told = list(client.software.UploadDebugInfo(
            sw.UploadDebugInfoRequest(device_uuid=client.of(), location_url=url), timeout=30))
    finally:
        server.shutdown()
    assert told[0].status == sw.UploadDebugInfoStatus.IN_PROGRESS and told[0].file_name
    last = told[-1]
    assert (last.status, last.percent_uploaded) == (sw.UploadDebugInfoStatus.COMPLETE, 100)
    assert "secret" not in str(told)
    bundle = tmp_path / "bundle.tar"
    bundle.write_bytes(received[f"/in/{last.file_name}"])
    names = harness.subprocess.run(["tar", "-tf", bundle], check=True, capture_output=True,
                                   text=True).stdout.split()
    assert "log/agent.log" in names
    refused = list(client.software.UploadDebugInfo(sw.UploadDebugInfoRequest(
        device_uuid=client.of(), location_url="http://127.0.0.1:1/in"), timeout=30))
    assert refused[-1].reason == sw.UploadDebugInfoStatus.REMOTE_LOCATION_UNREACHABLE


def test_without_configuration_there_is_no_door(device):
    assert not (device.folder / "dmi.sock").exists()
    assert "DMI door is open" not in device.agent_log()


def test_it_speaks_without_encryption_only_if_so_configured(make_device):
    box = make_device(start=False, configure='[doors.dmi]\nlisten = "0.0.0.0:0"\n')
    box.launch()
    assert box.agent.wait(harness.PATIENCE) != 0
    box.agent = None
    assert "door.plaintext" in box.agent_log()
    box.configure("[doors.dmi]\nplaintext = true")
    box.start()
    assert "DMI door is open" in box.agent_log()


def test_a_tcp_port_and_the_limit_of_connections(make_device):
    port = demo_os.free_port()
    box = make_device(configure=f'[doors.dmi]\nlisten = "127.0.0.1:{port}"\n'
                                f"plaintext = true\nmax-connections = 3\n")
    target = f"127.0.0.1:{port}"
    uuid = (box.folder / "uuid").read_text().strip()
    with contextlib.ExitStack() as stack:
        def client() -> dmi.Client:
            made = stack.enter_context(dmi.Client(target))
            made.uuid = uuid
            return made

        clients = [client() for _ in range(3)]
        for one in clients:
            assert one.versions()[0] == ["nos 1.0.0"]
        with pytest.raises(grpc.RpcError):
            client().versions()
        clients[0].channel.close()
        last = client()
        until(lambda: dmi.until_up(last), "a place is free")


def test_a_stream_too_many_ends_at_once_and_harms_no_other(box):
    """Of 256 streams, 16 are left to those who upgrade."""
    nothing = empty_pb2.Empty()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(dmi.connect(box)) for _ in range(3)]
        calls = [client.events.StreamEvents(nothing) for client in clients for _ in range(86)]
        box.run("repair").expect(DONE)
        ends = []
        for call in calls:
            try:
                next(call)
                ends.append(OK)
            except grpc.RpcError as refused:
                ends.append(refused.code())
        assert ends.count(OK) == 240, ends
        assert ends.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == len(calls) - 240
        assert clients[0].versions()[0] == ["nos 1.0.0"]


def test_long_values_are_not_said_back(client):
    """Replies that nobody reads would else hold as much memory as the requests had."""
    long = "x" * 4_000_000
    sw, hardware = dmi.messages("sw_management_service"), dmi.messages("hw_management_service")
    told = list(client.software.UploadDebugInfo(sw.UploadDebugInfoRequest(
        device_uuid=client.of(long), location_url="http://" + long), timeout=60))
    told += [client.hardware.GetLogLevel(hardware.GetLogLevelRequest(device_uuid=client.of(long)),
                                         timeout=60),
             client.hardware.SetLogLevel(hardware.SetLogLevelRequest(device_uuid=client.of(long)),
                                         timeout=60),
             client.version_reply(uuid=long)]
    assert all(len(reply.SerializeToString()) < 10_000 for reply in told)
    assert told[0].reason == sw.UploadDebugInfoStatus.UNKNOWN_DEVICE


def test_a_message_that_is_too_long_is_refused(client):
    with pytest.raises(grpc.RpcError) as refused:
        list(client.download_call("file:///" + "x" * (17 << 20)))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.versions()[0] == ["nos 1.0.0"]
