"""One instance on a host: versioned folders, a link `current`, and an upgrade of eight steps."""

import json
import os
import stat

import demo_os
import harness
import pytest
from harness import DONE, FAILED, REFUSED, until
from packages import Shelf

# Says how far it is, and is ready when as many seconds as data/delay says have passed.
SLOW = r'''
import os, socket, time
delay = float(open(os.environ["CUTOVER_DATA"] + "/delay").read())
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said:
    said.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
    said.send(b"STATUS=loading 43 %")
    time.sleep(delay)
    said.send(b"STATUS=there\nREADY=1")
time.sleep(3600)
'''


def slow_release(releases, name: str, start_timeout: str = "3s"):
    return releases.make(name, "1.1.0", files=(demo_os.NEW_CONFIG, ("bin/slow.py", SLOW)),
                         extra=f"""
[[service]]
name = "db"
command = ["/usr/bin/python3", "bin/slow.py"]
ready = "notified"
start-timeout = "{start_timeout}"
""")


@pytest.fixture
def instance(workplace, releases):
    """instance(configure="", delay=0): a running device with versioned folders and nos 1.0.0."""
    made: list[harness.Device] = []

    def make(configure: str = "", delay: float = 0.0) -> harness.Device:
        device = harness.Device(workplace / f"app{len(made)}")
        harness.cutover("device", "create", device.folder, "--base", releases["1.0.0"], "--trust",
                        releases.keys.authority, "--slots", "tree").expect(DONE)
        made.append(device)
        (device.folder / "data" / "delay").write_text(str(delay))
        if configure:
            device.configure(configure)
        return device.start()

    yield make
    for device in made:
        device.kill()


def current(device) -> str:
    return os.readlink(device.folder / "current")


def folders(device) -> set[str]:
    return {path.name for path in (device.folder / "releases").iterdir()}


def starting(device) -> str:
    """How far the slow service is; empty when it is not at it."""
    services = device.ask("show", "health")["services"]
    return next((row["detail"] for row in services
                 if row["name"] == "db" and row["state"] == "starting"), "")


def over(device):
    until(lambda: device.ask("show", "status")["operation"] is None, "the operation is over")
    return device.last_operation()


def test_an_upgrade_is_eight_steps_in_one_command(instance, releases, tmp_path):
    device = instance()
    assert current(device) == "releases/nos-1.0.0/root"
    (device.folder / "current/etc/nos.conf").write_text("hostname = mine\n")
    shelf = Shelf(releases, tmp_path / "shelf")
    old = shelf.plain("bgp", "8.4", '[compatible]\nbase = ">=1.0 <1.1"\n')
    new = shelf.plain("bgp", "8.5", '[compatible]\nbase = ">=1.1 <1.2"\n')
    device.run("install", old).expect(DONE)

    device.run("upgrade", releases["1.1.0"]).expect(REFUSED)  # bgp 8.4 does not fit
    preview = device.run("upgrade", releases["1.1.0"], new, "--preview").expect(DONE).out
    places = [preview.index(name) for name in (
        " backup: ", " install beside: nos 1.1.0 ", " packages: write feature package bgp 8.5",
        " configuration: carry over etc/nos.conf", " compact: ", " stop, switch, start: ",
        " verify: ", "nos 1.1.0 becomes what every fallback ends in")]
    assert places == sorted(places), preview
    for check in ("space", "os", "libraries", "packages", "configuration", "keys", "algorithms",
                  "direct-upgrade", "backup"):
        assert f" {check} " in preview, f"{check} is not in:\n{preview}"
    assert folders(device) == {"nos-1.0.0"}, "a preview changes nothing"

    device.run("upgrade", releases["1.1.0"], new).expect(DONE)
    device.at_rest_on("1.1.0")
    assert current(device) == "releases/nos-1.1.0/root"
    assert folders(device) == {"nos-1.0.0", "nos-1.1.0"}
    assert (device.folder / "current/etc/nos.conf").read_text() == "hostname = mine\n"
    assert list((device.folder / "backups").glob("nos-1.0.0@*.backup"))
    packages = device.run("show", "packages").expect(DONE).out
    assert "8.5" in packages and "8.4" not in packages

    device.run("rollback").expect(DONE)
    assert current(device) == "releases/nos-1.0.0/root"
    device.at_rest_on("1.0.0")


def test_the_same_version_again_has_a_folder_of_its_own(instance, releases):
    device = instance()
    device.run("upgrade", releases["1.0.0"]).expect(DONE)
    assert folders(device) == {"nos-1.0.0", "nos-1.0.0@B"}
    assert current(device) == "releases/nos-1.0.0@B/root"
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    assert folders(device) == {"nos-1.1.0", "nos-1.0.0@B"}
    assert current(device) == "releases/nos-1.1.0/root"


def test_a_factory_reset_keeps_the_release_and_empties_the_rest(instance, releases):
    device = instance()
    (device.folder / "keys/one").write_text("secret")
    (device.folder / "current/etc/nos.conf").write_text("hostname = mine\n")
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    device.run("reset", "--factory", "--yes")
    until(lambda: folders(device) == {"nos-1.1.0"}, "the standby release is gone")
    over(device)
    assert current(device) == "releases/nos-1.1.0/root"
    assert "mine" not in (device.folder / "current/etc/nos.conf").read_text()
    assert not list((device.folder / "keys").iterdir())


