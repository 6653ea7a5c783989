"""Who comes in by the doors, and who does not."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import time

import grpc
import pytest

import demo_os
import dmi_client as dmi
import harness
from harness import DONE, REFUSED, until

DENIED = grpc.StatusCode.PERMISSION_DENIED
UNKNOWN = grpc.StatusCode.UNAUTHENTICATED
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED
OK = grpc.StatusCode.OK
ROLES = ["viewer", "operator", "admin"]
PASSWORD = "correct horse 7"
NOBODY = 65534

SOFTWARE = "/dmi.NativeSoftwareManagementService/"
HARDWARE = "/dmi.NativeHWManagementService/"
EVENTS = "/dmi.NativeEventsManagementService/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


# -- certificates ------------------------------------------------------------------------------


class Authority:
    """A CA that issues certificates, in a folder."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.certificate, self.key = folder / "ca.pem", folder / "ca.key"
        harness.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "3",
                        "-subj", f"/CN={name}")

    def issue(self, name: str, file: str = "", days: int = 2) -> tuple[pathlib.Path, pathlib.Path]:
        """A certificate of `name`, and its key."""
        file = file or name
        key, request = self.folder / f"{file}.key", self.folder / f"{file}.csr"
        certificate = self.folder / f"{file}.pem"
        names = self.folder / f"{file}.ext"
        names.write_text(f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1\n"
                         if name == "device" else f"subjectAltName=DNS:{name}\n")
        harness.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        harness.openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey",
                        self.key, "-CAcreateserial", "-days", days, "-extfile", names,
                        "-out", certificate)
        return certificate, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("pki") / "own", "Network")
    for name in ["device", *(f"{role}.example.net" for role in ROLES), "stranger.example.net"]:
        made.issue(name)
    return made


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("pki") / "other", "Somebody else")
    made.issue("admin.example.net")
    return made


# -- a device with doors -----------------------------------------------------------------------


class Guarded:
    """A device whose doors speak TLS."""

    def __init__(self, make_device, authority: Authority, clients: str = "accepted") -> None:
        self.authority = authority
        self.dmi, self.gnoi = demo_os.free_port(), demo_os.free_port()
        self.device = make_device(start=False)
        self.tls = self.device.folder / "tls"
        self.tls.mkdir()
        self.install("device")
        shutil.copy(authority.certificate, self.tls / "ca.pem")
        (self.device.folder / "gnoi-files").mkdir()
        self.device.configure(f"""
[security]
certificate = "tls/device.pem"
key = "tls/device.key"
client-ca = "tls/ca.pem"
client-certificates = "{clients}"
[security.certificates]
"viewer.example.net" = "viewer"
"operator.example.net" = "operator"
"admin.example.net" = "admin"
[doors.dmi]
listen = "127.0.0.1:{self.dmi}"
[doors.gnoi]
listen = "127.0.0.1:{self.gnoi}"
files = "gnoi-files"
""")

    def install(self, file: str) -> None:
        """Another certificate for the device, and its key."""
        for end in ("pem", "key"):
            written = self.tls / f"device.{end}.new"
            shutil.copy(self.authority.folder / f"{file}.{end}", written)
            written.chmod(0o600)
            written.rename(self.tls / f"device.{end}")

    def user(self, name: str, role: str, password: str = PASSWORD) -> None:
        done = subprocess.run([harness.program("cutover"), "--device", self.device.folder, "user",
                               "add", name, "--role", role], input=password + "\n", text=True,
                              capture_output=True, check=False, timeout=harness.PATIENCE)
        assert done.returncode == 0, done.stderr

    def channel(self, port: int, who: str = "", issuer: Authority | None = None) -> grpc.Channel:
        """As who has that certificate, of `issuer`; without a name, with none."""
        own = (issuer or self.authority).folder
        credentials = grpc.ssl_channel_credentials(
            self.authority.certificate.read_bytes(),
            (own / f"{who}.key").read_bytes() if who else None,
            (own / f"{who}.pem").read_bytes() if who else None)
        return grpc.secure_channel(f"localhost:{port}", credentials, OPTIONS)

    def code(self, method: str, who: str = "", **more) -> grpc.StatusCode:
        port = self.gnoi if method.startswith("/gnoi") else self.dmi
        with self.channel(port, who, more.pop("issuer", None)) as channel:
            return call(channel, method, **more)[0]

    def audit(self) -> list[dict]:
        return audit_of(self.device)


OPTIONS = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]


