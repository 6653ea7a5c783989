"""Root file systems made from Debian's own packages, as a tree and as an ext4 image."""

import os
import pathlib
import re
import subprocess

import demo_os
import pytest

from harness import DONE, REFUSED, Device, cutover, digest_of, fingerprint, get, program

SPEC = """
[package]
kind = "base"
name = "nos"
version = "{version}"
epoch = 2
summary = "Debian's own packages"

[payload]
type = "{kind}"
path = "{path}"

[compatible]
hardware = ["emulated"]
"""
MEBIBYTE = 1024 * 1024
MEMORY_LIMIT = 64 * MEBIBYTE
LONG = 600.0


def build(releases, folder: pathlib.Path, version: str, kind: str, path: pathlib.Path):
    package = folder / f"debian-{version}-{kind}.cc"
    if not package.exists():
        folder.mkdir(exist_ok=True)
        spec = folder / f"{kind}-{version}.toml"
        spec.write_text(SPEC.format(version=version, kind=kind, path=path))
        releases.builder.build(spec, releases.keys, package)
    return package


@pytest.fixture(scope="module")
def trees(releases, debian):
    folder = releases.folder / "debian"
    return [build(releases, folder, f"12.{n}", "tree", debian / f"v{n}") for n in (1, 2)]


@pytest.fixture(scope="module")
def images(releases, debian):
    folder = releases.folder / "debian"
    return [build(releases, folder, f"12.{n}", "image", debian / f"v{n}.ext4") for n in (1, 2)]


def peak_memory(process_id: int) -> int:
    status = pathlib.Path(f"/proc/{process_id}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE).group(1)) * 1024


def run_measured(*words: object) -> tuple[int, int]:
    """Exit code and peak memory of a command."""
    process = subprocess.Popen([program("cutover"), *map(str, words)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * 1024


def test_a_debian_tree_is_installed_file_by_file(make_device, trees, debian):
    device = make_device(trees[0])
    assert fingerprint(device.slot("A") / "root") == fingerprint(debian / "v1")
    device.run("upgrade", trees[1], timeout=LONG).expect(DONE)
    device.at_rest_on("12.2")
    assert fingerprint(device.slot("B") / "root") == fingerprint(debian / "v2")


def test_a_debian_image_is_installed_byte_by_byte(make_device, images, debian):
    assert (debian / "v2.ext4").stat().st_size >= 300 * MEBIBYTE
    device = make_device(images[0], start=False)
    assert digest_of(device.slot("A") / "image") == digest_of(debian / "v1.ext4")
    device.start()
    device.run("install", images[1], timeout=LONG).expect(DONE)
    assert digest_of(device.slot("B") / "image") == digest_of(debian / "v2.ext4")
    assert device.agent is not None
    assert peak_memory(device.agent.pid) < MEMORY_LIMIT


@pytest.mark.root
def test_an_image_device_upgrades_and_commits(make_device, images):
    device = make_device(images[0])
    upgraded = device.run("upgrade", images[1], timeout=LONG)
    if upgraded.code == REFUSED and upgraded.error_id == "slot.image_needs_root":
        pytest.skip("images cannot be mounted here")
    upgraded.expect(DONE)
    device.at_rest_on("12.2")


@pytest.mark.root
def test_an_image_with_services_boots(make_device, releases, workplace):
    packages = []
    for release in demo_os.RELEASES[:2]:
        folder = workplace / release.file
        folder.mkdir()
        demo_os.write_root(release, folder / "rootfs", releases.port)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d",
                        folder / "rootfs", folder / "root.ext4", "16m"], check=True,
                       env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        spec = demo_os.write_spec(release, folder, releases.port)
        text = spec.read_text().replace('type = "tree"', 'type = "image"')
        spec.write_text(text.replace('path = "rootfs"', 'path = "root.ext4"'))
        packages.append(releases.builder.build(spec, releases.keys, folder / "nos.cc"))
    device = make_device(packages[0])
    assert "nos 1.0.0" in get(releases.port)[1]
    device.run("upgrade", packages[1], timeout=120).expect(DONE)
    device.at_rest_on("1.1.0")
    assert "nos 1.1.0" in get(releases.port)[1]


@pytest.mark.parametrize("command", ["show", "verify"])
def test_reading_a_large_package_takes_little_memory(releases, images, command):
    more = ("--trust", releases.keys.authority) if command == "verify" else ()
    code, peak = run_measured("package", command, images[1], *more)
    assert code == DONE
    assert peak < MEMORY_LIMIT


def test_reading_four_gibibytes_takes_little_memory(releases, workplace):
    image = workplace / "large.img"
    with image.open("wb") as file:  # mostly holes: what is shown is that memory does not grow
        for number in range(16):
            file.seek(number * 256 * MEBIBYTE)
            file.write(os.urandom(MEBIBYTE))
        file.truncate(4096 * MEBIBYTE)
    package = build(releases, workplace / "built", "4.0", "image", image)
    code, peak = run_measured("package", "verify", package, "--trust", releases.keys.authority)
    assert code == DONE
    assert peak < MEMORY_LIMIT
    device = Device(workplace / "device")
    cutover("device", "create", device.folder, "--base", releases["1.0.0"], "--trust",
            releases.keys.authority).expect(DONE)
    try:
        device.start()
        device.run("install", package, timeout=LONG).expect(DONE)
        assert device.agent is not None
        assert peak_memory(device.agent.pid) < MEMORY_LIMIT
    finally:
        device.kill()


def test_the_same_input_gives_the_same_package(releases, debian, images, workplace):
    one, two = images[0], build(releases, workplace / "two", "12.1", "image", debian / "v1.ext4")
    parts = [subprocess.run(["tar", "-xOf", package, "manifest.json"], check=True,
                            capture_output=True).stdout for package in (one, two)]
    assert parts[0] == parts[1]
