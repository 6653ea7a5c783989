#!/usr/bin/env python3
"""Cuts the power of a real machine at chosen writes, and looks what the next boot makes of it.

    tests/machines/power_cuts.py [--cuts 300] [--minutes 60] [--seed 1] [--write
                                 docs/reliability.md]

One machine lives through all of it: after each cut it is started cold, must be in order, and takes
the next upgrade, in which it is cut again. So every recovery is also shown to be able to go on.
The disk has a volatile write cache: what was not flushed is kept, lost or torn (volatile_disk.py).
"""

import argparse
import dataclasses
import mmap
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import guest  # noqa: E402  (the folder is known only now)
import harness  # noqa: E402
from reference import NEW, OLD, Reference, serve  # noqa: E402
from volatile_disk import Cut, VolatileDisk  # noqa: E402

import disk as disks  # noqa: E402
import faults  # noqa: E402
from machine import DATA_MIB  # noqa: E402
from release import SLOT_MIB  # noqa: E402

PATIENCE = 300.0  # an upgrade takes a minute where nothing else is at work
# "commit" is all from the moment the agent is up on trial: health checks, too.
PHASES = ("checks and download", "slot write", "mark switch", "boot record", "first boot",
          "commit", "recovery")
AGAIN = 0.35  # how often the power fails in the recovery too
BEGIN, END = "<!-- power cuts: begin -->", "<!-- power cuts: end -->"


class CutFailed(AssertionError):
    """The device is not what it must be after a cut."""


@dataclasses.dataclass
class Row:
    cuts: int = 0
    old: int = 0
    new: int = 0
    kept: int = 0
    lost: int = 0
    torn: int = 0


class Victim:
    """The machine, its disk, and what was done to it."""

    def __init__(self, reference: Reference, server: harness.FileServer, folder: pathlib.Path,
                 seed: int) -> None:
        self.reference = reference
        self.server = server
        self.folder = folder
        self.dice = random.Random(seed)
        self.medium = faults.copy_disk(reference.disk(), folder / "medium.img")
        self.parts = disks.layout(SLOT_MIB, DATA_MIB)
        self.images = {version: reference.image(version) for version in (OLD, NEW)}
        self.disk: VolatileDisk | None = None
        self.machine: guest.Guest | None = None
        self.rows = {phase: Row() for phase in PHASES}
        self.problems: list[str] = []
        self.usual: dict[str, int] = {}  # writes of a whole upgrade
        self.before = OLD

    # -- power --------------------------------------------------------------------------------

    def power_on(self, cut: Cut | None = None) -> None:
        self.disk = VolatileDisk(self.medium, self.folder)
        self.disk.cut_at(cut)
        self.machine = guest.Guest(self.folder, f"driver=nbd,server.type=unix,"
                                                f"server.path={self.disk.path}")
        self.machine.serial.unlink(missing_ok=True)
        self.machine.power_on()
        threading.Thread(target=stop_at_cut, args=(self.disk, self.machine.process),
                         daemon=True).start()

    def power_fails(self, phase: str) -> None:
        row = self.rows[phase]
        self.machine.power_off()
        told = self.disk.cut(self.dice)
        row.cuts += 1
        row.kept += told.kept
        row.lost += told.lost
        row.torn += told.torn

    def switch_off(self) -> None:
        if self.machine is not None:
            self.machine.power_off()
            self.disk.stop()

    # -- what it is ---------------------------------------------------------------------------

    def other(self) -> str:
        return "b" if self.machine.active_slot().lower() == "a" else "a"

    def expect_in_order(self) -> str:
        """Old or new, in every respect; returns which."""
        harness.until(self.machine.at_rest, "no operation is open", PATIENCE)
        marks = set(self.machine.marks().values())
        if len(marks) != 1:
            raise CutFailed(f"the marks differ: {self.machine.marks()}")
        version, = marks
        if self.machine.page() != f"nos {version}":
            raise CutFailed(f"{version} is committed, but the page says {self.machine.page()!r}")
        part = self.parts[f"slot-{self.machine.active_slot().lower()}"]
        image = self.images[version]
        with image.open("rb") as file, \
                mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as wanted:
            begin = part.start_mib * disks.MIB
            if self.disk.seen[begin:begin + len(wanted)] != wanted[:]:
                raise CutFailed(f"the running slot does not hold {version} byte for byte")
        return version

    def phase(self) -> str:
        """Where in an upgrade the power has just failed, by what was written until then."""
        if re.search(r"starting slot [ab] cutover.trial=1", self.machine.console()):
            return "commit" if "reason=trial" in self.machine.console() else "first boot"
        if self._count("env"):
            return "boot record"
        recent = [offset for kind, offset, _ in self.disk.trace[-8:] if kind != "flush"]
        standby = [part for name, part in self.parts.items() if name.startswith("slot")]
        if any(inside(part, offset) for part in standby for offset in recent):
            return "slot write"
        return "mark switch" if self._count("slot-a") + self._count("slot-b") \
            else "checks and download"

    def _count(self, partition: str) -> int:
        return sum(1 for kind, offset, _ in self.disk.trace
                   if kind != "flush" and inside(self.parts[partition], offset))

    # -- one cut ------------------------------------------------------------------------------

    def upgrade(self, wait: bool) -> harness.Outcome:
        version = NEW if self.machine.marks()["running"] == OLD else OLD
        package = self.reference.package(version)
        port = self.server.url.rsplit(":", 1)[1]
        words = () if wait else ("--no-wait",)
        return self.machine.run("upgrade", f"http://10.0.2.2:{port}/{package.name}", *words,
                                timeout=PATIENCE)

    def measure(self) -> None:
        """A whole upgrade without a cut, to know how many writes there are."""
        self.power_on()
        self.machine.wait_until_up()
        standby = f"slot-{self.other()}"
        self.disk.trace.clear()
        self.upgrade(wait=True).expect(harness.DONE)
        self.expect_in_order()
        self.usual = {"env": self._count("env"), "data": self._count("data"),
                      "slot": self._count(standby),
                      "flush": sum(kind == "flush" for kind, _, _ in self.disk.trace)}

    def choose(self) -> tuple[str, Cut]:
        """Boot records are few and matter most; of the others any."""
        what = self.dice.choices(("env", "data", "slot", "flush"), (4, 4, 1, 2))[0]
        at = self.dice.randint(1, max(1, self.usual[what]))
        if what == "flush":
            return f"flush {at}", Cut(at, flushes=True)
        part = self.parts[f"slot-{self.other()}" if what == "slot" else what]
        begin = part.start_mib * disks.MIB
        return f"{what} write {at}", Cut(at, begin, begin + part.size_mib * disks.MIB)

    def one_cut(self) -> str:
        """From a machine at rest to a machine at rest."""
        name, cut = self.choose()
        self.disk.trace.clear()
        self.machine.serial.write_text("")
        self.disk.cut_at(cut)
        self.upgrade(wait=False)
        if not self._wait_for_cut():
            self.disk.cut_at(None)
            return f"{name}: the upgrade ended before it, on {self.expect_in_order()}"
        phase = self.phase()
        self.power_fails(phase)
        again = ""
        if self.dice.random() < AGAIN:
            self.power_on(Cut(self.dice.randint(1, 12), flushes=self.dice.random() < 0.3))
            if self._wait_for_cut(until_up=True):
                self.power_fails("recovery")
                again = ", and in the recovery"
            else:
                self.disk.cut_at(None)
        if again or self.machine.process is None:
            self.power_on()
        self.machine.wait_until_up(PATIENCE)
        version = self.expect_in_order()
        row = self.rows[phase]
        row.old, row.new = row.old + (version == self.before), row.new + (version != self.before)
        return f"{name}, {phase}{again}: {version}"

    def _wait_for_cut(self, until_up: bool = False) -> bool:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.disk.power_failed.wait(0.5):
                return True
            try:
                if until_up and self.machine.run("show", "status", timeout=20).code == harness.DONE:
                    return self.disk.power_failed.is_set()
                if not until_up and self.machine.at_rest():
                    return self.disk.power_failed.is_set()
            except (AssertionError, OSError, ValueError):
                continue
        raise CutFailed("neither the cut nor the end of the upgrade came")


