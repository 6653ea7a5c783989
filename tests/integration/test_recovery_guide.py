"""Types every command of the guide to failures (docs/recovery.md) in the situation it is for.

In the guide, each section below "When something went wrong" has one block of a console: a line
after "$ " is typed as it stands, in a shell; the lines below it must be in what it says, "…"
standing for anything. A command that shows an error must fail; any other must not. A backup's time
is that of the one at hand, for nobody can know it before.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

import harness
from harness import DONE, FAILED, REFUSED, ROOT, Device, cutover, until
from packages import Shelf
from test_configuration import NET_2025, NET_2026, TO_2026

GUIDE = ROOT / "docs" / "recovery.md"
BEGIN = "## When something went wrong"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?:\.\d+)?"


def sections() -> dict[str, list[list[str]]]:
    """Of each section its blocks, each with its lines."""
    text = GUIDE.read_text().split(f"\n{BEGIN}\n")[1].split("\n## ")[0]
    found: dict[str, list[list[str]]] = {}
    for part in text.split("\n### ")[1:]:
        title, _, rest = part.partition("\n")
        found[title] = [block.splitlines()
                        for block in re.findall(r"```console\n(.*?)```", rest, re.DOTALL)]
    return found


def is_at_rest(device: Device) -> bool:
    return device.ask("show", "status")["operation"] is None


class Place:
    """Where a person stands: the folder with the device lab1 and what they have at hand."""

    def __init__(self, folder: pathlib.Path, releases) -> None:
        self.folder = folder
        self.releases = releases
        self.device = Device(folder / "lab1")
        self.devices = [self.device]
        self.shelf = Shelf(releases, folder / "shelf")
        programs = folder / "bin"
        programs.mkdir()
        for name in ("cutover", "cutoverd"):
            (programs / name).symlink_to(harness.program(name))
        self.environment = {**os.environ, "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "COLUMNS": "200",
                            "PATH": f"{programs}:{os.environ['PATH']}", "CUTOVER_DEVICE": "lab1"}

    def make(self, base: pathlib.Path) -> Device:
        cutover("device", "create", self.device.folder, "--base", base, "--trust",
                self.releases.keys.authority).expect(DONE)
        return self.device.start()

    def plain(self) -> Device:
        self.have("nos-1.1.0.cc", self.releases["1.1.0"])
        return self.make(self.releases["1.0.0"])

    def have(self, name: str, file: pathlib.Path) -> pathlib.Path:
        return pathlib.Path(shutil.copy(file, self.folder / name))

    def configured(self) -> Device:
        """With modules, and a newer base that has other ones."""
        module = '[config]\nmodules = ["yang/net.yang"]\n'
        later = {"yang/net.yang": NET_2026,
                 "migrations/net/2025-01-01-to-2026-01-01.json": TO_2026}
        make = self.releases.make
        old = make("guide-1.0.0", "1.0.0", extra=module, beside={"yang/net.yang": NET_2025})
        self.have("nos-1.1.0.cc", make("guide-1.1.0", "1.1.0", beside=later,
                                       extra=module + 'migrations = "migrations"\n'))
        self.have("nos-1.1.2.cc", make("guide-1.1.2", "1.1.2", extra=module,
                                       beside={"yang/net.yang": NET_2026}))
        return self.make(old)

    def set(self, path: str, value: str, *commit: str) -> None:
        self.device.run("config", "set", path, value).expect(DONE)
        self.device.run("config", "commit", *commit).expect(DONE)

    def backup(self, *words: str) -> pathlib.Path:
        made = self.device.run("backup", "create", *words, "--json").expect(DONE).json["backup"]
        return self.device.folder / "backups" / f"{made['name']}.backup"

    # -- the person ---------------------------------------------------------------------------

    def as_it_is(self, line: str) -> str:
        """With the time of the backup that is at hand."""
        def of_now(found: re.Match) -> str:
            near = [file for place in (self.device.folder / "backups", self.folder)
                    for file in sorted(place.glob(f"{found[1]}@*.backup"))]
            assert near, f"no backup {found[1]} for: {line}"
            return near[0].name.removesuffix(".backup")

        return re.sub(rf"\b([a-z]+-\d+\.\d+\.\d+)@{TIME}", of_now, line)

    def type(self, line: str, shown: list[str]) -> None:
        line = self.as_it_is(line)
        if agent := re.fullmatch(r"cutoverd --device (\S+) &", line):
            device = next((one for one in self.devices if one.folder.name == agent[1]), None)
            if device is None:
                device = Device(self.folder / agent[1])
                self.devices.append(device)
            device.start()
            until(lambda: is_at_rest(device), "the device comes to rest")
            return
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, env=self.environment,
                              stdin=subprocess.DEVNULL, check=False, capture_output=True,
                              text=True, timeout=harness.PATIENCE * 2)
        said = done.stdout + done.stderr
        print(f"$ {line}\n{said}", file=sys.stderr)
        fails = any(one.startswith("error[") for one in shown)
        assert (done.returncode != 0) == fails, f"$ {line}\nexit {done.returncode}\n{said}"
        flat = " ".join(said.split())
        for one in shown:
            wanted = " ".join(self.as_it_is(one).split())
            pattern = ".*?".join(re.escape(piece) for piece in wanted.split("…"))
            assert re.search(pattern, flat), f"$ {line}\nshows no\n{one}\nbut\n{said}"

    def type_all(self, block: list[str]) -> None:
        assert block and block[0].startswith("$ ")
        typed: list[tuple[str, list[str]]] = []
        for line in block:
            if line.startswith("$ "):
                typed.append((line[2:], []))
            elif line.strip() not in ("", "…"):
                typed[-1][1].append(line)
        for line, shown in typed:
            self.type(line, shown)


@pytest.fixture
def place(workplace, releases):
    made = Place(workplace, releases)
    yield made
    for device in made.devices:
        device.kill()


SITUATIONS = {}


def situation(title: str, *variants):
    """What brings a device into the situation of that section; once for each variant."""
    def remember(prepare):
        SITUATIONS[title] = (prepare, variants or (None,))
        return prepare

    return remember


@situation("Power was lost, or the agent was killed", "prep", "preinstall", "install", "configure")
def cut(place: Place, stage: str) -> None:
    device = place.plain()
    gate = device.gate(stage)
    client = device.client("upgrade", place.folder / "nos-1.1.0.cc")
    gate.wait()
    device.kill()
    client.kill()
    client.communicate()
    gate.open()


@situation("An upgrade failed, and the device is back", "1.2.0-broken-web", "1.2.0-broken-exit",
           "1.2.0-broken-hang")
def fell_back(place: Place, broken: str) -> None:
    device = place.plain()
    device.run("upgrade", place.releases[broken], timeout=120).expect(FAILED)


@situation("An upgrade went well, and was a mistake")
def mistaken(place: Place, _) -> None:
    place.plain().run("upgrade", place.folder / "nos-1.1.0.cc").expect(DONE)


@situation("An operation waits for an answer", "undisturbed", "over a power cut")
def waits(place: Place, how: str) -> None:
    device = place.plain()
    device.run("upgrade", place.folder / "nos-1.1.0.cc", "--trial", "30", "--no-wait").expect(DONE)
    until(lambda: device.last_operation()["state"] == "awaiting-commit", "the trial begins")
    if how == "over a power cut":
        device.kill()
        device.start()
        until(lambda: device.last_operation()["state"] == "awaiting-commit", "the trial goes on")


@situation("An operation does not come to an end")
def hangs(place: Place, _) -> None:
    device = place.plain()
    gate = device.gate("install")
    client = device.client("upgrade", place.folder / "nos-1.1.0.cc", "--no-wait")
    assert client.wait(60) == DONE
    client.communicate()
    gate.wait()
    (device.folder / "stages" / "install" / "50-gate.sh").unlink()


@situation("A package on top fails, or was a mistake")
def mistaken_package(place: Place, _) -> None:
    device = place.plain()
    device.run("install", place.shelf.plain("web", "1.0")).expect(DONE)


@situation("The boot record is damaged", 1, 2)
def boot_record(place: Place, copies: int) -> None:
    device = place.plain()
    device.kill()
    records = sorted(path for path in (device.folder / "boot").iterdir() if path.is_file())
    for record in records[:copies] if copies == 1 else records:
        record.write_bytes(b"\0" * 64)


@situation("The database is damaged")
def database(place: Place, _) -> None:
    device = place.plain()
    place.backup()
    device.stop()
    (device.folder / "device.db").write_bytes(b"spoilt" * 1000)
    device.launch()
    assert device.agent is not None
    assert device.agent.wait(60) != 0
    device.agent = None


@situation("The content of a package is damaged")
def layer(place: Place, _) -> None:
    device = place.plain()
    package = place.shelf.plain("web", "1.0")
    place.have("web-1.0.ccx", package)
    device.run("install", package).expect(DONE)
    device.stop()
    for stored in (device.folder / "layers" / "packages").iterdir():
        shutil.rmtree(stored)
    device.start()


@situation("The disk is full")
def full(place: Place, _) -> None:
    small = place.folder / "disk"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", small], check=False,
                          capture_output=True)
    if made.returncode != 0:
        pytest.skip("cannot mount here")
    place.device.folder = small / "lab1"
    (place.folder / "lab1").symlink_to(small / "lab1")
    place.plain()
    place.backup("--name", "old")
    kept = place.folder / "lab1" / "captures"
    kept.mkdir()
    with (kept / "trace.pcap").open("wb") as out:
        left = shutil.disk_usage(small).free - 3_000_000
        out.write(b"x" * left)


@situation("A change of the configuration was a mistake")
def mistaken_configuration(place: Place, _) -> None:
    place.configured()
    place.set("/net:net/hostname", "edge")
    place.device.run("config", "save").expect(DONE)
    place.set("/net:net/hostname", "wrong")


@situation("Configuration or settings are lost")
def lost_configuration(place: Place, _) -> None:
    place.configured()
    place.set("/net:net/hostname", "edge")
    place.device.run("config", "save").expect(DONE)
    place.backup()
    place.device.run("config", "delete", "/net:net").expect(DONE)
    place.device.run("config", "commit").expect(DONE)
    place.device.run("config", "save").expect(DONE)


@situation("An upgrade is refused because data would be lost")
def data_refused(place: Place, _) -> None:
    place.configured()
    place.set("/net:net/port[name='p1']/rate", "1000")


@situation("An upgrade is refused because a commit is on trial")
def on_trial(place: Place, _) -> None:
    place.configured()
    place.set("/net:net/hostname", "far", "--confirm", "60")


@situation("A restore was interrupted", 0.05, 0.2, 0.5)
def restore_cut(place: Place, wait: float) -> None:
    device = place.plain()
    place.backup()
    name = next(one["name"] for one in device.ask("backup", "list")["backups"])
    client = device.client("backup", "restore", name, "--yes")
    time.sleep(wait)  # the moment of the cut, not a wait for something
    device.kill()
    client.kill()
    client.communicate()


@situation("A backup is damaged")
def damaged_backup(place: Place, _) -> None:
    place.plain()
    place.backup("--name", "first")
    file = place.backup("--name", "second")
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


@situation("The last password is lost")
def password(place: Place, _) -> None:
    device = place.plain()
    subprocess.run([harness.program("cutover"), "--device", device.folder, "user", "add", "alice",
                    "--role", "admin"], input="forgotten-9-words\n", text=True, check=True,
                   capture_output=True)


@situation("The device is lost")
def dead(place: Place, _) -> None:
    device = place.plain()
    device.run("install", place.shelf.plain("web", "1.0")).expect(DONE)
    place.have("nos-1.0.0.cc", place.releases["1.0.0"])
    file = place.backup()
    shutil.move(file, place.folder / file.name)
    device.kill()
    shutil.rmtree(device.folder)


def cases():
    return [pytest.param(title, variant, id=f"{title} ({variant})" if variant else title)
            for title, (_, variants) in SITUATIONS.items() for variant in variants]


def test_the_guide_has_the_sections_that_are_typed():
    assert list(sections()) == list(SITUATIONS)
    for title, blocks in sections().items():
        assert len(blocks) == 1, f"{title} has {len(blocks)} blocks of a console"


@pytest.mark.parametrize(("title", "variant"), cases())
def test_what_the_guide_says_works_as_typed(place, title, variant):
    prepare, _ = SITUATIONS[title]
    prepare(place, variant)
    try:
        place.type_all(sections()[title][0])
    finally:
        if (place.folder / "disk").is_dir():
            place.device.kill()
            subprocess.run(["umount", "-l", place.folder / "disk"], check=False)
