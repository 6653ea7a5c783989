"""Machines for the tests. A machine that is sound and back on the old release serves the next test
too: its first boot is the largest part of most tests. Nothing is taken over but its history."""

import pathlib
import shutil
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import faults  # noqa: E402  (the folder is known only now)
import guest  # noqa: E402
from reference import OLD, Reference, serve  # noqa: E402

times: list[tuple[str, str]] = []


@pytest.fixture(scope="session")
def reference() -> Reference:
    return Reference()


@pytest.fixture(scope="session")
def server(reference):
    """Serves the packages; the guest reaches it at 10.0.2.2."""
    with serve(reference.folder) as running:
        yield running


@pytest.fixture
def url(server):
    return lambda package: f"http://10.0.2.2:{server.url.rsplit(':', 1)[1]}/{package.name}"


class Garage:
    """The machine that the test before has left, if it is as good as new."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cutover-machine-"))
        self.parked: guest.Guest | None = None
        self.count = 0

    def new(self, loader: str = "grub", firmware: str = "bios", boots: int = 1) -> guest.Guest:
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        disk = faults.copy_disk(self.reference.disk(loader, boots), folder / "disk.img")
        if loader == "uboot":
            shutil.copy(self.reference.disk(loader).with_suffix(".boot"), folder / "disk.boot")
        return guest.Guest(folder, f"driver=raw,file.driver=file,file.filename={disk}", firmware)

    def take(self) -> guest.Guest:
        machine, self.parked = self.parked, None
        return machine or self.new().power_on().wait_until_up()

    def give_back(self, machine: guest.Guest, sound: bool) -> None:
        try:
            if sound and machine.process is not None:
                machine.expect_at_rest_on(OLD, "a")
                self.parked = machine
                return
        except AssertionError:
            pass
        machine.power_off()

    def close(self) -> None:
        if self.parked is not None:
            self.parked.power_off()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def garage(reference):
    made = Garage(reference)
    yield made
    made.close()


@pytest.fixture
def machine(garage, request):
    """A machine that runs the old release from slot A."""
    taken = garage.take()
    yield taken
    sound = request.node.outcome.passed if hasattr(request.node, "outcome") else False
    if not sound:
        print(taken.console()[-6000:])
    garage.give_back(taken, sound)


@pytest.fixture
def clock(request):
    """clock("label"): notes how long it took since the last call."""
    began = time.monotonic()

    def note(what: str) -> None:
        nonlocal began
        now = time.monotonic()
        times.append((f"{request.node.name}: {what}", f"{now - began:6.1f} s"))
        began = now

    return note


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    result = yield
    report = result.get_result()
    if report.when == "call":
        item.outcome = report


def pytest_terminal_summary(terminalreporter):
    if times:
        terminalreporter.section("how long it took")
        for what, seconds in times:
            terminalreporter.write_line(f"{seconds}  {what}")
