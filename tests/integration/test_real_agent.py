"""The agent of a real device, with plain files for partitions and a boot record in its folder."""

import contextlib
import os
import pathlib
import socket
import subprocess
import threading
import uuid
import zlib

import pytest

import harness


class Machine(harness.Device):
    """What a real device is to its agent: two partitions, a data partition, a boot loader.

    A restart ends the agent, and this class plays what comes after it.
    """

    def __init__(self, place: pathlib.Path) -> None:
        self.data = place / "data"
        super().__init__(self.data / "cutover")
        self.slots = {"a": place / "slot-a", "b": place / "slot-b"}
        for slot in self.slots.values():
            slot.write_bytes(b"factory")
            os.truncate(slot, 8 << 20)

    def adopt(self, base: pathlib.Path, image: bytes, authority: pathlib.Path,
              more: str = "") -> harness.Outcome:
        with self.slots["a"].open("r+b") as slot:
            slot.write(image)
        config = self.data.parent / "device.toml"
        config.write_text(
            '[device]\nname = "box-7"\nhardware = ["emulated"]\n'
            '[boot]\nbackend = "record"\n'
            f'[slots]\nbackend = "block"\na = "{self.slots["a"]}"\nb = "{self.slots["b"]}"\n'
            '[services]\nbackend = "none"\n' + more)
        self.data.mkdir(exist_ok=True)
        return harness.cutover("device", "adopt", self.folder, "--config", config, "--base", base,
                               "--image", self.slots["a"], "--trust", authority)

    def boot(self) -> "Machine":
        """The boot loader: chooses a slot, counts a trial, starts it."""
        folder = self.folder / "boot"
        folder.mkdir(exist_ok=True)
        record = self.read_record()
        trial = record["trial"] != "none"
        counted = trial and int(record["tries-left"]) > 0
        record["booted"] = record["trial"] if counted else record["committed"]
        record["reason"] = "trial" if counted else "fallback" if trial else "normal"
        record["tries-left"] = str(max(int(record["tries-left"]) - 1, 0))
        record["sequence"] = str(int(record["sequence"]) + 1)
        text = "cutover boot record 1\n" + "".join(f"{key} {value}\n"
                                                   for key, value in record.items())
        text += f"crc32 {zlib.crc32(text.encode()):08x}\n"
        (folder / f"record.{int(record['sequence']) % 2}").write_text(text.ljust(512, "\n"))
        (folder / "id").write_text(str(uuid.uuid4()))
        return self

    def read_record(self) -> dict[str, str]:
        newest = {"sequence": "0", "committed": "A", "trial": "none", "tries": "0",
                  "tries-left": "0", "booted": "A", "reason": "normal"}
        for name in ("record.0", "record.1"):
            with contextlib.suppress(FileNotFoundError):
                lines = (self.folder / "boot" / name).read_text().split("\n")[1:]
                found = dict(line.split(" ") for line in lines if line)
                found.pop("crc32")
                newest = max(newest, found, key=lambda record: int(record["sequence"]))
        return newest

    def wait_for_restart(self) -> int:
        """Until the agent ends because the machine is to restart."""
        try:
            code = self.agent.wait(harness.PATIENCE)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(str(self.operations())) from late
        self.agent = None
        return code


class Bases:
    """Two bases whose payload is an image."""

    def __init__(self, folder: pathlib.Path, releases) -> None:
        self.folder = folder
        self.keys = releases.keys

    def image(self, version: str) -> bytes:
        root = self.folder / version / "root"
        (root / "etc").mkdir(parents=True, exist_ok=True)
        (root / "etc" / "nos-release").write_text(version)
        image = root.parent / "image"
        if not image.exists():
            subprocess.run(["mksquashfs", root, image, "-quiet", "-no-progress"], check=True)
        return image.read_bytes()

    def package(self, version: str, extra: str = "") -> pathlib.Path:
        self.image(version)
        spec = self.folder / version / "package.toml"
        spec.write_text(f'[package]\nkind = "base"\nname = "nos"\nversion = "{version}"\n'
                        '[payload]\ntype = "image"\npath = "image"\n' + extra)
        file = self.folder / f"nos-{version}.cc"
        harness.cutover("package", "build", "--spec", spec, "--output", file, "--key",
                        self.keys.key, "--cert", self.keys.folder / "signer.crt"
                        ).expect(harness.DONE)
        return file


