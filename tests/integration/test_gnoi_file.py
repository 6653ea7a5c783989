"""gnoi.file, as a client of another gRPC stack sees it."""

import contextlib
import threading

import grpc
import pytest

import gnoi_client as gnoi
import harness

Code = grpc.StatusCode


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


@pytest.mark.parametrize("method", ["md5", "sha256", "sha512"])
def test_a_file_comes_back_as_it_was_put(box, client, method):
    content = bytes(range(256)) * 1000
    client.put("/logs/deep/a.bin", content[:64_000], content[64_000:], b"", permissions=775,
               method=method)
    assert client.get("/logs/deep/a.bin") == content
    file = box.folder / "gnoi-files" / "logs" / "deep" / "a.bin"
    assert file.read_bytes() == content and file.stat().st_mode & 0o777 == 0o775


def test_a_file_is_replaced_as_a_whole_or_not_at_all(client):
    client.put("/a", b"old")
    must_fail(Code.DATA_LOSS, client.put, "/a", b"new", digest=b"\0" * 32)
    must_fail(Code.DATA_LOSS, client.put, "/a", b"new", ends=False)
    assert client.get("/a") == b"old"
    client.put("/a", b"new")
    assert client.get("/a") == b"new"
    assert [each.path for each in client.stat("/")] == ["/a"], "nothing half made"


def test_an_empty_file_is_a_file(client):
    client.put("/empty", b"")
    assert client.get("/empty") == b""


def test_stat_tells_of_a_file_and_lists_a_folder(client):
    client.put("/d/b", b"12", permissions=600)
    client.put("/d/a", b"1")
    file, = client.stat("/d/b")
    assert (file.path, file.size, file.permissions) == ("/d/b", 2, 600)
    assert len(str(file.last_modified)) == 19, "nanoseconds"
    assert [each.path for each in client.stat("/d")] == ["/d/a", "/d/b"]


def test_what_is_removed_is_gone(client):
    client.put("/d/a", b"x")
    must_fail(Code.FAILED_PRECONDITION, client.remove, "/d")
    client.remove("/d/a")
    for call in (client.remove, client.get, client.stat):
        must_fail(Code.NOT_FOUND, call, "/d/a")


def test_nothing_outside_the_folder_is_reached(box, client):
    root = box.folder / "gnoi-files"
    (root / "up").symlink_to("..")
    (root / "passwd").symlink_to("/etc/passwd")
    for path in ("/up/device.toml", "/passwd"):
        must_fail(Code.PERMISSION_DENIED, client.get, path)
        must_fail(Code.PERMISSION_DENIED, client.stat, path)
    must_fail(Code.PERMISSION_DENIED, client.put, "/up/new", b"x")
    must_fail(Code.PERMISSION_DENIED, client.remove, "/up/device.toml")
    for path in ("/../device.toml", "device.toml", "", "/a/../../device.toml"):
        must_fail(Code.INVALID_ARGUMENT, client.get, path)
    assert (box.folder / "device.toml").exists() and not (box.folder / "new").exists()


def test_permissions_are_octal_digits(client):
    for wrong in (888, 1777, 4755):
        must_fail(Code.INVALID_ARGUMENT, client.put, "/a", b"x", permissions=wrong)


def test_without_a_folder_there_are_no_files(make_device):
    with gnoi.connect(make_device(configure=gnoi.SOCKET)) as client:
        must_fail(Code.UNIMPLEMENTED, client.get, "/a")


@pytest.fixture
def impatient(make_device):
    return make_device(configure=gnoi.SOCKET +
                       'files = "gnoi-files"\n[policy]\ntransfer-timeout = "1s"\n')


def test_who_sends_nothing_more_is_cut_off(impatient):
    """More than may be at a time, each at another point."""
    file, system = gnoi.messages("file"), gnoi.messages("system")
    over = threading.Event()

    def then_silence(*messages):
        yield from messages
        over.wait(harness.PATIENCE)

    opened = file.PutRequest(open=file.PutRequest.Details(remote_file="/f", permissions=644))
    part = file.PutRequest(contents=b"a part")
    package = system.SetPackageRequest(package=system.Package(filename="nos.cc"))
    with gnoi.connect(impatient) as client:
        ways = [lambda: client.file.Put.future(then_silence()),
                lambda: client.file.Put.future(then_silence(opened, part)),
                lambda: client.system.SetPackage.future(then_silence(package)),
                lambda: client.os.Install(then_silence())]
        calls = [ways[i % len(ways)]() for i in range(66)]
        codes = {call.code() for call in calls}
        over.set()
        assert Code.CANCELLED in codes
        assert codes <= {Code.CANCELLED, Code.RESOURCE_EXHAUSTED}, codes
        client.put("/small", b"x")
        assert client.install("1.0.0").next() == "validated"


def test_who_reads_nothing_more_is_cut_off(impatient):
    file = gnoi.messages("file")
    with gnoi.connect(impatient) as client, gnoi.connect(impatient) as other:
        other.put("/large", *[b"x" * 4_000_000] * 8)  # more than gRPC takes unread
        calls = [client.file.Get(file.GetRequest(remote_file="/large")) for _ in range(66)]

        def may_put() -> bool:
            with contextlib.suppress(grpc.RpcError):
                other.put("/small", b"x")
                return True
            return False

        harness.until(may_put, "a place is free")
        for call in calls:
            call.cancel()
