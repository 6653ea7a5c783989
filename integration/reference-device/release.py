"""One release of the reference device: its root file system, and the signed base package of it."""

import dataclasses
import pathlib
import shutil

import kernel
import root
from packages import Apt, ImageError, Lock, Pool, run

HERE = pathlib.Path(__file__).resolve().parent
INTEGRATION = HERE.parent
NAME = "nos"
SLOT_MIB = 128

RUNTIME_LIST = INTEGRATION.parent / "packaging" / "apt-packages.txt"
RUNTIME_SECTION = "# product runtime"


def runtime_packages() -> tuple[str, ...]:
    """What cutover itself needs, from the project's one list of packages."""
    section = RUNTIME_LIST.read_text().split(RUNTIME_SECTION, 1)[1].split("\n\n", 1)[0]
    return tuple(line.split("#")[0].strip() for line in section.splitlines()[1:] if line.strip())


@dataclasses.dataclass
class Programs:
    """Where cutover was built."""

    folder: pathlib.Path

    @property
    def cutover(self) -> pathlib.Path:
        return self.folder / "cutover"

    @property
    def cutoverd(self) -> pathlib.Path:
        return self.folder / "cutoverd"


class Workshop:
    """Makes releases: the packages are fetched and unpacked once."""

    def __init__(self, cache: pathlib.Path, programs: Programs, test_door: bool = False) -> None:
        self.programs = programs
        self.test_door = test_door
        for program in (programs.cutover, programs.cutoverd):
            if not program.exists():
                raise ImageError(f"{program} is missing: build the release preset first")
        with Lock(cache):
            apt = Apt(cache)
            apt.update()
            self.kernel = kernel.fetch(apt, cache)
            debs = apt.fetch([file for file in apt.closure((*root.PACKAGES, *runtime_packages()))
                              if not file.startswith(("perl", "libperl"))])
            self.pool = Pool.of(cache, debs)

    def image(self, version: str, out: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
        """The root file system of a release, as the content of a slot."""
        made = root.Root(work / "root", self.pool)
        root.add_system(made, self.kernel)
        self._add_agent(made)
        made.add_tree(HERE / "rootfs")
        if self.test_door:
            made.add_tree(HERE / "test-door")
            made.take("usr/lib/systemd/systemd-socket-proxyd")
        root.enable_units(made, made.tree / "usr/lib/systemd/system")
        made.write("etc/os-release", f'NAME="{NAME}"\nID={NAME}\nVERSION_ID="{version}"\n'
                                     f'PRETTY_NAME="{NAME} {version}"\n')
        made.write("usr/share/www/index.html", f"{NAME} {version}\n")
        made.write("etc/nos.conf", "hostname = factory\n")
        (made.tree / "usr/share/www/nos.conf").symlink_to("../../../etc/nos.conf")
        root.make_image(made.tree, out, SLOT_MIB)
        shutil.rmtree(made.tree)
        return out

    def _add_agent(self, made: root.Root) -> None:
        """Programs and units, as `cmake --install` puts them on a device."""
        for name in ("cutoverd", "cutover-persist", "cutover-view"):
            made.install(self.programs.folder / name, f"usr/sbin/{name}")
        made.install(self.programs.cutover, "usr/bin/cutover")
        for file in (INTEGRATION / "systemd").iterdir():
            if file.suffix in (".service", ".timer"):
                made.copy(file, f"usr/lib/systemd/system/{file.name}")
        made.copy(INTEGRATION / "systemd" / "trial-check", "usr/lib/cutover/trial-check")

    def package(self, version: str, image: pathlib.Path, keys: pathlib.Path, out: pathlib.Path,
                extra: str = "") -> pathlib.Path:
        """The signed base package of an image."""
        spec = out.with_suffix(".toml")
        text = (HERE / "package.toml.in").read_text()
        spec.write_text(text.replace("@VERSION@", version).replace("@IMAGE@", str(image)) + extra)
        run(self.programs.cutover, "package", "build", "--spec", spec, "--output", out,
            "--key", keys / "signer.key", "--cert", keys / "signer.crt", "--level", "1",
            environment={"SOURCE_DATE_EPOCH": str(root.IMAGE_TIME)})
        spec.unlink()
        return out

    def make_keys(self, folder: pathlib.Path) -> pathlib.Path:
        if not (folder / "signer.key").exists():
            run(self.programs.cutover, "package", "keygen", folder, "--organisation",
                "Reference Networks")
        return folder