@pytest.fixture
def bases(tmp_path, releases) -> Bases:
    return Bases(tmp_path, releases)


@pytest.fixture
def machine(workplace):
    made = Machine(workplace)
    yield made
    made.kill()


def adopted(machine: Machine, bases: Bases, more: str = "") -> Machine:
    machine.adopt(bases.package("1.0.0"), bases.image("1.0.0"),
                  bases.keys.authority, more).expect(harness.DONE)
    machine.boot().start()
    return machine


def test_a_base_that_is_in_the_slot_already_is_adopted(machine, bases):
    adopted(machine, bases)
    machine.at_rest_on("1.0.0")
    assert machine.active() == "A"


def test_a_slot_with_another_image_is_not_adopted(machine, bases):
    said = machine.adopt(bases.package("1.0.0"), bases.image("2.0.0"), bases.keys.authority)
    assert said.error_id == "slot.other_content", said
    assert not machine.folder.exists(), "half a device is none"


def test_an_upgrade_is_written_to_the_other_partition_and_tried_by_the_next_boot(machine, bases):
    adopted(machine, bases)
    new = bases.package("2.0.0")
    machine.run("upgrade", new, "--no-wait").expect(harness.DONE)
    assert machine.wait_for_restart() == 0
    image = bases.image("2.0.0")
    assert machine.slots["b"].read_bytes()[:len(image)] == image
    machine.boot().start()
    harness.until(lambda: machine.versions()["committed"] == "2.0.0", "the commit")
    machine.at_rest_on("2.0.0")
    assert machine.active() == "B"
    assert machine.read_record()["committed"] == "B"


def test_a_new_base_that_never_brings_its_agent_up_is_fallen_back_from(machine, bases):
    adopted(machine, bases)
    machine.run("upgrade", bases.package("2.0.0"), "--no-wait").expect(harness.DONE)
    machine.wait_for_restart()
    for _ in range(2):
        machine.boot()  # slot B, whose agent does not start
        assert machine.read_record()["booted"] == "B"
    machine.boot().start()
    harness.until(lambda: machine.ask("show", "status")["operation"] is None, "the end")
    machine.at_rest_on("1.0.0")
    last = machine.operations()[0]
    assert last["state"] == "failed"
    assert "did not come up" in str(last["error"]), last


def test_a_restart_of_the_agent_alone_is_no_boot(machine, bases):
    adopted(machine, bases)
    assert machine.stop() == 0
    machine.start()
    machine.at_rest_on("1.0.0")


def test_back_ends_that_do_not_fit_are_refused(machine, bases):
    said = machine.adopt(bases.package("1.0.0"), bases.image("1.0.0"), bases.keys.authority,
                         more='[bot]\nbackend = "grub"\n')
    assert said.error_id == "config.unknown_key", said
    adopted(machine, bases).stop()
    toml = (machine.folder / "device.toml").read_text()
    for wrong, error in (("gurb", "config.no_backend"), ("emulated", "config.mixed_backends")):
        (machine.folder / "device.toml").write_text(
            toml.replace('backend = "record"', f'backend = "{wrong}"'))
        ended = subprocess.run([harness.program("cutoverd"), "--device", machine.folder],
                               capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert f"error[{error}]" in ended.stderr
        assert wrong != "gurb" or "did you mean 'grub'?" in ended.stderr


@pytest.mark.root
def test_persistent_files_are_shown_at_early_boot_from_the_slot_that_was_started(machine, bases):
    bases.image("1.0.0")
    package = bases.package("1.0.0", '[persist]\npaths = ["etc/nos-release", "not/there"]\n')
    machine.adopt(package, bases.image("1.0.0"), bases.keys.authority).expect(harness.DONE)
    line = machine.data.parent / "cmdline"
    line.write_text("quiet cutover.slot=a\n")
    root = bases.folder / "1.0.0" / "root"

    def persist(then: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", f'"$@" && {then}', "sh",
             harness.program("cutover-persist"), "--device", machine.folder, "--root", root,
             "--command-line", line], capture_output=True, text=True, check=False)

    said = persist(f"echo changed > {root}/etc/nos-release")
    assert said.returncode == 0, said.stderr
    assert "not/there" in said.stderr
    kept = machine.data / "persist" / "a" / "etc" / "nos-release"
    assert kept.read_text() == "changed\n"
    assert (root / "etc" / "nos-release").read_text() == "1.0.0", "the base is as it was"
    assert persist(f"grep -q changed {root}/etc/nos-release").returncode == 0

    line.write_text("quiet cutover.slot=b\n")
    said = persist("true")
    assert said.returncode == 1, "slot B holds nothing"
    assert "slot B holds nothing" in (machine.folder / "run" / "boots").read_text()