def test_a_slow_start_is_shown_and_is_no_failure(instance, releases):
    device = instance('[services]\nstart-timeout = "1m"\n[trial]\ndeadline = "4s"\n', delay=8)
    base = slow_release(releases, "slow")
    client = device.client("upgrade", base, "--json")
    until(lambda: current(device) == "releases/nos-1.1.0/root", "the link is moved")
    detail = until(lambda: starting(device), "the agent is up meanwhile")
    assert "of at most 1 min (loading 43 %)" in detail
    assert device.versions()["committed"] == "1.0.0"
    out, err = client.communicate(timeout=harness.PATIENCE)
    assert client.returncode == DONE, out + err
    seen = [json.loads(line) for line in out.splitlines()]
    assert any("db is starting" in row.get("step", "") for row in seen), out
    assert [row["text"] for row in seen if row.get("event") == "services.starting"], out
    device.at_rest_on("1.1.0")


def test_a_start_that_misses_its_deadline_falls_back(instance, releases):
    device = instance(delay=60)
    said = device.run("upgrade", slow_release(releases, "too-slow", "4s")).expect(FAILED)
    assert "db" in str(said) and "not ready within 4.0 s" in str(said)
    over(device)
    device.at_rest_on("1.0.0")
    assert current(device) == "releases/nos-1.0.0/root"
    assert device.alarms()


def test_whoever_is_killed_at_any_time_finds_the_old_or_the_new(instance, releases):
    base = slow_release(releases, "killed", "30s")
    for number, reached in enumerate((
            lambda device: (device.folder / "slots/B").is_symlink(),
            lambda device: (device.folder / "releases/nos-1.1.0/manifest.json").exists(),
            lambda device: list((device.folder / "backups").glob("nos-1.0.0@*.backup"))
            and device.ask("show", "status")["operation"] is not None,
            lambda device: current(device) == "releases/nos-1.1.0/root",
            starting)):
        device = instance(delay=3)
        device.run("upgrade", base, "--no-wait").expect(DONE)
        until(lambda: reached(device), f"point {number}")
        device.kill()
        device.start()
        over(device)
        running = device.versions()["running"]
        device.at_rest_on(running)
        assert current(device) == f"releases/nos-{running}/root", number
        device.stop()


def test_a_preparation_that_is_lacking_is_named_with_what_to_do(instance, releases):
    device = instance("[backup]\nautomatic = false\n")
    (device.folder / "keys/OPEN").write_text("0123456789abcdef")
    (device.folder / "keys/OPEN").chmod(0o644)

    def refused(check: str, host: str, words: str, came_from: str = ">=1.0") -> None:
        base = releases.make(f"needs-{check}", "1.1.0", extra=host, came_from=came_from)
        said = device.run("upgrade", base).expect(REFUSED)
        assert said.error_id == f"check.{check}", said
        assert words in said.err, said
        assert "remedy:" in said.err

    refused("backup", "", "there is none")
    device.run("backup", "create").expect(DONE)
    refused("os", '[host]\nos = {plan9 = ">=4"}\n', "needs plan9 >=4, the host runs ")
    refused("libraries", '[host]\nlibraries = {"libc.so.6" = ">=9"}\n', "needs libc.so.6 >=9, the")
    refused("libraries", '[host]\nlibraries = {"libno.so.1" = "*"}\n', "the host has none")
    refused("keys", '[host]\nkeys = ["AES256CFB128"]\n', "keys/AES256CFB128 is missing")
    refused("keys", '[host]\nkeys = ["OPEN"]\n', "can be read by others")
    refused("algorithms", '[host]\nalgorithms = ["rot13"]\n', "does not offer it")
    refused("direct_upgrade", "", "upgrade to a version that is", came_from=">=1.1")
    newest = max((device.folder / "backups").glob("*.backup"))
    newest.write_bytes(newest.read_bytes()[:-100])
    refused("backup", "", newest.stem)
    device.at_rest_on("1.0.0")


def test_keys_are_in_backups_and_come_back_for_their_owner_alone(instance, releases, workplace):
    device = instance()
    key = device.folder / "keys/AES256CFB128"
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    key.write_text("0123456789abcdef")
    key.chmod(0o600)
    base = releases.make("keyed", "1.1.0",
                         extra='[host]\nkeys = ["AES256CFB128"]\nalgorithms = ["aes-256-cfb"]\n')
    device.run("upgrade", base).expect(DONE)
    device.run("backup", "create", "--name", "keyed").expect(DONE)
    backup = next((device.folder / "backups").glob("keyed-1.1.0@*.backup"))
    key.unlink()
    device.run("backup", "restore", backup.stem, "--yes")
    until(key.exists, "the key is back")
    over(device)
    assert key.read_text() == "0123456789abcdef"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    other = harness.Device(workplace / "other")
    harness.cutover("device", "create", other.folder, "--base", base, "--from-backup",
                    backup).expect(DONE)
    restored = other.folder / "keys/AES256CFB128"
    assert restored.read_text() == key.read_text()
    assert stat.S_IMODE(restored.stat().st_mode) == 0o600
    assert "0123456789abcdef" not in device.agent_log()
    assert folders(other) == {"nos-1.1.0"}, "it is such a device, too"
