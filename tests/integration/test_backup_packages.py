"""Backups that hold the packages on top of the base, and devices that get them back."""

import pathlib
import shutil

import pytest

from harness import DONE, REFUSED, Device, cutover, rows
from packages import Shelf
from test_backup import create, file_of, set_proof


@pytest.fixture
def shelf(releases, workplace) -> Shelf:
    return Shelf(releases, workplace / "shelf")


@pytest.fixture
def loaded(device, shelf) -> Device:
    """Two packages on top, whose files are gone from where they were installed from."""
    for package in (shelf.plain("web", "1.0"), shelf.plain("dns", "2.0")):
        device.run("install", package).expect(DONE)
        package.unlink()
    set_proof(device, "then")
    return device


def packages(device: Device) -> list[tuple[str, str, str]]:
    return sorted((one["name"], one["version"], one["state"])
                  for one in rows(device.ask("show", "packages")))


def kept(device: Device) -> list[pathlib.Path]:
    return sorted((device.folder / "packages").iterdir())


def held(device: Device, name: str) -> dict[str, bool]:
    shown = device.ask("backup", "show", name)["backup"]
    return {one["name"]: one["held"] for one in shown["packages"]}


def test_a_backup_holds_the_packages_unless_told_otherwise(loaded, releases):
    name = create(loaded)
    assert held(loaded, name) == {"web": True, "dns": True}
    assert "is whole" in loaded.run("backup", "verify", name).expect(DONE).out
    said = loaded.run("backup", "create", "--no-packages", "--name", "small").expect(DONE).out
    assert "Without web 1.0, dns 2.0." in said
    small = next(one["name"] for one in loaded.ask("backup", "list")["backups"]
                 if one["name"].startswith("small"))
    assert held(loaded, small) == {"web": False, "dns": False}
    loaded.run("upgrade", releases["1.1.0"]).expect(DONE)
    own = next(one["name"] for one in loaded.ask("backup", "list")["backups"] if one["automatic"])
    assert held(loaded, own) == {"web": False, "dns": False}  # they are on the device


def test_package_files_go_with_their_packages(loaded):
    assert len(kept(loaded)) == 2
    loaded.run("reset", "--factory", "--yes").expect(DONE)
    assert not (loaded.folder / "packages").exists() or not kept(loaded)


def test_a_new_device_has_the_same_packages(loaded, releases, workplace):
    file = file_of(loaded, create(loaded))
    before = packages(loaded)
    twin = Device(workplace / "twin")
    cutover("device", "create", twin.folder, "--base", releases["1.0.0"], "--from-backup",
            file).expect(DONE)
    loaded.kill()  # they have one address
    try:
        twin.start()
        assert packages(twin) == before
        twin.at_rest_on("1.0.0")
        assert (twin.folder / "run" / "root" / "share" / "web" / "version").read_text() == "1.0\n"
        assert len(kept(twin)) == 2
        assert held(twin, create(twin)) == {"web": True, "dns": True}
        twin.run("uninstall", "dns").expect(DONE)
        twin.run("upgrade", releases["1.1.0"]).expect(DONE)
        assert ("web", "1.0", "running") in packages(twin)
    finally:
        twin.kill()


def test_a_restore_brings_packages_back_that_are_gone(loaded):
    name = create(loaded)
    file = loaded.folder.parent / "then.backup"
    shutil.copy(file_of(loaded, name), file)
    loaded.run("uninstall", "web").expect(DONE)
    loaded.run("packages", "drop", "web")
    preview = loaded.run("backup", "restore", file, "--preview").expect(DONE).out
    assert "cutover install web" in " ".join(preview.split())
    loaded.run("backup", "restore", file, "--yes").expect(DONE)
    loaded.run("install", "web").expect(DONE)
    assert ("web", "1.0", "running") in packages(loaded)


def test_a_backup_with_packages_that_nobody_here_trusts_is_refused(loaded, make_device, workplace,
                                                                  releases):
    file = file_of(loaded, create(loaded))
    loaded.kill()
    other = make_device(name="other", start=False)
    for anchor in (other.folder / "trust").iterdir():
        anchor.unlink()
    keys = releases.builder.keygen(workplace / "other-keys")
    shutil.copy(keys.authority, other.folder / "trust" / "other.crt")
    other.start()
    refused = other.run("backup", "restore", file, "--yes", "--force", "backup-device")
    assert refused.code == REFUSED and refused.error_id == "signature.unknown_signer", refused
    other.at_rest_on("1.0.0")
    assert "web" not in [name for name, _, _ in packages(other)]
