"""Packages that nobody should trust: refused by name, with nothing changed."""

import io
import random
import shutil
import socket
import subprocess
import tarfile

import demo_os
import pytest

from harness import (DONE, FAILED, REFUSED, Device, cutover, must_refuse, openssl, remove_folder,
                     short_folder)


def members(package) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(package) as tar:
        return [(info, tar.extractfile(info).read()) for info in tar]


def written(path, parts) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for info, data in parts:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.fixture(scope="module")
def untouched(releases):
    """One device for all: every package here must leave it as it is."""
    folder = short_folder()
    device = Device(folder / "device")
    cutover("device", "create", device.folder, "--base", releases["1.0.0"], "--trust",
            releases.keys.authority).expect(DONE)
    device.start()
    yield device
    device.kill()
    remove_folder(folder)


def test_something_that_is_no_package(untouched, tmp_path):
    file = tmp_path / "nos.cc"
    file.write_bytes(b"#!/bin/sh\nrm -rf /\n" * 1000)
    must_refuse(untouched, file, ("package.",))


def test_an_empty_file(untouched, tmp_path):
    (tmp_path / "nos.cc").touch()
    must_refuse(untouched, tmp_path / "nos.cc", ("package.",))


def test_a_folder_and_a_pipe_do_not_hang_it(untouched, tmp_path):
    assert untouched.run("upgrade", tmp_path).code != DONE
    untouched.at_rest_on("1.0.0")


def test_an_unsigned_package(untouched, releases):
    must_refuse(untouched, releases.make("unsigned", "1.1.0", signed=False),
                ("package.", "signature."))


def test_a_package_of_somebody_else(untouched, releases, tmp_path):
    stranger = releases.builder.keygen(tmp_path / "stranger")
    must_refuse(untouched, releases.make("stranger", "1.1.0", keys=stranger),
                ("signature.unknown_signer",))


def other_use(releases, tmp_path) -> demo_os.Keys:
    """A certificate of the right authority, but for servers."""
    keys = demo_os.Keys(tmp_path / "server")
    keys.folder.mkdir()
    authority_key = next(path for path in releases.keys.folder.iterdir()
                         if path.name in ("ca.key", "ca-key.pem", "authority.key"))
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", keys.key)
    openssl("req", "-new", "-key", keys.key, "-subj", "/CN=www", "-out", tmp_path / "csr")
    extensions = tmp_path / "extensions"
    extensions.write_text("extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n")
    openssl("x509", "-req", "-in", tmp_path / "csr", "-CA", releases.keys.authority, "-CAkey",
            authority_key, "-set_serial", "77", "-days", "30", "-extfile", extensions, "-out",
            keys.certificate)
    return keys


def test_a_package_signed_with_a_servers_certificate(untouched, releases, tmp_path):
    keys = other_use(releases, tmp_path)
    package = tmp_path / "nos.cc"
    shutil.copy(releases["1.1.0"], package)
    try:
        releases.builder.sign(package, keys)
    except RuntimeError as problem:  # the tool does not help with it: sign without the tool
        assert "key.unsuitable" in str(problem) or "wrong_use" in str(problem)
        parts = members(releases["1.1.0"])
        manifest = tmp_path / "manifest.json"
        manifest.write_bytes(parts[1][1])
        openssl("cms", "-sign", "-binary", "-md", "sha256", "-in", manifest, "-signer",
                keys.certificate, "-inkey", keys.key, "-outform", "DER", "-out", tmp_path / "sig")
        parts[0] = (parts[0][0], (tmp_path / "sig").read_bytes())
        written(package, parts)
    must_refuse(untouched, package, ("signature.", "package."))


def found_when(package, place: int) -> int:
    """The exit code for a byte changed at `place`: all before the payload is read while planning,
    the payload while it is written."""
    with tarfile.open(package) as tar:
        return REFUSED if place < tar.getmember("payload").offset_data else FAILED


@pytest.mark.parametrize("seed", range(24))
def test_a_changed_byte(untouched, releases, tmp_path, seed):
    """A sample over the whole file; the unit tests change every byte of a small package."""
    data = bytearray(releases["1.1.0"].read_bytes())
    chance = random.Random(seed)
    place = chance.randrange(4096) if seed % 3 == 0 else chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    file = tmp_path / "nos.cc"
    file.write_bytes(data)
    must_refuse(untouched, file, ("package.", "signature.", "manifest."),
                found_when(releases["1.1.0"], place))


@pytest.mark.parametrize("part", [0.0001, 0.01, 0.3, 0.7, 0.9999])
def test_a_package_that_is_cut_short(untouched, releases, tmp_path, part):
    data = releases["1.1.0"].read_bytes()
    size = int(len(data) * part)
    (tmp_path / "nos.cc").write_bytes(data[:size])
    must_refuse(untouched, tmp_path / "nos.cc", ("package.",), REFUSED)


def test_a_package_with_more_behind_it(untouched, releases, tmp_path):
    (tmp_path / "nos.cc").write_bytes(releases["1.1.0"].read_bytes() + b"\0" * 512)
    must_refuse(untouched, tmp_path / "nos.cc", ("package.trailing_data",), REFUSED)


@pytest.mark.parametrize("how", ["swapped", "twice", "missing", "renamed", "extra"])
def test_members_that_are_not_where_they_belong(untouched, releases, tmp_path, how):
    parts = members(releases["1.1.0"])
    if how == "swapped":
        parts[2], parts[3] = parts[3], parts[2]
    elif how == "twice":
        parts.insert(2, parts[1])
    elif how == "missing":
        del parts[2]
    elif how == "renamed":
        parts[2][0].name = "../../etc/passwd"
    else:
        parts.append((tarfile.TarInfo("more"), b"more"))
    written(tmp_path / "nos.cc", parts)
    must_refuse(untouched, tmp_path / "nos.cc", ("package.",))


@pytest.mark.parametrize("how", ["device", "link", "socket"])
def test_a_tree_with_what_does_not_belong_in_it_is_not_built(releases, tmp_path, how):
    release = demo_os.Release("nos-bad-tree", "1.1.0")
    root = tmp_path / "rootfs"
    demo_os.write_root(release, root, releases.port)
    if how == "device":
        made = subprocess.run(["mknod", root / "null", "c", "1", "3"], check=False)
        if made.returncode != 0:
            pytest.skip("making a device node needs root")
    elif how == "link":
        (root / "way-out").symlink_to("../../../../etc/shadow")
    else:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(str(root / "s"))
    spec = demo_os.write_spec(release, tmp_path, releases.port)
    refused = cutover("package", "build", "--spec", spec, "--output", tmp_path / "nos.cc")
    assert refused.code != DONE
    assert refused.error_id
    assert not (tmp_path / "nos.cc").exists()
