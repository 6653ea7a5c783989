"""gnoi.os, as a client of another gRPC stack sees it: each row of its state machines."""

import subprocess

import grpc
import pytest

import gnoi_client as gnoi
import harness
from harness import DONE, until

OK = grpc.StatusCode.OK
INSTALLED = ["transfer_ready", "transfer_progress", "validated"]


@pytest.fixture
def box(make_device):
    """A device with nos 1.0.0 and a gNOI door."""
    return make_device(configure=gnoi.SOCKET)


@pytest.fixture
def client(box):
    with gnoi.connect(box) as made:
        yield made




def at_rest(box) -> None:
    until(lambda: box.ask("show", "status")["operation"] is None, "the device comes to rest")


def must_refuse(done: gnoi.Install, error: str) -> None:
    """With an error in a message, and a status of OK."""
    assert done.code == OK, done
    assert done.error == error, done
    assert done.said[-1].install_error.detail, done


def until_over(box) -> dict:
    return until(lambda: next((one for one in [box.last_operation()]
                               if one["state"] in ("done", "failed")), None), "it ends")


# -- Install ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [4096, 65_536, 4_000_000])
def test_a_package_is_installed_from_the_stream(box, client, releases, chunk):
    file = releases.make("gnoi-large", "1.1.5", ballast_mb=12)
    size = file.stat().st_size
    done = client.install_file(file, "1.1.5", chunk=chunk, package_size=size)
    assert done.code == OK and done.kinds == INSTALLED, done
    assert done.version == "1.1.5"
    assert done.progress == sorted(done.progress) and done.progress[-1] == size
    assert len(done.progress) <= size // 5_000_000 + 1, "not one for each part"
    at_rest(box)
    box.at_rest_on("1.0.0")
    assert not list(box.folder.rglob("*.cc")), "no second copy"


def test_another_install_is_refused_while_one_is_at_work(box, client, releases):
    first = client.install("1.1.0")
    assert first.next() == "transfer_ready"
    must_refuse(client.install("1.2.0").finish(), "INSTALL_IN_PROGRESS")
    first.content(releases["1.1.0"].read_bytes())
    first.end()
    assert first.finish().version == "1.1.0"


def test_an_install_begins_with_its_request(client):
    os = gnoi.messages("os")
    for wrong in (os.InstallRequest(transfer_content=b"x"), os.InstallRequest(),
                  os.InstallRequest(transfer_end=os.TransferEnd())):
        with pytest.raises(grpc.RpcError) as refused:
            list(client.os.Install(iter([wrong]), timeout=client.timeout))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_version_that_is_there_is_not_sent_again(client, releases):
    running = client.install("1.0.0").finish()
    assert (running.kinds, running.version, running.code) == (["validated"], "1.0.0", OK)
    client.install_file(releases["1.1.0"], "1.1.0")
    again = client.install("1.1.0").finish()
    assert (again.kinds, again.version) == (["validated"], "1.1.0")


def test_without_a_version_it_is_always_sent(client, releases):
    for _ in range(2):
        done = client.install_file(releases["1.1.0"])
        assert done.kinds == INSTALLED and done.version == "1.1.0", done


def test_a_package_that_cannot_fit_is_not_even_begun(box, client):
    done = client.install("1.1.0", package_size=1 << 60).finish()
    must_refuse(done, "TOO_LARGE")
    assert done.kinds == ["install_error"]
    box.at_rest_on("1.0.0")


def test_there_is_no_standby_supervisor(client):
    done = client.install("1.1.0", standby_supervisor=True).finish()
    must_refuse(done, "NOT_SUPPORTED_ON_BACKUP")
    assert done.kinds == ["install_error"]


