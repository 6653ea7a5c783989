"""A gNOI client from another gRPC stack, with stubs made from the .proto files."""

import contextlib
import functools
import hashlib
import importlib
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile

import grpc

import harness

PROTO = harness.ROOT / "proto"
SOCKET = '[doors.gnoi]\nlisten = "unix:gnoi.sock"\n'


@functools.lru_cache(maxsize=None)
def stubs() -> pathlib.Path:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gnoi-stubs-"))
    subprocess.run(["protoc", f"-I{PROTO}", f"--python_out={folder}", f"--grpc_python_out={folder}",
                    f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}",
                    *map(str, sorted((PROTO / "gnoi").rglob("*.proto")))], check=True)
    sys.path.insert(0, str(folder))
    return folder


def messages(name: str):
    """messages("os"): the module of proto/gnoi/os/os.proto."""
    stubs()
    return importlib.import_module(f"gnoi.{name}.{name}_pb2")


def service(name: str):
    stubs()
    return importlib.import_module(f"gnoi.{name}.{name}_pb2_grpc")


class Client:
    """What a network management system is to a device."""

    def __init__(self, target: str, timeout: float = harness.PATIENCE) -> None:
        self.channel = grpc.insecure_channel(target, options=[
            ("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)])
        self.timeout = timeout
        self.os = service("os").OSStub(self.channel)
        self.system = service("system").SystemStub(self.channel)
        self.file = service("file").FileStub(self.channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.channel.close()

    # -- gnoi.os -------------------------------------------------------------------------------

    def install(self, version: str = "", **request) -> "Install":
        return Install(self, version, **request)

    def install_file(self, file: pathlib.Path, version: str = "", chunk: int = 65536,
                     **request) -> "Install":
        """All of it, as far as the device wants it."""
        begun = self.install(version, **request)
        if begun.next() == "transfer_ready":
            begun.content(file.read_bytes(), chunk)
            begun.end()
        return begun.finish()

    def activate(self, version: str, **more):
        return self.os.Activate(messages("os").ActivateRequest(version=version, **more),
                                timeout=self.timeout)

    def verify(self):
        return self.os.Verify(messages("os").VerifyRequest(), timeout=self.timeout)


    # -- gnoi.system ---------------------------------------------------------------------------

    def reboot(self, method: str = "COLD", **more) -> None:
        system = messages("system")
        self.system.Reboot(system.RebootRequest(method=system.RebootMethod.Value(method), **more),
                           timeout=self.timeout)

    def reboot_status(self):
        return self.system.RebootStatus(messages("system").RebootStatusRequest(),
                                        timeout=self.timeout)

    def cancel_reboot(self) -> None:
        self.system.CancelReboot(messages("system").CancelRebootRequest(), timeout=self.timeout)

    def set_package(self, *parts, **package) -> None:
        system = messages("system")
        first = system.SetPackageRequest(package=system.Package(**package))
        self.system.SetPackage(iter([first, *parts]), timeout=self.timeout)

    # -- gnoi.file -----------------------------------------------------------------------------

    def put(self, path: str, *parts: bytes, permissions: int = 644, method: str = "sha256",
            digest: bytes | None = None, ends: bool = True) -> None:
        file = messages("file")
        requests = [file.PutRequest(open=file.PutRequest.Details(remote_file=path,
                                                                 permissions=permissions))]
        requests += [file.PutRequest(contents=part) for part in parts]
        if ends:
            requests.append(file.PutRequest(hash=hash_of(b"".join(parts), method, digest)))
        self.file.Put(iter(requests), timeout=self.timeout)

    def get(self, path: str) -> bytes:
        """Its content, whose hash was right."""
        told = list(self.file.Get(messages("file").GetRequest(remote_file=path),
                                  timeout=self.timeout))
        assert all(len(each.contents) <= 64_000 for each in told[:-1])
        content = b"".join(each.contents for each in told[:-1])
        assert told[-1].hash == hash_of(content, "sha256")
        return content

    def stat(self, path: str) -> list:
        return list(self.file.Stat(messages("file").StatRequest(path=path),
                                   timeout=self.timeout).stats)

    def remove(self, path: str) -> None:
        self.file.Remove(messages("file").RemoveRequest(remote_file=path), timeout=self.timeout)


def hash_of(content: bytes, method: str, digest: bytes | None = None):
    types = messages("types")
    return types.HashType(method=types.HashType.HashMethod.Value(method.upper()),
                          hash=digest or hashlib.new(method, content).digest())


class Install:
    """One Install, step by step, and all that was said in it."""

    def __init__(self, client: Client, version: str, **request) -> None:
        self.requests: queue.Queue = queue.Queue()
        self.call = client.os.Install(iter(self.requests.get, None), timeout=client.timeout)
        self.said: list = []
        self.code = None
        os = messages("os")
        self.send(transfer_request=os.TransferRequest(version=version, **request))

    def send(self, **what) -> None:
        self.requests.put(messages("os").InstallRequest(**what))

    def content(self, data: bytes, chunk: int = 65536) -> None:
        for at in range(0, len(data), chunk):
            self.send(transfer_content=data[at:at + chunk])

    def end(self) -> None:
        self.send(transfer_end=messages("os").TransferEnd())

    def half_close(self) -> None:
        self.requests.put(None)

    def cancel(self) -> None:
        self.call.cancel()
        self.half_close()

    def next(self) -> str:
        """What kind of message comes next; empty at the end."""
        try:
            self.said.append(next(self.call))
        except StopIteration:
            self.code = grpc.StatusCode.OK
        except grpc.RpcError as broken:
            self.code = broken.code()
        if self.code is not None:
            self.half_close()  # frees the thread that sends
            return ""
        return kind_of(self.said[-1])

    def finish(self) -> "Install":
        while self.code is None:
            self.next()
        return self

    @property
    def kinds(self) -> list[str]:
        """Each once, in order."""
        names = [kind_of(each) for each in self.said]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]

    @property
    def progress(self) -> list[int]:
        return [each.transfer_progress.bytes_received for each in self.said
                if kind_of(each) == "transfer_progress"]

    @property
    def error(self) -> str:
        """The type of the install_error that ended it."""
        last = self.said[-1]
        assert kind_of(last) == "install_error", self
        return messages("os").InstallError.Type.Name(last.install_error.type)

    @property
    def version(self) -> str:
        last = self.said[-1]
        assert kind_of(last) == "validated", self
        return last.validated.version

    def __str__(self) -> str:
        return f"{self.code}\n" + "\n".join(map(str, self.said))


def kind_of(message) -> str:
    return message.WhichOneof("response")


def error_of(reply) -> str:
    """The type of an ActivateError; "ok" when there is none."""
    if reply.WhichOneof("response") == "activate_ok":
        return "ok"
    return messages("os").ActivateError.Type.Name(reply.activate_error.type)


def connect(device: harness.Device, **more) -> Client:
    """To the door of a device that listens at its socket."""
    return Client(f"unix:{device.folder}/gnoi.sock", **more)


def until_up(client: Client):
    """The device answers, perhaps after a reboot."""
    def asked():
        with contextlib.suppress(grpc.RpcError):
            return client.verify()
        return None

    return harness.until(asked, "the gNOI door answers")
