"""gnoi.factory_reset, as a client of another gRPC stack sees it, and `cutover reset --factory`."""

import contextlib
import subprocess

import grpc
import pytest
from google.protobuf import any_pb2

import gnoi_client as gnoi
from harness import DONE, PATIENCE, REFUSED, program, until

Code = grpc.StatusCode
SETTING = "hostname = set-by-the-user\n"


@pytest.fixture
def box(make_device):
    """A device with nos 1.0.0 in which people have left what they leave."""
    made = make_device(configure=gnoi.SOCKET + 'files = "gnoi-files"\n')
    with gnoi.connect(made) as client:
        client.put("/notes.txt", b"of somebody")
    use(made)
    return made


def use(box) -> None:
    box.persistent("etc/nos.conf").write_text(SETTING)
    (box.folder / "data" / "routes.db").write_text("203.0.113.0/24 via 192.0.2.9\n")
    (box.folder / "data" / "startup-config").mkdir(exist_ok=True)
    (box.folder / "data" / "startup-config" / "config").write_text("hostname a\n")
    if not (box.folder / "access" / "users.json").exists():
        words = ["--device", box.folder, "user", "add", "alice", "--role", "viewer"]
        subprocess.run([program("cutover"), *words], input="correct horse\n", text=True, check=True,
                       stdout=subprocess.DEVNULL, timeout=PATIENCE)


@pytest.fixture
def client(box):
    with gnoi.connect(box) as made:
        yield made


def service(client):
    return gnoi.service("factory_reset").FactoryResetStub(client.channel)


def start(client, **flags):
    wanted = gnoi.messages("factory_reset").StartRequest(**flags)
    return service(client).Start(wanted, timeout=client.timeout)


def fields(data: bytes) -> dict[int, list]:
    """What a protobuf message holds, by the numbers of its fields: for want of its .proto."""
    found: dict[int, list] = {}
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            at += 1
            value |= (data[at - 1] & 0x7f) << shift
            shift += 7
            if data[at - 1] < 0x80:
                return value

    while at < len(data):
        key = number()
        value: object = number()
        if key & 7 == 2:
            size = value
            value = data[at:at + size]
            at += size
        found.setdefault(key >> 3, []).append(value)
    return found


def reset_error(failed):
    """Of the google.rpc.Status in the trailers."""
    trailers = dict(failed.trailing_metadata())
    status = fields(trailers["grpc-status-details-bin"])
    assert status[1] == [Code.INVALID_ARGUMENT.value[0]]
    assert status[2] == [failed.details().encode()]
    packed = any_pb2.Any.FromString(status[3][0])
    error = gnoi.messages("factory_reset").ResetError()
    assert packed.Unpack(error), packed.type_url
    return error


def must_refuse(client, **flags):
    with pytest.raises(grpc.RpcError) as failed:
        start(client, **flags)
    assert failed.value.code() == Code.INVALID_ARGUMENT, failed.value
    return reset_error(failed.value)


def is_over(box) -> dict | None:
    last = box.last_operation()
    over = last["state"] in ("done", "failed", "refused", "cancelled")
    return last if last["title"].startswith("factory reset") and over else None


def until_over(box) -> dict:
    done = until(lambda: is_over(box), "the reset is over")
    until(lambda: box.ask("show", "status")["operation"] is None, "the device is at rest")
    return done


def is_used(box) -> bool:
    """All that people have left is there; or none of it."""
    kept = {
        "setting": box.persistent("etc/nos.conf").read_text() == SETTING,
        "data": "203.0.113.0" in (box.folder / "data" / "routes.db").read_text(),
        "configuration": (box.folder / "data" / "startup-config").exists(),
        "file": (box.folder / "gnoi-files" / "notes.txt").exists(),
        "user": (box.folder / "access" / "users.json").exists()}
    assert len(set(kept.values())) == 1, f"half of it: {kept}"
    return kept["setting"]


def as_made(box, version: str) -> None:
    assert not is_used(box)
    assert box.persistent("etc/nos.conf").read_text().strip(), "the factory's is there"
    box.at_rest_on(version)
    assert box.slot("B" if box.active() == "A" else "A").exists() is False
    account = (box.folder / "access" / "audit.log").read_text()
    assert '"cutover user add"' in account, "the account stays"
    box.run("audit", "verify").expect(DONE)
    assert [one["title"] for one in box.operations()] == [f"factory reset to base nos {version}"]
    assert box.alarms() == []
    assert not (box.folder / "reset").exists() and not (box.folder / "reset.done").exists()


# -- Start -----------------------------------------------------------------------------------------


def test_a_device_is_as_it_was_made(box, client, releases):
    """Start: immediate wipe of state and reboot; the success is answered first."""
    uuid = (box.folder / "uuid").read_text()
    assert start(client).WhichOneof("response") == "reset_success"
    assert until_over(box)["state"] == "done"
    as_made(box, "1.0.0")
    assert (box.folder / "uuid").read_text() == uuid
    gnoi.until_up(client)
    assert client.install_file(releases["1.1.0"], "1.1.0").version == "1.1.0"


def test_packages_and_the_other_base_go(box, client, releases):
    """Start: without factory_os the running base stays."""
    box.run("upgrade", releases["1.1.0"]).expect(DONE)
    use(box)
    box.run("upgrade", releases["1.2.0-broken-web"])
    assert box.alarms()
    assert start(client).WhichOneof("response") == "reset_success"
    assert until_over(box)["state"] == "done"
    as_made(box, "1.1.0")
    assert client.verify().activation_fail_message == ""


