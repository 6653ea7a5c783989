"""gnoi.system, as a client of another gRPC stack sees it."""

import time

import grpc
import pytest

import gnoi_client as gnoi
from harness import FileServer, until

Code = grpc.StatusCode
MINUTE = 60 * 10**9


@pytest.fixture
def box(make_device):
    return make_device(configure=gnoi.SOCKET + 'files = "gnoi-files"\n')


@pytest.fixture
def client(box):
    with gnoi.connect(box) as made:
        yield made


def must_fail(code, call, *words, **more) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        call(*words, **more)
    assert failed.value.code() == code, failed.value


def clock(client) -> int:
    return client.system.Time(gnoi.messages("system").TimeRequest(), timeout=10).time


def test_the_time_is_in_nanoseconds(client):
    assert abs(clock(client) - time.time_ns()) < MINUTE


def has_restarted(box) -> bool:
    return any(one["title"] == "reboot" and one["state"] == "done" for one in box.operations())


# -- reboots ---------------------------------------------------------------------------------------


def test_a_reboot_is_answered_before_the_device_goes_down(box, client):
    client.reboot()
    until(lambda: has_restarted(box), "it is up again")
    gnoi.until_up(client)
    assert not client.reboot_status().active


def test_other_reboots_are_refused(client):
    for method in ("UNKNOWN", "POWERDOWN", "HALT", "WARM", "NSF", "POWERUP"):
        must_fail(Code.INVALID_ARGUMENT, client.reboot, method)
    part = gnoi.messages("types").Path(elem=[gnoi.messages("types").PathElem(name="card")])
    must_fail(Code.INVALID_ARGUMENT, client.reboot, subcomponents=[part])
    must_fail(Code.INVALID_ARGUMENT, client.reboot, delay=2**63)


def test_a_pending_reboot_is_told_and_can_be_cancelled(client):
    client.cancel_reboot()  # of none
    assert not client.reboot_status().active
    client.reboot(delay=10 * MINUTE, message="maintenance")
    told = client.reboot_status()
    assert told.active and told.reason == "maintenance"
    assert 0 < told.wait <= 10 * MINUTE
    assert abs(told.when - time.time_ns() - told.wait) < MINUTE
    assert told.method == gnoi.messages("system").COLD
    must_fail(Code.FAILED_PRECONDITION, client.reboot)
    must_fail(Code.FAILED_PRECONDITION, client.reboot, delay=MINUTE)
    client.cancel_reboot()
    assert not client.reboot_status().active


def test_a_delayed_reboot_happens(box, client):
    client.reboot(delay=200 * 10**6)
    until(lambda: has_restarted(box), "it is up again")


def test_a_reboot_starts_what_was_activated_without_one(client, releases):
    client.install_file(releases["1.1.0"])
    assert gnoi.error_of(client.activate("1.1.0", no_reboot=True)) == "ok"
    client.reboot()
    until(lambda: gnoi.until_up(client).version == "1.1.0", "1.1.0 runs")


# -- SetPackage ------------------------------------------------------------------------------------


def parts_of(data: bytes, method: str = "sha512", digest: bytes | None = None) -> list:
    system = gnoi.messages("system")
    parts = [system.SetPackageRequest(contents=data[at:at + 64_000])
             for at in range(0, len(data), 64_000)]
    return [*parts, system.SetPackageRequest(hash=gnoi.hash_of(data, method, digest))]


def is_installed(client, version: str) -> bool:
    asked = client.install(version)
    kind = asked.next()
    asked.cancel()
    return kind == "validated"


def test_a_package_is_set_from_its_parts(client, releases):
    data = releases["1.1.0"].read_bytes()
    client.set_package(*parts_of(data), filename="/nos.cc", version="1.1.0")
    assert is_installed(client, "1.1.0")
    assert client.verify().version == "1.0.0"


def test_a_package_without_its_hash_is_not_set(box, client, releases):
    data = releases["1.1.0"].read_bytes()
    must_fail(Code.DATA_LOSS, client.set_package, *parts_of(data)[:-1], filename="/nos.cc")
    must_fail(Code.DATA_LOSS, client.set_package, *parts_of(data, digest=b"\1" * 64),
              filename="/nos.cc")
    box.at_rest_on("1.0.0")


def test_a_package_may_become_active_with_the_next_reboot(client, releases):
    client.set_package(*parts_of(releases["1.1.0"].read_bytes()), filename="/nos.cc",
                       activate=True)
    assert client.verify().version == "1.0.0"
    client.reboot()
    until(lambda: gnoi.until_up(client).version == "1.1.0", "1.1.0 runs")


def test_a_package_that_is_there_already_is_set_by_its_name(box, client, releases):
    client.put("/packages/nos.cc", releases["1.1.0"].read_bytes())
    client.set_package(filename="/packages/nos.cc")
    assert is_installed(client, "1.1.0")
    must_fail(Code.NOT_FOUND, client.set_package, filename="/packages/none.cc")


def test_a_package_is_fetched(client, releases):
    common = gnoi.messages("common")
    with FileServer(releases["1.1.0"].parent) as server:
        url = f"{server.url}/{releases['1.1.0'].name}"
        client.set_package(filename="/nos.cc", remote_download=common.RemoteDownload(
            path=url.removeprefix("http://"), protocol=common.RemoteDownload.HTTP))
    assert is_installed(client, "1.1.0")
    must_fail(Code.INVALID_ARGUMENT, client.set_package,
              remote_download=common.RemoteDownload(path="file:///etc/passwd"))


def test_passwords_are_told_to_nobody(box, client, releases):
    secret = "pa55w0rd-of-a-test"
    common, types = gnoi.messages("common"), gnoi.messages("types")
    with FileServer(releases["1.1.0"].parent) as server:
        place = f"{server.url.removeprefix('http://')}/{releases['1.1.0'].name}"
        client.set_package(remote_download=common.RemoteDownload(
            path=f"http://{place}?t={secret}",
            credentials=types.Credentials(username="u", cleartext=secret)))
        must_fail(Code.INVALID_ARGUMENT, client.set_package,
                  remote_download=common.RemoteDownload(
                      path=f"{secret}:{secret}@{place}?t={secret}",
                      credentials=types.Credentials(username="u", cleartext=secret),
                      protocol=common.RemoteDownload.HTTP))
        assert any(secret in request for request in server.requests), "the token goes to the server"
    assert is_installed(client, "1.1.0")
    box.stop()
    for file in box.folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            assert secret.encode() not in file.read_bytes(), file
    assert secret not in box.agent_log()


def test_another_version_than_the_named_one_is_refused(client, releases):
    must_fail(Code.FAILED_PRECONDITION, client.set_package,
              *parts_of(releases["1.1.0"].read_bytes()), filename="/nos.cc", version="9.9")
