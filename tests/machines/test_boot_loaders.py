"""GRUB and U-Boot themselves, in QEMU, with the boot scripts that ship: they must start what the
unit tests say they start, and write the same bytes. A machine takes a second from power to reset,
for its kernels do nothing but say what they were told."""

import concurrent.futures
import os
import pathlib
import random

import pytest

from loader_disk import ROOT, Boot, Disk, kernel, run

RECORD_BYTES = 8192  # of U-Boot's record
LIVES = int(os.environ.get("CUTOVER_LOADER_LIVES", "1"))


def boot_tool() -> pathlib.Path:
    folder = pathlib.Path(os.environ.get("CUTOVER_BIN", ROOT / "build" / "release"))
    found = [path for path in folder.rglob("boot_tool") if path.is_file()]
    assert found, f"no boot_tool under {folder}: build the release preset first"
    return found[0]


def first_record() -> bytes:
    """What an image is delivered with."""
    return (ROOT / "integration" / "grub" / "env.txt").read_bytes().ljust(1024, b"#")


class Machine:
    """A disk with a boot loader, two slots and a boot record, and the back-end's hands on it."""

    kind = ""
    options: tuple[str, ...] = ()

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.disk = Disk(folder)
        self.disk.put_slot("a", kernel("in-a"), squashfs=self.kind == "grub")
        self.disk.put_slot("b", kernel("in-b"))
        self.last = ("a", "normal")
        self.loadable = "ab"

    def record(self) -> bytes:
        """The bytes that loader and back-end share."""
        return self.disk.read(self.disk.offset("environment"), self.record_bytes())

    def record_bytes(self) -> int:
        raise NotImplementedError

    def copy_offsets(self) -> tuple[int, int]:
        """Where on the disk the copies begin."""
        raise NotImplementedError

    def _tool(self, record: bytes, *words) -> tuple[str, bytes]:
        file = self.folder / "record"
        file.write_bytes(record)
        done = run(boot_tool(), self.kind, file, *self.last, *words)
        return done.strip(), file.read_bytes()

    def agent(self, *words) -> str:
        """Asks the back-end, as an agent does on the machine that was booted last."""
        said, changed = self._tool(self.record(), *words)
        self.disk.write(self.disk.offset("environment"), changed)
        return said

    def boot(self, *options: str, starts_agent: bool = True) -> tuple[str | None, str]:
        """Powers the machine on; slot and reason, which the model must foresee."""
        foreseen, written = self._tool(self.record(), "play", self.loadable)
        booted = self.disk.boot(*self.options, *options)
        assert f"{booted.slot} {booted.reason}" == foreseen, booted.text
        assert self.record() == written, "the loader wrote something else than the model"
        self.check_kernel(booted)
        self.last = (booted.slot, booted.reason)
        if starts_agent:
            self.agent("open")
        return self.last

    def check_kernel(self, booted: Boot) -> None:
        assert booted.kernel == f"in-{booted.slot}"
        uuid = f"root=PARTUUID=c07e0000-0000-4000-8000-00000000000{booted.slot}"
        for argument in (uuid, "ro", "panic=5", "console=ttyS0"):
            assert argument in booted.arguments

    def damage(self, copy: int, content: bytes) -> None:
        self.disk.write(self.copy_offsets()[copy], content)


class Grub(Machine):
    kind = "grub"

    def __init__(self, folder: pathlib.Path, settings: str = "") -> None:
        super().__init__(folder)
        shipped = ROOT / "integration" / "grub"
        self.disk.install_grub({
            "cutover/grub.cfg": (shipped / "grub.cfg").read_bytes(),
            "cutover/cutover.cfg": (shipped / "cutover.cfg").read_bytes() + settings.encode()})
        self.disk.make_fat("environment", {"env0": first_record(), "env1": first_record()},
                           cluster_sectors=8)

    def record_bytes(self) -> int:
        return 1024 * 1024

    def copy_offsets(self) -> tuple[int, int]:
        start = self.disk.offset("environment")
        image = self.folder / "environment.image"
        image.write_bytes(self.record())
        clusters = [int(run("mshowfat", "-i", image, f"::env{n}").split("<")[1].split(">")[0])
                    for n in (0, 1)]
        info = dict(line.split(": ", 1) for line in run("minfo", "-i", image).splitlines()
                    if ": " in line)
        root = (int(info["reserved (boot) sectors"]) +
                int(info["fats"]) * int(info["sectors per fat"], 0))
        data = root * 512 + int(info["max available root directory slots"]) * 32
        return tuple(start + data + (cluster - 2) * 4096 for cluster in clusters)


