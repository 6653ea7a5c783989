"""systemd-boot itself, under UEFI firmware in QEMU: it must choose and count as the unit tests
say."""

import pathlib
import random
import shutil

import pytest

from loader_disk import ROOT, MIB, PLACES, Disk, kernel, run
from test_boot_loaders import boot_tool

SHIPPED = ROOT / "integration" / "systemd-boot"
LOADER = pathlib.Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
FIRMWARE = pathlib.Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
SETTINGS = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.fd")


class Machine:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.disk = Disk(folder)
        entries = {f"loader/entries/{file.name}": file.read_bytes()
                   for file in (SHIPPED / "entries").iterdir()}
        self.disk.make_fat("esp", entries | {
            "EFI/BOOT/BOOTX64.EFI": LOADER.read_bytes(),
            "loader/loader.conf": (SHIPPED / "loader.conf").read_bytes(),
            "cutover/a/vmlinuz": kernel("in-a", "say_load_options.S"),
            "cutover/b/vmlinuz": kernel("in-b", "say_load_options.S")}, cluster_sectors=8)
        shutil.copy(SETTINGS, folder / "settings")
        self.options = ("-M", "q35",
                        "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE}",
                        "-drive", f"if=pflash,format=raw,unit=1,file={folder}/settings")
        self.last = ("a", "normal")

    @property
    def partition(self) -> str:
        return f"{self.disk.path}@@{self.disk.offset('esp')}"

    def entries(self) -> dict[str, bytes]:
        out = self.folder / "entries"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        run("mcopy", "-i", self.partition, "::loader/entries/*", out)
        return {file.name: file.read_bytes() for file in out.iterdir()}

    def _tool(self, entries: dict[str, bytes], *words) -> tuple[str, dict[str, bytes]]:
        """What the tool says and makes of these entries."""
        esp = self.folder / "esp"
        shutil.rmtree(esp, ignore_errors=True)
        folder = esp / "loader" / "entries"
        folder.mkdir(parents=True)
        for name, content in entries.items():
            (folder / name).write_bytes(content)
        said = run(boot_tool(), "systemd-boot", esp, *self.last, *words).strip()
        return said, {file.name: file.read_bytes() for file in folder.iterdir()}

    def put(self, name: str, content: bytes) -> None:
        source = self.folder / "entry"
        source.write_bytes(content)
        run("mcopy", "-o", "-i", self.partition, source, f"::loader/entries/{name}")

    def agent(self, *words) -> str:
        before = self.entries()
        said, after = self._tool(before, *words)
        for name in before.keys() - after.keys():
            run("mdel", "-i", self.partition, f"::loader/entries/{name}")
        for name, content in after.items():
            if before.get(name) != content:
                self.put(name, content)
        return said

    def boot(self) -> tuple[str | None, str]:
        foreseen, entries = self._tool(self.entries(), "play", "ab")
        booted = self.disk.boot(*self.options)
        assert f"{booted.slot} {booted.reason}" == foreseen, booted.text
        assert booted.kernel == f"in-{booted.slot}"
        assert self.entries() == entries, "systemd-boot renamed otherwise than the model"
        self.last = (booted.slot, booted.reason)
        self.agent("open")
        return self.last


@pytest.fixture
def machine(tmp_path) -> Machine:
    if not LOADER.exists() or not FIRMWARE.exists():
        pytest.skip("systemd-boot-efi or ovmf is not installed")
    assert PLACES["esp"][1] * MIB > 4 * MIB
    return Machine(tmp_path)


def test_a_trial_is_counted_and_falls_back(machine):
    assert machine.boot() == ("a", "normal")
    machine.agent("arm", "b", 2)
    assert machine.boot() == ("b", "trial")
    assert machine.agent("status") == "b trial a b 1 2"
    assert machine.boot() == ("b", "trial")
    assert machine.boot() == ("a", "normal")
    assert machine.agent("status").startswith("a fallback a none")
    machine.agent("end")
    machine.agent("arm", "b", 1)
    assert machine.boot() == ("b", "trial")
    machine.agent("confirm", "b")
    assert machine.boot() == ("b", "normal")


def test_damaged_entries_leave_one_that_boots(machine):
    machine.agent("confirm", "b")
    chance = random.Random(1)
    for name in ("cutover-0.conf", "cutover-1.conf"):
        machine.put(name, chance.randbytes(512))
        assert machine.boot() == ("b", "normal")
    for name in ("cutover-0.conf", "cutover-1.conf"):
        machine.put(name, bytes(512))
    assert machine.boot() == ("a", "rescue")
    assert machine.boot() == ("a", "normal")
    machine.put("cutover-trial-b+3.conf", b"#" * 511 + b"\n")
    assert machine.boot() == ("a", "normal"), "an empty entry is passed over"