def stop_at_cut(disk: VolatileDisk, process: subprocess.Popen) -> None:
    """Or whoever asks the machine something waits for a disk that never answers."""
    disk.power_failed.wait()
    process.kill()


def inside(part: disks.Partition, offset: int) -> bool:
    return part.start_mib * disks.MIB <= offset < (part.start_mib + part.size_mib) * disks.MIB


def run_cuts(reference: Reference, cuts: int, seed: int, say=print,
             budget_s: float = float("inf")) -> dict[str, Row]:
    """Raises CutFailed at the first device that is not in order, and leaves its disk there."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cutover-cuts-"))
    began = time.monotonic()
    with serve(reference.folder) as server:
        victim = Victim(reference, server, folder, seed)
        try:
            victim.measure()
            say(f"an upgrade writes {victim.usual}, {time.monotonic() - began:.1f} s")
            done = 0
            while done < cuts and time.monotonic() - began < budget_s:
                victim.before = victim.expect_in_order()
                line = victim.one_cut()
                done = sum(row.cuts for row in victim.rows.values())
                say(f"{done:4} cuts  {time.monotonic() - began:7.1f} s  {line}")
            victim.upgrade(wait=True).expect(harness.DONE)
            victim.expect_in_order()
        except BaseException:
            say(f"seed {seed}: see {folder}\n{victim.machine.console()[-4000:]}")
            victim.switch_off()
            raise
        victim.switch_off()
    shutil.rmtree(folder)
    return victim.rows


def table(rows: dict[str, Row], seed: int, seconds: float) -> str:
    lines = ["| cut during | cuts | old then | new then | unflushed writes kept, lost, torn |",
             "|---|---|---|---|---|"]
    for phase, row in rows.items():
        ends = ("–", "–") if phase == "recovery" else (row.old, row.new)
        lines.append(f"| {phase} | {row.cuts} | {ends[0]} | {ends[1]} | "
                     f"{row.kept}, {row.lost}, {row.torn} |")
    total = sum(row.cuts for row in rows.values())
    lines.append(f"\n{total} cuts, 0 failures, seed {seed}, {seconds / 60:.0f} minutes.")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Cuts the power of a real machine.")
    parser.add_argument("--cuts", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no cut begins later")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=pathlib.Path, help="the page that gets the table")
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        rows = run_cuts(Reference(), arguments.cuts, arguments.seed,
                        lambda line: print(line, flush=True), 60 * arguments.minutes)
    except CutFailed as problem:
        print(f"power_cuts: {problem}", file=sys.stderr)
        return 1
    told = table(rows, arguments.seed, time.monotonic() - began)
    print("\n" + told)
    if arguments.write:
        page = arguments.write.read_text()
        before, rest = page.split(BEGIN)
        arguments.write.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.split(END)[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
