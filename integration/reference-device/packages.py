"""Debian packages without root: an apt of our own state, downloads kept, files unpacked to a pool.

Nothing here looks at what the machine itself has installed, but for its apt sources and keys.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import time

APT_LISTS_MAX_AGE_S = 12 * 3600
ARCHITECTURE = "amd64"


class ImageError(Exception):
    """The image cannot be made on this machine; the text says why."""


def run(*words: object, text_in: str = "", **more) -> str:
    line = [str(word) for word in words]
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", **more.pop("environment", {})}
    try:
        done = subprocess.run(line, check=False, input=text_in, capture_output=True, text=True,
                              errors="replace", env=environment, **more)
    except OSError as problem:
        raise ImageError(f"{line[0]}: {problem}") from problem
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-2000:]
        raise ImageError(f"`{' '.join(line[:6])} ...` ended with {done.returncode}:\n{said}")
    return done.stdout


class Lock:
    """One builder at a time in a cache."""

    def __init__(self, cache: pathlib.Path) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self.file = (cache / "lock").open("w")

    def __enter__(self) -> "Lock":
        fcntl.flock(self.file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)


class Apt:
    """apt-get with its state in `cache`, as if nothing were installed."""

    def __init__(self, cache: pathlib.Path) -> None:
        self.folder = cache / "apt"
        self.debs = cache / "debs"
        for folder in ("lists/partial", "cache/archives/partial"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        self.debs.mkdir(parents=True, exist_ok=True)
        (self.folder / "status").write_text("")
        self.options = [
            option for value in (
                f"Dir::State::lists={self.folder}/lists",
                f"Dir::State::status={self.folder}/status",
                f"Dir::Cache={self.folder}/cache", f"APT::Architecture={ARCHITECTURE}",
                "APT::Install-Recommends=0", "Acquire::Languages=none", "APT::Sandbox::User=",
                "Debug::NoLocking=1", "Acquire::Retries=3") for option in ("-o", value)]

    def update(self) -> None:
        stamp = self.folder / "updated"
        if stamp.exists() and stamp.stat().st_mtime + APT_LISTS_MAX_AGE_S > time.time():
            return
        run("apt-get", *self.options, "-q", "update")
        stamp.touch()

    def depends(self, package: str) -> list[str]:
        """The names that a package depends on, as apt-cache tells them."""
        told = run("apt-cache", *self.options, "depends", package)
        return re.findall(r"^\s+Depends: (\S+)", told, re.MULTILINE)

    def closure(self, names: tuple[str, ...]) -> list[str]:
        """File names of the packages and of all that they depend on."""
        told = run("apt-get", *self.options, "-qq", "-y", "--print-uris", "install", *names)
        return sorted(re.findall(r"^'\S+' (\S+\.deb) ", told, re.MULTILINE))

    def fetch(self, files: list[str]) -> list[pathlib.Path]:
        """Downloads what is not there yet. A file name is NAME_VERSION_ARCH.deb."""
        missing = [file for file in files if not (self.debs / file).exists()]
        wanted = ["{}={}".format(*file.replace("%3a", ":").split("_")[:2]) for file in missing]
        if wanted:
            run("apt-get", *self.options, "-q", "download", *wanted, cwd=self.debs)
        return [self.debs / file for file in files]


class Pool:
    """Files of unpacked packages, as on a system with a merged /usr."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, cache: pathlib.Path, debs: list[pathlib.Path]) -> "Pool":
        key = hashlib.sha256("\n".join(deb.name for deb in debs).encode()).hexdigest()[:16]
        folder = cache / f"pool-{key}"
        if not folder.is_dir():
            half = cache / f"pool-{key}.making"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64"):
                (half / name).mkdir(parents=True)
                (half / pathlib.PurePath(name).name).symlink_to(name)
            for deb in debs:
                with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb],
                                      stdout=subprocess.PIPE) as unpacked:
                    run_tar(unpacked, half)
            half.rename(folder)
        return cls(folder)

    def find(self, path: str) -> pathlib.Path:
        found = self.folder / path.lstrip("/")
        if not os.path.lexists(found):
            raise ImageError(f"none of the packages has a file {path}")
        return found

    def library(self, name: str) -> str | None:
        for folder in ("usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd",
                       "usr/lib/systemd", "usr/lib64", "usr/lib"):
            if os.path.lexists(self.folder / folder / name):
                return f"{folder}/{name}"
        return None


def run_tar(unpacked: subprocess.Popen, folder: pathlib.Path) -> None:
    """Through the links of the merged /usr, and without the devices that no package should have."""
    done = subprocess.run(["tar", "-x", "-C", folder, "--keep-directory-symlink", "--no-same-owner",
                           "--exclude=./usr/share/doc", "--exclude=./usr/share/man",
                           "--exclude=./usr/share/locale"],
                          stdin=unpacked.stdout, capture_output=True, text=True, check=False)
    if done.returncode != 0 or unpacked.wait() != 0:
        raise ImageError(f"cannot unpack {unpacked.args[-1]}: {done.stderr[-500:]}")


def needed_libraries(program: pathlib.Path) -> list[str]:
    told = run("readelf", "-d", program)
    return re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]", told)
