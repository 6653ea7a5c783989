"""Backups: made by hand and by operations, verified, restored, pruned; the database compacted."""

import pathlib
import re
import shutil
import sqlite3
import subprocess

import pytest

from harness import DONE, FAILED, REFUSED, Device, cutover, rows, until


def create(device: Device, *words: object) -> str:
    """Makes one; its name."""
    return device.run("backup", "create", *words, "--json").expect(DONE).json["backup"]["name"]


def file_of(device: Device, name: str) -> pathlib.Path:
    return device.folder / "backups" / f"{name}.backup"


def names(device: Device) -> list[str]:
    return [backup["name"] for backup in device.ask("backup", "list")["backups"]]


def set_proof(device: Device, text: str) -> None:
    """What a backup is to bring back, in the database and in files."""
    with sqlite3.connect(device.folder / "device.db", timeout=10) as database:
        database.execute("CREATE TABLE IF NOT EXISTS config_proof(text TEXT)")
        database.execute("DELETE FROM config_proof")
        database.execute("INSERT INTO config_proof VALUES(?)", [text])
    database.close()
    (device.folder / "known_hosts").write_text(text)
    config = device.folder / "data" / "startup-config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "config").write_text(text)


def proofs(device: Device) -> set[str]:
    database = sqlite3.connect(device.folder / "device.db", timeout=10)
    found = database.execute("SELECT text FROM config_proof").fetchone()[0]
    database.close()
    return {found, (device.folder / "known_hosts").read_text(),
            (device.folder / "data" / "startup-config" / "config").read_text()}


def test_a_backup_is_made_listed_shown_and_verified(device):
    name = create(device)
    assert re.fullmatch(r"nos-1\.0\.0@\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", name)
    assert file_of(device, name).stat().st_mode & 0o777 == 0o600
    shown = device.ask("backup", "show", name)["backup"]
    assert shown["base"]["version"] == "1.0.0"
    assert shown["uuid"] == (device.folder / "uuid").read_text().strip()
    members = {member["name"] for member in shown["members"]}
    assert {"device.db", "device.toml"} < members
    assert not any("audit" in member or "key" in member for member in members)
    assert "is whole" in device.run("backup", "verify", name).expect(DONE).out
    golden = create(device, "--name", "golden")
    assert golden.startswith("golden-1.0.0@")
    assert names(device) == sorted(names(device), key=lambda one: one.split("@")[1])
    assert device.run("backup", "create", "--name", "../x").expect(REFUSED).error_id == \
        "backup.bad_name"


def test_anybody_can_read_one_with_tar(device):
    listed = subprocess.run(["tar", "--zstd", "-tf", file_of(device, create(device))], check=True,
                            capture_output=True, text=True).stdout.splitlines()
    assert listed[0] == "manifest.json"
    assert "device.db" in listed


def test_a_backup_is_consistent_while_an_upgrade_runs(device, releases):
    gate = device.gate("install")
    upgrade = device.client("upgrade", releases["1.1.0"])
    gate.wait()
    during = create(device, "--name", "during")
    assert device.run("compact").expect(REFUSED).error_id == "operation.busy"
    gate.open()
    assert upgrade.wait(60) == DONE
    device.at_rest_on("1.1.0")
    device.run("backup", "verify", during).expect(DONE)
    assert device.ask("backup", "show", during)["backup"]["base"]["version"] == "1.0.0"


def test_an_upgrade_makes_one_by_itself_and_says_so(device, releases):
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    automatic = [backup for backup in device.ask("backup", "list")["backups"]
                 if backup["automatic"]]
    assert [backup["base"]["version"] for backup in automatic] == ["1.0.0"]
    prep = next(stage for stage in device.last_operation()["stages"] if stage["stage"] == "prep")
    assert f"backup {automatic[0]['name']}, " in prep["detail"]