def call(channel: grpc.Channel, method: str, user: str | None = None, password: str = PASSWORD,
         request: bytes = b"", metadata: tuple = ()) -> tuple[grpc.StatusCode, str]:
    """The empty message, and how that ends."""
    if user is not None:
        metadata = (("username", user), ("password", password), *metadata)
    try:
        if method == REFLECTION:
            next(channel.stream_stream(method)(iter([b"\x3a\x01*"]), timeout=30,
                                               metadata=metadata))
        elif method.endswith(("Put", "SetPackage")):
            channel.stream_unary(method)(iter([request]), timeout=30, metadata=metadata)
        elif method.endswith(("Install", "StreamEvents", "DownloadImage", "File/Get")):
            # Of a stream that goes on, what matters is that it begins.
            for _ in channel.unary_stream(method)(request, timeout=2, metadata=metadata):
                break
        else:
            channel.unary_unary(method)(request, timeout=30, metadata=metadata)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            return OK, "it goes on"
        return error.code(), error.details()
    return OK, ""


def account_of(device: harness.Device) -> list[dict]:
    lines = (device.folder / "access" / "audit.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def audit_of(device: harness.Device) -> list[dict]:
    """How calls ended."""
    return [line for line in account_of(device) if line["result"] != "begun"]


def shaken_hands(port: int, authority: Authority, least, most) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = least, most
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    return context.wrap_socket(plain, server_hostname="localhost")


def serial_at(port: int, authority: Authority) -> str:
    """Of the certificate that a new connection is shown."""
    with shaken_hands(port, authority, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) as shaken:
        return shaken.getpeercert()["serialNumber"]


# -- TLS ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_speaks_tls_1_2_and_1_3_and_nothing_older_nor_plaintext(make_device, authority):
    box = Guarded(make_device, authority)
    box.device.start()
    versions = ssl.TLSVersion
    for port in (box.dmi, box.gnoi):
        for version, name in ((versions.TLSv1_2, "TLSv1.2"), (versions.TLSv1_3, "TLSv1.3")):
            with shaken_hands(port, authority, version, version) as shaken:
                assert (shaken.version(), shaken.selected_alpn_protocol()) == (name, "h2")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shaken_hands(port, authority, versions.TLSv1_1, versions.TLSv1_1)
        with grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel:
            assert call(channel, SOFTWARE + "GetSoftwareVersion")[0] == UNAVAILABLE


def test_a_certificate_is_asked_for_as_configured(make_device, authority, other_authority):
    method = SOFTWARE + "GetSoftwareVersion"
    box = Guarded(make_device, authority, clients="required")
    box.user("alice", "viewer")
    box.device.start()
    assert box.code(method, "viewer.example.net") == OK
    assert box.code(method, "stranger.example.net") == UNKNOWN
    assert box.code(method) == UNAVAILABLE
    assert box.code(method, user="alice") == UNAVAILABLE, "a password is no certificate"
    assert box.code(method, "admin.example.net", issuer=other_authority) == UNAVAILABLE
    box.device.stop()
    file = box.device.folder / "device.toml"
    file.write_text(file.read_text().replace('"required"', '"accepted"'))
    box.device.start()
    assert box.code(method, "viewer.example.net") == OK
    assert box.code(method) == UNKNOWN
    assert box.code(method, user="alice") == OK
    assert box.code(method, user="") == UNKNOWN, "gnoic sends both always, also empty"
    assert box.code(method, "viewer.example.net", user="", password="") == OK
    assert box.code(method, "admin.example.net", issuer=other_authority) == UNAVAILABLE


def test_certificates_change_under_an_open_stream(make_device, authority):
    box = Guarded(make_device, authority)
    box.device.start()
    authority.issue("device", "device-2")
    authority.issue("device", "device-3")
    first = serial_at(box.dmi, authority)
    with box.channel(box.dmi, "viewer.example.net") as channel:
        events = channel.unary_stream(EVENTS + "StreamEvents")(b"", timeout=120)
        box.device.run("repair").expect(DONE)
        next(events)

        box.install("device-2")
        second = serial_at(box.dmi, authority)
        assert second != first
        assert serial_at(box.gnoi, authority) == second

        # The other key is not there yet; then a certificate that is half written.
        shutil.copy(authority.folder / "device-3.pem", box.tls / "device.pem")
        assert serial_at(box.dmi, authority) == second
        whole = (box.tls / "device.pem").read_bytes()
        (box.tls / "device.pem").write_bytes(whole[:len(whole) // 2])
        assert serial_at(box.dmi, authority) == second
        (box.tls / "device.pem").unlink()
        assert serial_at(box.dmi, authority) == second
        assert "the doors keep their certificate" in box.device.agent_log()
        box.install("device-3")
        assert serial_at(box.dmi, authority) not in (first, second)

        box.device.run("repair").expect(DONE)
        next(events)
        events.cancel()
    assert box.code(SOFTWARE + "GetSoftwareVersion", "viewer.example.net") == OK


def test_a_certificate_that_is_expired_or_not_wanted_any_more_lets_nobody_in(
        make_device, authority, other_authority):
    method = SOFTWARE + "GetSoftwareVersion"
    authority.issue("operator.example.net", "old", days=-1)
    box = Guarded(make_device, authority)
    box.device.start()
    with box.channel(box.dmi, "old") as channel:
        assert call(channel, method)[0] == UNAVAILABLE
    assert box.code(method, "operator.example.net") == OK
    assert box.code(method, "admin.example.net", issuer=other_authority) == UNAVAILABLE
    written = box.tls / "ca.pem.new"
    shutil.copy(other_authority.certificate, written)
    written.rename(box.tls / "ca.pem")
    assert box.code(method, "operator.example.net") == UNAVAILABLE
    assert box.code(method, "admin.example.net", issuer=other_authority) == OK
    box.device.stop()
    file = box.device.folder / "device.toml"
    file.write_text(file.read_text().replace('"admin.example.net" = "admin"', ""))
    box.device.start()
    assert box.code(method, "admin.example.net", issuer=other_authority) == UNKNOWN


def test_a_role_that_changes_counts_for_the_next_call_of_an_open_connection(make_device, authority):
    box = Guarded(make_device, authority)
    box.user("alice", "viewer")
    box.device.start()
    read, change = SOFTWARE + "GetSoftwareVersion", "/gnoi.system.System/CancelReboot"
    with box.channel(box.gnoi) as channel:
        assert call(channel, change, user="alice")[0] == DENIED
        box.device.run("user", "remove", "alice").expect(DONE)
        assert call(channel, change, user="alice")[0] == UNKNOWN
        box.user("alice", "operator")
        assert call(channel, change, user="alice") == (OK, "")
    with box.channel(box.dmi) as channel:
        assert call(channel, read, user="alice") == (OK, "")
        box.device.run("user", "remove", "alice").expect(DONE)
        assert call(channel, read, user="alice")[0] == UNKNOWN


def test_a_key_that_others_can_read_opens_no_door_and_harms_no_agent(make_device, authority):
    box = Guarded(make_device, authority)
    (box.tls / "device.key").chmod(0o644)
    box.device.start()
    log = box.device.agent_log()
    assert "door.key_open" in log or "there is no DMI door" in log
    assert box.code(SOFTWARE + "GetSoftwareVersion", "admin.example.net") == UNAVAILABLE
    box.device.stop()
    (box.tls / "device.key").unlink()
    box.device.start()
    assert "there is no gNOI door" in box.device.agent_log()
    box.device.stop()
    box.install("device")
    box.device.start()
    assert box.code(SOFTWARE + "GetSoftwareVersion", "admin.example.net") == OK


def test_an_expired_certificate_is_warned_of_and_the_door_stays(make_device, authority):
    authority.issue("device", "expired", days=-1)
    box = Guarded(make_device, authority)
    box.install("expired")
    box.device.start()
    assert "certificate has expired" in box.device.agent_log()
    assert box.code(SOFTWARE + "GetSoftwareVersion", "viewer.example.net") == UNAVAILABLE
    box.install("device")
    assert box.code(SOFTWARE + "GetSoftwareVersion", "viewer.example.net") == OK


# -- roles -------------------------------------------------------------------------------------


NEEDED = {
    SOFTWARE + "GetSoftwareVersion": "viewer",
    SOFTWARE + "DownloadImage": "operator",
    HARDWARE + "GetManagedDevices": "viewer",
    HARDWARE + "SetLogLevel": "operator",
    HARDWARE + "RebootDevice": "operator",
    EVENTS + "StreamEvents": "viewer",
    "/gnoi.os.OS/Verify": "viewer",
    "/gnoi.os.OS/Activate": "operator",
    "/gnoi.os.OS/Install": "operator",
    "/gnoi.system.System/Time": "viewer",
    "/gnoi.system.System/CancelReboot": "operator",
    "/gnoi.system.System/SetPackage": "operator",
    "/gnoi.file.File/Stat": "viewer",
    "/gnoi.file.File/Get": "admin",
    "/gnoi.file.File/Put": "admin",
    "/gnoi.file.File/Remove": "admin",
    "/gnoi.system.System/KillProcess": "admin",
    "/no.such.Service/Method": "admin",
    REFLECTION: "viewer",
}


def test_each_role_may_do_its_part_and_no_more(make_device, authority):
    box = Guarded(make_device, authority)
    box.device.start()
    with contextlib.ExitStack() as stack:
        for held, role in enumerate(ROLES):
            doors = [stack.enter_context(box.channel(port, f"{role}.example.net"))
                     for port in (box.dmi, box.gnoi)]
            for method, needed in NEEDED.items():
                code, why = call(doors[method.startswith("/gnoi")], method)
                if held < ROLES.index(needed):
                    assert code == DENIED, (role, method, code, why)
                    assert why.startswith("[access.role] ") and "; remedy: " in why
                else:
                    assert code not in (DENIED, UNKNOWN), (role, method, code, why)
                if method.startswith("/no.such") and role == "admin":
                    assert code == UNIMPLEMENTED
        for method in NEEDED:
            assert box.code(method) == UNKNOWN, method
    told = [line for line in box.audit() if line["method"] == HARDWARE + "RebootDevice"]
    assert [(line["who"], line["result"]) for line in told[:2]] == [
        ("viewer.example.net", "access.role"),
        ("operator.example.net", "door.dmi_unknown_device")], told


def test_what_can_be_called_is_told_only_where_that_is_wanted(make_device):
    box = make_device(configure='[doors.dmi]\nlisten = "unix:dmi.sock"\n'
                                '[doors.gnoi]\nlisten = "unix:gnoi.sock"\nreflection = false\n')
    codes = []
    for door in ("dmi.sock", "gnoi.sock", "cutover.sock"):
        assert (box.folder / door).exists()
        with grpc.insecure_channel(f"unix:{box.folder / door}", OPTIONS) as channel:
            codes.append(call(channel, REFLECTION)[0])
    assert codes == [OK, UNIMPLEMENTED, UNIMPLEMENTED]


# -- users -------------------------------------------------------------------------------------


def test_a_user_is_known_by_a_password_that_is_written_nowhere(make_device, authority):
    box = Guarded(make_device, authority)
    box.user("alice", "operator")
    box.device.start()
    method = "/gnoi.system.System/CancelReboot"
    with box.channel(box.gnoi) as channel:
        assert call(channel, method, user="alice") == (OK, "")
        assert call(channel, "/gnoi.file.File/Get", user="alice")[0] == DENIED
        assert call(channel, method)[0] == UNKNOWN, "the next call without it is not hers"
        code, why = call(channel, method, user="alice",
                         metadata=(("username", "bob"),))
        assert (code, why.split()[0]) == (UNKNOWN, "[door.unclear_user]")
        assert call(channel, method, user="bob")[0] == UNKNOWN
        for attempt in range(20):
            code, why = call(channel, method, user="alice", password=f"guess number {attempt}")
            if code == EXHAUSTED:
                break
            assert code == UNKNOWN, why
        assert code == EXHAUSTED and why.startswith("[access.too_many] "), why
        assert call(channel, method, user="alice", password="another guess")[0] == EXHAUSTED
    lines = box.audit()
    good = next(line for line in lines if line["result"] == "ok" and line["method"] == method)
    assert (good["who"], good["proof"], good["role"]) == ("alice", "password", "operator")
    assert good["from"].startswith("ipv4:127.0.0.1:")
    assert {line["result"] for line in lines} >= {"ok", "access.role", "access.unknown",
                                                   "access.too_many", "door.unclear_user"}
    box.device.run("audit", "verify").expect(DONE)
    secrets = (PASSWORD, "guess number", "another guess")
    files = [path for path in box.device.folder.rglob("*") if path.is_file()
             and not path.is_symlink() and "slots" not in path.parts]
    for text in (box.device.agent_log().encode(), *(path.read_bytes() for path in files)):
        assert not any(secret.encode() in text for secret in secrets)


def test_an_operation_and_the_audit_log_name_who_asked(make_device, authority, releases):
    box = Guarded(make_device, authority)
    box.device.start()
    uuid = (box.device.folder / "uuid").read_text().strip()
    request = dmi.messages("sw_management_service").DownloadImageRequest(
        device_uuid=dmi.messages("hw").Uuid(uuid=uuid),
        image_info=dmi.messages("sw_image").ImageInformation(
            image_url=f"file://{releases['1.1.0']}#secret"))
    with box.channel(box.dmi, "operator.example.net") as channel:
        list(channel.unary_stream(SOFTWARE + "DownloadImage")(request.SerializeToString(),
                                                              timeout=60))
        empty = channel.unary_stream(SOFTWARE + "DownloadImage")(b"", timeout=60)
        list(empty)
    by = box.device.last_operation()["request"]["asked_by"]
    assert by.startswith("operator.example.net@ipv4:127.0.0.1:") and by.endswith(" (dmi)")
    good, bad = [line for line in box.audit() if line["method"] == SOFTWARE + "DownloadImage"]
    assert (good["who"], good["proof"], good["role"], good["result"]) == (
        "operator.example.net", "certificate", "operator", "ok")
    assert good["detail"] == f"file://{releases['1.1.0']}"
    assert (bad["result"], bad["detail"][:1]) == ("door.dmi_unknown_device", "[")


def test_a_call_that_the_agent_did_not_outlive_is_in_the_account(make_device, releases):
    box = make_device(configure=dmi.SOCKET)
    method = SOFTWARE + "DownloadImage"
    with dmi.connect(box) as client, socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/nos.cc"
        client.download(f"file://{releases['1.2.0']}")
        going = client.download_call(url)
        server.settimeout(harness.PATIENCE)
        connection, _ = server.accept()  # and is told nothing
        assert [line["result"] for line in account_of(box)] == ["begun", "ok", "begun"]
        box.kill()
        connection.close()
        assert going.code() == UNAVAILABLE
    box.start()
    last = [line for line in account_of(box) if line["method"] == method][-1]
    assert (last["who"], last["result"], last["detail"]) == ("root", "begun", url)
    box.run("audit", "verify").expect(DONE)
    shown = box.run("audit", "show").expect(DONE).out
    assert shown.count("DownloadImage: begun: http://") == 1, shown
    assert shown.count("DownloadImage: ok: file://") == 1, shown
    assert "DownloadImage: begun: file://" not in shown, "its end is there"
    ended = box.run("audit", "show", "--json").expect(DONE).json["lines"]
    assert [(line["line"], line.get("begun")) for line in ended[:3]] == [(1, None), (2, 1),
                                                                        (3, None)]


# -- unix sockets ------------------------------------------------------------------------------


AS_NOBODY = """
import sys, grpc
with grpc.insecure_channel("unix:" + sys.argv[1]) as channel:
    for method in sys.argv[2:]:
        try:
            channel.unary_unary(method)(b"", timeout=20)
            print("OK")
        except grpc.RpcError as error:
            print(error.code().name)
"""


def as_nobody(door: pathlib.Path, *methods: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", AS_NOBODY, str(door), *methods], user=NOBODY,
                          group=NOBODY, extra_groups=[], check=True, capture_output=True,
                          text=True, timeout=harness.PATIENCE).stdout.split()


@pytest.mark.root
def test_who_comes_by_a_socket_is_known_by_the_kernel(make_device):
    read, change = SOFTWARE + "GetSoftwareVersion", HARDWARE + "RebootDevice"
    box = make_device(start=False, configure=dmi.SOCKET)
    door = box.folder / "dmi.sock"
    for folder in (box.folder.parent, box.folder):
        folder.chmod(0o755)
    box.start()
    assert as_nobody(door, read) == ["UNAVAILABLE"], "the socket is its owner's alone"
    box.stop()
    box.configure('[security.local]\ndaemon = "admin"')
    box.start()
    assert as_nobody(door, read) == ["UNAUTHENTICATED"]
    box.stop()
    box.configure('[security.local]\nnobody = "viewer"')
    box.start()
    with dmi.connect(box) as root:
        for _ in range(5):
            assert root.versions()[0] == ["nos 1.0.0"]
            assert as_nobody(door, read, change, read) == ["OK", "PERMISSION_DENIED", "OK"]
        assert root.hardware.RebootDevice(dmi.messages("hw_management_service")
                                          .RebootDeviceRequest(), timeout=20).status != 1
    refused = [line for line in audit_of(box) if line["result"] == "access.role"]
    assert {(line["who"], line["proof"], line["from"]) for line in refused} == {
        ("nobody", "local", "unix")}


@pytest.mark.root
def test_the_command_line_of_a_viewer_reads_and_changes_nothing(make_device):
    box = make_device(start=False, configure='[security.local]\nnobody = "viewer"\n')
    for folder in (box.folder.parent, box.folder):
        folder.chmod(0o755)
    box.start()

    def cutover(*words: str) -> harness.Outcome:
        done = subprocess.run([harness.program("cutover"), "--device", box.folder, *words],
                              user=NOBODY, group=NOBODY, extra_groups=[], check=False, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=harness.PATIENCE)
        return harness.Outcome(words, done.returncode, done.stdout, done.stderr)

    assert "1.0.0" in cutover("show", "version").expect(DONE).out
    refused = cutover("repair")
    assert (refused.code, refused.error_id) == (REFUSED, "access.role"), refused
    box.run("repair").expect(DONE)
    asked = [line for line in audit_of(box) if line["method"].startswith("/cutover.v1.Device/")]
    assert [(line["who"], line["result"]) for line in asked] == [("nobody", "access.role"),
                                                                 ("root", "ok")]


# -- limits ------------------------------------------------------------------------------------


def memory_of(device: harness.Device) -> int:
    """In KiB."""
    status = pathlib.Path(f"/proc/{device.agent.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def closed_after(connection: socket.socket, patience: float) -> float:
    """How long it takes until the device has closed it."""
    begin = time.monotonic()
    connection.settimeout(patience)
    with contextlib.suppress(ConnectionError):
        while connection.recv(4096):
            pass
    return time.monotonic() - begin


@pytest.fixture
def open_door(make_device):
    """A device with a DMI door that speaks plaintext, and its port."""
    port = demo_os.free_port()
    return make_device(configure=f'[doors.dmi]\nlisten = "127.0.0.1:{port}"\nplaintext = true\n'
                                 "max-connections = 8\n"), port


def test_who_says_nothing_is_closed_and_keeps_nobody_out(open_door):
    box, port = open_door
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    for connection in idle:  # HTTP/2's preface with empty settings, and no call
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
    with grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel:
        assert call(channel, SOFTWARE + "GetSoftwareVersion")[0] == UNAVAILABLE
    assert all(closed_after(each, 25) < 25 for each in silent)
    assert all(closed_after(each, 45) < 45 for each in idle)
    with grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel:
        assert until(lambda: call(channel, SOFTWARE + "GetSoftwareVersion")[0] == OK, "a place")
    for connection in silent + idle:
        connection.close()
    box.at_rest_on("1.0.0")


def test_headers_have_a_bound(open_door):
    _, port = open_door
    method = SOFTWARE + "GetSoftwareVersion"
    with grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel:
        # gRPC may close the connection as well.
        assert call(channel, method, metadata=(("x-long", "x" * 30_000),))[0] in (EXHAUSTED,
                                                                                  UNAVAILABLE)
    with grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel:
        assert call(channel, method, metadata=(("x-long", "x" * 4_000),)) == (OK, "")


def knock(port: int, times: int) -> None:
    """Connections that come, perhaps say something wrong, and go."""
    for i in range(times):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            if i % 3 == 0:
                connection.sendall(os.urandom(64))


def test_a_thousand_connections_and_guesses_stop_no_operation(make_device, authority, releases):
    box = Guarded(make_device, authority)
    box.user("alice", "viewer")
    # What the address sanitizer keeps of freed memory is no leak.
    options = f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=4"
    box.device.start({"ASAN_OPTIONS": options.lstrip(":")})
    knock(box.dmi, 1000)
    sizes = []
    for release in ("1.1.0", "1.2.0", "1.1.0"):
        with box.channel(box.dmi) as channel:
            # While those who knock have every seat, a call without patience fails at the door.
            grpc.channel_ready_future(channel).result(harness.PATIENCE)
            guesses = [channel.unary_unary(SOFTWARE + "GetSoftwareVersion").future(
                b"", timeout=60, metadata=(("username", "alice"), ("password", f"number {i}")))
                for i in range(100)]
            install = box.device.client("install", releases[release])
            knock(box.dmi, 1000)
            codes = {each.exception(60).code() for each in guesses}
            assert codes <= {UNKNOWN, EXHAUSTED, UNAVAILABLE}, codes
            assert EXHAUSTED in codes
        assert install.wait(harness.PATIENCE) == DONE, install.stderr.read()
        sizes.append(memory_of(box.device))
    assert sizes[2] < sizes[0] + 24 * 1024, sizes
    until(lambda: box.code(SOFTWARE + "GetSoftwareVersion", "viewer.example.net") == OK, "a place")
