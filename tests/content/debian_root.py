#!/usr/bin/env python3
"""Root file systems made from Debian's own packages, in two versions, as trees and ext4 images.

    tests/content/debian_root.py [--cache build/content]

makes CACHE/v1/, CACHE/v2/ and CACHE/v1.ext4, CACHE/v2.ext4, where they are not there yet; then it
needs no network. The second version is the first with some packages gone and others come, as a next
release is. Packages come from the machine's own apt sources. As root it is a whole system made by
mmdebstrap; otherwise the same packages are only unpacked.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEFAULT_CACHE = ROOT / "build" / "content"
FORMAT = "4"  # a cache made by another version of this file is made again

COMMON = ("ca-certificates", "curl", "gdb", "iproute2", "iputils-ping", "linux-image-cloud-amd64",
          "nftables", "openssh-server", "python3", "snmp", "strongswan", "systemd", "systemd-sysv",
          "tcpdump", "vim-nox")
PACKAGES = {"v1": (*COMMON, "frr", "snmpd"),
            "v2": (*COMMON, "bird2", "wireguard-tools", "mtr-tiny")}
UNPACK_ONLY = ("base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "diffutils",
               "dpkg", "findutils", "grep", "gzip", "hostname", "libc-bin", "login", "mawk",
               "passwd", "sed", "tar", "util-linux")

IMAGE_TIME = 1767225600  # 2026-01-01
IMAGE_UUID = "6d1a2f0e-0c5b-4b6e-9d0a-3f1f0c1e5a01"
IMAGE_MIN_BYTES = 320 * 1024 * 1024
BLOCK = 4096


class ContentError(Exception):
    """The content cannot be made on this machine; the text says why."""


def run(*words: object, **more) -> str:
    line = [str(word) for word in words]
    try:
        done = subprocess.run(line, check=False, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", **more)
    except OSError as problem:
        raise ContentError(f"{line[0]}: {problem}") from problem
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-2000:]
        raise ContentError(f"`{' '.join(line[:6])} ...` ended with {done.returncode}:\n{said}")
    return done.stdout


def codename() -> str:
    text = pathlib.Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=\"?(\w+)", text, re.MULTILINE)
    if not found:
        raise ContentError("/etc/os-release names no VERSION_CODENAME")
    return found.group(1)


def apt_sources() -> list[pathlib.Path]:
    folder = pathlib.Path("/etc/apt")
    listed = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return [file for file in listed if file.suffix in (".list", ".sources") and file.is_file()
            and file.stat().st_size > 0]


def proxy_options() -> list[str]:
    dumped = run("apt-config", "dump").splitlines()
    return [f"--aptopt={line.rstrip(';')}" for line in dumped
            if re.match(r"Acquire::https?::Proxy", line)]


def make_whole(packages: tuple[str, ...], tree: pathlib.Path) -> None:
    # An initial RAM disk takes long to make and holds nothing new; a cut here loses a cache.
    run("mmdebstrap", "--variant=minbase", "--include=" + ",".join(packages), "--quiet",
        "--dpkgopt=force-unsafe-io", *proxy_options(), codename(), tree, *apt_sources(),
        env={**os.environ, "SOURCE_DATE_EPOCH": str(IMAGE_TIME), "LC_ALL": "C.UTF-8",
             "INITRD": "No"})
    for node in (tree / "dev").iterdir():  # made anew by every boot; no package carries them
        node.unlink() if not node.is_dir() or node.is_symlink() else shutil.rmtree(node)


def make_unpacked(packages: tuple[str, ...], tree: pathlib.Path, cache: pathlib.Path) -> None:
    archives = cache / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    status = cache / "no-status"
    status.write_text("")
    planned = run("apt-get", "-o", "Debug::NoLocking=1", "-o", f"Dir::State::status={status}",
                  "-o", f"Dir::Cache::archives={archives}", "install", "--print-uris", "-qq", "-y",
                  "--no-install-recommends", *UNPACK_ONLY, *packages)
    run("apt-get", "-o", "Debug::NoLocking=1", "-o", f"Dir::State::status={status}",
        "-o", f"Dir::Cache::archives={archives}", "install", "--download-only", "-qq", "-y",
        "--no-install-recommends", *UNPACK_ONLY, *packages)
    tree.mkdir(parents=True)
    for name in re.findall(r"^'\S+' (\S+\.deb) ", planned, re.MULTILINE):
        run("dpkg-deb", "-x", archives / name, tree)


def make_tree(version: str, cache: pathlib.Path) -> pathlib.Path:
    tree = cache / version
    if tree.is_dir():
        return tree
    half = cache / f"{version}.making"
    if half.exists():
        shutil.rmtree(half)
    if os.geteuid() == 0:
        make_whole(PACKAGES[version], half)
    else:
        make_unpacked(PACKAGES[version], half, cache)
    half.rename(tree)
    return tree


def content_bytes(tree: pathlib.Path) -> int:
    """Blocks that the tree takes in an ext4 file system, about."""
    total = 0
    for folder, _, names in os.walk(tree):
        total += BLOCK
        for name in names:
            total += -(-(pathlib.Path(folder) / name).lstat().st_size // BLOCK) * BLOCK + 256
    return total


def settle_times(image: pathlib.Path) -> None:
    """mke2fs copies access and change times, which differ from reading to reading of the tree."""
    header = run("dumpe2fs", "-h", image)
    inodes = int(re.search(r"^Inode count:\s+(\d+)", header, re.MULTILINE).group(1))
    free = int(re.search(r"^Free inodes:\s+(\d+)", header, re.MULTILINE).group(1))
    numbers = [2, *range(11, inodes - free + 1)]
    commands = "".join(f"sif <{number}> {field} @{IMAGE_TIME}\n" for number in numbers
                       for field in ("atime", "ctime", "crtime"))
    script = image.with_suffix(".times")
    script.write_text(commands)
    run("debugfs", "-w", "-f", script, image, env=image_environment())
    script.unlink()


def image_environment() -> dict[str, str]:
    return {**os.environ, "E2FSPROGS_FAKE_TIME": str(IMAGE_TIME),
            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}


def make_image(version: str, cache: pathlib.Path) -> pathlib.Path:
    image = cache / f"{version}.ext4"
    if image.exists():
        return image
    tree = make_tree(version, cache)
    megabyte = 1024 * 1024
    size = max(IMAGE_MIN_BYTES, int(content_bytes(tree) * 1.08) + 24 * megabyte)
    half = cache / f"{version}.ext4.making"
    half.unlink(missing_ok=True)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", BLOCK, "-U", IMAGE_UUID, "-L", "nos-root",
        "-m", "0", "-N", "40000", "-O", "^has_journal", "-E",
        f"hash_seed={IMAGE_UUID},root_owner=0:0,lazy_itable_init=0,nodiscard",
        "-d", tree, half, f"{-(-size // megabyte)}m", env=image_environment())
    settle_times(half)
    half.rename(image)
    return image


def prepare(cache: pathlib.Path = DEFAULT_CACHE) -> pathlib.Path:
    """All of it. Raises ContentError when it cannot be made."""
    cache.mkdir(parents=True, exist_ok=True)
    stamp = cache / "format"
    wanted = f"{FORMAT} {PACKAGES} {os.geteuid() == 0}\n"
    if not stamp.exists() or stamp.read_text() != wanted:
        for version in PACKAGES:
            shutil.rmtree(cache / version, ignore_errors=True)
            (cache / f"{version}.ext4").unlink(missing_ok=True)
        stamp.write_text(wanted)
    for version in PACKAGES:
        make_image(version, cache)
    return cache


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes root file systems from Debian packages.")
    parser.add_argument("--cache", type=pathlib.Path, default=DEFAULT_CACHE)
    arguments = parser.parse_args()
    try:
        cache = prepare(arguments.cache)
    except ContentError as problem:
        print(f"debian_root.py: {problem}", file=sys.stderr)
        return 1
    for version in PACKAGES:
        size = (cache / f"{version}.ext4").stat().st_size
        print(f"{cache / version} and {cache / version}.ext4 ({size / 1e6:.0f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
