"""Fixtures: signed releases of the small network OS, made once, and devices made from them."""

import os
import pathlib
import shutil
import sys

import pytest

import harness

sys.path.insert(0, str(harness.ROOT / "integration" / "demo-os"))
sys.path.insert(0, str(harness.ROOT / "tests" / "content"))

import debian_root  # noqa: E402  (the folder is known only now)
import demo_os  # noqa: E402


class Releases:
    """The packages of make-releases, and a builder for more."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.port = demo_os.free_port()
        self.builder = demo_os.Builder(harness.program("cutover"))
        self.keys = self.builder.keygen(folder / "keys")

    def __getitem__(self, name: str) -> pathlib.Path:
        """"1.1.0", "1.2.0-broken-web": built when first asked for."""
        file = self.folder / f"nos-{name}.cc"
        if not file.exists():
            release = next(found for found in demo_os.RELEASES if found.file == f"nos-{name}")
            self.builder.release(release, self.keys, file, self.port)
        return file

    def make(self, name: str, version: str, *, extra: str = "", ballast_mb: int = 0,
             keys: demo_os.Keys | None = None, signed: bool = True,
             hooks: dict[str, str] | None = None, beside: dict[str, str] | None = None,
             **changes) -> pathlib.Path:
        """A release of a test's own. `extra` is added to its package.toml; `hooks` are scripts,
        `beside` other files beside it."""
        release = demo_os.Release(f"nos-{name}", version, **changes)
        file = self.folder / f"nos-{name}.cc"
        work = self.folder / "work" / release.file
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        demo_os.write_root(release, work / "rootfs", self.port, ballast_mb)
        for path, text in (hooks or {}).items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text("#!/bin/sh\n" + text)
            (work / path).chmod(0o755)
        for path, text in (beside or {}).items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        spec = demo_os.write_spec(release, work, self.port, extra)
        return self.builder.build(spec, (keys or self.keys) if signed else None, file)


@pytest.fixture(scope="session")
def releases(tmp_path_factory) -> Releases:
    return Releases(tmp_path_factory.mktemp("releases"))


@pytest.fixture
def workplace():
    folder = harness.short_folder()
    yield folder
    harness.remove_folder(folder)


@pytest.fixture
def make_device(workplace, releases):
    """make_device(base="1.0.0", start=True): a new device; all are switched off at the end."""
    made: list[harness.Device] = []

    def make(base="1.0.0", start=True, configure="", name="device") -> harness.Device:
        package = releases[base] if isinstance(base, str) else base
        device = harness.Device(workplace / name)
        harness.cutover("device", "create", device.folder, "--base", package, "--trust",
                        releases.keys.authority, timeout=300).expect(harness.DONE)
        made.append(device)
        if configure:
            device.configure(configure)
        return device.start() if start else device

    yield make
    for device in made:
        device.kill()


@pytest.fixture
def device(make_device) -> harness.Device:
    """A running device with nos 1.0.0."""
    return make_device()


@pytest.fixture
def upgraded(device, releases) -> harness.Device:
    """A running device with nos 1.1.0, and 1.0.0, committed once, in the other slot."""
    device.run("upgrade", releases["1.1.0"]).expect(harness.DONE)
    return device


@pytest.fixture(scope="session")
def debian() -> pathlib.Path:
    """Root file systems from Debian's packages: v1/, v2/, v1.ext4, v2.ext4."""
    try:
        return debian_root.prepare()
    except debian_root.ContentError as problem:
        pytest.skip(f"no Debian content on this machine: {problem}")


def pytest_configure(config):
    config.addinivalue_line("markers", "root: needs root; skipped otherwise")


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(pytest.mark.skip(reason="needs root"))
