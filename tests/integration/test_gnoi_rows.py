"""gNOI in each state: the agent killed, the client gone, the operation cancelled."""

import contextlib

import grpc
import pytest

import gnoi_client as gnoi
from harness import DONE, FileServer, until

Code = grpc.StatusCode
STAGES = ["init", "prep", "postinstall", "configure"]


@pytest.fixture
def box(make_device):
    return make_device(configure=gnoi.SOCKET + 'files = "gnoi-files"\n')


@pytest.fixture
def client(box):
    with gnoi.connect(box) as made:
        yield made


def at_rest(box) -> None:
    until(lambda: box.ask("show", "status")["operation"] is None, "the device comes to rest")


def still_installs(box, client, releases) -> None:
    """Nothing is left over: not the lock, and not half a package."""
    at_rest(box)
    box.at_rest_on("1.0.0")
    gnoi.until_up(client)
    assert client.install_file(releases["1.1.0"], "1.1.0").version == "1.1.0"


def begin(box, client, releases, stage: str):
    """An Install of which all is sent that the device wants, held in `stage`."""
    gate = box.gate(stage)
    begun = client.install("1.1.0")
    assert begun.next() == "transfer_ready"
    begun.content(releases["1.1.0"].read_bytes())
    begun.end()
    gate.wait()
    return gate, begun


# -- Install ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
def test_an_agent_that_is_killed_in_any_state_leaves_nothing(box, client, releases, stage):
    """I5, I9, I16: power goes while it is received, written or configured."""
    gate, begun = begin(box, client, releases, stage)
    box.kill()
    gate.open()
    assert begun.finish().code == Code.UNAVAILABLE
    box.start()
    still_installs(box, client, releases)


@pytest.mark.parametrize("stage", STAGES)
def test_a_client_that_goes_after_its_transfer_end_has_installed(box, client, releases, stage):
    """I11 is for those before transfer_end; from there on the work is the device's."""
    gate, begun = begin(box, client, releases, stage)
    begun.cancel()
    gate.open()
    at_rest(box)
    until(lambda: box.last_operation()["state"] in ("done", "failed", "cancelled"), "it is over")
    assert client.install_file(releases["1.1.0"], "1.1.0").version == "1.1.0"
    box.at_rest_on("1.0.0")


@pytest.mark.parametrize("sent", [0, 1, 5000])
@pytest.mark.parametrize("way", ["half-close", "cancel", "disconnect"])
def test_a_client_that_goes_at_the_beginning_leaves_nothing(box, client, releases, sent, way):
    """I11: half-close, cancel or disconnect before transfer_end."""
    with gnoi.connect(box) as other:
        begun = other.install("1.1.0")
        assert begun.next() == "transfer_ready"
        if sent:
            begun.content(releases["1.1.0"].read_bytes()[:sent])
        if way == "half-close":
            begun.half_close()
            assert begun.finish().code == Code.INVALID_ARGUMENT
        elif way == "cancel":
            begun.cancel()
        else:
            other.channel.close()
            begun.half_close()
    still_installs(box, client, releases)


@pytest.mark.parametrize("stage", STAGES)
def test_an_install_that_is_cancelled_says_so(box, client, releases, stage):
    """I16, not reached: somebody at the device has cancelled it."""
    gate, begun = begin(box, client, releases, stage)
    box.run("cancel").expect(DONE)
    gate.open()
    begun.finish()
    assert begun.code == Code.OK and begun.error == "UNSPECIFIED", begun
    assert "was cancelled" in begun.said[-1].install_error.detail
    still_installs(box, client, releases)


def test_parallel_installs_are_one(box, client, releases):
    """I1: of many at once one is at work."""
    begun = [client.install("1.1.0") for _ in range(8)]
    firsts = [each.next() for each in begun]
    assert firsts.count("transfer_ready") == 1, firsts
    for each in begun:
        if gnoi.kind_of(each.said[0]) == "install_error":
            assert each.finish().error == "INSTALL_IN_PROGRESS" and each.code == Code.OK
            continue
        each.content(releases["1.1.0"].read_bytes())
        each.end()
        assert each.finish().version == "1.1.0"
    at_rest(box)
    assert len(box.operations()) == 1


def test_no_sync_progress_is_told(client, releases):
    """I8: there is one supervisor, so nothing is copied between two (I7 refuses the request)."""
    done = client.install_file(releases["1.1.0"], "1.1.0")
    assert "sync_progress" not in done.kinds


def test_an_operation_of_another_kind_is_in_the_way_too(box, client, releases):
    """I1: there is one operation at a time, whatever it is."""
    client.install_file(releases["1.1.0"], "1.1.0")
    gate = box.gate("prep")
    box.run("activate", "--mode", "next-startup", "--no-wait").expect(DONE)
    gate.wait()
    refused = client.install("").finish()
    gate.open()
    assert refused.error == "INSTALL_IN_PROGRESS" and refused.code == Code.OK
    at_rest(box)


# -- Activate --------------------------------------------------------------------------------------


@pytest.fixture
def installed(box, client, releases):
    assert client.install_file(releases["1.1.0"], "1.1.0").version == "1.1.0"
    return box


def activate(client):
    wanted = gnoi.messages("os").ActivateRequest(version="1.1.0")
    return client.os.Activate.future(wanted, timeout=client.timeout)


def comes_to_run(box, client, version: str) -> None:
    until(lambda: gnoi.until_up(client).version == version, f"{version} runs")
    at_rest(box)
    box.at_rest_on(version)