class Uboot(Machine):
    kind = "uboot"
    options = ("-bios", "/usr/lib/u-boot/qemu-x86/u-boot.rom", "-M", "pc")

    def __init__(self, folder: pathlib.Path, settings: str = "") -> None:
        super().__init__(folder)
        shipped = ROOT / "integration" / "uboot"
        script = folder / "boot.cmd"
        script.write_text((shipped / "cutover.cmd").read_text() + settings +
                          (shipped / "boot.cmd").read_text())
        run("mkimage", "-A", "x86", "-T", "script", "-C", "none", "-n", "cutover", "-d", script,
            folder / "boot.scr")
        self.disk.make_fat("esp", {"boot.scr": (folder / "boot.scr").read_bytes()},
                           cluster_sectors=8)
        record = folder / "first-record"
        run("mkenvimage", "-r", "-s", "4096", "-p", "0", "-o", record, shipped / "env.txt")
        self.disk.write(self.disk.offset("environment"), record.read_bytes() * 2)

    def record_bytes(self) -> int:
        return RECORD_BYTES

    def copy_offsets(self) -> tuple[int, int]:
        start = self.disk.offset("environment")
        return start, start + 4096


KINDS = {"grub": Grub, "uboot": Uboot}


@pytest.fixture(params=KINDS)
def machine(request, tmp_path) -> Machine:
    return KINDS[request.param](tmp_path)


def test_a_trial_that_is_confirmed_and_one_that_is_not(machine):
    assert machine.boot() == ("a", "normal")
    machine.agent("arm", "b", 2)
    assert machine.boot() == ("b", "trial")
    assert machine.agent("status") == "b trial a b 1 2"
    assert machine.boot() == ("b", "trial")
    assert machine.agent("status") == "b trial a b 0 2"
    assert machine.boot() == ("a", "fallback")
    assert machine.boot() == ("a", "fallback"), "told until the trial is ended"
    machine.agent("end")
    assert machine.boot() == ("a", "normal")
    machine.agent("arm", "b", 1)
    assert machine.boot() == ("b", "trial")
    machine.agent("confirm", "b")
    assert machine.boot() == ("b", "normal")
    assert machine.boot() == ("b", "normal")
    assert machine.agent("status") == "b normal b none 0 0"


@pytest.mark.parametrize("seed", range(LIVES))
def test_any_life_goes_as_the_unit_tests_say(machine, seed):
    chance = random.Random(seed)
    for _ in range(12):
        for _ in range(chance.randint(0, 2)):
            change = chance.choice(["arm", "arm", "end", "confirm", "damage", "damage"])
            slot = chance.choice("ab")
            if change == "damage":
                machine.damage(chance.randint(0, 1), chance.choice(
                    [bytes(512), b"\xff" * 512, b"x" * 40, bytes(300), b"?",
                     chance.randbytes(1024), b"# GRUB Environment Block\n" + b"cutover_seq=9\n"]))
            elif change == "arm":
                machine.agent("arm", slot, chance.choice([1, 2, 9]))
            else:
                machine.agent(change, *([slot] if change == "confirm" else []))
        machine.boot(starts_agent=chance.random() < 0.5)


