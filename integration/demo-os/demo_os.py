"""Builds releases of a small network OS, "nos", from Debian's busybox: for ./demo and the tests.

A release is package.toml.in and rootfs/, with a few words replaced. Variants of 1.2.0 are broken in
one way each.
"""

import dataclasses
import os
import pathlib
import random
import shutil
import socket
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = pathlib.Path("/bin/busybox")
EPOCH = 2
SOURCE_DATE = "1767225600"  # 2026-01-01: the same input gives the same packages

WEB_COMMAND = 'command = ["bin/busybox", "httpd", "-f", "-p", "127.0.0.1:@PORT@", "-h", "www"]'
BOOT_COMMAND = 'command = ["bin/busybox", "sh", "bin/prepare"]'


@dataclasses.dataclass(frozen=True)
class Release:
    """What makes one release: `edits` replace text of package.toml.in, each exactly once."""

    file: str
    version: str
    came_from: str = ">=1.0"
    epoch: int = EPOCH
    edits: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # path in the root file system -> text
    without: tuple[str, ...] = ()


NEW_CONFIG = ("etc/nos.conf", "# Configuration of nos.\nhostname = router\nlog-level = warning\n"
                              "telemetry = on\n")

RELEASES = (
    Release("nos-1.0.0", "1.0.0"),
    Release("nos-1.1.0", "1.1.0", files=(
        NEW_CONFIG, ("www/news.html", "<p>New in 1.1: this page.</p>\n"))),
    Release("nos-1.2.0", "1.2.0", files=(NEW_CONFIG,)),
    Release("nos-2.0.0", "2.0.0", came_from=">=1.1", files=(NEW_CONFIG,)),
    # The page that the health check asks for is gone: 404.
    Release("nos-1.2.0-broken-web", "1.2.0", without=("www/index.html",)),
    # The web server ends as soon as it is started.
    Release("nos-1.2.0-broken-exit", "1.2.0",
            edits=((WEB_COMMAND, 'command = ["bin/busybox", "false"]'),)),
    # The boot never gets past its first service.
    Release("nos-1.2.0-broken-hang", "1.2.0",
            edits=((BOOT_COMMAND, 'command = ["bin/busybox", "sleep", "3600"]'),
                   ('start-timeout = "5s"', 'start-timeout = "1s"'))),
    # A service names a program that is not in the package.
    Release("nos-1.2.0-broken-missing", "1.2.0",
            edits=((WEB_COMMAND, 'command = ["bin/webserver"]'),)),
    # Newer by version, but of an older security epoch.
    Release("nos-1.3.0-old-epoch", "1.3.0", epoch=EPOCH - 1),
)


def free_port() -> int:
    """A port that nobody listens on now. Nobody may take it before the service does, we hope."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def filled(text: str, release: Release, port: int) -> str:
    for old, new in (("@VERSION@", release.version), ("@FROM@", release.came_from),
                     ("@EPOCH@", str(release.epoch)), ("@PORT@", str(port))):
        text = text.replace(old, new)
    return text


def write_root(release: Release, root: pathlib.Path, port: int, ballast_mb: int = 0) -> None:
    shutil.copytree(HERE / "rootfs", root)
    for file in root.rglob("*"):
        if file.is_file():
            file.write_text(filled(file.read_text(), release, port))
            file.chmod(0o755 if file.parent.name == "bin" else 0o644)
    shutil.copyfile(BUSYBOX, root / "bin" / "busybox")
    (root / "bin" / "busybox").chmod(0o755)
    (root / "bin" / "sh").symlink_to("busybox")
    for name, text in release.files:
        (root / name).write_text(filled(text, release, port))
    for name in release.without:
        (root / name).unlink()
    if ballast_mb:
        write_ballast(root / "www" / "maps.bin", release.version, ballast_mb)


def write_ballast(file: pathlib.Path, version: str, megabytes: int) -> None:
    """Data that does not compress; a quarter of it differs from version to version."""
    same, differs = random.Random("maps"), random.Random(version)
    with file.open("wb") as out:
        for number in range(megabytes):
            out.write((differs if number % 4 == 3 else same).randbytes(1_000_000))


def write_spec(release: Release, folder: pathlib.Path, port: int, extra: str = "") -> pathlib.Path:
    text = (HERE / "package.toml.in").read_text()
    for old, new in release.edits:
        if text.count(old) != 1:
            raise ValueError(f"{release.file}: {old!r} is {text.count(old)} times in the template")
        text = text.replace(old, new)
    spec = folder / "package.toml"
    spec.write_text(filled(text, release, port) + extra)
    return spec


@dataclasses.dataclass(frozen=True)
class Keys:
    """A folder with a certificate authority and a signer below it."""

    folder: pathlib.Path

    @property
    def authority(self) -> pathlib.Path:
        return self.folder / "ca.crt"

    @property
    def key(self) -> pathlib.Path:
        return self.folder / "signer.key"

    @property
    def certificate(self) -> pathlib.Path:
        return self.folder / "signer.crt"


class Builder:
    """Calls `cutover package ...`: the one place that knows its grammar."""

    def __init__(self, cutover: str) -> None:
        self.cutover = cutover

    def run(self, *words: object) -> str:
        environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE}
        done = subprocess.run([self.cutover, "package", *map(str, words)], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=environment)
        if done.returncode != 0:
            raise RuntimeError(f"cutover package {' '.join(map(str, words))} ended with "
                               f"{done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def keygen(self, folder: pathlib.Path) -> Keys:
        self.run("keygen", folder)
        return Keys(folder)

    def build(self, spec: pathlib.Path, keys: Keys | None, out: pathlib.Path,
              *more: object) -> pathlib.Path:
        """Builds the package; signs it, unless there are no keys."""
        self.run("build", "--spec", spec, "--output", out, *more)
        if keys:
            self.sign(out, keys)
        return out

    def sign(self, package: pathlib.Path, keys: Keys) -> None:
        self.run("sign", package, "--key", keys.key, "--cert", keys.certificate)

    def release(self, release: Release, keys: Keys | None, out: pathlib.Path, port: int,
                ballast_mb: int = 0, extra: str = "") -> pathlib.Path:
        """One release, from template to signed package; leaves its sources beside it."""
        work = out.parent / "work" / release.file
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_root(release, work / "rootfs", port, ballast_mb)
        return self.build(write_spec(release, work, port, extra), keys, out)
