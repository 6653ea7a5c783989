"""gnoi.file, as a client of another gRPC stack sees it."""

import grpc
import pytest

import gnoi_client as gnoi

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
