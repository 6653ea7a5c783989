"""A DMI client from another gRPC stack, with stubs made from the .proto files."""

import contextlib
import functools
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

import grpc

import harness

PROTO = harness.ROOT / "proto"
SOCKET = '[doors.dmi]\nlisten = "unix:dmi.sock"\n'


@functools.lru_cache(maxsize=None)
def stubs() -> pathlib.Path:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmi-stubs-"))
    subprocess.run(["protoc", f"-I{PROTO}", f"--python_out={folder}", f"--grpc_python_out={folder}",
                    f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}",
                    *map(str, sorted((PROTO / "dmi").glob("*.proto")))], check=True)
    sys.path.insert(0, str(folder))
    return folder


def messages(name: str):
    """messages("sw_image"): the module of proto/dmi/sw_image.proto."""
    stubs()
    return importlib.import_module(f"dmi.{name}_pb2")


def service(name: str):
    stubs()
    return importlib.import_module(f"dmi.{name}_pb2_grpc")


class Client:
    """What a network element manager is to a device."""

    def __init__(self, target: str, timeout: float = harness.PATIENCE) -> None:
        self.channel = grpc.insecure_channel(target, options=[
            ("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)])
        self.timeout = timeout
        self.software = service("sw_management_service").NativeSoftwareManagementServiceStub(
            self.channel)
        self.hardware = service("hw_management_service").NativeHWManagementServiceStub(
            self.channel)
        self.events = service("hw_events_mgmt_service").NativeEventsManagementServiceStub(
            self.channel)
        self.metrics = service("hw_metrics_mgmt_service").NativeMetricsManagementServiceStub(
            self.channel)
        self.uuid = ""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.channel.close()

    def of(self, uuid: str | None = None):
        hw = messages("hw")
        return hw.Uuid(uuid=self.uuid if uuid is None else uuid)

    def id(self, uuid: str | None = None):
        return messages("hw").HardwareID(uuid=self.of(uuid))

    # -- software ------------------------------------------------------------------------------

    def download_call(self, url: str, uuid: str | None = None, name: str = "", version: str = "",
                      **image):
        image_messages = messages("sw_image")
        if name or version:
            image["image"] = image_messages.ImageVersion(image_name=name, version=version)
        request = messages("sw_management_service").DownloadImageRequest(
            device_uuid=self.of(uuid),
            image_info=image_messages.ImageInformation(image_url=url, **image))
        return self.software.DownloadImage(request, timeout=self.timeout)

    def download(self, url: str, **more) -> "Story":
        return Story(self.download_call(url, **more))

    def activate(self, uuid: str | None = None) -> "Story":
        return Story(self.software.ActivateImage(self.id(uuid), timeout=self.timeout))

    def revert(self, uuid: str | None = None) -> "Story":
        return Story(self.software.RevertToStandbyImage(self.id(uuid), timeout=self.timeout))

    def version_reply(self, uuid: str | None = None):
        return self.software.GetSoftwareVersion(self.id(uuid), timeout=self.timeout)

    def versions(self) -> tuple[list[str], list[str]]:
        """Active and standby, as "nos 1.0.0"."""
        info = self.version_reply().info
        return tuple([f"{each.image_name} {each.version}" for each in some]
                     for some in (info.active_versions, info.standby_versions))

    def set_startup_config(self, url: str, uuid: str | None = None):
        """The one message."""
        reply, = self.software.UpdateStartupConfiguration(
            messages("sw_management_service").ConfigRequest(device_uuid=self.of(uuid),
                                                            config_url=url), timeout=self.timeout)
        return reply

    def startup_config(self, uuid: str | None = None):
        return self.software.GetStartupConfigurationInfo(
            messages("sw_management_service").StartupConfigInfoRequest(
                device_uuid=self.of(uuid)), timeout=self.timeout)


class Story:
    """All that a stream of ImageStatus told, and how it ended."""

    def __init__(self, call) -> None:
        self.told = []
        self.code = grpc.StatusCode.OK
        try:
            self.told.extend(call)
        except grpc.RpcError as broken:
            self.code = broken.code()

    @property
    def states(self) -> list[str]:
        """Each once, in order."""
        names = [state_name(each) for each in self.told]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]

    @property
    def last(self):
        return self.told[-1]

    @property
    def reason(self) -> str:
        return reason_name(self.last)

    def __str__(self) -> str:
        return f"{self.code}\n" + "\n".join(map(str, self.told))


def state_name(status) -> str:
    return messages("sw_image").ImageStatus.ImageState.Name(status.state)


def reason_name(status) -> str:
    return messages("sw_image").ImageStatus.Reason.Name(status.reason)


def status_name(message) -> str:
    return messages("commons").Status.Name(message.status)


def connect(device: harness.Device, **more) -> Client:
    """To the door of a device that listens at its socket."""
    client = Client(f"unix:{device.folder}/dmi.sock", **more)
    client.uuid = (device.folder / "uuid").read_text().strip()
    return client


def until_up(client: Client):
    """The device answers, perhaps after a reboot."""
    def asked():
        with contextlib.suppress(grpc.RpcError):
            return client.versions()
        return None

    return harness.until(asked, "the DMI door answers")
