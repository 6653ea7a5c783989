"""The reference device as the machine tests use it: built once, and shared."""

import fcntl
import hashlib
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INTEGRATION = ROOT / "integration"
sys.path.insert(0, str(INTEGRATION / "reference-device"))
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import faults  # noqa: E402  (the folder is known only now)
import harness  # noqa: E402
import machine  # noqa: E402
import release  # noqa: E402

FOLDER = ROOT / "build" / "machines"
CACHE = ROOT / "build" / "reference-device"
OLD, NEW = "1.0.0", "1.1.0"
FEATURE = """
[package]
kind = "feature"
name = "greet"
version = "@VERSION@"
summary = "Greets"

[payload]
type = "tree"
path = "tree"

[[service]]
name = "greet"
command = ["usr/bin/busybox", "httpd", "-f", "-p", "127.0.0.1:8081", "-h", "/usr/share/greet"]
restart = "always"

[[touches]]
service = "web"
on-change = "restart"

[[health]]
name = "greet is ready"
exec = ["/bin/sh", "-c", "wget -q -O - http://127.0.0.1:8081/ | grep -q ready"]
interval = "500ms"
retries = 10
"""


class Reference:
    """Disks and packages; everything is made when it is first asked for."""

    def __init__(self, folder: pathlib.Path = FOLDER) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.programs = release.Programs(pathlib.Path(harness.program("cutover")).parent)
        self.made: release.Workshop | None = None
        self.lock = (folder / "lock").open("w")
        with self:
            stamp = folder / "stamp"
            if not stamp.exists() or stamp.read_text() != self._inputs():
                for old in folder.glob("*"):
                    if old.name != "lock":
                        shutil.rmtree(old) if old.is_dir() else old.unlink()
                stamp.write_text(self._inputs())

    def __enter__(self) -> "Reference":
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_) -> None:
        fcntl.flock(self.lock, fcntl.LOCK_UN)

    def _inputs(self) -> str:
        total = hashlib.sha256()
        sources = [path for path in sorted(INTEGRATION.rglob("*"))
                   if path.is_file() and path.suffix != ".pyc"]
        for file in (*sources, self.programs.cutover, self.programs.cutoverd,
                     pathlib.Path(faults.__file__), pathlib.Path(__file__)):
            total.update(f"{file}\n".encode() + file.read_bytes())
        return total.hexdigest()

    def _workshop(self) -> release.Workshop:
        if self.made is None:
            self.made = release.Workshop(CACHE, self.programs, test_door=True)
            self.made.make_keys(self.folder / "keys")
        return self.made

    def _image(self, version: str) -> pathlib.Path:
        image = self.folder / f"nos-{version}.ext4"
        if not image.exists():
            self._workshop().image(version, image, self.folder / f"work-{version}")
        return image

    def image(self, version: str) -> pathlib.Path:
        with self:
            return self._image(version)

    def package(self, version: str = NEW, fault: str = "") -> pathlib.Path:
        """The base package of a release, sound or with a fault of faults.py."""
        name = f"nos-{version}{'-' + fault if fault else ''}"
        file = self.folder / f"{name}.cc"
        with self:
            if not file.exists():
                image = self._image(version)
                if fault:
                    image = faults.make_broken(fault, image, self.folder / f"{name}.ext4")
                half = file.with_suffix(".making")
                self._workshop().package(version, image, self.folder / "keys", half)
                half.rename(file)
                if fault:
                    image.unlink()
        return file

    def feature(self, version: str, sound: bool = True) -> pathlib.Path:
        """A package on top of the base: a service of its own, and a page of the base's server."""
        file = self.folder / f"greet-{version}{'' if sound else '-broken'}.ccx"
        with self:
            if file.exists():
                return file
            self._workshop()
            work = self.folder / f"work-{file.stem}"
            for path in ("usr/share/greet", "usr/share/www"):
                (work / "tree" / path).mkdir(parents=True, exist_ok=True)
            (work / "tree/usr/share/greet/index.html").write_text("ready\n" if sound else "not\n")
            (work / "tree/usr/share/www/greet.html").write_text(f"greet {version}\n")
            (work / "package.toml").write_text(FEATURE.replace("@VERSION@", version))
            half = file.with_suffix(".making")
            release.run(self.programs.cutover, "package", "build", "--spec", work / "package.toml",
                        "--output", half, "--key", self.folder / "keys" / "signer.key",
                        "--cert", self.folder / "keys" / "signer.crt")
            half.rename(file)
            shutil.rmtree(work)
        return file

    def disk(self, loader: str = "grub", boots: int = 1) -> pathlib.Path:
        """A disk with OLD in slot A; to be copied, not used. One try a trial: each that fails by
        the watchdog takes most of a minute."""
        file = self.folder / f"{loader}-{boots}.img"
        package = self.package(OLD)
        with self:
            if not file.exists():
                half = self.folder / f"{loader}-making.img"
                work = self.folder / f"work-{loader}"
                work.mkdir(exist_ok=True)
                config = work / "config.toml"
                text = (INTEGRATION / "reference-device" / "device.toml").read_text()
                config.write_text(text.replace("boots = 2", f"boots = {boots}"))
                machine.make_disk(half, loader, work, self._workshop(), self.folder / "keys",
                                  package, config)
                if loader == "uboot":
                    half.with_suffix(".boot").rename(file.with_suffix(".boot"))
                half.rename(file)
        return file


def serve(folder: pathlib.Path) -> harness.FileServer:
    """A machine that is cut or restarted leaves its downloads without a word."""
    server = harness.FileServer(folder)
    server.server.handle_error = lambda *_: None
    return server


def main() -> int:
    """Makes what every test needs."""
    reference = Reference()
    print(reference.disk(), reference.package(NEW))
    return 0


if __name__ == "__main__":
    sys.exit(main())