def test_a_byte_changed_is_found_wherever_it_is(device):
    name = create(device)
    file = file_of(device, name)
    whole = file.read_bytes()

    def content() -> bytes:
        return subprocess.run(["zstd", "-dcq", file], check=True, capture_output=True).stdout

    before = content()
    for at in range(4, len(whole), max(1, len(whole) // 40)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1:])
        said = device.run("backup", "verify", name)
        if said.code == DONE:  # a bit that compression does not use
            assert content() == before
        else:
            assert said.expect(FAILED).error_id == "backup.damaged"
    file.write_bytes(whole[:-5])
    refused = device.run("backup", "restore", name, "--yes")
    assert refused.code != DONE and refused.error_id == "backup.damaged"
    assert device.last_operation()["state"] == "refused"


def test_a_restore_brings_back_what_was_set_then(device, releases):
    set_proof(device, "then")
    name = create(device)
    set_proof(device, "now")
    device.run("backup", "restore", name, "--preview").expect(DONE)
    assert proofs(device) == {"now"}
    before = device.ask("show", "generations")
    device.run("backup", "restore", name, "--yes").expect(DONE)
    assert proofs(device) == {"then"}
    assert device.ask("show", "generations") == before, "what slots hold is no setting"
    device.at_rest_on("1.0.0")
    device.run("upgrade", releases["1.1.0"]).expect(DONE)


def test_a_restore_after_a_failed_upgrade(device, releases):
    set_proof(device, "then")
    assert device.run("upgrade", releases["1.2.0-broken-web"]).code == FAILED
    device.at_rest_on("1.0.0")
    set_proof(device, "spoilt meanwhile")
    device.run("backup", "restore", names(device)[-1], "--yes").expect(DONE)
    assert proofs(device) == {"then"}


def test_a_restore_of_another_base_says_how_to_get_there(device, releases):
    set_proof(device, "then")
    name = create(device)
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    refused = device.run("backup", "restore", name, "--yes").expect(REFUSED)
    assert refused.error_id == "plan.backup_standby"
    assert "cutover rollback" in refused.err
    device.run("rollback", "--yes").expect(DONE)
    device.run("backup", "restore", name, "--yes").expect(DONE)
    device.at_rest_on("1.0.0")


def test_a_restore_is_cut_by_power_and_is_whole_or_not_at_all(device):
    set_proof(device, "then")
    name = create(device)
    set_proof(device, "now")
    device.script("postexecute", "45-cut.sh", "touch cut-here; sleep 60\n")
    client = device.client("backup", "restore", name, "--yes")
    until((device.folder / "cut-here").exists, "the configuration is back")
    device.kill()
    device.script("postexecute", "45-cut.sh", "exit 0\n")
    device.start()
    until(lambda: device.ask("show", "status")["operation"] is None, "it is over")
    assert client.wait(60) == DONE
    assert proofs(device) == {"then"}


def test_a_damaged_database_is_taken_out_of_a_backup_by_hand(device):
    set_proof(device, "then")
    file = file_of(device, create(device))
    device.stop()
    database = device.folder / "device.db"
    database.write_bytes(b"spoilt" * 1000)
    for beside in ("-wal", "-shm"):
        database.with_name(database.name + beside).unlink(missing_ok=True)
    with database.open("wb") as out:
        subprocess.run(["tar", "--zstd", "-xOf", file, "device.db"], check=True, stdout=out)
    device.start()
    device.at_rest_on("1.0.0")
    assert proofs(device) == {"then"}


def test_a_new_device_is_made_like_the_old_one(device, releases, workplace):
    set_proof(device, "then")
    file = file_of(device, create(device))
    twin = Device(workplace / "twin")
    made = cutover("device", "create", twin.folder, "--base", releases["1.0.0"], "--from-backup",
                   file).expect(DONE)
    assert "set as" in made.out
    try:
        assert proofs(twin) == {"then"}
        device.kill()  # they have one address
        twin.start()
        twin.at_rest_on("1.0.0")
        assert (twin.folder / "uuid").read_text() != (device.folder / "uuid").read_text()
        assert len(rows(twin.ask("show", "generations"))) == 1
        refused = twin.run("backup", "restore", file, "--yes").expect(REFUSED)
        assert refused.error_id == "check.backup_device"
        twin.run("backup", "restore", file, "--yes", "--force", "backup-device").expect(DONE)
    finally:
        twin.kill()


def test_a_new_device_is_not_made_of_what_does_not_fit(device, releases, workplace):
    file = file_of(device, create(device))
    twin = workplace / "twin"
    other = cutover("device", "create", twin, "--base", releases["1.1.0"], "--from-backup", file)
    assert other.expect(REFUSED).error_id == "plan.backup_base"
    broken = workplace / "broken.backup"
    broken.write_bytes(file.read_bytes()[:-20])
    refused = cutover("device", "create", twin, "--base", releases["1.0.0"], "--from-backup",
                      broken)
    assert refused.expect(FAILED).error_id == "backup.damaged"
    assert not twin.exists() or not any(twin.iterdir())


def test_policy_keeps_the_last_ones(device, releases):
    device.stop()
    device.configure("[backup]\nkeep = 2")
    device.start()
    kept = create(device, "--name", "mine")
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    for _ in range(2):
        device.run("rollback", "--yes").expect(DONE)
    found = names(device)
    assert kept in found and len(found) == 3
    device.run("backup", "prune", kept).expect(DONE)
    assert kept not in names(device)
    assert "No backup was removed" in device.run("backup", "prune").expect(DONE).out


def test_compact_says_before_and_after(device):
    with sqlite3.connect(device.folder / "device.db", timeout=10) as database:
        database.execute("CREATE TABLE filler(text TEXT)")
        database.execute("INSERT INTO filler VALUES(hex(zeroblob(1000000)))")
        database.execute("DROP TABLE filler")
    database.close()
    said = device.ask("compact")
    assert said["database"]["before"] > 1_000_000 > said["database"]["after"]
    device.at_rest_on("1.0.0")


@pytest.mark.root
def test_a_full_disk_refuses_the_upgrade_and_says_what_helps(workplace, releases):
    folder = workplace / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", folder], check=False,
                          capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"cannot mount here: {made.stderr.strip()}")
    device = Device(folder / "device")
    try:
        cutover("device", "create", device.folder, "--base", releases["1.0.0"], "--trust",
                releases.keys.authority).expect(DONE)
        with sqlite3.connect(device.folder / "device.db") as database:
            database.execute("CREATE TABLE config_large(content BLOB)")
            database.execute("INSERT INTO config_large VALUES(zeroblob(16000000))")
        database.close()
        device.start()
        free = shutil.disk_usage(folder).free
        (folder / "filler").write_bytes(b"x" * (free - 24_000_000))
        refused = device.run("upgrade", releases["1.1.0"]).expect(REFUSED)
        assert refused.error_id == "check.backup_space"
        assert "cutover backup prune" in refused.err and "automatic = false" in refused.err
        assert device.run("backup", "create").expect(REFUSED).error_id == "backup.not_written"
        assert not list(device.folder.glob("backups/*.backup"))
        device.at_rest_on("1.0.0")
        device.stop()
        device.configure("[backup]\nautomatic = false")
        device.start()
        device.run("upgrade", releases["1.1.0"]).expect(DONE)
        device.at_rest_on("1.1.0")
    finally:
        device.kill()
        subprocess.run(["umount", "-l", folder], check=False)
