"""A real machine in QEMU: its power, its serial console, its web page, and its agent's door."""

import contextlib
import http.client
import json
import pathlib
import re
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "integration" / "reference-device"))
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import harness  # noqa: E402  (the folder is known only now)
import qemu  # noqa: E402

WEB, DOOR = 8080, 9000  # in the guest
BOOT_PATIENCE = 120.0  # a boot takes 6 s where nothing else is at work


class Monitor:
    """QEMU's own control socket."""

    def __init__(self, path: pathlib.Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 30
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                assert time.monotonic() < end, "QEMU does not answer"
                time.sleep(0.02)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            said = json.loads(self.lines.readline())
            if "return" in said:
                return said["return"]
            assert "error" not in said, said

    def ports(self) -> dict[int, int]:
        """Guest port -> the host's."""
        told = self.ask("human-monitor-command", **{"command-line": "info usernet"})
        rows = re.findall(r"HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", told)
        return {int(guest): int(host) for host, guest in rows}


class Bridge:
    """A unix socket here that leads to a TCP port, so that `cutover --socket` reaches the guest."""

    def __init__(self, path: pathlib.Path, port: int) -> None:
        self.path = path
        self.port = port
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), \
                socket.create_connection(("127.0.0.1", self.port)) as far:
            other = {near: far, far: near}
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)


class Guest:
    """One machine. `disk` is what follows node-name= of QEMU's -blockdev."""

    def __init__(self, folder: pathlib.Path, disk: str, firmware: str = "bios") -> None:
        self.folder = folder
        self.disk = disk
        self.firmware = firmware
        self.serial = folder / "serial.log"
        self.process: subprocess.Popen | None = None
        self.monitor: Monitor | None = None
        self.bridge: Bridge | None = None
        self.ports: dict[int, int] = {}

    # -- power --------------------------------------------------------------------------------

    def power_on(self) -> "Guest":
        assert self.process is None
        control = self.folder / "qmp.sock"
        control.unlink(missing_ok=True)
        with (self.folder / "qemu.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*qemu.command(self.firmware, self.disk, self.folder),
                 "-chardev", f"file,id=serial,path={self.serial},append=on",
                 "-serial", "chardev:serial", "-qmp", f"unix:{control},server=on,wait=off"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.monitor = Monitor(control)
        self.ports = self.monitor.ports()
        self.bridge = Bridge(self.folder / "door.sock", self.ports[DOOR])
        return self

    def power_off(self) -> None:
        """At once, as by pulling the plug."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None
        self.bridge.close()
        self.monitor.socket.close()

    def reset(self) -> None:
        self.monitor.ask("system_reset")

    # -- what it says -------------------------------------------------------------------------

    def console(self) -> str:
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""

    def boots(self) -> list[str]:
        """The slots that the boot loader has started, in order."""
        return re.findall(r"cutover: starting slot ([ab])", self.console())

    def page(self, name: str = "") -> str:
        """What the device's web server shows; empty while it does not answer."""
        address = f"http://127.0.0.1:{self.ports[WEB]}/{name}"
        try:
            with urllib.request.urlopen(address, timeout=5) as page:
                return page.read().decode().strip()
        except (OSError, http.client.HTTPException):
            return ""

    def run(self, *words: object, timeout: float = 400, **more) -> harness.Outcome:
        return harness.cutover("--socket", self.folder / "door.sock", *words, timeout=timeout,
                               **more)

    def ask(self, *words: object):
        """What a `show` command says. A busy machine may need a second try."""
        for last in (False, False, True):
            said = self.run(*words, "--json", timeout=60)
            if said.code != harness.UNREACHABLE:
                return said.expect(harness.DONE).json
            if last:
                raise harness.Away(str(said))
            time.sleep(1)

    def wait_until_up(self, patience: float = BOOT_PATIENCE) -> "Guest":
        def answers() -> bool:
            assert self.process.poll() is None, "QEMU ended"
            try:
                return self.run("show", "status", timeout=20).code == harness.DONE
            except subprocess.TimeoutExpired:
                return False

        harness.until(answers, f"the agent answers; console:\n{self.console()[-3000:]}", patience)
        return self

    # -- what it is ---------------------------------------------------------------------------

    def marks(self) -> dict[str, str]:
        shown = self.ask("show", "version")
        return {mark: shown[mark]["base"]["version"]
                for mark in ("running", "startup", "committed")}

    def active_slot(self) -> str:
        return self.ask("show", "version")["active_slot"]

    def operations(self) -> list[dict]:
        return harness.rows(self.ask("show", "operations"))

    def last_operation(self) -> dict:
        return max(self.operations(), key=lambda operation: operation["operation"])

    def alarms(self) -> list[dict]:
        return harness.rows(self.ask("show", "alarms"))

    def at_rest(self) -> bool:
        return self.ask("show", "status")["operation"] is None

    def expect_at_rest_on(self, version: str, slot: str) -> None:
        assert self.marks() == dict.fromkeys(("running", "startup", "committed"), version)
        assert self.active_slot().lower() == slot
        assert self.at_rest()
        assert self.page() == f"nos {version}"
