"""Images and configurations over sftp and scp, from and to Debian's own sshd."""

import pytest

import dmi_client as dmi
import harness
import ssh_server

pytestmark = pytest.mark.root
DOWNLOADED = ["COPYING_IMAGE", "INSTALLING_IMAGE", "UPGRADE_COMPLETE"]
SECRET = "pa55w0rd-of-sshd"


@pytest.fixture
def box(make_device):
    return make_device(configure=dmi.SOCKET)


@pytest.fixture
def client(box):
    with dmi.connect(box) as made:
        yield made


@pytest.fixture
def server(box, workplace):
    if problem := ssh_server.is_possible():
        pytest.skip(problem)
    with ssh_server.SshServer(workplace / "sshd", SECRET) as made:
        (box.folder / "known_hosts").write_text(made.known_host())
        yield made


def failure(story) -> str:
    assert story.states[-1] == "UPGRADE_FAILED", story
    return story.reason


@pytest.mark.parametrize("scheme", ["sftp", "scp"])
def test_an_image_is_downloaded(box, client, releases, server, scheme):
    """DownloadImage: image_url with scheme, credentials, host, port and path."""
    image = releases["1.1.0"]
    story = client.download(server.url(scheme, image), sha256sum=harness.digest_of(image))
    assert story.states == DOWNLOADED, story
    assert client.versions() == (["nos 1.0.0"], ["nos 1.1.0"])
    box.stop()
    assert not [file for file in box.folder.rglob("*") if file.is_file()
                and not file.is_symlink() and SECRET.encode() in file.read_bytes()]


@pytest.mark.parametrize("scheme", ["sftp", "scp"])
def test_what_is_wrong_with_it_is_told(box, client, releases, server, scheme):
    """Wrong password, wrong path, wrong checksum, another server's key."""
    image = releases["1.1.0"]
    assert failure(client.download(server.url(scheme, image, "wrong"))) == "ERROR_IN_REQUEST"
    none = image.with_name("none.cc")
    assert failure(client.download(server.url(scheme, none))) == "ERROR_IN_REQUEST"
    wrong = client.download(server.url(scheme, image), sha256sum="0" * 64)
    assert failure(wrong) == "WRONG_IMAGE_CHECKSUM"
    hosts = box.folder / "known_hosts"
    kind, rest = hosts.read_text().split(" ", 1)
    hosts.write_text(f"{kind} {rest[:60]}AAAA{rest[64:]}")
    story = client.download(server.url(scheme, image))
    assert failure(story) == "INTERNAL_ERROR"
    assert "transfer.host_key" in story.last.reason_detail
    assert client.versions() == (["nos 1.0.0"], [])


@pytest.mark.parametrize("scheme", ["sftp", "scp"])
def test_a_startup_configuration_comes_the_same_way(client, server, workplace, scheme):
    """UpdateStartupConfiguration: config_url."""
    (workplace / "a.cfg").write_text("hostname a\n")
    reply = client.set_startup_config(server.url(scheme, workplace / "a.cfg"))
    assert dmi.status_name(reply) == "OK_STATUS", reply
    told = client.startup_config()
    assert told.version.startswith("sha256:") and SECRET not in str(told)


@pytest.mark.parametrize("scheme", ["sftp", "scp"])
def test_debug_information_goes_there(client, server, workplace, scheme):
    """UploadDebugInfo: location_url."""
    place = workplace / "bundles"
    place.mkdir()
    wanted = dmi.messages("sw_management_service").UploadDebugInfoRequest(
        device_uuid=client.of(), location_url=server.url(scheme, place) + "/")
    told = list(client.software.UploadDebugInfo(wanted, timeout=client.timeout))
    assert told[-1].percent_uploaded == 100, told
    file, = place.iterdir()
    assert file.name == told[-1].file_name and file.stat().st_size > 0