def test_certificates_and_users_stay_when_that_is_asked(box, client):
    """Start: retain_certs."""
    assert start(client, retain_certs=True).WhichOneof("response") == "reset_success"
    assert until_over(box)["state"] == "done"
    assert (box.folder / "access" / "users.json").exists()
    (box.folder / "access" / "users.json").unlink()
    assert not is_used(box)


def test_zero_fill_is_refused_by_name(box, client):
    """Start: an unsupported flag is INVALID_ARGUMENT with a ResetError in the details."""
    error = must_refuse(client, zero_fill=True)
    assert error.zero_fill_unsupported and error.detail and not error.factory_os_unsupported
    assert is_used(box) and box.operations() == []


def test_the_factorys_base_is_started_only_where_it_runs(box, client, releases):
    """Start: factory_os."""
    box.run("upgrade", releases["1.1.0"]).expect(DONE)
    use(box)
    error = must_refuse(client, factory_os=True)
    assert error.factory_os_unsupported and "1.1.0" in error.detail
    assert is_used(box)
    box.at_rest_on("1.1.0")
    box.run("revert").expect(DONE)
    use(box)
    gnoi.until_up(client)
    for _ in range(2):  # the second time nobody remembers how the device began
        assert start(client, factory_os=True).WhichOneof("response") == "reset_success"
        assert until_over(box)["state"] == "done"
        gnoi.until_up(client)
    box.at_rest_on("1.0.0")


def test_it_waits_for_nobody_and_takes_nothing_while_another_operation_is_at_work(box, client,
                                                                                  releases):
    gate = box.gate("prep")
    other = box.client("upgrade", releases["1.1.0"])
    gate.wait()
    with pytest.raises(grpc.RpcError) as refused:
        start(client)
    assert refused.value.code() == Code.FAILED_PRECONDITION
    gate.open()
    other.communicate()
    assert is_used(box) or box.versions()["running"] == "1.1.0"
    assert box.last_operation()["title"].startswith("upgrade")


# -- cut off ---------------------------------------------------------------------------------------

# Before it is ordered, after that, and after the boot that has carried it out: by the order of the
# engine's own steps of the last stage.
PLACES = {"before": ("20", False), "ordered": ("35", True), "carried out": ("55", True)}


def held(box, place: str):
    gate = box.gate("postexecute")
    script = box.folder / "stages" / "postexecute" / "50-gate.sh"
    script.rename(script.with_name(f"{PLACES[place][0]}-gate.sh"))
    return gate


def begin(client):
    """Asks, and does not wait."""
    wanted = gnoi.messages("factory_reset").StartRequest()
    return service(client).Start.future(wanted, timeout=client.timeout)


@pytest.mark.parametrize("place", PLACES)
def test_an_agent_that_is_killed_finishes_it_or_has_not_begun(box, client, releases, place):
    gate = held(box, place)
    call = begin(client)
    gate.wait()
    box.kill()
    gate.open()
    with contextlib.suppress(grpc.RpcError):
        call.result()
    box.start()
    state = until_over(box)["state"]
    if PLACES[place][1]:
        assert state == "done"
        as_made(box, "1.0.0")
    else:
        assert state == "failed"
        assert is_used(box)
        box.at_rest_on("1.0.0")
    (box.folder / "stages" / "postexecute" / f"{PLACES[place][0]}-gate.sh").unlink()
    box.run("upgrade", releases["1.1.0"]).expect(DONE)


@pytest.mark.parametrize("place", PLACES)
def test_a_client_that_goes_away_changes_nothing(box, client, place):
    gate = held(box, place)
    call = begin(client)
    gate.wait()
    call.cancel()
    gate.open()
    assert until_over(box)["state"] == "done"
    as_made(box, "1.0.0")


@pytest.mark.parametrize("place", ["before", "ordered"])
def test_it_can_be_cancelled_until_it_is_ordered(box, client, place):
    gate = held(box, place)
    call = begin(client)
    gate.wait()
    cancelled = box.run("cancel", "--no-wait")
    gate.open()
    state = until_over(box)["state"]
    if PLACES[place][1]:
        assert cancelled.error_id == "operation.past_commit" and state == "done"
        as_made(box, "1.0.0")
    else:
        assert state == "cancelled" and is_used(box)
        with pytest.raises(grpc.RpcError) as failed:
            call.result()
        assert failed.value.code() == Code.CANCELLED


# -- the command line ------------------------------------------------------------------------------


def test_the_command_line_does_the_same(box):
    assert box.run("reset", "--factory").expect(REFUSED).error_id == "cli.needs_yes"
    preview = box.run("reset", "--factory", "--preview").expect(DONE)
    assert "settings, data and users go" in preview.out
    assert is_used(box)
    done = box.run("reset", "--factory", "--yes").expect(DONE)
    assert "Done: nos 1.0.0 runs in slot A" in done.out, done
    as_made(box, "1.0.0")


def test_one_with_another_base_than_the_factorys_can_be_refused(box, releases):
    box.run("upgrade", releases["1.1.0"]).expect(DONE)
    refused = box.run("reset", "--factory", "--factory-base", "--yes").expect(REFUSED)
    assert refused.error_id == "plan.no_factory_base"
    box.at_rest_on("1.1.0")