@pytest.mark.parametrize("way", ["half-close", "cancel"])
def test_a_client_that_goes_away_leaves_nothing(box, client, releases, way):
    data = releases["1.1.0"].read_bytes()
    begun = client.install("1.1.0")
    assert begun.next() == "transfer_ready"
    begun.content(data[:len(data) // 2])
    if way == "cancel":
        begun.cancel()
    else:
        begun.half_close()
        begun.finish()
        assert begun.code == grpc.StatusCode.INVALID_ARGUMENT, begun
    at_rest(box)
    box.at_rest_on("1.0.0")
    assert client.install_file(releases["1.1.0"], "1.1.0").version == "1.1.0"


def test_an_agent_that_is_killed_leaves_nothing(box, client, releases):
    data = releases["1.1.0"].read_bytes()
    begun = client.install("1.1.0")
    assert begun.next() == "transfer_ready"
    begun.content(data[:len(data) // 2])
    box.kill()
    assert begun.finish().code == grpc.StatusCode.UNAVAILABLE
    box.start()
    at_rest(box)
    box.at_rest_on("1.0.0")
    gnoi.until_up(client)
    assert client.install_file(releases["1.1.0"], "1.1.0").version == "1.1.0"


def test_what_follows_is_content_and_one_end(box, client):
    os = gnoi.messages("os")
    begun = client.install("1.1.0")
    assert begun.next() == "transfer_ready"
    begun.send(transfer_request=os.TransferRequest(version="1.1.0"))
    assert begun.finish().code == grpc.StatusCode.INVALID_ARGUMENT
    at_rest(box)


def test_what_is_no_package_is_told_so(box, client, tmp_path):
    for name, content in (("rubbish", b"not a package" * 1000), ("empty", b"")):
        file = tmp_path / name
        file.write_bytes(content)
        must_refuse(client.install_file(file, "1.1.0"), "PARSE_FAIL")
    box.at_rest_on("1.0.0")


def test_a_damaged_package_fails_its_integrity(box, client, releases, tmp_path):
    data = bytearray(releases["1.1.0"].read_bytes())
    data[len(data) * 3 // 4] ^= 1
    (tmp_path / "damaged").write_bytes(data)
    must_refuse(client.install_file(tmp_path / "damaged", "1.1.0"), "INTEGRITY_FAIL")
    (tmp_path / "short").write_bytes(releases["1.1.0"].read_bytes()[:-4096])
    must_refuse(client.install_file(tmp_path / "short", "1.1.0"), "INTEGRITY_FAIL")
    unsigned = releases.make("gnoi-unsigned", "1.1.6", signed=False)
    must_refuse(client.install_file(unsigned, "1.1.6"), "INTEGRITY_FAIL")
    at_rest(box)
    box.at_rest_on("1.0.0")


def test_a_package_for_another_device_is_incompatible(box, client, releases):
    other = releases.make("gnoi-other", "1.1.7",
                          edits=(('hardware = ["emulated"]', 'hardware = ["other"]'),))
    must_refuse(client.install_file(other, "1.1.7"), "INCOMPATIBLE")
    box.at_rest_on("1.0.0")


@pytest.mark.parametrize("version", ["", "9.9.9"])
def test_the_running_package_is_not_installed_over_itself(box, client, releases, version):
    """Also when the client takes it for another one."""
    must_refuse(client.install_file(releases["1.0.0"], version), "INSTALL_RUN_PACKAGE")
    box.at_rest_on("1.0.0")


def test_the_version_is_what_the_package_says(client, releases):
    assert client.install_file(releases["1.1.0"], "9.9.9").version == "1.1.0"


@pytest.fixture
def small_disk(workplace):
    """16 MB of file system."""
    folder = workplace / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], check=False,
                          capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"cannot mount here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


@pytest.mark.root
def test_more_than_can_be_stored_is_too_large(small_disk, releases):
    """Told from the package itself, whatever size the client said."""
    device = harness.Device(small_disk / "device")
    harness.cutover("device", "create", device.folder, "--base", releases["1.0.0"], "--trust",
                    releases.keys.authority).expect(DONE)
    device.configure(gnoi.SOCKET)
    large = releases.make("gnoi-too-large", "1.1.8", ballast_mb=40)
    try:
        device.start()
        with gnoi.connect(device) as client:
            must_refuse(client.install_file(large, package_size=1000), "TOO_LARGE")
        device.at_rest_on("1.0.0")
    finally:
        device.kill()


# -- Activate --------------------------------------------------------------------------------------


@pytest.fixture
def installed(box, client, releases):
    assert client.install_file(releases["1.1.0"], "1.1.0").version == "1.1.0"
    return box


def test_what_is_not_there_is_not_activated(client):
    for version in ("", "1.1.0", "x" * 1000):
        assert gnoi.error_of(client.activate(version)) == "NON_EXISTENT_VERSION"


def test_no_standby_supervisor_is_activated(installed, client):
    reply = client.activate("1.1.0", standby_supervisor=True)
    assert gnoi.error_of(reply) == "NOT_SUPPORTED_ON_BACKUP"


def test_what_runs_is_active(box, client):
    assert gnoi.error_of(client.activate("1.0.0")) == "ok"
    box.at_rest_on("1.0.0")


def test_an_activation_answers_and_then_reboots(installed, client):
    assert gnoi.error_of(client.activate("1.1.0")) == "ok"
    until(lambda: gnoi.until_up(client).version == "1.1.0", "1.1.0 runs")
    assert until_over(installed)["state"] == "done"
    installed.at_rest_on("1.1.0")
    assert client.verify().activation_fail_message == ""


def test_without_a_reboot_it_waits_for_one(installed, client):
    for _ in range(2):
        assert gnoi.error_of(client.activate("1.1.0", no_reboot=True)) == "ok"
    assert client.verify().version == "1.0.0"
    # Activating what runs takes it back; and it can be set again.
    assert gnoi.error_of(client.activate("1.0.0")) == "ok"
    at_rest(installed)
    assert gnoi.error_of(client.activate("1.1.0", no_reboot=True)) == "ok"
    installed.run("reboot").expect(DONE)
    until(lambda: gnoi.until_up(client).version == "1.1.0", "1.1.0 runs")


def test_a_boot_configuration_is_refused_and_not_ignored(installed, client):
    wanted = gnoi.messages("bootconfig").SetBootConfigRequest()
    reply = client.activate("1.1.0", boot_config=wanted)
    assert gnoi.error_of(reply) == "UNSPECIFIED" and reply.activate_error.detail
    installed.at_rest_on("1.0.0")


def test_one_that_does_not_come_up_is_told_by_verify(box, client, releases):
    client.install_file(releases["1.2.0-broken-web"])
    version = "1.2.0"
    assert gnoi.error_of(client.activate(version)) == "ok"
    until(lambda: gnoi.until_up(client).activation_fail_message, "the failure is told")
    reply = client.verify()
    assert reply.version == "1.0.0"
    at_rest(box)
    # It may be sent anew, and one that comes up clears the message.
    assert client.install_file(releases["1.1.0"], "1.1.0").version == "1.1.0"
    assert gnoi.error_of(client.activate("1.1.0")) == "ok"
    until(lambda: gnoi.until_up(client).version == "1.1.0", "1.1.0 runs")
    assert until_over(box)["state"] == "done"
    assert client.verify().activation_fail_message == ""


# -- Verify ----------------------------------------------------------------------------------------


def test_verify_always_tells_of_the_standby(client):
    reply = client.verify()
    os = gnoi.messages("os")
    assert reply.version == "1.0.0"
    assert reply.verify_standby.WhichOneof("state") == "standby_state"
    assert reply.verify_standby.standby_state.state == os.StandbyState.UNSUPPORTED
    assert not reply.individual_supervisor_install
    assert reply.activation_fail_message == ""


# -- the door --------------------------------------------------------------------------------------


def test_without_configuration_there_is_no_door(device):
    assert not (device.folder / "gnoi.sock").exists()
    assert "gNOI door is open" not in device.agent_log()


def test_over_tcp_it_does_not_speak_without_encryption(make_device):
    box = make_device(start=False, configure='[doors.gnoi]\nlisten = "127.0.0.1:0"\n')
    box.launch()
    assert box.agent.wait(harness.PATIENCE) != 0
    box.agent = None
    assert "[doors.gnoi]" in box.agent_log() and "door.plaintext" in box.agent_log()