@pytest.mark.parametrize("stage", ["init", "prep", "postinstall", "configure"])
def test_an_agent_that_is_killed_before_the_reboot_stays_where_it_is(installed, client, stage):
    """Activate, installed, no_reboot=false: cut before the next boot is chosen."""
    gate = installed.gate(stage)
    call = activate(client)
    gate.wait()
    installed.kill()
    gate.open()
    with pytest.raises(grpc.RpcError) as broken:
        call.result()
    assert broken.value.code() == Code.UNAVAILABLE
    installed.start()
    comes_to_run(installed, client, "1.0.0")
    assert gnoi.error_of(client.activate("1.1.0")) == "ok"
    comes_to_run(installed, client, "1.1.0")


def test_an_agent_that_is_killed_on_trial_goes_on_or_falls_back(installed, client):
    """Activate: the boot of the new version is cut; Verify tells which one runs."""
    with contextlib.suppress(grpc.RpcError):
        client.activate("1.1.0")
    installed.kill()
    installed.start()
    at_rest(installed)
    reply = gnoi.until_up(client)
    done = installed.last_operation()["state"] == "done"
    assert reply.version == ("1.1.0" if done else "1.0.0")
    assert bool(reply.activation_fail_message) != done
    installed.at_rest_on(reply.version)


@pytest.mark.parametrize("stage", ["init", "prep", "postinstall", "configure", "postexecute"])
def test_a_client_that_goes_away_still_activates(installed, client, stage):
    """Activate: what is begun lives in the device."""
    gate = installed.gate(stage)
    call = activate(client)
    gate.wait()
    call.cancel()
    gate.open()
    comes_to_run(installed, client, "1.1.0")


@pytest.mark.parametrize("stage", ["init", "prep", "postinstall", "configure"])
def test_an_activation_that_is_cancelled_says_so(installed, client, stage):
    """Activate: an error that has no type of its own."""
    gate = installed.gate(stage)
    call = activate(client)
    gate.wait()
    installed.run("cancel").expect(DONE)
    gate.open()
    reply = call.result()
    assert gnoi.error_of(reply) == "UNSPECIFIED"
    assert "was cancelled" in reply.activate_error.detail
    comes_to_run(installed, client, "1.0.0")
    assert client.verify().activation_fail_message == "", "nothing was booted"


def test_parallel_activations_are_one(installed, client):
    """Activate: the others are told that one is at work."""
    gate = installed.gate("prep")
    first = activate(client)
    gate.wait()
    for _ in range(3):
        reply = client.activate("1.1.0")
        assert gnoi.error_of(reply) == "UNSPECIFIED" and "at work" in reply.activate_error.detail
    gate.open()
    assert gnoi.error_of(first.result()) == "ok"
    comes_to_run(installed, client, "1.1.0")


# -- gnoi.system -----------------------------------------------------------------------------------


def test_reboots_are_counted(box, client, releases):
    """RebootStatus: count."""
    assert client.reboot_status().count == 0
    client.reboot()
    until(lambda: gnoi.until_up(client) and client.reboot_status().count == 1, "it is counted")
    box.run("upgrade", releases["1.1.0"]).expect(DONE)
    gnoi.until_up(client)
    assert client.reboot_status().count == 2
    client.reboot(delay=600 * 10**9)
    assert client.reboot_status().count == 2
    client.cancel_reboot()


def test_a_reboot_that_was_refused_is_told_by_its_status(box, client, releases):
    """RebootStatus: status, while none is active."""
    gate = box.gate("prep")
    begun = box.client("upgrade", releases["1.1.0"])
    gate.wait()
    with pytest.raises(grpc.RpcError) as refused:
        client.reboot()
    assert refused.value.code() == Code.FAILED_PRECONDITION
    told = client.reboot_status()
    gate.open()
    begun.communicate()
    status = gnoi.messages("system").RebootStatus
    assert not told.active and told.status.status == status.STATUS_RETRIABLE_FAILURE
    assert told.status.message


def test_what_is_optional_and_not_there_says_so(client):
    """SwitchControlProcessor (one processor), KillProcess, Traceroute, TransferToRemote."""
    system = gnoi.messages("system")
    calls = [(client.system.SwitchControlProcessor, system.SwitchControlProcessorRequest()),
             (client.system.KillProcess, system.KillProcessRequest(pid=1)),
             (client.file.TransferToRemote, gnoi.messages("file").TransferToRemoteRequest())]
    for call, request in calls:
        with pytest.raises(grpc.RpcError) as failed:
            call(request, timeout=10)
        assert failed.value.code() == Code.UNIMPLEMENTED
    with pytest.raises(grpc.RpcError) as failed:
        list(client.system.Traceroute(system.TracerouteRequest(destination="::1"), timeout=10))
    assert failed.value.code() == Code.UNIMPLEMENTED


def test_a_package_is_fetched_by_a_client_that_names_no_protocol(client, releases):
    """SetPackage: remote_download{path} with its protocol unset, and no hash."""
    common = gnoi.messages("common")
    with FileServer(releases["1.1.0"].parent) as server:
        client.set_package(filename="/nos.cc", version="1.1.0",
                           remote_download=common.RemoteDownload(
                               path=f"{server.url}/{releases['1.1.0'].name}"))
    done = client.install("1.1.0").finish()
    assert done.version == "1.1.0"
