"""A file system that is too small: refused before the first byte, and by how much."""

import contextlib
import subprocess

import packages
import pytest

from harness import DONE, REFUSED, Device, cutover, fingerprint


@pytest.fixture
def small_disk(workplace):
    """16 MB of file system."""
    folder = workplace / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], check=False,
                          capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"cannot mount here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


@pytest.mark.root
def test_an_install_that_does_not_fit_is_refused(small_disk, releases):
    device = Device(small_disk / "device")
    cutover("device", "create", device.folder, "--base", releases["1.0.0"], "--trust",
            releases.keys.authority).expect(DONE)
    large = releases.make("1.1.0-large", "1.1.0", ballast_mb=40)
    try:
        device.start()
        before = fingerprint(device.folder / "slots")
        refused = device.run("upgrade", large).expect(REFUSED)
        assert "MB" in refused.err
        assert fingerprint(device.folder / "slots") == before
        device.at_rest_on("1.0.0")
        device.run("upgrade", releases["1.1.0"]).expect(DONE)
        device.at_rest_on("1.1.0")
    finally:
        device.kill()


@pytest.mark.root
def test_a_full_disk_ends_no_agent(small_disk, releases, workplace):
    device = Device(small_disk / "device")
    cutover("device", "create", device.folder, "--base", releases["1.0.0"], "--trust",
            releases.keys.authority).expect(DONE)
    tool = packages.Shelf(releases, workplace / "shelf").plain("tool", "1")
    filling = small_disk / "filling"
    try:
        device.start()
        with filling.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        refused = device.run("install", tool).expect(REFUSED)
        assert refused.error_id == "check.space", refused
        assert str(small_disk) in refused.err
        assert device.agent.poll() is None
        filling.unlink()
        device.run("install", tool).expect(DONE)
        device.at_rest_on("1.0.0")
    finally:
        device.kill()


@pytest.mark.root
def test_a_device_that_does_not_fit_is_not_made(small_disk, releases):
    large = releases.make("1.0.0-large", "1.0.0", ballast_mb=40)
    refused = cutover("device", "create", small_disk / "device", "--base", large, "--trust",
                      releases.keys.authority)
    assert refused.code != DONE
    assert not (small_disk / "device").exists() or not any((small_disk / "device").iterdir())