class Watched:
    """A hardware watchdog and a service manager, of which only what they are told is there."""

    def __init__(self, place: pathlib.Path, monkeypatch) -> None:
        self.device = place / "watchdog"
        os.mkfifo(self.device)
        self.fifo = os.open(self.device, os.O_RDONLY | os.O_NONBLOCK)
        self.given = b""
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(place / "notify"))
        self.told: list[str] = []
        monkeypatch.setenv("NOTIFY_SOCKET", str(place / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        # A manager that takes nothing would stop its services' feeding.
        threading.Thread(target=self.manage, daemon=True).start()

    def manage(self) -> None:
        while message := self.manager.recv(100).decode():
            self.told.append(message)

    def settings(self) -> str:
        return f'[watchdog]\ndevice = "{self.device}"\ntimeout = "2s"\n'

    def listen(self) -> "Watched":
        with contextlib.suppress(BlockingIOError):
            self.given += os.read(self.fifo, 1000)
        return self


@pytest.fixture
def watched(workplace, monkeypatch) -> Watched:
    return Watched(workplace, monkeypatch)


def test_watchdogs_are_fed_from_when_the_agent_is_up_and_let_go_by_an_orderly_stop(
        machine, bases, watched):
    adopted(machine, bases, watched.settings())
    harness.until(lambda: len(watched.listen().given) > 3, "food")
    harness.until(lambda: "WATCHDOG=1" in watched.told, "the manager is told")
    assert [one for one in watched.told if not one.startswith("STATUS=")][0] == "READY=1"
    assert set(watched.given) == {0}
    machine.stop()
    assert watched.listen().given.endswith(b"V")
    harness.until(lambda: watched.told[-1] == "STOPPING=1", "the manager is told")


def test_an_agent_that_dies_leaves_the_watchdog_counting(machine, bases, watched):
    adopted(machine, bases, watched.settings())
    harness.until(lambda: watched.listen().given, "food")
    machine.kill()
    assert b"V" not in watched.listen().given


def test_a_restart_and_a_trial_leave_the_watchdog_counting(machine, bases, watched):
    adopted(machine, bases, watched.settings())
    machine.run("upgrade", bases.package("2.0.0"), "--trial", "10",
                "--no-wait").expect(harness.DONE)
    assert machine.wait_for_restart() == 0
    assert b"V" not in watched.listen().given, "a restart that gets stuck must end"
    assert "STOPPING=1" not in watched.told, "systemd would not end it, and the restart get stuck"
    machine.boot().start()
    harness.until(lambda: machine.ask("show", "status")["operation"]["state"] == "awaiting-commit",
                  "the trial")
    machine.stop()
    assert b"V" not in watched.listen().given, "a trial without an agent must end"
    machine.start()
    machine.run("commit").expect(harness.DONE)
    machine.at_rest_on("2.0.0")
    machine.stop()
    assert watched.listen().given.endswith(b"V")


def test_a_base_on_trial_without_the_watchdog_has_failed(machine, bases, watched):
    adopted(machine, bases, watched.settings())
    machine.run("upgrade", bases.package("2.0.0"), "--no-wait").expect(harness.DONE)
    machine.wait_for_restart()
    watched.device.unlink()
    machine.boot().launch()
    assert machine.agent.wait(harness.PATIENCE) == 1
    machine.agent = None
    assert "watchdog" in machine.agent_log()
    machine.boot().launch()
    assert machine.agent.wait(harness.PATIENCE) == 1
    machine.agent = None
    machine.boot().start()  # the committed base goes on without
    harness.until(lambda: machine.ask("show", "status")["operation"] is None, "the end")
    machine.at_rest_on("1.0.0")