def test_a_kernel_that_cannot_be_loaded_falls_back_in_the_same_boot(machine):
    for bad in (None, b"not a kernel " * 1000, b""):
        machine.disk.put_slot("b", bad)
        machine.loadable = "a"
        machine.agent("arm", "b", 3)
        assert machine.boot() == ("a", "fallback")
        assert machine.boot() == ("a", "fallback")
        machine.agent("end")
    machine.disk.write(machine.disk.offset("b"), bytes(1024 * 1024))
    machine.agent("arm", "b", 3)
    assert machine.boot() == ("a", "fallback"), "no file system at all"


def test_a_committed_slot_that_cannot_be_loaded_leaves_the_other(machine):
    machine.disk.put_slot("a", None)
    machine.loadable = "b"
    assert machine.boot() == ("b", "rescue")
    assert machine.agent("status") == "b rescue a none 0 0"


def test_with_no_record_at_all_it_boots_and_the_agent_makes_one(machine):
    for content in (bytes(1024), b"\xff" * 1024):
        machine.damage(0, content)
        machine.damage(1, content)
        assert machine.boot() == ("a", "rescue")
        assert machine.boot() == ("a", "normal")
    machine.agent("arm", "b", 1)
    assert machine.boot() == ("b", "trial")
    assert machine.boot() == ("a", "fallback")


def test_a_trial_that_cannot_be_counted_does_not_happen(machine):
    machine.agent("arm", "b", 2)
    for _ in range(2):
        booted = machine.disk.boot(*machine.options, read_only=True)
        assert (booted.slot, booted.reason) == ("a", "fallback")
    assert machine.boot() == ("b", "trial")


def test_a_partition_without_a_file_system_still_boots(tmp_path):
    machine = Grub(tmp_path)
    machine.disk.write(machine.disk.offset("environment"), bytes(1024 * 1024))
    booted = machine.disk.boot()
    assert (booted.slot, booted.reason) == ("a", "rescue")


def test_tools_of_others_read_the_record(tmp_path):
    for folder in ("grub", "uboot"):
        (tmp_path / folder).mkdir()
    grub = Grub(tmp_path / "grub")
    grub.agent("arm", "b", 2)
    grub.boot()
    blocks = [grub.disk.read(offset, 1024) for offset in grub.copy_offsets()]
    listed = []
    for block in blocks:
        (tmp_path / "block").write_bytes(block)
        listed.append(run("grub-editenv", tmp_path / "block", "list"))
    assert any("cutover_trial=b\ncutover_left=1\ncutover_tries=2\n" in text for text in listed)

    uboot = Uboot(tmp_path / "uboot")
    uboot.agent("arm", "b", 2)
    uboot.boot()
    start = uboot.disk.offset("environment")
    config = tmp_path / "fw_env.config"
    config.write_text(f"{uboot.disk.path} {start:#x} 0x1000\n"
                      f"{uboot.disk.path} {start + 4096:#x} 0x1000\n")
    printed = run("fw_printenv", "-c", config)
    assert "cutover_trial=b" in printed and "cutover_left=1" in printed
    run("fw_setenv", "-c", config, "cutover_left", "0")
    assert uboot.boot() == ("a", "fallback"), "what it wrote counts"


def test_the_watchdog_is_armed_before_the_kernel_can_hang(tmp_path):
    """The only slow one: two machines at once, each reset by its watchdog after 30 seconds."""
    def hang(kind: str) -> str:
        (tmp_path / kind).mkdir()
        settings = {"grub": "set cutover_watchdog=ib700\n",
                    "uboot": "setenv cutover_watchdog ib700\n"}[kind]
        machine = KINDS[kind](tmp_path / kind, settings)
        image = bytearray(kernel("hangs"))
        image[0x400:0x404] = b"\xfa\xf4\xeb\xfd"  # cli; hlt; jmp back
        machine.disk.put_slot("a", bytes(image))
        return machine.disk.boot(*machine.options, "-device", "ib700", timeout=80).text

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for text in pool.map(hang, KINDS):
            assert "starting slot a" in text and "KERNEL" not in text
